import pytest

from lab.forecast import TYPICAL_EPOCHS, Timing, forecast


def test_it_is_unknown_until_an_epoch_was_measured():
    timings = [Timing("a", 4, epochs=0.4), Timing("b", 4)]
    assert not forecast(timings, 1).known
    assert forecast(timings, 1).share == 0


def test_it_counts_the_epochs_that_are_left():
    timings = [Timing("a", 4, epochs=1.5, epoch_seconds=10), Timing("a", 4)]
    one = forecast(timings, 1)
    assert one.known
    assert one.left == pytest.approx(25 + 40)
    assert one.share == pytest.approx(15 / 80)
    assert forecast(timings, 2).left == pytest.approx(40), "a model is done by one worker"


def test_models_are_expected_to_stop_as_the_finished_ones_of_their_kind_did():
    timings = [
        Timing("a", 200, 50, 10, 6, finished=True), Timing("b", 200, 20, 2, 2, finished=True),
        Timing("a", 200, 30, 10), Timing("b", 200),
    ]  # fmt: skip
    assert forecast(timings, 1).left == pytest.approx((20 * 10 + 6) + (20 * 2 + 2))
    longer = [Timing("a", 200, 50, 10, finished=True), Timing("a", 200, 55, 10)]
    assert forecast(longer, 1).left == pytest.approx(10), "one epoch more, at least"


def test_a_length_is_guessed_before_any_model_is_finished():
    assert forecast([Timing("a", 200, 1, 10)], 1).left == pytest.approx((TYPICAL_EPOCHS - 1) * 10)
    assert forecast([Timing("a", 3, 1, 10)], 1).left == pytest.approx(20)


def test_of_finished_work_nothing_is_left():
    done = forecast([Timing("a", 200, 5, 10, 1, finished=True)], 4)
    assert (done.left, done.share) == (0, 1)
    assert forecast([], 1).left == 0
