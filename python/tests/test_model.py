"""What a model answers: as the command line does, and consistent in itself."""

import json
import pickle
import threading

import numpy as np
import pytest

import tessera_rec as tessera
from conftest import TINY


def line_of(items):
    return [item["id"] for item in items], np.array([item["score"] for item in items], np.float32)


def test_one_history_gets_what_the_command_line_recommends(shop, model, program):
    for user in shop.user_ids[:5]:
        history = shop.history(user)
        answer = json.loads(
            program("recommend", "--model", "model", "--history", ",".join(history), "-k", 7, "--json")
        )
        ids, scores = line_of(answer["items"])
        items, ours = model.recommend(history, k=7)
        assert items.tolist() == ids
        assert ours.dtype == np.float32 and np.array_equal(ours, scores)


def test_many_users_get_what_the_command_line_recommends(here, shop, model, program):
    users = shop.user_ids
    (here / "users.txt").write_text("".join(user + "\n" for user in users))
    lines = program("recommend", "--model", "model", "--users", "users.txt", "-k", 5, "--json")
    answers = [line_of(json.loads(line)["items"]) for line in lines.splitlines()]
    items, scores = model.recommend_many([shop.history(user) for user in users], k=5)
    assert items.shape == scores.shape == (300, 5)
    assert items.tolist() == [ids for ids, _ in answers]
    assert np.array_equal(scores, np.stack([scores for _, scores in answers]))


def test_what_trends_is_blended_into_short_histories(model, program):
    history, longer = ["S000012", "S000100"], ["S000012", "S000100", "S000003"]
    trending = [item for item in model.fall_back(8, "trending") if item not in history]
    assert model.recommend(history, 6, blend=1).items.tolist() == trending[:6]
    plain = model.recommend(history, 6).items.tolist()
    assert model.recommend(history, 6, blend=0.0).items.tolist() == plain
    mixed = {"share": 0.4, "from": ["popular", "newest"]}
    words = "recommend", "--model", "model", "--json", "-k", 6, "--blend", json.dumps(mixed)
    answer = json.loads(program(*words, "--history", ",".join(history)))
    assert model.recommend(history, 6, blend=mixed).items.tolist() == line_of(answer["items"])[0]
    many = model.recommend_many([history, longer], 6, blend=1)
    assert many.items[0].tolist() == trending[:6]
    assert many.items[1].tolist() == model.recommend(longer, 6).items.tolist()
    with pytest.raises(ValueError, match="share"):
        model.recommend(history, blend=2)


def test_repeats_are_left_out_unless_they_are_wanted(model):
    history = ["S000012", "S000100", "S000003"]
    items, scores = model.recommend(history, k=10000)
    assert len(items) == 147 and not set(items) & set(history)
    assert len(model.recommend(history, k=10000, repeats=True).items) == 150
    assert (np.diff(scores) <= 0).all()


def test_shorter_lists_are_filled_up(model):
    items, scores = model.recommend_many([["S000012"], ["S000012", "S000003"]], k=149)
    assert items[0, 148] is not None and items[1, 148] is None
    assert np.isfinite(scores[0]).all() and np.isnan(scores[1]).tolist() == [False] * 148 + [True]
    empty = model.recommend_many([], k=3)
    assert empty.items.shape == empty.scores.shape == (0, 3)


def test_scores_are_products_of_states_and_vectors(shop, model):
    histories = [shop.history(user) for user in shop.user_ids[:20]]
    states, vectors = model.states(histories), model.vectors()
    assert states.shape == (20, model.width) and vectors.shape == (150, model.width)
    place = {item: i for i, item in enumerate(model.item_ids)}
    for state, history in zip(states, histories):
        items, scores = model.recommend(history, k=147, repeats=True)
        expected = vectors[[place[item] for item in items]].astype(float) @ state.astype(float)
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_histories_of_any_kind(model, tmp_path):
    pandas, polars, pyarrow = map(pytest.importorskip, ["pandas", "polars", "pyarrow"])
    history = ["S000012", "S000100"]
    expected = model.recommend(history).items.tolist()
    for kind in tuple, np.array, pandas.Series, polars.Series, pyarrow.array:
        assert model.recommend(kind(history)).items.tolist() == expected


def test_columns_of_histories(model):
    import pandas, polars, pyarrow

    many = [["S000012", "S000100"], ["S000003"], ["S000001", "S000002", "S000012"]]
    expected = model.recommend_many(many, k=3).items.tolist()
    columns = {
        "arrow": pyarrow.array(many),
        "large lists": pyarrow.array(many, pyarrow.large_list(pyarrow.large_string())),
        "chunks": pyarrow.chunked_array([many[:1], many[1:]]),
        "polars": polars.Series(many),
        "pandas": pandas.Series(many),
        "pandas on arrow": pandas.Series(pyarrow.array(many), dtype=pandas.ArrowDtype(pyarrow.list_(pyarrow.string()))),
        "arrays": [np.array(history) for history in many],
        "objects": np.array(many, object),
        "tuples": tuple(map(tuple, many)),
    }
    for kind, column in columns.items():
        assert model.recommend_many(column, k=3).items.tolist() == expected, kind
    with pytest.warns(UserWarning, match=r"1 of 3 .*histories\[1\]: it is empty"):
        with_null = model.recommend_many(pyarrow.array([many[0], None, many[2]]), k=3)
    assert with_null.items[[0, 2]].tolist() == [expected[0], expected[2]]


def test_whole_numbers_are_ids(tmp_path):
    events = {"user": [u for u in range(60) for _ in range(5)], "item": [i % 13 for i in range(300)]}
    data = tessera.prepare(events, tmp_path / "data", order="file")
    model = tessera.fit(data, tmp_path / "model", progress=False, tokens="id", **TINY)
    expected = model.recommend(["3", "12"]).items.tolist()
    for history in [3, 12], np.array([3, 12], np.uint8), [np.int64(3), 12]:
        assert model.recommend(history).items.tolist() == expected
    assert model.levels == 0 and model.tokens().shape == (13, 0) and model.codebooks == []
    with pytest.raises(tessera.Error, match="ID tokens alone"):
        model.put_items(["new"], ["a text"])


def test_tokens_are_the_bundles(here, model):
    lines = [json.loads(line) for line in (here / "model" / "items.jsonl").read_text().splitlines()]
    assert model.item_ids == [line["id"] for line in lines]
    assert model.titles == [line["title"] for line in lines]
    tokens = model.tokens()
    assert tokens.dtype == np.int32 and tokens.tolist() == [line["codes"] for line in lines]
    assert np.array_equal(model.tokens(model.item_ids[5:9]), tokens[5:9])


def test_vectors_are_sums_of_codebook_rows_and_an_id_token(model):
    sums = sum(book[codes] for book, codes in zip(model.codebooks, model.tokens().T))
    np.testing.assert_allclose(model.vectors()[:, : sums.shape[1]], sums, rtol=1e-5, atol=1e-6)
    assert not model.codebooks[0].flags.writeable


def test_statistics_and_neighbours_are_the_command_lines(model, program):
    assert model.statistics() == json.loads(program("tokens", "--model", "model", "--json"))
    shown = json.loads(program("tokens", "--model", "model", "--item", "S000012", "--json"))
    items, cosines = model.similar("S000012", k=10)
    assert sorted(items) == sorted(line["id"] for line in shown["neighbours"])
    np.testing.assert_allclose(
        cosines, [line["cosine"] for line in shown["neighbours"]], rtol=1e-5, atol=1e-6
    )


def test_users_alike_are_those_whose_states_are(shop, model, program):
    histories = [shop.history(user) for user in shop.user_ids[:40]]
    others = [*histories, [], ["nobody knows this"]]
    with pytest.warns(UserWarning, match="2 of 42"):
        places, cosines = model.similar_histories(histories[3], others, k=50)
    assert places[0] == 3 and len(places) == 40
    states = model.states(histories)
    units = states / np.linalg.norm(states, axis=1, keepdims=True)
    np.testing.assert_allclose(cosines, (units @ units[3])[places], atol=1e-5)
    assert (np.diff(cosines) <= 0).all()
    with pytest.raises(tessera.Error):
        model.similar_histories(["nobody knows this"], others)
    user = shop.user_ids[3]
    shown = program("similar-users", "--model", "model", "--user", user, "-k", "1", "--json")
    best = json.loads(shown)
    everybody = [shop.history(other) for other in shop.user_ids]
    places, cosines = model.similar_histories(histories[3], everybody, k=10)
    likes = {shop.user_ids[place]: cosine for place, cosine in zip(places, cosines)}
    assert best["cosine"] == pytest.approx(likes[best["user"]], abs=1e-6)


def test_an_explanation_adds_up(model):
    history = ["S000012", "S000100", "S000003"]
    why = model.explain(history, "S000050")
    items, scores = model.recommend(history, k=147)
    assert why["score"] == pytest.approx(scores[items.tolist().index("S000050")], abs=1e-5)
    assert sum(why["tokens"]) + why["id_token"] == pytest.approx(why["score"], abs=1e-5)
    without = model.explain(history[:1] + history[2:], "S000050")["score"]
    assert why["history"][1] == pytest.approx(why["score"] - without, abs=1e-5)


def test_the_map_shows_every_item(model):
    items, places, codes = model.map()
    assert items == model.item_ids and places.shape == (150, 2)
    assert np.array_equal(codes, model.tokens()[:, 0])
    centred = model.vectors() - model.vectors().astype(float).mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False)[:2] ** 2
    np.testing.assert_allclose((places.astype(float) ** 2).sum(axis=0), variances, rtol=0.2)


def test_a_new_item_has_its_texts_tokens_and_no_id_token(shop, model):
    tokens = model.put_items(["new", "newer"], [shop.texts[0], shop.texts[1]], titles=["New", "Newer"])
    assert np.array_equal(tokens, model.tokens(shop.item_ids[:2]))
    assert model.item_ids[-2:] == ["new", "newer"] and model.titles[-2:] == ["New", "Newer"]
    ids = model.settings["id_dims"]
    assert not model.vectors(["new"])[0, -ids:].any()
    assert np.array_equal(
        model.vectors(["new"])[0, :-ids], model.vectors(shop.item_ids[:1])[0, :-ids]
    )
    items, _ = model.recommend(["S000012"], k=10000)
    assert {"new", "newer"} <= set(items)
    assert "new" not in model.recommend(["new"], k=10000).items  # it may stand in a history
    assert repr(model) == "Model('model': 152 items, 2 of them put)"


def test_embeddings_add_what_texts_add(shop, model):
    by_text = model.put_items(["by text"], [shop.texts[7]])
    by_vector = model.put_items(["by vector"], embeddings=shop.embeddings[7:8])
    assert np.array_equal(by_text, by_vector)
    assert np.array_equal(model.vectors(["by text"]), model.vectors(["by vector"]))


def test_an_item_put_again_keeps_its_id_token(shop, model):
    item = shop.item_ids[4]
    before = model.vectors([item])
    model.put_items([item], [shop.texts[4]])
    assert np.array_equal(model.vectors([item]), before)
    assert len(model.item_ids) == 150


def test_removed_items_are_gone(model):
    model.erase_items(["S000012", "S000013"])
    assert len(model.item_ids) == 148
    assert "S000012" not in model.recommend(["S000100"], k=10000).items
    with pytest.raises(tessera.Error, match="'S000012' is not in"):
        model.recommend(["S000012"])
    with pytest.raises(tessera.Error, match="'S000012' is not in"):
        model.erase_items(["S000100", "S000012"])
    assert "S000100" in model.item_ids


def test_items_are_put_and_erased_by_their_old_names_too(shop, model):
    tokens = model.add_items(["new"], [shop.texts[0]], titles=["New"])
    assert np.array_equal(tokens, model.tokens(["new"])) and model.titles[-1] == "New"
    model.remove_items(["new"])
    assert "new" not in model.item_ids


def test_pickling_goes_by_path(shop, model, monkeypatch, here):
    stored = pickle.dumps((shop, model))
    monkeypatch.chdir("/")
    data, again = pickle.loads(stored)
    assert len(stored) < 1000
    assert data.fingerprint == shop.fingerprint
    expected = model.recommend(["S000012"])
    assert again.recommend(["S000012"]).items.tolist() == expected.items.tolist()
    model.put_items(["new"], [shop.texts[0]])
    with pytest.raises(pickle.PicklingError, match="1 items were put"):
        pickle.dumps(model)


def test_two_models_in_one_process_do_not_know_each_other(shop, model):
    other = tessera.fit(shop, "other", progress=False, **dict(TINY, tokens="semantic", seed=8))
    alone = [model.recommend(["S000012"]).scores, other.recommend(["S000012"]).scores]
    other.put_items(["new"], [shop.texts[0]])
    other.erase_items(["S000013"])
    assert "new" not in model.item_ids and "S000013" in model.item_ids
    assert not np.array_equal(alone[0], alone[1])
    assert np.array_equal(model.recommend(["S000012"]).scores, alone[0])
    del other
    assert np.array_equal(model.recommend(["S000012"]).scores, alone[0])


def test_threads_get_the_answers_that_one_gets(shop, model):
    histories = [shop.history(user) for user in shop.user_ids]
    expected = [model.recommend(history, k=5) for history in histories]
    wrong, start = [], threading.Barrier(5)
    tokens = [model.put_items(["alone"], [text]) for text in shop.texts[:50]]
    model.erase_items(["alone"])

    def ask():
        start.wait()
        for history, answer in zip(histories, expected):
            items, scores = model.recommend(history, k=5)
            if items.tolist() != answer.items.tolist() or not np.array_equal(scores, answer.scores):
                wrong.append(history)

    def change(name):
        start.wait()
        for i in range(50):
            if not np.array_equal(model.put_items([f"{name} {i}"], [shop.texts[i]]), tokens[i]):
                wrong.append(i)
            model.erase_items([f"{name} {i}"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    model.recommend_many(histories, k=5)
    for thread in threads:
        thread.join()
    assert not wrong
    threads = [threading.Thread(target=change, args=(name,)) for name in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(model.item_ids) == 150


@pytest.fixture(scope="module")
def default_model(shop_directory, tmp_path_factory):
    """The default recipe, small, with the codes of a large catalogue: three semantic ones an item, 32 collaborative."""
    settings = dict(TINY, recipe="default", encoder_hidden="32", collaborative_epochs=1, negatives=64)
    settings.update(tokens="unified", levels=3, id_dims=6)
    out = tmp_path_factory.mktemp("default") / "model"
    tessera.fit(shop_directory / "shop", out, progress=False, **settings)
    return tessera.Model(out)


def test_the_kinds_of_codes_stay_apart(default_model):
    model = default_model
    assert (model.levels, model.collaborative_tokens) == (3, 32)
    semantic, collaborative = model.tokens(), model.tokens(kind="collaborative")
    assert semantic.shape == (150, 3) and collaborative.shape == (150, 32)
    with pytest.raises(tessera.UsageError, match="semantic, collaborative and id"):
        model.tokens(kind="all")
    ids = model.tokens(["S000012"], kind="id")
    assert ids.dtype == np.float32 and np.array_equal(ids, model.vectors(["S000012"])[:, -6:])
    assert [book.shape for book in model.codebooks] == [(16, 16)] * 3
    books = model.collaborative_codebooks
    assert [book.shape for book in books] == [(16, 2)] * 32 and not books[0].flags.writeable
    vectors = model.vectors()
    sums = sum(book[codes] for book, codes in zip(model.codebooks, semantic.T))
    np.testing.assert_allclose(vectors[:, :16], sums, rtol=1e-5, atol=1e-6)
    parts = [book[codes] for book, codes in zip(books, collaborative.T)]
    assert np.array_equal(vectors[:, 16:80], np.concatenate(parts, axis=1))
    assert vectors.shape[1] == model.width == 86  # and six dims of ID token
    statistics = model.statistics()
    assert len(statistics["activation"]) == 3
    assert len(statistics["collaborative"]["activation"]) == 32
    assert statistics["id"]["dims"] == 6
    with pytest.raises(tessera.UsageError, match="vectors"):
        tessera.interchange.token_index(model, kind="id")
    assert len(tessera.interchange.token_index(model)["S000012"]) == 3


def test_an_explanation_of_all_kinds_adds_up(default_model):
    why = default_model.explain(["S000012", "S000100"], "S000050")
    assert len(why["tokens"]) == 3 and len(why["collaborative"]) == 32
    total = sum(why["tokens"]) + sum(why["collaborative"]) + why["id_token"]
    assert total == pytest.approx(why["score"], abs=1e-4)


def test_putting_answers_with_what_is_stored(default_model, shop):
    model = tessera.Model(default_model.path)
    learned = model.tokens(["S000012"], kind="collaborative")
    put = model.put_items(["S000012", "new"], [shop.texts[3], shop.texts[4]])
    assert np.array_equal(put, model.tokens(["S000012", "new"]))
    assert np.array_equal(model.tokens(["S000012"], kind="collaborative"), learned)
