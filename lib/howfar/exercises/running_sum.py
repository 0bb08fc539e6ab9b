"""The exercises of ``chapters/extrapolation/running_sum.ipynb``."""

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong


def _pair(answer, *arguments):
    """Run an answer that returns two numbers; numpy's become Python's, which are shown more plainly."""
    out = answer(*arguments)
    return tuple(float(x) if isinstance(x, np.floating) else x for x in out) if isinstance(out, tuple) else out


# --- running_sum/blind ------------------------------------------------------------------------------------------


def blind_error(mean, variance, length):
    i = np.arange(1, length + 1)  # S_i has the mean i * mean, which is the answer, and the variance i * variance
    return np.mean(i * variance) / length**2


def _one_constant(mean, variance, length):
    return blind_error(mean, variance, length) + np.var(np.arange(1, length + 1) * mean / length)


def _always_zero(mean, variance, length):
    return blind_error(mean, variance, length) + np.mean((np.arange(1, length + 1) * mean / length) ** 2)


def _blind_cases(rng):
    small = [(0.5, 0.25, 1), (0.0, 1.0, 2), (1.0, 2.0, 2), (0.5, 1 / 12, 50), (0.5, 1 / 12, 200)]
    drawn = [(rng.uniform(-2, 2), rng.uniform(1.5, 3), int(rng.integers(3, 100))) for _ in range(3)]
    return small + drawn


BLIND = Exercise(
    name="running_sum/blind",
    title="The best score without reading",
    difficulty=1,
    minutes=8,
    reference=blind_error,
    cases=_blind_cases,
    wrong=(
        Wrong(
            "one constant for all positions",
            _one_constant,
            "you answer the same number everywhere. The predictor may not read the inputs, but it knows its position: "
            "answering i * mean / length leaves nothing of the drift.",
        ),
        Wrong(
            "always zero",
            _always_zero,
            "you took the mean square of the target: what the answer 0 scores. The best answer is the target's "
            "expectation, i * mean / length, and what remains is its variance.",
        ),
        Wrong(
            "divides by the length once too few",
            lambda mean, variance, length: blind_error(mean, variance, length) * length,
            "a factor `length` is left over. A variance is divided by the square of the unit, and the errors of the "
            "positions are averaged, not added up.",
        ),
        Wrong(
            "no unit",
            lambda mean, variance, length: blind_error(mean, variance, length) * length**2,
            "that is the error of S_i itself. The target is S_i / length, so divide by length squared.",
        ),
        Wrong(
            "variance squared",
            lambda mean, variance, length: blind_error(mean, variance**2, length),
            "you square the variance as if it were a standard deviation. It is a square already.",
        ),
        Wrong(
            "standard deviation",
            lambda mean, variance, length: blind_error(mean, np.sqrt(variance), length),
            "you took the root of the variance. The mean squared error of answering the expectation is the variance.",
        ),
        Wrong(
            "only the last position",
            lambda mean, variance, length: variance / length,
            "that is the error at the last position, the hardest one. Average over all positions 1 to length.",
        ),
        Wrong(
            "counts from zero",
            lambda mean, variance, length: variance * np.mean(np.arange(length)) / length**2,
            "you count the positions from 0. The first target has one input in it: i runs from 1 to length.",
        ),
        Wrong(
            "one input, i times",
            lambda mean, variance, length: variance * np.mean(np.arange(1, length + 1) ** 2) / length**2,
            "i squared times the variance belongs to one input taken i times. The inputs are independent: their "
            "variances add up to i * variance.",
        ),
        Wrong(
            "the running mean's error",
            lambda mean, variance, length: variance * np.mean(1 / np.arange(1, length + 1)),
            "you divided S_i by i: that is the running mean, another target. Here all positions share the unit length.",
        ),
    ),
)

# --- running_sum/attention --------------------------------------------------------------------------------------


def uniform_attention(length):
    visible = np.tril(np.ones((length, length)))
    return visible / visible.sum(axis=1, keepdims=True)


def _strictly_before(length, empty):
    visible = np.tril(np.ones((length, length)), -1)
    weights = visible / np.maximum(visible.sum(axis=1, keepdims=True), 1)
    weights[0] = empty
    return weights


def _normalised(visible, axis):
    return visible / visible.sum(axis=axis, keepdims=True)


def _attention_cases(rng):
    return [(length,) for length in (1, 2, 3, 5, int(rng.integers(6, 20)), 50, 100)]


ATTENTION = Exercise(
    name="running_sum/attention",
    title="A head that averages",
    difficulty=1,
    minutes=8,
    reference=uniform_attention,
    cases=_attention_cases,
    wrong=(
        Wrong(
            "not causal",
            lambda length: np.full((length, length), 1 / length),
            "every row looks at all positions, later ones included. A masked logit is minus infinity, not 0: row i "
            "shares its weight among the columns 0 to i.",
        ),
        Wrong(
            "masks after the softmax",
            lambda length: np.tril(np.full((length, length), 1 / length)),
            "all weights are 1 / length, as if the mask came after the softmax: only the last row adds up to 1. Row i "
            "has i + 1 columns to share among.",
        ),
        Wrong(
            "not normalised",
            lambda length: np.tril(np.ones((length, length))),
            "these ones give the running sum. A softmax gives weights that add up to 1 in every row: a head averages.",
        ),
        Wrong(
            "columns normalised",
            lambda length: _normalised(np.tril(np.ones((length, length))), 0),
            "your columns add up to 1. A row is a query, and it shares out its attention: sum along axis 1 and keep "
            "that axis.",
        ),
        Wrong(
            "strictly before, zeros in the first row",
            lambda length: _strictly_before(length, 0.0),
            "a position sees itself, too: the diagonal belongs to the mask, and the first row is 1, 0, 0, ...",
        ),
        Wrong(
            "strictly before, nan in the first row",
            lambda length: _strictly_before(length, np.nan),
            "you mask the diagonal as well, and the first row has nothing left to look at: 0 / 0. A position sees "
            "itself.",
        ),
        Wrong(
            "one column too many",
            lambda length: _normalised(np.tril(np.ones((length, length)), 1), 1),
            "row i sees column i + 1, the next input. Its last column is i.",
        ),
        Wrong(
            "looks ahead",
            lambda length: _normalised(np.triu(np.ones((length, length))), 1),
            "you kept the upper triangle: each position looks at itself and at what comes after it. Causal is the "
            "lower one.",
        ),
        Wrong(
            "transposed",
            lambda length: uniform_attention(length).T,
            "rows and columns are swapped: row i is what position i looks at, and it adds up to 1.",
        ),
    ),
)

# --- running_sum/rescale ----------------------------------------------------------------------------------------


def errors_in_units(predictions, sums, trained):
    length = sums.shape[1]
    kept = np.mean((predictions - sums / trained) ** 2)
    changed = np.mean((predictions - sums / length) ** 2)
    return kept, changed


def _against(predictions, *targets):
    return tuple(np.mean((predictions - target) ** 2) for target in targets)


def _shrunken(predictions, sums, trained):
    kept = np.mean((predictions - sums / trained) ** 2)
    return kept, kept * (trained / sums.shape[1]) ** 2


def _back_to_sums(predictions, sums, trained):
    return tuple(np.mean((predictions * unit - sums) ** 2) for unit in (trained, sums.shape[1]))


def _last_position(predictions, sums, trained):
    return _against(predictions[:, -1], sums[:, -1] / trained, sums[:, -1] / sums.shape[1])


def _rescale_cases(rng):
    ones = np.array([[1.0, 2.0, 3.0, 4.0]])
    small = [(ones[:, :2] / 2, ones[:, :2], 2), (ones / 2, ones, 2), (ones / 4, ones, 2)]
    small.append((np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 2.0]]), np.array([[1.0, 1.0, 2.0], [0.0, 1.0, 2.0]]), 1))
    drawn = []
    for sequences, length, trained in ((2, 5, 5), (3, 8, 4), (5, 20, 5)):
        sums = rng.uniform(size=(sequences, length)).cumsum(1)
        drawn.append((sums / trained + rng.normal(size=sums.shape), sums, trained))
    return small + drawn


RESCALE = Exercise(
    name="running_sum/rescale",
    title="One model, two tables",
    difficulty=1,
    minutes=4,
    reference=errors_in_units,
    cases=_rescale_cases,
    run=_pair,
    wrong=(
        Wrong(
            "swapped",
            lambda p, s, trained: _against(p, s / s.shape[1], s / trained),
            "the two errors are right but in the wrong order: first the kept unit, trained; then the length of the "
            "test.",
        ),
        Wrong(
            "predictions rescaled, too",
            _shrunken,
            "you rescaled the predictions as well, so that the second error is the first one, shrunk. The model goes "
            "on answering in the unit of its training; only the target's unit changes.",
        ),
        Wrong(
            "one unit for both",
            lambda p, s, trained: _against(p, s / trained, s / trained),
            "your second error uses the unit of training again. Its targets are sums / length, with the length of "
            "the test.",
        ),
        Wrong(
            "raw sums",
            lambda p, s, trained: _against(p, s, s / s.shape[1]),
            "the first error compares with the sums themselves. The model was trained on sums / trained.",
        ),
        Wrong(
            "back to sums",
            _back_to_sums,
            "you multiply the predictions back into sums, and the errors come out in squared sums. Leave the "
            "predictions and divide the sums.",
        ),
        Wrong(
            "counts the sequences",
            lambda p, s, trained: _against(p, s / trained, s / len(s)),
            "len(sums) is the number of sequences, the first axis. The length is the second: sums.shape[1].",
        ),
        Wrong(
            "running mean",
            lambda p, s, trained: _against(p, s / trained, s / np.arange(1, s.shape[1] + 1)),
            "you divide S_i by i: that is the running mean, a third target. S_i / length has one unit for all "
            "positions.",
        ),
        Wrong(
            "root of the error",
            lambda p, s, trained: tuple(np.sqrt(errors_in_units(p, s, trained))),
            "you took the root. The tables hold mean squared errors.",
        ),
        Wrong(
            "absolute error",
            lambda p, s, trained: (np.mean(np.abs(p - s / trained)), np.mean(np.abs(p - s / s.shape[1]))),
            "you average absolute differences. Square them before the mean.",
        ),
        Wrong(
            "only the last position",
            _last_position,
            "you score the last position alone. Average over all positions, and over the sequences.",
        ),
    ),
)

# --- running_sum/split ------------------------------------------------------------------------------------------


def split_error(squared_error, trained):
    met, new = squared_error[:, :trained], squared_error[:, trained:]
    return met.mean(), new.mean() if new.size else np.nan


def _mean(x):
    return x.mean() if x.size else np.nan


def _zero_for_nothing(squared_error, trained):
    return tuple(np.nan_to_num(split_error(squared_error, trained)))


def _split_cases(rng):
    small = [(np.array([[1.0, 3.0]]), 2), (np.array([[1.0, 3.0, 8.0]]), 2)]
    small.append((np.array([[0.0, 1.0, 4.0, 6.0], [2.0, 1.0, 0.0, 2.0]]), 1))
    shapes = ((4, 3, 3), (5, 6, 3), (3, 10, 4), (12, 20, 5))
    return small + [(rng.exponential(size=(m, n)), trained) for m, n, trained in shapes]


SPLIT = Exercise(
    name="running_sum/split",
    title="Positions met, positions new",
    difficulty=1,
    minutes=4,
    reference=split_error,
    cases=_split_cases,
    run=_pair,
    wrong=(
        Wrong(
            "one position too many",
            lambda e, trained: (_mean(e[:, : trained + 1]), _mean(e[:, trained + 1 :])),
            "position `trained` is new: counted from 0, training met 0 to trained - 1.",
        ),
        Wrong(
            "one position too few",
            lambda e, trained: (_mean(e[:, : trained - 1]), _mean(e[:, trained - 1 :])),
            "position trained - 1 was met in training. The columns are counted from 0, so cut at `trained`.",
        ),
        Wrong(
            "all positions first",
            lambda e, trained: (e.mean(), _mean(e[:, trained:])),
            "your first number averages over all positions, new ones included. Such a mean is what one wants to take "
            "apart here.",
        ),
        Wrong(
            "splits the sequences",
            lambda e, trained: (_mean(e[:trained]), _mean(e[trained:])),
            "you cut the first axis, the sequences. The positions are the second one: squared_error[:, :trained].",
        ),
        Wrong(
            "sums",
            lambda e, trained: (e[:, :trained].sum(), e[:, trained:].sum()),
            "you add the errors up. Sums over parts of different sizes can't be compared: take means.",
        ),
        Wrong(
            "swapped",
            lambda e, trained: split_error(e, trained)[::-1],
            "the order is reversed: first the positions met, then the new ones.",
        ),
        Wrong(
            "zero for nothing",
            _zero_for_nothing,
            "where there is no new position you return 0, which reads as a perfect score. Nothing was measured: nan.",
        ),
        Wrong(
            "a curve",
            lambda e, trained: (e[:, :trained].mean(axis=0), e[:, trained:].mean(axis=0)),
            "you average over the sequences only, which gives the error by position. Average over the positions, too.",
        ),
        Wrong(
            "the last position for the new ones",
            lambda e, trained: (e[:, :trained].mean(), e[:, -1].mean() if e[:, trained:].size else np.nan),
            "your second number is the error at the last position. Average over all new ones.",
        ),
    ),
)

# --- running_sum/novelty ----------------------------------------------------------------------------------------


def novelty(codes, trained):
    differences = codes[trained:, None] - codes[:trained]  # (new, met, width)
    return np.linalg.norm(differences, axis=-1).min(axis=1)


def _distances(codes, trained):
    return np.linalg.norm(codes[trained:, None] - codes[:trained], axis=-1)


def _among_all(codes, trained, itself):
    distances = np.linalg.norm(codes[trained:, None] - codes, axis=-1)
    new = np.arange(len(codes) - trained)
    distances[new, trained + new] = itself
    return distances.min(axis=1)


def _difference_of_norms(codes, trained):
    norms = np.linalg.norm(codes, axis=-1)
    return np.abs(norms[trained:, None] - norms[:trained]).min(axis=1)


def _novelty_cases(rng):
    line = np.arange(4.0)[:, None]
    turns = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])[np.arange(7) % 4]  # comes round again
    clamped = np.array([[0.0, 2.0], [3.0, 1.0], [1.0, 1.0]])[np.minimum(np.arange(6), 2)]  # stops at the last
    small = [(line, 2), (turns, 4), (turns, 3), (clamped, 3), (np.array([[0.0, 0.0], [4.0, 0.0], [3.0, 4.0]]), 2)]
    angles = np.arange(12)[:, None] * rng.uniform(0.1, 2, 2)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return [*small, (waves, 8), (rng.normal(size=(9, 3)), 4), (rng.normal(size=(20, 4)), 10)]


NOVELTY = Exercise(
    name="running_sum/novelty",
    title="Codes that were never met",
    difficulty=2,
    minutes=10,
    reference=novelty,
    cases=_novelty_cases,
    wrong=(
        Wrong(
            "the last trained code only",
            lambda codes, trained: _distances(codes, trained)[:, -1],
            "you compare with the code of position trained - 1 only. A code that comes round again is near an "
            "earlier one: look at all trained ones.",
        ),
        Wrong(
            "squared distances",
            lambda codes, trained: _distances(codes, trained).min(axis=1) ** 2,
            "these are squared distances. The nearest code is the same, but the distance is the root.",
        ),
        Wrong(
            "nearest among all others",
            lambda codes, trained: _among_all(codes, trained, np.inf),
            "you also compare with the other new positions. Their codes were never met either; only the first "
            "`trained` count.",
        ),
        Wrong(
            "nearest to itself",
            lambda codes, trained: _among_all(codes, trained, 0.0),
            "you search among all codes, and each finds itself at distance 0. Search among codes[:trained].",
        ),
        Wrong(
            "difference of norms",
            _difference_of_norms,
            "you subtract lengths of vectors. Two codes of one length can point anywhere (all sinusoidal codes have "
            "one length): take the norm of the difference.",
        ),
        Wrong(
            "mean distance",
            lambda codes, trained: _distances(codes, trained).mean(axis=1),
            "you average over the trained codes. A code that was met is still far from most of the others: take the "
            "smallest distance.",
        ),
        Wrong(
            "the farthest code",
            lambda codes, trained: _distances(codes, trained).max(axis=1),
            "you take the largest distance. The nearest trained code is what matters: min.",
        ),
        Wrong(
            "the other axis",
            lambda codes, trained: _distances(codes, trained).min(axis=0),
            "you have one number for each trained position: how near a new one comes to it. Take the minimum over the "
            "trained ones, for each new one.",
        ),
        Wrong(
            "feature by feature",
            lambda codes, trained: np.linalg.norm(np.abs(codes[trained:, None] - codes[:trained]).min(axis=1), axis=-1),
            "you seek the nearest value of each feature separately, possibly from different positions. A code is met "
            "as a whole: the norm first, then the minimum.",
        ),
        Wrong(
            "sum of absolute differences",
            lambda codes, trained: np.abs(codes[trained:, None] - codes[:trained]).sum(axis=-1).min(axis=1),
            "that is the distance along the axes, |a| + |b|. The Euclidean one is the root of the sum of squares.",
        ),
    ),
)

# --- running_sum/quieter ----------------------------------------------------------------------------------------


def predict():
    return [1, 0, -1]


QUIETER = Exercise(
    name="running_sum/quieter",
    title="Predict what a quieter code does",
    difficulty=1,
    minutes=5,
    reference=predict,
    cases=lambda rng: [()],
    wrong=(
        Wrong(
            "the norm changes nothing",
            lambda: [1, 1, 1],
            "the factor is fixed, and 400 steps of training don't undo it: the new codes push less when they are "
            "shorter.",
        ),
        Wrong(
            "in proportion to the norm",
            lambda: [1, 1, 0],
            "suppose that a new code pushes the answer aside in proportion to its length. The squared error then goes "
            "as the square.",
        ),
        Wrong(
            "from quiet to loud",
            lambda: [-1, 0, 1],
            "the order is 8, 2, 0.5, from loud to quiet. (If you do expect the quiet code to be the worst: at a new "
            "place it says nothing that the model could use.)",
        ),
        Wrong(
            "blind is a floor",
            lambda: [1, 0, 0],
            "nothing stops a model at blind's error: it reads its inputs, and can average far better than that.",
        ),
        Wrong(
            "the multiples themselves",
            lambda: [20.8, 1.3, 0.14],
            "these are multiples of blind's error. Asked for is the power of ten that is nearest to each.",
        ),
        Wrong(
            "the errors, not in units of blind's",
            lambda: [-2, -3, -4],
            "these are powers of ten of the errors themselves. Divide by blind's, 0.00077, first.",
        ),
    ),
)

EXERCISES = [BLIND, ATTENTION, RESCALE, SPLIT, NOVELTY, QUIETER]

QUIZ = (
    Question(
        "Predict: a model adds perfectly at all 200 places, in the unit that it was trained in, S / 50. How does it do "
        "when it is scored on the sum over N, with uniform inputs?",
        (
            Option("It has error 0.", "Its unit is that of length 50. Scored in another unit, it is four times off."),
            Option("It beats blind.", "Blind knows the new unit and scores 0.0002. The perfect adder doesn't know it."),
            Option(
                "It loses to all of the trained models.",
                "It scores 0.76, and they score less, since they stop adding. The unit was chosen after training.",
                True,
            ),
        ),
    ),
    Question(
        "On the mean a causal model has half of blind's error over the whole of a sequence of length 200. What may you "
        "write?",
        (
            Option(
                "It extrapolates.",
                "Three quarters of blind's error lie at places 1 to 50, which were met. ALiBi 1/8 has half of it over "
                "all, and twice it on the new places.",
            ),
            Option(
                "It beats blind on the new places.", "It may have won at the places that were met, and lost beyond."
            ),
            Option("Nothing about new places: they must be scored alone.", "An average over both hides either.", True),
        ),
    ),
    Question(
        "Which sentence is false?",
        (
            Option(
                "A causal head with equal logits averages its values at every length.",
                "This is true: that is what a softmax of equal numbers does.",
            ),
            Option(
                "A code that repeats beyond length 50 keeps the mean going.",
                "The learned table repeats its last code, and on the causal mean it is worse than blind at new places.",
                True,
            ),
            Option(
                "On the causal mean a sinusoid of norm 0.5 beats blind at the new places.",
                "This is true; at norm 8 it is twenty times worse than blind.",
            ),
            Option(
                "A bound on the norm of a code doesn't say that new codes are near the met ones.",
                "This is true: all sinusoidal codes have one norm.",
            ),
        ),
    ),
    Question(
        "Predict: the mean, uniform inputs, no mask. How many of the sixteen encodings are ten times better than blind "
        "at places 51 to 200?",
        (
            Option("None", "The best of them, Legendre current, has six tenths of blind's error.", True),
            Option(
                "The same as with the mask",
                "With the mask four of them are. The mask says what came before; without it the code has to.",
            ),
            Option("All that fit at length 50", "Many fit. To fit at 50 carried none of them that far beyond."),
        ),
    ),
    Question(
        "Two encodings differ in their definition and in the norm of their codes, and the one with the shorter codes "
        "extrapolates better. What follows?",
        (
            Option("Its definition is better.", "Its norm may have done it: at equal norms the order can turn."),
            Option("Shorter codes are better.", "The definition may have done it. And on sums shorter didn't help."),
            Option("Neither, until the norm is varied, too.", "Two things changed at once.", True),
        ),
    ),
)
