import pytest
import tessera_rec as tessera

from lab.errors import WrongUsage
from lab.grids import named_grid, paper_grid, parse_assignments, tokens_grid
from lab.peers import DEFAULT


def labels(grid, key):
    return [point.label for point in grid.comparison(key).points]


def settings(grid, key, point):
    return grid.variants[grid.comparison(key).points[point].variant].settings


def test_the_grid_holds_every_comparison_of_the_paper():
    grid = paper_grid({}, quick=False)
    assert labels(grid, "distance") == ["cosine", "euclidean", "unified"]
    assert labels(grid, "codebook_size") == ["64", "128", "256", "512", "1024"]
    assert labels(grid, "id_dims") == ["0", "2", "4", "8", "16", "32", "64"]
    assert labels(grid, "semantic_dims") == ["16", "32", "64", "128"]
    assert [settings(grid, "tokens", i)["tokens"] for i in range(3)] == ["unified", "semantic", "id"]
    assert settings(grid, "distance", 1)["distance"] == "euclidean"
    assert settings(grid, "codebook_size", 4)["codebook_size"] == 1024
    assert settings(grid, "id_dims", 0)["tokens"] == "semantic", "no dims: no ID token"
    assert settings(grid, "semantic_dims", 3)["semantic_dims"] == 128


def test_the_papers_own_model_is_trained_once_and_first():
    grid = paper_grid({}, quick=False)
    own = tessera.settings("paper")
    own.pop("seed")
    assert grid.variants[0].settings == own
    assert {grid.comparison(key).points[i].variant for key, i in
            (("distance", 2), ("codebook_size", 2), ("id_dims", 3), ("semantic_dims", 2))} == {0}  # fmt: skip
    assert len({variant.name for variant in grid.variants}) == len(grid.variants)
    assert sum(variant.settings["recipe"] == "paper" for variant in grid.variants) == 3 + 2 + 4 + 5 + 3


def test_peers_by_the_default_recipe_are_trained_as_validation_likes_them_best():
    grid = paper_grid({}, quick=False)
    found = {v.name: v.settings for v in grid.variants if v.settings["recipe"] == "default"}
    assert set(found) == {"default-unified", "default-semantic", "default-id"}
    for tokens, tuned in DEFAULT.items():
        assert {key: found[f"default-{tokens}"][key] for key in tuned} == tuned
        cold = tokens_grid("default", {}).variants
        assert found[f"default-{tokens}"] in [variant.settings for variant in cold]
    assert all(v.settings["epochs"] == tessera.settings("paper")["epochs"] for v in tokens_grid("paper", {}).variants)


def test_changes_stand_below_what_a_comparison_varies():
    grid = paper_grid(parse_assignments(["epochs=2", "codebook_size=16"]), quick=False)
    assert {variant.settings["epochs"] for variant in grid.variants} == {2}
    assert settings(grid, "tokens", 0)["codebook_size"] == 16
    assert settings(grid, "codebook_size", 2)["codebook_size"] == 256
    assert settings(grid, "id_dims", 1)["codebook_size"] == 16


def test_quick_has_the_same_comparisons_with_fewer_points_and_epochs():
    whole, quick = paper_grid({}, quick=False), paper_grid({}, quick=True)
    assert [c.key for c in quick.comparisons] == [c.key for c in whole.comparisons]
    assert all(2 <= len(q.points) <= len(w.points) for q, w in zip(quick.comparisons, whole.comparisons))
    assert len(quick.variants) < len(whole.variants)
    assert max(variant.settings["epochs"] for variant in quick.variants) <= 10
    assert paper_grid({"epochs": "1"}, quick=True).variants[0].settings["epochs"] == 1


def test_named_variants_change_the_recipe():
    grid = named_grid("paper", ["whole", "small:codebook_size=16,epochs=3"], {"epochs": "5"})
    assert [v.name for v in grid.variants] == ["whole", "small"]
    assert [v.settings["epochs"] for v in grid.variants] == [5, 3]
    assert grid.variants[1].settings["codebook_size"] == 16


@pytest.mark.parametrize("words", [["a:epochz=1"], ["a", "a"], [":epochs=1"], ["a/b"], ["a:epochs"]])
def test_variants_that_cannot_be_are_refused(words):
    with pytest.raises(WrongUsage):
        named_grid("paper", words, {})
