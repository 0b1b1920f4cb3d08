"""How long the rest of a study takes, from the epochs that it has measured."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Sequence

# Epochs of a model that stops early, before any has: what the paper's models take on its data.
TYPICAL_EPOCHS = 60
MOST_AUTO_EPOCHS = 30  # of any recipe that leaves them to the data


@dataclass
class Timing:
    """What is known of the time that a model takes."""

    kind: str  # models of one kind take about as long
    most: float  # epochs at most: early stopping may end it sooner
    epochs: float = 0  # done
    epoch_seconds: float = 0  # mean of its own epochs; 0: none is complete
    evaluate_seconds: float = 0
    finished: bool = False


def most_epochs(settings) -> int:
    """How many epochs a model with these settings has at most."""
    return MOST_AUTO_EPOCHS if settings["epochs"] == "auto" else settings["epochs"]


@dataclass
class Forecast:
    known: bool = False  # False until an epoch has been measured
    share: float = 0  # of the work that is done
    left: float = 0  # seconds


def _mean(timings: Sequence[Timing], kind: str, otherwise: float, value) -> float:
    """Mean of value(timing) where it is positive: of one kind, or else of all, or else `otherwise`."""
    known = [(timing.kind, value(timing)) for timing in timings if value(timing) > 0]
    alike = [x for other, x in known if other == kind]
    return fmean(alike or [x for _, x in known] or [otherwise])


def forecast(timings: Sequence[Timing], jobs: int) -> Forecast:
    """With `jobs` models at a time.

    A model without an epoch takes what its kind takes, or all do. One that may stop early is expected to run
    as long as the finished ones of its kind, and an epoch more where it has run longer.
    """
    result = Forecast()
    done = left = longest = 0.0
    for one in timings:
        seconds = one.epoch_seconds or _mean(timings, one.kind, 0, lambda t: t.epoch_seconds)
        result.known = result.known or seconds > 0
        done += one.epochs * seconds + one.evaluate_seconds
        if one.finished:
            continue
        usual = _mean(timings, one.kind, TYPICAL_EPOCHS, lambda t: t.epochs if t.finished else 0)
        expected = min(one.most, max(usual, one.epochs + 1))
        own = max(expected - one.epochs, 0) * seconds
        own += _mean(timings, one.kind, 0, lambda t: t.evaluate_seconds)
        left += own
        longest = max(longest, own)
    if done + left > 0:
        result.share = done / (done + left)
    result.left = max(longest, left / max(jobs, 1))
    return result
