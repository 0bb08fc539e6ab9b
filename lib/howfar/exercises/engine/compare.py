"""When are two values the same? By value, not by type: a list, an array or a tensor will do."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real

import numpy as np
import torch


def same(got, expected, tolerance):
    """Whether a value is the expected one.

    Dictionaries are compared by their items; tuples and lists part by part; numbers with the tolerance, relative and
    absolute, but integers exactly. Strings, None and complex numbers are never the same as a number.

    Parameters
    ----------
    got, expected : object
        What the answer and the reference return.
    tolerance : float

    Returns
    -------
    bool
    """
    if isinstance(expected, Mapping):
        return (
            isinstance(got, Mapping)
            and got.keys() == expected.keys()
            and all(same(got[key], expected[key], tolerance) for key in expected)
        )
    if expected is None or isinstance(expected, str):
        return isinstance(got, type(expected)) and got == expected
    if isinstance(expected, (bool, np.bool_)):
        truth = numbers(got)
        return truth is not None and truth.shape == () and truth.dtype == bool and bool(truth) == expected
    if isinstance(expected, (tuple, list)):
        parts = _parts(got)
        return (
            parts is not None
            and len(parts) == len(expected)
            and all(same(x, y, tolerance) for x, y in zip(parts, expected, strict=True))
        )
    a, b = numbers(got), numbers(expected)
    if b is None:
        return isinstance(got, type(expected)) and bool(got == expected)
    return a is not None and a.shape == b.shape and _equal(a, b, tolerance)


def _equal(a, b, tolerance):
    if is_whole(b):
        return _plain(a) == _plain(b)
    try:
        a, b = a.astype(np.float64), b.astype(np.float64)
    except OverflowError:  # an integer beyond the largest float
        return False
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))


def _plain(array):
    """As a flat list of Python's numbers: they compare an integer with a float exactly, where NumPy rounds first."""
    return [x.item() if isinstance(x, np.generic) else x for x in array.ravel().tolist()]


def _parts(x):
    """The parts of anything that is a sequence of them, or None."""
    if isinstance(x, Sequence) and not isinstance(x, (str, bytes)):
        return list(x)
    if isinstance(x, torch.Tensor) or (hasattr(x, "__array__") and not isinstance(x, np.generic)):
        x = numbers(x)
        return list(x) if x is not None and x.ndim else None
    return None


def is_whole(array):
    """Whether an array from `numbers` holds integers (or truth values) only."""
    if array.dtype == object:
        return all(isinstance(x, Integral) for x in array.ravel())
    return array.dtype.kind in "biu"


def numbers(x):
    """Real numbers as an array, or None where ``x`` is anything else: a string, None, complex numbers, uneven rows.

    Integers stay exact: those that int64 can't hold come as an array of Python's integers.
    """
    try:
        return _numbers(x)
    except Exception:  # whatever a reader's function returns: a sparse tensor, a list that holds itself
        return None


def _numbers(x):
    if isinstance(x, (list, tuple, range)):
        parts = [_numbers(part) for part in x]
        if any(part is None for part in parts) or len({part.shape for part in parts}) > 1:
            return None
        return np.stack(parts) if parts else np.zeros(0)
    if isinstance(x, torch.Tensor):
        if x.is_complex():
            return None
        x = x.detach().cpu()
        return (x.double() if x.is_floating_point() else x).numpy()
    if isinstance(x, int) and not -(2**63) <= x < 2**63:
        return np.array(x, dtype=object)
    array = np.asarray(x)
    if array.dtype == object:
        return array if all(isinstance(part, Real) for part in array.ravel()) else None
    if array.dtype.kind == "u":  # beside an int64 NumPy would make floats of uint64
        return array.astype(object)
    return array if array.dtype.kind in "bif" else None


def identical(a, b):
    """Whether two arguments are the same to the bit; False where that can't be told."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return (
            bool(torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)) if a.is_floating_point() else torch.equal(a, b)
        )
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return False
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(identical(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(identical(x, y) for x, y in zip(a, b, strict=True))
    try:
        return bool(a == b)
    except (TypeError, ValueError, RuntimeError):  # an object that holds arrays
        return False
