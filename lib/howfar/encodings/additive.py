"""Encodings that add a vector to the token embeddings: absolute ones."""

import functools
import math

import numpy as np
import pywt
import torch
from torch import nn

from howfar import checks
from howfar.encodings.base import Encoding, check_features, register
from howfar.encodings.positions import check_positions, precise_dtype

DYADIC_LEVEL = 12  # wavelets are tabulated at multiples of 2**-12
LARGEST_TAPS = 40


class Additive(Encoding):
    """Adds ``table(positions)`` to the embeddings. A subclass says what the table is."""

    shift_invariant = False
    amplitude = 1.0  # what a fixed code is multiplied by; see `set_norm`

    def set_norm(self, norm):
        """Scale a fixed code so that the root mean square of its norms over positions 0..max_length-1 is ``norm``.

        Codes differ in how loudly they speak to the model as much as in what they say: two of them are compared at
        equal norms, or along a range of norms. None leaves the code as its definition has it.
        """
        if norm is not None:
            norms = self.table(torch.arange(self.max_length)).norm(dim=-1)
            self.amplitude = checks.number("norm", norm, above=0) / float(norms.square().mean().sqrt())

    def table(self, positions):
        """The code of each position, for pictures and for `embed`.

        Parameters
        ----------
        positions : tensor (length,) or (batch, length)

        Returns
        -------
        tensor (length, width) or (batch, length, width)
            In the precision in which it was computed, whatever the dtype of the model.
        """
        raise NotImplementedError

    def embed(self, x, positions):
        """x (batch, length, width) plus the table, in the dtype of x."""
        check_features(x, "width", self.width)
        check_positions(positions, length=x.shape[-2], batch=x.shape[0] if x.ndim == 3 else None)
        if positions.ndim == 2 and x.ndim != 3:
            raise ValueError(f"x must be (batch, length, width) for positions per row, got {tuple(x.shape)}")
        return x + self.table(positions).to(x.dtype)


@register("sinusoidal")
class Sinusoidal(Additive):
    r"""Sines and cosines of geometrically spaced frequencies, interleaved: sin, cos, sin, cos, ...

    .. math:: p_{t,2i} = \sin(t\,\omega_i), \quad p_{t,2i+1} = \cos(t\,\omega_i), \quad \omega_i = B^{-2i/d}

    Every code has the norm sqrt(width / 2), and the inner product of two codes depends on their distance
    only; yet a model that adds them is not shift invariant, since it also sees them beside the content.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`. The width must be even.
    base : float
        B, greater than 1.
    norm : float, optional
        Scale the codes to this norm; see `Additive.set_norm`.

    Notes
    -----
    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762.
    """

    def __init__(self, width, heads, max_length, causal=False, *, base=10000.0, norm=None):
        super().__init__(width, heads, max_length, causal)
        if self.width % 2:
            raise ValueError(f"sinusoidal pairs a sine with a cosine: width must be even, got {width}")
        self.base = checks.number("base", base, above=1)
        self.set_norm(norm)

    def table(self, positions):
        self.check(positions)
        dtype = precise_dtype(positions.device)
        steps = torch.arange(0, self.width, 2, device=positions.device, dtype=dtype)
        angles = positions.to(dtype)[..., None] * self.base ** (-steps / self.width)
        return self.amplitude * torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


@register("learned")
class Learned(Additive):
    """One learned vector per position, 0 to max_length - 1.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`.
    out_of_range : {"raise", "clamp"}
        What a position at or beyond ``max_length`` gets: a ValueError, or the last vector.

    Notes
    -----
    Positions must be integers. The vectors start with about the norm of the sinusoid's, sqrt(width / 2), so
    that neither encoding speaks louder than the other at the start.
    """

    def __init__(self, width, heads, max_length, causal=False, *, out_of_range="raise"):
        super().__init__(width, heads, max_length, causal)
        self.out_of_range = checks.choice("out_of_range", out_of_range, ("raise", "clamp"))
        self.weight = nn.Parameter(torch.randn(self.max_length, self.width) * 0.5**0.5)

    def check(self, positions):
        below = self.max_length if self.out_of_range == "raise" else None
        check_positions(positions, below=below, whole=True)

    def table(self, positions):
        self.check(positions)
        rows = nn.functional.embedding(positions.clamp(0, self.max_length - 1), self.weight)
        if self.out_of_range == "clamp":
            return rows
        # Where values cannot be read (vmap over positions) nothing was raised: NaN rather than silence.
        return rows.masked_fill((positions >= self.max_length)[..., None], float("nan"))


@register("legendre")
class Legendre(Additive):
    r"""Legendre polynomials of the position, scaled to [-1, 1]: code :math:`(P_0(x_t), ..., P_{d-1}(x_t))`.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`.
    scaling : {"fixed", "current"}
        "fixed": :math:`x_t = 2t/(N-1) - 1` with N = ``max_length``; later positions all get the code of the
        last one. "current": N - 1 is the highest position of the sequence (of each row). The code of a token
        then depends on how much follows it. **In a causal model this leaks the future**: append text, and the
        outputs of earlier tokens change. It is accepted with ``causal=True`` all the same, as the reading of the
        literature that one has to be able to try.
    norm : float, optional
        Scale the codes to this norm; see `Additive.set_norm`.

    Notes
    -----
    A polynomial of degree 63 at x = 3 is about 1e47. Here x never leaves [-1, 1], where :math:`|P_k| \le 1`,
    so that no code is longer than sqrt(width). Computed as a cosine series,
    :math:`P_n(\cos\theta) = \sum_k a_k a_{n-k} \cos((n-2k)\theta)` with :math:`a_k = \binom{2k}{k} / 4^k`:
    its coefficients are positive and sum to one.
    """

    def __init__(self, width, heads, max_length, causal=False, *, scaling="fixed", norm=None):
        super().__init__(width, heads, max_length, causal)
        self.scaling = checks.choice("scaling", scaling, ("fixed", "current"))
        self.constants["series"] = torch.from_numpy(_legendre_series(self.width))
        self.set_norm(norm)

    def table(self, positions):
        self.check(positions)
        dtype = precise_dtype(positions.device)
        t = positions.to(dtype)
        last = t.amax(-1, keepdim=True).clamp(min=1) if self.scaling == "current" else max(self.max_length - 1, 1)
        x = (2 * t / last - 1).clamp(-1, 1)
        multiples = torch.arange(self.width, device=t.device, dtype=dtype)
        return self.amplitude * (x.arccos()[..., None] * multiples).cos() @ self.constants["series"].to(dtype)


def _legendre_series(width):
    """(width, width) float64: column n holds the coefficients of cos(m theta), m = 0..width-1, in P_n(cos theta)."""
    a = np.cumprod(np.concatenate([[1.0], (2 * np.arange(1, width) - 1) / (2 * np.arange(1, width))]))
    series = np.zeros((width, width))
    for n in range(width):
        k = np.arange(n + 1)
        np.add.at(series[:, n], np.abs(n - 2 * k), a[k] * a[n - k])
    return series


@register("wavelet")
class Wavelet(Additive):
    r"""Daubechies wavelets of the position: one scaling function, then wavelets on finer and finer scales.

    With :math:`x = t / N`, N = ``max_length``, the columns are :math:`\varphi(x)` and :math:`\psi(2^j x - k)`
    for j = 0, 1, ... and k = 0..2^j - 1, until the width is used up; a power of two fills every scale.

    Parameters
    ----------
    width, heads, max_length, causal
        See `Encoding`.
    taps : int
        Length of the filter, even, 2 to 40: 2 is Haar, 4 is "D4" (``db2`` in PyWavelets, which counts
        vanishing moments; its ``db4`` has 8 taps).
    extension : {"compact", "zero", "clamp", "periodic"}
        What positions from N on get. "compact": the same functions; those whose supports reach past N run on,
        and from (taps - 1) N on all is zero. "zero": zero at once. "clamp": the code of position N - 1.
        "periodic": the functions are wrapped around [0, 1) (which alters them near its left end too), so that
        t and t + N share a code.
    norm : float, optional
        Scale the codes to this norm; see `Additive.set_norm`.

    Notes
    -----
    The literature that proposes wavelet codes leaves the choice of translates and their extension unsaid, and
    nothing beyond the training length can be understood without it. Amplitudes are those of :math:`\psi`, not
    scaled by :math:`2^{j/2}`. Values are exact at multiples of 2**-12 (from the refinement equation) and
    constant between.
    """

    def __init__(self, width, heads, max_length, causal=False, *, taps=4, extension="compact", norm=None):
        super().__init__(width, heads, max_length, causal)
        self.extension = checks.choice("extension", extension, ("compact", "zero", "clamp", "periodic"))
        self.taps = _checked_taps(taps)
        # A zero at the end, where everything outside the support is looked up.
        phi, psi = (np.append(values, 0.0) for values in daubechies(self.taps))
        self.constants["phi"], self.constants["psi"] = torch.from_numpy(phi), torch.from_numpy(psi)
        column = np.arange(1, self.width)
        level = np.floor(np.log2(column)).astype(int)
        self.constants["scale"] = torch.from_numpy(2.0**level)
        self.constants["translate"] = torch.from_numpy((column - 2**level).astype(float))
        self.set_norm(norm)

    def table(self, positions):
        self.check(positions)
        dtype, n = precise_dtype(positions.device), self.max_length
        t = positions.to(dtype)
        if self.extension == "periodic":
            t = t.remainder(n)
        elif self.extension == "clamp":
            t = t.clamp(max=n - 1)
        wraps = range(self.taps if self.extension == "periodic" else 1)
        code = self.amplitude * sum(self._code(t + wrap * n) for wrap in wraps)
        return code * (t < n)[..., None] if self.extension == "zero" else code

    def _code(self, t):
        scale, translate = self.constants["scale"].to(t.dtype), self.constants["translate"].to(t.dtype)
        y = t[..., None] * scale / self.max_length - translate  # multiplied first: dyadic fractions stay exact
        phi = _dyadic(self.constants["phi"], t[..., None] / self.max_length)
        return torch.cat([phi, _dyadic(self.constants["psi"], y)], dim=-1)


def _dyadic(values, y):
    """Values tabulated at multiples of 2**-DYADIC_LEVEL, the last one standing for everything outside."""
    outside = len(values) - 1
    index = (y * 2**DYADIC_LEVEL).floor()
    index = torch.where((index >= 0) & (index < outside), index, outside)
    return values[index.long()]


def _checked_taps(taps):
    count = checks.count("taps", taps, least=2, most=LARGEST_TAPS)
    if count % 2:
        raise ValueError(f"taps must be even, got {taps!r}")
    return count


def daubechies(taps, level=DYADIC_LEVEL):
    r"""The scaling function and the wavelet of Daubechies at multiples of 2**-level.

    Exact there: the values at integers are an eigenvector of the refinement equation
    :math:`\varphi(x) = \sqrt2 \sum_k h_k \varphi(2x - k)`, and each finer grid follows from the one before.

    Parameters
    ----------
    taps : int
        Even, 2 to 40.
    level : int
        Zero or more.

    Returns
    -------
    phi, psi : float64 arrays ((taps - 1) * 2**level,)
        On [0, taps - 1), their support.

    Raises
    ------
    ValueError
        For other taps or levels.

    Notes
    -----
    The filter h comes from PyWavelets; its own ``wavefun`` is an approximation by iteration.
    """
    return _daubechies(_checked_taps(taps), checks.count("level", level, least=0))


@functools.lru_cache(maxsize=8)
def _daubechies(taps, level):
    low = math.sqrt(2) * np.array(pywt.Wavelet(f"db{taps // 2}").rec_lo)
    high = low[::-1] * (-1.0) ** np.arange(taps)
    support = taps - 1
    i = np.arange(support)
    k = 2 * i[:, None] - i
    refine = np.where((k >= 0) & (k < taps), low[k.clip(0, taps - 1)], 0.0)
    # The eigenvector of the eigenvalue 1 that sums to one.
    system = np.vstack([refine - np.eye(support), np.ones(support)])
    phi = np.linalg.lstsq(system, np.append(np.zeros(support), 1.0), rcond=None)[0]
    for step in range(level):
        previous, phi = phi, _refine(low, phi, 2**step)
    psi = _refine(high, previous if level else phi, 2 ** (level - 1)) if level else phi
    return phi, psi


def _refine(filter_, values, per_unit):
    """sum_k filter_k f(2x - k) at multiples of 1 / (2 per_unit), from f at multiples of 1 / per_unit."""
    size = len(values)
    refined = np.zeros(2 * size)
    for k, coefficient in enumerate(filter_):
        # x = n / (2 per_unit): 2x - k is the grid point n - k * per_unit.
        start = k * per_unit
        refined[start : start + size] += coefficient * values
    return refined
