"""Values as a reader can take them in: rounded, cut where they are long."""

import inspect
from collections.abc import Mapping

import numpy as np
import torch

from howfar.exercises.engine.compare import numbers, same

INDENT = " " * 12


def describe_case(exercise, case):
    """A line for each argument."""
    names = _argument_names(exercise, len(case))
    width = max(9, *map(len, names)) if names else 9
    return [f"  {name:{width}s} {describe(value)}" for name, value in zip(names, case, strict=True)]


def argument_name(exercise, case, i):
    return _argument_names(exercise, len(case))[i]


def _argument_names(exercise, count):
    """Those of the reference, or of ``run`` where that spells them out."""
    names = list(inspect.signature(exercise.reference).parameters)
    passed = list(inspect.signature(exercise.run).parameters.values())[1:]
    if all(p.kind is not p.VAR_POSITIONAL for p in passed) and len(passed) >= count:
        names = [p.name for p in passed]
    return [*names[:count], *(f"argument {i}" for i in range(len(names), count))]


def describe_difference(expected, got, tolerance):
    """The lines ``expected`` and ``got``: of dictionaries only the items that differ, of numbers enough digits."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return _items(expected, got, tolerance)
    texts = describe(expected), describe(got)
    if texts[0] == texts[1]:
        texts = tuple(describe(value, digits=17) for value in (expected, got))
    lines = [f"  expected  {texts[0]}", f"  got       {texts[1]}"]
    place = first_difference(expected, got, tolerance)
    if place is not None:
        index, b, a = place
        lines.append(f"  They first differ at index {index}: expected {describe(b)}, got {describe(a)}.")
    return lines


def first_difference(expected, got, tolerance):
    """Where two arrays of one shape first differ, as (index, expected there, got there); None for other values."""
    a, b = numbers(got), numbers(expected)
    if a is None or b is None or a.shape != b.shape or b.size < 2:
        return None
    for index in np.ndindex(b.shape):
        if not same(a[index], b[index], tolerance):
            return ", ".join(map(str, index)), b[index], a[index]
    return None


def _items(expected, got, tolerance):
    lines = []
    for key in [*expected, *(key for key in got if key not in expected)]:
        if key in expected and key in got and same(got[key], expected[key], tolerance):
            continue
        name = key if isinstance(key, str) else repr(key)
        lines.append(f"  {name}")
        lines.append(f"    expected  {describe(expected[key]) if key in expected else 'no such entry'}")
        lines.append(f"    got       {describe(got[key]) if key in got else 'no such entry'}")
    kept = lines[:12]
    return kept if len(lines) <= 12 else [*kept, f"  and {(len(lines) - 12) // 3} more entries"]


def describe(x, digits=6):
    """A value in a line or a few: at most 20 entries of an array, 300 characters of anything else."""
    try:
        return _describe(x, digits)
    except Exception:  # a tensor that NumPy has no type for, an object that can't say what it is
        return f"an object of type {type(x).__name__}"


def _describe(x, digits):
    if isinstance(x, BaseException):
        return f"{type(x).__name__}: {x}" if str(x) else type(x).__name__
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu()
        x = (x.float() if x.is_floating_point() and x.itemsize < 4 else x).numpy()
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x.item()
    if isinstance(x, np.ndarray):
        if x.dtype.kind == "f":
            x = _round(x, digits)
        text = np.array2string(x, threshold=20, separator=", ", floatmode="maxprec", precision=digits)
        text = text.replace("\n", "\n" + INDENT)
        return text if x.size <= 100 else f"{text}  shape {x.shape}"
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if isinstance(x, np.integer):
        return str(int(x))
    if isinstance(x, (float, np.floating)):
        return f"{float(x):.{digits}g}"
    if isinstance(x, Mapping):
        text = (
            "{" + ", ".join(f"{key!r}: {' '.join(describe(value, digits).split())}" for key, value in x.items()) + "}"
        )
    else:
        text = repr(x)
    return text if len(text) <= 300 else text[:300] + " ..."


def _round(x, digits):
    with np.errstate(all="ignore"):
        rounded = np.round(x, digits) if digits < 16 else x
    return rounded + 0.0  # without minus zero
