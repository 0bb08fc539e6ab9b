"""The exercises of ``chapters/transport/bound.ipynb``."""

import math

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged

# --- bound/layers -------------------------------------------------------------------------------------------------


def through_layers(layers, gammas, readout, eps):
    factor = 1.0
    for layer, gamma in zip(layers, gammas[:-1], strict=True):
        factor *= 1 + layer * gamma / eps**0.5
    return factor * readout * gammas[-1] / eps**0.5


def _layers_cases(rng):
    small = [
        ([], [1.0], 2.0, 1.0),
        ([3.0], [2.0, 0.5], 1.0, 1.0),
        ([1.0], [1.0, 1.0], 1.0, 0.25),
        ([2.0, 0.5], [1.0, 3.0, 2.0], 4.0, 1e-2),
    ]
    large = [
        (rng.uniform(0.5, 50, 2 * depth), rng.uniform(0.5, 2, 2 * depth + 1), float(rng.uniform(1, 5)), 1e-5)
        for depth in (1, 2, 3)
    ]
    return [(np.array(layers), np.array(gammas), readout, eps) for layers, gammas, readout, eps in small + large]


def _layers(layers, gammas, readout, eps, *, skip=1.0, power=0.5, last=None):
    steep = np.asarray(gammas) / eps**power
    end = readout * steep[-1] if last is None else last(readout, steep[-1])
    return float(np.prod(skip + np.asarray(layers) * steep[:-1]) * end)


LAYERS = Exercise(
    name="bound/layers",
    title="Through the layers",
    difficulty=2,
    minutes=8,
    reference=through_layers,
    cases=_layers_cases,
    wrong=(
        Wrong(
            "forgets the residual connections",
            lambda layers, gammas, readout, eps: _layers(layers, gammas, readout, eps, skip=0.0),
            "each sublayer is added to what came in: x + f(LN(x)) has the constant 1 + that of f(LN(x)).",
        ),
        Wrong(
            "divides by eps",
            lambda layers, gammas, readout, eps: _layers(layers, gammas, readout, eps, power=1),
            "LayerNorm divides by the square root of the variance plus eps.",
        ),
        Wrong(
            "a residual connection round the readout",
            lambda layers, gammas, readout, eps: _layers(layers, gammas, readout, eps, last=lambda w, s: 1 + w * s),
            "nothing is added to the readout's outputs: its factor has no 1.",
        ),
        Wrong(
            "readout without its LayerNorm",
            lambda layers, gammas, readout, eps: _layers(layers, gammas, readout, eps, last=lambda w, s: w),
            "a LayerNorm stands before the readout, too: the last entry of gammas.",
        ),
        Wrong(
            "adds the factors up",
            lambda layers, gammas, readout, eps: float(
                np.sum(1 + layers * gammas[:-1] / eps**0.5) + readout * gammas[-1] / eps**0.5
            ),
            "one sublayer reads what the one before it wrote: constants of a composition are multiplied.",
        ),
        Wrong(
            "forgets LayerNorm",
            lambda layers, gammas, readout, eps: float(np.prod(1 + layers) * readout),
            "each sublayer reads LN(x), which may move by max|gamma| / sqrt(eps) times as much as x.",
        ),
    ),
)

# --- bound/zero ---------------------------------------------------------------------------------------------------


def gap_at_zero(features, losses):
    same = (features[:, None] == features[None, :]).all(axis=-1)
    return np.max(np.abs(losses[:, None] - losses[None, :]) * same)


def _zero_cases(rng):
    small = [
        ([[1.0]], [2.0]),
        ([[1.0], [1.0]], [0.5, 2.0]),
        ([[1.0], [2.0]], [0.0, 3.0]),
        ([[1.0], [2.0], [1.0]], [4.0, 0.0, 1.0]),
        ([[1.0, 2.0], [1.0, 3.0], [1.0, 2.0]], [1.0, 9.0, -1.0]),
        ([[2.0, 1.0], [1.0, 2.0], [0.0, 3.0]], [1.0, 9.0, 3.0]),  # equal sums, different rows
        ([[7.0, 2.25], [7.0, 2.5], [7.0, 2.25]], [0.0, 5.0, 1.0]),  # close, but not equal
        ([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [1.0, 2.0, 5.0]),
    ]
    large = [(rng.integers(0, 3, (n, 2)), rng.normal(size=n)) for n in (6, 12, 25)]
    return [(np.array(f, dtype=float), np.array(losses, dtype=float)) for f, losses in small + large]


def _gap(features, losses, *, near, of=np.abs, default=0.0):
    gaps = [of(losses[i] - losses[j]) for i in range(len(losses)) for j in range(i) if near(features, i, j)]
    return max(gaps, default=default)


ZERO = Exercise(
    name="bound/zero",
    title="Distance zero",
    difficulty=1,
    minutes=6,
    reference=gap_at_zero,
    cases=_zero_cases,
    wrong=(
        Wrong(
            "neighbouring rows only",
            lambda f, losses: _gap(f, losses, near=lambda f, i, j: i == j + 1 and (f[i] == f[j]).all()),
            "compare every row with every other, not only with the one before it.",
        ),
        Wrong(
            "one equal feature is enough",
            lambda f, losses: _gap(f, losses, near=lambda f, i, j: (f[i] == f[j]).any()),
            "the distance is 0 only if all features agree: all, not any.",
        ),
        Wrong(
            "equal sums",
            lambda f, losses: _gap(f, losses, near=lambda f, i, j: f[i].sum() == f[j].sum()),
            "rows with equal sums may differ: compare feature by feature.",
        ),
        Wrong(
            "all pairs",
            lambda f, losses: _gap(f, losses, near=lambda f, i, j: True),
            "only pairs with equal features are at distance 0.",
        ),
        Wrong(
            "signed difference",
            lambda f, losses: _gap(f, losses, near=lambda f, i, j: (f[i] == f[j]).all(), of=lambda x: x),
            "a fall counts as a rise does: take absolute values.",
        ),
    ),
)

# --- bound/edges --------------------------------------------------------------------------------------------------


def edge_constant(g):
    return max(abs(g[v] - g[v[:-1]]) for v in g if v != ())


def _edges_cases(rng):
    small = [
        {(): 0.0, (0,): 2.0},
        {(): 1.0, (0,): 0.0, (1,): -2.0},
        {(): 0.0, (0,): 1.0, (0, 1): 3.0, (0, 1, 0): 4.0},
        {(): 0.0, (1,): 1.0, (1, 0): -1.5, (0,): 0.5, (0, 0): 0.0},
        {(): 5.0, (0,): 5.0},
    ]
    large = []
    for size in (6, 12, 20):
        g = {(): float(rng.normal())}
        while len(g) < size:
            parent = list(g)[rng.integers(len(g))]
            if len(parent) < 5:
                g[(*parent, int(rng.integers(3)))] = float(rng.normal())
        large.append(g)
    return [(g,) for g in small + large]


EDGES = Exercise(
    name="bound/edges",
    title="Exact on a tree",
    difficulty=2,
    minutes=8,
    reference=edge_constant,
    cases=_edges_cases,
    wrong=(
        Wrong(
            "from the root only",
            lambda g: max(abs(g[v] - g[()]) / len(v) for v in g if v),
            "you compare every node with the root. The steepest edge may lie further down.",
        ),
        Wrong(
            "largest minus smallest",
            lambda g: max(g.values()) - min(g.values()),
            "the constant is change over distance; these two may be many edges apart.",
        ),
        Wrong(
            "rises only",
            lambda g: max(g[v] - g[v[:-1]] for v in g if v),
            "a fall along an edge is as steep as a rise: take absolute values.",
        ),
        Wrong(
            "mean over the edges",
            lambda g: float(np.mean([abs(g[v] - g[v[:-1]]) for v in g if v])),
            "a Lipschitz constant is a maximum, not a mean.",
        ),
        Wrong(
            "divides by the depth",
            lambda g: max(abs(g[v] - g[v[:-1]]) / len(v) for v in g if v),
            "an edge has length 1 at every depth.",
        ),
    ),
)

# --- bound/sentences ----------------------------------------------------------------------------------------------


def true_sentences():
    return "BDFG"


SENTENCES = Exercise(
    name="bound/sentences",
    title="Which sentences are true?",
    difficulty=2,
    minutes=8,
    reference=true_sentences,
    cases=lambda rng: [()],
    run=first_misjudged(8, "bdfg"),
    wrong=(
        Wrong(
            "the largest of many gradients certifies",
            lambda: "ABDFG",
            "look at A again: a maximum over places where you looked lies below the maximum over all.",
        ),
        Wrong(
            "one metric for W1, another for L",
            lambda: "BCDFG",
            "look at C again: L in the metric of the embedding multiplies W1 in that metric, and no other.",
        ),
        Wrong(
            "a bound below the ceiling is needed to be true",
            lambda: "BDEFG",
            "look at E again: a bound that allows too much is true all the same.",
        ),
        Wrong(
            "attention is Lipschitz by itself",
            lambda: "BDFGH",
            "look at H again: without LayerNorm the tokens may be as long as you like.",
        ),
        Wrong(
            "W1 of inputs is enough",
            lambda: "BFG",
            "look at D again: the inputs don't move, and the loss may.",
        ),
        Wrong(
            "equal features, equal losses",
            lambda: "BDG",
            "look at F again: what is the slope between two points at distance 0?",
        ),
        Wrong(
            "a sample is no law",
            lambda: "BDF",
            "look at G again: two samples are laws, too, with masses 1/n.",
        ),
    ),
)

# --- bound/own ----------------------------------------------------------------------------------------------------


def my_metric(x, y):
    return float(np.sum(x != y))


def _axioms(answer, words):
    """What holds of a metric, on all pairs and triples of some words."""
    if answer(words[0], words[1]) is ...:
        return ...
    D = np.array([[float(answer(x, y)) for y in words] for x in words])
    differ = np.array([[bool((x != y).any()) for y in words] for x in words])
    finite = bool(np.isfinite(D).all())
    slack = 1e-9 * max(1.0, float(np.abs(D).max())) if finite else 0.0
    return {
        "finite": finite,
        "0 from a word to itself": finite and bool((np.abs(D[~differ]) <= slack).all()),
        "more than 0 between different words": finite and bool((D[differ] > 0).all()),  # 2 ** -96 is a distance, too
        "the same both ways": finite and bool((np.abs(D - D.T) <= slack).all()),
        "no detour is shorter": finite
        and bool((D[:, None] <= D[:, :, None] + D[None, :, :].swapaxes(1, 2) + slack).all()),
    }


def _own_cases(rng):
    small = [[[0, 1], [0, 2]], [[0, 1, 12], [1, 0, 12], [0, 0, 12]], [[3, 12, 12], [3, 4, 12], [3, 4, 5]]]
    long = np.tile(np.arange(97) % 12, (3, 1))  # as long as those of the chapter, and different at the end only
    long[1, 96], long[2, 60:] = 12, 12
    small.append(long)
    large = [rng.integers(0, 4, (6, 5)), np.sort(rng.integers(0, 16, (8, 6)), axis=1), rng.integers(0, 16, (7, 12))]
    return [(np.array(words),) for words in [*small, *large]]


OWN = Exercise(
    name="bound/own",
    title="A metric of your own",
    difficulty=3,
    minutes=15,
    reference=my_metric,
    cases=_own_cases,
    run=_axioms,
    wrong=(
        Wrong(
            "a feature",
            lambda x, y: abs(float(x.sum()) - float(y.sum())),
            "two different words can agree in it: then the distance is 0, and no constant is finite.",
        ),
        Wrong(
            "squared",
            lambda x, y: float(np.sum((x - y) ** 2)),
            "squares break the triangle inequality, and duality with it: take the root.",
        ),
        Wrong(
            "a similarity",
            lambda x, y: float(np.mean(x == y)),
            "a distance is 0 from a word to itself and grows as they differ more.",
        ),
        Wrong(
            "one way only",
            lambda x, y: float(np.sum(np.maximum(x - y, 0))),
            "from x to y must be as far as from y to x.",
        ),
        Wrong(
            "half of the word",
            lambda x, y: float(np.sum(x[: math.ceil(len(x) / 2)] != y[: math.ceil(len(x) / 2)])),
            "words that differ in the second half only are at distance 0.",
        ),
    ),
)

EXERCISES = [SENTENCES, LAYERS, ZERO, EDGES, OWN]

QUIZ = (
    Question(
        "A certified L times W₁ allows the risk to change by 50 nats; no loss of this model can exceed 13. What has "
        "the bound told you?",
        (
            Option("That the risk may change by 50 nats.", "It can't: both risks lie between 0 and 13."),
            Option("Nothing that you didn't know.", "The ceiling alone says more, without any distance.", True),
            Option("That the bound is wrong.", "It is true: what it allows just doesn't happen."),
        ),
    ),
    Question(
        "You take the steepest of all pairs of home searches as L. On eight of ten shifted domains the change stays "
        "below L W₁. What do you know of an eleventh?",
        (
            Option("The change stays below L W₁ with a chance of 80%.", "The ten were no draw from a law of domains."),
            Option(
                "It stays below if its W₁ is among those of the eight.", "Another shift of that size may be harmful."
            ),
            Option("Nothing certain.", "Pairs at home say how steep the loss is at home.", True),
        ),
    ),
    Question(
        "Predict: every prompt occurs once, in both samples together. By how much does W₁ in the prefix metric with "
        "unit edges tell a shifted law from home?",
        (
            Option(
                "Hardly: nearly every token of every word is counted in either case.",
                "What is left is how long the words are, and the few first tokens that they share.",
                True,
            ),
            Option("Well: different laws share fewer prefixes.", "Two samples of one law share hardly any either."),
            Option("Perfectly, by the certificate.", "The certificate bounds the loss; it doesn't make W₁ a test."),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "From the last layer on, a certificate is below the ceiling.",
                "This is true on this page, in the recorded runs.",
            ),
            Option(
                "To compute that certificate you need the answers of the shifted domain.",
                "This is true: with them you could have measured the risk itself.",
            ),
            Option(
                "W₁ of hidden states is a distance of domains that doesn't depend on the model.",
                "It is read from the model whose risk it is compared with.",
                True,
            ),
        ),
    ),
)
