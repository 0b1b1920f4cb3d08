"""Tables of the user's → what the engine reads: an Arrow stream, or columns of NumPy arrays."""

from __future__ import annotations

import decimal
import uuid
from typing import Any, Mapping, Tuple

import numpy as np

_NUMBERS = {
    "i1": "c", "u1": "C", "i2": "s", "u2": "S", "i4": "i", "u4": "I", "i8": "l", "u8": "L",
    "f4": "f", "f8": "g",
}  # fmt: skip
_TIMES = {"s": "tss:", "ms": "tsm:", "us": "tsu:", "ns": "tsn:"}

Column = Tuple[str, str, Any]


def table(data: Any, name: str) -> Any:
    """What the engine takes for `data`: a capsule that holds an Arrow stream, or a list of columns.

    `data` has `__arrow_c_stream__` (pyarrow, polars, pandas, DuckDB, …), or is a mapping of column
    names to one-dimensional arrays.
    """
    if hasattr(data, "__arrow_c_stream__"):
        try:
            return data.__arrow_c_stream__()
        except ImportError:  # pandas without pyarrow: its columns are NumPy arrays
            pass
    if isinstance(data, Mapping) or (hasattr(data, "items") and hasattr(data, "columns")):
        return [_column(str(key), values, name) for key, values in data.items()]
    if hasattr(data, "collect") and hasattr(data, "lazy"):
        raise TypeError(f"{name}: a {type(data).__name__} is not computed yet: give .collect()")
    raise TypeError(
        f"{name}: a {type(data).__name__} is no table: give a file, an Arrow, pandas or polars "
        "table, or a dict of arrays"
    )


def _column(key: str, values: Any, name: str) -> Column:
    where = f"{name}: column '{key}'"
    try:
        array = np.asarray(values)
    except ValueError:
        return _unreadable(key, "ragged lists", len(values))
    if array.ndim != 1:
        if array.ndim > 1 and not isinstance(values, np.ndarray):
            return _unreadable(key, "lists", len(values))
        raise ValueError(f"{where} has the shape {array.shape}: give one value a row")
    kind = array.dtype.kind
    if kind in "iufM":
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if kind in "iuf" and array.dtype.str[1:] in _NUMBERS:
        return key, _NUMBERS[array.dtype.str[1:]], np.ascontiguousarray(array)
    if kind == "M":
        unit = np.datetime_data(array.dtype)
        if unit[0] not in _TIMES or unit[1] != 1:
            array = array.astype("datetime64[s]")
        format = _TIMES[np.datetime_data(array.dtype)[0]]
        return key, format, np.ascontiguousarray(array).view(np.int64)
    if kind == "S":
        array = np.char.decode(array, "utf-8", "surrogateescape")
    if kind in "SUO" or kind == "T":
        return _object_column(key, array.tolist())
    return _unreadable(key, f"{array.dtype}", len(array))


def _object_column(key: str, values: list) -> Column:
    """Strings, numbers, times and missing values, as pandas keeps them where a column mixes them."""
    plain = [_plain(value) for value in values]
    known = [value for value in plain if value is not None]
    if any(isinstance(value, float) for value in known) and all(
        isinstance(value, (int, float)) for value in known
    ):
        numbers = [float("nan") if value is None else float(value) for value in plain]
        return key, "g", np.array(numbers, np.float64)
    strange = next((value for value in known if not isinstance(value, (str, int, float))), None)
    if strange is not None:
        return _unreadable(key, type(strange).__name__, len(plain))
    return key, "U", [repr(value) if isinstance(value, float) else value for value in plain]


def _plain(value: Any) -> Any:
    """A str, int or float, None where the value is missing; anything else as it is."""
    if isinstance(value, np.generic) and not isinstance(value, (np.bool_, np.datetime64)):
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # pandas' NA and NaT
        return None
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, float):
        return None if value != value else value
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if hasattr(value, "isoformat"):  # dates and times of datetime and pandas
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    return value


def _unreadable(key: str, kind: str, rows: int) -> Column:
    """A column that may be there but not be used: the engine says its kind if it is."""
    return key, f"python:{kind}", np.zeros(rows, np.uint8)


def matrix(values: Any, name: str) -> np.ndarray:
    """`values` as float32 [rows, columns] in C order; as it is where it is that already."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} is ragged: give rows of one length") from None
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} has the dtype {array.dtype}: give float16, float32 or float64")
    if array.ndim != 2:
        raise ValueError(f"{name} has the shape {array.shape}: give [rows, dims]")
    return np.ascontiguousarray(array, dtype=np.float32)


def ids(values: Any, name: str) -> list:
    """Ids as a list of str and int."""
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} is a string: give a list of item ids")
    if hasattr(values, "tolist"):
        values = values.tolist()
    elif hasattr(values, "to_list"):
        values = values.to_list()
    elif hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{name} is of type {type(values).__name__}: give a list of item ids")
    return values if isinstance(values, list) else list(values)
