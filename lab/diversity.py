"""What diversity costs on a dataset of your own: NDCG@10 on validation against how unlike the items of a list are.

    python -m lab.diversity --model MODEL --data DATASET --out docs/pictures/diversity-beauty.svg [--users 5000]

Lists are those of the rule `diversity` from 0 to 1, for users drawn by a seed; the target is a user's event before the
last, after the events before it. How unlike is one less the mean cosine of two items' text embeddings, and the number
of categories in a list, the category being the last part of an item's text (category;subcategory;leaf). Both are curves of one
picture; the table goes to standard output.
"""
import argparse
from pathlib import Path

import numpy as np
import tessera_rec as tessera

from lab.pictures import curves

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def unlike(vectors):
    """One less the mean cosine of two of the rows, which have length 1 or 0."""
    n = len(vectors)
    return 1 - ((vectors @ vectors.T).sum() - n) / max(1, n * (n - 1))


def measure(model, data, count, seed=1):
    """(share, NDCG@10 of each user, mean unlikeness, mean number of categories) for each share."""
    chosen = np.random.default_rng(seed).permutation(len(data.user_ids))[:count]
    histories = [list(data.history(data.user_ids[user])) for user in chosen]
    histories = [history for history in histories if len(history) >= 3]
    targets, known = [history[-2] for history in histories], [history[:-2] for history in histories]
    unit = data.embeddings / np.maximum(np.linalg.norm(data.embeddings, axis=1, keepdims=True), 1e-12)
    row = {item: i for i, item in enumerate(data.item_ids)}
    category = {item: text.split(";")[-1].strip() for item, text in zip(data.item_ids, data.texts)}
    for share in SHARES:
        lists = model.recommend_many(known, k=10, rules={"diversity": share} if share else None).items
        gains, far, categories = [], [], []
        for target, found in zip(targets, lists):
            found = [item for item in found if item is not None]
            gains.append(1 / np.log2(found.index(target) + 2) if target in found else 0.0)
            far.append(unlike(unit[[row[item] for item in found]]))
            categories.append(len({category[item] for item in found}))
        yield share, np.array(gains), float(np.mean(far)), float(np.mean(categories))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--users", type=int, default=5000)
    given = parser.parse_args()
    print("| diversity | NDCG@10 | beside none (95 %) | unlike, by cosine | categories of ten |\n|---|---|---|---|---|", flush=True)
    by_cosine, by_category, plain = [], [], None
    for share, gains, far, categories in measure(tessera.Model(given.model), tessera.Dataset(given.data), given.users):
        plain = gains if plain is None else plain
        change = gains - plain  # user by user
        error = 1.96 * change.std() / np.sqrt(len(change))
        print(f"| {share:g} | {gains.mean():.4f} | {change.mean():+.4f} ± {error:.4f} | {far:.3f} | {categories:.2f} |", flush=True)
        by_cosine.append((far, float(gains.mean())))
        by_category.append((categories / 10, float(gains.mean())))
    given.out.write_text(curves("What diversity costs: rule `diversity` from 0 to 1",
                                "how unlike the items of a list are; categories, as a share of ten", "NDCG@10, validation",
                                {"by cosine": by_cosine, "by category": by_category}), "utf-8")  # fmt: skip
    print(given.out)


if __name__ == "__main__":
    main()
