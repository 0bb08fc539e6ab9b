"""How far a domain is from that of training: transport distances of traces, and rivals that are no transport."""

import functools

import numpy as np

from howfar import search, wasserstein
from howfar.experiments.fifty_four import domains

DISTANCES = ("stack", "prefix", "features", "hidden")
RIVALS = ("length_gap", "tv_tokens", "ngram_nll")
ORDER, SMOOTHING = 3, 0.1  # of the n-gram
FLOOR = 0.1  # a feature that hardly varies at home is not blown up: the least unit that it is measured in


def stack_distance(a, b):
    """W1 between the places in the search tree where two samples of searches spend their moves; in moves."""
    return wasserstein.stop_wasserstein(a.stops, b.stops)


def prefix_distance(a, b):
    """W1 between traces as words in their prefix tree; in tokens."""
    return wasserstein.trie_wasserstein(a.words, b.words)


def features(rows):
    """Twelve numbers of each search, float64 (rows, 12), of the kind that is used for want of a metric on traces."""
    return np.array([_features(stops, word) for stops, word in zip(rows.stops, rows.words, strict=True)])


def _features(stops, word):
    depths = np.array([len(path) for path in stops])
    descents = np.diff(depths, prepend=0)
    moves, retreats, highest, mean = search.summary(stops)
    labels = np.array([label for path in stops for label in path])
    distinct = len(set(stops))
    return (
        (word >= 0).sum(), moves, highest, mean, depths.std(), depths[-1], retreats,
        (descents > 0).mean(), distinct, distinct / len(stops), (labels == 0).mean(), (word == search.STOP).any(),
    )  # fmt: skip


def feature_distance(a, b):
    """W1 between samples in feature space, each feature in units of its standard deviation in the first sample."""
    x, y = features(a), features(b)
    unit = np.maximum(x.std(0), FLOOR)
    return euclidean_distance(x / unit, y / unit)


def euclidean_distance(x, y):
    """W1 between two samples of vectors (n, d), (m, d), in the Euclidean metric: a linear programme."""
    square = (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T
    masses = (np.full(len(part), 1 / len(part)) for part in (x, y))
    return wasserstein.emd2(*masses, np.sqrt(np.maximum(square, 0)))


def length_gap(a, b):
    """The difference of the mean lengths of two samples of traces; in tokens."""
    return abs((a.words >= 0).sum(1).mean() - (b.words >= 0).sum(1).mean())


def token_variation(a, b):
    """The total variation distance between the frequencies of tokens in two samples of traces; from 0 to 1."""
    size = max(a.words.max(), b.words.max()) + 1
    shares = [np.bincount(rows.words[rows.words >= 0], minlength=size) / (rows.words >= 0).sum() for rows in (a, b)]
    return 0.5 * np.abs(shares[0] - shares[1]).sum()


class Ngram:
    """The frequencies of the next token after the last two, in the rows of training.

    Parameters
    ----------
    rows : Rows
    """

    def __init__(self, rows):
        self.size = int(rows.batch.targets.max()) + 1
        counts = np.full((self.size,) * ORDER, SMOOTHING)
        mask = rows.batch.mask.numpy()
        np.add.at(counts, tuple(part[mask] for part in self._contexts(rows)), 1)
        self.log = np.log(counts / counts.sum(-1, keepdims=True))

    def nll(self, rows):
        """Mean over rows of the mean nats per token that counts: as a model's risk is taken."""
        mask = rows.batch.mask.numpy()
        parts = [np.minimum(part, self.size - 1) for part in self._contexts(rows)]
        return float(((-self.log[tuple(parts)] * mask).sum(1) / mask.sum(1)).mean())

    @staticmethod
    def _contexts(rows):
        tokens = rows.batch.inputs.numpy()
        before = np.concatenate([np.full((len(tokens), 1), search.START), tokens[:, :-1]], axis=1)
        return before, tokens, rows.batch.targets.numpy()


METHODS = {
    "w1_stack": stack_distance,
    "w1_prefix": prefix_distance,
    "w1_features": feature_distance,
    "length_gap": length_gap,
    "tv_tokens": token_variation,
}


@functools.cache
def ngram(mixture, task):
    return Ngram(domains.training(mixture, task))


@functools.cache
def measure(domain, mixture, size=domains.SAMPLE):
    """All distances of a domain from the law of training that need no model, and the n-gram's loss.

    Parameters
    ----------
    domain : fifty_four.domains.Domain
    mixture : float
        The share of depth-first searches in training.
    size : int
        Searches in each of the two samples.

    Returns
    -------
    dict
        ``w1_stack, w1_prefix, w1_features, length_gap, tv_tokens, w1_position, ngram_nll``.
    """
    home, there = (domains.sample(d, mixture, size) for d in (domains.axes(domain.task)["home"][0], domain))
    found = {name: float(method(home, there)) for name, method in METHODS.items()}
    return found | {"w1_position": float(domain.offset), "ngram_nll": ngram(mixture, domain.task).nll(there)}


@functools.cache
def nulls(mixture, task, size=domains.SAMPLE):
    """The largest of each distance between samples of the law of training: a dict ``null_stack`` and so on."""
    homes = [measure(domain, mixture, size) for domain in domains.axes(task)["home"][1:]]
    return {f"null_{name}": max(found[f"w1_{name}"] for found in homes) for name in ("stack", "prefix", "features")}
