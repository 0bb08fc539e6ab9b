"""A circuit of threshold gates, three layers deep, that recognises Dyck-k: gates that are counted and evaluated."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch

from howfar import checks, dyck

MOST_WIRES = 5 * 10**7  # some 600 MB, and half a minute


@dataclass(frozen=True)
class ThresholdCircuit:
    """Layers of threshold gates: a gate is on if the weighted sum of what it reads reaches its threshold.

    Attributes
    ----------
    k, length : int
        It reads strings of so many tokens over the 2k brackets, as ``length * 2k`` inputs: input ``2 k i + s`` is on if
        token i is s.
    weights : tuple of sparse matrix (gates of the layer, inputs + gates of all layers before)
        Integers. A gate may read the inputs and any gate below.
    thresholds : tuple of int array (gates of the layer,)
        The last layer has one gate, the answer.
    names : tuple of list
        What each gate of a layer says, as a tuple.
    """

    k: int
    length: int
    weights: tuple
    thresholds: tuple
    names: tuple

    @property
    def depth(self):
        """How many layers have gates."""
        return sum(len(layer) > 0 for layer in self.thresholds)

    @property
    def size(self):
        """How many gates there are."""
        return sum(len(layer) for layer in self.thresholds)

    @property
    def wires(self):
        """How many wires there are."""
        return sum(layer.nnz for layer in self.weights)

    def gates(self, words):
        """What every gate says about every string.

        Parameters
        ----------
        words : LongTensor or array (n, length)

        Returns
        -------
        list of bool array (n, gates of the layer)

        Raises
        ------
        ValueError
            If the strings have another length, or a token is out of range.
        """
        array = np.atleast_2d(dyck.word_array(words, k=self.k))
        if array.shape[1] != self.length or (array < 0).any():
            raise ValueError(f"words must be strings of {self.length} tokens, got shape {array.shape}, or ends (-1)")
        known = (array[:, :, None] == np.arange(2 * self.k)).reshape(len(array), -1).T.astype(np.int32)
        layers = []
        for weights, thresholds in zip(self.weights, self.thresholds, strict=True):
            on = weights @ known >= thresholds[:, None]
            layers.append(on.T)
            known = np.concatenate([known, on.astype(np.int32)])
        return layers

    def __call__(self, words):
        """Is each string a word? BoolTensor (n,); parameters and errors are those of `gates`."""
        return torch.from_numpy(np.ascontiguousarray(self.gates(words)[-1][:, 0]))


def threshold_circuit(k, length):
    r"""A circuit of depth 3 that says of every string of n tokens whether it is a word of Dyck-k, however deep.

    Parameters
    ----------
    k : int
        Types of brackets.
    length : int
        n.

    Returns
    -------
    ThresholdCircuit
        Of depth 3, or 2 if k = 1; with :math:`n (h + 2) + k (k - 1) \binom{n}{2} h + 1` gates, where h is n/2 rounded
        down: the order is :math:`k^2 n^3`.

    Raises
    ------
    ValueError
        If an argument is no positive integer, or the circuit would have more than 50 million wires.

    Notes
    -----
    With :math:`d_i` the height after token i, which may be negative:

    **Layer 1.** :math:`G_{i,t} = [d_i \ge t]` for t = 0, ..., h + 1: a sum of inputs with weights 1 and -1.

    **Layer 2.** For i < j, types :math:`a \ne b` and t = 1, ..., h: is token i the opening of a, token j the closing of
    b, :math:`d_l \ge t` for :math:`i \le l < j`, not :math:`d_i \ge t + 1`, and not :math:`d_j \ge t`? An AND of inputs
    and gates, some negated: the sum of those plain minus the sum of those negated is at least the number of those
    plain. (Steps are of 1, so then :math:`d_i = t` and :math:`d_j = t - 1`: the brackets are partners, and don't fit.)

    **Layer 3.** Is no gate of layer 2 on, and :math:`d_i \ge 0` for all i, and not :math:`d_n \ge 1`? One AND.

    A string is a word iff no height is negative, the last is 0, and no two partners differ. Heights above h need no
    gates: from there the last height can't come back to 0. That Dyck-k is in TC0 is known from Barrington and Corbett
    (1989); the chapter ``depth/dyck`` draws this circuit.
    """
    k, length = checks.count("k", k), checks.count("length", length)
    highest = length // 2
    wires = k * (k - 1) * highest * sum((length - gap) * (gap + 4) for gap in range(1, length))
    if wires > MOST_WIRES:
        raise ValueError(
            f"k={k} and length={length} would take {wires:.0e} wires; at most {MOST_WIRES:.0e} are allowed"
        )
    heights, partners = _heights(k, length, highest + 2), _partners(k, length, highest)
    first = 2 * k * length + len(heights)  # where the gates of layer 2 begin, in the order of what a gate may read
    negative = [_height_gate(k, length, i, 0) for i in range(length)]
    left_open = _height_gate(k, length, length - 1, 1)
    answer = {("word",): (negative, [left_open, *range(first, first + len(partners))], len(negative))}
    layers = heights, partners, answer
    known = 2 * k * length, first, first + len(partners)
    return ThresholdCircuit(
        k,
        length,
        tuple(_matrix(layer, width) for layer, width in zip(layers, known, strict=True)),
        tuple(np.array([gate[2] for gate in layer.values()], dtype=np.int64) for layer in layers),
        tuple(list(layer) for layer in layers),
    )


# A gate is (what it adds up, what it takes away, its threshold); inputs and gates are numbered in one row.


def _height_gate(k, length, i, t):
    return 2 * k * length + i * (length // 2 + 2) + t


def _heights(k, length, levels):
    """Layer 1: what G[i, t] reads."""
    tokens = [[2 * k * i + s for i in range(length) for s in kinds] for kinds in (range(k), range(k, 2 * k))]
    return {
        ("height", i, t): (tokens[0][: k * (i + 1)], tokens[1][: k * (i + 1)], t)
        for i in range(length)
        for t in range(levels)
    }


def _partners(k, length, highest):
    """Layer 2: for two places, a height and two types, what says that they are partners that don't fit."""
    gates = {}
    for i in range(length):
        for j in range(i + 1, length):
            for t in range(1, highest + 1):
                since = [_height_gate(k, length, place, t) for place in range(i, j)]
                ends = [_height_gate(k, length, i, t + 1), _height_gate(k, length, j, t)]
                for a in range(k):
                    for b in (b for b in range(k) if b != a):
                        plain = [2 * k * i + a, 2 * k * j + k + b, *since]
                        gates["partners", i, j, t, a, b] = (plain, ends, len(plain))
    return gates


def _matrix(layer, known):
    """The weights of a layer that reads the first ``known`` inputs and gates."""
    ends = np.cumsum([0] + [len(plain) + len(negated) for plain, negated, _ in layer.values()])
    places = [place for plain, negated, _ in layer.values() for place in (*plain, *negated)]
    signs = np.concatenate([np.repeat([1, -1], [len(p), len(n)]) for p, n, _ in layer.values()] or [np.zeros(0)])
    return scipy.sparse.csr_array(
        (signs.astype(np.int32), np.array(places, dtype=np.int64), ends), shape=(len(layer), known)
    )
