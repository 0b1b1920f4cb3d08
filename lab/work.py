"""One model, trained and measured, as a process of its own: `python -m lab.work`, with the job on standard input.

The job is one JSON object: `data`, `bundle`, `negatives` (or null), `recipe`, `settings`, `resume`, `threads`,
`baselines`. Standard output tells, a JSON object a line: {"epoch", "seconds"} after each epoch, {"measuring": true},
then {"result": …} or {"error": "one line"}. SIGINT saves the state and ends the process with status 130.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import tessera_rec as tessera


def tell(**what) -> None:
    print(json.dumps(what), flush=True)


def trained_seconds(bundle: Path) -> float:
    """The time of a bundle's epochs, those of the model that found its collaborative codes among them."""
    seconds = 0.0
    for log in bundle / "collaborative" / "training.jsonl", bundle / "training.jsonl":
        if log.exists():
            for line in log.read_text("utf-8").splitlines():
                seconds += sum(json.loads(line)["seconds"].values())
    return seconds


def _metrics(report: dict) -> dict:
    return {**{m: report["metrics"][m] for m in tessera.METRICS}, "users": report["users"]}


def _rule(report: dict) -> dict:
    return {**{m: report[m] for m in tessera.METRICS}, "users": report["users"]}


def train(job: dict) -> tessera.Model:
    def on_epoch(epoch: tessera.Epoch) -> None:
        if not epoch.first_stage:
            tell(epoch=epoch.epoch, seconds=epoch.train_seconds + epoch.validation_seconds)

    settings = {key: value for key, value in job["settings"].items() if key != "recipe"}
    sampled = job["settings"]["selection_protocol"] == "sampled"
    return tessera.fit(
        job["data"], job["bundle"], recipe=job["recipe"], settings=None if job["resume"] else settings,
        negatives=job["negatives"] if sampled else None, resume=job["resume"], callbacks=on_epoch, progress=False,
        threads=job["threads"],
    )  # fmt: skip


def measure(model: tessera.Model, job: dict) -> dict:
    """What a finished model came to: by both protocols on the test split, each looked at once."""
    begin = time.monotonic()
    how = {"baselines": job["baselines"], "threads": job["threads"], "repeats": "published"}
    full = tessera.evaluate(job["bundle"], job["data"], **how)
    sampled = tessera.evaluate(job["bundle"], job["data"], protocol="sampled", negatives=job["negatives"], **how)
    curve = [
        {"loss": epoch["loss"]["total"], "validation": {**epoch["validation"], "users": 0}}
        for epoch in model.training
    ]
    return {
        "epochs": len(curve),
        "best_epoch": model.config["epoch"],
        "seconds": {"train": trained_seconds(Path(job["bundle"])), "evaluate": time.monotonic() - begin},
        "validation": {**model.config["validation"], "users": 0},
        "test": {"sampled": _metrics(sampled), "full": _metrics(full)},
        "slices": full["slices"],
        "tokens": full["tokens"],
        "curve": curve,
        "baselines": {
            name: {"sampled": _rule(sampled["baselines"][name]), "full": _rule(rule)}
            for name, rule in full.get("baselines", {}).items()
        },
    }


def main() -> int:
    job = json.load(sys.stdin)
    try:
        model = train(job)
        tell(measuring=True)
        tell(result=measure(model, job))
    except KeyboardInterrupt:
        return 130
    except tessera.Error as error:
        tell(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
