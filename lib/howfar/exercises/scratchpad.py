"""The exercises of ``chapters/depth/scratchpad.ipynb``."""

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged
from howfar.tasks import multiplication_table

_GROUPS = {name: multiplication_table(name).tolist() for name in ("S3", "A5", "Z60")}


def _magma(rng, size):
    """A table that is no group's, but for its neutral element 0: it tells the orders of multiplying apart."""
    table = rng.integers(0, size, (size, size))
    table[0] = table[:, 0] = np.arange(size)
    return table.tolist()


# --- scratchpad/states ------------------------------------------------------------------------------------------


def write_states(word, table):
    row, state = [*word, len(table)], None
    for element in word:
        state = element if state is None else table[state][element]
        row.append(state)
    return row


def _folded(word, table, step):
    """The row of states that ``step(state, element)`` makes."""
    row, state = [*word, len(table)], word[0]
    row.append(state)
    for element in word[1:]:
        state = step(state, element)
        row.append(state)
    return row


def _from_the_right(word, table):
    states = [word[-1]]
    for element in reversed(word[:-1]):
        states.append(table[element][states[-1]])
    return [*word, len(table), *states]


def _states_cases(rng):
    s3 = _GROUPS["S3"]
    small = [([3], s3), ([1, 2], s3), ([2, 1], s3), ([1, 1, 4], s3), ([5, 3, 1, 2], s3), ([0, 4], s3)]
    large = [(rng.integers(0, len(table), n).tolist(), table) for table in _GROUPS.values() for n in (5, 9)]
    large += [(rng.integers(0, 7, n).tolist(), _magma(rng, 7)) for n in (4, 8, 12)]
    return small + large


STATES = Exercise(
    name="scratchpad/states",
    title="Write the states",
    difficulty=1,
    minutes=6,
    reference=write_states,
    cases=_states_cases,
    wrong=(
        Wrong(
            "the other order",
            lambda word, table: _folded(word, table, lambda state, element: table[element][state]),
            "you do the new element first. The state comes first, then the element: table[state][element].",
        ),
        Wrong(
            "adds the numbers",
            lambda word, table: _folded(word, table, lambda state, element: (state + element) % len(table)),
            "the numbers are names of elements. Their product stands in the table; only Z60 adds them.",
        ),
        Wrong(
            "the answer alone",
            lambda word, table: [*word, len(table), write_states(word, table)[-1]],
            "this is the row of a direct answer. Write every state on the way.",
        ),
        Wrong(
            "begins with the neutral element",
            lambda word, table: [*word, len(table), 0, *write_states(word, table)[len(word) + 1 :]],
            "you write the state before the first element, too: there are as many states as elements.",
        ),
        Wrong(
            "forgets the end of the prompt",
            lambda word, table: [*word, *write_states(word, table)[len(word) + 1 :]],
            "between word and states stands the token len(table), so that the model knows where the prompt ends.",
        ),
        Wrong(
            "from the right",
            _from_the_right,
            "you multiply from the last element. The first state is the first element.",
        ),
    ),
)

# --- scratchpad/slips -------------------------------------------------------------------------------------------


def slips(word, said, table):
    wrong = int(said[0] != word[0])
    for i in range(1, len(word)):
        wrong += int(said[i] != table[said[i - 1]][word[i]])
    return wrong


def _truth(word, table):
    return write_states(word, table)[len(word) + 1 :]


def _wrong_states(word, said, table):
    return sum(a != b for a, b in zip(said, _truth(word, table), strict=True))


def _slipped(word, said, rng, table, places):
    """The states that are written if the steps at some places go wrong and all others follow from what is written."""
    states = []
    for i, element in enumerate(word):
        right = element if i == 0 else table[states[-1]][element]
        states.append((right + 1 + int(rng.integers(len(table) - 1))) % len(table) if i in places else right)
    return states


def _slips_cases(rng):
    s3 = _GROUPS["S3"]
    small = [([3], [3], s3), ([3], [2], s3), ([1, 2], [1, s3[1][2]], s3), ([1, 2], [1, s3[2][1]], s3)]
    small += [([1, 2, 4], [5, s3[5][2], s3[s3[5][2]][4]], s3), ([1, 2, 4], [1, 0, 0], s3)]
    large = []
    for table in (s3, _GROUPS["A5"], _magma(rng, 9)):
        for places in ((), (0,), (3,), (1, 2), (2, 7), (0, 4, 5, 8)):
            word = rng.integers(0, len(table), 9).tolist()
            large.append((word, _slipped(word, None, rng, table, places), table))
    return small + large


SLIPS = Exercise(
    name="scratchpad/slips",
    title="Check a chain of thought",
    difficulty=2,
    minutes=8,
    reference=slips,
    cases=_slips_cases,
    wrong=(
        Wrong(
            "counts wrong states",
            _wrong_states,
            "you compare with the true states. After one slip all that follows may be wrong and yet follow: check each "
            "step against what is *written* before it.",
        ),
        Wrong(
            "stops at the first",
            lambda word, said, table: min(1, slips(word, said, table)),
            "you stop at the first slip. Go on from what is written: there may be more.",
        ),
        Wrong(
            "does not check the first state",
            lambda word, said, table: slips(word, said, table) - int(said[0] != word[0]),
            "the first state is a step, too: it must be the first element.",
        ),
        Wrong(
            "the other order",
            lambda word, said, table: (
                int(said[0] != word[0]) + sum(said[i] != table[word[i]][said[i - 1]] for i in range(1, len(word)))
            ),
            "the state comes first, then the element: table[state][element].",
        ),
        Wrong(
            "only the answer",
            lambda word, said, table: int(said[-1] != _truth(word, table)[-1]),
            "the last state can be right by two slips that cancel, and wrong by one. Check every step.",
        ),
    ),
)

# --- scratchpad/forced ------------------------------------------------------------------------------------------


def forced_and_free(words, table, belief):
    forced = free = 0
    for word in words:
        true = said = word[0]
        for element in word[1:]:
            forced += belief[true][element] == table[true][element]
            true, said = table[true][element], belief[said][element]
        free += said == true
    steps = sum(len(word) - 1 for word in words)
    return forced / steps, free / len(words)


def _walk(words, table, belief):
    """For each step of each word: is it right given the truth, and is the state written free-running right?"""
    out = []
    for word in words:
        true = said = word[0]
        rows = []
        for element in word[1:]:
            good = belief[true][element] == table[true][element]
            true, said = table[true][element], belief[said][element]
            rows.append((good, said == true))
        out.append(rows)
    return out


def _forced(words, table, belief):
    return forced_and_free(words, table, belief)[0]


def _free(words, table, belief):
    return forced_and_free(words, table, belief)[1]


def _spoilt(rng, table, share):
    belief = np.array(table)
    wrong = rng.random(belief.shape) < share
    belief[wrong] = rng.integers(0, len(table), int(wrong.sum()))
    return belief.tolist()


def _forced_cases(rng):
    s3 = _GROUPS["S3"]
    one_wrong = [list(row) for row in s3]
    one_wrong[1][2] = 5
    small = [([[1, 2]], s3, s3), ([[1, 2]], s3, one_wrong), ([[1, 2, 3], [2, 1, 1]], s3, one_wrong)]
    small += [([[3, 4, 1], [0, 1, 2], [1, 2, 0]], s3, one_wrong)]
    large = []
    for table, share in ((s3, 0.1), (s3, 0.5), (_GROUPS["A5"], 0.2), (_GROUPS["A5"], 0.05)):
        for count, n in ((6, 4), (20, 9)):
            words = rng.integers(0, len(table), (count, n)).tolist()
            large.append((words, table, _spoilt(rng, table, share)))
    return small + large


FORCED = Exercise(
    name="scratchpad/forced",
    title="Forced and free",
    difficulty=2,
    minutes=10,
    reference=forced_and_free,
    cases=_forced_cases,
    wrong=(
        Wrong(
            "never runs free",
            lambda words, table, belief: (
                _forced(words, table, belief),
                np.mean([rows[-1][0] for rows in _walk(words, table, belief)]),
            ),
            "your second number feeds the true state to the last step. Free-running, each step reads what was *said*.",
        ),
        Wrong(
            "powers of the step",
            lambda words, table, belief: (
                _forced(words, table, belief),
                _forced(words, table, belief) ** (len(words[0]) - 1),
            ),
            "that would be the share of words without a slip if slips were independent. Run the words.",
        ),
        Wrong(
            "states, not answers",
            lambda words, table, belief: (
                _forced(words, table, belief),
                np.mean([good for rows in _walk(words, table, belief) for _, good in rows]),
            ),
            "your second number counts all states that are right. The answer is the last one.",
        ),
        Wrong(
            "all states right",
            lambda words, table, belief: (
                _forced(words, table, belief),
                np.mean([all(good for _, good in rows) for rows in _walk(words, table, belief)]),
            ),
            "you count the words without a wrong state. An answer can be right after a wrong state, by chance or by a "
            "second slip.",
        ),
        Wrong(
            "forced on its own states",
            lambda words, table, belief: (
                np.mean([good for rows in _walk(words, table, belief) for _, good in rows]),
                _free(words, table, belief),
            ),
            "your first number reads what was said. Forced, each step reads the *true* state before it.",
        ),
        Wrong(
            "the other way round",
            lambda words, table, belief: forced_and_free(words, table, belief)[::-1],
            "first the share of steps that are right given the truth, then the share of right answers.",
        ),
    ),
)

# --- scratchpad/predict -----------------------------------------------------------------------------------------


def above_guessing():
    return "e"


PREDICT = Exercise(
    name="scratchpad/predict",
    title="Which of them will know the answer?",
    difficulty=1,
    minutes=4,
    reference=above_guessing,
    cases=lambda rng: [()],
    run=first_misjudged(5, "e", noun="form"),
    wrong=(
        Wrong(
            "four layers are enough",
            lambda: "ae",
            "three doublings multiply eight elements, so four layers could *hold* the answer. Did 600 steps find it? "
            "Look at the table below.",
        ),
        Wrong(
            "saying the states is enough",
            lambda: "be",
            "it gets a state's worth of training at every place, and its first states are right. Its eighth? Look at "
            "the table below.",
        ),
        Wrong(
            "more tokens are enough",
            lambda: "ce",
            "it has as many places to compute in, and they say nothing. Look at the table below.",
        ),
        Wrong(
            "tokens and targets together are enough",
            lambda: "de",
            "it says every state after all elements, each at a place of its own, and can't read what it said. Look at "
            "the table below.",
        ),
        Wrong(
            "nothing helps",
            lambda: "",
            "one state and one element at a time is a small table. Look at the figure again.",
        ),
    ),
)

# --- scratchpad/repair ------------------------------------------------------------------------------------------


def repaired():
    which = {"group": "A5", "lengths": "all"}
    return which | {"verb": "express", "condition": "TC0 != NC1"}


def _but(**parts):
    return lambda: repaired() | parts


REPAIR = Exercise(
    name="scratchpad/repair",
    title="Repair the sentence",
    difficulty=2,
    minutes=8,
    reference=repaired,
    cases=lambda rng: [()],
    wrong=(
        Wrong(
            "a solvable group",
            _but(group="S3"),
            "S3 is solvable: its word problem is in TC0, even in ACC0, so that no such lower bound can hold for it.",
        ),
        Wrong(
            "another solvable group",
            _but(group="Z60"),
            "addition modulo 60 is counting: threshold gates do it in constant depth. Size doesn't make a group hard.",
        ),
        Wrong(
            "one length",
            _but(lengths="8"),
            "there are finitely many words of eight elements: a wide enough network of constant depth holds the table.",
        ),
        Wrong(
            "what was not learned can't be done",
            _but(verb="learn"),
            "true, since what no weights can express can't be learned either; but what is proved says more: it is "
            "about which weights exist, not about which are found.",
        ),
        Wrong(
            "unconditional",
            _but(condition="none"),
            "nobody knows whether TC0 = NC1. If they are equal, threshold circuits of constant depth do it, and no "
            "bound follows.",
        ),
        Wrong(
            "the other conjecture",
            _but(condition="P != NP"),
            "P != NP is about polynomial time, and a word problem takes linear time. Which two classes lie on the two "
            "sides here?",
        ),
    ),
)

EXERCISES = [STATES, PREDICT, SLIPS, FORCED, REPAIR]

QUIZ = (
    Question(
        "After the prompt a model says eight states at eight tokens that say nothing, and gets the eighth right by "
        "chance. Another says the same eight and each is its next token: all right. What differs?",
        (
            Option("The number of targets in training.", "Both are trained on every state."),
            Option("The number of tokens.", "Both have sixteen, and as many layers at each."),
            Option("Whether a state that was said is read in the next step.", "That is the only difference.", True),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "If TC⁰ ≠ NC¹, no Transformer of constant depth, polynomial size and logarithmic precision multiplies "
                "words of A5 of every length at once.",
                "This is true: the word problem of A5 is complete for NC¹ under reductions in AC⁰.",
            ),
            Option(
                "Our direct models of depth 4 failed on A5, which supports TC⁰ ≠ NC¹.",
                "They failed on S3 in the same way, which is solvable, at one length of eight: a training that fails "
                "is no evidence about classes.",
                True,
            ),
            Option(
                "For every finite group, about log₂ n layers suffice for words of n elements.",
                "This is true: multiply neighbours, then pairs of pairs, with a table of the group.",
            ),
            Option(
                "With the states written, one step is a look-up in the group's table.",
                "This is true: state and element in, state out.",
            ),
        ),
    ),
    Question(
        "Given the true states before it, each step of a written chain is right in 95 % of all words. What do you know "
        "about the answer after eight steps, free-running?",
        (
            Option(
                "It is right in 95 % of all cases.",
                "That is the forced share. A slip is carried on to the steps after it.",
            ),
            Option(
                "If slips are independent, in about 66 % no step slips; the answer itself may differ from that.",
                "0.95 to the power of 8. Slips need not be independent (no step slips in 60 to 95 % of all words, "
                "whatever they are), and two may cancel.",
                True,
            ),
            Option("Nothing.", "At most eight times 5 % of all words have a slip: at least 60 % end right."),
        ),
    ),
    Question(
        "At logarithmic precision, with t steps of chain of thought: which statement is a theorem without a complexity "
        "conjecture?",
        (
            Option(
                "With polynomially many steps, Transformers with generalised pre-norm decide exactly the problems "
                "in P.",
                "An equality of classes, under assumptions on the model (pre-norm, precision), not on complexity.",
                True,
            ),
            Option(
                "Linearly many steps decide more than none.",
                "All regular languages, yes; that these are more rests on TC⁰ ≠ NC¹ (at constant precision it is "
                "proved).",
            ),
            Option(
                "No Transformer evaluates arithmetic expressions at once.",
                "Feng and others: if TC⁰ ≠ NC¹, at bounded depth, unless its size is superpolynomial.",
            ),
        ),
    ),
)
