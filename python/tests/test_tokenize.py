import json

import numpy as np
import pytest

import tessera_rec as tessera
from conftest import files_of


@pytest.fixture
def vectors():
    generator = np.random.default_rng(1)
    centres = generator.normal(size=(20, 12))
    return (centres[generator.integers(0, 20, 400)] + 0.3 * generator.normal(size=(400, 12))).astype("f4")


def test_the_command_makes_the_same_tokens(shop, here, program):
    program("tokenize", "--data", "shop", "--out", "by-program", "--levels", 2, "--codebook-size", 16)
    tessera.tokenize(shop, "by-python", levels=2, codebook_size=16)
    own, theirs = files_of("by-python"), files_of("by-program")
    own.pop("health.html"), theirs.pop("health.html")  # their titles are the folders'
    assert own == theirs


@pytest.mark.parametrize("quantizer", ["residual", "trained", "product", "opq"])
def test_a_tokenizer_comes_back_as_it_was(vectors, quantizer, tmp_path):
    tokenizer = tessera.SemanticTokenizer(3, 16, quantizer=quantizer, updates=30, rounds=5).fit(vectors)
    tokenizer.save(tmp_path / "t.safetensors")
    again = tessera.SemanticTokenizer.load(tmp_path / "t.safetensors")
    codes = tokenizer.encode(vectors)
    assert codes.dtype == np.int32 and (again.encode(vectors) == codes).all()
    np.testing.assert_array_equal(tokenizer.decode(codes), again.decode(codes))
    # A vector's codes do not depend on the others.
    assert (tokenizer.encode(vectors[7:9]) == codes[7:9]).all()


def test_decoding_is_the_sum_of_codebook_rows(vectors):
    tokenizer = tessera.SemanticTokenizer(3, 16).fit(vectors)
    codes = tokenizer.encode(vectors)
    books = tokenizer.codebooks
    plain = sum(book[codes[:, level]] for level, book in enumerate(books))
    np.testing.assert_allclose(tokenizer.decode(codes), plain, rtol=1e-5, atol=1e-5)


def test_unique_codes_and_new_items(vectors):
    tokenizer = tessera.SemanticTokenizer(2, 16).fit(vectors[:200])
    codes = tokenizer.make_unique(vectors[:200], tokenizer.encode(vectors[:200]))
    assert len({*map(tuple, codes.tolist())}) == 200
    more = tokenizer.make_unique(vectors[200:250], tokenizer.encode(vectors[200:250]), kept=codes)
    assert len({*map(tuple, codes.tolist()), *map(tuple, more.tolist())}) == 250
    first = tessera.tokenize(vectors[:200], ids=list(range(200)), levels=2, codebook_size=16, unique="extra")
    both = tessera.tokenize(vectors, ids=list(range(400)), earlier=first)
    assert both.ids == [str(i) for i in range(400)]
    assert (both.codes[:200] == first.codes).all()


def test_parquet_and_arrow_give_what_arrays_give(vectors, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    ids = [f"item {i}" for i in range(len(vectors))]
    table = pa.table({"id": ids, "vector": vectors.tolist()})
    pyarrow.parquet.write_table(table, tmp_path / "items.parquet")
    expected = tessera.tokenize(vectors, ids=ids, levels=2, codebook_size=16)
    for given in table, tmp_path / "items.parquet":
        tokens = tessera.tokenize(given, levels=2, codebook_size=16)
        assert tokens.ids == ids and (tokens.codes == expected.codes).all()
    ragged = pa.table({"vector": [[1.0, 2.0], [1.0]]})
    with pytest.raises(ValueError, match="ragged"):
        tessera.tokenize(ragged)
    with pytest.raises(tessera.UsageError, match="'vector' or 'embedding'"):
        tessera.tokenize(pa.table({"what": [1]}))


def test_health_of_anybodys_codes(tmp_path):
    codes = np.zeros((100, 2), np.int64)
    report = tessera.health(codes, [8, 8], page=tmp_path / "page.html")
    assert {one["what"] for one in report["warnings"]} >= {"collapse", "dead codes", "collisions"}
    assert report["collisions"]["largest"] == 100
    assert "<script" in (tmp_path / "page.html").read_text()
    with pytest.raises(tessera.Error, match="code 9 of level 1"):
        tessera.health([[9, 0]], 4)
    with pytest.raises(TypeError, match="whole numbers"):
        tessera.health([[0.5]])


def test_wrong_words_are_refused(vectors):
    with pytest.raises(tessera.UsageError, match="quantizer 'best'"):
        tessera.SemanticTokenizer(quantizer="best").fit(vectors)
    with pytest.raises(tessera.UsageError, match="not fitted"):
        tessera.SemanticTokenizer().encode(vectors)
    with pytest.raises(tessera.Error, match="there twice"):
        tessera.tokenize(vectors[:3], ids=["a", "b", "a"])
    with pytest.raises(tessera.Error, match="row 1 holds NaN"):
        tessera.tokenize(np.array([[1, 2], [np.nan, 3]], "f4"))


def test_letter_and_lcrec_read_what_is_written(shop, model, here):
    """Their loader: every item of the histories, by its number as text, is in the index."""
    tessera.interchange.write_letter(model, shop, "Shop")
    index = json.loads((here / "Shop/Shop.index.json").read_text())
    inters = json.loads((here / "Shop/Shop.inter.json").read_text())
    items = json.loads((here / "Shop/Shop.item.json").read_text())
    assert list(index) == [str(i) for i in range(150)] == list(items)
    assert len({"".join(tokens) for tokens in index.values()}) == 150
    user = shop.user_ids.index("U000001")
    assert [items[str(i)]["id"] for i in inters[str(user)]] == shop.history("U000001")
    assert all("".join(index[str(i)]) for line in inters.values() for i in line)


def test_other_programs_codes_are_read(shop, model, here):
    tessera.interchange.write_letter(model, shop, "Shop", unique=False)
    tessera.interchange.write_recboard(model, shop, "sid_vocab.json")
    tessera.interchange.write_grid(model, shop, "grid.npy")
    expected = model.tokens(shop.item_ids)
    np.save("plain.npy", expected)
    for file in "Shop/Shop.index.json", "sid_vocab.json", "grid.npy", "plain.npy":
        ids, codes = tessera.interchange.read_codes(file)
        assert ids == [str(i) for i in range(150)] and (codes == expected).all(), file
    (here / "odd.json").write_text('{"0": ["a1"]}')
    with pytest.raises(tessera.Error, match="item '0'"):
        tessera.interchange.read_codes("odd.json")


def test_a_default_bundle_has_an_index_of_each_kind(shop):
    words = dict(codebook_size=16, epochs=1, semantic_dims=16, hidden=16, feed_forward=32, max_length=8)
    model = tessera.fit(
        shop, "default", progress=False, encoder_hidden="32", collaborative_epochs=1, negatives=64, **words
    )  # fmt: skip
    index = tessera.interchange.token_index(model)
    assert {len(tokens) for tokens in index.values()} == {1}
    other = tessera.interchange.token_index(model, kind="collaborative")
    tokens = next(iter(other.values()))
    assert len(tokens) == 32 and tokens[26].startswith("<aa_") and len({t.split("_")[0] for t in tokens}) == 32


def test_sequences_for_tiger_hold_nothing_that_is_to_be_predicted(shop, model, here):
    tessera.interchange.write_sequences(model, shop, "sequences")
    targets = shop.targets("test")
    lines = [json.loads(line) for line in (here / "sequences/test.jsonl").open()]
    assert {line["user"]: line["item"] for line in lines} == targets
    train = [json.loads(line) for line in (here / "sequences/train.jsonl").open()]
    seen = {}
    for line in train:
        seen.setdefault(line["user"], []).append(line["item"])
    assert all(shop.histories("validation")[user][1:] == items for user, items in seen.items())


def test_recbole_gets_a_time_of_every_event(tmp_path):
    pd = pytest.importorskip("pandas")
    events = {"user": ["a", "a", "a"], "item": ["x", "y", "z"], "time": [5.0, float("nan"), 9.0]}
    items = {"item": ["x", "y", "z"], "title": ['"Quoted" x', "A y", 'z "in" it'], "text": ["1", '"2', "3"]}
    data = tessera.prepare(events, tmp_path / "data", items=items)
    with pytest.warns(UserWarning, match="1 of 3 events have no known time"):
        tessera.interchange.write_recbole(data, tmp_path / "set")
    # As RecBole reads atomic files.
    inter = pd.read_csv(tmp_path / "set/set.inter", delimiter="\t")
    assert inter["timestamp:float"].tolist() == [5, 5, 9]
    item = pd.read_csv(tmp_path / "set/set.item", delimiter="\t")
    assert len(item) == 3 and item["title:token_seq"].str.contains("Quoted").any()
    untimed = tessera.prepare({"user": ["a", "a"], "item": ["x", "y"]}, tmp_path / "untimed")
    tessera.interchange.write_recbole(untimed, tmp_path / "plain")
    assert (tmp_path / "plain/plain.inter").read_text().splitlines()[1:] == ["a\tx\t0", "a\ty\t1"]
    quoted = tessera.prepare({"user": ['"a"'], "item": ["x"]}, tmp_path / "quoted")
    with pytest.raises(tessera.Error, match="a quote in front"):
        tessera.interchange.write_recbole(quoted, tmp_path / "no")


def test_a_second_stage_gets_what_it_needs(shop, model):
    history = shop.history("U000001")
    found = model.recommend(history, k=100, vectors=True)
    items, scores = found
    np.testing.assert_allclose(found.vectors @ found.state, scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.score(history, items), scores, rtol=1e-4, atol=1e-5)
    with pytest.raises(tessera.Error, match="nothing"):
        model.score(history, ["nothing"])
    with pytest.raises(tessera.UsageError, match="empty"):
        model.score([], items)
