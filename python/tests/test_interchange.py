import csv
import json

import numpy as np
import pytest

import tessera_rec as tessera
from conftest import TINY, files_of


def test_recbole_and_back(shop, here):
    tessera.interchange.write_recbole(shop, "recbole/shop")
    once = tessera.prepare("recbole/shop", "once", format="recbole", order="file")
    assert once.user_ids == shop.user_ids and set(once.item_ids) == set(shop.item_ids)
    assert all(once.history(user) == shop.history(user) for user in shop.user_ids)
    texts = dict(zip(shop.item_ids, zip(shop.titles, shop.texts)))
    assert dict(zip(once.item_ids, zip(once.titles, once.texts))) == texts
    tessera.interchange.write_recbole(once, "again/shop")
    again = tessera.prepare("again/shop", "twice", format="recbole", order="file")
    assert files_of("again/shop").keys() == {"shop.inter", "shop.item"}
    assert files_of("twice") == files_of("once")
    header = (here / "recbole/shop/shop.inter").read_text().splitlines()[0]
    assert header.split("\t")[:2] == ["user_id:token", "item_id:token"]


def test_recbole_files_hold_times_and_no_tabs_in_texts(tmp_path):
    events = {"user": ["a", "a", "a"], "item": ["x", "y", "x"], "time": [5, 6, 9]}
    items = {"item": ["x", "y"], "title": ["An x", "A y"], "text": ["one\ttwo", "three"]}
    data = tessera.prepare(events, tmp_path / "data", items=items)
    tessera.interchange.write_recbole(data, tmp_path / "set")
    assert (tmp_path / "set" / "set.inter").read_text() == (
        "user_id:token\titem_id:token\ttimestamp:float\na\tx\t5\na\ty\t6\na\tx\t9\n"
    )
    again = tessera.prepare(tmp_path / "set", tmp_path / "again", format="recbole")
    assert again.fingerprint == data.fingerprint and again.times.tolist() == [5, 6, 9]
    assert sorted(again.texts) == ["one two", "three"]
    tabbed = tessera.prepare({"user": ["a\tb"], "item": ["x"]}, tmp_path / "tabbed")
    with pytest.raises(tessera.Error, match="holds a tab"):
        tessera.interchange.write_recbole(tabbed, tmp_path / "no")
    missing = tessera.prepare({"user": ["a"], "item": ["n/a"]}, tmp_path / "missing")
    with pytest.raises(tessera.Error, match="item 'n/a' would be read as missing"):
        tessera.interchange.write_recbole(missing, tmp_path / "no")


def test_a_token_index_names_every_code(model, here):
    tessera.interchange.write_token_index(model, "index.json")
    index = json.loads((here / "index.json").read_text())
    codes = dict(zip(model.item_ids, model.tokens().tolist()))
    assert index == {i: [f"<a_{a}>", f"<b_{b}>", f"<c_{c}>"] for i, (a, b, c) in codes.items()}


def test_a_unique_token_index_tells_all_items_apart(shop, model):
    model.put_items(["twin"], [shop.texts[0]])
    plain = tessera.interchange.token_index(model)
    assert plain["twin"] == plain[shop.item_ids[0]]
    unique = tessera.interchange.token_index(model, unique=True)
    assert len(set(map(tuple, unique.values()))) == 151
    assert all(tokens[:3] == plain[item] for item, tokens in unique.items())
    assert unique["twin"][3] != "<d_0>"


def test_a_model_of_ids_has_no_token_index(shop):
    model = tessera.fit(shop, "ids", progress=False, tokens="id", **TINY)
    with pytest.raises(tessera.Error, match="0 levels"):
        tessera.interchange.token_index(model)


def test_faiss_finds_what_the_model_recommends(shop, model):
    pytest.importorskip("faiss")
    index, ids = tessera.interchange.faiss_index(model)
    histories = [shop.history(user) for user in shop.user_ids[:30]]
    scores, rows = index.search(model.states(histories), 5)
    ours = model.recommend_many(histories, k=5, repeats=True)
    np.testing.assert_allclose(scores, ours.scores, rtol=1e-5, atol=1e-6)
    same = ids[rows] == ours.items
    tied = np.isclose(scores, np.roll(scores, 1, 1)) | np.isclose(scores, np.roll(scores, -1, 1))
    assert (same | tied).all()


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_lists_are_written_as_a_table(shop, model, here, kind):
    users = [*shop.user_ids[:3], 'he said "no",\nthen']
    many = model.recommend_many([shop.history(user) for user in users[:3]] + [[shop.item_ids[0]]], k=4)
    (here / f"lists.{kind}").write_text("what was there before")
    tessera.interchange.write_recommendations(f"lists.{kind}", users, many)
    if kind == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        rows = parquet.read_table(here / "lists.parquet").to_pylist()
    elif kind == "csv":
        rows = list(csv.DictReader(open(here / "lists.csv", newline="")))
    else:
        rows = [json.loads(line) for line in open(here / "lists.jsonl")]
    assert [(row["user"], int(row["place"]), row["item"]) for row in rows] == [
        (user, place + 1, item)
        for user, items in zip(users, many.items)
        for place, item in enumerate(items)
    ]
    np.testing.assert_allclose(
        [float(row["score"]) for row in rows], many.scores.ravel(), rtol=1e-6
    )
    assert [file.name for file in here.iterdir() if file.name.endswith(".part")] == []


def test_lists_are_not_written_where_that_makes_no_sense(shop, model, here):
    many = model.recommend_many([shop.history(user) for user in shop.user_ids[:2]], k=2)
    with pytest.raises(tessera.UsageError, match="1 users for 2 lists"):
        tessera.interchange.write_recommendations("lists.csv", shop.user_ids[:1], many)
    with pytest.raises(tessera.UsageError, match="FILE.parquet, FILE.csv or FILE.jsonl"):
        tessera.interchange.write_recommendations("lists.txt", shop.user_ids[:2], many)
    assert not (here / "lists.csv").exists() and not (here / "lists.txt").exists()
