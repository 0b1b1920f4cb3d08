"""What cannot be meant is refused in one sentence, and nothing is left half done."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tessera_rec as tessera

GOOD = {"user": ["a", "a", "b"], "item": [1, 2, 1], "time": [1, 2, 3]}

TABLES = {
    "another length": (dict(GOOD, item=[1, 2]), ValueError, "'item' has 2 rows where 'user' has 3"),
    "two dimensions": (dict(GOOD, item=np.ones((3, 2), int)), ValueError, r"shape \(3, 2\)"),
    "ragged": (dict(GOOD, item=[[1], [1, 2], 3]), tessera.Error, "'item' has the type ragged lists"),
    "lists inside": (dict(GOOD, item=pd.Series([[1], [1, 2], [3]])), tessera.Error, "type list"),
    "complex": (dict(GOOD, item=np.ones(3, complex)), tessera.Error, "the type complex128"),
    "booleans": (dict(GOOD, item=[True, False, True]), tessera.Error, "'item' has the type bool"),
    "truths among others": (dict(GOOD, item=np.array([1, True, "x"], object)), tessera.Error, "bool"),
    "floats of NumPy": (
        dict(GOOD, item=np.array([np.float64(10.0)] * 3, object)), tessera.Error, "'10.0' is neither",
    ),
    "whole numbers that became floats": (
        dict(GOOD, item=[1.0, None, 3.0]), tessera.Error, "Int64",
    ),
    "negative id": (dict(GOOD, item=[1, -2, 3]), tessera.Error, "row 1: the item id -2 is negative"),
    "float id": (dict(GOOD, item=[1.0, 2.0, 3.0]), tessera.Error, "'1.0' is neither"),
    "NaN id": (dict(GOOD, item=[1, np.nan, 3]), tessera.Error, "row 0"),
    "missing id": (dict(GOOD, user=["a", None, "b"]), tessera.Error, "row 1: the user id is missing"),
    "empty id": (dict(GOOD, user=["a", "", "b"]), tessera.Error, "row 1: the user id is missing"),
    "id with a line end": (dict(GOOD, user=["a", "x\ny", "b"]), tessera.Error, "holds a line end"),
    "infinite time": (dict(GOOD, time=[1, np.inf, 3.0]), tessera.Error, "row 1: time 'inf'"),
    "word for a time": (dict(GOOD, time=["1", "soon", "3"]), tessera.Error, "time 'soon'"),
    "no such column": ({"u": ["a"], "v": [1]}, tessera.Error, "which field is the user"),
    "no rows": ({"user": [], "item": []}, tessera.Error, "no user is left"),
    "no columns": ({}, tessera.Error, "which field is the user"),
    "no table": ([1, 2, 3], TypeError, "a list is no table"),
    "one column of Arrow": (pa.chunked_array([[1, 2]]), tessera.Error, "is one column"),
    "decimals": (
        pa.table({"user": ["a"], "item": pa.array([1], pa.decimal128(5, 2))}), tessera.Error,
        "'item' has the type decimal",
    ),
    "not computed yet": (pl.LazyFrame({"user": ["a"], "item": [1]}), TypeError, "collect"),
    "one name twice": (
        pa.table([[1], [2], [3]], names=["user", "item", "item"]), tessera.Error, "called 'item'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_tables(case, tmp_path):
    table, error, message = TABLES[case]
    with pytest.raises(error, match=message) as raised:
        tessera.prepare(table, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


OPTIONS = {
    "unknown split": (dict(split="both"), "split 'both': it must be one of leave-one-out, time"),
    "unknown format": (dict(items={"item": [1]}, items_format="xml"), "items_format 'xml'"),
    "negative count": (dict(k_core=-1), "k_core = -1: it must be a count from 0"),
    "text for a number": (dict(min_rating="good"), "min_rating = 'good'"),
    "share above one": (dict(cold_items=1.5), "cold_items 1.5"),
    "nothing left": (dict(k_core=7), "lower k_core"),
    "weights of no types": (dict(min_weight=2.0), "give event_types"),
    "format of a table": (dict(format="csv"), "format is of files"),
    "split without times": (dict(split="time", time="item"), "."),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case, tmp_path):
    options, message = OPTIONS[case]
    if case == "split without times":
        table, message = {"user": ["a"], "item": [1]}, "a split by time needs times; give time"
        options = dict(split="time")
    else:
        table = GOOD
    with pytest.raises((tessera.Error, TypeError), match=message):
        tessera.prepare(table, tmp_path / "out", **options)


def rows(shop, dims=4, dtype=np.float32):
    return np.random.default_rng(1).normal(size=(len(shop.item_ids), dims)).astype(dtype)


def with_value(array, value):
    array[3, 1] = value
    return array


VECTORS = {
    "integers": (lambda s: np.ones((150, 4), int), TypeError, "dtype int64"),
    "complex": (lambda s: np.ones((150, 4), complex), TypeError, "dtype complex128"),
    "longdouble": (lambda s: np.ones((150, 4), np.longdouble), TypeError, "dtype float128"),
    "words": (lambda s: [["a"]] * 150, TypeError, "dtype"),
    "one dimension": (lambda s: np.ones(150, "f4"), ValueError, r"shape \(150,\)"),
    "three dimensions": (lambda s: np.ones((150, 2, 2), "f4"), ValueError, r"shape \(150, 2, 2\)"),
    "ragged": (lambda s: [[1.0], [1.0, 2.0]], ValueError, "ragged"),
    "a row short": (lambda s: rows(s)[1:], tessera.Error, "149 rows for 150 items"),
    "no columns": (lambda s: rows(s, 0), tessera.Error, "no columns"),
    "NaN": (lambda s: with_value(rows(s), np.nan), tessera.Error, "row 3 holds NaN or Inf"),
    "infinity": (lambda s: with_value(rows(s), np.inf), tessera.Error, "row 3 holds NaN or Inf"),
    "too large for float32": (
        lambda s: with_value(rows(s, dtype="f8"), 1e300), tessera.Error, "row 3 holds NaN or Inf",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("case", VECTORS)
def test_embeddings(case, shop):
    make, error, message = VECTORS[case]
    before = shop.embeddings.tobytes()
    with pytest.raises(error, match=message):
        shop.embed(make(shop))
    assert shop.embeddings.tobytes() == before


def test_embedding_ids(shop):
    with pytest.raises(tessera.Error, match="2 rows for 1 ids"):
        shop.embed(rows(shop)[:2], ["S000001"])
    with pytest.raises(tessera.Error, match="'no' is not in the catalogue"):
        shop.embed(rows(shop)[:2], ["S000001", "no"])
    with pytest.raises(tessera.Error, match="'S000001' has a row already"):
        shop.embed(rows(shop)[:2], ["S000001", "S000001"])
    with pytest.raises(tessera.UsageError, match="ids belong to vectors"):
        shop.embed(ids=["S000001"])


@pytest.mark.parametrize("layout", ["float16", "float64", "Fortran", "strided", "reversed", "big"])
def test_any_layout_of_embeddings_is_read_as_its_values(layout, shop):
    plain = rows(shop).astype(np.float16)
    array = {
        "float16": plain,
        "float64": plain.astype(np.float64),
        "Fortran": np.asfortranarray(plain.astype(np.float32)),
        "strided": np.repeat(plain.astype(np.float32), 2, axis=1)[:, ::2],
        "reversed": plain.astype(np.float32)[::-1].copy()[::-1],
        "big": plain.astype(">f4"),
    }[layout]
    assert np.array_equal(shop.embed(array).embeddings, plain.astype(np.float32))


def test_embeddings_by_id_in_any_order(shop):
    array, order = rows(shop), np.random.default_rng(2).permutation(150)[:100]
    shop.embed(array[order], [shop.item_ids[i] for i in order])
    missing = np.setdiff1d(np.arange(150), order)
    assert np.array_equal(shop.embeddings[order], array[order])
    assert not shop.embeddings[missing].any()


HISTORIES = {
    "unknown item": (["S000012", "nobody"], tessera.Error, "item 'nobody' is not in the"),
    "negative number": ([-3], tessera.Error, "item '-3' is not in the"),
    "empty": ([], tessera.UsageError, "history is empty"),
    "string": ("S000012", TypeError, "history is a string"),
    "floats": ([1.5], TypeError, r"history\[0\] is of type float"),
    "none": ([None], TypeError, r"history\[0\] is of type NoneType"),
    "bool": ([True], TypeError, r"history\[0\] is of type bool"),
    "array of floats": (np.array([1.0, np.nan]), TypeError, r"history\[0\] is of type float"),
    "two dimensions": (np.array([["S000012"]]), TypeError, r"history\[0\] is of type list"),
    "no list": (7, TypeError, "history is of type int"),
}


@pytest.mark.parametrize("case", HISTORIES)
def test_histories(case, model):
    history, error, message = HISTORIES[case]
    with pytest.raises(error, match=message):
        model.recommend(history)
    if error is not TypeError:  # of one among many: told, and the others are answered
        return
    with pytest.raises(error):
        model.recommend_many([["S000012"], history])
    with pytest.raises(error):
        model.states([["S000012"], history])


def test_bad_histories_among_many_are_listed_and_the_others_answered(model):
    many = [["S000012"], ["S000012", "nobody"], [], ["S000100", "S000003"], ["nobody"]]
    with pytest.warns(UserWarning, match=r"3 of 5 histories get no list.*histories\[1\].*'nobody'"):
        found = model.recommend_many(many, k=4)
    assert set(found.unanswered) == {1, 2, 4}
    assert "'nobody'" in found.unanswered[1] and "empty" in found.unanswered[2]
    for row, history in enumerate(many):
        if row in found.unanswered:
            assert all(item is None for item in found.items[row]) and np.isnan(found.scores[row]).all()
        else:
            assert found.items[row].tolist() == model.recommend(history, k=4).items.tolist()
    with pytest.warns(UserWarning, match="3 of 5 histories get no state"):
        states = model.states(many)
    assert np.isnan(states).all(axis=1).tolist() == [False, True, True, False, True]
    with pytest.warns(UserWarning, match="2 of 5"):
        loose = model.recommend_many(many, k=4, skip_unknown=True)
    assert set(loose.unanswered) == {2, 4}
    assert loose.items[1].tolist() == model.recommend(["S000012"], k=4).items.tolist()
    assert model.recommend(many[1], 4, skip_unknown=True).items.tolist() == loose.items[1].tolist()
    with pytest.raises(tessera.UsageError, match="empty history"):
        model.recommend(["nobody"], skip_unknown=True)


@pytest.mark.parametrize("k", [0, -1, 10001])
def test_k(k, model):
    with pytest.raises(tessera.UsageError, match=f"k = {k}: it must be from 1 to 10000"):
        model.recommend(["S000012"], k)


def test_new_items(model, shop):
    text = shop.texts[0]
    before = model.item_ids
    cases = [
        (dict(ids=["n"]), tessera.UsageError, "give texts or embeddings"),
        (dict(ids=["n"], texts=[text], embeddings=[[1.0]]), tessera.UsageError, "one of them"),
        (dict(ids=["n"], texts=[text, text]), tessera.UsageError, "2 texts or embeddings for 1 ids"),
        (dict(ids=["n"], texts=[text], titles=[]), tessera.UsageError, "0 titles for 1 ids"),
        (dict(ids=["n"], texts=text), TypeError, "texts is a string"),
        (dict(ids=["n"], texts=[3]), TypeError, r"texts\[0\] is of type int"),
        (dict(ids=["m", "n"], texts=[text, "zzzz"]), tessera.Error, "item 'n': the text holds no"),
        (dict(ids=[""], texts=[text]), tessera.Error, "id is missing"),
        (dict(ids=["n"], embeddings=[[1.0, 2.0]]), tessera.Error, "item 'n': .*2"),
        (dict(ids=["n"], embeddings=np.full((1, 32), np.nan)), tessera.Error, "NaN or Inf"),
        (dict(ids=["n"], embeddings=np.zeros((1, 32))), tessera.Error, "is zero"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            model.put_items(**arguments)
        assert model.item_ids == before


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(tessera.Error, match="not a dataset directory"):
        tessera.Dataset(tmp_path / "none")
    with pytest.raises(tessera.Error, match="not a model bundle"):
        tessera.Model(tmp_path / "none")
    with pytest.raises(tessera.Error, match="none.csv"):
        tessera.prepare(tmp_path / "none.csv", tmp_path / "out", format="csv")


def test_errors_are_errors_of_python():
    assert issubclass(tessera.Error, RuntimeError)
    assert issubclass(tessera.UsageError, tessera.Error)
    assert issubclass(tessera.UsageError, ValueError)
