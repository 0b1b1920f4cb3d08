"""docs/bundle-format.md says how a bundle scores: its example, by NumPy alone, against the engine."""

import importlib.util
import sys

import numpy as np
import pytest

import tessera_rec as tessera
from conftest import ROOT, TINY

DEFAULT = dict(
    TINY, recipe="default", encoder_hidden="32", collaborative_epochs=1, negatives=64
)  # fmt: skip


@pytest.fixture(scope="module")
def scorer():
    path = ROOT / "examples" / "python" / "score_with_numpy.py"
    spec = importlib.util.spec_from_file_location("score_with_numpy", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "words",
    [TINY, dict(TINY, tokens="id"), dict(TINY, tokens="semantic"), dict(TINY, distance="euclidean"), DEFAULT],
    ids=["paper", "ids", "semantic", "euclidean", "default"],
)
def test_a_scorer_of_thirty_lines_scores_as_the_engine_does(words, shop, scorer):
    model = tessera.fit(shop, "scored", progress=False, **words)
    for history in (["S000012"], shop.history("U000001"), shop.item_ids[:40]):
        ids, scores = scorer.scores("scored", history)
        assert ids == model.item_ids
        np.testing.assert_allclose(model.score(history, ids), scores, rtol=2e-4, atol=2e-5)


def test_codes_follow_from_the_text_as_the_page_says(shop, model, scorer):
    """The encoder's formula: text embedding → codes."""
    tensors = scorer.read_safetensors("model/model.safetensors")
    x = np.asarray(shop.embeddings)
    depth = sum(name.startswith("item_encoder.") and name.endswith(".weight") for name in tensors)
    for layer in range(depth):
        x = x @ tensors[f"item_encoder.{layer}.weight"].T + tensors[f"item_encoder.{layer}.bias"].ravel()
        x = np.maximum(x, 0) if layer + 1 < depth else x
    codes = []
    for level in range(3):
        book = tensors[f"codebook.{level}"]
        score = x @ book.T if level < 2 else 2 * x @ book.T - (book**2).sum(1)
        codes.append(score.argmax(1))
        x = x - book[codes[-1]]
    same = np.stack(codes, 1) == model.tokens(shop.item_ids)
    assert same.mean() > 0.99  # near ties may go either way
