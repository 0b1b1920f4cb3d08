"""Scores of a model bundle by NumPy alone: docs/bundle-format.md, step by step.

    python examples/python/score_with_numpy.py BUNDLE ITEM [ITEM …]
"""

import json
import math
import sys

import numpy as np


def read_safetensors(path):
    """name → array of a .safetensors file."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        head, body = json.loads(file.read(size)), file.read()
    kinds = {"F32": "<f4", "F16": "<f2", "I32": "<i4"}
    return {
        name: np.frombuffer(body[slice(*of["data_offsets"])], kinds[of["dtype"]]).reshape(of["shape"])
        for name, of in head.items()
        if name != "__metadata__"
    }


def item_vectors(tensors, settings):
    """[items, width]: [semantic ‖ collaborative ‖ ID token]."""
    parts, codes, size = [], tensors.get("codes"), settings["codebook_size"]
    levels = [name for name in sorted(tensors) if name.startswith("codebook.")]
    if levels:
        parts.append(sum(tensors[f"codebook.{level}"][codes[:, level]] for level in range(len(levels))))
    if "collaborative_tokens" in tensors:
        own = codes[:, len(levels) :]
        rows = own + size * np.arange(own.shape[1])
        parts.append(tensors["collaborative_tokens"][rows].reshape(len(own), -1))
    if "id_tokens" in tensors:
        parts.append(tensors["id_tokens"].astype(np.float32))
    return np.hstack(parts)


def user_state(tensors, settings, history):
    """The state after item vectors [n, width], oldest first."""
    t, heads, erf = tensors, settings["heads"], np.vectorize(math.erf)
    linear = lambda name, x: x @ t[name + ".weight"].T + t[name + ".bias"].ravel()

    def norm(name, x):
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-12)
        return scaled * t[name + ".weight"].ravel() + t[name + ".bias"].ravel()

    n = len(history)
    x = norm("input_norm", history + t["positions"][len(t["positions"]) - n :])
    for layer in range(settings["layers"]):
        name = f"layers.{layer}."
        q, k, v = (
            linear(name + part, x).reshape(n, heads, -1).swapaxes(0, 1) for part in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2])
        scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(2, keepdims=True))
        attended = (weights / weights.sum(2, keepdims=True)) @ v
        added = linear(name + "output", attended.swapaxes(0, 1).reshape(n, -1))
        for place, tap in enumerate(t.get(name + "convolution", ())):
            added[place:] += tap * x[: max(n - place, 0)]
        x = norm(name + "attention_norm", x + added)
        wide = linear(name + "expand", x)
        gelu = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        x = norm(name + "feed_forward_norm", x + linear(name + "contract", gelu))
    return x[-1]


def scores(bundle, history):
    """(ids of all items, the score of each after a history of ids)."""
    with open(f"{bundle}/config.json", encoding="utf-8") as file:
        settings = json.load(file)["settings"]
    with open(f"{bundle}/items.jsonl", encoding="utf-8") as file:
        ids = [json.loads(line)["id"] for line in file]
    tensors = read_safetensors(f"{bundle}/model.safetensors")
    vectors = item_vectors(tensors, settings)
    rows = [ids.index(str(item)) for item in history][-settings["max_length"] :]
    return ids, vectors @ user_state(tensors, settings, vectors[rows])


if __name__ == "__main__":
    names, values = scores(sys.argv[1], sys.argv[2:])
    for best in np.argsort(-values)[:10]:
        print(f"{values[best]:8.4f}  {names[best]}")
