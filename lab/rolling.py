"""`python -m lab.rolling`: a shop that is refreshed period by period.

A log is cut by time into a first part and a number of periods. Before each period stands a model, which predicts
the first event of every user in it:

- stale: the first model, as it is
- fresh: trained from nothing on all events before the period
- warm:  trained on from the last period's model
- kept:  the same with the codes of known items kept

All are refits on every event before the period, for as many epochs as were chosen once on the first part. Every
step is a file in OUT/steps; Ctrl-C keeps all of them, and the same command goes on. OUT/rolling.md has the tables.
Seconds are of processors, so that other work on the machine hardly counts. Targets are warm whose item had an event
before the period, cold the others.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import tessera_rec as tessera

from .runner import write_json

KINDS = ("stale", "fresh", "warm", "kept")


def read_log(folder: Path, share: float) -> list[tuple[str, list[tuple[str, int]]]]:
    """Users with their events (item, time) of a known time; of the users every 1/share-th."""
    users = []
    with open(folder / "interactions.txt") as lines, open(folder / "timestamps.txt") as clock:
        for number, (line, times) in enumerate(zip(lines, clock)):
            if int(number * share) == int((number + 1) * share):
                continue
            user, *items = line.split()
            seconds = [int(word) for word in times.split()[1:]]
            users.append((user, [(i, t) for i, t in zip(items, seconds) if t >= 0]))
    return users


def cuts_of(users, first: float, periods: int) -> list[int]:
    times = np.sort([t for _, events in users for _, t in events])
    places = [first + (1 - first) * k / periods for k in range(periods)]
    return [int(times[int(place * len(times))]) for place in places] + [int(times[-1]) + 1]


def table_of(users, before: int) -> dict[str, list]:
    rows = [(user, item, t) for user, events in users for item, t in events if t < before]
    return {"user": [r[0] for r in rows], "item": [r[1] for r in rows], "time": [r[2] for r in rows]}


def embedded(folder: Path, events: dict, texts: dict, threads: int, encoder_of=None, **options) -> tessera.Dataset:
    """The dataset of these events, by the encoder of a model or by its own, made unless it is there."""
    if not (folder / "embeddings.npy").exists():
        ids = sorted(set(events["item"]))
        items = {"item": ids, "text": [texts.get(i, "") for i in ids]}
        tessera.prepare(events, folder, items=items, **options).embed(encoder_of=encoder_of, threads=threads)
    return tessera.Dataset(folder)


class Rolling:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.out: Path = arguments.out
        self.settings = dict(one.split("=", 1) for one in arguments.set)
        self.threads = arguments.threads
        self.seed = arguments.seed
        self.users = read_log(arguments.data, arguments.users)
        self.cuts = cuts_of(self.users, arguments.first, arguments.periods)
        self.texts = json.loads((arguments.data / "item_text.json").read_text("utf-8"))
        (self.out / "steps").mkdir(parents=True, exist_ok=True)

    def dataset(self, name: str, before: int, encoder_of=None, **options) -> tessera.Dataset:
        """The events before a time, embedded by the encoder of a model, or by its own."""
        events = table_of(self.users, before)
        return embedded(self.out / "data" / name, events, self.texts, self.threads, encoder_of, **options)

    def model(self, name: str, data: tessera.Dataset, **how) -> tuple[tessera.Model, float]:
        """A model with the processor seconds of its training, trained unless it is there."""
        folder, done = self.out / "models" / name, self.out / "steps" / f"{name}-trained.json"
        if not done.exists():
            started, began = time.process_time(), time.monotonic()
            tessera.fit(data, folder, progress=False, threads=self.threads, **how)
            spent = {"seconds": time.process_time() - started, "wall_seconds": time.monotonic() - began}
            write_json(done, spent)
        return tessera.Model(folder), json.loads(done.read_text())["seconds"]

    def choose(self) -> None:
        """How long a training from nothing and a warm one take, on the first part alone."""
        first = self.dataset("0", self.cuts[0])
        settings = {"seed": self.seed, **self.settings}
        self.chosen, _ = self.model("chosen", first, settings=settings)
        self.base, self.base_seconds = self.model("0-fresh", first, refit=self.chosen)
        half = self.dataset("half", cuts_of(self.users, 0.5, 2)[0], self.chosen)
        start, _ = self.model("half", half, settings=settings)
        again = self.dataset("0-as-half", self.cuts[0], start)
        self.chosen_warm, _ = self.model("chosen-warm", again, warm_start=start)

    def step(self, period: int) -> None:
        cut, end = self.cuts[period], self.cuts[period + 1]
        split = {"split": "time", "validation_from": str(cut), "test_from": str(end - 1)}
        previous = {"warm": self.base, "kept": self.base, **getattr(self, "last", {})}
        models: dict[str, tuple[tessera.Model, float]] = {"stale": (self.base, 0.0)}
        if period == 0:
            models.update({kind: (self.base, self.base_seconds) for kind in ("fresh", "warm", "kept")})
        else:
            own = self.dataset(f"{period}", cut)
            models["fresh"] = self.model(f"{period}-fresh", own, refit=self.chosen)
            for kind in "warm", "kept":
                as_before = self.dataset(f"{period}-as-first", cut, self.base)
                models[kind] = self.model(
                    f"{period}-{kind}", as_before, refit=self.chosen_warm,
                    warm_start=previous[kind], keep_tokens=kind == "kept",
                )  # fmt: skip
        self.last = {kind: models[kind][0] for kind in ("warm", "kept")}
        for kind, (model, seconds) in models.items():
            file = self.out / "steps" / f"{period}-{kind}.json"
            if file.exists():
                continue
            encoder = "fresh" if kind == "fresh" and period > 0 else "first"
            ahead = self.dataset(f"{period}-ahead-{encoder}", end + 1, model, **split)
            report = tessera.evaluate(model, ahead, split="validation", newer=True, threads=self.threads)
            kept = None
            if kind in ("warm", "kept") and period > 0:
                found = tessera.compare_tokens(previous[kind], model, most=0)
                kept = sum(level["kept"] for level in found["levels"]) / len(found["levels"]) / found["items"]
            slices = {name: report["slices"].get(name) for name in ("cold", "warm")}
            write_json(file, {
                "users": report["users"], "seconds": seconds, "codes_kept": kept,
                "NDCG@10": report["metrics"]["NDCG@10"], "HR@10": report["metrics"]["HR@10"],
                "slices": {name: one and {"users": one["users"], "NDCG@10": one["NDCG@10"]} for name, one in slices.items()},
            })  # fmt: skip

    def tables(self) -> str:
        """NDCG@10 of all targets, with seconds, and then of the cold and of the warm ones."""
        done = []
        for period in range(len(self.cuts) - 1):
            files = {kind: self.out / "steps" / f"{period}-{kind}.json" for kind in KINDS}
            if all(file.exists() for file in files.values()):
                done.append((period, {kind: json.loads(file.read_text()) for kind, file in files.items()}))
        if not done:
            return ""
        whole = [head("period", "users", *(f"{kind} (s)" for kind in KINDS), "codes kept")]
        for period, found in done:
            cells = [f"{found[kind]['NDCG@10']:.4f} ({found[kind]['seconds']:.0f})" for kind in KINDS]
            kept = found["warm"]["codes_kept"]
            whole.append(row(period, found["fresh"]["users"], *cells, "" if kept is None else f"{100 * kept:.1f} %"))
        later = [found for period, found in done if period > 0]
        if later:
            whole.append(row("mean of 1 and later", "", *(means(later, kind) for kind in KINDS), ""))
        return "\n".join(whole + [""] + self.by_slice([found for _, found in done])) + "\n"

    @staticmethod
    def by_slice(done: list[dict]) -> list[str]:
        lines = [head("targets", "users", *KINDS)]
        for name in "cold", "warm":
            users, cells = 0, []
            for kind in KINDS:
                parts = [found[kind]["slices"][name] for found in done if found[kind]["slices"][name]]
                users = sum(part["users"] for part in parts)
                total = sum(part["users"] * part["NDCG@10"] for part in parts)
                cells.append(f"{total / users:.4f}" if users else "")
            lines.append(row(name, users, *cells))
        return lines


def row(*cells) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells) -> str:
    return row(*cells) + "\n|" + "---|" * len(cells)


def means(found: list[dict], kind: str) -> str:
    """NDCG@10 and seconds over periods, and both beside the model from nothing."""
    value, base = (np.mean([one[k]["NDCG@10"] for one in found]) for k in (kind, "fresh"))
    seconds, whole = (np.mean([one[k]["seconds"] for one in found]) for k in (kind, "fresh"))
    beside = "" if kind == "fresh" else f", {100 * (value / base - 1):+.1f} % at {seconds / whole:.2f}"
    return f"{value:.4f} ({seconds:.0f}){beside}"


def study_parser(name: str, description: str) -> argparse.ArgumentParser:
    """The options of a study of one log that is done in steps."""
    parser = argparse.ArgumentParser(prog=f"python -m lab.{name}", description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with interactions.txt, timestamps.txt and item_text.json")
    add("--out", type=Path, required=True, help="folder of the steps, the models and the tables")
    add("--users", type=float, default=1.0, help="share of the users to take (%(default)s)")
    add("--threads", type=int, default=0, help="0: every CPU allowed")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting of every model")
    return parser


def main() -> None:
    parser = study_parser("rolling", __doc__)
    add = parser.add_argument
    add("--periods", type=int, default=8, help="(%(default)s)")
    add("--first", type=float, default=0.6, help="share of the events before the first period (%(default)s)")
    add("--seed", type=int, default=1, help="of all models (%(default)s)")
    arguments = parser.parse_args()
    study = Rolling(arguments)
    study.choose()
    for period in range(arguments.periods):
        study.step(period)
        (arguments.out / "rolling.md").write_text(study.tables(), "utf-8")
        print(f"period {period + 1} of {arguments.periods}", flush=True)


if __name__ == "__main__":
    main()
