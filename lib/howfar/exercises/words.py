"""The exercises of ``chapters/depth/words.ipynb``."""

import math

import numpy as np

from howfar import dyck
from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- words/partners -----------------------------------------------------------------------------------------------


def partners(word, k):
    matches, stack = [0] * len(word), []
    for i, token in enumerate(word):
        if token < k:
            stack.append(i)
        else:
            j = stack.pop()
            matches[i], matches[j] = j, i
    return matches


def _queue_partners(word, k):
    matches, queue = [0] * len(word), []
    for i, token in enumerate(word):
        if token < k:
            queue.append(i)
        else:
            j = queue.pop(0)
            matches[i], matches[j] = j, i
    return matches


def _closings_only(word, k):
    return [j if j < i else -1 for i, j in enumerate(partners(word, k))]


def _next_of_its_type(word, k):
    matches = [-1] * len(word)
    for i, token in enumerate(word):
        if token < k:
            j = word.index(k + token, i)
            matches[i], matches[j] = j, i
    return matches


def _partners_cases(rng):
    small = [([0, 1], 1), ([0, 1, 0, 1], 1), ([0, 0, 1, 1], 1), ([0, 2, 1, 3], 2), ([0, 1, 0, 2, 3, 2], 2)]
    small += [([0, 0, 1, 0, 1, 1], 1), ([4, 0, 5, 9], 5), ([0] * 12 + [1] * 12, 1)]
    large = [(dyck.sample_words(1, n, k, seed=rng)[0].tolist(), k) for n, k in ((8, 2), (12, 3), (40, 3), (100, 20))]
    return [*small, *large]


PARTNERS = Exercise(
    name="words/partners",
    title="Who closes whom?",
    difficulty=1,
    minutes=8,
    reference=partners,
    cases=_partners_cases,
    wrong=(
        Wrong(
            "first in, first out",
            _queue_partners,
            "you close the bracket that was opened first. Brackets nest: the one opened last is closed first, so take "
            "from the end of the list.",
        ),
        Wrong(
            "only the closings",
            _closings_only,
            "each closing knows its opening, but not the other way round. Write both entries when you find a pair.",
        ),
        Wrong(
            "mirror image",
            lambda word, k: [len(word) - 1 - i for i in range(len(word))],
            "you pair the first with the last. That is right for ((())) only: look at ()().",
        ),
        Wrong(
            "next closing of its type",
            _next_of_its_type,
            "the next closing of the same type may belong to a bracket opened in between: look at (()).",
        ),
        Wrong(
            "counts from one",
            lambda word, k: [j + 1 for j in partners(word, k)],
            "indices start at 0: every entry is one too large.",
        ),
    ),
)

# --- words/count --------------------------------------------------------------------------------------------------


def count_words(n, D):
    paths = [1] + [0] * D
    for _ in range(2 * n):
        up, down = [0, *paths[:-1]], [*paths[1:], 0]
        paths = [u + d for u, d in zip(up, down, strict=True)]
    return paths[0]


def _paths_by_height(steps, lowest, highest):
    paths = {0: 1}
    for _ in range(steps):
        paths = {h: paths.get(h - 1, 0) + paths.get(h + 1, 0) for h in range(lowest, highest + 1)}
    return paths


def _count_cases(rng):
    # From (30, 6) on a float isn't exact any more, from (40, 9) on int64 is too small.
    return [(1, 1), (2, 1), (2, 2), (3, 2), (3, 7), (4, 3), (5, 5), (8, 4), (10, 2), (30, 6), (40, 9), (100, 10)]


COUNT = Exercise(
    name="words/count",
    title="Count without listing",
    difficulty=2,
    minutes=12,
    reference=count_words,
    cases=_count_cases,
    wrong=(
        Wrong(
            "no ceiling",
            lambda n, D: math.comb(2 * n, n) // (n + 1),
            "these are the Catalan numbers: D is not used. Paths that would rise above D don't count.",
        ),
        Wrong(
            "no floor",
            lambda n, D: _paths_by_height(2 * n, -D, D)[0],
            "your paths may go below 0. A bracket can only be closed after it was opened.",
        ),
        Wrong(
            "ends anywhere",
            lambda n, D: sum(_paths_by_height(2 * n, 0, D).values()),
            "you add up the paths over all final heights: these are the viable prefixes. A word ends at height 0.",
        ),
        Wrong(
            "half as many steps",
            lambda n, D: _paths_by_height(n, 0, D)[0],
            "n pairs are 2n tokens: take 2n steps.",
        ),
        Wrong(
            "ceiling one too low",
            lambda n, D: _paths_by_height(2 * n, 0, D - 1).get(0, 0),
            "height D itself is allowed: there are D + 1 heights, 0 to D.",
        ),
    ),
)

# --- words/draw ---------------------------------------------------------------------------------------------------


def draw_word(ways, u):
    word, h = [], 0
    for t in range(len(u)):
        left = len(u) - t
        opens = u[t] * ways[left][h] < ways[left - 1][h + 1]
        word.append(0 if opens else 1)
        h += 1 if opens else -1
    return word


def _completions(n, D):
    ways = np.zeros((2 * n + 1, D + 2))
    ways[0, 0] = 1
    for r in range(1, 2 * n + 1):
        ways[r, 1 : D + 1] = ways[r - 1, :D] + ways[r - 1, 2:]
        ways[r, 0] = ways[r - 1, 1]
    return ways


def _drawn(ways, u, opens):
    """The word that the rule ``opens(u, up, down, h)`` draws; up and down count the completions after either step."""
    word, h = [], 0
    for t in range(len(u)):
        left = len(u) - t
        up = bool(opens(u[t], ways[left - 1][h + 1], ways[left - 1][h - 1] if h else 0, h))
        word.append(0 if up else 1)
        h += 1 if up else -1
    return word


def _step_not_used_up(ways, u):
    word, h = [], 0
    for t in range(len(u)):
        left = len(u) - t
        opens = u[t] * ways[left][h] < ways[left][h + 1]
        word.append(0 if opens else 1)
        h += 1 if opens else -1
    return word


def _draw_cases(rng):
    small = [(1, 1, [0.5, 0.5]), (2, 2, [0.9, 0.4, 0.2, 0.6]), (3, 3, [0.5, 0.55, 0.7, 0.2, 0.5, 0.5])]
    # The number is the chance itself, and not below it; 0 isn't below the chance 0 of a third opening.
    small += [(2, 2, [0.5, 0.5, 0.5, 0.5]), (3, 3, [0.0] * 6)]
    cases = [(_completions(n, D), np.array(u)) for n, D, u in small]
    for n, D in ((2, 2), (3, 2), (3, 3), (5, 3), (8, 8), (20, 6), (50, 4)):
        cases.append((_completions(n, D), rng.random(2 * n)))
    return cases


DRAW = Exercise(
    name="words/draw",
    title="A fair draw",
    difficulty=2,
    minutes=12,
    reference=draw_word,
    cases=_draw_cases,
    wrong=(
        Wrong(
            "fair coin between legal steps",
            lambda ways, u: _drawn(ways, u, lambda x, up, down, h: down == 0 or (up > 0 and x < 0.5)),
            "you toss a fair coin wherever both steps are legal. The two steps have different numbers of completions: "
            "weigh them by ways.",
        ),
        Wrong(
            "small uniforms close",
            lambda ways, u: _drawn(ways, u, lambda x, up, down, h: x * (up + down) >= down),
            "the law is right, but the convention is the other one: a *small* u[t] opens a bracket.",
        ),
        Wrong(
            "the larger count wins",
            lambda ways, u: _drawn(ways, u, lambda x, up, down, h: up >= down),
            "you always take the step with more completions and don't use u: that gives one word, again and again.",
        ),
        Wrong(
            "a step costs nothing",
            _step_not_used_up,
            "after the step one token fewer is left: look up the completions in row left - 1.",
        ),
        Wrong(
            "up against down",
            lambda ways, u: _drawn(ways, u, lambda x, up, down, h: x * down < up),
            "you compare the two steps with each other. The chance of a step is its count over *all* completions, "
            "ways[left][h].",
        ),
        Wrong(
            "steps instead of tokens",
            lambda ways, u: [1 - 2 * token for token in draw_word(ways, u)],
            "you return steps +1 and -1; return tokens: 0 opens, 1 closes.",
        ),
    ),
)

# --- words/predict ----------------------------------------------------------------------------------------------


def predict():
    return [2, 1 / 2, 1 / 11]


PREDICT = Exercise(
    name="words/predict",
    title="Predict before you draw",
    difficulty=2,
    minutes=6,
    reference=predict,
    cases=lambda rng: [()],
    wrong=(
        Wrong(
            "as deep as long",
            lambda: [4, 1 / 2, 1 / 11],
            "a path that goes up and down by chance doesn't rise in proportion to its length: look at the theorem.",
        ),
        Wrong(
            "the length doesn't matter",
            lambda: [1, 1 / 2, 1 / 11],
            "a longer walk strays further: look at the theorem.",
        ),
        Wrong(
            "never empty",
            lambda: [2, 0, 1 / 11],
            "nothing is open at the start, and with nothing open the rule may end the word.",
        ),
        Wrong(
            "the bound is reached",
            lambda: [2, 1 / 2, 1],
            "D is a ceiling, not a promise: most walks fall below 0 before they get there.",
        ),
        Wrong(
            "each level halves",
            lambda: [2, 1 / 2, 1 / 2**10],
            "half of the walks take a step down next, but many of these come back up: it is the gambler's ruin.",
        ),
        Wrong(
            "one level too few",
            lambda: [2, 1 / 2, 1 / 10],
            "a fair walk from 0 ends when it steps to -1: it has 10 steps to go up against 1 to go down.",
        ),
    ),
    tolerance=0.004,
)

EXERCISES = [PARTNERS, COUNT, DRAW, PREDICT]

QUIZ = (
    Question(
        "A model is trained on uniform Dyck-1 words of 20 tokens and fails on uniform words of 200. What was shown?",
        (
            Option(
                "It can't count to 200.",
                "The words are deeper, too, by a factor of almost four: it may never have met such stacks.",
            ),
            Option(
                "It lacks depth: the words are deeper than its layers reach.",
                "They are deeper, but longer as well; and one trained model's failure is no bound on a family.",
            ),
            Option(
                "That it fails at length, at depth, or at both: the experiment can't tell.",
                "Bound the depth, and hold it fixed while the length grows.",
                right=True,
            ),
        ),
    ),
    Question(
        "Two samplers give valid Dyck-1 words only. Which of these shows that one of them isn't uniform?",
        (
            Option(
                "A plot of ten words of each, side by side.",
                "Ten words of either look like ten words of the other.",
            ),
            Option(
                "The counts of all words of a short length, against equal chances.",
                "If one word comes far more often than another, no plot is needed.",
                right=True,
            ),
            Option(
                "A word that one of them has drawn and the other hasn't.",
                "There are so many words that two uniform samplers hardly share one, either.",
            ),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "Stack, path and tree of a Dyck-3 word hold the same as the word.",
                "The path is only how high the stack is: it forgets the three types.",
                right=True,
            ),
            Option(
                "A ceiling on the depth costs an exponential factor in the number of words.",
                "This is true: paths grow by less than 4 for each pair of brackets.",
            ),
            Option(
                "Where the path touches 0, a word falls apart into shorter words.",
                "This is true: nothing is open there.",
            ),
        ),
    ),
    Question(
        "The bracket words of Python's statements are shallow. What follows for code?",
        (
            Option(
                "Programs hardly nest.",
                "Blocks are indentation in Python: a loop in a branch in a method leaves no bracket.",
            ),
            Option(
                "Expressions hardly nest their brackets, most of them because they hold a single pair of brackets.",
                "That is what was measured: up to 15 tokens they are as deep as uniform words of the same lengths.",
                right=True,
            ),
            Option(
                "Code is simpler than the uniform words of a benchmark.",
                "Depth was measured, nothing else; and at equal lengths up to 15 tokens it doesn't differ that way.",
            ),
        ),
    ),
)
