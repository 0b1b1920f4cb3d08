"""The page of a study: a pure function of its records and bundles, as one self-contained HTML document."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import jinja2

from . import charts, maps, published, words
from .charts import Mark, Series, Spot
from .data import StudyData
from .forecast import most_epochs
from .grids import Comparison, Point
from .results import METRICS, Study, most_levels, report
from .runner import Status, write_json

# Figures that small multiples show.
PANELS = (
    ("sampled HR@10", "HR@10, sampled"),
    ("sampled NDCG@10", "NDCG@10, sampled"),
    ("full HR@10", "HR@10, full"),
    ("full NDCG@10", "NDCG@10, full"),
)


@dataclass(frozen=True)
class Column:
    """A column of a table of models: a figure by its name."""

    figure: str
    heading: str
    kind: str = "metric"  # metric, share or count

    def show(self, value: float | None) -> str:
        if value is None:
            return ""
        if self.kind == "share":
            return words.percent(value, 2)
        return f"{round(value):,}" if self.kind == "count" else words.number(value, 4)

    def difference(self, value: float) -> str:
        return f"{words.signed(100 * value, 2)} pts" if self.kind == "share" else words.signed(value, 4)


@dataclass
class Cell:
    text: str = ""
    deviation: str = ""


@dataclass
class Row:
    label: str
    cells: list[Cell]
    style: str = "other"


@dataclass
class Table:
    corner: str
    headings: list[str]
    groups: list[list[Row]]


@dataclass
class Chart:
    svg: str
    key: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Piece:
    """Something of a section: a heading, charts side by side, a table; or the map of a model's tokens."""

    heading: str = ""
    charts: list[Chart] = field(default_factory=list)
    style: str = ""
    table: Table | None = None
    map: maps.TokenMap | None = None


SUMMARY = [Column(name, title) for name, title in PANELS] + [
    Column("unique_share", "own tuple", "share"),
    Column("catalogue_parameters", "parameters", "count"),
]


def metric_columns(protocol: str) -> list[Column]:
    return [Column(f"{protocol} {metric}", metric) for metric in METRICS]


def code_columns(study: Study) -> list[Column]:
    levels = most_levels(study.grid.variants[0].settings)
    columns = [Column(f"activation {l}", f"level {l} active", "share") for l in range(1, levels + 1)]
    return columns + [
        Column("unique_share", "own tuple", "share"),
        Column("distinct_share", "distinct tuples", "share"),
    ]


# Tables.


def model_rows(study: Study, data: StudyData, point: Point, columns: list[Column]) -> list[Row]:
    """A model's row and, where the paper has one of the figures, the paper's and the difference below."""
    ours, papers, differences = [], [], []
    for column in columns:
        estimate = study.estimate(data, point.variant, column.figure)
        paper = study.paper(data, point.variant, column.figure)
        cell = Cell(column.show(estimate.mean) if estimate.seeds else "–")
        if estimate.seeds > 1 and column.kind != "count":
            cell.deviation = column.show(estimate.deviation)
        ours.append(cell)
        papers.append(Cell(column.show(paper)))
        known = paper is not None and estimate.seeds > 0
        differences.append(Cell(column.difference(estimate.mean - paper) if known else ""))
    if not any(cell.text for cell in papers):
        return [Row(point.label, ours, "ours")]
    return [Row(point.label, ours, "ours group"), Row("the paper", papers, "paper"),
            Row("difference", differences, "difference")]  # fmt: skip


def model_table(study: Study, data: StudyData, corner: str, points: list[Point], columns: list[Column],
                more: tuple[list[Row], ...] = ()) -> Table:  # fmt: skip
    rows = [row for point in points for row in model_rows(study, data, point, columns)]
    return Table(corner, [column.heading for column in columns], [rows, *more])


def other_rows(columns: list[Column], figures: dict[str, dict]) -> list[Row]:
    """Rows of rules or peers, label → metrics."""
    return [Row(label, [Cell(c.show(values.get(c.heading))) for c in columns]) for label, values in figures.items()]


# Charts.


def colour_of(study: Study, variant: int) -> str:
    return "c0" if study.grid.variants[variant].settings["recipe"] == "paper" else "c1"


def mark(study: Study, data: StudyData, point: Point, figure: str) -> Mark:
    estimate = study.estimate(data, point.variant, figure)
    return Mark(point.label, colour_of(study, point.variant), estimate.mean if estimate.seeds else None,
                estimate.deviation, study.paper(data, point.variant, figure))  # fmt: skip


def sweep_chart(study: Study, data: StudyData, comparison: Comparison, figure: str, title: str,
                shares: bool = False) -> Chart:  # fmt: skip
    marks = [(i, mark(study, data, point, figure)) for i, point in enumerate(comparison.points)]
    known = [(i, m) for i, m in marks if m.value is not None]
    series = Series(
        "", "c0", tuple((i, m.value) for i, m in known), tuple(m.deviation for _, m in known),
        tuple((i, m.paper) for i, m in marks if m.paper is not None),
    )  # fmt: skip
    names = tuple(point.label for point in comparison.points)
    return Chart(charts.lines(title, comparison.axis, names, (series,), shares))


def curve_chart(study: Study, data: StudyData, title: str, points: list[Point], ordered: bool) -> Chart:
    """Validation NDCG@10 over epochs, with the first seed."""
    series, key = [], []
    for i, point in enumerate(points):
        colour = f"{'r' if ordered else 'c'}{i % 6}"
        key.append((colour, point.label))
        runs = study.runs_of(data, point.variant)
        if not runs:
            continue
        curve = runs[0].result["curve"]
        values = tuple((e + 1, epoch["validation"]["NDCG@10"]) for e, epoch in enumerate(curve))
        best = runs[0].result["best_epoch"]
        chosen = values[best - 1] if 1 <= best <= len(values) else None
        series.append(Series(point.label, colour, values, dots=False, chosen=chosen))
    return Chart(charts.lines(title, "epoch", (), tuple(series)), key)


# Sections: each gives the pieces for one dataset, none where it has nothing to show.


def beside_paper(study: Study, data: StudyData) -> list[Piece]:
    pieces = []
    for heading, columns in (
        ("Accuracy, sampled protocol", metric_columns("sampled")),
        ("Use of the codes", code_columns(study)),
    ):
        points = [
            Point(study.grid.label(v), v)
            for v in range(len(study.grid.variants))
            if any(study.paper(data, v, column.figure) is not None for column in columns)
        ]
        if points:
            pieces.append(Piece(heading, table=model_table(study, data, "", points, columns)))
    return pieces


def models(study: Study, data: StudyData, key: str) -> list[Piece]:
    """A comparison of named models: both protocols, rules that count, published peers."""
    comparison = study.grid.comparison(key)
    if comparison is None:
        return []
    drawn = []
    for name, title in PANELS:
        protocol, metric = name.split()
        marks = [mark(study, data, point, name) for point in comparison.points]
        marks += [Mark(rule, "rule", m[metric]) for rule, m in study.rule_figures(data, protocol).items()]
        drawn.append(Chart(charts.bars(title, tuple(marks))))
    pieces = [Piece(charts=drawn, style="wide")]
    for protocol in "sampled", "full":
        columns = metric_columns(protocol)
        peers = {f"{p['name']} ({p['source']})": p for p in published.peers(data.published, protocol)}
        rules = other_rows(columns, study.rule_figures(data, protocol))
        table = model_table(study, data, "", comparison.points, columns, (rules, other_rows(columns, peers)))
        pieces.append(Piece(f"Test split, {protocol} protocol", table=table))
    return pieces


def differences(study: Study, data: StudyData) -> list[Piece]:
    """The first model against each other one, user by user."""
    rows = [
        Row(f"{d['first']} − {d['other']}, seed {d['seed']}, {d['protocol']}",
            [Cell(interval_words(d[m])) for m in ("HR@10", "NDCG@10")])
        for d in study.differences if d["data"] == data.name
    ]  # fmt: skip
    return [Piece(table=Table("", ["HR@10", "NDCG@10"], [rows]))] if rows else []


def interval_words(values: list[float]) -> str:
    middle, low, high = values
    return f"{words.signed(middle, 4)} [{words.signed(low, 4)}, {words.signed(high, 4)}]"


def new_items(study: Study, data: StudyData) -> list[Piece]:
    """Test targets that were withheld, and the others."""
    pieces = []
    for name in ("cold", "warm") if data.how else ():
        rows, slices = [], []
        for variant, point in enumerate(study.grid.comparisons[0].points):
            for run in study.runs_of(data, point.variant):
                part = run.result.get("slices", {}).get(name)
                if part is not None:
                    slices.append(part)
                    rows.append(Row(f"{point.label}, seed {run.seed}", slice_cells(part), "ours"))
        if rows:
            heading = (f"{name}: {words.plural(slices[0]['users'], 'user')}; a random order has HR@10 "
                       f"{words.number(slices[0]['chance']['HR@10'], 5)}")  # fmt: skip
            table = Table("", ["HR@10", "95 %", "NDCG@10", "95 %", "HR@10 / chance"], [rows])
            pieces.append(Piece(heading, table=table))
    return pieces


def slice_cells(part: dict) -> list[Cell]:
    cells = []
    for metric in "HR@10", "NDCG@10":
        low, high = part["interval"][metric]
        cells.append(Cell(words.number(part[metric], 4)))
        cells.append(Cell(f"{words.number(low, 4)} – {words.number(high, 4)}"))
    return cells + [Cell(f"{part['HR@10'] / part['chance']['HR@10']:.1f} ×")]


def distances(study: Study, data: StudyData) -> list[Piece]:
    comparison = study.grid.comparison("distance")
    if comparison is None:
        return []
    columns = code_columns(study)
    drawn = []
    for point in comparison.points:
        marks = []
        for column in columns:
            one = mark(study, data, point, column.figure)
            colour = one.colour if column.figure.startswith("activation") else "c2"
            marks.append(Mark(column.heading, colour, one.value, one.deviation, one.paper))
        drawn.append(Chart(charts.bars(point.label, tuple(marks), True, 320)))
    return [
        Piece(charts=drawn, table=model_table(study, data, "distance", comparison.points, columns)),
        Piece(table=model_table(study, data, "distance", comparison.points, SUMMARY)),
    ]


def sweep(study: Study, data: StudyData, key: str) -> list[Piece]:
    comparison = study.grid.comparison(key)
    if comparison is None:
        return []
    drawn = [sweep_chart(study, data, comparison, name, title) for name, title in PANELS]
    if key == "codebook_size":
        title = "Items with a tuple of their own"
        drawn.append(sweep_chart(study, data, comparison, "unique_share", title, shares=True))
    points = [Point(f"{p.label}, semantic alone" if p.label == "0" else p.label, p.variant)
              for p in comparison.points]  # fmt: skip
    style = "" if key == "codebook_size" else "four"
    table = model_table(study, data, comparison.axis, points, SUMMARY)
    return [Piece(charts=drawn, style=style, table=table)]


def cost(study: Study, data: StudyData) -> list[Piece]:
    whole = data.items * 64
    names = {p.variant: p.label for p in study.grid.comparisons[0].points}
    drawn = []
    for name, title in PANELS:
        found = []
        for variant in range(len(study.grid.variants)):
            metric = study.estimate(data, variant, name)
            parameters = study.estimate(data, variant, "catalogue_parameters").mean
            if not metric.seeds:
                continue
            colour = colour_of(study, variant)
            if colour == "c0" and variant not in names:
                colour = "rule"
            label = names.get(variant, "") if colour == "c0" else ""
            tip = f"{study.grid.label(variant)}: {words.number(metric.mean, 4)}, {round(parameters):,} parameters"
            found.append(Spot(parameters / whole, metric.mean, colour, label, tip))
        drawn.append(Chart(charts.spots(title, "parameters, share of a 64-dim table", tuple(found))))
    return [Piece(charts=drawn, style="four")]


def learned_tokens(study: Study, data: StudyData, models_folder: Path) -> list[Piece]:
    """Of the bundles that are still there."""
    comparison = study.grid.comparison("distance")
    pieces, drawn = [], []
    for point in comparison.points if comparison else ():
        runs = study.runs_of(data, point.variant)
        bundle = models_folder / runs[0].name if runs else None
        if bundle is None or not (bundle / "config.json").exists():
            continue
        one = maps.token_map(bundle, point.label, point.variant == 0)
        if one.items:
            pieces.append(Piece(map=one))
        drawn += [Chart(svg) for svg in one.codebooks]
    return pieces + [Piece(charts=drawn)] if drawn else []


def curves(study: Study, data: StudyData) -> list[Piece]:
    titles = {"tokens": "Tokens", "variants": "Models", "distance": "Distance", "codebook_size": "Codebook size",
              "id_dims": "ID dims", "semantic_dims": "Semantic dims"}  # fmt: skip
    drawn = []
    for comparison in study.grid.comparisons:
        by_recipe: dict[str, list[Point]] = {}
        for point in comparison.points:
            recipe = study.grid.variants[point.variant].settings["recipe"]
            by_recipe.setdefault(recipe, []).append(point)
        for recipe, points in by_recipe.items():
            title = titles[comparison.key] + (f", {recipe} recipe" if len(by_recipe) > 1 else "")
            drawn.append(curve_chart(study, data, title, points, bool(comparison.axis)))
    return [Piece(charts=drawn)]


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    text: str
    pieces: Callable[[Study, StudyData], list[Piece]]


def sections(models_folder: Path) -> list[Section]:
    return [
        Section("beside", "Beside the paper",
                "Every figure that the paper gives and this study measures: ours, the paper's, and the difference.",
                beside_paper),
        Section("tokens", "Tokens",
                "What an item is made of: an ID token of its own, semantic tokens that it shares, or both. Rules "
                "that only count stand beside, and below the tables what others have published on the same data, "
                "as they give it.", functools.partial(models, key="tokens")),
        Section("models", "Models", "The models of this comparison. Rules that only count stand beside.",
                functools.partial(models, key="variants")),
        Section("differences", "Differences",
                "The first model less each other one, with the 95 % interval of a paired bootstrap over users.",
                differences),
        Section("new", "New items",
                "Test targets that no model saw in training (cold) and the others (warm), full protocol, with 95 % "
                "bootstrap intervals.", new_items),
        Section("distances", "Distances",
                "How a level chooses its code: by cosine, by Euclidean distance, or, unified, by cosine in every "
                "level but the last. Bars show the share of each codebook in use and how many items the codes tell "
                "apart.", distances),
        Section("codebooks", "Codebook size", "Unified tokens with more or fewer codes a level.",
                functools.partial(sweep, key="codebook_size")),
        Section("ids", "Dims of the ID token",
                "From none, the semantic tokens alone, to as wide as the semantic vector.",
                functools.partial(sweep, key="id_dims")),
        Section("width", "Dims of the semantic tokens", "Narrower and wider codebook rows.",
                functools.partial(sweep, key="semantic_dims")),
        Section("cost", "What the catalogue costs",
                "Accuracy over the learned parameters of the catalogue, as a share of a table of 64 dims an item. "
                "Every dot is a model of this study; pointing at it names it.", cost),
        Section("map", "The learned tokens",
                "Item vectors and codebook rows in the plane in which they differ most (principal components): "
                "nearness means likeness, directions mean nothing. A code's dot grows with the items that have it; "
                "pale codes are unused.", functools.partial(learned_tokens, models_folder=models_folder)),
        Section("curves", "Training",
                "Validation NDCG@10 after every epoch, by the protocol that chooses the best one (the dot), with "
                "the first seed.", curves),
    ]  # fmt: skip


def runs_table(study: Study) -> Table:
    rows = []
    for run in study.runs:
        cells = [Cell("–")] + [Cell()] * 4
        if run.result:
            result, settings = run.result, run.settings
            chosen = f"{settings['select']}, {settings['selection_protocol']}"
            cells = [Cell(str(result["epochs"])), Cell(str(result["best_epoch"])),
                     Cell(words.clock(result["seconds"]["train"])),
                     Cell(words.number(result["validation"]["NDCG@10"], 4)), Cell(chosen)]  # fmt: skip
        rows.append(Row(run.name, cells, ""))
    return Table("model", ["epochs", "best", "training", "validation NDCG@10", "chosen by"], [rows])


def machine() -> str:
    name = "unknown CPU"
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(": ")[2]
    return f"{name}, {words.plural(len(os.sched_getaffinity(0)), 'CPU')}"


def study_page(study: Study, status: Status, models_folder: Path) -> str:
    """The whole document. While the study runs it renews itself."""
    shown = []
    for section in sections(models_folder):
        bodies = [(data, section.pieces(study, data)) for data in study.data]
        bodies = [(data, pieces) for data, pieces in bodies if pieces]
        if bodies:
            shown.append({"anchor": section.anchor, "title": section.title, "text": section.text, "bodies": bodies})
    tested = [
        (data, next((r.result["test"]["full"]["users"] for r in study.runs_of(data, 0)), 0)) for data in study.data
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(plural=words.plural, number=words.number)
    return environment.get_template("page.html.j2").render(
        study=study, status=status, sections=shown, tested=tested, runs=runs_table(study), machine=machine(),
        css=Path(__file__).with_name("page.css").read_text("utf-8"), variants=len(study.grid.variants),
        epochs=max(most_epochs(v.settings) for v in study.grid.variants),
        left=words.duration(status.forecast.left) if status.forecast.known else "",
        paper=published.PAPER if study.key == "paper" else "",
    ) + "\n"  # fmt: skip


def write_report(study: Study, status: Status, folder: Path) -> None:
    """index.html and report.json in the folder. Tokens are left out where a bundle is gone."""
    write_json(folder / "report.json", report(study))
    made = folder / "index.html.new"
    made.write_text(study_page(study, status, folder / "models"), encoding="utf-8")
    os.replace(made, folder / "index.html")
