"""`python -m lab`: the studies on the command line."""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import sys
import time
from pathlib import Path

import tessera_rec as tessera

from . import words
from .data import WAYS, data_name, open_data, open_withheld
from .errors import LabError, WrongUsage
from .grids import named_grid, paper_grid, parse_assignments, tokens_grid
from .page import interval_words, write_report
from .results import METRICS, Run, Study
from .runner import Options, Runner, Status, write_json

EXAMPLES = """
examples:
  python -m lab paper   --data beauty --out report --quick
  python -m lab paper   --data beauty --data sports --out report --seeds 3
  python -m lab compare --data beauty --out precision fp32:precision=fp32 bf16:precision=bf16
  python -m lab cold    --data games --out cold-games --seeds 3

Ctrl-C keeps everything, and the same command goes on where it stopped. OUT/index.html can be looked at meanwhile.
Nothing is chosen on the test split. Exit status: 0 done, 1 failed or interrupted, 2 wrong usage.
"""


def count(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= 1024:
        raise argparse.ArgumentTypeError(f"{word} is not a number from 1 to 1024")
    return int(word)


class Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise WrongUsage(f"{message}; see --help")


def parser() -> Parser:
    top = Parser(prog="python -m lab", description=__doc__, epilog=EXAMPLES,
                 formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    commands = top.add_subparsers(dest="study", required=True, metavar="STUDY")
    for name, about in (
        ("paper", "Unified semantic and ID tokens (Lin et al. 2025): every figure beside the paper's"),
        ("compare", "variants of a model, named on the command line"),
        ("cold", "items withheld from training: ID-only, semantic and unified tokens on new items"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        add = command.add_argument
        add("--data", action="append", required=True, type=Path, metavar="FOLDER",
            help="with interactions.txt, item_text.json and, if there are given ones, negatives.txt.gz (and "
            "timestamps.txt); or, but for cold, an embedded dataset directory. May be repeated")
        add("--out", required=True, type=Path, help="folder of the page, the models and all results")
        add("--seeds", type=count, default=1 if name == "paper" else 3,
            help="models with seeds 1 to N; tables show deviations (%(default)s)")
        add("--set", action="append", default=[], metavar="KEY=VALUE", help="one setting of every model; may be repeated")
        add("--jobs", type=count, help="models to train at a time, one thread each (default: as many as CPUs); 1: "
            "one model on all CPUs")
        add("--encoder", help="what makes item embeddings: tfidf-svd (default) or a sentence encoder's folder")
        add("--json", action="store_true", help="print where the report is, for programs")
    of = commands.choices
    of["paper"].add_argument("--quick", action="store_true",
                             help="a look in under ten minutes: fewer models, a few epochs, nothing converged")
    of["compare"].add_argument("variants", nargs="+", metavar="NAME[:KEY=VALUE,…]",
                               help="a variant, with the settings that make it")
    of["compare"].add_argument("--recipe", default="paper", help="that the variants change (%(default)s)")
    of["cold"].add_argument("--recipe", default="default", help="of all models (%(default)s)")
    of["cold"].add_argument("--share", type=float, default=0.1, help="of the items to withhold (%(default)s)")
    of["cold"].add_argument("--withhold", action="append", choices=list(WAYS),
                            help="how: drawn by seed, the last to appear, or by a split by time; may be repeated "
                            "(seed, and time where there are times)")
    return top  # fmt: skip


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds anything but an earlier study, as the program's own commands do."""
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    names = {name for name in names if not name.startswith(".") and name != "lost+found"}
    if not names:
        return
    try:
        ours = {"datasets", "runs"} <= json.loads((folder / "report.json").read_text("utf-8")).keys()
    except (OSError, ValueError, AttributeError):  # perhaps ended before its first page
        ours = names == {"data"} and all((d / "dataset.json").exists() for d in (folder / "data").iterdir())
    if not ours:
        raise LabError(f"{folder}: is not empty, it holds {', '.join(sorted(names)[:3])}: a study needs a new or "
                       "an empty folder, or that of an earlier one")  # fmt: skip


def make_study(arguments: argparse.Namespace) -> Study:
    changes = parse_assignments(arguments.set)
    names = [data_name(source) for source in arguments.data]
    for source, name in zip(arguments.data, names):
        if names.count(name) > 1:
            raise WrongUsage(f"--data {source}: two datasets are called '{name}': name their folders apart")
    check_folder(arguments.out)
    folder = arguments.out / "data"
    if arguments.study == "cold":
        grid = tokens_grid(arguments.recipe, changes)
        data = []
        for source, name in zip(arguments.data, names):
            timed = (source / "timestamps.txt").exists()
            for way in arguments.withhold or (["seed", "time"] if timed else ["seed"]):
                where = folder / f"{name}-{way}"
                data.append(open_withheld(source, where, way, arguments.share, arguments.encoder))
        about = "Items that no model saw in training, and the others, by ID-only, semantic and unified tokens."
        return Study("New items", about, "cold", grid, data, arguments.seeds)
    if arguments.study == "compare":
        grid = named_grid(arguments.recipe, arguments.variants, changes)
        title, about = "Models side by side", f"Variants of the {arguments.recipe} recipe."
        rules: str | bool = "fixed"
    else:
        grid = paper_grid(changes, arguments.quick)
        title = "Unified semantic and ID tokens"
        about = "The study of Lin et al. 2025, trained and measured here, beside what the paper reports."
        rules = "fixed" if arguments.quick else "tuned"
    data = [open_data(s, folder / n, arguments.encoder) for s, n in zip(arguments.data, names)]
    quick = arguments.study == "paper" and arguments.quick
    return Study(title, about, arguments.study, grid, data, arguments.seeds, quick, rules)


def measure_differences(study: Study, runner: Runner) -> None:
    """The paired bootstrap of the first variant to each other one; measured once and kept."""
    file = runner.options.folder / "results" / "differences.json"
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for run in study.runs:
        if run.variant is study.grid.variants[0]:
            continue
        first = next(r for r in study.runs if (r.data, r.seed) == (run.data, run.seed))
        for protocol in "sampled", "full":
            key = f"{first.name} {run.name} {protocol}"
            if key not in known:
                report = tessera.evaluate(
                    runner.bundle(first), run.data.path, protocol=protocol, compare=runner.bundle(run), repeats="published",
                    negatives=run.data.negatives if protocol == "sampled" else None,
                )  # fmt: skip
                known[key] = {m: report["difference"][m] for m in ("HR@10", "NDCG@10")}
                write_json(file, known)
            study.differences.append({"data": run.data.name, "first": first.variant.name, "seed": run.seed,
                                      "other": run.variant.name, "protocol": protocol, **known[key]})  # fmt: skip


class Screen:
    """What the command says while it works: a line a model, and on a terminal how far it is."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self.shown = 0.0

    def line(self, text: str) -> None:
        if not self.quiet:
            self.clear()
            print(text, flush=True)

    def clear(self) -> None:
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def finished(self, run: Run) -> None:
        result = run.result
        metrics = [f"{protocol} HR@10 {result['test'][protocol]['HR@10']:.4f}, NDCG@10 "
                   f"{result['test'][protocol]['NDCG@10']:.4f}" for protocol in ("sampled", "full")]  # fmt: skip
        time_taken = words.clock(result["seconds"]["train"])
        self.line(f"{run.name}: {result['epochs']} epochs in {time_taken}; test {'; '.join(metrics)}")

    def status(self, status: Status) -> None:
        if not self.terminal or time.monotonic() - self.shown < 0.5:
            return
        self.shown = time.monotonic()
        left = f", {words.duration(status.forecast.left)} left" if status.forecast.known else ""
        text = f"{status.finished} of {status.total} models{left}; {status.current}"
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r\033[K{text[: width - 1]}", end="", file=sys.stderr, flush=True)


def print_tables(study: Study, screen: Screen) -> None:
    """The means of a small comparison, for the terminal; the page has everything."""
    for data in study.data:
        for protocol in "sampled", "full":
            screen.line(f"== {data.name}, test split, {protocol} protocol: {' '.join(METRICS)}")
            for point in study.grid.comparisons[0].points:
                means = [study.estimate(data, point.variant, f"{protocol} {m}").mean for m in METRICS]
                screen.line(f"{point.label:24}" + "".join(f"{mean:9.4f}" for mean in means))
            for rule, metrics in study.rule_figures(data, protocol).items():
                screen.line(f"{rule:24}" + "".join(f"{metrics[m]:9.4f}" for m in METRICS))
        if data.how:
            screen.line(f"== {data.name}: {data.how}; full protocol: HR@10, NDCG@10, HR@10 / chance")
        for run in study.runs if data.how else ():
            for name in "cold", "warm":
                part = run.result["slices"].get(name) if run.data is data else None
                if part:
                    screen.line(f"{run.variant.name}-{run.seed}, {name}".ljust(24) + f"{part['HR@10']:9.4f}"
                                f"{part['NDCG@10']:9.4f}{part['HR@10'] / part['chance']['HR@10']:9.1f} ×")  # fmt: skip
    for d in study.differences:
        screen.line(f"{d['data']}, {d['first']} − {d['other']}, seed {d['seed']}, {d['protocol']}: "
                    f"HR@10 {interval_words(d['HR@10'])}, NDCG@10 {interval_words(d['NDCG@10'])}")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    study = make_study(arguments)
    screen = Screen(arguments.json)
    folder: Path = arguments.out
    jobs = arguments.jobs or len(os.sched_getaffinity(0))
    publish = functools.partial(write_report, folder=folder)
    runner = Runner(study, Options(folder, jobs, publish, screen.status, screen.finished))
    page = folder / "index.html"
    screen.line(f"{len(study.runs)} models to train; look at {page} meanwhile")
    complete = runner.run()
    screen.clear()
    if not complete:
        raise LabError(f"interrupted with {study.finished()} of {len(study.runs)} models finished: all is kept; "
                       "the same command goes on")  # fmt: skip
    if study.key == "compare":
        measure_differences(study, runner)
        runner.publish_end()
    if arguments.json:
        print(json.dumps({"page": str(page), "report": str(folder / "report.json"), "models": len(study.runs),
                          "trained_now": runner.trained_now}))  # fmt: skip
        return
    if study.key != "paper":
        print_tables(study, screen)
    screen.line(f"{page}: {len(study.runs)} models ({runner.trained_now} trained now); figures for programs in "
                f"{folder / 'report.json'}")  # fmt: skip


def interrupt(*_) -> None:
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGTERM, interrupt)
    name = "lab"
    try:
        arguments = parser().parse_args()
        name = f"lab {arguments.study}"
        run(arguments)
    except WrongUsage as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except (LabError, tessera.Error, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; the same command goes on", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
