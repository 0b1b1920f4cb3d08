"""What a type checker says of calls: misspelt words are found, right ones pass."""

import inspect
import pathlib
import subprocess
import sys

import pytest

import tessera_rec as tessera

pytest.importorskip("mypy")

#: Lines of code, and whether a checker must refuse them.
CALLS = {
    'tessera.fit(data, "out", epochs=3)': True,
    'tessera.fit(data, "out", epoch=3)': False,
    'tessera.fit(data, "out", recipe="paper", negatives="file", threads=2, tokens="id")': True,
    'tessera.fit(data, "out", recipe="defualt")': False,
    'tessera.fit(data, "out", tokens="unifed")': False,
    'tessera.fit(data, "out", learning_rate="0.1")': False,
    'tessera.fit(data, "out", select="NDCG@10", negatives=64, dropout=0.5, encoder_hidden="32")': True,
    'tessera.fit(data, "out", select="NDGC@10")': False,
    'tessera.fit(data, "out", settings={"epochs": 3})': True,
    'tessera.fit(data, "out", settings=model.settings, recipe="paper")': True,
    'tessera.fit(data, "out", callbacks=lambda epoch: epoch.epoch < 3)': True,
    'tessera.settings("paper", tokens="id", negatives=3)': True,
    'tessera.settings("papr")': False,
    'tessera.settings(epoch=3)': False,
    'tessera.evaluate(model, data, split="validation", baselines="tuned", repeats=True)': True,
    'tessera.evaluate(model, data, split="valid")': False,
    'tessera.evaluate(model, data, protocol="half")': False,
    'model.evaluate(data, baselines=True)': True,
    'model.evaluate(data, baseline=True)': False,
    'tessera.prepare({"user": ["a"], "item": [1]}, "out", k_core=2, min_rating=4)': True,
    'tessera.prepare("file", "out", format="csv", event_types={"view": 1}, max_errors="1%")': True,
    'tessera.prepare(["a", "b"], "out", split="time", validation_from=150.0)': True,
    'tessera.prepare("file", "out", k_cor=2)': False,
    'tessera.prepare("file", "out", format="cvs")': False,
    'model.recommend(["a", 1], k=3, repeats=True).items.shape': True,
    'model.recommend(["a"], repeat=True)': False,
    'model.recommend_many([["a"], [1, 2]]).unanswered.items()': True,
    'model.tokens(kind="semantc")': False,
}


def test_a_type_checker_finds_misspelt_words(tmp_path):
    lines = ["import tessera_rec as tessera", 'data = tessera.Dataset("d")', 'model = tessera.Model("m")', *CALLS]
    file = tmp_path / "calls.py"
    file.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(file)],
        capture_output=True, text=True, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert all(line.startswith("calls.py:") for line in said), done.stdout
    refused = {lines[int(line.split(":")[1]) - 1] for line in said}
    assert refused == {call for call, right in CALLS.items() if not right}, done.stdout + done.stderr


def test_every_setting_and_option_is_known_to_type_checkers():
    words = pathlib.Path(tessera.__file__).with_name("_words.pyi").read_text()
    for key in tessera.settings():
        assert f"    {key}: " in words, key
    for word, parameter in inspect.signature(tessera.prepare).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and word != "items":
            assert f"    {word}: " in words, word
