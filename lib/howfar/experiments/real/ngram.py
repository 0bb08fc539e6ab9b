"""Next characters from how often they have followed the last few: the baseline that knows no attention."""

import math

import numpy as np
import torch

from howfar import checks


class NGram:
    r"""A table of what follows each string of up to n - 1 characters, interpolated by Witten and Bell's rule.

    .. math:: p(x \mid h) = \frac{c(hx) + u(h)\, p(x \mid h')}{c(h) + u(h)}

    c counts in the text, u(h) is how many different characters follow h there, h' is h without its first character, and
    below the empty history all characters are equally probable. So no probability is 0.

    Parameters
    ----------
    text : int64 tensor (characters,)
    order : int
        n; the histories are of n - 1 characters.
    vocabulary : int
        How many characters there are; ``vocabulary ** order`` must be below 2**63.

    Notes
    -----
    Witten and Bell, "The Zero-Frequency Problem", IEEE Transactions on Information Theory 37 (1991), in the form of
    Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1998.
    """

    def __init__(self, text, *, order, vocabulary):
        self.order, self.vocabulary = checks.count("order", order), checks.count("vocabulary", vocabulary, least=2)
        if order * math.log2(vocabulary) >= 63:
            raise ValueError(f"vocabulary ** order must be below 2**63, got {vocabulary} ** {order}")
        self.tables = []
        for length in range(1, self.order + 1):
            strings, counts = np.unique(self._strings(text, length), return_counts=True)
            histories, which = np.unique(strings // vocabulary, return_inverse=True)
            totals, kinds = np.bincount(which, weights=counts), np.bincount(which)
            self.tables.append((strings, counts, histories, totals, kinds))

    def bits(self, text):
        """What each character of a text costs, in bits: float64 tensor (characters,); the first have less history."""
        text = torch.as_tensor(text)
        probability = np.full(len(text), 1 / self.vocabulary)
        for length, (strings, counts, histories, totals, kinds) in enumerate(self.tables, start=1):
            if len(text) < length:
                break
            here = self._strings(text, length)
            count = _look_up(here, strings, counts)
            total, kind = (_look_up(here // self.vocabulary, histories, values) for values in (totals, kinds))
            shorter = probability[length - 1 :]
            seen = total > 0
            shorter[seen] = (count[seen] + kind[seen] * shorter[seen]) / (total[seen] + kind[seen])
        return torch.from_numpy(-np.log2(probability))

    def _strings(self, text, length):
        """Each string of so many characters in a text, as one number."""
        codes = np.asarray(text, dtype=np.int64)
        strings = np.zeros(max(len(codes) - length + 1, 0), dtype=np.int64)
        for place in range(length):
            strings = strings * self.vocabulary + codes[place : len(codes) - length + 1 + place]
        return strings


def _look_up(wanted, keys, values):
    """The value of each wanted key, 0 where there is none; keys are sorted."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
