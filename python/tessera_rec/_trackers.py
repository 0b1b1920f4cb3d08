"""A training or a search as trackers of experiments take them: MLflow, TensorBoard and others."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping, Sequence

from ._dataset import Path
from ._errors import UsageError
from ._model import Model
from ._training import Epoch


def tracker_metrics(figures: Epoch | Mapping[str, Any]) -> dict[str, float]:
    """Figures by names that experiment trackers take: MLflow refuses the @ of `HR@10`.

    Args:
        figures: An `Epoch`, as callbacks get it, or a report of `evaluate`.

    Returns:
        Name → value, `HR_at_10` and so on, of an epoch also `loss`; without what was not measured.
        In a callback: `mlflow.log_metrics(tracker_metrics(epoch), step=epoch.epoch)`.

    Example:
        >>> sorted(tessera.interchange.tracker_metrics(model.evaluate(data)))[:2]
        ['HR_at_1', 'HR_at_10']
    """
    epoch = isinstance(figures, Epoch)
    values = (
        {"loss": figures.loss, **figures.validation} if epoch else figures["metrics"]
    )
    return {
        name.replace("@", "_at_"): value
        for name, value in values.items()
        if value == value
    }


def tracker_runs(folder: Path) -> list[dict[str, Any]]:
    """A training, or every trial of a search, as experiment trackers take runs.

    Args:
        folder: A model bundle, or the folder of `tune`.

    Returns:
        A dict a run: `name`; `params`, settings by name; `metrics`, a dict an epoch of `loss` and the
        figures of validation by names as of `tracker_metrics`. In MLflow: `mlflow.log_params` and,
        for each epoch, `mlflow.log_metrics(metrics, step=epoch)`.

    Example:
        >>> run, = tessera.interchange.tracker_runs("model")
        >>> run["name"], len(run["metrics"]), "NDCG_at_10" in run["metrics"][0]
        ('model', 2, True)
    """
    folder = os.fspath(folder)
    name = os.path.basename(os.path.normpath(folder))
    asked = os.path.join(folder, "tune.json")
    if not os.path.exists(asked):
        model = Model(folder)
        return [_run(name, model.settings, model.training)]
    with open(asked, encoding="utf-8") as file:
        start = json.load(file)["settings"]
    runs = []
    trials = os.path.join(folder, "trials")
    for file_name in sorted(os.listdir(trials), key=lambda file: int(file.split(".")[0])):
        with open(os.path.join(trials, file_name), encoding="utf-8") as file:
            trial = json.load(file)
        changes = dict(change.split("=", 1) for change in trial["changes"])
        runs.append(_run(f"{name}-{trial['number']}", {**start, **changes}, trial["curve"]))
    return runs


def _run(name: str, params: Mapping[str, Any], epochs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    metrics = [
        {
            "loss": epoch["loss"]["total"],
            **tracker_metrics({"metrics": epoch.get("validation", {})}),
        }
        for epoch in epochs
    ]
    return {"name": name, "params": dict(params), "metrics": metrics}


def write_tensorboard(folder: Path, out: Path) -> None:
    """Writes a training, or every trial of a search, as TensorBoard reads it; needs the package
    `tensorboardX`.

    Args:
        folder: A model bundle, or the folder of `tune`.
        out: The folder for `tensorboard --logdir`; a folder in it for each run. A run that is there
            already is refused, since TensorBoard would draw both as one.

    Example:
        >>> tessera.interchange.write_tensorboard("model", "runs")   # doctest: +SKIP
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise UsageError("tensorboardX is not installed: pip install tensorboardX") from None
    for run in tracker_runs(folder):
        place = os.path.join(os.fspath(out), run["name"])
        if os.path.exists(place):
            raise UsageError(f"{place}: is there already: remove it, or name another folder")
        with SummaryWriter(place, flush_secs=3600) as writer:
            settings = "\n".join(f"- {key} = {value}" for key, value in run["params"].items())
            writer.add_text("settings", settings, 0)
            for epoch, metrics in enumerate(run["metrics"], 1):
                for name, value in metrics.items():
                    writer.add_scalar(name, value, epoch)
