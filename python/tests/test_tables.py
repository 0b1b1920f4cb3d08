"""Tables of every kind give the dataset that the same rows in a file give, byte for byte."""

import datetime
import inspect
import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tessera_rec as tessera
from conftest import files_of

START = 1_400_000_000


def events(users=40, items=25, seed=5):
    random = np.random.default_rng(seed)
    user, item, time, rating = [], [], [], []
    for u in range(users):
        for i in range(int(random.integers(3, 9))):
            user.append(f"user {u}, “ü”")
            item.append(int(random.integers(1, items)))
            time.append(START + int(random.integers(0, 10**6)))
            rating.append(float(random.integers(2, 11)) / 2)
    return {"user": user, "item": item, "time": time, "rating": rating}


def catalogue(items=25):
    return {
        "item_id": list(range(1, items + 1)),
        "title": [f"Thing {i}" if i % 3 else None for i in range(1, items + 1)],
        "brand": [f"Maker {i % 4}; & sons" for i in range(1, items + 1)],
    }


def write_csv(path, columns):
    def field(value):
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text

    rows = [",".join(columns)]
    rows += [",".join(map(field, row)) for row in zip(*columns.values())]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


OPTIONS = dict(k_core=2, min_rating=2.5, split="time", duplicates="first", seed=9, name="same")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    directory = tmp_path_factory.mktemp("csv")
    write_csv(directory / "events.csv", events())
    write_csv(directory / "items.csv", catalogue())
    data = tessera.prepare(
        directory / "events.csv", directory / "out", items=directory / "items.csv", format="csv",
        **OPTIONS,
    )  # fmt: skip
    assert len(data.user_ids) > 20
    return directory


def arrow(columns, **types):
    table = pa.table(columns)
    for name, type in types.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(type))
    return table


def chunked(columns):
    """A table in pieces whose arrays begin in the middle of their buffers."""
    table = pa.table(columns)
    odd = pa.concat_tables([table.slice(0, 1), table.slice(1, 13), table.slice(14)])
    return pa.concat_tables([odd.slice(0, 7), odd.slice(7)])


def sliced_frame(columns):
    doubled = {name: [value for value in values for _ in (0, 1)] for name, values in columns.items()}
    return pd.DataFrame(doubled).iloc[::2]


KINDS = {
    "lists": dict,
    "numpy": lambda c: {k: np.array(v, dtype=object if None in v else None) for k, v in c.items()},
    "strided numpy": lambda c: {k: np.repeat(np.array(v, object), 2)[::2] for k, v in c.items()},
    "pandas": pd.DataFrame,
    "sliced pandas": sliced_frame,
    "pandas columns": lambda c: {k: pd.Series(v) for k, v in c.items()},
    "polars": pl.DataFrame,
    "arrow": pa.table,
    "arrow in pieces": chunked,
    "arrow reader": lambda c: chunked(c).to_reader(max_chunksize=5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_dataset(kind, expected, tmp_path):
    make = KINDS[kind]
    tessera.prepare(make(events()), tmp_path / "out", items=make(catalogue()), **OPTIONS)
    assert files_of(tmp_path / "out") == files_of(expected / "out")


ARROW_TYPES = {
    "large strings": dict(user=pa.large_string()),
    "string views": dict(user=pa.string_view()),
    "dictionaries": dict(user=pa.dictionary(pa.int16(), pa.string())),
    "small numbers": dict(item=pa.uint8(), rating=pa.float32()),
    "ids as text": dict(item=pa.string()),
    "seconds": dict(time=pa.timestamp("s")),
    "nanoseconds with a zone": dict(time=pa.timestamp("ns", "UTC")),
}


@pytest.mark.parametrize("kind", ARROW_TYPES)
def test_arrow_types_do_not_matter(kind, expected, tmp_path):
    types = dict(ARROW_TYPES[kind])
    columns = events()
    if "time" in types:
        columns["time"] = pa.array(columns["time"]).cast(pa.timestamp("s"))
    table = arrow(columns, **types)
    if "time" not in types:
        assert table.schema.field(next(iter(types))).type == next(iter(types.values()))
    tessera.prepare(table, tmp_path / "out", items=pa.table(catalogue()), **OPTIONS)
    assert files_of(tmp_path / "out") == files_of(expected / "out")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_datetimes_of_numpy(unit, expected, tmp_path):
    columns = events()
    columns["time"] = np.array(columns["time"], "datetime64[s]").astype(f"datetime64[{unit}]")
    tessera.prepare(columns, tmp_path / "out", items=catalogue(), **OPTIONS)
    assert files_of(tmp_path / "out") == files_of(expected / "out")


def test_parquet_comes_for_free(expected, tmp_path):
    pq.write_table(pa.table(events()), tmp_path / "events.parquet")
    tessera.prepare(
        pq.read_table(tmp_path / "events.parquet"), tmp_path / "out", items=catalogue(), **OPTIONS
    )
    assert files_of(tmp_path / "out") == files_of(expected / "out")


def test_the_command_line_makes_the_same(expected, program, tmp_path):
    program(
        "prepare", "--format", "csv", "--interactions", expected / "events.csv", "--items",
        expected / "items.csv", "--k-core", 2, "--min-rating", 2.5, "--split", "time",
        "--duplicates", "first", "--seed", 9, "--name", "same", "--out", tmp_path / "out",
    )  # fmt: skip
    assert files_of(tmp_path / "out") == files_of(expected / "out")


def test_every_option_of_the_command_line_is_a_keyword(program):
    help = program("prepare", "--help")
    parameters = inspect.signature(tessera.prepare).parameters
    options = set(re.findall(r"--([a-z][a-z-]*)", help)) - {"help", "json", "threads"}
    named = {option.replace("-", "_") for option in options if f"  --{option}" in help}
    assert len(named) > 30 and named <= set(parameters), named - set(parameters)
    for word in named - {"interactions", "items", "out"}:
        assert f"    {word}: " in tessera.prepare.__doc__
    with pytest.raises(TypeError, match="unexpected keyword argument 'k_cor'"):
        tessera.prepare({"user": ["a"], "item": [1]}, "out", k_cor=2)


def test_missing_values_are_missing(tmp_path):
    day = datetime.datetime(2014, 7, 23)
    table = pd.DataFrame(
        {
            "user": ["a", "a", "a", "b"],
            "item": [1, 2, 3, 1],
            "time": [day, None, day + datetime.timedelta(days=1), pd.NaT],
            "rating": [5, float("nan"), 4, 5],
        }
    )
    data = tessera.prepare(table, tmp_path / "all")
    assert data.times.tolist() == [1406073600, -1, 1406160000, -1]
    rated = tessera.prepare(table, tmp_path / "rated", min_rating=4)
    assert [rated.history(user) for user in "ab"] == [["1", "3"], ["1"]]
    assert rated.summary["dropped"] == {"rated too low, or not rated": 1} or "rated" in json.dumps(
        rated.summary
    )


def test_dates_lists_and_nulls_of_arrow(tmp_path):
    table = pa.table({"user": ["a", "a"], "item": [1, 2], "date": pa.array([0, 16274], pa.date32())})
    items = pa.table(
        {
            "item": [1, 2],
            "title": ["One", "Two"],
            "categories": pa.array([["Tea", "Pots"], None], pa.list_(pa.string())),
            "nothing": pa.nulls(2),
        }
    )
    data = tessera.prepare(table, tmp_path / "out", items=items, text="{title}: {categories}{nothing}")
    assert data.times.tolist() == [0, 16274 * 86400]
    assert [data.texts[data.item_ids.index(i)] for i in "12"] == ["One: Tea, Pots", "Two:"]


def test_event_types_and_named_columns(tmp_path):
    table = pl.DataFrame(
        {"who": ["a"] * 4, "what": ["x", "y", "x", "z"], "did": ["view", "buy", "view", "look"]}
    )
    data = tessera.prepare(
        table, tmp_path / "out", user="who", item="what", event_type="did",
        event_types={"view": 1, "buy": 3}, min_weight=2,
    )  # fmt: skip
    assert data.history("a") == ["x", "y", "x"]
    assert data.weights.tolist() == [1, 3, 1] and data.weights.dtype == np.float32


def test_arrays_are_views_that_nobody_can_change(shop):
    assert shop.events.base is not None and not shop.events.flags.writeable
    assert np.shares_memory(shop.events, shop.events)
    with pytest.raises(ValueError):
        shop.events[0] = 1
    events = shop.events
    total = int(events.sum())
    del shop
    assert int(events.sum()) == total


def test_beauty_from_columns_equals_the_command_line(beauty, program, tmp_path):
    columns = {"user": [], "item": [], "time": []}
    times = (beauty / "timestamps.txt").read_text().splitlines()
    for line, clock in zip((beauty / "interactions.txt").read_text().splitlines(), times):
        user, *items = line.split()
        columns["user"] += [user] * len(items)
        columns["item"] += map(int, items)
        columns["time"] += map(int, clock.split()[1:])
    text = beauty / "item_text.json"
    program(
        "prepare", "--interactions", beauty / "interactions.txt", "--timestamps",
        beauty / "timestamps.txt", "--item-text", text, "--out", tmp_path / "line",
    )  # fmt: skip
    tessera.prepare(
        pd.DataFrame(columns), tmp_path / "python", item_text=text, order="file", name="beauty"
    )
    ours, theirs = files_of(tmp_path / "python"), files_of(tmp_path / "line")
    # Columns have names, which the summary tells; lines of items have none.
    summary = json.loads(ours.pop("summary.json"))
    assert {role: choice["field"] for role, choice in summary.pop("fields").items()} == {
        role: role for role in ("user", "item", "time")
    }
    assert summary == json.loads(theirs.pop("summary.json")) and ours == theirs
