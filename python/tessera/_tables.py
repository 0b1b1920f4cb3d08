"""Tables of the user's → what the engine reads: an Arrow stream, or columns of NumPy arrays."""

from __future__ import annotations

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
    raise TypeError(
        f"{name}: a {type(data).__name__} is no table: give a file, an Arrow, pandas or polars "
        "table, or a dict of arrays"
    )


def _column(key: str, values: Any, name: str) -> Column:
    where = f"{name}: column '{key}'"
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{where} is ragged: give one value a row") from None
    if array.ndim != 1:
        raise ValueError(f"{where} has the shape {array.shape}: give one value a row")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    kind = array.dtype.kind
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
        return key, "U", [_text(value, where, row) for row, value in enumerate(array.tolist())]
    raise TypeError(f"{where} has the dtype {array.dtype}: give strings, numbers or datetime64")


def _text(value: Any, where: str, row: int) -> Any:
    """A string or whole number, None where the value is missing."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    if value is None or value != value:  # NaN, NaT and pandas.NA are no value
        return None
    if isinstance(value, float):
        return repr(value)
    raise TypeError(
        f"{where}: row {row} is of type {type(value).__name__}: give strings, numbers or datetime64"
    )


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
