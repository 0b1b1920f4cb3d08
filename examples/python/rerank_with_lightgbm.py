"""A second stage: trees that rank the model's best items again, measured beside not doing so.

    pip install lightgbm
    python examples/python/rerank_with_lightgbm.py DATASET MODEL

The model picks candidates; LightGBM's LambdaRank learns from the validation split (whose targets the
model did not train on) how to order them by features of ours: the score and its parts by kind of token,
the place, the item's popularity, how like it is to the last events. It is then asked on the test split,
once. Lists with and without it are measured by the same referee, with the paired difference. A target
that is no candidate is lost to both.
"""

import sys

import lightgbm
import numpy as np

import tessera_rec as tessera

K = 100  # candidates of a user


def features(model, item_rows, popularity, history, found):
    """[k, features] of the candidates of one user."""
    own, state = found.vectors, found.state
    known = item_rows[[index[item] for item in history[-5:]]]
    unit = lambda x: x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
    alike = unit(own) @ unit(known).T
    semantic = model.settings["semantic_dims"] if model.levels else 0
    ids = model.settings["id_dims"] if model.levels else own.shape[1]
    parts = [own[:, :semantic] @ state[:semantic], own[:, -ids:] @ state[-ids:]]
    rows = np.array([index[item] for item in found.items])
    count = len(found.items)
    columns = [
        found.scores, found.scores - found.scores[0], np.arange(count), *parts, popularity[rows],
        np.log1p(popularity[rows]), alike[:, -1], alike.max(1), alike.mean(1), np.full(count, len(history)),
        np.linalg.norm(own, axis=1),
    ]  # fmt: skip
    return np.stack(columns, 1).astype("f4")


def candidates(model, data, split, item_rows, popularity):
    """(users, items [n, K], features of all, group sizes, labels) of a split."""
    histories, targets = data.histories(split), data.targets(split)
    users, items, rows, sizes, labels = [], [], [], [], []
    for user, history in histories.items():
        found = model.recommend(history, k=K, vectors=True)
        users.append(user)
        items.append(list(found.items))
        rows.append(features(model, item_rows, popularity, history, found))
        sizes.append(len(found.items))
        labels.append((found.items == targets[user]).astype("i4"))
    return users, items, np.concatenate(rows), np.array(sizes), np.concatenate(labels)


def main(dataset, bundle):
    global index
    data, model = tessera.Dataset(dataset), tessera.Model(bundle)
    index = {item: row for row, item in enumerate(model.item_ids)}
    item_rows = model.vectors()
    popularity = np.zeros(len(index), "f4")
    for history in data.histories("validation").values():  # what training saw
        for item in history:
            popularity[index[item]] += 1
    _, _, x, sizes, y = candidates(model, data, "validation", item_rows, popularity)
    # A fifth of the users says when to stop; no look at the test split chooses anything.
    cut = int(len(sizes) * 0.8)
    rows = int(sizes[:cut].sum())
    trees = lightgbm.LGBMRanker(
        n_estimators=400, learning_rate=0.05, num_leaves=31, min_child_samples=50, random_state=1, verbose=-1
    )
    trees.fit(
        x[:rows], y[:rows], group=sizes[:cut], eval_set=[(x[rows:], y[rows:])], eval_group=[sizes[cut:]],
        eval_at=[10], callbacks=[lightgbm.early_stopping(30, verbose=False)],
    )  # fmt: skip
    users, items, x, sizes, _ = candidates(model, data, "test", item_rows, popularity)
    scores = np.split(trees.predict(x), np.cumsum(sizes)[:-1])
    plain = dict(zip(users, items))
    again = {
        user: [listed[i] for i in np.argsort(-own, kind="stable")]
        for user, listed, own in zip(users, items, scores)
    }
    report = tessera.evaluate({"reranked": again, "as recommended": plain}, data, at=[10, 20])
    for name, figures in report["systems"].items():
        print(f"{name:16} HR@10 {figures['HR@10']:.4f}  NDCG@10 {figures['NDCG@10']:.4f}")
    for metric in "HR@10", "NDCG@10":
        mean, low, high = report["differences"]["as recommended"][metric]
        print(f"{metric} reranked minus as recommended: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
    return report


if __name__ == "__main__":
    main(*sys.argv[1:])
