"""Anyone's lists and scores, as the engine takes them."""

from __future__ import annotations

import os
from typing import Any, Mapping

import numpy as np

from . import _tables
from ._errors import UsageError

_TABLE_KEYS = ("user", "item")


def systems_of(predictions: Any) -> tuple[list[str], list[tuple]]:
    """Files, and systems in memory, of what `evaluate` was given; a dict of systems has their names."""
    if predictions is None:
        return [], []
    if isinstance(predictions, (str, os.PathLike)):
        return [os.fspath(predictions)], []
    if isinstance(predictions, (list, tuple)) and all(
        isinstance(one, (str, os.PathLike)) for one in predictions
    ):
        return [os.fspath(one) for one in predictions], []
    if _is_dict_of_systems(predictions):
        return [], [_system(str(name), one) for name, one in predictions.items()]
    return [], [_system("predictions", predictions)]


def _is_dict_of_systems(given: Any) -> bool:
    """A dict of systems has systems as values; a dict of lists has items in its lists."""
    if not isinstance(given, Mapping) or not given or _is_columns(given):
        return False
    first = next(iter(given.values()))
    array = isinstance(first, np.ndarray) and first.ndim == 2
    return array or isinstance(first, (Mapping, str, os.PathLike)) or hasattr(first, "__arrow_c_stream__")


def _is_columns(given: Mapping) -> bool:
    return all(key in given for key in _TABLE_KEYS)


def _system(name: str, given: Any) -> tuple:
    if isinstance(given, (str, os.PathLike)):
        raise UsageError("files are given as a list of paths, which are their names")
    if isinstance(given, np.ndarray):
        return _array(name, given)
    if isinstance(given, Mapping) and not _is_columns(given):
        users: list[str] = []
        items: list[str] = []
        for user, ids in given.items():
            wanted = [str(one) for one in _tables.ids(ids, f"{name}[{user!r}]") if one is not None]
            users += [str(user)] * len(wanted)
            items += wanted
        return name, users, items, None
    if hasattr(given, "__arrow_c_stream__"):
        import pyarrow

        given = pyarrow.table(given).to_pydict()
    if not isinstance(given, Mapping) or not _is_columns(given):
        raise TypeError(f"{name}: give a dict of lists, an array, or a table with 'user' and 'item'")
    scores = given.get("score")
    return (
        name,
        [str(one) for one in given["user"]],
        [str(one) for one in given["item"]],
        None if scores is None else [float(one) for one in scores],
    )


def _array(name: str, array: np.ndarray) -> tuple:
    if array.ndim != 2:
        raise ValueError(f"{name} has the shape {array.shape}: give [users, items] or [users, k]")
    if array.dtype.kind in "iu":
        return name, np.ascontiguousarray(array, dtype=np.int32)
    return name, _tables.matrix(array, name)
