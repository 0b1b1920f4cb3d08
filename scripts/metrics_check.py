"""Compares a report of `tessera evaluate` with RecTools and ranx: see scripts/metrics-check."""

import json
import pathlib
import sys

import pandas as pd
import ranx
from rectools.metrics import MRR, NDCG, HitRate

made = pathlib.Path(sys.argv[1])
report = json.loads((made / "report.json").read_text())["at"]
lists = [json.loads(line) for line in (made / "lists.jsonl").open()]
targets = {row["user"]: row["target"] for row in map(json.loads, (made / "users.jsonl").open())}
cuts = sorted({int(name.split("@")[1]) for name in report})

reco = pd.DataFrame(
    [(row["user"], item["id"], rank + 1) for row in lists for rank, item in enumerate(row["items"])],
    columns=["user_id", "item_id", "rank"],
)
held_out = pd.DataFrame(targets.items(), columns=["user_id", "item_id"])
qrels = ranx.Qrels({user: {item: 1} for user, item in targets.items()})
run = ranx.Run(
    {row["user"]: {item["id"]: 1.0 / (rank + 1) for rank, item in enumerate(row["items"])} for row in lists}
)

theirs = {}
for k in cuts:
    theirs[f"HR@{k}", "RecTools"] = HitRate(k).calc(reco, held_out)
    theirs[f"NDCG@{k}", "RecTools"] = NDCG(k, divide_by_achievable=True).calc(reco, held_out)
    theirs[f"MRR@{k}", "RecTools"] = MRR(k).calc(reco, held_out)
    for ours, name in ("HR", "hit_rate"), ("NDCG", "ndcg"), ("MRR", "mrr"):
        theirs[f"{ours}@{k}", "ranx"] = float(ranx.evaluate(qrels, run, f"{name}@{k}"))

worst = 0.0
for (metric, peer), value in theirs.items():
    gap = abs(report[metric] - float(value))
    worst = max(worst, gap)
    if gap > 1e-12:
        print(f"{metric}: tessera {report[metric]!r}, {peer} {value!r}")
print(f"{len(theirs)} figures of RecTools and ranx, the largest difference is {worst:.2g}")
sys.exit(worst > 1e-12)
