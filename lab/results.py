"""A study as far as it is done: its runs, and figures over their seeds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

import tessera_rec as tessera

from . import published
from .data import StudyData
from .grids import Grid, Variant

METRICS = tessera.METRICS


@dataclass
class Run:
    """A model of the study on one dataset with one seed."""

    data: StudyData
    variant: Variant
    seed: int
    result: dict | None = None  # what `work` measured

    @property
    def name(self) -> str:
        """Its folder in models/: "beauty/unified-1"."""
        return f"{self.data.name}/{self.variant.name}-{self.seed}"

    @property
    def settings(self) -> dict:
        return {**self.variant.settings, "seed": self.seed}


@dataclass(frozen=True)
class Estimate:
    """Mean and sample deviation (0 for one) over the seeds that are finished."""

    seeds: int
    mean: float = 0
    deviation: float = 0


@dataclass
class Study:
    title: str
    about: str  # one sentence below the title
    key: str  # of report.json
    grid: Grid
    data: list[StudyData]
    seeds: int = 1
    quick: bool = False
    rules: str | bool = "tuned"  # baselines that the first variant's first seed is measured beside
    runs: list[Run] = field(default_factory=list)  # in the order to do them
    differences: list[dict] = field(default_factory=list)  # of the first variant to the others

    def __post_init__(self) -> None:
        # Seed by seed, so that one whole study is there as early as can be.
        self.runs = [
            Run(data, variant, seed)
            for seed in range(1, self.seeds + 1)
            for data in self.data
            for variant in self.grid.variants
        ]

    def finished(self) -> int:
        return sum(run.result is not None for run in self.runs)

    def runs_of(self, data: StudyData, variant: int) -> list[Run]:
        """The finished ones, the first seed first."""
        wanted = self.grid.variants[variant]
        return [r for r in self.runs if r.data is data and r.variant is wanted and r.result]

    def estimate(self, data: StudyData, variant: int, name: str) -> Estimate:
        return estimate_of([figure(run.result, name) for run in self.runs_of(data, variant)])

    def paper(self, data: StudyData, variant: int, name: str) -> float | None:
        """The paper's figure for a variant on this data, if it gives one."""
        return published.paper_figure(data.published, self.grid.variants[variant].settings, name)

    def rule_figures(self, data: StudyData, protocol: str) -> dict[str, dict]:
        """Metrics of the rules that count, by name."""
        runs = self.runs_of(data, 0)
        return {name: both[protocol] for name, both in runs[0].result["baselines"].items()} if runs else {}


def estimate_of(values: list[float | None]) -> Estimate:
    known = [value for value in values if value is not None]
    if not known:
        return Estimate(0)
    deviation = statistics.stdev(known) if len(known) > 1 else 0.0
    return Estimate(len(known), statistics.fmean(known), deviation)


def figure(result: dict, name: str) -> float | None:
    """A figure by its name; None where the model has no such level, or the record is older than the metric.

    "sampled HR@10" and so on for both protocols; "unique_share", "distinct_share", "catalogue_parameters";
    "activation L" and "perplexity L" of level L from 1. KeyError for names that are none.
    """
    first, _, second = name.partition(" ")
    tokens = result["tokens"]
    if first in ("activation", "perplexity"):
        level = int(second)
        return tokens[first][level - 1] if 1 <= level <= len(tokens[first]) else None
    if first in ("unique_share", "distinct_share"):
        return tokens[first] if tokens["activation"] else None
    if first == "catalogue_parameters":
        return float(tokens[first])
    if second not in METRICS:
        raise KeyError(name)
    return result["test"][first].get(second)


def most_levels(settings: dict) -> int:
    """Levels of semantic tokens; where the catalogue decides, as many as it may."""
    return 3 if settings["levels"] == "auto" else settings["levels"]


def figure_names(settings: dict) -> list[str]:
    """Every figure that a model with these settings may have."""
    names = [f"{protocol} {metric}" for protocol in ("sampled", "full") for metric in METRICS]
    names += ["unique_share", "distinct_share", "catalogue_parameters"]
    levels = most_levels(settings) + settings["collaborative_tokens"]
    for level in range(1, levels + 1):
        names += [f"activation {level}", f"perplexity {level}"]
    return names


def report(study: Study) -> dict:
    """The figures of a study for programs, as report.json holds them."""
    grid = study.grid
    return {
        "study": study.key,
        "quick": study.quick,
        "complete": study.finished() == len(study.runs),
        "seeds": study.seeds,
        "models": {"finished": study.finished(), "total": len(study.runs)},
        "datasets": [_dataset_report(study, data) for data in study.data],
        "comparisons": [
            {
                "key": c.key,
                "points": [{"label": p.label, "model": grid.variants[p.variant].name} for p in c.points],
            }
            for c in grid.comparisons
        ],
        "runs": [
            {
                "name": run.name,
                "dataset": run.data.name,
                "model": run.variant.name,
                "seed": run.seed,
                "result": run.result,
            }
            for run in study.runs
        ],
        "differences": study.differences,
    }


def _dataset_report(study: Study, data: StudyData) -> dict:
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "users": data.users,
        "items": data.items,
        "events": data.events,
        "simulated": data.simulated,
        "models": [_variant_report(study, data, v) for v in range(len(study.grid.variants))],
    }


def _variant_report(study: Study, data: StudyData, number: int) -> dict:
    variant = study.grid.variants[number]
    figures = {}
    for name in figure_names(variant.settings):
        estimate = study.estimate(data, number, name)
        paper = study.paper(data, number, name)
        one = vars(estimate).copy() if estimate.seeds else {}
        if paper is not None:
            one["paper"] = paper
            if estimate.seeds:
                one["difference"] = estimate.mean - paper
        if one:
            figures[name] = one
    return {
        "name": variant.name,
        "label": study.grid.label(number),
        "settings": variant.settings,
        "figures": figures,
    }
