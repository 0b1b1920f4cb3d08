"""Searching settings."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence, Union

from . import _engine
from ._dataset import Dataset, Path
from ._errors import UsageError
from ._model import Model
from ._training import _assignments, _path_of, _word

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._words import Recipe, SettingKeywords, Settings

Searched = Mapping[str, Union[Sequence[Any], str]]


class Trial(NamedTuple):
    """Settings that a search tried, and what became of them.

    Example:
        >>> search = {"dropout": [0.1, 0.2]}
        >>> found = tessera.tune(data, "trials", search=search, epochs=1, progress=False, **tiny)
        >>> found.trials[0].changes, sorted(trial.trained for trial in found.trials)
        ({}, [1, 1, 1])
    """

    number: int
    """From 0, which changes nothing."""
    changes: dict[str, str]
    """The settings that differ from what was searched from, as `fit` takes them."""
    value: float | None
    """The best on validation; None where no epoch was completed."""
    best_epoch: int
    """The epoch of that value, from 1."""
    trained: int
    """Epochs that it was trained."""
    epochs: int
    """Epochs of a whole training."""
    finished: bool
    """Trained to its end."""
    failure: str
    """Why its training failed; empty where it did not."""


class Tuning(NamedTuple):
    """What a search found.

    Example:
        >>> found = tessera.tune(data, "found", runs=2, epochs=1, progress=False, **tiny)
        >>> found.trials[found.best].value == max(trial.value for trial in found.trials)
        True
        >>> found.page
        'found/tune.html'
    """

    metric: str
    """What was better is told by: the setting `select`."""
    trials: list[Trial]
    best: int | None
    """Of the trials; None where none completed an epoch."""
    bundle: str | None
    """The best trial's model."""
    time_over: bool
    """The budget of time ended the search."""
    seconds: float
    """That it took so far."""
    page: str
    """Curves and table, to look at in a browser."""

    @property
    def model(self) -> Model:
        """The best trial's model, opened.

        Example:
            >>> tessera.tune(data, "opened", runs=1, epochs=1, progress=False, **tiny).model.levels
            3
        """
        if self.bundle is None:
            raise UsageError("no trial completed an epoch: go on with resume=True and more time")
        return Model(self.bundle)


def tune(
    data: Dataset | Path,
    out: Path,
    *,
    search: Searched | None = None,
    runs: int | None = None,
    time: float | str | None = None,
    jobs: int = 1,
    recipe: Recipe = _engine.default_recipe,
    settings: Settings | Mapping[str, Any] | None = None,
    negatives: Path | None = None,
    resume: bool = False,
    progress: bool = True,
    threads: int = 0,
    **more: Unpack[SettingKeywords],
) -> Tuning:
    """Searches settings by validation, as `tessera tune` does: successive halving over epochs.

    Ctrl-C saves the state before the exception goes on, and `resume=True` continues; so it does after
    a kill.

    Args:
        data: The dataset or its directory, embedded.
        out: The folder of the search to write: trials, models, a page of curves.
        search: Setting → a list of values, or a tuple (low, high), a range. None: learning rate,
            dropout, averaging of weights and, with collaborative tokens, `text_events`.
        runs: Trials, at most. None: 9, or as many as `time` allows.
        time: At most so many seconds, or "30m", "2h"; of a search that goes on those before count.
        jobs: Trainings at a time, which share the threads.
        recipe: What the search starts from, with `settings` and the keywords: the first trial.
        negatives: A file of negatives for validation by the sampled protocol; None: drawn by seed.
        resume: Go on with the search in `out`; `runs`, `time` and `jobs` may be others.
        progress: Print a line for each trial that paused or ended.
        threads: 0: every CPU allowed.
        **more: Settings of all trials, as `fit` takes them.

    Example:
        >>> search = {"learning_rate": (0.0005, 0.01), "dropout": [0.1, 0.3]}
        >>> found = tessera.tune(data, "tuned", search=search, runs=3, epochs=2, progress=False, **tiny)
        >>> found.metric, len(found.trials), found.model.path
        ('MRR', 3, 'tuned/best')
    """
    changes: dict[str, Any] = {**(settings or {}), **more}
    if resume and (changes or search or negatives is not None or recipe != _engine.default_recipe):
        raise UsageError(
            "settings, search, negatives and recipe do not go with resume: a search that goes on keeps them"
        )
    if jobs < 1 or (runs is not None and runs < 1):
        raise UsageError("runs and jobs must be 1 or more")
    found = json.loads(
        _engine.tune(
            _path_of(data),
            os.fspath(out),
            recipe,
            _assignments(changes),
            [_searched(key, values) for key, values in (search or {}).items()],
            "" if negatives is None else os.fspath(negatives),
            runs,
            None if time is None else _engine.seconds_of_budget(time if isinstance(time, str) else f"{time}s"),
            jobs,
            resume,
            threads,
            _say if progress else None,
        )
    )  # fmt: skip
    trials = [
        Trial(**{**trial, "changes": _changes_of(trial["changes"])}) for trial in found["trials"]
    ]
    return Tuning(
        found["metric"], trials, found["best"], found["bundle"], found["time_over"],
        found["seconds"], os.path.join(os.fspath(out), "tune.html"),
    )  # fmt: skip


def _searched(key: str, values: Sequence[Any] | str) -> str:
    if isinstance(values, str):
        return f"{key}={values}"
    if isinstance(values, tuple):
        if len(values) != 2:
            raise UsageError(f"search {key}: a tuple is a range (low, high); give values as a list")
        return f"{key}={values[0]}..{values[1]}"
    return f"{key}={','.join(map(_word, values))}"


def _changes_of(words: Sequence[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _say(trial: str, metric: str) -> None:
    told = json.loads(trial)
    values = [line["validation"][metric] for line in told["curve"]]
    words = " ".join(told["changes"]) or "as it starts"
    print(
        f"trial {told['number']:3}  {len(values):3} of {told['epochs']} epochs  "
        + (f"{metric} {max(values):.4f}  " if values else "")
        + words
        + (f": failed, {told['failure']}" if told["failure"] else ""),
        file=sys.stderr,
        flush=True,
    )
