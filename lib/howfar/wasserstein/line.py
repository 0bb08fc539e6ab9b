"""W1 between distributions on a line, by sorting."""

import numpy as np
import torch

MASS_TOLERANCE = 1e-6  # relative; POT uses the same


def wasserstein_1d(u_values, v_values, u_weights=None, v_weights=None):
    r"""The Wasserstein-1 distance W_1 between two weighted samples on a line.

    .. math:: W_1(\mu, \nu) = \int_0^1 |F_\mu^{-1}(q) - F_\nu^{-1}(q)|\, dq
                            = \int_{-\infty}^{\infty} |F_\mu(x) - F_\nu(x)|\, dx

    Samples of equal size with equal weights are sorted and matched in order; everything else integrates the gap
    between the two distribution functions. Both cost a sort.

    Parameters
    ----------
    u_values : array or tensor (n,) or (n, ...)
        Samples along axis 0; any further axes are a batch, each entry its own pair of distributions.
    v_values : array or tensor (m,) or (m, ...)
        The same batch axes as ``u_values``.
    u_weights, v_weights : array or tensor, optional
        Shape ``(n,)``, shared by the batch, or the shape of the values. Non-negative. The two totals must agree (a
        relative 1e-6): they are neither normalised nor guessed. Left out: 1/n (or 1/m) each.

    Returns
    -------
    float, array or tensor
        A float for one pair, an array of the batch shape for many; a tensor if any input is a tensor, on its device
        and differentiable. The unit is that of the values, times the total mass.

    Raises
    ------
    ValueError
        If an argument is empty, has the wrong shape, a NaN or an infinite entry, a negative weight, or if the two
        total masses differ. The message names the argument.

    Notes
    -----
    The quantile form and the distribution-function form are equal for all distributions on a line with finite mean
    (Vallender, 1974). Integers are computed in float64, half precision in float32.

    Examples
    --------
    >>> wasserstein_1d([0, 1, 3], [5, 6, 8])
    5.0
    >>> wasserstein_1d([0, 1], [1], u_weights=[0.25, 0.75])
    0.25
    """
    arguments = {"u_values": u_values, "v_values": v_values, "u_weights": u_weights, "v_weights": v_weights}
    tensors = [x for x in arguments.values() if isinstance(x, torch.Tensor)]
    # NumPy sorts about ten times faster than torch on a CPU; torch is for gradients and GPUs.
    in_torch = any(x.requires_grad or x.device.type != "cpu" for x in tensors)
    if in_torch:
        device = next(x.device for x in tensors if x.requires_grad or x.device.type != "cpu")
        u, v, u_w, v_w = (_to_torch(name, x, device) for name, x in arguments.items())
    else:
        u, v, u_w, v_w = (_to_numpy(name, x) for name, x in arguments.items())
    _check_shapes(u, v)
    u_w, v_w = _check_weights("u_weights", u_w, u), _check_weights("v_weights", v_w, v)

    solve = _torch_distance if in_torch else _numpy_distance
    distance = solve(u, v, u_w, v_w)
    if in_torch:
        return distance
    if tensors:
        dtype = _float_dtype([x.dtype for x in tensors if x is u_values or x is v_values])
        return torch.as_tensor(distance, dtype=dtype)
    return float(distance) if np.ndim(distance) == 0 else distance


def _numpy_distance(u, v, u_weights, v_weights):
    u, v = _samples_last(u), _samples_last(v)
    if u_weights is None and v_weights is None and u.shape == v.shape:
        u, v = np.sort(u), np.sort(v)
        # Sorting puts NaN and +inf last and -inf first, so the ends tell for the whole sample.
        for name, x in (("u_values", u), ("v_values", v)):
            if not (np.isfinite(x[..., 0]).all() and np.isfinite(x[..., -1]).all()):
                raise _not_finite(name)
        np.subtract(u, v, out=u)
        return np.abs(u, out=u).mean(axis=-1)
    u_w, v_w = _numpy_weights(u, u_weights), _numpy_weights(v, v_weights)
    _check_mass(u_w.sum(-1), v_w.sum(-1))
    values = np.concatenate([u, v], axis=-1)
    mass = np.concatenate([u_w, -v_w], axis=-1)
    order = _argsort(values) if values.ndim == 1 and values.dtype == np.float64 else np.argsort(values, axis=-1)
    take = np.take if values.ndim == 1 else np.take_along_axis  # take_along_axis is several times slower
    values, mass = take(values, order, -1), take(mass, order, -1)
    if not (np.isfinite(values[..., 0]).all() and np.isfinite(values[..., -1]).all()):
        raise _not_finite("u_values" if not np.isfinite(u).all() else "v_values")
    gap = np.cumsum(mass, axis=-1, out=mass)[..., :-1]
    return np.einsum("...i,...i->...", np.abs(gap, out=gap), np.diff(values, axis=-1))


def _argsort(x):
    """``np.argsort`` of a 1-D float64 array in half the time.

    NumPy sorts plain integers several times faster than it sorts indices. So each index rides in the low bits of its
    value's own bits, read as an integer; entries that agree in all the higher bits are put right afterwards.
    """
    low = (1 << len(x).bit_length()) - 1
    keys = x.view(np.int64)
    keys = keys ^ ((keys >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))  # negative floats: larger bits mean smaller numbers
    keys &= ~low
    keys |= np.arange(len(x))
    keys.sort()
    order = keys & low
    y = x.take(order)
    if (y[1:] < y[:-1]).any():
        order = order[np.argsort(y, kind="stable")]  # nearly sorted: fast
    return order


def _torch_distance(u, v, u_weights, v_weights):
    u, v = u.movedim(0, -1), v.movedim(0, -1)
    for name, x in (("u_values", u), ("v_values", v)):
        if not bool(torch.isfinite(x).all()):
            raise _not_finite(name)
    if u_weights is None and v_weights is None and u.shape == v.shape:
        return (u.sort(dim=-1).values - v.sort(dim=-1).values).abs().mean(dim=-1)
    u_w, v_w = _torch_weights(u, u_weights), _torch_weights(v, v_weights)
    _check_mass(u_w.detach().sum(-1).cpu().numpy(), v_w.detach().sum(-1).cpu().numpy())
    values, order = torch.cat([u, v], dim=-1).sort(dim=-1)
    gap = torch.cat([u_w, -v_w], dim=-1).gather(-1, order).cumsum(-1)[..., :-1]
    return (gap.abs() * values.diff(dim=-1)).sum(dim=-1)


def _samples_last(x):
    """(n, ...) -> (..., n), contiguous: sorting along the contiguous axis is what makes batches fast."""
    return x if x.ndim == 1 else np.ascontiguousarray(np.moveaxis(x, 0, -1))


def _numpy_weights(x, weights):
    if weights is None:
        return np.full(x.shape, 1.0 / x.shape[-1])
    return np.broadcast_to(weights if weights.ndim == 1 else np.moveaxis(weights, 0, -1), x.shape)


def _torch_weights(x, weights):
    if weights is None:
        return torch.full_like(x, 1.0 / x.shape[-1])
    return (weights if weights.ndim == 1 else weights.movedim(0, -1)).to(x.dtype).expand(x.shape)


def _to_numpy(name, x):
    if x is None:
        return None
    if isinstance(x, torch.Tensor):
        x = (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).numpy()
    x = np.asarray(x)
    if x.dtype == np.float16:
        return x.astype(np.float32)
    if x.dtype in (np.float32, np.float64):
        return x
    if x.dtype.kind in "biuf":
        return x.astype(np.float64)
    raise ValueError(f"{name} must hold real numbers, got dtype {x.dtype}")


def _to_torch(name, x, device):
    if x is None:
        return None
    x = torch.as_tensor(x, device=device)
    if x.is_complex():
        raise ValueError(f"{name} must hold real numbers, got dtype {x.dtype}")
    return x.to(_float_dtype([x.dtype]))


def _float_dtype(dtypes):
    floats = [torch.float32 if d in (torch.float16, torch.bfloat16) else d for d in dtypes if d.is_floating_point]
    return max(floats, key=lambda d: torch.finfo(d).bits) if floats else torch.float64


def _check_shapes(u, v):
    for name, x in (("u_values", u), ("v_values", v)):
        if x.ndim == 0:
            raise ValueError(f"{name} must have shape (n,) or (n, ...), got a single number")
        if 0 in x.shape:
            raise ValueError(f"{name} is empty: shape {tuple(x.shape)}; a distribution needs at least one point")
    if u.shape[1:] != v.shape[1:]:
        raise ValueError(
            f"u_values {tuple(u.shape)} and v_values {tuple(v.shape)} must have the same batch axes "
            "(all axes after the first)"
        )


def _check_weights(name, weights, values):
    if weights is None:
        return None
    if tuple(weights.shape) not in {tuple(values.shape), tuple(values.shape[:1])}:
        allowed = " or ".join(str(s) for s in dict.fromkeys([tuple(values.shape[:1]), tuple(values.shape)]))
        raise ValueError(f"{name} must have shape {allowed}, got {tuple(weights.shape)}")
    plain = weights.detach() if isinstance(weights, torch.Tensor) else weights
    low, high = float(plain.min()), float(plain.max())  # a NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        raise _not_finite(name)
    if low < 0:
        raise ValueError(f"{name} must be non-negative, got a weight of {low:g}")
    return weights


def _check_mass(u_mass, v_mass):
    bad = np.abs(u_mass - v_mass) > MASS_TOLERANCE * np.maximum(u_mass, v_mass)
    if np.any(bad) or np.any(u_mass <= 0):
        u_bad, v_bad = (np.ravel(m)[np.argmax(np.ravel(bad | (u_mass <= 0)))] for m in (u_mass, v_mass))
        raise ValueError(
            f"u_weights and v_weights must have the same positive total mass, got {u_bad:g} and {v_bad:g} "
            "(a sample without weights has mass 1)"
        )


def _not_finite(name):
    return ValueError(f"{name} must be finite, got a NaN or an infinite entry")
