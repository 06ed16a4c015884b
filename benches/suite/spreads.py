"""Medians of rounds with the lowest and the highest, as (median, lowest, highest)."""

from statistics import median


def spread(values):
    """None if there are no values."""
    values = list(values)
    return (median(values), min(values), max(values)) if values else None


def ratio(own, other, figure):
    """The ratio of two servers in the same rounds. None if a round lacks the figure."""
    pairs = [(a.get(figure), b.get(figure)) for a, b in zip(own or [], other or [])]
    return spread(a / b for a, b in pairs if a is not None and b)


def text(values, unit=1):
    if values is None:
        return ""
    middle, low, high = (short(value / unit) for value in values)
    return middle if low == high else f"{middle} ({low}–{high})"


def short(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
