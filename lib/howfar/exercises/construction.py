"""The exercises of ``chapters/depth/construction.ipynb``."""

import itertools
import math

import numpy as np

from howfar import dyck
from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged

# --- construction/values ----------------------------------------------------------------------------------------


def values(k, D):
    v = np.zeros((2 * k + 1, 2))
    v[:k] = 2, 0
    v[k : 2 * k] = -2, 0
    v[2 * k] = -D, D
    return v


def _directions(answer, k, D, word):
    """Where the mean of the values points, after the start token and after each token of the word."""
    got = answer(k, D)
    try:
        rows = np.asarray(got, dtype=float)
    except (TypeError, ValueError):
        return got
    if rows.shape != (2 * k + 1, 2):
        return got
    rows = rows / (np.abs(rows).max() or 1.0)  # any factor will do
    means = rows[[2 * k, *word]].cumsum(axis=0) / np.arange(1, len(word) + 2)[:, None]
    sizes = np.linalg.norm(means, axis=1, keepdims=True)
    return np.where(sizes > 1e-9, means / np.maximum(sizes, 1e-9), 0.0)


def _changed(rows):
    """The reference with other rows: a dict of slices to values, made for k and D."""

    def answer(k, D):
        v = values(k, D)
        for place, row in rows(k, D).items():
            v[slice(*place)] = row
        return v

    return answer


def _value_cases(rng):
    small = [(1, 1, [0, 1]), (1, 2, [0, 0, 1]), (2, 3, [1, 0, 2, 3])]
    drawn = [(n, k, D) for n, k, D in ((12, 2, 3), (20, 3, 4), (30, 5, 7))]
    return small + [(k, D, dyck.Walk(n, k, 0.6, D).sample(1, rng)[0].tolist()) for n, k, D in drawn]


VALUES = Exercise(
    name="construction/values",
    title="Place the weights of one head",
    difficulty=2,
    minutes=10,
    reference=values,
    cases=_value_cases,
    run=_directions,
    wrong=(
        Wrong(
            "nothing from the start token",
            _changed(lambda k, D: {(2 * k, None): (0, 0)}),
            "without a value of the start token the mean knows the share of openings, not how many places there were: "
            "its direction can't tell one open bracket from three.",
        ),
        Wrong(
            "not centred",
            _changed(lambda k, D: {(2 * k, None): (0, D)}),
            "your direction is that of (2 h, D). Height 0 has to point to (-D, D): the start token can do that, too.",
        ),
        Wrong(
            "closings are ignored",
            _changed(lambda k, D: {(k, 2 * k): (0, 0)}),
            "a closing has to take away what its opening added.",
        ),
        Wrong(
            "a step of one",
            _changed(lambda k, D: {(0, k): (1, 0), (k, 2 * k): (-1, 0)}),
            "your direction is that of (h - D, D). Each opening moves the first number by 2.",
        ),
        Wrong(
            "each opening brings the place",
            _changed(lambda k, D: {(0, k): (2, D), (2 * k, None): (-D, 0)}),
            "your second number counts openings. It has to be the same whatever comes after the start token.",
        ),
    ),
)

# --- construction/sharpness -------------------------------------------------------------------------------------


def sharpness(D, lead):
    angles = np.arctan(2 * np.arange(D + 1) / D - 1)
    return lead / (1 - np.cos(np.diff(angles).min()))


def _sharpness_from(gap):
    return lambda D, lead: lead / gap(np.diff(np.arctan(2 * np.arange(D + 1) / D - 1)))


SHARPNESS = Exercise(
    name="construction/sharpness",
    title="How sharp must the second head be?",
    difficulty=2,
    minutes=10,
    reference=sharpness,
    cases=lambda rng: [
        (1, 1.0), (2, 10.0), (3, 10.0), (4, 8.0), (10, 20.0),
        *((int(rng.integers(5, 60)), float(rng.integers(50, 500))) for _ in range(3)),
    ],
    wrong=(
        Wrong(
            "the widest gap",
            _sharpness_from(lambda gaps: 1 - np.cos(gaps.max())),
            "that is enough for the two heights that lie furthest apart. The *smallest* gap decides.",
        ),
        Wrong(
            "the average gap",
            _sharpness_from(lambda gaps: 1 - np.cos(gaps.mean())),
            "neighbouring heights aren't equally far apart: the outer ones are closer. The smallest gap decides.",
        ),
        Wrong(
            "not centred",
            lambda D, lead: lead / (1 - np.cos(np.diff(np.arctan(np.arange(D + 1) / D)).min())),
            "the tangents go from -1 to 1, not from 0 to 1.",
        ),
        Wrong(
            "the angle in place of its cosine",
            _sharpness_from(lambda gaps: gaps.min()),
            "what a wrong height loses is A (1 - cos of the gap), about A times *half the square* of the gap.",
        ),
        Wrong(
            "the cosine itself",
            _sharpness_from(lambda gaps: np.cos(gaps.min())),
            "the right height scores A, a neighbour A cos(gap): it is the difference that has to reach the lead.",
        ),
    ),
)  # fmt: skip

# --- construction/unit ------------------------------------------------------------------------------------------


def unit(N):
    return -16 * (N + 1), -16, 8


def _switches(answer, N):
    """What the unit says for some means, with the right letter and with another: 1, 0, or neither of the two."""
    got = answer(N)
    try:
        w, v, b = (float(number) for number in got)
    except (TypeError, ValueError):
        return got
    said = []
    for mean, other in itertools.product((0, 1 / (N + 1), 1 / N, 2 / (N + 1), 0.5, 1), (0, 1)):
        y = w * mean + v * other + b
        u = y * 0.5 * (1 + math.erf(y / math.sqrt(2))) / b if b else 0.0
        said.append("1" if abs(u - 1) < 0.01 else "0" if abs(u) < 0.01 else "neither")
    return said


UNIT = Exercise(
    name="construction/unit",
    title="A unit that says: not yet",
    difficulty=2,
    minutes=12,
    reference=unit,
    cases=lambda rng: [(1,), (2,), (5,), (20,), (100,), (int(rng.integers(200, 2000)),)],
    run=_switches,
    wrong=(
        Wrong(
            "forgets how small a mean can be",
            lambda N: (-16, -16, 8),
            "one place among N + 1 gives a mean of 1/(N + 1): the weight has to grow with N.",
        ),
        Wrong(
            "doesn't look at the letter",
            lambda N: (-16 * (N + 1), 0, 8),
            "with another letter the unit has to be off, whatever the mean.",
        ),
        Wrong(
            "the other way round",
            lambda N: (16 * (N + 1), -16, 8),
            "the unit has to be on where *nothing* was found, so that the mean pushes it down.",
        ),
        Wrong(
            "stops where GELU is 0",
            lambda N: (-8 * (N + 1), -8, 8),
            "a little below 0 GELU dips to -0.17, and a mean may be a little above 1/(N + 1). Push further.",
        ),
        Wrong(
            "too soft",
            lambda N: (-2 * (N + 1), -2, 1),
            "GELU is only nearly a switch: GELU(1)/1 is 0.84. Go further from 0.",
        ),
    ),
)

# --- construction/gate ------------------------------------------------------------------------------------------


def partners(i, j, t):
    on = [(place, t) for place in range(i, j)]
    off = [(i, t + 1), (j, t)]
    return on, off


def _fires(answer, i, j, t):
    """The strings, as kinds of brackets, with an opening at i and a closing at j on which the AND is on."""
    got = answer(i, j, t)
    try:
        on, off = ([(int(place), int(level)) for place, level in part] for part in got)
    except (TypeError, ValueError):
        return got
    for place, _ in (*on, *off):
        if not 0 <= place <= j:
            return f"there is no token {place} up to j"
    strings = []
    for steps in itertools.product((1, -1), repeat=j + 1):
        heights = np.cumsum(steps)
        reads = [heights[place] >= level for place, level in on] + [heights[place] < level for place, level in off]
        if steps[i] == 1 and steps[j] == -1 and all(reads):
            strings.append("".join("(" if step == 1 else ")" for step in steps))
    return strings


GATE = Exercise(
    name="construction/gate",
    title="Write the key gate of the circuit",
    difficulty=2,
    minutes=12,
    reference=partners,
    cases=lambda rng: [
        (0, 1, 1), (0, 3, 1), (1, 2, 2), (1, 2, 1), (1, 4, 2), (2, 5, 1), (1, 6, 2),
        (int(rng.integers(0, 3)), 7, int(rng.integers(1, 3))),
    ],
    run=_fires,
    wrong=(
        Wrong(
            "doesn't look in between",
            lambda i, j, t: ([(i, t)], [(i, t + 1), (j, t)]),
            "between i and j the height may have come down: then i was closed by another bracket.",
        ),
        Wrong(
            "any height at the opening",
            lambda i, j, t: ([(place, t) for place in range(i, j)], [(j, t)]),
            "the opening at i may stand higher than t: then it isn't the one that the closing at j takes away.",
        ),
        Wrong(
            "still open at the closing",
            lambda i, j, t: ([(place, t) for place in range(i, j + 1)], [(i, t + 1)]),
            "at j the bracket is closed: the height there is t - 1, below t.",
        ),
        Wrong(
            "the height before the opening",
            lambda i, j, t: ([(place, t + 1) for place in range(i, j)], [(i, t + 2), (j, t + 1)]),
            "t is the height *after* the opening at i. Heights are counted after each token.",
        ),
    ),
)  # fmt: skip

# --- construction/sentences -------------------------------------------------------------------------------------


def follows():
    return "bd"


SENTENCES = Exercise(
    name="construction/sentences",
    title="What follows from two layers?",
    difficulty=2,
    minutes=8,
    reference=follows,
    cases=lambda rng: [()],
    run=first_misjudged(6, "bd"),
    wrong=(
        Wrong(
            "one network for all depths",
            lambda: "abd",
            "D and N are arguments of `dyck_continuation`: how large is A?",
        ),
        Wrong(
            "leaves out the types",
            lambda: "d",
            "how many digits does a type have, and how wide is the network?",
        ),
        Wrong(
            "what can be set can be learned",
            lambda: "bcd",
            "no network was trained on this page.",
        ),
        Wrong(
            "leaves out the circuit's length",
            lambda: "b",
            "for each length there is one circuit, and its three layers are counted.",
        ),
        Wrong(
            "three layers at any precision",
            lambda: "bde",
            "what happens to the recogniser's margins in float32 as N grows?",
        ),
        Wrong(
            "enough is necessary",
            lambda: "bdf",
            "a construction shows that so many layers are enough. Who has shown that fewer aren't?",
        ),
    ),
)

EXERCISES = [VALUES, SHARPNESS, UNIT, GATE, SENTENCES]

QUIZ = (
    Question(
        "The network is made for two types and D = 128 and run in float32 on two words of one length and depth. In the "
        "first, 384 pairs of random types stand side by side, deep inside a nest; in the second, 384 pairs of one type "
        "come first, then a nest. What happens?",
        (
            Option(
                "Both go wrong: depth is what breaks it.",
                "The nest is just as deep. At none of its heights stands an older bracket of another type.",
            ),
            Option(
                "The first goes wrong, the second doesn't.",
                "Only there do several openings of one height and of different types compete, and rounding decides.",
                right=True,
            ),
            Option(
                "Neither: the length is the same as in training.",
                "Nothing was trained, and the length is what the weights are made for.",
            ),
        ),
    ),
    Question(
        "Which part loses the digits first? With two types and D = 96 the network runs in float64, and one part of it "
        "in float32.",
        (
            Option(
                "The LayerNorm of layer 2.",
                "It makes unit vectors of equal length, up to rounding, and the score multiplies that error by A.",
                right=True,
            ),
            Option(
                "Layer 1, where the mean over many tokens is taken.",
                "Its rounding turns and stretches a vector a little; LayerNorm takes the stretch away again.",
            ),
            Option(
                "The read-out, which compares numbers of any size.",
                "It needs a sign only, and the numbers differ by about as much as they are large.",
            ),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "k - 2 layers are enough to tell, along a word of k alternating blocks, where the last block is.",
                "This is true: the construction does it.",
            ),
            Option(
                "For arbitrary strings the same recipe takes k layers.",
                "This is true: it has to notice a first letter 1, and a block too many.",
            ),
            Option(
                "Since k - 2 layers are enough, they are necessary.",
                "Necessity is a theorem of its own: at fixed precision, one network for all lengths.",
                right=True,
            ),
        ),
    ),
    Question(
        "A threshold circuit of three layers recognises Dyck-k. What does that say of Transformers?",
        (
            Option(
                "That three layers of attention recognise it at every length, with one set of weights.",
                "There is one circuit for each length, and our three layers have weights for each N.",
            ),
            Option(
                "That no lower bound on threshold depth that grows can come from recognising Dyck-k.",
                "A bound that grows would have to exceed three somewhere.",
                right=True,
            ),
            Option(
                "That a model which searches needs three layers.",
                "To recognise a finished trace isn't to solve what it is about, and enough isn't necessary.",
            ),
        ),
    ),
)
