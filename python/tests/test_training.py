"""Training: the bits of the command line, callbacks, interruption, progress."""

import io
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import types

import pytest

import tessera_rec as tessera
from conftest import TINY, files_of


def bits(bundle):
    """What must be equal: all files, those of a first stage too, but clocks and paths."""
    equal = {}
    for name, content in files_of(bundle).items():
        last = name.rsplit("/")[-1]
        if last in ("checkpoint.safetensors", "evaluations.jsonl"):  # hold seconds
            continue
        if last == "training.jsonl":
            content = [json.loads(line) for line in content.splitlines()]
            for line in content:
                del line["seconds"]
        elif last == "config.json":
            content = json.loads(content)
            del content["data"]["directory"]
        equal[name] = content
    return equal


def words(settings):
    settings = dict(settings)
    recipe = ["--recipe", settings.pop("recipe")] if "recipe" in settings else []
    return recipe + [
        word for key, value in settings.items() for word in ("--set", f"{key}={value}")
    ]


# The default recipe, which `fit` and `tessera train` take unless told otherwise, as small.
DEFAULT = dict(TINY, encoder_hidden="32", collaborative_epochs=1, negatives=64)
del DEFAULT["recipe"]


def test_both_take_the_default_recipe(here, shop, program):
    model = tessera.fit(shop, "python", progress=False, **DEFAULT)
    assert model.settings["recipe"] == "default" and model.collaborative_tokens == 32
    program("train", "--data", "shop", "--out", "line", *words(DEFAULT))
    assert bits("python") == bits("line")


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("tokens", ["unified", "semantic", "id"])
def test_the_command_line_gives_the_same_bits(tokens, threads, here, shop, program):
    settings = dict(TINY, tokens=tokens, seed=5)
    tessera.fit(shop, "python", progress=False, threads=threads, **settings)
    program(
        "--threads", threads, "train", "--data", "shop", "--out", "line", *words(settings)
    )
    assert bits("python") == bits("line")


def test_the_setting_called_negatives_is_given_in_the_dict(here, shop, program):
    settings = dict(TINY, objective="softmax", negatives=32)
    recipe = settings.pop("recipe")
    tessera.fit(
        shop, "python", recipe=recipe, settings=settings, seed=5, progress=False, threads=1
    )
    program(
        "--threads", 1, "train", "--data", "shop", "--out", "line",
        *words(dict(settings, recipe=recipe, seed=5)),
    )  # fmt: skip
    assert bits("python") == bits("line")
    assert tessera.settings("paper", **settings, seed=5) == tessera.Model("line").config["settings"]


@pytest.mark.parametrize("protocol", ["full", "sampled"])
@pytest.mark.parametrize("split", ["test", "validation"])
def test_evaluation_is_the_command_lines(protocol, split, shop, model, program):
    ours = model.evaluate(shop, split=split, protocol=protocol, seed=4, baselines=True)
    theirs = json.loads(
        program("evaluate", "--model", "model", "--data", "shop", "--split", split, "--protocol",
                protocol, "--seed", 4, "--baselines", "--json", "-")
    )  # fmt: skip
    assert ours == theirs


def test_a_simulated_shop_is_the_programs(program, tmp_path):
    ours, theirs = tmp_path / "ours" / "shop", tmp_path / "theirs" / "shop"
    data = tessera.simulate(ours, users=40, items=200, seed=2, mean_events=12)
    program(
        "simulate", "--out", theirs, "--users", 40, "--items", 200, "--seed", 2, "--mean-events", 12
    )
    assert files_of(ours) == files_of(theirs)
    assert len(data.events) > 40 * 10


def test_evaluation_compares_and_takes_note(shop, model):
    other = tessera.fit(shop, "other", progress=False, **dict(TINY, seed=2))
    report = tessera.evaluate("model", "shop", compare=other)
    assert report["difference"]["model"] == "other"
    assert len((pathlib.Path("model") / "evaluations.jsonl").read_text().splitlines()) == 1


def test_wrong_words_of_an_evaluation(shop, model, here):
    with pytest.raises(tessera.UsageError, match="split 'train': it must be test or validation"):
        model.evaluate(shop, split="train")
    with pytest.raises(tessera.UsageError, match="negatives belongs to protocol sampled"):
        model.evaluate(shop, negatives="file")
    tessera.simulate("else", users=300, items=150, seed=4)
    with pytest.raises(tessera.Error, match="was trained on other data"):
        model.evaluate("else")


def test_callbacks_see_every_epoch_and_can_end_the_training(shop):
    seen = []
    settings = dict(TINY, epochs=9)
    tessera.fit(
        shop, "stopped", progress=False, callbacks=[seen.append, lambda e: e.epoch < 3], **settings
    )
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert all(epoch.epochs == 9 and epoch.loss > 0 for epoch in seen)
    log = tessera.Model("stopped").training
    assert [line["validation"] for line in log] == [epoch.validation for epoch in seen]
    best = max(seen, key=lambda epoch: epoch.validation["MRR"])
    assert [e.epoch for e in seen if e.best][-1] == best.epoch


def test_what_a_callback_raises_comes_out_and_the_state_is_saved(shop):
    def fails(epoch):
        raise LookupError(f"at {epoch.epoch}")

    with pytest.raises(LookupError, match="at 1"):
        tessera.fit(shop, "resumed", progress=False, callbacks=fails, **TINY)
    tessera.fit(shop, "resumed", progress=False, resume=True)
    tessera.fit(shop, "whole", progress=False, **TINY)
    assert bits("resumed") == bits("whole")


def test_the_docstring_lists_every_setting_and_recipe(model):
    for key in model.settings:
        assert key == "recipe" or f"{key}=" in tessera.fit.__doc__, key
    assert "paper (" in tessera.fit.__doc__ and "default (" in tessera.fit.__doc__


def test_wrong_settings(shop):
    for settings, message in [
        (dict(epoch=3), "epoch.*epochs"),
        (dict(tokens="words"), "tokens = 'words'"),
        (dict(epochs=0), r"epochs = 0"),
        (dict(recipe="secret"), "secret"),
        (dict(resume=True, seed=3), "settings do not go with resume"),
        (dict(settings={"recipe": "paper"}), "recipe = 'paper': a recipe is chosen by recipe"),
        (dict(threads=-1), "threads = -1"),
    ]:
        with pytest.raises(tessera.UsageError, match=message):
            tessera.fit(shop, "out", progress=False, **settings)
    with pytest.raises(tessera.Error, match="checkpoint"):
        tessera.fit(shop, "out", progress=False, resume=True)


SLOW = dict(TINY, epochs=400, patience=400)

INTERRUPTED = """
import sys, tessera_rec as tessera
settings = {settings}
try:
    tessera.fit("shop", "resumed", progress=False, callbacks=lambda e: print(e.epoch, flush=True),
                **settings)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(7)
"""


def test_ctrl_c_saves_and_resuming_gives_the_same_bits(shop):
    settings = dict(TINY, epochs=20, patience=20, batch_users=16, threads=1)
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(settings=settings)], stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "1\n"
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 7 and out.endswith("interrupted\n")
    assert "20\n" not in out
    tessera.fit(shop, "resumed", progress=False, resume=True, threads=1)
    tessera.fit(shop, "whole", progress=False, **settings)
    assert bits("resumed") == bits("whole")


def test_other_threads_run_while_a_model_is_trained(shop):
    # A thread of Python that only the GIL could stop ends the training.
    import threading

    done = threading.Event()

    def work():
        for _ in range(1000):
            sum(range(1000))
        done.set()

    thread = threading.Thread(target=work)
    states = []
    thread.start()
    tessera.fit(
        shop, "out", progress=False, callbacks=lambda e: states.append(done.is_set()) or not states[-1],
        **SLOW,
    )  # fmt: skip
    thread.join()
    assert states[-1]  # before the 400th epoch


def test_training_leaves_the_threads_cpus_as_they_were(shop):
    before = os.sched_getaffinity(0)
    during = []
    tessera.fit(
        shop, "out", progress=False, callbacks=lambda e: during.append(os.sched_getaffinity(0)),
        **TINY,
    )  # fmt: skip
    assert os.sched_getaffinity(0) == before
    assert len(during) == TINY["epochs"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_in_a_log_is_a_line_an_epoch(shop, monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    tessera.fit(shop, "out", **TINY)
    lines = log.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", "1"], ["epoch", "2"]]
    assert "\r" not in log.getvalue()


def test_a_refit_is_that_of_the_command_line(here, shop, program):
    seen = []
    model = tessera.fit(
        shop, "python", refit=True, progress=False, callbacks=seen.append, **DEFAULT
    )
    assert model.config["refit"] and sum(not e.first_stage and not e.refit for e in seen) == 2
    assert all(value != value for e in seen if e.refit for value in e.validation.values())
    program("train", "--data", "shop", "--out", "line", "--refit", *words(DEFAULT))
    assert bits("python") == bits("line")
    with pytest.raises(tessera.Error, match="selection"):
        tessera.evaluate(model, shop)
    assert tessera.evaluate(model, shop, seen=True)["seen"]
    chosen = tessera.Model("python/selection")
    assert not tessera.evaluate(chosen, shop)["seen"]
    again = tessera.fit(shop, "again", refit=chosen, progress=False)
    assert bits("again")["model.safetensors"] == bits("python")["model.safetensors"]
    with pytest.raises(tessera.UsageError, match="refit"):
        tessera.fit(shop, "never", refit=chosen, seed=2)


def test_a_warm_start_is_that_of_the_command_line(here, shop, program):
    base = tessera.fit(shop, "base", progress=False, **DEFAULT)
    newer = tessera.simulate("newer", users=320, items=160, seed=3).embed(encoder_of=base)
    for keep in False, True:
        out = f"python-{keep}"
        model = tessera.fit(
            newer, out, warm_start=base, keep_tokens=keep, epochs=1, progress=False
        )
        assert model.config["from"]["known_items"] == 150
        tokens = ["--tokens", "keep" if keep else "follow"]
        program(
            "train", "--data", "newer", "--from", "base", "--out", f"line-{keep}",
            *tokens, "--set", "epochs=1",
        )  # fmt: skip
        assert bits(out)["model.safetensors"] == bits(f"line-{keep}")["model.safetensors"]
    report = tessera.evaluate(model, newer, newer=True, compare=base)
    assert report["users"] == 320 and "difference" in report
    with pytest.raises(tessera.UsageError, match="warm_start"):
        tessera.fit(newer, "never", warm_start=base, recipe="paper")


def test_progress_shows_the_first_stage_too(shop, monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    seen = []
    tessera.fit(shop, "out", callbacks=seen.append, **DEFAULT)
    lines = [line.split("  ")[0] for line in log.getvalue().splitlines()]
    assert lines == ["codes, epoch", "epoch", "epoch"]
    assert [(e.first_stage, e.epoch) for e in seen] == [(True, 1), (False, 1), (False, 2)]
    assert all(e.validation.keys() == set(tessera.METRICS) for e in seen)


def test_callbacks_see_the_first_stage_and_do_not_end_the_training_by_it(shop):
    seen = []
    settings = dict(DEFAULT, collaborative_epochs=2)
    tessera.fit(
        shop, "out", progress=False, **settings,
        callbacks=lambda e: seen.append(e) or not e.first_stage and e.epoch < 1,
    )  # fmt: skip
    assert [(e.first_stage, e.epoch, e.epochs) for e in seen] == [
        (True, 1, 2), (True, 2, 2), (False, 1, 2),
    ]  # fmt: skip
    # The first model is validated at its last epoch alone: what was not measured is no figure.
    assert all(value != value for value in seen[0].validation.values())
    assert all(0 <= value <= 1 for e in seen[1:] for value in e.validation.values())


def test_more_epochs_after_the_last(shop):
    tessera.fit(shop, "more", progress=False, **TINY)
    more = tessera.fit(shop, "more", progress=False, resume=True, epochs=3)
    tessera.fit(shop, "whole", progress=False, **dict(TINY, epochs=3))
    assert len(more.training) == 3
    ends = bits("more"), bits("whole")
    for end in ends:  # the best epoch may be one from before there were more
        del end["config.json"]["settings"]["epochs"]
    assert ends[0] == ends[1]


def test_a_model_of_another_recipe_is_replaced_only_where_told(shop, here):
    before = files_of("model")
    with pytest.raises(tessera.Error, match="recipe paper, not default.*overwrite"):
        tessera.fit(shop, "model", progress=False, **DEFAULT)
    assert files_of("model") == before
    settings = dict(DEFAULT, tokens="id")
    model = tessera.fit(shop, "model", progress=False, overwrite=True, **settings)
    assert model.settings["recipe"] == "default"


def test_negatives_that_are_not_read_are_told(shop):
    with pytest.warns(UserWarning, match="negatives are not read"):
        tessera.fit(
            shop, "out", progress=False, negatives="file", settings=dict(DEFAULT, tokens="id")
        )


def test_progress_on_a_terminal_is_written_over(shop, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    tessera.fit(shop, "out", **TINY)
    assert screen.getvalue().count("\n") == TINY["epochs"]
    assert "\repoch   2  loss" in screen.getvalue()


def test_progress_in_a_notebook_is_one_output_that_keeps_the_lines(shop, monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(content["text/plain"])

    def display(content, raw, display_id):
        return Handle()

    notebook = types.ModuleType("IPython.display")
    notebook.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    cell = io.StringIO()
    monkeypatch.setattr(sys, "stderr", cell)
    tessera.fit(shop, "out", **TINY)
    assert cell.getvalue() == ""
    lines = shown[-1].splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", "1"], ["epoch", "2"]]
    assert not any("\r" in text or "\n\n" in text for text in shown)


def test_names_that_trackers_take(shop, model):
    seen = []
    tessera.fit(shop, "out", progress=False, callbacks=seen.append, **DEFAULT)
    report = model.evaluate(shop)
    for figures in [*seen, report]:
        named = tessera.interchange.tracker_metrics(figures)
        # As MLflow has it; it refuses anything else.
        assert named and all(re.fullmatch(r"[\w\-. /:]+", name, re.ASCII) for name in named)
        assert all(math.isfinite(value) for value in named.values())
    assert named["HR_at_10"] == report["metrics"]["HR@10"]
    assert len(named) == len(tessera.METRICS)
