"""Settings of the models that ours stand beside, each chosen on the validation split."""

# Recipe `default` without IDs: there are no codes to start from, so it needs longer and a higher rate. IDs alone
# have what they need by the recipe.
DEFAULT = {
    "semantic": {"epochs": 20, "learning_rate": 0.003},
}


def peer_settings(recipe: str, tokens: str) -> dict:
    """What a model of these tokens alone is trained with besides, in this recipe."""
    return dict(DEFAULT.get(tokens, {})) if recipe == "default" else {}
