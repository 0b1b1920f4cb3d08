"""The page as a pure function of results."""

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from lab import maps
from lab.forecast import Forecast
from lab.grids import named_grid, paper_grid
from lab.page import study_page
from lab.results import Study, estimate_of, report
from lab.runner import Status
from lab.words import number

from .conftest import metrics_at, result_at


@pytest.fixture(scope="module")
def grid():
    return paper_grid({}, quick=False)


def whole_study(grid, data, seeds=1, quick=False):
    """The runs' HR@10 is .4 and .001 more for each model, .01 more for each seed."""
    study = Study("Tokens", "About them.", "paper", grid, [data], seeds, quick)
    for run in study.runs:
        levels = 0 if run.settings["tokens"] == "id" else 3
        run.result = result_at(0.4 + 0.001 * grid.variants.index(run.variant) + 0.01 * (run.seed - 1), levels)
        run.result["baselines"]["rule of thumb"] = {"sampled": metrics_at(0.321), "full": metrics_at(0.0321)}
    return study


def page_of(study, **status):
    done = {"running": False, "finished": study.finished(), "total": len(study.runs), "forecast": Forecast()}
    return study_page(study, Status(**{**done, **status}), study.data[0].path)


class Nesting(HTMLParser):
    """Whether tags open and close in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.wrong = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append((tag, self.getpos()))


def test_every_figure_of_every_model_is_on_the_page(grid, beauty_like):
    study = whole_study(grid, beauty_like)
    page = page_of(study)
    for run in study.runs:
        assert number(run.result["test"]["sampled"]["HR@10"], 4) in page
        assert number(run.result["test"]["full"]["HR@10"], 4) in page
        assert run.name in page
    for anchor in "beside", "tokens", "distances", "codebooks", "ids", "width", "cost", "curves", "how":
        assert f'<section id="{anchor}"' in page and f'"#{anchor}"' in page
    for part in ("rule of thumb", ".3210", ".0321", "ActionPiece", "eSASRec", "S³-Rec", "145,960", "75.00 %",
                 "81.25 %", "level 3 active"):  # fmt: skip
        assert part in page


def test_the_papers_figures_stand_beside_with_the_difference(grid, beauty_like):
    page = page_of(whole_study(grid, beauty_like))
    for cell in ".5318", ".3440", ".4651", ".4956", "83.27 %", "70.13 %", "92.67 %", "5.86 %", "−.1318", "−8.27 pts":
        assert f"<td>{cell}</td>" in page, cell
    assert "arXiv 2502.16474" in page


def test_other_data_has_no_figures_of_the_paper(grid, beauty_like):
    page = page_of(whole_study(grid, dataclasses.replace(beauty_like, published="")))
    assert 'id="beside"' not in page
    assert ".5318" not in page and "ActionPiece" not in page


def test_several_seeds_show_their_deviation(grid, beauty_like):
    page = page_of(whole_study(grid, beauty_like, seeds=2))
    assert '.4050<span class="deviation"> ± .0071</span>' in page  # .40 and .41


def test_the_page_is_self_contained_and_well_formed(grid, beauty_like):
    page = page_of(whole_study(grid, beauty_like))
    for outside in "<script", "<link", "<img", " src=", "https://", "@import", "nan":
        assert outside not in page, outside
    # What is left are names of XML's vocabularies, which nobody fetches.
    assert set(re.findall(r'http://[^"]*', page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "#fe" not in page, "a stand-in colour is left"
    nesting = Nesting(page)
    assert (nesting.wrong, nesting.open) == ([], [])


def test_an_unfinished_study_says_how_far_it_is_and_renews_itself(grid, beauty_like):
    study = whole_study(grid, beauty_like)
    study.runs[3].result = None
    going = page_of(study, running=True, forecast=Forecast(True, 0.5, 720), current="beauty/cosine-1 epoch 2")
    assert 'http-equiv="refresh"' in going
    assert "19 of 20 models finished" in going and "about 12 minutes left" in going
    assert "now beauty/cosine-1 epoch 2" in going
    stopped = page_of(study)
    assert 'http-equiv="refresh"' not in stopped and "Stopped with 19 of 20 models finished" in stopped


def test_a_study_without_any_result_has_a_page(grid, beauty_like):
    page = page_of(Study("Tokens", "About.", "paper", grid, [beauty_like]), running=True)
    assert "0 of 20 models finished" in page and "–" in page


def test_names_cannot_be_markup(beauty_like):
    study = Study("A", "B", "compare", named_grid("paper", ["<b>bold"], {}),
                  [dataclasses.replace(beauty_like, name="<script>x</script>")])  # fmt: skip
    study.runs[0].result = result_at(0.4)
    page = page_of(study)
    assert "<script" not in page and "<b>bold" not in page
    assert "&lt;b&gt;bold" in page and "&lt;script&gt;" in page


def test_a_plane_keeps_the_distances_of_points_that_lie_in_one():
    points = np.random.default_rng(1).normal(size=(40, 2)) @ np.random.default_rng(2).normal(size=(2, 7))
    placed = maps.plane(points.astype(np.float32))
    apart = lambda p: np.linalg.norm(p[:, None] - p[None], axis=2)
    np.testing.assert_allclose(apart(placed), apart(points), atol=1e-4)
    assert maps.plane(np.ones((3, 1), np.float32)).shape == (3, 2)


def test_estimates_are_means_and_sample_deviations():
    assert estimate_of([]).seeds == 0
    assert vars(estimate_of([None, 0.5])) == {"seeds": 1, "mean": 0.5, "deviation": 0.0}
    both = estimate_of([0.4, 0.5])
    assert both.mean == pytest.approx(0.45) and both.deviation == pytest.approx(0.0707106781)


def test_the_report_has_the_papers_figure_and_the_difference(grid, beauty_like):
    found = report(whole_study(grid, beauty_like))
    assert found["complete"] and found["models"] == {"finished": 20, "total": 20}
    own = found["datasets"][0]["models"][0]["figures"]["sampled HR@10"]
    assert own["paper"] == 0.5318 and own["difference"] == pytest.approx(0.4 - 0.5318)
