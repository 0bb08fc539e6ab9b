"""The exercises of ``chapters/extrapolation/real.ipynb``."""

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- real/bits --------------------------------------------------------------------------------------------------------


def bits_per_character(logits, targets):
    top = logits.max(axis=1, keepdims=True)
    normal = np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    log_probability = logits - top - normal
    right = log_probability[np.arange(len(targets)), targets]
    return -right.mean() / np.log(2)


def _log_probability(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _of_the_right(logits, targets):
    return _log_probability(logits)[np.arange(len(targets)), targets]


def _bits_cases(rng):
    half = np.array([[0.0, 0.0]])
    uneven = np.log(np.array([[0.5, 0.25, 0.25], [0.125, 0.125, 0.75]]))
    small = [(half, np.array([1])), (uneven, np.array([0, 1])), (uneven + 3, np.array([1, 2]))]
    large = np.array([[2000.0, 0.0, 1000.0], [0.0, -2000.0, 1.0]])  # exp overflows unless the largest is taken off
    small.append((large, np.array([0, 2])))
    drawn = [(3 * rng.normal(size=(n, v)), rng.integers(v, size=n)) for n, v in ((4, 3), (7, 5), (30, 97))]
    return small + drawn


BITS = Exercise(
    name="real/bits",
    title="Bits a character",
    difficulty=1,
    minutes=6,
    reference=bits_per_character,
    cases=_bits_cases,
    wrong=(
        Wrong(
            "nats",
            lambda x, t: -_of_the_right(x, t).mean(),
            "this is the mean cross-entropy in nats. One bit is log 2 = 0.693 nats: divide by it.",
        ),
        Wrong(
            "multiplied by log 2",
            lambda x, t: -_of_the_right(x, t).mean() * np.log(2),
            "you multiplied by log 2. A number of bits is larger than the number of nats: divide.",
        ),
        Wrong(
            "a sum",
            lambda x, t: -_of_the_right(x, t).sum() / np.log(2),
            "this is what all the characters cost together. Divide by how many there are.",
        ),
        Wrong(
            "mean before the logarithm",
            lambda x, t: -np.log2(np.exp(_of_the_right(x, t)).mean()),
            "you took the mean of the probabilities and then the logarithm. What a text costs is the sum of the costs "
            "of its characters: the logarithm comes first.",
        ),
        Wrong(
            "without the softmax",
            lambda x, t: -x[np.arange(len(t)), t].mean() / np.log(2),
            "logits aren't log-probabilities yet: subtract the logarithm of the sum of their exponentials, row by row.",
        ),
        Wrong(
            "softmax over the rows",
            lambda x, t: -_log_probability(x.T).T[np.arange(len(t)), t].mean() / np.log(2),
            "your probabilities add up to 1 down the columns. Each row is one prediction: sum along axis 1.",
        ),
        Wrong(
            "entropy of the prediction",
            lambda x, t: -(np.exp(_log_probability(x)) * _log_probability(x)).sum(axis=1).mean() / np.log(2),
            "this is the entropy of the prediction, what the model *expects* to pay. Take the probability of the "
            "character that came.",
        ),
        Wrong(
            "cost of the most probable",
            lambda x, t: -_log_probability(x).max(axis=1).mean() / np.log(2),
            "you charge for the most probable character, whatever came. Take column targets[i] in row i.",
        ),
        Wrong(
            "perplexity",
            lambda x, t: np.exp(-_of_the_right(x, t).mean()),
            "this is the perplexity. Its logarithm to base 2 are the bits.",
        ),
    ),
)

# --- real/smoothing ---------------------------------------------------------------------------------------------------


def smoothed(count, total, kinds, shorter):
    if total == 0:
        return shorter
    return (count + kinds * shorter) / (total + kinds)


def _smoothing_cases(rng):
    small = [(0, 0, 0, 0.25), (3, 4, 2, 0.5), (0, 4, 2, 0.1), (4, 4, 1, 0.0), (1, 1, 1, 0.01)]
    drawn = []
    for _ in range(6):
        total = int(rng.integers(2, 60))
        drawn.append(
            (int(rng.integers(0, total)), total, int(rng.integers(2, min(total, 9) + 1)), float(rng.uniform()))
        )
    return small + drawn


SMOOTHING = Exercise(
    name="real/smoothing",
    title="What follows a string that was rarely seen?",
    difficulty=1,
    minutes=6,
    reference=smoothed,
    cases=_smoothing_cases,
    wrong=(
        Wrong(
            "no fallback",
            lambda c, n, u, p: (c + u * p) / (n + u) if n + u else 0.0,
            "a history that never occurred leaves 0 / 0. Then the shorter history is all there is: return `shorter`.",
        ),
        Wrong(
            "frequencies only",
            lambda c, n, u, p: c / n if n else p,
            "a character that never followed gets probability 0, and costs infinitely many bits when it comes.",
        ),
        Wrong(
            "falls back only where nothing was seen",
            lambda c, n, u, p: c / n if c else p,
            "the probabilities of all characters add up to more than 1: what is given to the unseen ones has to be "
            "taken from the others.",
        ),
        Wrong(
            "adds one",
            lambda c, n, u, p: (c + 1) / (n + u) if n else p,
            "you add 1 to each count and forget the shorter history. Add `kinds` times its probability.",
        ),
        Wrong(
            "one in place of the kinds",
            lambda c, n, u, p: (c + p) / (n + 1) if n else p,
            "the shorter history always gets the weight of one count. It gets `kinds` of them: where many different "
            "characters have followed, a new one is likely.",
        ),
        Wrong(
            "denominator without the kinds",
            lambda c, n, u, p: (c + u * p) / n if n else p,
            "your probabilities add up to more than 1: the denominator is total + kinds.",
        ),
        Wrong(
            "mixes half and half",
            lambda c, n, u, p: 0.5 * c / n + 0.5 * p if n else p,
            "the weights are always a half. They depend on how often the history was seen: total and kinds to "
            "total + kinds.",
        ),
        Wrong(
            "weights swapped",
            lambda c, n, u, p: (u * c / n + n * p) / (n + u) if n else p,
            "a history that was seen often has the small weight. What was counted has weight total / (total + kinds).",
        ),
    ),
)

# --- real/windows -----------------------------------------------------------------------------------------------------


def windows_before(text, places, context):
    return np.stack([text[place - context : place] for place in places])


def _shifted(text, places, context, by):
    rows = np.add.outer(np.asarray(places), np.arange(-context, 0)) + by
    return text[rows.clip(0, len(text) - 1)]


def _windows_cases(rng):
    line = np.arange(10, 22)
    small = [(line, np.array([4]), 2), (line, np.array([9, 5]), 4), (line, np.array([4, 12, 7]), 4)]
    drawn = []
    for length, places, context in ((30, 3, 1), (40, 5, 7), (80, 6, 20)):
        drawn.append((rng.integers(97, size=length), rng.integers(context, length + 1, size=places), context))
    return small + drawn


WINDOWS = Exercise(
    name="real/windows",
    title="The same character, with more or less before it",
    difficulty=1,
    minutes=6,
    reference=windows_before,
    cases=_windows_cases,
    wrong=(
        Wrong(
            "reads the answer",
            lambda text, places, c: _shifted(text, places, c, 1),
            "your window holds text[place], which is to be predicted. It ends one character earlier.",
        ),
        Wrong(
            "ends too early",
            lambda text, places, c: _shifted(text, places, c, -1),
            "the last character before the place is missing: a slice leaves out its end already.",
        ),
        Wrong(
            "starts at the place",
            lambda text, places, c: _shifted(text, places, c, c),
            "your windows begin at the places, so that another context ends at another character: this is the "
            "comparison that we want to avoid.",
        ),
        Wrong(
            "turned around",
            lambda text, places, c: windows_before(text, places, c)[:, ::-1],
            "the characters are in reverse. Keep the order of the text.",
        ),
        Wrong(
            "sorted places",
            lambda text, places, c: windows_before(text, np.sort(places), c),
            "row i belongs to places[i]: keep the order in which they come.",
        ),
        Wrong(
            "only the first place",
            lambda text, places, c: windows_before(text, places[:1], c),
            "one row for each place, please.",
        ),
        Wrong(
            "places as columns",
            lambda text, places, c: windows_before(text, places, c).T,
            "rows and columns are swapped: one row for each place, one column for each character.",
        ),
    ),
)

# --- real/adaptive ----------------------------------------------------------------------------------------------------


def adaptive_bias(length, trained, slope):
    query, key = np.arange(length)[:, None], np.arange(length)[None, :]
    share = np.minimum(1, (trained - 1) / np.maximum(query, 1))
    return np.where(key > query, -np.inf, -slope * share * (query - key))


def _bias(length, share, slope):
    query, key = np.arange(length)[:, None], np.arange(length)[None, :]
    return np.where(key > query, -np.inf, -slope * share(np.maximum(query, 1)) * (query - key))


def _stopped(length, trained, slope):
    plain = _bias(length, lambda q: 1.0, slope)
    return np.where(np.isinf(plain), plain, plain.clip(-slope * (trained - 1)))


def _adaptive_cases(rng):
    small = [(1, 4, 0.5), (3, 3, 1.0), (4, 3, 1.0), (6, 3, 0.5)]
    drawn = []
    for _ in range(4):
        trained = int(rng.integers(3, 9))
        drawn.append((int(rng.integers(trained + 2, 4 * trained)), trained, float(rng.uniform(0.05, 2))))
    return [*small, *drawn, (5, 9, 0.25)]


ADAPTIVE = Exercise(
    name="real/adaptive",
    title="Slopes that shrink with what is read",
    difficulty=2,
    minutes=12,
    reference=adaptive_bias,
    cases=_adaptive_cases,
    wrong=(
        Wrong(
            "plain ALiBi",
            lambda n, t, m: _bias(n, lambda q: 1.0, m),
            "this is ALiBi as it is: the farthest key of a late query gets a bias that training never had.",
        ),
        Wrong(
            "one share for all queries",
            lambda n, t, m: _bias(n, lambda q: min(1, (t - 1) / max(n - 1, 1)), m),
            "all queries have the share of the last one, so that what a token says changes when text is appended. A "
            "query may know only how much lies before itself.",
        ),
        Wrong(
            "grows where little is read",
            lambda n, t, m: _bias(n, lambda q: (t - 1) / q, m),
            "where less is read than in training your slopes are larger than they were: the share is at most 1.",
        ),
        Wrong(
            "stops in place of shrinking",
            _stopped,
            "your bias stays at its last trained value from there on, so that far keys can't be told apart by it. "
            "Scale the slope instead.",
        ),
        Wrong(
            "off by one",
            lambda n, t, m: _bias(n, lambda q: np.minimum(1, t / (q + 1)), m),
            "you compare numbers of keys, trained / (i + 1). Compare distances: the farthest key of training lay "
            "trained - 1 back, the farthest of query i lies i back.",
        ),
        Wrong(
            "rewards distance",
            lambda n, t, m: np.where(np.isinf(adaptive_bias(n, t, m)), -np.inf, -adaptive_bias(n, t, m)),
            "the sign: a logit *loses* with distance.",
        ),
        Wrong(
            "no mask",
            lambda n, t, m: np.where(np.isinf(adaptive_bias(n, t, m)), 0, adaptive_bias(n, t, m)),
            "keys after the query are hidden: minus infinity, not 0.",
        ),
        Wrong(
            "square root",
            lambda n, t, m: _bias(n, lambda q: np.minimum(1, np.sqrt((t - 1) / q)), m),
            "you took a root: then the largest bias still grows beyond that of training.",
        ),
    ),
)

# --- real/sentences ---------------------------------------------------------------------------------------------------

_SENTENCES, _FOLLOW = "abcdef", {"b", "d", "e"}


def follows():
    return "bde"


def _first_misjudged(answer):
    """The first sentence that is judged wrongly: several mistakes are told one at a time."""
    letters = answer()
    if not isinstance(letters, (str, list, tuple, set, frozenset)) or not set(letters) <= set(_SENTENCES):
        return letters
    return next((letter for letter in _SENTENCES if (letter in letters) != (letter in _FOLLOW)), "none")


_COMPARED = "(What is compared is the first sentence that you judge wrongly.)"

SENTENCES = Exercise(
    name="real/sentences",
    title="What may be said before anything is trained?",
    difficulty=2,
    minutes=8,
    reference=follows,
    cases=lambda rng: [()],
    run=_first_misjudged,
    wrong=(
        Wrong(
            "all places of long and short windows",
            lambda: "abde",
            f"the means are over different characters, and some are harder than others. {_COMPARED}",
        ),
        Wrong(
            "positions matter to every encoding",
            lambda: "de",
            f"with the same text and all positions moved by one number, what does a shift-invariant encoding answer? "
            f"{_COMPARED}",
        ),
        Wrong(
            "below a 5-gram means farther than four characters",
            lambda: "bcde",
            "a model can use the last four characters better than counts do: it may treat similar strings alike. Its "
            f"attention, or an intervention, would have to show more. {_COMPARED}",
        ),
        Wrong(
            "more text as the cause",
            lambda: "be",
            "the characters that are predicted, the weights and the last 128 characters are the same; only what stands "
            f"before them was added. {_COMPARED}",
        ),
        Wrong(
            "forgets what the rules share",
            lambda: "bd",
            f"at distances that training has met, what do the three rules do? {_COMPARED}",
        ),
        Wrong(
            "beyond as proof of learning",
            lambda: "bdef",
            "a model whose bits stay the same at four times the length may have learned little, and so have little to "
            f"lose: a constant answer never gets worse. {_COMPARED}",
        ),
    ),
)

EXERCISES = [BITS, SMOOTHING, WINDOWS, SENTENCES, ADAPTIVE]

QUIZ = (
    Question(
        "A model of code needs 3.2 bits a character with 128 characters before it and 4.8 with 512. One cause is "
        "excluded by how we measure. Which?",
        (
            Option(
                "The characters after longer contexts are harder to predict.",
                "They are the same characters: only what stands before them differs.",
                right=True,
            ),
            Option("Positions that training has not met.", "This may be: it takes another test to exclude it."),
            Option("Attention that spreads over more keys.", "This may be: the shares of attention would show it."),
        ),
    ),
    Question(
        "The same 128 characters, once at positions 0 to 127 and once at 384 to 511. For which encoding can the answer "
        "change?",
        (
            Option("ALiBi.", "Its bias depends on distances, and these are the same."),
            Option("The sinusoid.", "It adds other codes to the same characters.", right=True),
            Option("Rotary positions.", "Turned by one more angle, query and key have the same inner product."),
            Option("None.", "It has no positions that could be moved."),
        ),
    ),
    Question(
        "A model needs 3.1 bits a character, the best n-gram of the same text 3.2, a 5-gram of thirty times as much "
        "text 2.2. Which sentence is false?",
        (
            Option("The model has learned something about code.", "True: counts from the same text do worse."),
            Option(
                "Transformers model code better than 5-grams.",
                "This one doesn't, as soon as the 5-gram has read enough.",
                right=True,
            ),
            Option("A baseline has to say what it has read.", "True: the two 5-grams differ in nothing else."),
        ),
    ),
    Question(
        "In ListOps as it was published, longer expressions are also nested deeper. A model fails at three times the "
        "length. What has been shown?",
        (
            Option("It can't read longer inputs.", "It may read them well, and fail at the nesting."),
            Option("It can't nest deeper.", "It may nest well, and fail at the positions."),
            Option(
                "It fails where both grow; which of the two does it is open.",
                "To tell, one of them has to be held fixed.",
                right=True,
            ),
        ),
    ),
)
