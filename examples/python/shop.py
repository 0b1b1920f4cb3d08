# %% [markdown]
# # A recommender for a shop, from data frame to recommendations
#
# Cells are marked with `# %%`: open this file as a notebook (VS Code, Spyder, Jupytext), or run it
# as a script: `python examples/python/shop.py [FOLDER]`. What it makes goes into FOLDER, or into
# `shop-example`.

# %%
import pathlib
import sys

import matplotlib
import pandas as pd

import tessera_rec as tessera

notebook = "ipykernel" in sys.modules
if not notebook:
    matplotlib.use("Agg")  # plots go into files alone
import matplotlib.pyplot as plt

out = pathlib.Path("shop-example" if notebook or len(sys.argv) < 2 else sys.argv[1])
out.mkdir(parents=True, exist_ok=True)


def show(figure, name):
    figure.savefig(out / name)
    if notebook:
        plt.show()



# %% [markdown]
# ## Events and items as data frames
#
# A simulated shop stands in for yours. Any data frame with a user, an item and a time will do.

# %%
simulated = tessera.simulate(out / "simulated", users=600, items=250, seed=7)
events = pd.DataFrame(
    [
        (user, item, position)
        for user in simulated.user_ids
        for position, item in enumerate(simulated.history(user))
    ],
    columns=["user", "item", "time"],
)
items = pd.DataFrame(
    {"item": simulated.item_ids, "title": simulated.titles, "text": simulated.texts}
)
print(events.head(), items.head(), sep="\n\n")

# %% [markdown]
# ## The dataset
#
# The last event of every user is held out for the test, the one before it for validation.
# `embed` gives every item a vector of its text; vectors of an encoder of your own go in as an array.

# %%
data = tessera.prepare(events, out / "data", items=items, k_core=3)
data.embed(dims=64)
print(data)

# %% [markdown]
# ## Training
#
# Ctrl-C (or the notebook's stop button) saves the state; `fit(…, resume=True)` goes on. First comes
# a model that finds the collaborative codes, whose epochs say `first_stage`. The shop is small: so
# are the settings.

# %%
curve = []
model = tessera.fit(
    data, out / "model", epochs=6, collaborative_epochs=4, codebook_size=32, batch_users=64,
    callbacks=curve.append,
)  # fmt: skip

curve = [epoch for epoch in curve if not epoch.first_stage]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.plot([e.epoch for e in curve], [e.loss for e in curve])
left.set(xlabel="epoch", title="training loss")
right.plot([e.epoch for e in curve], [e.validation["NDCG@10"] for e in curve])
right.set(xlabel="epoch", title="NDCG@10, validation")
show(figure, "training.png")

# %% [markdown]
# ## How good is it? Beside rules that only count

# %%
report = model.evaluate(data, baselines=True)
table = pd.DataFrame({"model": report["metrics"], **report["baselines"]}).T
print(table.round(4))

# %% [markdown]
# ## Recommendations

# %%
user = data.user_ids[0]
titles = dict(zip(model.item_ids, model.titles))
bought = data.history(user)
found, scores = model.recommend(bought, k=5)
print(f"{user} had:", *(f"  {titles[item]}" for item in bought[-3:]), "and may like:", sep="\n")
print(*(f"  {titles[item]} ({score:.2f})" for item, score in zip(found, scores)), sep="\n")

# %% [markdown]
# ## The token map
#
# Every item is a point in the plane in which item vectors differ most; its colour is its first
# token. Items that share a token lie together.

# %%
names, places, codes = model.map()
figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
axes.scatter(places[:, 0], places[:, 1], c=codes, cmap="tab20", s=12)
axes.set(title=f"{len(names)} items, coloured by their first token", xticks=[], yticks=[])
show(figure, "tokens.png")
print("tokens of", titles[found[0]], model.tokens([found[0]])[0])

# %% [markdown]
# ## A new item, without training

# %%
model.put_items(["new"], ["A brand-new " + titles[found[0]]])
print("like the new item:", *(titles[item] for item in model.similar("new", k=3).items), sep="\n  ")

# %% [markdown]
# ## To other tools: tokens for generative recommenders, files for RecBole

# %%
tessera.interchange.write_token_index(tessera.Model(out / "model"), out / "shop.index.json")
tessera.interchange.write_recbole(data, out / "recbole" / "shop")
