"""Charts by matplotlib, as SVG elements for the inside of an HTML page.

The page's style colours them, so that they follow a light or a dark ground: matplotlib draws in stand-in colours,
which become the page's custom properties (`--ink`, `--c0`, …). Equal charts are drawn once.
"""

from __future__ import annotations

import functools
import html
import io
import re
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .words import number, percent

COLOURS = ["ink", "quiet", "line", "faint", "ground", "paper", "rule"]
COLOURS += [f"c{i}" for i in range(6)] + [f"r{i}" for i in range(7)]
# Stand-ins that nothing else is drawn in.
_STAND_IN = {name: f"#fe{i:02x}7f" for i, name in enumerate(COLOURS)}
_NAME = {colour: name for name, colour in _STAND_IN.items()}

_STYLE = {
    "svg.fonttype": "none", "font.size": 8.5, "text.color": _STAND_IN["ink"],
    "axes.edgecolor": _STAND_IN["line"], "axes.labelcolor": _STAND_IN["quiet"], "axes.titlesize": 9.5,
    "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.spines.top": False,
    "axes.spines.right": False, "axes.facecolor": "none", "axes.grid": True, "axes.axisbelow": True,
    "grid.color": _STAND_IN["line"], "grid.linewidth": 0.7, "xtick.color": _STAND_IN["quiet"],
    "ytick.color": _STAND_IN["quiet"], "xtick.major.size": 0, "ytick.major.size": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """A value with the deviation over seeds (0: none) and the paper's value."""

    label: str
    colour: str
    value: float | None
    deviation: float = 0
    paper: float | None = None


@dataclass(frozen=True)
class Series:
    """A line: points (x, y) with x ascending, deviations beside, the paper's points, a point to stress."""

    name: str
    colour: str
    points: tuple[tuple[float, float], ...]
    deviations: tuple[float, ...] = ()
    paper: tuple[tuple[float, float], ...] = ()
    dots: bool = True
    chosen: tuple[float, float] | None = None


@dataclass(frozen=True)
class Spot:
    """A point with what it is: `label` stands beside it unless empty, `tip` is shown when pointed at."""

    x: float
    y: float
    colour: str
    label: str
    tip: str


def _figure(width: float, height: float) -> Figure:
    """Width and height in pixels."""
    figure = Figure(figsize=(width / 96, height / 96), layout="constrained")
    figure.patch.set_alpha(0)
    FigureCanvasSVG(figure)
    return figure


def _svg(figure: Figure, title: str, width: float, tips: dict[str, str] | None = None) -> str:
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": title}):
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, dpi=160)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = html.escape(title, quote=True)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{label}" style="max-width:{width:.0f}px"', 1)
    for name, tip in (tips or {}).items():
        svg = svg.replace(f'<g id="{name}">', f"<g><title>{html.escape(tip)}</title>")
    return re.sub(r"#fe[0-9a-f]{2}7f", lambda m: f"var(--{_NAME[m[0]]})" if m[0] in _NAME else m[0], svg)


def _drawn(function):
    """Draws in the page's style, and equal charts once."""

    @functools.lru_cache(maxsize=512)
    @functools.wraps(function)
    def drawing(*arguments, **words):
        with matplotlib.rc_context(_STYLE):
            return function(*arguments, **words)

    return drawing


def shown(value: float, share: bool) -> str:
    return percent(value) if share else number(value, 4)


def _format_axis(axis, shares: bool) -> None:
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:g} %" if shares else f"{x:g}".replace("0.", ".", 1)))


def _diamonds(axes, xs, ys) -> None:
    axes.scatter(xs, ys, marker="D", s=26, facecolor=_STAND_IN["ground"], edgecolor=_STAND_IN["paper"],
                 linewidth=1.4, zorder=4, clip_on=False)  # fmt: skip


@_drawn
def bars(title: str, marks: tuple[Mark, ...], shares: bool = False, width: float = 470) -> str:
    """Horizontal bars from zero, a row each, the value behind; the paper's value is a diamond."""
    figure = _figure(width, 46 + 21 * len(marks))
    axes = figure.add_subplot(title=title)
    ys = np.arange(len(marks))
    for y, mark in zip(ys, marks):
        if mark.value is not None:
            axes.barh(y, mark.value, height=0.36, color=_STAND_IN[mark.colour])
            if mark.deviation:
                axes.errorbar(mark.value, y, xerr=mark.deviation, color=_STAND_IN["ink"], linewidth=1)
    papers = [(mark.paper, y) for y, mark in zip(ys, marks) if mark.paper is not None]
    if papers:
        _diamonds(axes, *zip(*papers))
    axes.set_yticks(ys, [mark.label for mark in marks])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1 if shares else None)
    _format_axis(axes.xaxis, shares)
    values = axes.secondary_yaxis("right")
    values.set_yticks(ys, ["–" if m.value is None else shown(m.value, shares) for m in marks])
    values.spines["right"].set_visible(False)
    for label in (*axes.get_yticklabels(), *values.get_yticklabels()):
        label.set_color(_STAND_IN["ink"])
    return _svg(figure, title, width)


@_drawn
def lines(title: str, x_title: str, names: tuple[str, ...], series: tuple[Series, ...],
          shares: bool = False) -> str:  # fmt: skip
    """Lines over x. With names, x counts them from 0; without, x is a number."""
    figure = _figure(300, 190)
    axes = figure.add_subplot(title=title, xlabel=x_title)
    for one in series:
        colour = _STAND_IN[one.colour]
        if one.points:
            xs, ys = zip(*one.points)
            marker = "o" if one.dots or len(xs) == 1 else ""
            axes.plot(xs, ys, color=colour, marker=marker, markersize=3.5, linewidth=1.6)
            if any(one.deviations):
                axes.errorbar(xs, ys, yerr=one.deviations, color=_STAND_IN["ink"], linewidth=1, fmt="none")
        if one.chosen:
            axes.plot(*one.chosen, color=colour, marker="o", markersize=4.5)
        if one.paper:
            _diamonds(axes, *zip(*one.paper))
    if names:
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.35, len(names) - 0.65)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if shares:
        axes.set_ylim(bottom=0)
    axes.grid(visible=False, axis="x")
    _format_axis(axes.yaxis, shares)
    return _svg(figure, title, 300)


@_drawn
def spots(title: str, x_title: str, points: tuple[Spot, ...]) -> str:
    """Points over shares (x) and a metric (y); each says what it is when pointed at."""
    figure = _figure(300, 190)
    axes = figure.add_subplot(title=title, xlabel=x_title)
    tips = {}
    for i, spot in enumerate(points):
        drawn: PathCollection = axes.scatter(spot.x, spot.y, s=26, color=_STAND_IN[spot.colour],
                                             edgecolor=_STAND_IN["ground"], linewidth=0.6, zorder=3)  # fmt: skip
        drawn.set_gid(f"tip-{i}-")
        tips[f"tip-{i}-"] = spot.tip
        if spot.label:
            axes.annotate(spot.label, (spot.x, spot.y), (6, 3), textcoords="offset points")
    axes.margins(y=0.15)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="x")
    _format_axis(axes.xaxis, True)
    _format_axis(axes.yaxis, False)
    return _svg(figure, title, 300, tips)


def cloud(title: str, points: np.ndarray, colours, sizes, side: float) -> str:
    """Points [n, 2] in a plane, both axes on one scale, without axes: only nearness means something.

    `colours` [n, 4] RGBA; `sizes` one or [n]. More than a hundred are a picture inside the SVG.
    """
    with matplotlib.rc_context(_STYLE):
        figure = _figure(side, side + 20)
        axes = figure.add_subplot(title=title, facecolor=_STAND_IN["faint"])
        drawn = axes.scatter(points[:, 0], points[:, 1], s=sizes, c=colours, linewidth=0)
        drawn.set_rasterized(len(points) > 100)
        axes.set_aspect("equal", "datalim")
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return _svg(figure, title, side)
