"""Which models a study trains: variants of settings, and the comparisons between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Sequence

import tessera_rec as tessera

from .errors import WrongUsage
from .peers import peer_settings

# So few that a quick look ends within ten minutes on two cores.
QUICK_EPOCHS = 4


@dataclass(frozen=True)
class Variant:
    """A model but for its seed: every setting with its value."""

    name: str  # of its bundle, without the seed
    settings: dict


@dataclass(frozen=True)
class Point:
    """One model in a comparison."""

    label: str
    variant: int  # into Grid.variants


@dataclass
class Comparison:
    """Models that differ in one thing: what one figure of the study shows."""

    key: str  # "tokens", "distance", "variants" or the setting that is varied
    axis: str = ""  # what the labels count; empty where they are names
    points: list[Point] = field(default_factory=list)


@dataclass
class Grid:
    """Every model to train, the study's own first. A model in several comparisons is one variant."""

    variants: list[Variant] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    def add(self, name: str, settings: dict) -> int:
        """Its number; that of the variant with the same settings if there is one."""
        for number, variant in enumerate(self.variants):
            if variant.settings == settings:
                return number
        if any(variant.name == name for variant in self.variants):
            raise WrongUsage(f"two variants are called '{name}'")
        self.variants.append(Variant(name, settings))
        return len(self.variants) - 1

    def comparison(self, key: str) -> Comparison | None:
        return next((c for c in self.comparisons if c.key == key), None)

    def label(self, number: int) -> str:
        """What a variant is called where it stands alone: with what its label counts."""
        for comparison in self.comparisons:
            for point in comparison.points:
                if point.variant == number:
                    of = "distance" if comparison.key == "distance" else comparison.axis
                    return f"{point.label} {of}".rstrip()
        return self.variants[number].name


def parse_assignments(words: Sequence[str]) -> dict:
    """{"epochs": "20"} of "epochs=20": values are words, as the engine reads them."""
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise WrongUsage(f"'{word}': a setting is written key=value")
        pairs[key] = value
    return pairs


def resolved(recipe: str, *changes: dict, quick: bool = False) -> dict:
    """Every setting of a recipe after these changes, later ones above earlier ones, without the seed.

    `quick` asks for very few epochs, which the changes may still overrule.
    """
    settings = {}
    if quick:
        settings["epochs"] = QUICK_EPOCHS
        if tessera.settings(recipe)["collaborative_tokens"]:
            settings["collaborative_epochs"] = QUICK_EPOCHS
    for change in changes:
        settings.update(change)
    try:
        everything = tessera.settings(recipe, **settings)
    except tessera.UsageError as error:
        raise WrongUsage(str(error)) from None
    everything.pop("seed")
    return everything


def paper_grid(changes: dict, quick: bool) -> Grid:
    """The study of Lin et al. 2025 by the `paper` recipe, and its tokens by the `default` recipe.

    `changes` change every recipe; what a comparison varies stands above them. `quick`: fewer points and very
    few epochs.
    """
    grid = Grid()

    def add(name: str, recipe: str = "paper", tuned: dict | None = None, **varied) -> int:
        return grid.add(name, resolved(recipe, tuned or {}, changes, varied, quick=quick))

    tokens = Comparison("tokens")
    for label, name in ("unified", "unified"), ("semantic", "semantic"), ("ID", "id"):
        tokens.points.append(Point(label, add(name, tokens=name)))
    for label, name in ("unified", "unified"), ("semantic", "semantic"), ("ID", "id"):
        if quick and name != "unified":
            continue
        tuned = peer_settings("default", name)
        number = add(f"default-{name}", "default", tuned, tokens=name)
        tokens.points.append(Point(f"{label}, default recipe", number))
    grid.comparisons.append(tokens)

    distances = Comparison("distance")
    for distance in "cosine", "euclidean", "unified":
        distances.points.append(Point(distance, add(distance, tokens="unified", distance=distance)))
    grid.comparisons.append(distances)

    def sweep(key: str, axis: str, prefix: str, values: Sequence[int]) -> None:
        comparison = Comparison(key, axis)
        for value in values:  # 0 stands for none of it: the semantic tokens alone
            varied = {"tokens": "unified", key: value} if value else {"tokens": "semantic"}
            comparison.points.append(Point(str(value), add(f"{prefix}-{value}", **varied)))
        grid.comparisons.append(comparison)

    sweep("codebook_size", "codes a level", "codebook",
          (64, 256, 1024) if quick else (64, 128, 256, 512, 1024))
    sweep("id_dims", "dims of an ID token", "id-dims", (0, 8, 64) if quick else (0, 2, 4, 8, 16, 32, 64))
    sweep("semantic_dims", "dims of a semantic token", "semantic-dims",
          (16, 64) if quick else (16, 32, 64, 128))
    return grid


def tokens_grid(recipe: str, changes: dict) -> Grid:
    """ID, semantic and unified tokens by one recipe, each trained as validation likes it best."""
    variants = {
        name: resolved(recipe, peer_settings(recipe, name), changes, {"tokens": name})
        for name in ("id", "semantic", "unified")
    }
    return variants_grid(variants)


def named_grid(recipe: str, words: Sequence[str], changes: dict) -> Grid:
    """Variants as the command line names them: NAME[:KEY=VALUE,…]."""
    variants = {}
    for word in words:
        name, _, assignments = word.partition(":")
        if not name or "/" in name or name in variants:
            raise WrongUsage(f"'{word}': a variant needs a name of its own, without '/'")
        own = parse_assignments([a for a in assignments.split(",") if a])
        variants[name] = resolved(recipe, changes, own)
    return variants_grid(variants)


def variants_grid(variants: dict) -> Grid:
    """One comparison between named settings."""
    grid = Grid()
    comparison = Comparison("variants")
    for name, settings in variants.items():
        comparison.points.append(Point(name, grid.add(name, settings)))
    grid.comparisons.append(comparison)
    return grid
