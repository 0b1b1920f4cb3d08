"""Searching settings: the command line's results, Ctrl-C, what trackers read."""

import json
import pathlib

import pytest

import tessera_rec as tessera
from conftest import TINY

SEARCH = {"learning_rate": (0.0005, 0.01), "dropout": [0.1, 0.3]}


def found(tuning):
    return tuning._replace(seconds=0, page="", bundle="")


def test_the_command_line_finds_the_same(here, shop, program):
    ours = tessera.tune(shop, "ours", search=SEARCH, runs=4, progress=False, threads=1, **TINY)
    words = dict(TINY)
    line = ["--recipe", words.pop("recipe"), "--runs", 4]
    for key, value in words.items():
        line += ["--set", f"{key}={value}"]
    line += ["--search", "learning_rate=0.0005..0.01", "--search", "dropout=0.1,0.3", "--json"]
    theirs = json.loads(
        program("--threads", 1, "tune", "--data", "shop", "--out", "theirs", *line)
    )
    assert [trial.value for trial in ours.trials] == [trial["value"] for trial in theirs["trials"]]
    assert ours.best == theirs["best"] and len(ours.trials) == 4
    weights = [pathlib.Path(name, "best", "model.safetensors").read_bytes() for name in ("ours", "theirs")]
    assert weights[0] == weights[1]
    assert ours.model.settings["epochs"] == TINY["epochs"]


def test_what_interrupts_comes_out_and_the_search_goes_on(here, shop, monkeypatch):
    def fails(trial, metric):
        raise LookupError("enough")

    whole = tessera.tune(shop, "whole", search=SEARCH, runs=3, progress=False, **TINY)
    monkeypatch.setattr("tessera_rec._tune._say", fails)
    for resume in False, True:
        words = {} if resume else dict(TINY, search=SEARCH, runs=3)
        with pytest.raises(LookupError, match="enough"):
            tessera.tune(shop, "broken", resume=resume, **words)
    broken = tessera.tune(shop, "broken", resume=True, progress=False)
    assert found(broken) == found(whole)


def test_wrong_words(here, shop):
    with pytest.raises(tessera.UsageError, match="a tuple is a range"):
        tessera.tune(shop, "out", search={"dropout": (0.1, 0.2, 0.3)})
    with pytest.raises(tessera.UsageError, match="write a time as"):
        tessera.tune(shop, "out", time="soon")
    with pytest.raises(tessera.UsageError, match="do not go with resume"):
        tessera.tune(shop, "out", resume=True, epochs=2)
    with pytest.raises(tessera.UsageError, match="epochs is the same for all trials"):
        tessera.tune(shop, "out", search={"epochs": [1, 2]})
    over = tessera.tune(shop, "over", time=1e-6, progress=False, **TINY)
    assert over.time_over and over.best is None
    with pytest.raises(tessera.UsageError, match="no trial completed an epoch"):
        over.model  # noqa: B018


def test_trackers_get_every_trial(here, shop):
    tuning = tessera.tune(shop, "tuned", search=SEARCH, runs=3, progress=False, **TINY)
    runs = tessera.interchange.tracker_runs("tuned")
    assert [run["name"] for run in runs] == ["tuned-0", "tuned-1", "tuned-2"]
    for run, trial in zip(runs, tuning.trials):
        assert len(run["metrics"]) == trial.trained
        assert max(epoch["MRR"] for epoch in run["metrics"]) == trial.value
        assert all(run["params"][key] == value for key, value in trial.changes.items())


def test_tensorboard_reads_what_is_written(here, model):
    pytest.importorskip("tensorboardX")
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tessera.interchange.write_tensorboard("model", "runs")
    events = reading.EventAccumulator("runs/model")
    events.Reload()
    written = [(event.step, event.value) for event in events.Scalars("NDCG_at_10")]
    expected = [line["validation"]["NDCG@10"] for line in model.training]
    assert [step for step, _ in written] == [1, 2]
    assert [value for _, value in written] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(tessera.UsageError, match="is there already"):
        tessera.interchange.write_tensorboard("model", "runs")
