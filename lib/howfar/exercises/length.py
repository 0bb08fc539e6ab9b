"""The exercises of ``chapters/extrapolation/length.ipynb``."""

import math

from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- length/ids -------------------------------------------------------------------------------------------------


def coupled(row):
    ids, place = [], 0
    for token in row:
        place = place + 1 if token < 10 else 0
        ids.append(place)
    return ids


def _counts_on(row):
    ids, place = [], 0
    for token in row:
        place += token < 10
        ids.append(place if token < 10 else 0)
    return ids


def _restarts_at_separator(row):
    ids, place = [], 0
    for token in row:
        place = 0 if token == 11 else place + 1
        ids.append(place if token < 10 else 0)
    return ids


def _mark_goes_on(row):
    ids, place = [], 0
    for token in row:
        ids.append(place + 1)
        place = place + 1 if token < 10 else 0
    return [here if token < 10 else here - (here == 1) for here, token in zip(ids, row, strict=True)]


def _ids_cases(rng):
    small = [[10, 3], [10, 3, 11, 3], [10, 3, 1, 4, 11, 3, 1, 4], [10, 1, 9, 13, 2, 0, 11, 3, 9, 0]]
    large = []
    for n in (4, 7):
        a, b, c = (rng.integers(10, size=m).tolist() for m in (n, n, n + 1))
        large += [[10, *a, 11, *a], [10, *a, 13, *b, 11, *c]]
    return [(row,) for row in [*small, *large]]


IDS = Exercise(
    name="length/ids",
    title="Ids that belong together",
    difficulty=1,
    minutes=6,
    reference=coupled,
    cases=_ids_cases,
    wrong=(
        Wrong(
            "counts on",
            _counts_on,
            "you go on counting behind a mark. Then digit 1 of the answer has another id than digit 1 of the string: "
            "start again.",
        ),
        Wrong(
            "restarts at SEPARATOR only",
            _restarts_at_separator,
            "START and PLUS are marks, too: every token from 10 on has the id 0, and the digit behind it has 1.",
        ),
        Wrong(
            "counts from 0",
            lambda row: [max(i - 1, 0) for i in coupled(row)],
            "your first digits have the id 0, which is that of the marks. Digits count from 1.",
        ),
        Wrong(
            "a mark counts as a digit",
            _mark_goes_on,
            "a mark behind digits gets the next id. Marks have 0: they belong to no digit.",
        ),
        Wrong(
            "places",
            lambda row: list(range(len(row))),
            "those are the places, counted through. Nothing belongs together in them.",
        ),
        Wrong(
            "the tokens",
            lambda row: [token if token < 10 else 0 for token in row],
            "an id says where a digit stands, not which digit it is.",
        ),
    ),
)

# --- length/blind -----------------------------------------------------------------------------------------------


def blind(n):
    exact = 10.0**-n
    token = (n / 10 + 1) / (n + 1)
    return exact, token


BLIND = Exercise(
    name="length/blind",
    title="What does a blind answer score?",
    difficulty=1,
    minutes=6,
    reference=blind,
    cases=lambda rng: [(n,) for n in (1, 2, 3, 4, 8)],
    tolerance=1e-9,
    wrong=(
        Wrong(
            "leaves STOP out",
            lambda n: (10.0**-n, 0.1),
            "one token of each answer is STOP, and whoever knows the length has it right.",
        ),
        Wrong(
            "guesses STOP, too",
            lambda n: (10.0 ** -(n + 1), 0.1),
            "you guess n + 1 digits. The last token is STOP, and whoever knows the length has it right.",
        ),
        Wrong(
            "one mistake doesn't matter",
            lambda n: (0.1, (n / 10 + 1) / (n + 1)),
            "your exact match is that of one digit. All n must be right at once, and they are independent.",
        ),
        Wrong(
            "the other order",
            lambda n: blind(n)[::-1],
            "the order is reversed: first the exact match, then the token accuracy.",
        ),
        Wrong(
            "exact match from token accuracy",
            lambda n: (((n / 10 + 1) / (n + 1)) ** (n + 1), (n / 10 + 1) / (n + 1)),
            "the tokens aren't alike: n digits are right one time in ten, STOP always. Multiply these.",
        ),
        Wrong(
            "divides by n",
            lambda n: (10.0**-n, (n / 10 + 1) / n),
            "an answer has n + 1 tokens: its n digits and STOP.",
        ),
    ),
)

# --- length/labels ----------------------------------------------------------------------------------------------


def new_labels(trained, tested, clip):
    def labels(n):
        pairs = ((q, k) for q in range(n + 1) for k in range(1, n + 1))
        return {max(-clip, min(clip, q - k)) for q, k in pairs}

    return len(labels(tested) - labels(trained))


def _labels(trained, tested, label, first=0, last=0):
    def labels(n):
        return {label(q - k) for q in range(first, n + 1 + last) for k in range(1, n + 1)}

    return len(labels(tested) - labels(trained))


def _pairs(trained, tested, clip):
    def label(q, k):
        return max(-clip, min(clip, q - k))

    met = {label(q, k) for q in range(trained + 1) for k in range(1, trained + 1)}
    return sum(label(q, k) not in met for q in range(tested + 1) for k in range(1, tested + 1))


def _labels_cases(rng):
    small = [(1, 2, 1), (2, 3, 1), (2, 3, 2), (2, 4, 9), (3, 6, 4), (4, 12, 3), (4, 12, 4), (3, 3, 5)]
    large = [(int(t), int(3 * t), int(c)) for t, c in zip(rng.integers(4, 9, 4), rng.integers(5, 30, 4), strict=True)]
    return [*small, *large]


LABELS = Exercise(
    name="length/labels",
    title="Labels that training never met",
    difficulty=2,
    minutes=10,
    reference=new_labels,
    cases=_labels_cases,
    wrong=(
        Wrong(
            "doesn't clip",
            lambda trained, tested, clip: _labels(trained, tested, lambda d: d),
            "you count differences. Beyond the clip they share one label, and that may have been met.",
        ),
        Wrong(
            "without a sign",
            lambda trained, tested, clip: _labels(trained, tested, lambda d: min(abs(d), clip)),
            "a digit ahead and a digit behind have different labels: keep the sign.",
        ),
        Wrong(
            "clips one side",
            lambda trained, tested, clip: _labels(trained, tested, lambda d: min(d, clip)),
            "differences below -clip are clipped, too.",
        ),
        Wrong(
            "counts pairs",
            _pairs,
            "you count pairs of a step and a digit. Many pairs have one label: count labels.",
        ),
        Wrong(
            "forgets the step that says STOP",
            lambda trained, tested, clip: _labels(trained, tested, lambda d: max(-clip, min(clip, d)), last=-1),
            "the step that says STOP has the id n, and looks at the digits as the others do.",
        ),
        Wrong(
            "only those that are read",
            lambda trained, tested, clip: 0,
            "you count the labels of what a step must read, -1, which is never new. All that occur count: a bias that "
            "was never trained disturbs whether it is needed or not.",
        ),
        Wrong(
            "all that is met at the end",
            lambda trained, tested, clip: _labels(0, tested, lambda d: max(-clip, min(clip, d))),
            "you count the labels at the new length. Take away those that training has met.",
        ),
    ),
)

# --- length/predict ---------------------------------------------------------------------------------------------


_CELLS, _PROMISED = "abcdefg", {"c", "e", "f"}


def promised():
    return "cef"


def _first_misjudged(answer):
    """The first cell that is judged wrongly: several mistakes are told one at a time."""
    letters = answer()
    if not isinstance(letters, (str, list, tuple, set, frozenset)) or not set(letters) <= set(_CELLS):
        return letters
    return next((letter for letter in _CELLS if (letter in letters) != (letter in _PROMISED)), "none")


_COMPARED = "(What is compared is the first row that you judge wrongly.)"

PREDICT = Exercise(
    name="length/predict",
    title="Which of them does the table promise?",
    difficulty=2,
    minutes=8,
    reference=promised,
    cases=lambda rng: [()],
    run=_first_misjudged,
    wrong=(
        Wrong(
            "forgets conflicts",
            lambda: "acef",
            f"in a, one label is read in one place and not in another: a bias can't be both. {_COMPARED}",
        ),
        Wrong(
            "new labels that aren't needed",
            lambda: "bcef",
            f"in b no step needs a new label, but new ones occur, and their biases were never trained. {_COMPARED}",
        ),
        Wrong(
            "a few conflicts are fine",
            lambda: "cdef",
            "in d the last digit stands at a distance that depends on the length: a conflict, so the rule doesn't "
            f"promise it. {_COMPARED}",
        ),
        Wrong(
            "two tokens are too many",
            lambda: "ce",
            "in f a step reads two tokens, at every length. The rule asks that their number doesn't grow. " + _COMPARED,
        ),
        Wrong(
            "a sum is read like a digit",
            lambda: "cefg",
            f"in g the one step reads all bits: 16 in training, 48 in the test. {_COMPARED}",
        ),
        Wrong(
            "nothing will",
            lambda: "",
            f"c has no conflict, no new label, and reads one token at every length. {_COMPARED}",
        ),
    ),
)

# --- length/sharpen ---------------------------------------------------------------------------------------------


def temperature(margin, others, weight):
    needed = math.log(others * weight / (1 - weight))
    return margin / needed


def _sharpen_cases(rng):
    small = [(1.0, 4, 0.5), (2.0, 1, 0.75), (3.0, 15, 0.9), (5.0, 47, 0.9)]
    draws = zip(rng.uniform(1, 9, 4), rng.integers(3, 99, 4), rng.uniform(0.55, 0.99, 4), strict=True)
    return [*small, *((float(m), int(n), float(w)) for m, n, w in draws)]


SHARPEN = Exercise(
    name="length/sharpen",
    title="How cold for how long?",
    difficulty=2,
    minutes=10,
    reference=temperature,
    cases=_sharpen_cases,
    wrong=(
        Wrong(
            "upside down",
            lambda margin, others, weight: 1 / temperature(margin, others, weight),
            "logits are *divided* by the temperature: less is sharper.",
        ),
        Wrong(
            "one key among the others",
            lambda margin, others, weight: margin / math.log((others - 1) * weight / (1 - weight) + 1e-12),
            "the key that is wanted isn't among the `others`: there are so many beside it.",
        ),
        Wrong(
            "counts it among them",
            lambda margin, others, weight: margin / math.log((others + 1) * weight / (1 - weight)),
            "the key that is wanted isn't among the `others`: there are so many beside it, and its own term is the "
            "numerator.",
        ),
        Wrong(
            "the weight, not its odds",
            lambda margin, others, weight: margin / (math.log(others * weight) or 1e-12),
            "a weight w against the rest is w / (1 - w) to one: the wanted term over the sum of the other ones.",
        ),
        Wrong(
            "one other key",
            lambda margin, others, weight: margin / (math.log(weight / (1 - weight)) or 1e-12),
            "there are `others` keys, each with its own term in the sum: that is where the length comes in.",
        ),
        Wrong(
            "the margin that is needed",
            lambda margin, others, weight: math.log(others * weight / (1 - weight)),
            "that is the margin that is needed. Asked for is the temperature that makes the margin at hand so large.",
        ),
    ),
)

EXERCISES = [IDS, BLIND, LABELS, PREDICT, SHARPEN]

QUIZ = (
    Question(
        "A model writes 48 digits without a mistake in 30 % of the answers. Teacher-forced it has 97 % of the tokens "
        "right. What is its teacher-forced exact match?",
        (
            Option("30 %", "As long as all tokens were right it has read the same in both.", True),
            Option("97 %", "That is a share of tokens. One wrong token in 49 is enough for a wrong answer."),
            Option(
                "It can't be known: the texts that are read differ.",
                "They differ only behind the first mistake, where the answer is lost already.",
            ),
        ),
    ),
    Question(
        "Encoding A copies 12 % of the strings at the training length and none beyond, B all of them and none beyond. "
        "Which extrapolates better?",
        (
            Option("B, since it has learned the task.", "Beyond the training length both score the same."),
            Option("Neither: they are equal.", "A hasn't learned the task: its 0 says nothing about length."),
            Option(
                "B doesn't extrapolate; of A nothing can be said.",
                "What isn't learned within the training lengths has nothing to carry over.",
                True,
            ),
        ),
    ),
    Question(
        "Which sentence is false?",
        (
            Option(
                "Coupled ids are part of the task's rows, not of an encoding.",
                "This is true: the task returns them as positions, and any encoding reads them.",
            ),
            Option(
                "With coupled ids every distance that a longer string shows was met in training.",
                "Digits far from the step have larger differences than any in training. Clipping makes one label of "
                "them.",
                True,
            ),
            Option(
                "A clipped relation with counted positions can't point at the digit to be copied at every length.",
                "This is true: that digit is n places back, beyond the clip for most n.",
            ),
        ),
    ),
    Question(
        "A model is trained at random positions below 320 and tested at 0, 1, 2, ... It fails. What does that show?",
        (
            Option("That random positions don't help.", "The test was at another law of positions than training."),
            Option(
                "Little: neighbours that were about nine apart in training are one apart in the test.",
                "A fair test draws positions as training did.",
                True,
            ),
            Option("That it hasn't learned the task.", "Ask it at random positions, as it was trained."),
        ),
    ),
    Question(
        "Halving the temperature of all logits lets one model answer more long problems and another fewer short ones. "
        "What follows?",
        (
            Option("Attention that is too flat was a part of the first one's trouble.", "One was changed alone.", True),
            Option(
                "All models should be run colder on long inputs.",
                "The second one's heads average, or compare by small differences; cold spoils that.",
            ),
            Option("Temperature is a matter of the encoding.", "It multiplies all logits, content and bias alike."),
        ),
    ),
)
