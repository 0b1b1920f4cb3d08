"""Columns of every kind that can stand for an id or a time, and others that may stand beside them."""

import datetime
import decimal
import sys
import uuid
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tessera_rec as tessera

IDS = {
    "strings": ["5", "6", "7"],
    "whole numbers": [5, 6, 7],
    "int8": np.array([5, 6, 7], np.int8),
    "uint64": np.array([5, 6, 7], np.uint64),
    "big-endian": np.array([5, 6, 7], ">i4"),
    "bytes of NumPy": np.array([b"5", b"6", b"7"]),
    "objects": np.array(["5", 6, np.int64(7)], object),
    "numbers of NumPy as objects": np.array([np.int64(5), np.int32(6), np.uint8(7)], object),
    "StringDType": np.array(["5", "6", "7"], np.dtypes.StringDType(na_object=pd.NA)),
    "Decimal": [decimal.Decimal(5), decimal.Decimal(6), decimal.Decimal(7)],
    "Int64": pd.array([5, 6, 7], "Int64"),
    "UInt8": pd.array([5, 6, 7], "UInt8"),
    "string": pd.array(["5", "6", "7"], "string"),
    "category": pd.Categorical(["5", "6", "7"]),
    "category of numbers": pd.Series(pd.Categorical([5, 6, 7])),
    "polars": pl.Series([5, 6, 7]),
    "polars strings": pl.Series(["5", "6", "7"]),
    "polars categories": pl.Series(["5", "6", "7"], dtype=pl.Categorical),
    "pyarrow": pa.array([5, 6, 7]),
    "pyarrow binary": pa.array([b"5", b"6", b"7"]),
}

#: 2014-07-23 10:00:00 UTC, missing, a day later.
TIMES = {
    "seconds": [1406109600, -1, 1406196000],
    "floats": [1406109600.0, np.nan, 1406196000.0],
    "datetime64[ns]": np.array(["2014-07-23T10", "NaT", "2014-07-24T10"], "datetime64[ns]"),
    "datetime64[m]": np.array(["2014-07-23T10", "NaT", "2014-07-24T10"], "datetime64[m]"),
    "strings": ["2014-07-23T10:00:00Z", None, "2014-07-24T10:00:00Z"],
    "datetimes": [datetime.datetime(2014, 7, 23, 10), None, datetime.datetime(2014, 7, 24, 10)],
    "aware datetimes": [
        datetime.datetime.fromisoformat("2014-07-23T12:00:00+02:00"), None,
        datetime.datetime.fromisoformat("2014-07-24T05:00:00-05:00"),
    ],
    "Timestamps": pd.to_datetime(["2014-07-23T10", None, "2014-07-24T10"]),
    "aware Timestamps": pd.to_datetime(
        ["2014-07-23T10", None, "2014-07-24T10"], utc=True
    ).tz_convert("Asia/Tokyo"),
    "Int64 with NA": pd.array([1406109600, pd.NA, 1406196000], "Int64"),
    "Float64 with NA": pd.array([1406109600, pd.NA, 1406196000], "Float64"),
    "string with NA": pd.array(["2014-07-23 10:00", pd.NA, "2014-07-24 10:00"], "string"),
    "StringDType": np.array(
        ["2014-07-23 10:00", pd.NA, "2014-07-24 10:00"], np.dtypes.StringDType(na_object=pd.NA)
    ),
    "polars datetimes": pl.Series(
        [datetime.datetime(2014, 7, 23, 10), None, datetime.datetime(2014, 7, 24, 10)]
    ),
}  # fmt: skip

#: Columns that no role takes.
OTHERS = {
    "booleans": [True, False, True],
    "boolean with NA": pd.array([True, pd.NA, False], "boolean"),
    "lists": [[1], [1, 2], []],
    "lists of one length": [[1, 2], [3, 4], [5, 6]],
    "lists of pandas": pd.Series([[1], [1, 2], []]),
    "complex": np.ones(3, complex),
    "dicts": [{"a": 1}, {}, None],
    "UUIDs": [uuid.UUID(int=1)] * 3,
    "timedeltas": np.array([1, 2, 3], "timedelta64[s]"),
    "intervals": pd.interval_range(0, 3),
    "objects of any kind": np.array([object(), sys, 1], object),
}


def prepared(columns, where):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tessera.prepare(columns, where)


def table(**columns):
    return {"user": ["ann", "ann", "ann"], "item": [5, 6, 7], **columns}


@pytest.mark.parametrize("kind", IDS)
def test_ids(kind, tmp_path):
    for role in "user", "item":
        data = prepared(table(**{role: IDS[kind]}), tmp_path / role)
        ids = data.user_ids if role == "user" else data.history("ann")
        assert ids == ["5", "6", "7"]


@pytest.mark.parametrize("kind", TIMES)
def test_times(kind, tmp_path):
    data = prepared(table(time=TIMES[kind]), tmp_path / "out")
    assert data.times.tolist() == [1406109600, -1, 1406196000]


@pytest.mark.parametrize("kind", OTHERS)
def test_columns_that_nobody_uses(kind, tmp_path):
    assert prepared(table(other=OTHERS[kind]), tmp_path / "out").history("ann") == ["5", "6", "7"]


@pytest.mark.parametrize("kind", {**IDS, **TIMES, **OTHERS})
def test_data_frames_with_and_without_pyarrow(kind, tmp_path):
    column = {**IDS, **TIMES, **OTHERS}[kind]
    frame = pd.DataFrame(table(time=[1, 2, 3]))
    try:
        frame["other"] = list(column) if isinstance(column, (pl.Series, pa.Array)) else column
    except (TypeError, ValueError, NotImplementedError) as problem:
        pytest.skip(f"pandas takes no such column: {problem}")
    with_names = prepared(dict(frame.items()), tmp_path / "columns")  # as without pyarrow
    try:
        frame.__arrow_c_stream__()
    except Exception:  # pyarrow takes no such column
        return
    assert prepared(frame, tmp_path / "arrow").fingerprint == with_names.fingerprint


def test_what_is_doubted_is_warned_about(tmp_path):
    with pytest.warns(UserWarning, match="no time was found"):
        data = tessera.prepare({"user": ["a", "a"], "item": [1, 2]}, tmp_path / "out")
    assert len(data.summary["warnings"]) == 1
    assert data.summary["fields"]["user"] == {"field": "user", "guessed": True}


def test_several_files_and_shares_of_errors(tmp_path):
    for name, lines in ("a.csv", "user,item,time\na,1,5\n,2,6\n"), ("b.csv", "user,item,time\na,3,7\n"):
        (tmp_path / name).write_text(lines)
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    data = tessera.prepare(paths, tmp_path / "out", format="csv", max_errors="40%")
    assert data.history("a") == ["1", "3"]
    with pytest.raises(tessera.Error, match="1 of 3 records are bad"):
        tessera.prepare(paths, tmp_path / "out", format="csv", max_errors="10%")


def test_a_cut_may_be_a_float_that_is_whole(tmp_path):
    columns = {"user": ["a", "a", "a", "b"], "item": [1, 2, 3, 1], "time": [100, 160, 200, 180]}
    data = tessera.prepare(columns, tmp_path / "out", split="time", validation_from=150.0, test_from=190)
    assert data.summary["validation_from"] == 150
