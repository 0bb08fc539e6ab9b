"""How large a change rounding explains."""

import torch
from torch import nn

INSIDE = 6  # what the layers may make of their roundings, in eps
FLOAT32 = torch.finfo(torch.float32).eps


def resolution(model, logits):
    """eps of the coarsest arithmetic in sight: the dtype of the logits and of each floating weight.

    float32 may be multiplied in fewer digits, where torch has been told so (``torch.set_float32_matmul_precision``).
    """
    dtypes = {logits.dtype}
    if isinstance(model, nn.Module):
        dtypes |= {p.dtype for p in model.parameters() if p.is_floating_point()}
    eps = [torch.finfo(dtype).eps for dtype in dtypes]
    if torch.float32 in dtypes:
        eps.append({"highest": 0, "high": 2.0**-10, "medium": 2.0**-7}[torch.get_float32_matmul_precision()])
    return max(eps)


def rounding_limit(logits, eps, last):
    r"""Up to which root mean square change of the logits it is called rounding.

    Parameters
    ----------
    logits : tensor (batch, length, classes)
        Before the change.
    eps : float
        The distance from 1 to the next number, from `resolution`.
    last : int
        Positions up to this one were used.

    Returns
    -------
    float
        With :math:`\sigma` the logits' spread and r their root mean square,
        :math:`\sigma\,(6\,\varepsilon + 2^{-23}\,\text{last}) + \varepsilon\,r`.

    Notes
    -----
    The last term is the rounding of the logits themselves, once before and once after. The middle one is for angles,
    which most models compute in float32 whatever their dtype: at position p they are off by up to 2**-24 p radians, in
    a query and in a key. The first stands for all that happens inside. Its factor is a choice: of three small trained
    models (llama, gpt2, gemma2; seed 0; float32, float16, bfloat16) the worst rounded by 3.2 eps spreads, and we allow
    about twice that. ``tests/test_probes.py`` checks it on others. A model that moves by less is called rounding, too.

    It is the root mean square that is judged, not the largest change: that one grows with the number of logits that are
    looked at, and where two keys compete for a head's attention one rounding can tip the balance for a single token.
    """
    inside = spread_of(logits) * (INSIDE * eps + FLOAT32 * last)
    return inside + eps * logits.double().square().mean().sqrt().item()


def spread_of(logits):
    """The standard deviation over the classes, mean over the tokens."""
    return logits.double().std(-1, unbiased=False).mean().item()
