"""Arguments: one check for each kind. Each returns the value in the form that the code works with, or raises.

Every error is a ValueError that names the argument, says what is allowed and what it got.
"""

import math
import operator
from numbers import Real

import numpy as np
import torch


def count(name, value, *, least=1, most=None):
    """A whole number as a Python int, which never overflows.

    Parameters
    ----------
    name : str
        What the message calls the argument.
    value : int, or any type with ``__index__``
        NumPy's and torch's integers too; not bool, not float: 3.0 is refused.
    least : int
    most : int, optional

    Returns
    -------
    int
    """
    try:
        if isinstance(value, (bool, np.bool_)) or (isinstance(value, torch.Tensor) and value.dtype is torch.bool):
            raise TypeError
        whole = operator.index(value)
    except TypeError:
        whole = None
    if whole is None or whole < least or (most is not None and whole > most):
        if most is not None:
            allowed = f"an integer from {least} to {most}"
        else:
            allowed = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return whole


def number(name, value, *, least=None, above=None, most=None, below=None):
    """A finite real number as a float.

    Parameters
    ----------
    name : str
    value : int, float, or a NumPy or torch scalar
        Not bool, not a string.
    least, most : float, optional
        The smallest and the largest value allowed.
    above, below : float, optional
        The value must be strictly greater, or strictly less.

    Returns
    -------
    float
    """
    real = _as_float(value)
    bounds = (
        (least, "at least", lambda bound: real >= bound),
        (above, "greater than", lambda bound: real > bound),
        (most, "at most", lambda bound: real <= bound),
        (below, "less than", lambda bound: real < bound),
    )
    good = math.isfinite(real) and all(bound is None or holds(bound) for bound, _, holds in bounds)
    if not good:
        limits = "".join(f", {words} {bound:g}" for bound, words, _ in bounds if bound is not None)
        raise ValueError(f"{name} must be a finite number{limits}; got {value!r}")
    return real


def _as_float(value):
    """A float, or NaN for what is no real number."""
    if isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Real, np.floating, np.integer)):
        return math.nan
    try:
        return float(value)
    except (OverflowError, TypeError):
        return math.nan


def choice(name, value, allowed):
    """One of the allowed values, as it is; ``allowed`` is a sequence of strings, numbers or None."""
    # `in` would compare arrays element by element, and a list can't be hashed: only scalars can be among the allowed.
    if not isinstance(value, (str, int, float, type(None))) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}; got {value!r}")
    return value


def flag(name, value):
    """True or False as a Python bool (NumPy's bool too)."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def device(value, *, name="device", here=True):
    """A `torch.device` of the type cpu or cuda; where ``here`` is true, one that this machine has."""
    try:
        found = torch.device(value)
    except (RuntimeError, TypeError):
        raise ValueError(f"{name} must be cpu, cuda or cuda:N, got {value!r}") from None
    if found.type not in ("cpu", "cuda") or (found.type == "cpu" and found.index is not None):
        raise ValueError(f"{name} must be cpu, cuda or cuda:N, got {str(value)!r}")
    if here and found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        held = f"{torch.cuda.device_count()} GPUs" if torch.cuda.is_available() else "no GPU that torch can use"
        raise ValueError(f"{name} {str(value)!r} is not here: this machine has {held}; use device 'cpu'")
    return found


_SEEDS = "an integer, a torch.Generator, a numpy.random.Generator or None"


def torch_generator(seed, *, name="seed"):
    """A source of random numbers for torch.

    Parameters
    ----------
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator. NumPy's generator is asked for one number, which seeds a new one: the draws
        that follow depend on its state, and its state moves on.
    name : str

    Returns
    -------
    torch.Generator or None
        On the CPU; None stands for torch's global generator, as it does in torch.
    """
    if seed is None or isinstance(seed, torch.Generator):
        return seed
    if isinstance(seed, np.random.Generator):
        seed = int(seed.integers(2**63))
    return torch.Generator().manual_seed(_whole_seed(seed, name))


def numpy_generator(seed, *, name="seed"):
    """A source of random numbers for NumPy; the arguments are those of `torch_generator`.

    Returns
    -------
    numpy.random.Generator
        Seeded with one number drawn from torch's generator where ``seed`` is one, or None.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is None or isinstance(seed, torch.Generator):
        on = "cpu" if seed is None else seed.device
        return np.random.default_rng(int(torch.randint(2**63 - 1, (), generator=seed, device=on)))
    return np.random.default_rng(_whole_seed(seed, name))


def _whole_seed(seed, name):
    try:
        return count(name, seed, least=0)
    except ValueError:
        raise ValueError(f"{name} must be {_SEEDS}, integers of at least 0; got {seed!r}") from None


def reals(name, values, *, finite=True, least=None, most=None, single=False):
    """Real numbers as a float64 array of any shape.

    Parameters
    ----------
    name : str
    values : array, tensor (of any real dtype, bfloat16 too) or nested lists of equal lengths
    finite : bool
        Refuse NaN and infinite entries; the message names the first.
    least, most : float, optional
        The smallest and the largest entry allowed.
    single : bool
        Leave float32 as it is, half the memory.

    Returns
    -------
    float64 array, or float32 where ``single`` is true and ``values`` are
    """
    array = _plain_array(name, values, "real numbers", "biuf")
    if not (single and array.dtype == np.float32):
        array = array.astype(np.float64, copy=False)
    if array.ndim == 1:
        array = np.ascontiguousarray(array)  # a column of a matrix: each pass over it would read the whole matrix
    if array.size:
        _check_range(name, array, finite, least, most)
    return array


def integers(name, values):
    """Integers as an int64 array of any shape; no bools, and no floats even where they are whole.

    Parameters
    ----------
    name : str
    values : array, tensor or nested lists of equal lengths

    Returns
    -------
    int64 array
    """
    array = _plain_array(name, values, "integers", "iu", empty=np.int64)
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must be below 2^63, got {array.max()}")
    return array.astype(np.int64, copy=False)


def _plain_array(name, values, what, kinds, empty=None):
    """An array of one of the kinds of dtype; ``empty`` is the dtype of an empty list, which has none."""
    if isinstance(values, np.ma.MaskedArray):
        raise ValueError(f"{name} must be a plain array: a mask would be ignored; got a masked array")
    if isinstance(values, torch.Tensor):
        if values.is_complex() or values.device.type == "meta":
            raise ValueError(f"{name} must hold {what}, got a tensor of {values.dtype} on {values.device}")
        if values.layout is not torch.strided:
            raise ValueError(f"{name} must be a dense tensor, got layout {values.layout}")
        values = values.detach().cpu()
        values = values.double().numpy() if values.dtype is torch.bfloat16 else values.numpy()
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must hold rows of equal lengths, got {type(values).__name__} of others") from None
    if isinstance(values, (list, tuple)) and array.size == 0:
        array = array.astype(empty or array.dtype)
    if array.dtype.kind not in kinds:
        raise ValueError(f"{name} must hold {what}, got {type(values).__name__} of dtype {array.dtype}")
    return array


def _check_range(name, array, finite, least, most):
    low, high = float(array.min()), float(array.max())  # a NaN anywhere makes both NaN
    if finite and not (math.isfinite(low) and math.isfinite(high)):
        bad = ~np.isfinite(array)
        raise ValueError(f"{name} must be finite, {where(bad)} is {array[bad][0]}")
    if least is not None and low < least:
        limit = "non-negative" if least == 0 else f"at least {least:g}"
        raise ValueError(f"{name} must be {limit}, {where(array < least)} is {array[array < least][0]:g}")
    if most is not None and high > most:
        raise ValueError(f"{name} must be at most {most:g}, {where(array > most)} is {array[array > most][0]:g}")


def where(mask):
    """The first true entry of a bool array, in words: row 3, or entry (3, 1)."""
    index = tuple(int(i) for i in np.argwhere(mask)[0])
    return f"row {index[0]}" if len(index) == 1 else f"entry {index}" if index else "it"
