"""The exercises of ``chapters/depth/width.ipynb``."""

import operator

import numpy as np

from howfar import dyck
from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged

# --- width/pair -------------------------------------------------------------------------------------------------


def merged_pair():
    return [0, 1, 0], [1, 0, 0]


def _what_is_wrong(answer):
    """What a pair of prefixes fails at first; "merged, with different stacks" if at nothing."""
    pair = answer()
    try:
        words = [[operator.index(token) for token in word] for word in pair]
        good = len(words) == 2 and all(dyck.is_prefix(word, 2, 3) for word in words)
    except (TypeError, ValueError):
        return pair
    if not good:
        return "no viable prefix of Dyck-(2, 3)"
    u, v = words
    if u[-1:] != v[-1:]:
        return "the last tokens differ"
    if sorted(u) != sorted(v):
        return "the tokens are not the same"
    return "the same stack" if dyck.open_stack(u, 2) == dyck.open_stack(v, 2) else "merged, with different stacks"


PAIR = Exercise(
    name="width/pair",
    title="Two words that one layer merges",
    difficulty=2,
    minutes=8,
    reference=merged_pair,
    cases=lambda rng: [()],
    run=_what_is_wrong,
    wrong=(
        Wrong(
            "another last token",
            lambda: ([0, 1], [1, 0]),
            "the query is made of the last token: give both words the same.",
        ),
        Wrong(
            "other tokens",
            lambda: ([0, 1], [1, 1]),
            "the layer sees how often each token occurs, its weights follow from that. Only the order may differ.",
        ),
        Wrong(
            "one stack for both",
            lambda: ([0, 2, 1, 3, 0], [1, 3, 0, 2, 0]),
            "these two leave the same brackets open, so nothing is lost if they are merged.",
        ),
        Wrong(
            "too deep",
            lambda: ([0, 1, 0, 0], [1, 0, 0, 0]),
            "four brackets are open there, and D is 3; or a closing fits nothing that is open.",
        ),
    ),
)

# --- width/separation -------------------------------------------------------------------------------------------


def separation(states, classes):
    labels, place = np.unique(classes, return_inverse=True)
    means = np.stack([states[classes == c].mean(axis=0) for c in labels])
    squares = ((states - means[place]) ** 2).sum(axis=1)
    i, j = np.triu_indices(len(labels), 1)
    nearest = np.linalg.norm(means[i] - means[j], axis=1).min()
    return nearest / np.sqrt(squares.mean())


def _means(states, classes):
    labels, place = np.unique(classes, return_inverse=True)
    means = np.stack([states[classes == c].mean(axis=0) for c in labels])
    i, j = np.triu_indices(len(labels), 1)
    return means, place, np.linalg.norm(means[i] - means[j], axis=1)


def _spread(states, classes):
    means, place, _ = _means(states, classes)
    return np.sqrt(((states - means[place]) ** 2).sum(axis=1).mean())


def _nearest_states(states, classes):
    i, j = np.triu_indices(len(states), 1)
    gaps = np.linalg.norm(states[i] - states[j], axis=1)[classes[i] != classes[j]]
    return gaps.min() / _spread(states, classes)


def _separation_cases(rng):
    small = [(np.array([[0.0, 1], [0, -1], [4, 3], [4, -3]]), np.array([3, 3, 1, 1]))]
    small += [(np.array([[0.0], [2], [5], [9], [9], [21]]), np.array([0, 0, 1, 1, 1, 1]))]
    cases = list(small)
    for count, width, labels in ((30, 3, 4), (80, 5, 7)):
        classes = np.concatenate([np.repeat(np.arange(labels), 2), rng.integers(0, labels, count - 2 * labels)])
        centres = rng.normal(size=(labels, width)) * 3
        cases.append((centres[classes] + rng.normal(size=(count, width)), 2 * rng.permutation(labels)[classes]))
    return cases


SEPARATION = Exercise(
    name="width/separation",
    title="Are two classes merged?",
    difficulty=2,
    minutes=10,
    reference=separation,
    cases=_separation_cases,
    wrong=(
        Wrong(
            "the mean of all distances",
            lambda states, classes: _means(states, classes)[2].mean() / _spread(states, classes),
            "you average over the pairs of classes. One merged pair is enough to lose a stack: take the nearest pair.",
        ),
        Wrong(
            "a square left",
            lambda states, classes: _means(states, classes)[2].min() / _spread(states, classes) ** 2,
            "your spread is a mean of *squared* distances. Take its root: a ratio of lengths has no unit.",
        ),
        Wrong(
            "spread around one mean",
            lambda states, classes: (
                _means(states, classes)[2].min() / np.sqrt(((states - states.mean(0)) ** 2).sum(axis=1).mean())
            ),
            "your spread is that of all states together, which grows with the distances of the classes. Each state "
            "counts from the mean of *its class*.",
        ),
        Wrong(
            "the nearest states",
            _nearest_states,
            "you compare single states, and the nearest two depend on how many were drawn. Compare the classes' means.",
        ),
        Wrong(
            "a class with itself",
            lambda states, classes: 0.0,
            "the smallest distance is always 0: you also compare each mean with itself.",
        ),
        Wrong(
            "spread of one coordinate",
            lambda states, classes: (
                _means(states, classes)[2].min() / _spread(states, classes) * np.sqrt(states.shape[1])
            ),
            "your spread is a mean over all numbers. It should be over the states: the squares of one state's "
            "coordinates are added up, as in a distance.",
        ),
    ),
)

# --- width/residual ---------------------------------------------------------------------------------------------


def residual(H):
    rest = H - H.mean(axis=0)
    return np.linalg.norm(rest) / np.linalg.norm(H)


def _residual_cases(rng):
    small = [(np.array([[3.0, 4.0], [0.0, 0.0]]),), (np.array([[1.0, 2, 2], [1, 2, 2]]),)]
    large = [rng.normal(size=(6, 3)) + 2, 5 * rng.normal(size=(4, 9)), 1e-3 * rng.normal(size=(12, 4)) + 1]
    return small + [(H,) for H in large]


RESIDUAL = Exercise(
    name="width/residual",
    title="How far from one vector?",
    difficulty=1,
    minutes=5,
    reference=residual,
    cases=_residual_cases,
    wrong=(
        Wrong(
            "centres each token",
            lambda H: np.linalg.norm(H - H.mean(axis=1, keepdims=True)) / np.linalg.norm(H),
            "you subtract from each token the mean of its own coordinates. Subtract the mean *token*.",
        ),
        Wrong(
            "not divided",
            lambda H: np.linalg.norm(H - H.mean(axis=0)),
            "that is a length, in the unit of the states. Divide by the norm of H.",
        ),
        Wrong(
            "squares",
            lambda H: ((H - H.mean(axis=0)) ** 2).sum() / (H**2).sum(),
            "you compare squared norms.",
        ),
        Wrong(
            "the largest singular value",
            lambda H: np.linalg.norm(H - H.mean(axis=0), 2) / np.linalg.norm(H, 2),
            "that is the norm of H as a map. The Frobenius norm takes all entries as one long vector.",
        ),
    ),
)

# --- width/barron -----------------------------------------------------------------------------------------------


def barron_bound(amplitudes, frequencies, radius, m):
    C = (np.abs(amplitudes) * np.linalg.norm(frequencies, axis=1)).sum()
    return 2 * radius * C / np.sqrt(m)


def _barron_cases(rng):
    small = [(np.array([1.0]), np.array([[3.0, 4.0]]), 2.0, 9)]
    small += [(np.array([1.0, -2.0]), np.array([[1.0, 0.0], [3.0, 4.0]]), 1.0, 4)]
    small += [(np.array([1.0]), np.full((1, 10), np.pi / 2), 10**0.5, 64)]
    drawn = []
    for waves, d in ((3, 2), (8, 5)):
        drawn.append((rng.normal(size=waves), rng.normal(size=(waves, d)) * 3, rng.uniform(1, 4), 7))
    return small + drawn


def _constant(amplitudes, frequencies):
    return (np.abs(amplitudes) * np.linalg.norm(frequencies, axis=1)).sum()


BARRON = Exercise(
    name="width/barron",
    title="Barron's bound",
    difficulty=2,
    minutes=8,
    reference=barron_bound,
    cases=_barron_cases,
    wrong=(
        Wrong(
            "no root",
            lambda a, w, r, m: 2 * r * _constant(a, w) / m,
            "you divide by the number of units. The error falls with its square *root*, as a mean of m draws does.",
        ),
        Wrong(
            "amplitudes with their signs",
            lambda a, w, r, m: 2 * r * (a * np.linalg.norm(w, axis=1)).sum() / np.sqrt(m),
            "amplitudes of opposite signs cancel in your sum. C adds up their absolute values.",
        ),
        Wrong(
            "no radius",
            lambda a, w, r, m: 2 * _constant(a, w) / np.sqrt(m),
            "the radius of the ball that the inputs lie in is missing.",
        ),
        Wrong(
            "frequencies coordinate by coordinate",
            lambda a, w, r, m: 2 * r * (np.abs(a) * np.abs(w).sum(axis=1)).sum() / np.sqrt(m),
            "you add up the coordinates of each frequency. Take its Euclidean length.",
        ),
        Wrong(
            "squared frequencies",
            lambda a, w, r, m: 2 * r * (np.abs(a) * (w**2).sum(axis=1)).sum() / np.sqrt(m),
            "you take the square of each frequency's length.",
        ),
    ),
)

# --- width/repair -----------------------------------------------------------------------------------------------


def repaired():
    return "bcf"


REPAIR = Exercise(
    name="width/repair",
    title="Repair the sentence",
    difficulty=2,
    minutes=8,
    reference=repaired,
    cases=lambda rng: [()],
    run=first_misjudged(7, "bcf"),
    wrong=(
        Wrong(
            "forgets the table",
            lambda: "abcf",
            "at one length there are finitely many inputs. How wide must a table of them be?",
        ),
        Wrong(
            "leaves out the hierarchy",
            lambda: "cf",
            "look at the row of alternating blocks in the table: fixed precision, all lengths at once.",
        ),
        Wrong(
            "leaves out the order",
            lambda: "bf",
            "you found such a pair yourself. Did the argument speak of the width?",
        ),
        Wrong(
            "a price taken for a wall",
            lambda: "bcdf",
            "that bound says that heads times width times precision must grow with the length. Width may.",
        ),
        Wrong(
            "an upper bound taken for a floor",
            lambda: "bcef",
            "Barron's theorem bounds the error from *above*.",
        ),
        Wrong(
            "leaves out the condition",
            lambda: "bc",
            "f names its condition, its size and its precision. Is it then still false?",
        ),
        Wrong(
            "not seen, so not there",
            lambda: "bcfg",
            "'none of ours did' is about these widths, these steps and these learning rates.",
        ),
    ),
)

EXERCISES = [PAIR, SEPARATION, RESIDUAL, BARRON, REPAIR]

QUIZ = (
    Question(
        "You add layers to attention without skip connections and without feed-forward layers, at random weights. "
        "What happens to the vectors of one input's tokens?",
        (
            Option("They move apart: depth averts collapse.", "Look at the picture of rank: each layer averages."),
            Option(
                "They become alike, faster and faster if every token sees all the others.",
                "Here depth is the cause of the collapse, not the cure.",
                right=True,
            ),
            Option(
                "Nothing, as long as the width is large.", "The width was the same throughout; averaging is the cause."
            ),
        ),
    ),
    Question(
        "One layer, no positions, width 4096, trained for a year: will it read out the whole stack of Dyck-(2, 3) "
        "without mistakes?",
        (
            Option("Yes, with enough width.", "Its last state doesn't depend on the order of the earlier tokens."),
            Option(
                "No: two words with different stacks have the same state in it.",
                "The same tokens in another order, the same last token: equal up to rounding, at any width.",
                right=True,
            ),
            Option("Nobody knows.", "This one has a proof of two lines."),
        ),
    ),
    Question(
        "Two-layer networks of width 8 to 256, a layer too few, don't get five blocks right at three times the length. "
        "Which sentence may you write?",
        (
            Option("Width cannot make up for the layer.", "For these networks, trained this way, it did not."),
            Option(
                "Not seen at these widths, steps and learning rates.",
                "That is what was measured. The theorem for all lengths at once is a sentence of its own.",
                right=True,
            ),
            Option("Wider networks would need more steps.", "That may be; nothing here measured it."),
        ),
    ),
    Question(
        "Parity of ten bits agrees on bits with one cosine, so that Barron's C is below 5. What follows?",
        (
            Option(
                "Some network with m units has an error of at most 2 r C / sqrt(m).",
                "Existence, and nothing about how to find it or about what fewer units can't do.",
                right=True,
            ),
            Option("Gradient descent finds it.", "The theorem doesn't train anything."),
            Option("No network does better than that.", "It is an upper bound: ten units, set by hand, have error 0."),
        ),
    ),
)
