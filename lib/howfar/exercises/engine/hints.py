"""What can be said of a wrong answer that is none of the known mistakes."""

from collections.abc import Mapping

import numpy as np

from howfar.exercises.engine.compare import is_whole, numbers, same

CHANGES = "changes its input"
OVERFLOW = "overflow"
ROUNDED = "rounded"

OVERFLOW_HINT = (
    "your integers overflowed: NumPy's hold at most 2**63 - 1 and then start again from below. Use Python's int, or "
    "arrays of dtype=object."
)
ROUNDED_HINT = "your integers were rounded: a float holds 53 bits, some 16 digits. Use Python's int throughout."


def number_mistake(got, expected):
    """``(name, hint)`` where integers overflowed or were rounded to floats, else None."""
    a, b = numbers(got), numbers(expected)
    if a is None or b is None or a.shape != b.shape or not is_whole(b):
        return None
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        return None
    off = [(int(x), int(y)) for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True) if x != y]
    if off and is_whole(a) and all((x - y) % 2**32 == 0 for x, y in off):
        return OVERFLOW, OVERFLOW_HINT
    if off and all(abs(y) > 2**53 and 10**9 * abs(x - y) < abs(y) for x, y in off):
        return ROUNDED, ROUNDED_HINT
    return None


def general_hint(got, expected, everything, tolerance):
    """The best that can be said of a value that no known mistake explains.

    Parameters
    ----------
    got, expected : object
        What came back on the first case that failed, and what should have.
    everything : list of (object, object)
        The same pair for every case.
    tolerance : float

    Returns
    -------
    str
    """
    return (
        _kind(got, expected) or _pattern(everything, tolerance) or _shape(got, expected) or _most(everything, tolerance)
    )


def _kind(got, expected):
    """A wrong kind of value: nothing, text, nan."""
    if got is None:
        return "Your function returned None: did you forget `return`?"
    if got is ...:
        return "For this input your function still returns `...`."
    if isinstance(expected, Mapping):
        return "" if isinstance(got, Mapping) else f"Return a dictionary; yours is {_type_of(got)}."
    a, b = numbers(got), numbers(expected)
    if b is None:
        return ""
    if a is None:
        return f"Return {'a number' if b.ndim == 0 else 'numbers'}; yours is {_type_of(got)}."
    if a.shape == b.shape and a.dtype.kind == "f" and b.dtype.kind == "f" and (np.isnan(a) & ~np.isnan(b)).any():
        return "There is a nan where a number should be: 0 / 0, or infinity minus infinity?"
    return ""


def _type_of(got):
    if isinstance(got, np.ndarray):
        return f"an array of dtype {got.dtype}"
    if isinstance(got, (list, tuple)) and got:
        kinds = sorted({type(part).__name__ for part in got})
        return f"a {type(got).__name__} of {' and '.join(kinds)}"
    return f"of type {type(got).__name__}"


def _most(everything, tolerance):
    right = sum(same(got, expected, tolerance) for got, expected in everything)
    if right >= 2 / 3 * len(everything):
        return "Most inputs come out right: what is special about this one?"
    return "Work this input out by hand and compare."


def _shape(got, expected):
    a, b = numbers(got), numbers(expected)
    return (
        "" if a is None or b is None or a.shape == b.shape else f"The shapes differ: expected {b.shape}, got {a.shape}."
    )


def _pattern(everything, tolerance):
    """How the answer differs from the expected value, where it is in the same way on every case."""
    pairs = [(numbers(got), numbers(expected)) for got, expected in everything]
    if len(pairs) < 3 or any(a is None or b is None for a, b in pairs):
        return ""
    for said, change in CHANGED:
        if all(same(a, change(b), tolerance) for a, b in pairs):
            return said
    if any(a.shape != b.shape for a, b in pairs):
        return ""
    try:
        a, b = (np.concatenate([part.ravel() for part in parts]).astype(float) for parts in zip(*pairs, strict=True))
    except OverflowError:  # integers beyond the largest float
        return ""
    if len(a) < 3 or not (np.isfinite(a).all() and np.isfinite(b).all()) or np.ptp(b) == 0:
        return ""
    if np.ptp(a) == 0:
        return "Your answer is the same on every input: does it use its arguments?"
    largest = np.abs(b).argmax()
    factor, shift = a[largest] / b[largest], a[0] - b[0]
    if np.count_nonzero(b) > 2 and np.allclose(a, factor * b, rtol=1e-6, atol=0):
        return f"On every input your answer is {factor:.6g} times the expected one."
    if np.allclose(a, b + shift, rtol=1e-6, atol=0):
        return f"On every input your answer is too {'large' if shift > 0 else 'small'} by {abs(shift):.6g}."
    if np.allclose(a, b, rtol=1e-3, atol=1e-3 * np.abs(b[b != 0]).min()):
        return "Your answers come close on every input: is something rounded, or approximated?"
    return ""


CHANGED = (
    ("On every input your answer has the opposite sign.", lambda b: -b if b.dtype != bool else ~b),
    ("Rows and columns are swapped: transpose.", lambda b: b.T),
    ("The order is reversed.", lambda b: b[::-1] if b.ndim else b),
    ("Your answer has lost its sign: no absolute value here.", np.abs),
)
