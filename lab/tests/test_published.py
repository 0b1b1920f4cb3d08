import pytest
import tessera_rec as tessera

from lab.published import dataset_of, paper_figure, peers


def model(**changes):
    return tessera.settings("paper", **changes)


def test_figures_belong_to_data_of_their_size_alone():
    assert dataset_of(22363, 12101) == "Beauty"
    assert dataset_of(35598, 18357) == "Sports"
    assert dataset_of(22363, 12102) == ""
    assert peers("", "sampled") == []


@pytest.mark.parametrize(
    "dataset, changes, figure, value",
    [
        ("Beauty", {}, "sampled HR@10", 0.5318),
        ("Sports", {}, "sampled NDCG@10", 0.3139),
        ("Beauty", {}, "activation 3", 1.0),
        ("Beauty", {}, "unique_share", 0.8327),
        ("Beauty", {"seed": 9, "epochs": 4}, "sampled HR@10", 0.5318),
        ("Beauty", {"distance": "euclidean"}, "activation 1", 0.0586),
        ("Beauty", {"distance": "euclidean"}, "activation 2", None),
        ("Beauty", {"distance": "cosine"}, "sampled MRR", 0.2921),
        ("Sports", {"codebook_size": 128}, "sampled HR@10", 0.5247),
        ("Sports", {"codebook_size": 128}, "sampled HR@5", None),
        ("Beauty", {"codebook_size": 128}, "sampled HR@10", None),
        ("Beauty", {"tokens": "id"}, "sampled HR@10", 0.4651),
        ("Beauty", {"tokens": "id"}, "unique_share", None),
        ("Beauty", {"tokens": "semantic"}, "sampled HR@10", 0.4956),
        ("Beauty", {"tokens": "semantic"}, "full HR@10", None),
    ],
)
def test_figures_are_found_by_what_shapes_the_model(dataset, changes, figure, value):
    assert paper_figure(dataset, model(**changes), figure) == value


@pytest.mark.parametrize(
    "change", [{"id_dims": 16}, {"semantic_dims": 32}, {"levels": 4}, {"hidden": 32}, {"layers": 1}, {"dropout": 0.2}]
)
def test_models_of_other_shapes_have_no_figures_of_the_paper(change):
    assert paper_figure("Beauty", model(**change), "sampled HR@10") is None
    assert paper_figure("Beauty", tessera.settings("default"), "sampled HR@10") is None


def test_every_row_names_its_source_and_is_plausible():
    for dataset in "Beauty", "Sports":
        for protocol in "sampled", "full":
            assert peers(dataset, protocol)
            for row in peers(dataset, protocol):
                assert row["source"] and row["HR@10"] > row["NDCG@10"], row["name"]
