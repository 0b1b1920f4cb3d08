"""Trains a recommender on your own Parquet file and prints recommendations for its last users.

    python examples/python/own_parquet.py events.parquet --items items.parquet --out recommender

Columns are guessed by customary names (user, item, timestamp; title, text), or named:

    … --user customer --item sku --time bought_at --text '{name}; {brand}'

Run it again with --resume after Ctrl-C.
"""

import argparse
import pathlib

import pyarrow.parquet as pq

import tessera_rec as tessera


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", help="Parquet file, a row each event")
    parser.add_argument("--items", help="Parquet file, a row each item; without it: ID tokens alone")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("recommender"))
    for column in "user", "item", "time", "item-id", "title", "text":
        parser.add_argument(f"--{column}", help="its column (of text: a template, '{title}; {brand}')")
    parser.add_argument("--k-core", type=int, default=5, help="least events of a user and an item")
    parser.add_argument("--epochs", type=int, help="at most (default: the recipe's)")
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()

    settings = {}
    if given.resume:
        data = tessera.Dataset(given.out / "data")
    else:
        data = tessera.prepare(
            pq.read_table(given.events),
            given.out / "data",
            items=pq.read_table(given.items) if given.items else None,
            user=given.user,
            item=given.item,
            time=given.time,
            item_id=given.item_id,
            title=given.title,
            text=given.text,
            k_core=given.k_core,
            catalogue="events" if given.items else None,
        )
        settings = {"epochs": given.epochs} if given.epochs else {}
        if given.items:
            data.embed(dims=min(256, len(data.item_ids)))
        else:
            settings["tokens"] = "id"
    print(data)

    model = tessera.fit(data, given.out / "model", resume=given.resume, **settings)
    report = model.evaluate(data, baselines=True)
    for name, metrics in {"model": report["metrics"], **report["baselines"]}.items():
        print(f"{name:18} HR@10 {metrics['HR@10']:.4f}  NDCG@10 {metrics['NDCG@10']:.4f}")

    titles = dict(zip(model.item_ids, model.titles))
    for user in data.user_ids[-3:]:
        print(f"\n{user}:")
        for item, score in zip(*model.recommend(data.history(user), k=3)):
            print(f"  {titles[item]} ({score:.2f})")


if __name__ == "__main__":
    main()
