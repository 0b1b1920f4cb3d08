#!/usr/bin/env python3
"""Holds two builds of the program beside each other: what they train, measure and answer must be equal.

    tests/same_bits/same_bits.py OLD NEW [--data DATASET …] [--epochs 2] [--full] [--python PYTHON]

OLD and NEW are programs. On a small simulated shop, and on each embedded DATASET, both train `paper`,
`default`, ID tokens alone and semantic tokens alone, with one thread and with two, and two processes
where mpirun is there. Compared are the model's tensors and items, the JSON of `evaluate`, `recommend`
and `tokens`, and answers over HTTP; with a PYTHON that has the package of the new build, also the lists of
`recommend` and `recommend_many`. What a bundle of collaborative codes was shown as before the kinds
of codes were kept apart is brought into today's form first (`as_today`). Prints a line a comparison;
ends with 1 where something differs.

Settings are small on the simulated shop; --full takes those of the recipes on the datasets.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

SMALL = ("codebook_size=16 semantic_dims=16 hidden=16 feed_forward=32 max_length=8 batch_users=64 "
         "encoder_hidden=32 collaborative_epochs=2").split()
LAYOUTS = {"paper": ["--recipe", "paper"], "default": ["--recipe", "default"],
           "id": ["--recipe", "paper", "--set", "tokens=id"],
           "semantic": ["--recipe", "paper", "--set", "tokens=semantic"]}


def run(program, threads, *words, ranks=1):
    command = [program, "--threads", str(threads), *map(str, words)]
    if ranks > 1:
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), "--bind-to", "none", *command]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Server:
    def __init__(self, program, model):
        self.process = subprocess.Popen(
            [program, "--threads", "1", "serve", "--model", model, "--listen", "127.0.0.1:0", "--access-log", "none"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = re.search(r"http://\S+", self.process.stdout.readline()).group()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data, method=method)) as answer:
            return json.loads(answer.read())


def kinds_of(settings):
    """(semantic codes, collaborative codes, ID dims) of an item."""
    tokens = settings["tokens"]
    return (0 if tokens == "id" else settings["levels"],
            settings["collaborative_tokens"] if tokens == "unified" else 0,
            {"id": settings["id_only_dims"], "unified": settings["id_dims"]}.get(tokens, 0))


def as_today(answer, settings):
    """An answer in today's form: kinds of codes apart, an ID token of its own dims. In today's form already: as it is."""
    levels, parts, dims = kinds_of(settings)
    if isinstance(answer, list):
        return [as_today(part, settings) for part in answer]
    if not isinstance(answer, dict) or parts == 0:
        return answer
    answer = {key: as_today(value, settings) for key, value in answer.items()}
    codes = answer.get("codes")
    if "id" in answer and isinstance(codes, list):
        answer["codes"] = codes[:levels]
        answer.pop("collaborative_codes", None)
        if "id_token" in answer:
            answer["id_token"] = answer["id_token"][-dims:]
    if "activation" in answer:
        for name in "activation", "perplexity":
            answer[name] = answer[name][:levels]
        for name in "unique_share", "distinct_share", "largest_collision", "collaborative":
            answer.pop(name, None)
    if "contribution" in answer.get("id_token", ()):  # of an explanation
        answer["tokens"] = [part for part in answer["tokens"] if part["level"] <= levels]
        answer.pop("collaborative", None)
    return answer


def answers_of(program, threads, model, data):
    """What the program says of a bundle, by name."""
    items = lines((model / "items.jsonl").read_text(encoding="utf-8"))
    ids = [item["id"] for item in items]
    users = (data / "users.txt").read_text(encoding="utf-8").split("\n")[:200]
    (model / "some-users.txt").write_text("\n".join(filter(None, users)), encoding="utf-8")
    history = ",".join(ids[5:25:4])
    said = {"items": items}
    # The rule for repeated targets that there was before there were three.
    rule = ["--repeats", "published"] if "--repeats" in run(program, 1, "evaluate", "--help") else []
    for protocol in "full", "sampled":
        words = ["--model", model, "--data", data, "--protocol", protocol, "--json", "-", *rule]
        report, = lines(run(program, threads, "evaluate", *words))
        said[f"evaluate {protocol}"] = {key: value for key, value in report.items() if key not in ("repeats", "seen")}
    for name, words in {"history": ["--history", history], "repeats": ["--history", history, "--repeats", "-k", 30],
                        "users": ["--users", model / "some-users.txt"]}.items():
        said[f"recommend {name}"] = lines(run(program, threads, "recommend", "--model", model, "--data", data, "--json", *words))
    said["tokens"] = lines(run(program, threads, "tokens", "--model", model, "--json"))
    said["tokens item"] = lines(run(program, threads, "tokens", "--model", model, "--json", "--item", ids[3]))
    if items[0]["codes"]:
        said["tokens code"] = lines(run(program, threads, "tokens", "--model", model, "--json", "--code", f"1:{items[3]['codes'][0]}"))
    given = {"history": history.split(",")}
    with Server(program, model) as server:
        for old_name, body in {"k": {"k": 20}, "seen": {"exclude_seen": False}, "lists": {"allow": ids[::3], "deny": ids[::2]}}.items():
            said[f"http recommend {old_name}"] = server.ask("/v1/recommend", {**given, "titles": True, "scores": True, **body})
        said["http explain"] = server.ask("/v1/explain", {**given, "item": ids[3]})
        for path in f"items/{ids[3]}", f"items/{ids[3]}/similar?k=20", f"items?prefix={ids[3]}", "map":
            said["http " + path] = server.ask("/v1/" + path)
    return said


PYTHON_LISTS = """
import json, sys, tessera
model, data, threads = tessera.Model(sys.argv[1]), tessera.Dataset(sys.argv[2]), int(sys.argv[3])
users = open(sys.argv[1] + "/some-users.txt", encoding="utf-8").read().split("\\n")
many = model.recommend_many([data.history(user) for user in users], threads=threads)
history = sys.argv[4].split(",")
lists = [*zip(many.items.tolist(), many.scores.tolist()), [part.tolist() for part in model.recommend(history)]]
print(json.dumps([[[item, score] for item, score in zip(*one) if item is not None] for one in lists]))
"""


def python_lists(python, threads, model, data, history):
    """[[item, score], …] for the users and then the history, as the Python package gives them."""
    words = [python, "-c", PYTHON_LISTS, str(model), str(data), str(threads), history]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def as_lists(answers):
    return [[[item["id"], item["score"]] for item in answer["items"]] for answer in answers]


def compare(name, old, new, differing):
    if old != new:
        differing.append(name)
    print(f"{'same  ' if old == new else 'DIFFERS'} {name}", flush=True)


def hold_beside(old, new, data, work, settings, differing, python):
    """Both programs from the dataset to the answers."""
    ways = [(1, 1), (2, 1)] + ([(1, 2)] if shutil.which("mpirun") else [])
    for layout, words in LAYOUTS.items():
        for threads, ranks in ways:
            name = f"{data.name} {layout}, {threads} thread{'s' * (threads > 1)}, {ranks} process{'es' * (ranks > 1)}"
            models = [work / side / data.name / f"{layout}-{threads}-{ranks}" for side in ("old", "new")]
            for program, model in zip((old, new), models):
                model.parent.mkdir(parents=True, exist_ok=True)
                run(program, threads, "train", "--data", data, "--out", model, *words,
                    *(word for setting in settings for word in ("--set", setting)), ranks=ranks)
            tensors = [(model / "model.safetensors").read_bytes() for model in models]
            compare(f"{name}: model.safetensors", *tensors, differing)
            config = [json.loads((model / "config.json").read_text()) for model in models]
            said = [as_today(answers_of(program, threads, model, data), config[1]["settings"])
                    for program, model in zip((old, new), models)]
            for what in said[1]:
                compare(f"{name}: {what}", said[0].get(what), said[1][what], differing)
            if python:
                history = ",".join([item["id"] for item in said[1]["items"]][5:25:4])
                ours = python_lists(python, threads, models[1], data, history)
                theirs = as_lists(said[0]["recommend users"] + said[0]["recommend history"])
                compare(f"{name}: lists of Python", theirs, ours, differing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("old", type=os.path.abspath)
    parser.add_argument("new", type=os.path.abspath)
    parser.add_argument("--data", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--python", type=os.path.abspath)
    given = parser.parse_args()
    differing = []
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        shop = work / "shop"
        run(given.new, 1, "simulate", "--users", 300, "--items", 150, "--seed", 3, "--out", shop)
        run(given.new, 1, "embed", "--dims", 32, "--data", shop)
        epochs = [f"epochs={given.epochs}"]
        hold_beside(given.old, given.new, shop, work, SMALL + epochs, differing, given.python)
        for data in given.data:
            hold_beside(given.old, given.new, data.resolve(), work, epochs if given.full else SMALL + epochs, differing, given.python)
    print(f"{len(differing)} differ" if differing else "all the same")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
