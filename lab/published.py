"""Figures that others have published on the same data (published.csv), and which models they are of."""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import tessera_rec as tessera

PAPER = "Lin et al. 2025 (arXiv 2502.16474) and its authors' logs"

# Users and items of the paper's datasets, by which they are known.
_SIZES = {(22363, 12101): "Beauty", (35598, 18357): "Sports"}

# The paper's study of distances, 3 × 256 codes on Beauty: shares of codes in use, by level as far as it gives
# them, and of items with a code tuple of their own.
_CODES = {
    "cosine": {"activation 1": 1.0, "activation 2": 1.0, "activation 3": 1.0, "unique_share": 0.7013},
    "euclidean": {"activation 1": 0.0586, "unique_share": 0.9267},
    "unified": {"activation 1": 1.0, "activation 2": 1.0, "activation 3": 1.0, "unique_share": 0.8327},
}

# What only says how long to train, from where and how fast: figures are of a model whatever these are.
_ANY = ("epochs", "patience", "precision", "seed")


def dataset_of(users: int, items: int) -> str:
    """"Beauty", "Sports", or "" for data that nobody published figures of."""
    return _SIZES.get((users, items), "")


@functools.lru_cache(maxsize=None)
def _rows() -> tuple[dict, ...]:
    with open(Path(__file__).with_name("published.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row.update({metric: float(row[metric]) if row.get(metric) else None for metric in tessera.METRICS})
    return tuple(rows)


def peers(dataset: str, protocol: str) -> list[dict]:
    """Rows of other systems: `name`, `source` and a value or None for each metric."""
    return [r for r in _rows() if (r["dataset"], r["protocol"]) == (dataset, protocol) and not r["tokens"]]


@functools.lru_cache(maxsize=None)
def _model(tokens: str, distance: str, codebook_size: int | None) -> dict:
    changes = {"tokens": tokens}
    if tokens != "id":
        changes.update(distance=distance, codebook_size=codebook_size)
    return tessera.settings("paper", **changes)


def _is_model(settings: dict, tokens: str, distance: str, codebook_size: int | None) -> bool:
    """Whether the settings are those of the model that the paper means by these three."""
    of_paper = dict(_model(tokens, distance, codebook_size))
    free = _ANY + (("distance", "codebook_size") if tokens == "id" else ())
    return all(settings.get(key) == value for key, value in of_paper.items() if key not in free)


def paper_figure(dataset: str, settings: dict, figure: str) -> float | None:
    """The paper's figure of a model with these settings; None where it gives none.

    `figure` is a name that `results.figure` takes: "sampled HR@10", "activation 1", "unique_share".
    """
    protocol, _, metric = figure.partition(" ")
    for row in _rows():
        if (row["dataset"], row["protocol"]) != (dataset, protocol) or not row["tokens"]:
            continue
        if _is_model(settings, row["tokens"], row["distance"], int(row["codebook_size"] or 0)):
            return row.get(metric)
    if dataset == "Beauty":
        for distance, codes in _CODES.items():
            if figure in codes and _is_model(settings, "unified", distance, 256):
                return codes[figure]
    return None
