"""The exercises of ``chapters/extrapolation/complexity.ipynb``."""

from collections import defaultdict
from itertools import pairwise

import numpy as np

from howfar.complexity.programs import all_words, count
from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- complexity/conflicts ---------------------------------------------------------------------------------------


def conflicts(labels, read):
    met = defaultdict(set)
    for label, flag in zip(labels, read, strict=True):
        met[label].add(bool(flag))
    return sum(len(flags) == 2 for flags in met.values())


def _both(labels, read):
    return {x for x, r in zip(labels, read, strict=True) if r} & {x for x, r in zip(labels, read, strict=True) if not r}


def _neighbours(labels, read):
    pairs = list(zip(labels, read, strict=True))
    return len({a for (a, r), (b, s) in pairwise(pairs) if a == b and r != s})


def _conflicts_cases(rng):
    small = [([], []), ([3], [True]), ([0, 0], [True, False]), ([0, 1], [True, False]), ([5, 5], [False, False])]
    small += [([2, 1, 2], [True, True, False]), ([0, 0, 0, 4, 4], [True, False, True, True, True])]
    small.append(([(1, 0), (1, 1), (1, 0), (0, 1), (0, 1)], [True, False, False, True, False]))
    drawn = []
    for size, most in ((8, 4), (30, 12), (200, 60)):
        drawn.append((rng.integers(-most, most, size).tolist(), (rng.random(size) < 0.3).tolist()))
    return small + drawn


CONFLICTS = Exercise(
    name="complexity/conflicts",
    title="Count the conflicts",
    difficulty=1,
    minutes=8,
    reference=conflicts,
    cases=_conflicts_cases,
    wrong=(
        Wrong(
            "counts pairs",
            lambda labels, read: sum(label in _both(labels, read) for label in labels),
            "you count the pairs whose label is in conflict. A conflict is a label: count each once.",
        ),
        Wrong(
            "counts the reading pairs",
            lambda labels, read: sum(label in _both(labels, read) for label, r in zip(labels, read, strict=True) if r),
            "you count the pairs that are read and stand against a pair that isn't. A conflict is a label: count each "
            "once.",
        ),
        Wrong(
            "every label that is read",
            lambda labels, read: len({label for label, r in zip(labels, read, strict=True) if r}),
            "you count the labels that are read somewhere. In conflict are those that are also left unread elsewhere.",
        ),
        Wrong(
            "every label that repeats",
            lambda labels, read: sum(labels.count(label) > 1 for label in set(labels)),
            "a label that occurs twice does no harm if both pairs are read, or neither.",
        ),
        Wrong(
            "neighbours only",
            _neighbours,
            "you compare a pair with the one behind it. The two that disagree may stand anywhere in the list, and come "
            "from different lengths.",
        ),
        Wrong(
            "is there any",
            lambda labels, read: len(_both(labels, read)) > 0,
            "asked for is how many labels are in conflict, not whether one is.",
        ),
    ),
)

# --- complexity/hint --------------------------------------------------------------------------------------------


def hinted(n, places, by, unit):
    if by == "division":
        return [t * unit / n for t in range(places)]
    return [t if t <= n else t - n for t in range(places)]


def _hinted(subtract, divide):
    def answer(n, places, by, unit):
        return [(divide if by == "division" else subtract)(t, n, unit) for t in range(places)]

    return answer


def _after(t, n, unit):
    return t if t <= n else t - n


def _share(t, n, unit):
    return t * unit / n


def _hint_cases(rng):
    small = [(2, 5, by, 5) for by in ("subtraction", "division")] + [
        (3, 8, by, 3) for by in ("subtraction", "division")
    ]
    drawn = [(int(rng.integers(4, 20)), int(rng.integers(25, 40)), by, 16) for by in ("subtraction", "division")]
    return [*small, (1, 3, "subtraction", 8), (1, 3, "division", 8), *drawn]


HINT = Exercise(
    name="complexity/hint",
    title="Tell the length through the positions",
    difficulty=1,
    minutes=8,
    reference=hinted,
    cases=_hint_cases,
    wrong=(
        Wrong(
            "subtracts everywhere",
            _hinted(lambda t, n, unit: t - n, _share),
            "you subtract in the prompt, too: its digits get negative positions. A prompt and its answer are counted "
            "alike, both from 1.",
        ),
        Wrong(
            "SEPARATOR belongs to the prompt",
            _hinted(lambda t, n, unit: t if t <= n + 1 else t - n, _share),
            "SEPARATOR stands at place n + 1, and is the first that is moved: its position is 1.",
        ),
        Wrong(
            "starts again at 0",
            _hinted(lambda t, n, unit: t if t <= n else t - n - 1, _share),
            "you subtract one too many: behind the prompt the position is t - n.",
        ),
        Wrong(
            "divides by the unit",
            _hinted(_after, lambda t, n, unit: t * n / unit),
            "your fraction stands on its head. A long prompt is to cover the same stretch as a short one.",
        ),
        Wrong(
            "whole numbers",
            _hinted(_after, lambda t, n, unit: t * unit // n),
            "you round down. Positions by division are real numbers.",
        ),
        Wrong(
            "no unit",
            _hinted(_after, lambda t, n, unit: t / n),
            "the unit is missing: at place n the position is to be `unit`.",
        ),
        Wrong(
            "divides by the places",
            lambda n, places, by, unit: (
                hinted(n, places, by, unit) if by == "subtraction" else hinted(places, places, by, unit)
            ),
            "n is the number of tokens in the prompt, between START and SEPARATOR, not of all places.",
        ),
    ),
)

# --- complexity/balanced ----------------------------------------------------------------------------------------


def balanced(words):
    opened, closed = count(words == 0), count(words == 1)
    return (opened == closed) & (count(opened < closed) == 0)


def _opened(words):
    return count(words == 0) - count(words == 1)


def _balanced_cases(rng):
    small = [(all_words(2, length),) for length in (1, 2, 3, 4)]
    tall = np.concatenate([rng.integers(0, 2, (5, 24)), np.tile([0, 1], (1, 12)), np.repeat([[0, 1]], 12, axis=1)])
    return [*small, (all_words(2, 6),), (tall,)]


BALANCED = Exercise(
    name="complexity/balanced",
    title="A program for brackets",
    difficulty=2,
    minutes=10,
    reference=balanced,
    cases=_balanced_cases,
    wrong=(
        Wrong(
            "as many opened as closed",
            lambda words: _opened(words) == 0,
            "`)(` has as many opened as closed, and is no word. At no place before may more be closed than opened: "
            "count the places where it is so.",
        ),
        Wrong(
            "may still become a word",
            lambda words: count(_opened(words) < 0) == 0,
            "these are the viable prefixes, `((` for one. In a word all that was opened is closed: the counts are "
            "equal.",
        ),
        Wrong(
            "forgets what went wrong before",
            lambda words: (_opened(words) == 0) & (words == 1),
            "you look at the height here and at the bracket here. `())(()` ends well and went wrong on the way.",
        ),
        Wrong(
            "asks at the last place only",
            lambda words: np.repeat(balanced(words)[:, -1:], words.shape[1], axis=1),
            "you repeat the answer of the whole word at all places. Asked for is the answer for each prefix.",
        ),
        Wrong(
            "0 closes",
            lambda words: balanced(1 - words),
            "0 opens and 1 closes.",
        ),
        Wrong(
            "strictly above",
            lambda words: (_opened(words) == 0) & (count(_opened(words) <= 0) == 1),
            "you let the height be 0 at one place only, the last: that leaves out `()()`. It must not fall below 0.",
        ),
    ),
)

# --- complexity/comparisons -------------------------------------------------------------------------------------


def least_comparisons(answers):
    changes = [a != b for a, b in pairwise(answers)]
    return max(sum(changes[:-1]), sum(changes[1:]))


def _changes(answers):
    return sum(a != b for a, b in pairwise(answers))


def _comparisons_cases(rng):
    small = [([False, True],), ([False, True, False],), ([True, True, False],), ([False, True, True],)]
    n = int(rng.integers(7, 12))
    ones = np.arange(n + 1)
    mine = [ones % 2 == 1, ones > n / 2, ones % 3 == 0, (ones >= 2) & (ones <= 4), ones == n]
    return small + [(answers.tolist(),) for answers in mine] + [((rng.random(n + 1) < 0.5).tolist(),)]


COMPARISONS = Exercise(
    name="complexity/comparisons",
    title="How many comparisons at least?",
    difficulty=2,
    minutes=12,
    reference=least_comparisons,
    cases=_comparisons_cases,
    wrong=(
        Wrong(
            "forgets that a place knows its own letter",
            _changes,
            "you count the changes along all n + 1 answers. A program reads the letter at its own place without a "
            "comparison: fix the last letter, to 0 (0 to n - 1 ones) or to 1 (1 to n ones), and count in each case.",
        ),
        Wrong(
            "the last letter is 0",
            lambda answers: _changes(answers[:-1]),
            "you fixed the last letter to 0. With a 1 there, the words have 1 to n ones, and may need more: take the "
            "larger.",
        ),
        Wrong(
            "the last letter is 1",
            lambda answers: _changes(answers[1:]),
            "you fixed the last letter to 1. With a 0 there, the words have 0 to n - 1 ones, and may need more: take "
            "the larger.",
        ),
        Wrong(
            "the smaller of the two",
            lambda answers: min(_changes(answers[:-1]), _changes(answers[1:])),
            "one program has to be right in both cases, so the larger number binds.",
        ),
        Wrong(
            "counts the yes",
            lambda answers: sum(bool(a) for a in answers),
            "you count the numbers of ones with the answer yes. What forces comparisons is where the answer changes.",
        ),
        Wrong(
            "one for each stretch",
            lambda answers: least_comparisons(answers) + 1,
            "you count stretches of equal answers. Between two of them lies one change, which one comparison can make.",
        ),
    ),
)

# --- complexity/predict -----------------------------------------------------------------------------------------

_TASKS, _RIGHT = "abcde", "abc"


def carries_over():
    return "abc"


def _first_misjudged(answer):
    """The first task that is misjudged: several mistakes are told one at a time."""
    letters = answer()
    letters = letters.lower() if isinstance(letters, str) else letters
    if not isinstance(letters, (str, list, tuple, set, frozenset)) or not set(letters) <= set(_TASKS):
        return letters
    return next((letter for letter in _TASKS if (letter in letters) != (letter in _RIGHT)), "none")


_COMPARED = "(What is compared is the first task that you misjudge.)"

PREDICT = Exercise(
    name="complexity/predict",
    title="Which tasks will carry over?",
    difficulty=2,
    minutes=6,
    reference=carries_over,
    cases=lambda rng: [()],
    run=_first_misjudged,
    wrong=(
        Wrong(
            "goes by the objections alone",
            lambda: "abde",
            "the first that you misjudge is the cyclic shift. The objection is one digit of each answer: a model that "
            f"reads contents may find it otherwise. Look at the figure. {_COMPARED}",
        ),
        Wrong(
            "nothing carries over",
            lambda: "",
            f"copying has nothing against it, here and in the figure. Look there. {_COMPARED}",
        ),
        Wrong(
            "backwards is harder",
            lambda: "ac",
            "for coupled ids the digit to read stands at the same distance at every step, backwards as well. "
            f"{_COMPARED}",
        ),
        Wrong(
            "two tokens are as good as one",
            lambda: "abcd",
            "scratchpad parity has no objection and a fan-in of two, the same at all lengths. But each of its answers "
            f"is computed from two tokens, not copied, 48 times in a row: look at the figure. {_COMPARED}",
        ),
        Wrong(
            "carries stay short",
            lambda: "abce",
            "addition reads five tokens a step at all lengths, and nothing is against it. Look at the figure. "
            f"{_COMPARED}",
        ),
    ),
)

EXERCISES = [CONFLICTS, HINT, PREDICT, BALANCED, COMPARISONS]

QUIZ = (
    Question(
        "Which sentence is false?",
        (
            Option(
                "A label that is read at one length and left unread at another is in conflict.",
                "This is true: all lengths count together.",
            ),
            Option(
                "Without conflicts, and with no new label that is needed, position-only linear attention transfers.",
                "This is true, and a theorem.",
            ),
            Option(
                "A Transformer whose relation has a conflict doesn't carry the task over.",
                "The cyclic shift does, at three times the length. Contents tell apart what labels confuse.",
                True,
            ),
        ),
    ),
    Question(
        "Copying with Scale Hint by division has no conflict and 48 new labels, none of them needed. What is certain?",
        (
            Option("A Transformer will copy longer strings.", "No theorem here is about Transformers."),
            Option(
                "Position-only linear attention, fitted to short strings, copies longer ones.",
                "New labels have the weight 0, which is right where they aren't needed.",
                True,
            ),
            Option("Nothing: new labels were never trained.", "For linear attention their weight is 0, and rightly."),
        ),
    ),
    Question(
        "You look for a C-RASP program for a question for a week and find none. What follows?",
        (
            Option("There is none.", "Not to find one is no proof. For parity and for latest there are proofs."),
            Option("No Transformer will generalise.", "Even a proof would leave open what a training run finds."),
            Option("Nothing yet.", "It takes a proof, or a program.", True),
        ),
    ),
    Question(
        "Parity, 300 steps, no encoding: few words of 16 letters without a mistake, none of 48. What does this say "
        "about length generalisation?",
        (
            Option("It fails, as C-RASP predicts.", "The theory is about models that fit the lengths of training."),
            Option("Nothing: the question wasn't learned in range.", "What isn't there can't carry over.", True),
            Option("It fails for want of depth.", "Depth wasn't varied, and the question wasn't learned in range."),
        ),
    ),
)
