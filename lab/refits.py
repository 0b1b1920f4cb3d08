"""`python -m lab.refits`: what a refit gives, and whether it trains for the right number of epochs.

With each seed, of a log:

- held out: a model that trains without the last two events of each user, and validates on the last but one
- refit:    one that trains on all but the last, for as many epochs as that one found best

Both predict each user's last event. The rule of epochs is tried without a look at it: on the log without the last
events, a model that is chosen in the same way says how many epochs E are best, and refits of 0.7, 1 and 1.3 E on all
but each user's last two events predict the last but one.

Every step is a file in OUT/steps; Ctrl-C keeps all of them, and the same command goes on. OUT/refits.md has the tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean, stdev

import tessera_rec as tessera

from .rolling import embedded, head, read_log, row, study_parser
from .runner import write_json

SHARES = (0.7, 1.0, 1.3)


class Refits:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.out: Path = arguments.out
        self.settings = dict(one.split("=", 1) for one in arguments.set)
        self.threads = arguments.threads
        # Without times, so that what a refit has seen is told user by user and not by the clock.
        self.histories = [
            (user, [item for item, _ in sorted(events, key=lambda event: event[1])])
            for user, events in read_log(arguments.data, arguments.users)
        ]
        self.texts = json.loads((arguments.data / "item_text.json").read_text("utf-8"))
        (self.out / "steps").mkdir(parents=True, exist_ok=True)

    def without_last(self, count: int, encoder_of=None) -> tessera.Dataset:
        """The log without each user's last `count` events, embedded by a model's encoder or by its own."""
        folder = self.out / "data" / f"without-{count}{'' if encoder_of is None else '-as-' + encoder_of.parent.name}"
        rows = [(user, item) for user, history in self.histories for item in history[: len(history) - count]]
        events = {"user": [user for user, _ in rows], "item": [item for _, item in rows]}
        return embedded(folder, events, self.texts, self.threads, encoder_of, order="file")

    def model(self, name: str, data: tessera.Dataset, **how) -> Path:
        folder, done = self.out / "models" / name, self.out / "steps" / f"{name.replace('/', '-')}.json"
        if not done.exists():
            tessera.fit(data, folder, progress=False, threads=self.threads, **how)
            write_json(done, {})
        return folder

    def seed(self, seed: int) -> None:
        """The steps of one seed that are not done yet."""
        settings = {"seed": seed, **self.settings}
        held = self.model(f"held/{seed}", self.without_last(0), settings=settings)
        refit = self.model(f"refit/{seed}", self.without_last(1, held), refit=held)
        file = self.out / "steps" / f"gain-{seed}.json"
        if not file.exists():
            whole = self.without_last(0)
            report = tessera.evaluate(held, whole, compare=refit, newer=True, threads=self.threads)
            after = tessera.evaluate(refit, whole, newer=True, threads=self.threads)
            found = {name: figures(one) for name, one in (("held", report), ("refit", after))}
            write_json(file, {"users": report["users"], "difference": report["difference"], **found})
        self.rule(seed, settings)

    def rule(self, seed: int, settings: dict) -> None:
        chosen = self.model(f"chosen/{seed}", self.without_last(1), settings=settings)
        config = json.loads((chosen / "config.json").read_text("utf-8"))
        for share in SHARES:
            epochs = max(1, round(share * config["epoch"]))
            file = self.out / "steps" / f"rule-{seed}-{share}.json"
            if file.exists():
                continue
            choice = self.out / "choices" / f"{seed}-{share}"
            write_json(choice / "config.json", {**config, "epoch": epochs})
            model = self.model(f"rule/{seed}-{share}", self.without_last(2, chosen), refit=choice)
            report = tessera.evaluate(model, self.without_last(1), newer=True, threads=self.threads)
            write_json(file, {"users": report["users"], "epochs": epochs, **figures(report)})

    def found(self, pattern: str) -> list[dict]:
        return [json.loads(file.read_text("utf-8")) for file in sorted((self.out / "steps").glob(pattern))]

    def tables(self) -> str:
        lines = [head("each user's last event", "seeds", "users", "NDCG@10", "HR@10")]
        gains = self.found("gain-*.json")
        for name in "held", "refit":
            if gains:
                cells = (spread([one[name][metric] for one in gains]) for metric in ("NDCG@10", "HR@10"))
                lines.append(row(name, len(gains), gains[0]["users"], *cells))
        lines += ["", head("epochs of a refit", "seeds", "epochs", "NDCG@10", "HR@10")]
        for share in SHARES:
            rules = self.found(f"rule-*-{share}.json")
            if rules:
                cells = (spread([one[metric] for one in rules]) for metric in ("NDCG@10", "HR@10"))
                epochs = ", ".join(str(one["epochs"]) for one in rules)
                lines.append(row(f"{share:.1f} of those chosen", len(rules), epochs, *cells))
        return "\n".join(lines) + "\n"


def figures(report: dict) -> dict:
    return {metric: report["metrics"][metric] for metric in ("NDCG@10", "HR@10")}


def spread(values: list[float]) -> str:
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def main() -> None:
    parser = study_parser("refits", __doc__)
    parser.add_argument("--seeds", type=int, default=3, help="(%(default)s)")
    arguments = parser.parse_args()
    study = Refits(arguments)
    for seed in range(1, arguments.seeds + 1):
        study.seed(seed)
        (arguments.out / "refits.md").write_text(study.tables(), "utf-8")
        print(f"seed {seed} of {arguments.seeds}", flush=True)


if __name__ == "__main__":
    main()
