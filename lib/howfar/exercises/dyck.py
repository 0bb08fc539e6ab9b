"""The exercises of ``chapters/depth/dyck.ipynb``."""

import numpy as np

from howfar import dyck, search
from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged

# --- dyck/trace -------------------------------------------------------------------------------------------------


def word_of(addresses, k):
    word, here = [], ()
    for path in addresses:
        if len(path) > len(here):
            word.append(path[-1])
        else:
            word.append(k + here[-1])
        here = path
    return word


def _walked(addresses, up):
    """Openings as they should be; ``up(here, path)`` gives the tokens of a step back."""
    word, here = [], ()
    for path in addresses:
        word += [path[-1]] if len(path) > len(here) else up(here, path)
        here = path
    return word


def _closed_at_the_end(addresses, k):
    last = addresses[-1] if addresses else ()
    return word_of(addresses, k) + [k + label for label in reversed(last)]


def _trace_cases(rng):
    small = [([(0,), ()], 2), ([(1,), ()], 2), ([(0,), (0, 1)], 2), ([(1,), (1, 0), (1,), (1, 1), (1,), ()], 2)]
    small += [([], 3), ([(11,), (11, 1), (11,), (), (2,), (2, 2), (2, 2, 2), (2, 2), (2,), ()], 12)]
    problems = [search.NQueens(4), search.SubsetSum.random(4, seed=rng), search.NQueens(5)]
    runs = [(search.depth_first(p, first_only=first), p.branching) for p in problems for first in (True, False)]
    return [*small, *((run.addresses, k) for run, k in runs)]


TRACE = Exercise(
    name="dyck/trace",
    title="From a search to its word",
    difficulty=2,
    minutes=10,
    reference=word_of,
    cases=_trace_cases,
    wrong=(
        Wrong(
            "closes the label it returns to",
            lambda addresses, k: _walked(addresses, lambda here, path: [k + path[-1] if path else k]),
            "a step back closes the choice that is given up, the last label of the path *before* the step.",
        ),
        Wrong(
            "one token for every step back",
            lambda addresses, k: _walked(addresses, lambda here, path: [k]),
            "all your closings are the same token. In the typed word the closing of label s is k + s.",
        ),
        Wrong(
            "doesn't write the steps back",
            lambda addresses, k: _walked(addresses, lambda here, path: []),
            "only the choices are written. Every step back is a token, too.",
        ),
        Wrong(
            "closes with the opening's token",
            lambda addresses, k: _walked(addresses, lambda here, path: [here[-1]]),
            "a step back repeats the label itself. Closings are tokens k to 2k - 1: add k.",
        ),
        Wrong(
            "closes what was left open",
            _closed_at_the_end,
            "the search did not walk back at the end: a search that stops at a solution leaves its brackets open.",
        ),
    ),
)

# --- dyck/legal -------------------------------------------------------------------------------------------------


def legal_next(prefix, k, D):
    stack = []
    for token in prefix:
        if token < k:
            stack.append(token)
        else:
            stack.pop()
    legal = np.zeros(2 * k + 1, dtype=bool)
    legal[:k] = len(stack) < D
    if stack:
        legal[k + stack[-1]] = True
    legal[2 * k] = not stack
    return legal


def _stack(prefix, k):
    return dyck.open_stack(prefix, k)


def _legal(opens, closings, ends, k):
    legal = np.zeros(2 * k + 1, dtype=bool)
    legal[:k] = opens
    legal[[k + s for s in closings]] = True
    legal[2 * k] = ends
    return legal


def _any_closing(prefix, k, D):
    stack = _stack(prefix, k)
    return _legal(len(stack) < D, range(k) if stack else [], not stack, k)


def _bottom(prefix, k, D):
    stack = _stack(prefix, k)
    return _legal(len(stack) < D, stack[:1], not stack, k)


def _last_opened(prefix, k, D):
    stack, openings = _stack(prefix, k), [token for token in prefix if token < k]
    return _legal(len(stack) < D, openings[-1:] if stack else [], not stack, k)


def _no_bound(prefix, k, D):
    stack = _stack(prefix, k)
    return _legal(True, stack[-1:], not stack, k)


def _always_ends(prefix, k, D):
    stack = _stack(prefix, k)
    return _legal(len(stack) < D, stack[-1:], True, k)


def _legal_cases(rng):
    small = [([], 1, 1), ([0], 1, 2), ([0], 2, 1), ([0, 1], 2, 2), ([0, 1, 3], 2, 3), ([1, 0, 2], 2, 2)]
    small += [([], 3, 2), ([0, 2], 2, 1), ([0, 1, 2], 3, 3), ([0, 0, 1, 1, 0], 1, 2), ([4, 0], 5, 2)]
    large = []
    for n, k, D in ((10, 2, 3), (10, 3, 3), (24, 3, 4), (40, 2, 5), (100, 12, 7)):
        word = dyck.sample_words(1, n, k, D, seed=rng)[0].tolist()
        large += [(word[: n // 3], k, D), (word[: n // 2], k, D), (word, k, D)]
    return [*small, *large]


LEGAL = Exercise(
    name="dyck/legal",
    title="What may come next?",
    difficulty=1,
    minutes=8,
    reference=legal_next,
    cases=_legal_cases,
    wrong=(
        Wrong(
            "any closing",
            _any_closing,
            "you allow every closing as soon as something is open. Only the type on top of the stack may be closed.",
        ),
        Wrong(
            "the bottom of the stack",
            _bottom,
            "you close the bracket that was opened first. The one on *top* of the stack comes first.",
        ),
        Wrong(
            "the last bracket opened",
            _last_opened,
            "the opening seen last may be closed already. Look at what is still open, not at what was opened.",
        ),
        Wrong(
            "no bound on the depth",
            _no_bound,
            "with D brackets open no further one may be opened.",
        ),
        Wrong(
            "may always end",
            _always_ends,
            "a word may end only when nothing is open.",
        ),
    ),
)

# --- dyck/sentences ---------------------------------------------------------------------------------------------


def follows():
    return "bd"


SENTENCES = Exercise(
    name="dyck/sentences",
    title="What follows?",
    difficulty=2,
    minutes=8,
    reference=follows,
    cases=lambda rng: [()],
    run=first_misjudged(6, "bd"),
    wrong=(
        Wrong(
            "an algorithm's rounds as a lower bound",
            lambda: "abd",
            "that is what peeling needs. A lower bound speaks of all circuits: how many layers has the one above?",
        ),
        Wrong(
            "leaves out the rounds of peeling",
            lambda: "d",
            "each round of peeling takes the innermost pairs away, so the depth falls by one a round.",
        ),
        Wrong(
            "the next bracket as the next move",
            lambda: "bcd",
            "in the six-queens trace about seven brackets are legal at a typical moment, and the search writes one.",
        ),
        Wrong(
            "leaves out the state",
            lambda: "b",
            "look at the proposition again: what is the stack of a viable prefix?",
        ),
        Wrong(
            "checking as solving",
            lambda: "bde",
            "the circuit gets the trace as its input. Who wrote the trace?",
        ),
        Wrong(
            "from the language to its parts",
            lambda: "bdf",
            "the exhaustive search of six queens is a single word, and to know one word by heart isn't hard: a part of "
            "a language may be easier than the whole.",
        ),
    ),
)

EXERCISES = [TRACE, LEGAL, SENTENCES]

QUIZ = (
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "The trace of a depth-first search is a viable prefix at every moment.",
                "This is true: only what was chosen last is taken back.",
            ),
            Option(
                "Every Dyck-k word is the trace of a search that tries each label at most once at a node.",
                "Such a search never opens the same bracket twice at one node: ()() is a Dyck-1 word and no trace.",
                right=True,
            ),
            Option(
                "A search that stops at a solution leaves the solution open.",
                "This is true: the stack is the path to the node where the search stands.",
            ),
            Option(
                "Every Dyck-k word is the walk around some tree with k labels.",
                "This is true: words and such trees are one object, as long as siblings may share a label.",
            ),
        ),
    ),
    Question(
        "A network lists the legal next brackets without a mistake, at every moment of every search. You hand it a "
        "new puzzle and let it write the search. What does the result prove?",
        (
            Option(
                "It will be a correct search: legality is the hard part.",
                "Legality allows every opening below the ceiling. Which choices are feasible is in the puzzle.",
            ),
            Option(
                "What it writes is well nested; whether it is the search of this puzzle is open.",
                "The move also needs the sibling that was tried last, and what is feasible.",
                right=True,
            ),
            Option(
                "It can't be a search, as three layers are too few for one.",
                "No number of layers was compared with the puzzle: nothing on this page says so.",
            ),
        ),
    ),
    Question(
        "In which of these settings is it a theorem that more width, however much, doesn't make up for missing depth?",
        (
            Option(
                "One fixed length of the input.",
                "There a wide enough shallow net holds the whole table of answers.",
            ),
            Option(
                "Dyck-(2, 2) of growing length, with one layer.",
                "The bound says that heads × width × precision must grow with the length: enough width gets around it.",
            ),
            Option(
                "Fixed precision, one net for all lengths, and words of k alternating blocks.",
                "That is a depth hierarchy. It is about other words than Dyck-k.",
                right=True,
            ),
        ),
    ),
    Question(
        "A paper adds layers 'to avert representation collapse'. You find that in attention without skip connections "
        "and without feed-forward layers all token vectors become alike as layers are added. Does that support it?",
        (
            Option(
                "Yes: depth and collapse go together there.",
                "They do, the wrong way round: each layer makes it worse.",
            ),
            Option(
                "No: that is collapse of rank, and depth causes it. The paper needs another meaning.",
                "For instance that prefixes with different stacks get the same vector where layers are too few.",
                right=True,
            ),
            Option(
                "Yes, once the inputs are long enough.",
                "Length is yet another collapse: last vectors of long inputs that agree up to the precision.",
            ),
        ),
    ),
)
