"""The learned tokens of a model, drawn in two dimensions."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import tessera_rec as tessera

from . import charts

SAMPLES = 9
TITLES = 3


@dataclass
class Sample:
    """A first-level code and some items that have it."""

    code: int
    items: int
    colour: str
    titles: list[str]


@dataclass
class TokenMap:
    items: str  # chart of the item vectors, coloured by first-level code; "" if not asked for
    codebooks: list[str]  # a chart a level
    samples: list[Sample]  # the first level's commonest codes


def plane(points: np.ndarray) -> np.ndarray:
    """[n, 2]: where points [n, dims] lie in the plane in which they differ most (principal components)."""
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, ::-1][:, :2]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    placed = centred @ (axes * np.where(largest < 0, -1.0, 1.0))  # an axis has no sign of its own
    return np.pad(placed, ((0, 0), (0, 2 - placed.shape[1])))


@functools.lru_cache(maxsize=32)
def token_map(bundle: Path, label: str, whole: bool) -> TokenMap:
    """Of a finished bundle with semantic tokens; `whole`: with items and samples, otherwise codebooks alone."""
    model = tessera.Model(bundle)
    books = [np.asarray(book) for book in model.codebooks]
    codes = np.asarray(model.tokens(model.item_ids))
    vectors = plane(np.asarray(model.vectors(model.item_ids)))
    hues = code_hues(vectors, codes[:, 0], len(books[0]))
    colours = matplotlib.colors.hsv_to_rgb(np.stack([hues / 360, 0 * hues + 0.55, 0 * hues + 0.72], axis=1))
    colours = np.pad(colours, ((0, 0), (0, 1)), constant_values=0.75)
    drawn = [_codebook(f"{label}, level {l + 1}", book, codes[:, l], colours if l == 0 else None)
             for l, book in enumerate(books)]  # fmt: skip
    if not whole:
        return TokenMap("", drawn, [])
    title = f"{label}: the vectors of {len(codes):,} items, coloured by first-level code"
    picture = charts.cloud(title, vectors, colours[codes[:, 0]], 4, 560)
    return TokenMap(picture, drawn, _samples(model, codes[:, 0], colours))


def code_hues(places: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Degrees [count]: the direction in which a code's items lie from the middle, so that neighbours look alike."""
    sums = np.zeros((count, 2))
    np.add.at(sums, codes, places)
    return np.degrees(np.arctan2(sums[:, 1], sums[:, 0])) % 360


def _codebook(title: str, book: np.ndarray, codes: np.ndarray, colours: np.ndarray | None) -> str:
    """A dot a code that grows with its items; pale codes are unused."""
    uses = np.bincount(codes, minlength=len(book))
    mean = len(codes) / len(book)
    sizes = np.select([uses == 0, uses < mean, uses < 4 * mean], [5, 8, 20], 50)
    if colours is None:
        colours = np.tile((0.32, 0.6, 0.72, 0.75), (len(book), 1))
    colours = np.where((uses == 0)[:, None], (0.6, 0.6, 0.6, 0.35), colours)
    return charts.cloud(f"{title}: {(uses > 0).sum()} of {len(book)} used", plane(book), colours, sizes, 300)


def _samples(model: tessera.Model, codes: np.ndarray, colours: np.ndarray) -> list[Sample]:
    uses = np.bincount(codes, minlength=len(colours))
    samples = []
    for code in sorted(range(len(uses)), key=lambda c: (-uses[c], c))[:SAMPLES]:
        if uses[code]:
            those = np.flatnonzero(codes == code)[:TITLES]
            titles = [model.titles[i] or model.item_ids[i] for i in those]
            samples.append(Sample(code, int(uses[code]), matplotlib.colors.to_hex(colours[code][:3]), titles))
    return samples
