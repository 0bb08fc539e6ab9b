"""The exercises of ``chapters/depth/hierarchy.ipynb``."""

import itertools

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- hierarchy/targets ------------------------------------------------------------------------------------------------


def answers(word, k):
    blocks, out = 0, []
    for i, letter in enumerate(word):
        if i == 0 or letter != word[i - 1]:
            blocks += 1
        out.append(int(word[0] == 0 and blocks == k))
    return out


def _blocks(word):
    """How many blocks the prefix has that ends at each place."""
    return [1 + sum(a != b for a, b in itertools.pairwise(word[: i + 1])) for i in range(len(word))]


def _targets_cases(rng):
    small = [([0], 1), ([1], 1), ([0, 1], 2), ([0, 1], 1), ([1, 0], 2), ([0, 1, 0], 2), ([0, 0, 1, 1, 0], 3), ([], 2)]
    small += [([0, 1, 0, 1, 0], 3), ([1, 1, 0, 1], 3)]
    runs = [(5, 2), (9, 3), (9, 4), (14, 5), (30, 6)]
    return [*small, *((rng.integers(0, 2, length).tolist(), k) for length, k in runs)]


TARGETS = Exercise(
    name="hierarchy/targets",
    title="Has the last block begun?",
    difficulty=1,
    minutes=6,
    reference=answers,
    cases=_targets_cases,
    wrong=(
        Wrong(
            "counts changes",
            lambda word, k: [int(word[0] == 0 and b - 1 == k) for b in _blocks(word)],
            "you count the changes of the letter. There is one block more than there are changes.",
        ),
        Wrong(
            "at least k blocks",
            lambda word, k: [int(word[0] == 0 and b >= k) for b in _blocks(word)],
            "with k + 1 blocks the prefix is no longer in the language: exactly k.",
        ),
        Wrong(
            "any first letter",
            lambda word, k: [int(b == k) for b in _blocks(word)],
            "a word of the language begins with the letter 0.",
        ),
        Wrong(
            "one answer for the whole word",
            lambda word, k: [int(word[0] == 0 and _blocks(word)[-1] == k)] * len(word),
            "the question is asked at every place, of the letters up to there; you answer it for the whole word.",
        ),
        Wrong(
            "only where the block begins",
            lambda word, k: [
                int(word[0] == 0 and b == k and (i == 0 or word[i] != word[i - 1])) for i, b in enumerate(_blocks(word))
            ],
            "the answer stays 1 as long as the k-th block lasts.",
        ),
    ),
)

# --- hierarchy/exact --------------------------------------------------------------------------------------------------


def exact_match(said, targets, mask):
    right = (said == targets) | ~mask
    return right.all(axis=1).mean()


def _exact_cases(rng):
    said, targets = np.array([[0, 1, 1], [0, 0, 1]]), np.array([[0, 1, 1], [0, 1, 1]])
    every = np.ones((2, 3), dtype=bool)
    cases = [(said, targets, every), (1 - said, said, every), (said, said, every)]
    # A word is wrong in its padding only; one is wrong at its end only, one in its middle only.
    mask = np.array([[True, True, False], [True, True, True], [True, True, True]])
    targets = np.array([[0, 1, 0], [0, 1, 1], [0, 1, 1]])
    cases.append((np.array([[0, 1, 1], [0, 1, 0], [0, 0, 1]]), targets, mask))
    for n, length, wrong in ((5, 8, 0.1), (40, 12, 0.05), (7, 30, 0.02)):
        targets = rng.integers(0, 2, (n, length))
        said = targets ^ (rng.random((n, length)) < wrong)
        cases.append((said, targets, np.arange(length) < rng.integers(1, length + 1, (n, 1))))
    return cases


EXACT = Exercise(
    name="hierarchy/exact",
    title="The share of the words that are right",
    difficulty=1,
    minutes=5,
    reference=exact_match,
    cases=_exact_cases,
    wrong=(
        Wrong(
            "share of positions",
            lambda said, targets, mask: (said == targets)[mask].mean(),
            "that is the share of the *positions*. A word is right if all of its positions are.",
        ),
        Wrong(
            "mean over words of their positions",
            lambda said, targets, mask: (((said == targets) & mask).sum(1) / mask.sum(1)).mean(),
            "you give a word with one mistake most of a point. It gets none.",
        ),
        Wrong(
            "counts the padding",
            lambda said, targets, mask: (said == targets).all(axis=1).mean(),
            "what is said beyond the end of a word doesn't count: there the mask is False.",
        ),
        Wrong(
            "only the last position",
            lambda said, targets, mask: (said == targets)[np.arange(len(mask)), mask.sum(1) - 1].mean(),
            "you look at the last position of each word. Every position counts.",
        ),
        Wrong(
            "any position",
            lambda said, targets, mask: ((said == targets) & mask).any(axis=1).mean(),
            "you count the words with at least one right position.",
        ),
    ),
)

# --- hierarchy/twins --------------------------------------------------------------------------------------------------


def twins(k):
    inside = [i % 2 for i in range(k)]
    last, rest = inside[-1], sorted(inside[:-1])
    return inside, [*rest, last]


def _fault(answer, k):
    """What is wrong with a pair of words, or "twins"."""
    pair = answer(k)
    if pair is ...:
        return pair  # the stub
    one, other = ([int(letter) for letter in word] for word in pair)
    if not one or not other or not {*one, *other} <= {0, 1}:
        return "not two words of letters 0 and 1"
    if any(word[0] != 0 or _blocks(word)[-1] > k for word in (one, other)):
        return "a word that no word of the language begins with"
    if one[-1] != other[-1]:
        return "the last letters differ"
    if sorted(one) != sorted(other):
        return "the counts differ"
    if answers(one, k)[-1] == answers(other, k)[-1]:
        return "the right answers are the same"
    return "twins"


TWINS = Exercise(
    name="hierarchy/twins",
    title="Two words that one layer can't tell apart",
    difficulty=2,
    minutes=12,
    reference=twins,
    cases=lambda rng: [(k,) for k in range(4, 10)],
    run=_fault,
    wrong=(
        Wrong(
            "of different lengths",
            lambda k: ([i % 2 for i in range(k)], [i % 2 for i in range(k - 2)]),
            "one layer sees how many letters of each kind there were: both words need as many 0s, and as many 1s.",
        ),
        Wrong(
            "different last letters",
            lambda k: ([i % 2 for i in range(k)], [*(i % 2 for i in range(k - 1)), k % 2]),
            "a network always sees the letter at which it is asked: both words must end alike.",
        ),
        Wrong(
            "begins with 1",
            lambda k: ([i % 2 for i in range(k)], sorted(i % 2 for i in range(k))[::-1]),
            "the network is only asked about prefixes of words of the language. Those begin with 0 and have at most k "
            "blocks.",
        ),
        Wrong(
            "the same answer",
            lambda k: ([0, 0, 1], [0, 0, 1]),
            "on both words the right answer is the same, so that a network may well give one answer. One of them must "
            "have k blocks.",
        ),
        Wrong(
            "for four blocks only",
            lambda k: ([0, 1, 0, 1], [0, 0, 1, 1]),
            "that pair is for k = 4. Where k is larger, the first word has to have k blocks.",
        ),
    ),
)

# --- hierarchy/stairs -------------------------------------------------------------------------------------------------


def stairs():
    return [k - 2 for k in range(3, 9)]


STAIRS = Exercise(
    name="hierarchy/stairs",
    title="Predict the staircase",
    difficulty=1,
    minutes=5,
    reference=stairs,
    cases=lambda rng: [()],
    wrong=(
        Wrong(
            "one layer for each block",
            lambda: list(range(3, 9)),
            "the first letter needs no look back, since every word begins with 0. And the letter at hand needs none "
            "either.",
        ),
        Wrong(
            "one layer for each change",
            lambda: list(range(2, 8)),
            "there are k - 1 changes, but the last needs no look back: once block k - 1 was reached, the letter at "
            "hand tells whether the last block has begun.",
        ),
        Wrong(
            "the logarithm",
            lambda: [2, 2, 3, 3, 3, 3],
            "that would be a task where every layer may double the reach. The theorem has a step for every block.",
        ),
        Wrong(
            "one layer is enough",
            lambda: [1] * 6,
            "for four blocks and more there are two words that one layer without positions can't tell apart.",
        ),
        Wrong(
            "starts from no layer",
            lambda: list(range(6)),
            "without a layer nothing but the letter at hand is known: 0 in the first block of three looks like 0 in "
            "the last.",
        ),
    ),
)

# --- hierarchy/hop ----------------------------------------------------------------------------------------------------


def hop(letters, k):
    out = []
    for place in range(len(letters)):
        for _ in range(k):
            here = letters[place]
            found = [j for j in range(1, place + 1) if letters[j - 1] == here]
            place = found[-1] if found else -1
            if place < 0:
                break
        out.append(letters[place] if place >= 0 else -1)
    return out


def _hopped(letters, k, step, nowhere=-1):
    """k steps from every place; ``step(letters, place)`` gives the next place or None."""
    out = []
    for place in range(len(letters)):
        for _ in range(k):
            place = None if place is None else step(letters, place)
        out.append(nowhere if place is None else letters[place])
    return out


def _one(letters, place):
    return max((j for j in range(1, place + 1) if letters[j - 1] == letters[place]), default=None)


def _to_itself(letters, place):
    return max((j for j in range(place) if letters[j] == letters[place]), default=None)


def _first(letters, place):
    return min((j for j in range(1, place + 1) if letters[j - 1] == letters[place]), default=None)


def _moves_on(letters, place):
    return max((j for j in range(1, place) if letters[j - 1] == letters[place]), default=None)


def _wraps(letters, place):
    found = _one(letters, place)
    return -1 % len(letters) if found is None else found


def _hop_cases(rng):
    small = [([0], 1), ([2, 1], 0), ([0, 1, 0], 1), ([0, 0], 1), ([0, 1, 2, 0], 1), ([0, 1, 0, 1, 0], 2), ([], 2)]
    runs = [(8, 3, 2), (12, 2, 3), (20, 4, 1), (20, 4, 4), (40, 4, 7)]
    return [*small, *((rng.integers(0, letters, n).tolist(), k) for n, letters, k in runs)]


HOP = Exercise(
    name="hierarchy/hop",
    title="Hop by hand",
    difficulty=2,
    minutes=10,
    reference=hop,
    cases=_hop_cases,
    wrong=(
        Wrong(
            "stops at the equal letter",
            lambda letters, k: _hopped(letters, k, _to_itself),
            "you arrive at the earlier occurrence itself. A hop goes one place on, to what followed it.",
        ),
        Wrong(
            "the first occurrence",
            lambda letters, k: _hopped(letters, k, _first),
            "you take the first occurrence. It is the last one before here.",
        ),
        Wrong(
            "always moves",
            lambda letters, k: _hopped(letters, k, _moves_on),
            "if the letter just before is the same, what followed it is the letter here: the hop stays where it is.",
        ),
        Wrong(
            "one hop only",
            lambda letters, k: _hopped(letters, min(k, 1), _one),
            "you hop once, whatever k is.",
        ),
        Wrong(
            "goes on from the end",
            lambda letters, k: _hopped(letters, k, _wraps),
            "where a hop finds no earlier occurrence, the answer is -1 and no further hop is made: in Python, place -1 "
            "is the last one.",
        ),
    ),
)

EXERCISES = [TARGETS, EXACT, TWINS, STAIRS, HOP]

QUIZ = (
    Question(
        "A network of two layers, without positions, is right on 97 % of the words of five blocks that are as long as "
        "those of its training. What follows?",
        (
            Option(
                "At fixed precision it fails at some length, however it was trained and however wide it is.",
                "That is the theorem: five blocks take three layers, for all lengths at once.",
                right=True,
            ),
            Option(
                "Two layers are enough for five blocks; the rest is training.",
                "At the same lengths a network with a layer too few can do well. The theorem is about all lengths.",
            ),
            Option(
                "It fails on the next longer words.",
                "The theorem doesn't say where. We measured it at two and at three times the length.",
            ),
        ),
    ),
    Question(
        "Why does the verdict take the best of five seeds, and not their mean or the worst?",
        (
            Option(
                "The best seed shows what the others would reach with more steps.",
                "Nobody has trained them longer; this may be so or not.",
            ),
            Option(
                "The question is whether so many layers can do it; one network that does is enough to say yes.",
                "The mean and the worst also measure how often training finds it, which is another question.",
                right=True,
            ),
            Option(
                "Seeds with too few layers are always bad, so it makes no difference.",
                "It makes a large one where the layers suffice: some seeds fail far out there.",
            ),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "At fixed precision no width makes up for the missing layer on alternating blocks, for all lengths at "
                "once.",
                "True: the theorem bounds the layers, whatever the width.",
            ),
            Option(
                "A trained network that fails doesn't show that its layers are too few.",
                "True: it may be that training didn't find the weights.",
            ),
            Option(
                "Any task takes k - 2 layers if its inputs have k blocks.",
                "It is one task on one family of words. Whether there has been a 1 so far, say, takes one look back, "
                "however many blocks there are.",
                right=True,
            ),
            Option(
                "A network that says 0 everywhere is right at most positions and on no word.",
                "True: 0 is the answer until the last block begins.",
            ),
        ),
    ),
    Question(
        "The lower bound for k hops is conditional, and for networks of limited size. What would get around it?",
        (
            Option(
                "Only a proof that the 1-versus-2-cycle conjecture is false.",
                "That would take the bound away, too. But it is not the only way.",
            ),
            Option(
                "Nothing: it is a theorem.",
                "It is a theorem with two conditions: a conjecture, and a size.",
            ),
            Option(
                "More width: the bound asks that width times heads be less than about k.",
                "Width is its currency, and a wide enough network isn't bound by it.",
                right=True,
            ),
        ),
    ),
)
