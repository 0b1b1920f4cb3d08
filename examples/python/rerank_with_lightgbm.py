"""A second stage: trees that rank the model's best items again, measured beside not doing so.

    pip install lightgbm
    python examples/python/rerank_with_lightgbm.py DATASET MODEL

The model picks candidates; LightGBM's LambdaRank learns from the validation split, whose targets the
model did not train on, how to order them by features of ours: the score and its parts by kind of token,
the place, the item's popularity, how like it is to the last events. It is then asked on the test split,
once. Lists with and without it are measured by the same referee, with the paired difference. A target
that is no candidate is lost to both.

For one user at a time, as in a service, `model.recommend(history, k=100, vectors=True)` gives the same
scores, vectors and state.
"""

import sys

import lightgbm
import numpy as np

import tessera_rec as tessera

K = 50  # candidates of a user
RECENT = 5  # events that candidates are compared with


class Catalogue:
    """What features read of the items, by row."""

    def __init__(self, model, data):
        self.row = {item: row for row, item in enumerate(model.item_ids)}
        self.vectors = model.vectors()
        norms = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self.length = norms[:, 0]
        self.unit = self.vectors / np.maximum(norms, 1e-9)
        self.semantic = model.settings["semantic_dims"] if model.levels else 0
        self.popularity = np.zeros(len(self.row), "f4")
        for history in data.histories("validation").values():  # what training saw
            for item in history:
                self.popularity[self.row[item]] += 1


def features(catalogue, state, history, rows, scores):
    """[k, features] of the candidates of one user."""
    own, part = catalogue.vectors[rows], catalogue.semantic
    recent = catalogue.unit[[catalogue.row[item] for item in history[-RECENT:]]]
    alike = catalogue.unit[rows] @ recent.T
    popularity = catalogue.popularity[rows]
    return np.stack(
        [
            scores, scores - scores[0], np.arange(len(rows)), own[:, :part] @ state[:part],
            own[:, part:] @ state[part:], popularity, alike[:, -1], alike.max(1), alike.mean(1),
            np.full(len(rows), len(history)), catalogue.length[rows],
        ],
        axis=1,
    ).astype("f4")  # fmt: skip


def candidates(model, data, split, catalogue):
    """(users, items [users][k], features of all rows, group sizes, labels) of a split."""
    histories, targets = data.histories(split), data.targets(split)
    lists = model.recommend_many(list(histories.values()), k=K)
    states = model.states(list(histories.values()))
    users, items, rows, labels = list(histories), [], [], []
    for place, (user, history) in enumerate(histories.items()):
        found = [item for item in lists.items[place] if item is not None]
        known = [catalogue.row[item] for item in found]
        items.append(found)
        rows.append(features(catalogue, states[place], history, known, lists.scores[place][: len(found)]))
        labels.append(np.array([item == targets[user] for item in found], "i4"))
    return users, items, np.concatenate(rows), np.array([len(one) for one in items]), np.concatenate(labels)


def main(dataset, bundle):
    data, model = tessera.Dataset(dataset), tessera.Model(bundle)
    catalogue = Catalogue(model, data)
    _, _, x, sizes, y = candidates(model, data, "validation", catalogue)
    # A fifth of the users says when to stop; no look at the test split chooses anything.
    cut = int(len(sizes) * 0.8)
    rows = int(sizes[:cut].sum())
    train = lightgbm.Dataset(x[:rows], y[:rows], group=sizes[:cut])
    stop = lightgbm.Dataset(x[rows:], y[rows:], group=sizes[cut:], reference=train)
    words = dict(
        objective="lambdarank", metric="ndcg", eval_at=[10], learning_rate=0.05, num_leaves=31,
        min_data_in_leaf=50, seed=1, verbose=-1,
    )  # fmt: skip
    trees = lightgbm.train(words, train, 300, [stop], callbacks=[lightgbm.early_stopping(20, verbose=False)])
    users, items, x, sizes, _ = candidates(model, data, "test", catalogue)
    scores = np.split(trees.predict(x), np.cumsum(sizes)[:-1])
    again = {
        user: [found[i] for i in np.argsort(-own, kind="stable")]
        for user, found, own in zip(users, items, scores)
    }
    report = tessera.evaluate({"reranked": again, "as recommended": dict(zip(users, items))}, data)
    for name, figures in report["systems"].items():
        print(f"{name:16} HR@10 {figures['HR@10']:.4f}  NDCG@10 {figures['NDCG@10']:.4f}")
    for metric in "HR@10", "NDCG@10":
        mean, low, high = report["differences"]["as recommended"][metric]
        print(f"{metric} reranked minus as recommended: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
    return report


if __name__ == "__main__":
    main(*sys.argv[1:])
