"""Runs other projects' loaders on what the package wrote: see scripts/readers-check.

Each project is asked in a process of its own, as several of them call their modules `data`. What they
found is compared with the dataset and the codes that were written.
"""

import json
import pathlib
import random
import sys
import warnings
from argparse import Namespace

import numpy as np

NAME = "shop"


def write():
    """A dataset with what such files stumble over, and its tokens in every format."""
    import tessera_rec as tessera

    rng = random.Random(7)
    items = [f"item {i}" if i % 5 == 0 else f"B{i:04d}é" for i in range(60)]
    things = ["lamp", "kettle", "blanket", "tent", "oak table", "wool socks"]
    titles = [f"{rng.choice(things)} {rng.choice(things)} {i % 7}" for i in range(60)]
    titles[3], titles[4] = '"Quoted" from the first letter', 'half "quoted" inside'
    titles[5], titles[6], titles[7] = '"', "tab\tand\nline", '"begins and never ends'
    texts = [f"{title}. {rng.choice(things)} for {rng.choice(things)}" for title in titles]
    events = {"user": [], "item": [], "time": []}
    for user in range(80):
        start = 1_500_000_000 + rng.randrange(10**7)
        for step in range(rng.randrange(5, 12)):
            events["user"].append(f"user {user}")
            events["item"].append(items[min(int(rng.expovariate(0.06)), 59)])
            # Some in one second, and of some nobody knows when.
            events["time"].append(None if rng.random() < 0.05 else start + 50 * (step // 2))
    data = tessera.prepare(
        events, "data", items={"item": items, "title": titles, "text": texts}, order="file", min_user_events=4
    )
    data = data.embed(dims=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that times were filled in
        tessera.interchange.write_recbole(data, f"recbole/{NAME}")
    tokens = tessera.tokenize(data, "tokens", levels=3, codebook_size=8)
    tessera.fit(data, "model", recipe="default", epochs=1, collaborative_epochs=1, codebook_size=8,
                        collaborative_tokens=4, negatives=32, encoder_hidden="32", progress=False)  # fmt: skip
    sources = {"tokens": (tokens, "semantic"), "codes": (tessera.Model("model"), "collaborative")}
    expected = {}
    for name, (source, kind) in sources.items():
        tessera.interchange.write_letter(source, data, f"letter/{name}", kind=kind)
        tessera.interchange.write_grid(source, data, f"{name}.pt", kind=kind)
        tessera.interchange.write_recboard(source, data, f"{name}.sid_vocab.json", kind=kind)
        ids = source.ids if name == "tokens" else source.item_ids
        codes = source.codes if name == "tokens" else source.tokens(kind=kind)
        rows = dict(zip(ids, codes.tolist()))
        expected[name] = [rows[item] for item in data.item_ids]
    truth = {
        "items": data.item_ids, "titles": data.titles, "texts": data.texts, "codes": expected,
        "histories": {user: data.history(user) for user in data.user_ids},
        "numbers": {str(u): data.events[slice(*data.offsets[u : u + 2].tolist())].tolist()
                    for u in range(len(data.user_ids))},
        "targets": {split: data.targets(split) for split in ("validation", "test")},
    }  # fmt: skip
    pathlib.Path("truth.json").write_text(json.dumps(truth))
    unknown = sum(time is None for time in events["time"])
    print(f"written: {len(data.events)} events ({unknown} times unknown) of {len(data.user_ids)} users, "
          f"{len(data.item_ids)} items, {len(expected)} kinds of codes")  # fmt: skip


def same(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: the reader has {str(found)[:300]}, written was {str(wanted)[:300]}")


def plain(text):
    """A text as the files can hold it."""
    line = " ".join(text.split())
    return "“" + line[1:] if line.startswith('"') else line


def recbole(truth):
    import torch
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.trainer import Trainer
    from recbole.utils import get_model, init_seed

    sys.argv = sys.argv[:1]  # which it would read as settings
    load, torch.load = torch.load, lambda *a, **k: load(*a, **{**k, "weights_only": False})
    settings = {
        "data_path": str(pathlib.Path("recbole").resolve()), "use_gpu": False, "epochs": 1, "state": "ERROR",
        "show_progress": False, "train_neg_sample_args": None, "MAX_ITEM_LIST_LENGTH": 20, "hidden_size": 16,
        "inner_size": 16, "n_heads": 1, "n_layers": 1, "metrics": ["Hit", "NDCG"], "valid_metric": "NDCG@10",
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "title", "text"]},
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full", "group_by": None},
    }  # fmt: skip
    config = Config(model="SASRec", dataset=NAME, config_dict=settings)
    init_seed(1, True)
    data = create_dataset(config)
    histories = truth["histories"]
    events = data.inter_num
    same("events", events, sum(map(len, histories.values())))
    same("time column", data.time_field in data.inter_feat.columns, True)
    same("unknown times", int(data.inter_feat[data.time_field].isna().sum()), 0)
    features = data.item_feat.set_index(data.iid_field)
    for field in "title", "text":
        for item, text in zip(truth["items"], truth[field + "s"]):
            if item not in data.field2token_id[data.iid_field]:
                raise SystemExit(f"item '{item}' is missing from what RecBole read of the .item file")
            words = features[field][data.token2id(data.iid_field, item)]
            read = " ".join(str(data.id2token(field, int(word))) for word in words if word)
            same(f"{field} of {item}", read, plain(text))
    train, valid, test = data_preparation(config, data)
    model = get_model(config["model"])(config, train.dataset)
    trainer = Trainer(config, model)
    trainer.fit(train, valid, saved=False, show_progress=False)
    found = {}
    for batch, *_ in test:
        lists, lengths = batch["item_id_list"].numpy(), batch["item_length"].numpy()
        for row, user in enumerate(data.id2token(data.uid_field, batch[data.uid_field].numpy())):
            items = [*lists[row, : lengths[row]], batch[data.iid_field].numpy()[row]]
            found[user] = list(data.id2token(data.iid_field, np.array(items)))
    same("histories and test targets", found, histories)
    figures = trainer.evaluate(test, load_best_model=False, show_progress=False)
    same("figures are numbers", all(np.isfinite(list(figures.values()))), True)
    print(f"RecBole: {events} events with times, {len(truth['items'])} titles and texts, histories and "
          f"test targets as written; SASRec trained and measured on {len(found)} users")  # fmt: skip


def letters(truth, folder, label, more):
    """LETTER-TIGER's or LETTER-LC-Rec's data.py, on both kinds of codes."""
    sys.path.insert(0, folder)
    import data as loader

    eligible = {user: items for user, items in truth["numbers"].items() if len(items) >= 3}
    for name, codes in truth["codes"].items():
        args = Namespace(dataset=name, data_path=str(pathlib.Path("letter").resolve()), max_his_len=0,
                         his_sep=", ", index_file=".index.json", add_prefix=False, sample_valid=False,
                         valid_prompt_id=0)  # fmt: skip
        sets = {mode: loader.SeqRecDataset(args, mode) for mode in ("train", "valid", "test")}
        index = sets["test"].indices
        plain_codes = [[int(token.split("_")[1][:-1]) for token in index[str(i)]] for i in range(len(codes))]
        same("codes", [row[: len(codes[0])] for row in plain_codes], codes)
        names = {"".join(index[item]): int(item) for item in index}
        same("items that all tokens tell apart", len(sets["test"].get_all_items()), len(codes))
        same("new tokens", len(sets["test"].get_new_tokens()), len({t for row in index.values() for t in row}))
        for place, mode in (-1, "test"), (-2, "valid"):
            rows = sets[mode].inter_data
            same(f"{mode} targets", [names[row["item"]] for row in rows], [h[place] for h in eligible.values()])
            text = ("" if label == "LETTER-TIGER" else ", ").join
            wanted = [text("".join(index[str(i)]) for i in h[:place]) for h in eligible.values()]
            same(f"{mode} histories", [row["inters"] for row in rows], wanted)
        same("training rows", len(sets["train"].inter_data), sum(len(h) - 3 for h in eligible.values()))
        more(loader, args)
    print(f"{label}: {len(eligible)} histories, targets and {len(codes)} items of two kinds of codes as written")


def item_texts(truth):
    def check(loader, args):
        texts = loader.ItemFeatDataset(args, task="item2index").feat_data
        same("titles", [one["title"] for one in texts], [t.strip().strip(".!?,;:`") for t in truth["titles"]])
        same("items", len(loader.FusionSeqRecDataset(args, "test").inter_data), len(truth["numbers"]))

    return check


def grid(truth, folder):
    sys.path.insert(0, folder)
    # First, as its program does: its modules import each other in a circle.
    from src.utils.file_utils import open_local_or_remote  # isort: skip
    import torch
    from src.data.loading.components.interfaces import SemanticIDDatasetConfig
    from src.data.loading.components.pre_processing import map_sparse_id_to_semantic_id
    from src.models.modules.semantic_id.tiger_generation_model import SemanticIDGenerativeRecommender

    for name, codes in truth["codes"].items():
        ids = torch.load(open_local_or_remote(f"{name}.pt", "rb"))  # as configs/experiment/tiger_train_flat.yaml
        config = SemanticIDDatasetConfig.__new__(SemanticIDDatasetConfig)
        config.semantic_id_map = {"sequence_data": ids}
        for history in truth["numbers"].values():
            row = {"sequence_data": torch.tensor(history)}
            mapped = map_sparse_id_to_semantic_id(row, config, ["sequence_data"], len(codes[0]))
            same("a history's codes", mapped["sequence_data"].tolist(), sum((codes[i] for i in history), []))
        model = Namespace(codebooks=ids.t())
        known = torch.tensor(codes)
        check = SemanticIDGenerativeRecommender._check_valid_prefix
        same("known tuples", bool(check(model, known).all()), True)
        same("an unknown tuple", bool(check(model, known[:1] + 100).any()), False)
    print(f"GRID: codes of {len(truth['numbers'])} histories and of {len(codes)} items as written, of two kinds")


def recboard(truth, folder):
    sys.path.insert(0, str(pathlib.Path(folder) / "TIGER"))
    from converter import SemIDConverter
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    import tessera_rec as tessera

    for name, codes in truth["codes"].items():
        with open(f"{name}.sid_vocab.json", encoding="utf-8") as file:
            vocabulary = json.load(file)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"?": 0}, "?")))
        converter = SemIDConverter(vocabulary, tokenizer)
        for history in truth["numbers"].values():
            text = converter.encode([f"item_{i}" for i in history])
            same("a history there and back", converter.decode(text), history)
        # Its own vocabulary, with the tokens by which it tells equals apart, comes back.
        with open("theirs.json", "w", encoding="utf-8") as file:
            json.dump(converter.sid_vocab, file)
        ids, read = tessera.interchange.read_codes("theirs.json")
        rows = dict(zip(ids, read.tolist()))
        same("codes read back", [rows[str(i)][: len(codes[0])] for i in range(len(codes))], codes)
        same("tuples of their own", len(set(map(tuple, rows.values()))), len(codes))
    print(f"RecBoard: {len(truth['numbers'])} histories of {len(codes)} items there and back, of two kinds of codes")


def freerec(truth):
    """RecBoard's library reads the atomic files and splits them; prepare reads that split."""
    from freerec.data.preprocessing.base import AtomicConverter

    import tessera_rec as tessera

    converter = AtomicConverter("recbole", NAME, NAME, userColname="user_id:token", itemColname="item_id:token",
                                timestampColname="timestamp:float")  # fmt: skip
    converter.make_dataset(kcore4user=0, kcore4item=0, splitting="LOU")
    split = next(pathlib.Path("recbole").rglob("train.txt")).parent
    data = tessera.prepare([split / f"{part}.txt" for part in ("train", "valid", "test")], "split", format="tsv",
                           split="given", user="USER", item="ITEM", time="TIMESTAMP")  # fmt: skip
    users = {str(token): user for user, token in converter.userMaps.items()}
    items = {str(token): item for item, token in converter.itemMaps.items()}
    targets = {users[user]: items[item] for user, item in data.targets("test").items()}
    same("test targets of the split", targets, {u: h[-1] for u, h in truth["histories"].items() if len(h) > 3})
    print(f"freerec: its split of our events, read by prepare, has the {len(targets)} test targets")


def main():
    what, *folder = sys.argv[1:]
    if what == "write":
        return write()
    truth = json.loads(pathlib.Path("truth.json").read_text())
    if what == "letter":
        return letters(truth, *folder, "LETTER-TIGER", lambda *_: None)
    if what == "lcrec":
        return letters(truth, *folder, "LETTER-LC-Rec", item_texts(truth))
    {"recbole": recbole, "grid": grid, "recboard": recboard, "freerec": freerec}[what](truth, *folder)


if __name__ == "__main__":
    main()
