"""Numbers as the page shows them."""

from __future__ import annotations


def number(value: float, decimals: int) -> str:
    """Fixed decimals, no zero before the point (".5318"), a true minus."""
    digits = f"{abs(value):.{decimals}f}"
    if decimals > 0 and digits.startswith("0."):
        digits = digits[1:]
    return "−" + digits if value < 0 and digits.strip(".0") else digits


def signed(value: float, decimals: int) -> str:
    """The same with its sign: "+.0123", "−.0123"; a zero has none."""
    digits = number(value, decimals)
    return "+" + digits if value > 0 and digits.strip(".0") else digits


def percent(fraction: float, decimals: int = 1) -> str:
    return f"{100 * fraction:.{decimals}f} %"


def duration(seconds: float) -> str:
    """In words: "40 seconds", "12 minutes", "2 hours 5 minutes"."""
    if seconds < 59.5:
        return _counted(max(1, round(seconds)), "second")
    minutes = round(seconds / 60)
    if minutes < 60:
        return _counted(minutes, "minute")
    hours = _counted(minutes // 60, "hour")
    return f"{hours} {_counted(minutes % 60, 'minute')}" if minutes % 60 else hours


def clock(seconds: float) -> str:
    """"4:05" or "1:04:05"."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
