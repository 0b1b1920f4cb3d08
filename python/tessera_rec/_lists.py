"""What models are asked with and what they answer: histories, filters, lists."""

from __future__ import annotations

import json
import warnings
from typing import Any, Mapping, NamedTuple, Sequence, Union

import numpy as np

from . import _tables

Ids = Union[Sequence[Union[str, int]], np.ndarray]
Wanted = Union[str, Mapping[str, Any], None]
"""A filter: in words or as JSON, or a dict; None: everything passes."""


class Recommendations(NamedTuple):
    """Items and their scores, the best first.

    Example:
        >>> items, scores = model.recommend(["S000012"], k=2)
        >>> items.shape, scores.dtype
        ((2,), dtype('float32'))
    """

    items: np.ndarray
    """Item ids, str in an object array, [k] or [n, k]; None where fewer were left."""
    scores: np.ndarray
    """float32 beside them; NaN where fewer were left."""


class ManyRecommendations(Recommendations):
    """`Recommendations` for many histories, and which of these got none.

    Example:
        >>> many = model.recommend_many([["S000012"], ["S000012", "S000100"]], k=2)
        >>> many.items.shape, many.unanswered
        ((2, 2), {})
    """

    unanswered: dict[int, str]
    """Why a history got no list, by its row, whose items are None and scores NaN."""


class RecommendedVectors(Recommendations):
    """`Recommendations` with what a second stage needs, as `recommend` with `vectors=True` gives them.

    Example:
        >>> found = model.recommend(["S000012"], k=2, vectors=True)
        >>> bool(np.allclose(found.vectors @ found.state, found.scores, atol=1e-5))
        True
    """

    vectors: np.ndarray
    """float32 [k, width]: the vector of each item, [semantic ‖ collaborative ‖ ID token]."""
    state: np.ndarray
    """float32 [width]: the user's state; its inner product with a vector is the score."""


def objects(values: list, shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def json_of(wanted: Wanted | float) -> str:
    """A filter, rules or a blend as the engine reads them; words stay words."""
    if wanted is None:
        return ""
    return wanted if isinstance(wanted, str) else json.dumps(wanted)


def histories_of(histories: Sequence[Ids]) -> list[list]:
    if isinstance(histories, (str, bytes)) or not hasattr(histories, "__iter__"):
        raise TypeError("histories: give a list of lists of item ids")
    for whole in "to_pylist", "to_list":  # columns of Arrow, polars and pandas
        if hasattr(histories, whole):
            histories = getattr(histories, whole)()
            break
    return [
        [] if history is None else _tables.ids(history, f"histories[{i}]")
        for i, history in enumerate(histories)
    ]


def warn_of(unanswered: dict[int, str], count: int, what: str) -> None:
    if not unanswered:
        return
    row, why = next(iter(unanswered.items()))
    text = f"{len(unanswered)} of {count} histories get no {what}; the first: histories[{row}]: {why}"
    warnings.warn(text, UserWarning, stacklevel=3)


def texts_of(texts: Sequence[str], name: str) -> list[str]:
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"{name} is a string: give a list of them")
    words = list(texts)
    for i, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{i}] is of type {type(word).__name__}: give str")
    return words
