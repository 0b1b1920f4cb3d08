from lab.words import clock, duration, number, percent, plural, signed


def test_numbers_have_no_zero_before_the_point_and_a_true_minus():
    assert [number(0.5318, 4), number(-0.25, 2), number(1.5, 1), number(0, 2)] == [".5318", "−.25", "1.5", ".00"]
    assert number(-0.00001, 4) == ".0000"
    assert [signed(0.0123, 4), signed(-0.0123, 4), signed(0, 2)] == ["+.0123", "−.0123", ".00"]
    assert percent(0.8327, 2) == "83.27 %"


def test_durations_are_words():
    assert [duration(s) for s in (0, 1, 40, 60, 719, 7200, 7500)] == [
        "1 second", "1 second", "40 seconds", "1 minute", "12 minutes", "2 hours", "2 hours 5 minutes"]  # fmt: skip
    assert [clock(5), clock(245), clock(3845)] == ["0:05", "4:05", "1:04:05"]
    assert [plural(1, "item"), plural(12101, "item")] == ["1 item", "12,101 items"]
