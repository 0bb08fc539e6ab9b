"""The exercises of ``chapters/transport/traces.ipynb``."""

import numpy as np

from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- traces/prefix ----------------------------------------------------------------------------------------------


def prefix_distance(x, y):
    n = min(len(x), len(y))
    differ = np.flatnonzero(x[:n] != y[:n])
    common = differ[0] if len(differ) else n
    return len(x) + len(y) - 2 * common


def _common(x, y):
    return (len(x) + len(y) - prefix_distance(x, y)) // 2


def _argmax_prefix(x, y):
    n = min(len(x), len(y))
    if len(x) == len(y) and (x == y).all():
        return 0
    return len(x) + len(y) - 2 * int(np.argmax(x[:n] != y[:n])) if n else len(x) + len(y)


def _prefix_cases(rng):
    small = [
        ([0, 2], [0, 2]),
        ([0, 2], [1, 3]),
        ([0, 2, 4], [0, 3, 4]),
        ([0, 2, 0, 2, 4], [0, 2, 4]),
        ([0, 0, 2, 2, 4], [1, 0, 2, 3, 4]),
        ([0], [0, 1]),  # one begins the other
        ([3, 0, 2, 2], [3, 0]),
        ([1, 11, 2], [11, 1, 2]),  # the same digits
        ([], [5, 1]),
    ]
    large = [(rng.integers(0, 2, n), rng.integers(0, 2, m)) for n, m in ((5, 8), (12, 12), (9, 4))]
    twin, long = rng.integers(0, 4, 20), rng.integers(0, 2000, 300)
    large += [(twin, np.append(twin[:15], 7)), (twin[:9], twin), (long, np.append(long[:250], long[251:]))]
    large.append((long, long + 256_000 * (np.arange(300) == 200)))  # alike in the last digits and in the last byte
    return [(np.array(x, dtype=int), np.array(y, dtype=int)) for x, y in small + large]


PREFIX = Exercise(
    name="traces/prefix",
    title="Where two traces part",
    difficulty=1,
    minutes=6,
    reference=prefix_distance,
    cases=_prefix_cases,
    wrong=(
        Wrong(
            "counts every agreement",
            lambda x, y: len(x) + len(y) - 2 * int(sum(a == b for a, b in zip(x, y, strict=False))),
            "tokens that agree again after the first difference are on different branches: stop counting there.",
        ),
        Wrong(
            "takes the common part off once",
            lambda x, y: len(x) + len(y) - _common(x, y),
            "the common part is in both lengths: take it off twice.",
        ),
        Wrong(
            "returns the common length",
            _common,
            "this is how far the two go together, a similarity. The distance is what lies beyond, on both sides.",
        ),
        Wrong(
            "one side only",
            lambda x, y: max(len(x), len(y)) - _common(x, y),
            "the path goes up from x to where they part *and* down to y: add both sides.",
        ),
        Wrong(
            "difference of the lengths",
            lambda x, y: abs(len(x) - len(y)),
            "two traces of one length can part at the first token. Compare the tokens.",
        ),
        Wrong(
            "no first difference, so place 0",
            _argmax_prefix,
            "where one trace begins the other there is no difference to find, and np.argmax says 0: the common part is "
            "then the whole shorter one.",
        ),
    ),
)

# --- traces/trie ------------------------------------------------------------------------------------------------


def w1_prefix(X_a, X_b):
    n, total = len(X_a), 0.0
    for t in range(1, X_a.shape[1] + 1):
        both = np.concatenate([X_a[:, :t], X_b[:, :t]])
        name = np.unique(both, axis=0, return_inverse=True)[1].ravel()
        p = np.bincount(name[:n], minlength=len(both)) / n
        q = np.bincount(name[n:], minlength=len(both)) / len(X_b)
        total += np.abs(p - q).sum()
    return total


def _by_level(X_a, X_b, columns, shares=True):
    """The levels' sums of differences; ``columns(X, t)`` are the columns that name a prefix."""
    out = []
    for t in range(1, X_a.shape[1] + 1):
        both = np.concatenate([columns(X_a, t), columns(X_b, t)])
        name = np.unique(both, axis=0, return_inverse=True)[1].ravel()
        p, q = (np.bincount(part, minlength=len(both)) for part in (name[: len(X_a)], name[len(X_a) :]))
        out.append(np.abs(p / len(X_a) - q / len(X_b)).sum() if shares else np.abs(p - q).sum())
    return np.array(out)


def _upto(X, t):
    return X[:, :t]


def _long_words(rng, length, differ):
    """Two samples of words that agree but for the token at one place: no number of 64 bits can name their prefixes."""
    X = np.tile(rng.integers(0, 4, length), (7, 1))
    X[:, differ] = rng.integers(0, 4, 7)
    X[0, differ] = 5
    return X[:3], X[3:]


def _number_codes(X_a, X_b):
    """Prefixes named by the numbers that their tokens are the digits of."""
    codes = [X * 10 ** np.arange(X.shape[1])[::-1] for X in (X_a, X_b)]
    levels = []
    for t in range(1, X_a.shape[1] + 1):
        p, q = (code[:, :t].sum(axis=1) for code in codes)
        levels.append(sum(abs(np.mean(p == c) - np.mean(q == c)) for c in set(p.tolist()) | set(q.tolist())))
    return np.sum(levels)


def _trie_cases(rng):
    small = [
        ([[0, 2]], [[0, 3]]),
        ([[0, 2]], [[1, 2]]),
        ([[0, 1], [1, 0]], [[0, 0], [1, 1]]),
        ([[0, 2], [0, 2], [1, 3]], [[0, 2]]),
        ([[4], [1], [1]], [[1], [0]]),
        ([[1, 11]], [[11, 1]]),  # the same digits
        ([[11, 0], [0, 11], [4, 0], [0, 4]], [[1, 1], [1, 1], [0, 1], [1, 0]]),  # 11 + 0 is 1 + 10, and 4 + 0 is 0 + 4
        ([[0, 0, 0]], [[0, 0, 0], [0, 0, 1]]),
    ]
    large = [(rng.integers(0, 2, (n, 6)), rng.integers(0, 2, (m, 6))) for n, m in ((4, 4), (20, 30), (50, 25))]
    large.append((256 * rng.integers(0, 3, (5, 3)), 256 * rng.integers(0, 3, (4, 3))))
    large += [_long_words(rng, 70, differ) for differ in (0, 67)]
    return [(np.array(x), np.array(y)) for x, y in small + large]


TRIE = Exercise(
    name="traces/trie",
    title="Compare the shares of every prefix",
    difficulty=2,
    minutes=12,
    reference=w1_prefix,
    cases=_trie_cases,
    wrong=(
        Wrong(
            "tokens, not prefixes",
            lambda X_a, X_b: _by_level(X_a, X_b, lambda X, t: X[:, t - 1 : t]).sum(),
            "you compare the laws of the t-th token. A node of the trie is the whole beginning: X[:, :t].",
        ),
        Wrong(
            "whole words only",
            lambda X_a, X_b: _by_level(X_a, X_b, _upto)[-1],
            "words that share a long beginning are near. Add up over all prefix lengths, not just the full one.",
        ),
        Wrong(
            "half",
            lambda X_a, X_b: 0.5 * _by_level(X_a, X_b, _upto).sum(),
            "this is the sum of the total variations. The path has two sides, up and down: twice that.",
        ),
        Wrong(
            "counts, not shares",
            lambda X_a, X_b: _by_level(X_a, X_b, _upto, shares=False).sum(),
            "the samples may differ in size: divide the counts by the number of words.",
        ),
        Wrong(
            "mean over the levels",
            lambda X_a, X_b: _by_level(X_a, X_b, _upto).mean(),
            "every edge has length 1: add the levels up; don't average.",
        ),
        Wrong(
            "forgets the last level",
            lambda X_a, X_b: _by_level(X_a, X_b, _upto)[:-1].sum(),
            "your longest prefix is one token too short: t runs from 1 to T.",
        ),
        Wrong(
            "a number for each prefix",
            _number_codes,
            "you write the tokens as digits of one number. (1, 11) and (2, 1) are both 21, and beyond 19 digits "
            "integers overflow: compare the rows themselves.",
        ),
    ),
)

# --- traces/stops -----------------------------------------------------------------------------------------------


def time_below(searches):
    share = {}
    for stops in searches:
        for stop in stops:
            for depth in range(1, len(stop) + 1):
                node = stop[:depth]
                share[node] = share.get(node, 0) + 1 / len(stops) / len(searches)
    return share


def _shares(searches, nodes_of, weight):
    share = {}
    for stops in searches:
        for stop in stops:
            for node in nodes_of(stop):
                share[node] = share.get(node, 0) + weight(stops, searches)
    return share


def _path(stop):
    return [stop[:depth] for depth in range(1, len(stop) + 1)]


def _one_each(stops, searches):
    return 1 / len(stops) / len(searches)


def _stops_cases(rng):
    def walk(moves):
        stops, here = [], (int(rng.integers(2)),)
        for _ in range(moves):
            stops.append(here)
            here = here[:-1] if len(here) == 3 or (here and rng.random() < 0.4) else (*here, int(rng.integers(2)))
        return stops

    small = [
        ([[(0,), ()]],),
        ([[(0,), (0, 1)]],),
        ([[(0,), (0, 1), (0,), ()], [(1,), ()]],),
        ([[()], [(0,)]],),  # a search that never leaves the root
        ([[(1, 11)], [(11, 1), (11, 1)]],),  # the same digits; a stop that is made twice
        ([[tuple(range(9, -1, -1))], [(9, 8), (9,), ()]],),
    ]
    return [*small, ([walk(6), walk(9)],), ([walk(12), walk(3), walk(20)],), ([walk(30)],)]


STOPS = Exercise(
    name="traces/stops",
    title="Where did the time go?",
    difficulty=2,
    minutes=10,
    reference=time_below,
    cases=_stops_cases,
    wrong=(
        Wrong(
            "only the node itself",
            lambda searches: _shares(searches, lambda stop: [stop] if stop else [], _one_each),
            "a stop at (0, 1) is time below (0,), too: add it to every node on the way.",
        ),
        Wrong(
            "all moves alike",
            lambda searches: _shares(searches, _path, lambda stops, all_: 1 / sum(map(len, all_))),
            "pooling the moves lets a long search count more. Each search has weight one.",
        ),
        Wrong(
            "sums over the searches",
            lambda searches: _shares(searches, _path, lambda stops, all_: 1 / len(stops)),
            "average over the searches: divide by their number as well.",
        ),
        Wrong(
            "the root as well",
            lambda searches: _shares(searches, lambda stop: [(), *_path(stop)], _one_each),
            "the root has no edge above it, and all time is below it: leave it out.",
        ),
        Wrong(
            "counts moves",
            lambda searches: _shares(searches, _path, lambda stops, all_: 1),
            "you count moves. A share of time is between 0 and 1.",
        ),
    ),
)

# --- traces/heights ---------------------------------------------------------------------------------------------


def height_law(length, p_open):
    law = np.zeros((length + 1, length + 2))
    law[0, 0] = 1.0
    for t in range(length):
        for h in range(t + 1):
            opens = 1.0 if h == 0 else 0.0 if h == length - t else p_open
            law[t + 1, h + 1] += law[t, h] * opens
            if h > 0:
                law[t + 1, h - 1] += law[t, h] * (1 - opens)
    return law[:, : length // 2 + 1]


def _walk_law(length, opens):
    law = np.zeros((length + 1, length + 2))
    law[0, 0] = 1.0
    for t in range(length):
        for h in range(t + 1):
            chance = opens(h, length - t)
            law[t + 1, h + 1] += law[t, h] * chance
            if h > 0:
                law[t + 1, h - 1] += law[t, h] * (1 - chance)
    return law[:, : length // 2 + 1]


def _heights_cases(rng):
    chances = np.round(rng.uniform(0.2, 0.8, 2), 3)
    small = [(2, 0.5), (4, 0.5), (4, 0.75), (6, 0.25), (8, 0.625), (6, 1.0), (6, 0.0)]
    return [*small, (10, float(chances[0])), (16, float(chances[1])), (30, 0.45)]


HEIGHTS = Exercise(
    name="traces/heights",
    title="The law of the height, step by step",
    difficulty=3,
    minutes=15,
    reference=height_law,
    cases=_heights_cases,
    wrong=(
        Wrong(
            "no floor",
            lambda length, p: _walk_law(length, lambda h, left: 0.0 if h == left else p),
            "at height 0 there is nothing to close: the walk must open there, or mass is lost. Do your rows sum to 1?",
        ),
        Wrong(
            "no end",
            lambda length, p: _walk_law(length, lambda h, left: 1.0 if h == 0 else p),
            "when the tokens left just close what is open, the walk must close. The last row has all mass at 0.",
        ),
        Wrong(
            "closes too early",
            lambda length, p: _walk_law(length, lambda h, left: 1.0 if h == 0 else 0.0 if h >= left - 2 else p),
            "with h open and h + 2 tokens left one more pair fits: the walk is forced only when h == length - t.",
        ),
        Wrong(
            "opens and closes swapped",
            lambda length, p: _walk_law(length, lambda h, left: 1.0 if h == 0 else 0.0 if h == left else 1 - p),
            "p_open is the chance to go up; you use it to go down.",
        ),
        Wrong(
            "mean over time",
            lambda length, p: height_law(length, p)[1:].mean(axis=0),
            "this is the average over time, one step further on. Return the law at every time: one row a token.",
        ),
    ),
)

# --- traces/cross-fit -------------------------------------------------------------------------------------------


def cross_fit(A, B):
    halves_a, halves_b = np.array_split(A, 2), np.array_split(B, 2)
    shown = []
    for fit, test in ((0, 1), (1, 0)):
        critic = np.sign(halves_a[fit].mean(axis=0) - halves_b[fit].mean(axis=0))
        shown.append(critic @ (halves_a[test].mean(axis=0) - halves_b[test].mean(axis=0)))
    return np.mean(shown)


def _shorter_first(X):
    return X[: len(X) // 2], X[len(X) // 2 :]


def _every_second(X):
    return X[::2], X[1::2]


def _first_longer(X):
    return np.array_split(X, 2)


def _cross(A, B, pairs=((0, 1), (1, 0)), critic=np.sign, after=lambda s: s, split=_first_longer):
    halves = [a.mean(axis=0) - b.mean(axis=0) for a, b in zip(split(A), split(B), strict=True)]
    return np.mean([after(critic(halves[fit]) @ halves[test]) for fit, test in pairs])


def _cross_cases(rng):
    small = [  # in no half is a gap 0: any sign would do there, and the page asks for none
        ([[1.0], [1.0]], [[0.0], [0.0]]),
        ([[1.0], [0.0]], [[0.0], [2.0]]),
        ([[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 0.0]]),
        ([[0.0], [2.0], [5.0]], [[3.0], [4.0]]),  # of three, two are the first half
        ([[0.0, 1.0], [2.0, 3.0]], [[1.0, 7.0], [4.0, 0.0], [9.0, -1.0]]),
    ]
    sizes = ((4, 6, 3), (5, 9, 2), (10, 7, 5), (41, 40, 30))
    large = [(rng.random((n, d)), rng.random((m, d)) * 1.3) for n, m, d in sizes]
    return [(np.array(a), np.array(b)) for a, b in small + large]


CROSS_FIT = Exercise(
    name="traces/cross-fit",
    title="A critic on probation",
    difficulty=2,
    minutes=10,
    reference=cross_fit,
    cases=_cross_cases,
    wrong=(
        Wrong(
            "fits and tests on one half",
            lambda A, B: _cross(A, B, pairs=((0, 0), (1, 1))),
            "the critic was chosen on the traces that it is tested on. That is the plug-in value, biased upwards: test "
            "on the other half.",
        ),
        Wrong(
            "fits on everything",
            lambda A, B: np.abs(A.mean(axis=0) - B.mean(axis=0)).sum(),
            "this is the plug-in value of all traces. The critic may not have seen what it is tested on.",
        ),
        Wrong(
            "one direction",
            lambda A, B: _cross(A, B, pairs=((0, 1),)),
            "half of the data was only used to choose. Swap the halves and average the two.",
        ),
        Wrong(
            "absolute value",
            lambda A, B: _cross(A, B, after=np.abs),
            "a critic that guessed wrong shows a negative number, and must be allowed to: the absolute value puts the "
            "bias back in.",
        ),
        Wrong(
            "forgets the sign",
            lambda A, B: _cross(A, B, critic=lambda gap: gap),
            "the gap itself is no 1-Lipschitz critic: each coordinate has weight +1, -1 or 0.",
        ),
        Wrong(
            "the larger half second",
            lambda A, B: _cross(A, B, split=_shorter_first),
            "of an odd number of traces np.array_split puts one more into the first half; you put it into the second.",
        ),
        Wrong(
            "every second trace",
            lambda A, B: _cross(A, B, split=_every_second),
            "you deal the traces out in turn. The halves are the first and the second: np.array_split(A, 2).",
        ),
    ),
)

# --- traces/sees ------------------------------------------------------------------------------------------------

CHANGES = ("mirrored", "other order", "regrouped", "one move deeper")


def sees(change):
    return {
        "mirrored": {"prefix": True, "stack": True, "height": False},
        "other order": {"prefix": True, "stack": False, "height": False},
        "regrouped": {"prefix": True, "stack": False, "height": False},
        "one move deeper": {"prefix": True, "stack": True, "height": True},
    }[change]


def _sees_but(**metrics):
    """The right answers, but for those of some metrics: a function of the change for each."""
    return lambda change: sees(change) | {name: seen(change) for name, seen in metrics.items()}


SEES = Exercise(
    name="traces/sees",
    title="Which metric can't see it?",
    difficulty=2,
    minutes=8,
    reference=sees,
    cases=lambda rng: [(change,) for change in CHANGES],
    wrong=(
        Wrong(
            "every metric sees every change",
            _sees_but(stack=lambda change: True, height=lambda change: True),
            "stack and height are metrics between places; a law of traces is first averaged to a law of places. What "
            "does each change do to the share of time at each place?",
        ),
        Wrong(
            "the stack remembers the order",
            _sees_but(stack=lambda change: change != "regrouped"),
            "the stack metric asks how long a search stands at each node, not when. In the other order it visits the "
            "same nodes as often.",
        ),
        Wrong(
            "the stack remembers which search it was",
            _sees_but(stack=lambda change: change != "other order"),
            "W1 compares the *mean* occupation of two samples. Half of the searches at a node all the time, or all of "
            "them half of the time: the mean is the same.",
        ),
        Wrong(
            "the stack forgets labels",
            _sees_but(stack=lambda change: change == "one move deeper"),
            "that is the height. A node of the stack metric is its path of labels: mirrored, the other half of the "
            "tree.",
        ),
        Wrong(
            "the height keeps labels",
            _sees_but(height=lambda change: change in ("mirrored", "one move deeper")),
            "the height of a node is the length of its path. Other labels, same height.",
        ),
        Wrong(
            "the prefix metric compares where searches stand",
            _sees_but(prefix=lambda change: change in ("mirrored", "one move deeper")),
            "the prefix metric compares texts, token by token from the left. Two samples are at distance 0 only if "
            "they hold the same texts equally often.",
        ),
    ),
)

EXERCISES = [PREFIX, TRIE, STOPS, SEES, CROSS_FIT, HEIGHTS]

QUIZ = (
    Question(
        "Predict: you write the traces of both samples in another format, the whole address after each move. Which W₁ "
        "stays as it was?",
        (
            Option("The one in the prefix metric.", "It compares texts, and every text has changed."),
            Option(
                "The one in the stack metric.", "It asks where the searches stand, however that is written down.", True
            ),
            Option("The one of the pooled embeddings.", "Other tokens, and more of them, have another mean."),
            Option("All of them: the searches are the same.", "A metric between texts knows the texts alone."),
        ),
    ),
    Question(
        "Which sentence is false?",
        (
            Option(
                "W₁ in the stack metric is at least W₁ in the height metric.",
                "This is true: to forget the labels can only bring two laws closer.",
            ),
            Option(
                "If W₁ in the stack metric is 0, the two laws of searches are equal.",
                "Half of the searches always on the left and half on the right, or all of them half of the time on "
                "each side: the mean occupation is the same, the searches are not.",
                True,
            ),
            Option(
                "Between samples, W₁ is on average at least what it is between the laws.",
                "This is true: W₁ is convex, so the noise of the samples adds to it.",
            ),
            Option(
                "A test can reject although W₁ is within a few per cent of its baseline.",
                "This is true: a high baseline that hardly scatters leaves room for a sharp test.",
            ),
        ),
    ),
    Question(
        "In the prefix metric with edges of length 1, W₁ between two samples of 1000 walks of one law is 2.3 times the "
        "true distance to the other law. Predict it for 10,000 walks.",
        (
            Option("0.7 times", "That would be the rate 1 / √n of the line. Here hardly two texts agree for long."),
            Option("1.0 times", "Two samples of one law tend to 0, however slowly, and not to the other law."),
            Option("2.2 times", "The slope is -0.02: ten times the walks take off a few per cent.", True),
        ),
    ),
    Question(
        "W₁ between two samples is 1.14, between two samples of one law of the same size 0.37, in units of the truth. "
        "What do you report?",
        (
            Option("1.14 - 0.37 = 0.77", "The difference is too low: where the laws differ the noise cancels."),
            Option("1.14", "A bare value doesn't say how much of it any two samples would show."),
            Option("1.14, the baseline 0.37, and a lower limit", "A reader can judge all three, and n.", True),
        ),
    ),
    Question(
        "Two packages differ in height with p = 0.001 when statements are dealt out at random, and with p = 0.07 when "
        "files are. Which of the two do you believe?",
        (
            Option("0.001: it rests on thousands of statements.", "Statements of one file are no independent draws."),
            Option("0.07: files are nearer to what was drawn independently.", "Deal out what was drawn.", True),
            Option("Their mean.", "They answer two questions, and one of them rests on a false assumption."),
        ),
    ),
)
