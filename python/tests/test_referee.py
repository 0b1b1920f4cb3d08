import json

import numpy as np
import pytest

import tessera_rec as tessera


@pytest.fixture
def lists(shop, model):
    return {user: model.recommend(history, k=150).items for user, history in shop.histories("test").items()}


def test_lists_and_scores_give_the_figures_of_the_model(shop, model, lists):
    own = model.evaluate(shop)
    assert tessera.evaluate(lists, shop)["metrics"].keys() == own["metrics"].keys()
    users = list(shop.targets("test"))
    scores = np.stack([model.score(shop.histories("test")[user], shop.item_ids) for user in users])
    by_scores = tessera.evaluate(scores, shop)
    for name, value in own["metrics"].items():
        assert by_scores["metrics"][name] == pytest.approx(value, abs=1e-6), name
    long = {"user": [], "item": [], "score": []}
    for row, user in enumerate(users):
        long["user"] += [user] * 150
        long["item"] += shop.item_ids
        long["score"] += scores[row].tolist()
    as_table = tessera.evaluate(long, shop)
    assert as_table["metrics"] == by_scores["metrics"]
    pa = pytest.importorskip("pyarrow")
    assert tessera.evaluate(pa.table(long), shop)["metrics"] == by_scores["metrics"]
    numbers = {item: number for number, item in enumerate(shop.item_ids)}
    of_numbers = np.array([[numbers[item] for item in lists[user][:20]] for user in users])
    assert tessera.evaluate(of_numbers, shop)["metrics"]["HR@1"] >= 0


def test_several_systems_are_compared_in_pairs(shop, model, lists):
    worse = {user: items[::-1] for user, items in lists.items()}
    report = tessera.evaluate(model, shop, predictions={"same": lists, "worse": worse}, at=[3, 50])
    assert set(report["differences"]) == {"same", "worse"}
    assert report["differences"]["worse"]["HR@10"][0] > 0
    assert {"HR@3", "NDCG@50", "MRR@50"} <= set(report["at"])
    assert set(report["systems"]) == {"model", "same", "worse"}


def test_traps_and_places(shop, lists, tmp_path):
    some = dict(list(lists.items())[:50])
    report = tessera.evaluate(some, shop, per_user=tmp_path / "users.jsonl")
    assert "missing users" in {trap["trap"] for trap in report["traps"]}
    rows = [json.loads(line) for line in (tmp_path / "users.jsonl").open()]
    assert [row["user"] for row in rows] == list(shop.targets("test"))


def test_wrong_predictions_are_refused(shop):
    with pytest.raises(tessera.Error, match="3 rows"):
        tessera.evaluate(np.zeros((3, 150), "f4"), shop)
    with pytest.raises(tessera.Error, match="no list"):
        tessera.evaluate({"nobody": ["S000001"]}, shop)
    with pytest.raises(TypeError, match="table with 'user'"):
        tessera.evaluate(3, shop)
    with pytest.raises(ValueError, match="shape"):
        tessera.evaluate(np.zeros(3), shop)
