"""Whole tiny studies as processes: their figures, their interruption, and wrong usage."""

import json
import re
import shutil
import signal
import time

import pytest
import tessera_rec as tessera

from .conftest import TINY, TINY_WORDS, begin_lab, run_lab


def read(file):
    return json.loads(file.read_text("utf-8"))


def without_seconds(report):
    for run in report["runs"]:
        run["result"].pop("seconds")
    return report


@pytest.fixture(scope="session")
def quick(shop, tmp_path_factory):
    """A quick look, done: its folder and its words."""
    folder = tmp_path_factory.mktemp("quick") / "report"
    words = ["paper", "--quick", "--jobs", "2", "--data", shop, "--out", folder, *TINY_WORDS]
    code, out, err = run_lab(*words)
    assert (code, err) == (0, ""), err
    return folder, words, out


def test_a_quick_look_makes_a_page_and_json_and_trains_nothing_twice(quick):
    folder, words, out = quick
    assert f"{folder}/index.html" in out and "shop/unified-1: 2 epochs" in out
    page = (folder / "index.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert "A quick look" in page and 'id="map"' in page
    report = read(folder / "report.json")
    assert report["complete"] and report["quick"]
    code, out, err = run_lab(*words, "--json")
    assert code == 0, err
    assert json.loads(out)["trained_now"] == 0 and json.loads(out)["models"] == len(report["runs"])
    assert read(folder / "report.json") == report


def test_figures_are_those_of_the_command_line_with_the_same_seed(quick, shop, program, tmp_path):
    folder, _, _ = quick
    settings = [w for k, v in TINY.items() for w in ("--set", f"{k}={v}")]
    for name, recipe in ("unified", "paper"), ("default-unified", "default"), ("id", "paper"):
        model = tmp_path / name
        tokens = ["--set", "tokens=id"] if name == "id" else []
        program("train", "--recipe", recipe, "--data", shop, "--out", model, *settings, *tokens)
        for protocol in "sampled", "full":
            program("evaluate", "--model", model, "--data", shop, "--protocol", protocol,
                    "--repeats", "published", "--json", tmp_path / "r.json")
            ours = read(folder / "results" / "shop" / f"{name}-1.json")["result"]
            theirs = read(tmp_path / "r.json")
            assert {m: ours["test"][protocol][m] for m in theirs["metrics"]} == theirs["metrics"]
            assert ours["tokens"] == theirs["tokens"]


def test_ctrl_c_keeps_everything_and_the_same_command_goes_on_to_the_same_figures(quick, shop, tmp_path):
    words = ["paper", "--quick", "--jobs", "2", "--data", shop, "--out", tmp_path / "report", *TINY_WORDS]
    process = begin_lab(*words)
    first = tmp_path / "report" / "models" / "shop" / "unified-1" / "training.jsonl"
    deadline = time.monotonic() + 120
    while not first.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted" in err and "goes on" in err and err.count("\n") == 1, err
    assert "Stopped with" in (tmp_path / "report" / "index.html").read_text("utf-8")
    code, _, err = run_lab(*words)
    assert code == 0, err
    assert without_seconds(read(tmp_path / "report" / "report.json")) == without_seconds(read(quick[0] / "report.json"))


def test_a_folder_with_other_settings_or_data_is_refused_and_left_as_it_is(quick, shop, tmp_path):
    folder, words, _ = quick
    before = read(folder / "report.json")
    code, _, err = run_lab(*words, "--set", "dropout=0.1")
    assert code == 1 and "other settings or data" in err and err.count("\n") == 1
    other = tmp_path / "shop"
    tessera.simulate(other, users=300, items=150, seed=4).embed(dims=32)
    code, _, err = run_lab(*[other if word == shop else word for word in words])
    assert code == 1 and "other settings or data" in err
    assert read(folder / "report.json") == before


def test_a_damaged_record_is_named(quick, tmp_path):
    folder, words, _ = quick
    copy = tmp_path / "report"
    shutil.copytree(folder, copy)
    record = copy / "results" / "shop" / "unified-1.json"
    record.write_text(record.read_text("utf-8")[:100], "utf-8")
    code, _, err = run_lab(*[copy if word == folder else word for word in words])
    assert code == 1 and str(record) in err and "remove it" in err


def raw_data(folder, shop):
    """The shop as a folder of files, with times; ids are whole numbers."""
    data = tessera.Dataset(shop)
    folder.mkdir()
    number = {item: str(int(item.lstrip("S0"))) for item in data.item_ids}
    histories = [[number[item] for item in data.history(user)] for user in data.user_ids]
    users = [str(int(user.lstrip("U0"))) for user in data.user_ids]
    lines = [f"{user} {' '.join(history)}" for user, history in zip(users, histories)]
    (folder / "interactions.txt").write_text("\n".join(lines) + "\n", "utf-8")
    times = [f"{user} {' '.join(str(1000 + 10 * t) for t in range(len(history)))}"
             for user, history in zip(users, histories)]  # fmt: skip
    (folder / "timestamps.txt").write_text("\n".join(times) + "\n", "utf-8")
    (folder / "item_text.json").write_text(json.dumps(dict(zip(number.values(), data.texts))), "utf-8")
    return folder


def test_compare_trains_named_variants_of_files_and_measures_their_difference(shop, tmp_path):
    data = raw_data(tmp_path / "files", shop)
    words = ["compare", "--data", data, "--out", tmp_path / "out", "--seeds", "2", *TINY_WORDS,
             "wide:semantic_dims=32", "narrow"]  # fmt: skip
    code, out, err = run_lab(*words)
    assert code == 0, err
    assert "wide − narrow, seed 2, full: HR@10" in out and "item-kNN" in out
    report = read(tmp_path / "out" / "report.json")
    assert len(report["runs"]) == 4 and len(report["differences"]) == 4
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert 'id="differences"' in page and "wide − narrow" in page
    (data / "item_text.json").write_text(json.dumps({**read(data / "item_text.json"), "7": "new words"}), "utf-8")
    code, _, err = run_lab(*words)
    assert code == 1 and "was made of other data" in err


def test_cold_withholds_items_and_measures_them(shop, tmp_path):
    data = raw_data(tmp_path / "files", shop)
    code, out, err = run_lab("cold", "--data", data, "--out", tmp_path / "out", "--seeds", "1", "--share", "0.2",
                             *TINY_WORDS)  # fmt: skip
    assert code == 0, err
    withheld = re.search(r"(\d+) of (\d+) items withheld by seed", out)
    # A fifth of those that somebody touched.
    assert withheld and 0.18 <= int(withheld[1]) / int(withheld[2]) <= 0.2 and "that appeared last" in out
    assert "unified-1, cold" in out
    assert 'id="new"' in (tmp_path / "out" / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    "words, parts",
    [
        ([], ["STUDY"]),
        (["paper", "--out", "r"], ["--data"]),
        (["paper", "--data", "d", "--out", "r", "--seeds", "0"], ["--seeds"]),
        (["paper", "--data", "d", "--out", "r", "--set", "epochz=1"], ["epochs"]),
        (["paper", "--data", "a/d", "--data", "b/d", "--out", "r"], ["'d'", "--data"]),
        (["compare", "--data", "d", "--out", "r", "a:epochs"], ["epochs"]),
    ],
)
def test_wrong_usage_is_one_line(words, parts):
    code, out, err = run_lab(*words)
    assert (code, out) == (2, "") and err.startswith("lab") and err.count("\n") == 1
    assert all(part in err for part in parts), err


def test_data_that_is_not_there_is_named_and_nothing_is_made(tmp_path):
    code, _, err = run_lab("paper", "--data", tmp_path / "none", "--out", tmp_path / "r")
    assert code == 1 and str(tmp_path / "none") in err and "interactions.txt" in err
    assert not (tmp_path / "r").exists()
