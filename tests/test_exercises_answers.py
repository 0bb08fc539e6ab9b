"""Further answers: right ones in another style pass, wrong ones that a weaker checker lets through don't."""

import functools
import itertools
import math
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import ot
import pytest
import torch
from scipy.stats import wasserstein_distance

from howfar import dyck, exercises
from howfar.exercises.engine import examine

# --- answers with a part to choose ------------------------------------------------------------------------------


def p_value(reaches=lambda null, observed: null >= observed - 1e-12, second=lambda pool, order, n: pool[order[n:]]):
    def answer(u, v, shuffles):
        pool, observed = np.concatenate([u, v]), wasserstein_distance(u, v)
        null = np.array([wasserstein_distance(pool[s[: len(u)]], second(pool, s, len(u))) for s in shuffles])
        return (np.sum(reaches(null, observed)) + 1) / (len(shuffles) + 1)

    return answer


def overlap_plan(a, b):
    """The plan without a loop: how much of the i-th and of the j-th step of the two staircases overlap."""
    A, B = np.cumsum([0, *a]), np.cumsum([0, *b])
    return np.maximum(np.minimum(A[1:, None], B[1:]) - np.maximum(A[:-1, None], B[:-1]), 0)


def plan(is_used_up, in_place=False):
    def answer(a, b):
        left_a, left_b = (a, b) if in_place else (a.copy(), b.copy())
        out, i, j = np.zeros((len(a), len(b))), 0, 0
        while i < len(a) and j < len(b):
            mass = min(left_a[i], left_b[j])
            out[i, j] = mass
            left_a[i] -= mass
            left_b[j] -= mass
            i, j = i + is_used_up(left_a[i]), j + is_used_up(left_b[j])
        return out

    return answer


def line_critic(agree):
    def answer(x, p, q):
        F, G = np.cumsum(p), np.cumsum(q)
        slopes = np.where(agree(F, G), 0, np.sign(G - F))[:-1]
        return np.concatenate([[0], np.cumsum(slopes * np.diff(x))])

    return answer


def steepest(l_a, l_b, M):
    pairs = [(abs(a - b), M[i, j]) for i, a in enumerate(l_a) for j, b in enumerate(l_b)]
    return max(change / distance if distance else math.inf for change, distance in pairs if change or distance)


def common(x, y):
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(x, y, strict=False)))


def prefix(x, y):
    return len(x) + len(y) - 2 * common(x, y)


def trie(code):
    def answer(X_a, X_b):
        total = 0
        for t in range(1, X_a.shape[1] + 1):
            p, q = (Counter(code(row[:t]) for row in X) for X in (X_a, X_b))
            total += sum(abs(p[k] / len(X_a) - q[k] / len(X_b)) for k in {*p, *q})
        return total

    return answer


def base(b):
    return lambda word: int(word @ b ** np.arange(len(word)))  # overflows


def trie_by_solver(X_a, X_b):
    M = np.array([[2.0 * (len(x) - common(x, y)) for y in X_b] for x in X_a])
    return ot.emd2(ot.unif(len(X_a)), ot.unif(len(X_b)), M)


def time_below(kind=lambda shares: shares, stops_of=lambda stops: stops):
    def answer(searches):
        shares = defaultdict(float)
        for stops in map(stops_of, searches):
            for stop in stops:
                for depth in range(len(stop)):
                    shares[stop[: depth + 1]] += 1 / len(stops) / len(searches)
        return kind(shares)

    return answer


def height_law(length, p_open):
    @functools.cache
    def chance(t, h):
        if t == 0 or h < 0:
            return float(h == t == 0)
        up = 0 if h == 0 else 1 if h == 1 else p_open * (h - 1 != length - t + 1)
        down = 1 - (p_open if h + 1 != length - t + 1 else 0)
        return up * chance(t - 1, h - 1) + down * chance(t - 1, h + 1) if h <= t else 0.0

    return [[chance(t, h) for h in range(length // 2 + 1)] for t in range(length + 1)]


def cross_fit(split=lambda X: (X[: (len(X) + 1) // 2], X[(len(X) + 1) // 2 :]), at_zero=0, together=np.mean):
    def answer(A, B):
        gaps = [a.mean(0) - b.mean(0) for a, b in zip(split(A), split(B), strict=True)]
        return together([np.where(gaps[i] == 0, at_zero, np.sign(gaps[i])) @ gaps[1 - i] for i in (0, 1)])

    return answer


def partners_by_type(word, k):
    open_, out = {s: [] for s in range(k)}, [0] * len(word)
    for i, token in enumerate(word):
        if token < k:
            open_[token].append(i)
        else:
            out[i] = open_[token - k].pop()
            out[out[i]] = i
    return out


def partners_within_blocks(word, k):
    heights, out, start = np.cumsum([1 if token < k else -1 for token in word]), [], 0
    for end in np.flatnonzero(heights == 0):
        out += range(end, start - 1, -1)
        start = end + 1
    return out


def count(dtype):
    def answer(n, D):
        ways = np.zeros((2 * n + 1, D + 3), dtype=dtype)
        ways[0, 1] = 1
        for t in range(2 * n):
            ways[t + 1, 1:-1] = ways[t, :-2] + ways[t, 2:]
        return ways[-1, 1]

    return answer


def count_by_eigenvalues(n, D):
    angles = np.pi * np.arange(1, D + 2) / (D + 2)
    return round(float(np.sum((2 * np.cos(angles)) ** (2 * n) * np.sin(angles) ** 2) * 2 / (D + 2)))


def draw(opens=lambda x, part, whole: x < part / whole, which=lambda t, choices: t):
    def answer(ways, u):
        word, h, choices = [], 0, 0
        for t in range(len(u)):
            part, whole = ways[len(u) - t - 1][h + 1], ways[len(u) - t][h]
            word.append(0 if opens(u[which(t, choices)], part, whole) else 1)
            choices += 0 < part < whole
            h += 1 - 2 * word[-1]
        return word

    return answer


def trace(opened=lambda path, k: path[-1], closed=lambda before, k: k + before[-1]):
    def answer(addresses, k):
        steps = zip([(), *addresses], addresses, strict=False)
        return [opened(after, k) if len(after) > len(before) else closed(before, k) for before, after in steps]

    return answer


def legal(opens=lambda stack, prefix, D: len(stack) < D, closes=lambda stack, prefix, k: stack[-1:], ends=bool):
    def answer(prefix, k, D):
        stack = dyck.open_stack(prefix, k)
        types = closes(stack, prefix, k)
        return [opens(stack, prefix, D)] * k + [s in types for s in range(k)] + [ends(not stack)]

    return answer


def apart(norm=lambda rest: np.sqrt((rest**2).sum(-1)), freedom=lambda n, classes: n):
    def answer(states, classes):
        groups = [states[classes == c] for c in np.unique(classes)]
        squares = sum(((g - g.mean(0)) ** 2).sum() for g in groups) / freedom(len(states), len(groups))
        return min(norm(a.mean(0) - b.mean(0)) for a, b in itertools.combinations(groups, 2)) / math.sqrt(squares)

    return answer


# --- right ------------------------------------------------------------------------------------------------------

RIGHT = [
    ("line/sorting", lambda u, v: wasserstein_distance(u, v)),
    ("line/sorting", lambda u, v: sum(abs(a - b) for a, b in zip(sorted(u), sorted(v), strict=True)) / len(u)),
    ("line/sorting", lambda u, v: (torch.tensor(u).sort()[0] - torch.tensor(v).sort()[0]).abs().mean()),
    ("line/cdf", lambda x, p, q: wasserstein_distance(x, x, p, q)),
    ("line/cdf", lambda x, p, q: np.abs(np.cumsum(p) - np.cumsum(q)) @ np.diff(x, append=x[-1])),
    ("line/plan", lambda a, b: ot.emd(a, b, np.abs(np.arange(len(a))[:, None] / 1e3 - np.arange(len(b))) ** 2)),
    ("line/plan", overlap_plan),
    ("line/plan", plan(lambda left: left < 1e-12)),
    ("line/plan", lambda a, b: overlap_plan(a, b).tolist()),
    ("line/p-value", p_value()),
    ("line/p-value", p_value(lambda null, observed: (null > observed) | np.isclose(null, observed, rtol=1e-12))),
    ("line/p-value", p_value(lambda null, observed: np.round(null, 12) >= np.round(observed, 12))),
    ("duality/critic", lambda f_a, f_b, a, b: np.average(f_a, weights=a) - np.average(f_b, weights=b)),
    ("duality/line", line_critic(lambda F, G: np.abs(F - G) < 1e-12)),
    ("duality/line", line_critic(np.isclose)),
    ("duality/line", lambda x, p, q: line_critic(np.isclose)(x, p, q).tolist()),
    ("duality/witness", lambda M, v: [min(d - w for d, w in zip(row, v, strict=True)) for row in M]),
    ("duality/witness", lambda M, v: -np.max(v - M, axis=1)),
    ("duality/steepest", steepest),
    ("duality/steepest", lambda l_a, l_b, M: np.nanmax(np.abs(l_a[:, None] - l_b) / M)),
    ("traces/prefix", prefix),
    ("traces/prefix", lambda x, y: np.float64(prefix(x, y))),
    ("traces/trie", trie(tuple)),
    ("traces/trie", trie(lambda word: word.tobytes())),
    ("traces/trie", trie_by_solver),
    ("traces/stops", time_below()),
    ("traces/stops", time_below(dict)),
    ("traces/stops", time_below(Counter)),
    ("traces/stops", time_below(OrderedDict)),
    ("traces/heights", height_law),
    ("traces/cross-fit", cross_fit()),
    ("traces/cross-fit", cross_fit(at_zero=1)),
    ("traces/cross-fit", cross_fit(at_zero=-1)),
    ("words/partners", partners_by_type),
    ("words/partners", lambda word, k: torch.tensor(partners_by_type(word, k))),
    ("words/count", count(object)),
    ("words/count", lambda n, D: dyck.count_words(2 * n, 1, D)),
    ("words/draw", draw()),
    ("words/draw", lambda ways, u: np.array(draw()(ways, u))),
    ("dyck/trace", trace()),
    ("dyck/trace", lambda addresses, k: tuple(trace()(addresses, k))),
    ("dyck/legal", legal()),
    ("dyck/sentences", lambda: "db"),
    ("dyck/sentences", lambda: ["b", "d"]),
    ("dyck/sentences", lambda: {"d", "b"}),
    ("words/predict", lambda: (2.0, 0.5, 0.091)),
    ("words/predict", lambda: np.array([2, 0.5, 1 / 11])),
    ("dyck/legal", lambda prefix, k, D: np.array(legal()(prefix, k, D), dtype=int)),
    ("width/pair", lambda: (np.array([1, 0, 1]), torch.tensor([0, 1, 1]))),
    ("width/separation", apart()),
    ("width/residual", lambda H: math.sqrt(np.trace(np.cov(H.T, bias=True)) * len(H) / (H**2).sum())),
    (
        "width/barron",
        lambda a, w, r, m: sum(abs(x) * math.hypot(*f) for x, f in zip(a, w, strict=True)) * 2 * r / m**0.5,
    ),
    ("width/repair", lambda: {"f", "c", "b"}),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_written_another_way_pass(name, answer):
    for seed in range(10):
        verdict = examine(exercises.find(name), answer, (seed,))
        assert verdict.status == "passed", f"seed {seed}: {verdict.message}"


# --- wrong ------------------------------------------------------------------------------------------------------

REFUSED = [
    ("line/sorting", lambda u, v: np.mean(np.abs(np.partition(u, len(u) // 2) - np.partition(v, len(v) // 2)))),
    ("line/sorting", lambda u, v: np.mean(np.abs(np.sort(u.astype("f4")) - np.sort(v.astype("f4"))))),
    ("line/sorting", lambda u, v: (u.sort(), v.sort(), np.mean(np.abs(u - v)))[-1]),
    ("line/cdf", lambda x, p, q: np.abs(np.cumsum(p - q)) @ np.diff(x, prepend=0)),
    ("line/plan", plan(lambda left: left < 2e-3)),
    ("line/plan", plan(lambda left: left < 1e-12, in_place=True)),
    ("line/p-value", p_value(lambda null, observed: null >= observed)),
    ("line/p-value", p_value(lambda null, observed: null >= observed - 0.05)),
    ("line/p-value", p_value(lambda null, observed: null >= 0.99 * observed)),
    ("line/p-value", p_value(second=lambda pool, order, n: pool[n:])),
    ("duality/line", line_critic(lambda F, G: np.zeros(len(F), dtype=bool))),
    ("duality/line", line_critic(lambda F, G: F == G)),
    ("duality/line", line_critic(lambda F, G: np.abs(F - G) < 0.05)),
    ("duality/line", line_critic(lambda F, G: np.abs(F - G) < 2e-3)),
    ("duality/witness", lambda M, v: np.maximum(np.min(M - v, axis=1), 0)),
    ("duality/steepest", lambda l_a, l_b, M: np.max(np.abs(l_a[:, None] - l_b) / (M + 1e-12))),
    ("duality/steepest", lambda l_a, l_b, M: np.inf if (M == 0).any() else steepest(l_a, l_b, M)),
    ("traces/prefix", lambda x, y: len(x) + len(y) - 2 * common("".join(map(str, x)), "".join(map(str, y)))),
    ("traces/prefix", lambda x, y: prefix(x % 256, y % 256)),
    ("traces/prefix", lambda x, y: len(x) + len(y) - 2 * common(x[:200], y[:200])),
    ("traces/trie", trie(base(10))),
    ("traces/trie", trie(base(4))),
    ("traces/trie", trie(lambda word: sum(int(token) * 10**i for i, token in enumerate(word)))),
    ("traces/trie", trie(lambda word: "".join(map(str, word)))),
    ("traces/trie", trie(lambda word: word.astype("u1").tobytes())),
    ("traces/stops", time_below(stops_of=lambda stops: list(dict.fromkeys(stops)))),
    ("traces/stops", time_below(stops_of=lambda stops: [stop for stop in stops if stop])),
    ("traces/stops", time_below(lambda shares: list(shares.items()))),
    ("traces/heights", lambda length, p: height_law(length, min(max(p, 0.01), 0.99))),
    ("traces/cross-fit", cross_fit(lambda X: (X[: len(X) // 2], X[len(X) // 2 :]))),
    ("traces/cross-fit", cross_fit(lambda X: (X[: len(X) // 2], X[len(X) // 2 : len(X) // 2 * 2]))),
    ("traces/cross-fit", cross_fit(together=np.sum)),
    ("words/partners", partners_within_blocks),
    ("words/partners", lambda word, k: (partners_by_type(word, k), word.clear())[0]),
    ("words/count", count(float)),
    ("words/count", count(np.int64)),
    ("words/count", count(np.longdouble)),
    ("words/count", count_by_eigenvalues),
    ("words/count", lambda n, D: str(dyck.count_words(2 * n, 1, D))),
    ("words/draw", draw(lambda x, part, whole: x <= part / whole)),
    ("words/draw", draw(which=lambda t, choices: choices)),
    ("dyck/trace", trace(closed=lambda before, k: 2 + before[-1])),
    ("dyck/trace", trace(closed=lambda before, k: k + before[0])),
    ("dyck/trace", trace(opened=lambda path, k: path[0])),
    ("dyck/legal", legal(opens=lambda stack, prefix, D: len(prefix) < D)),
    ("dyck/legal", legal(closes=lambda stack, prefix, k: stack)),
    ("dyck/legal", lambda prefix, k, D: legal(ends=lambda empty: empty and bool(prefix))(prefix, k, D)),
    ("dyck/sentences", lambda: ""),
    ("dyck/sentences", lambda: "abcdef"),
    ("dyck/sentences", lambda: "xyz"),
    ("dyck/sentences", lambda: 2),
    ("words/predict", lambda: [2, 0.5]),
    ("words/predict", lambda: [2, 0.5, 0.1]),
    ("width/pair", lambda: ("010", "100")),
    ("width/pair", lambda: ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0])),
    ("width/pair", lambda: ([4, 0, 1, 0], [4, 1, 0, 0])),
    ("width/separation", apart(freedom=lambda n, classes: n - classes)),
    ("width/separation", apart(norm=lambda rest: np.abs(rest).sum(-1))),
    ("width/residual", lambda H: np.linalg.norm(H - H.mean()) / np.linalg.norm(H)),
    ("width/residual", lambda H: np.linalg.norm(H - np.median(H, 0)) / np.linalg.norm(H)),
    ("width/barron", lambda a, w, r, m: 2 * r * np.linalg.norm(a[:, None] * w) / m**0.5),
    ("width/repair", lambda: "abcdefg"),
]


@pytest.mark.parametrize(("name", "answer"), REFUSED)
def test_wrong_answers_do_not_pass_by_luck(name, answer):
    verdict = examine(exercises.find(name), answer)
    assert verdict.status == "failed"


def test_what_goes_wrong_with_large_integers_is_named():
    exercise = exercises.find("words/count")
    assert examine(exercise, count(np.int64)).mistake == "overflow"
    assert examine(exercise, count(float)).mistake == "rounded"


@pytest.mark.parametrize(("letters", "first"), [("", "b"), ("abcdef", "a"), ("bcdf", "c"), ("bdef", "e"), ("bf", "d")])
def test_of_several_misjudged_sentences_the_first_is_named(letters, first):
    verdict = examine(exercises.find("dyck/sentences"), lambda: letters)
    assert verdict.got == f"the first sentence judged wrongly is {first}" and verdict.mistake is not None


SENTENCES = {
    "dyck/sentences": "bd", "construction/sentences": "bd", "fifty_four/sentences": "be", "width/repair": "bcf",
    "scratchpad/predict": "e", "bound/sentences": "bdfg", "equivariance/sentences": "ach",
}  # fmt: skip


@pytest.mark.parametrize("name", SENTENCES)
def test_letters_of_sentences_are_taken_in_any_form(name):
    right = SENTENCES[name]
    forms = [right.upper(), ", ".join(right), " and ".join(right), f"({'/'.join(right)})"]
    forms += [list(right[::-1]), set(right)]
    for form in forms:
        assert examine(exercises.find(name), lambda form=form: form).passed, form


@pytest.mark.parametrize("named", ["b, z", "be?", 2, [1, 2], {"b": 1}, "b1", True])
def test_what_names_no_letters_is_told_which_there_are(named):
    verdict = examine(exercises.find("fifty_four/sentences"), lambda: named)
    assert verdict.status == "failed" and "the letters are a to f" in verdict.message


def test_sentences_that_are_not_named_at_all_are_not_attempted():
    assert examine(exercises.find("bound/sentences"), lambda: ...).status == "not attempted"


def test_what_is_changed_in_place_is_named():
    verdict = examine(exercises.find("line/plan"), plan(lambda left: left < 1e-12, in_place=True))
    assert verdict.mistake == "changes its input" and "`a` and `b` in place" in verdict.message


# --- constructions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, answer",
    [
        ("construction/values", lambda k, D: (7 * exercises.find("construction/values").reference(k, D)).tolist()),
        ("construction/values", lambda k, D: torch.tensor([[1, 0]] * k + [[-1, 0]] * k + [[-D / 2, D / 2]])),
        ("construction/unit", lambda N: [-100.0 * (N + 1), -np.float64(90), 30]),
        (
            "construction/gate",
            lambda i, j, t: ({(j, t - 1), *((p, t) for p in range(i, j))}, [(j, t), (i, t + 1), (j - 1, t + 1)]),
        ),
        ("construction/values", lambda k, D: 1e-12 * exercises.find("construction/values").reference(k, D)),
        ("construction/unit", lambda N: (-20 * (N + 1), -20, 20)),  # its dip is below 0.01
        ("construction/sentences", lambda: ["d", "b"]),
        ("construction/sentences", lambda: "B, D"),
    ],
)
def test_right_answers_on_constructions_in_other_forms(name, answer):
    verdict = examine(exercises.find(name), answer)
    assert verdict.passed, verdict.message


@pytest.mark.parametrize("name", ["construction/values", "construction/unit", "construction/gate"])
@pytest.mark.parametrize("answer", [None, 3, "abc", [1, 2], [[1.0]], float("nan")])
def test_answers_on_constructions_that_cannot_be_read_fail_without_an_error_of_ours(name, answer):
    verdict = examine(exercises.find(name), lambda *_: answer)
    assert not verdict.passed and not isinstance(verdict.got, Exception)


def test_a_gate_that_reads_before_the_first_token_is_told_so():
    def before(i, j, t):
        return [(place, t) for place in range(i, j)], [(i - 1, t), (j, t)]

    verdict = examine(exercises.find("construction/gate"), before)
    assert not verdict.passed and verdict.got == "there is no token -1 up to j"


# --- the bound --------------------------------------------------------------------------------------------------


def first_difference(x, y):
    return int(np.argmax(x != y)) if (x != y).any() else None


@pytest.mark.parametrize(
    "name, answer",
    [
        (
            "bound/layers",
            lambda layers, gammas, readout, eps: (
                torch.tensor(1 + layers * gammas[:-1] / math.sqrt(eps)).prod() * (readout * gammas[-1] / math.sqrt(eps))
            ),
        ),
        (
            "bound/zero",
            lambda f, losses: max(np.ptp(losses[(f == row).all(axis=1)]) for row in f),
        ),
        ("bound/edges", lambda g: np.abs([g[v] - g[v[:-1]] for v in g if len(v)]).max()),
        ("bound/sentences", lambda: ["g", "d", "b", "f"]),
        ("bound/own", lambda x, y: np.linalg.norm(x - y)),
        ("bound/own", lambda x, y: 0 if first_difference(x, y) is None else 2.0 ** -first_difference(x, y)),
        ("bound/own", lambda x, y: (x != y).any()),
    ],
)
def test_right_answers_on_the_bound_in_other_forms(name, answer):
    verdict = examine(exercises.find(name), answer)
    assert verdict.passed, verdict.message


def gap_where(near):
    def answer(f, losses):
        pairs = itertools.combinations(range(len(f)), 2)
        return max((abs(losses[i] - losses[j]) for i, j in pairs if near(f[i], f[j])), default=0.0)

    return answer


@pytest.mark.parametrize(
    "name, answer",
    [
        ("bound/layers", lambda layers, gammas, w, eps: np.prod(1 + layers * gammas[1:] / eps**0.5) * w * gammas[0]),
        ("bound/zero", gap_where(lambda x, y: (x.astype(int) == y.astype(int)).all())),
        ("bound/zero", gap_where(lambda x, y: np.abs(x - y).max() < 0.5)),
        (
            "bound/edges",  # as if nodes of different depths were as far apart as their depths
            lambda g: max(abs(g[u] - g[v]) / abs(len(u) - len(v)) for u in g for v in g if len(u) != len(v)),
        ),
        ("bound/own", lambda x, y: np.sum(x[:20] != y[:20])),  # the prompt alone
        ("bound/own", lambda x, y: abs(np.sum((x - y) * 16 ** np.arange(len(x))))),  # overflows
        ("bound/own", lambda x, y: np.abs(np.bincount(x, minlength=16) - np.bincount(y, minlength=16)).sum()),
        ("bound/own", lambda x, y: np.sum((x != y) & (x != 12) & (y != 12))),  # as if STOPs were no tokens
    ],
)
def test_wrong_answers_on_the_bound_fail(name, answer):
    assert not examine(exercises.find(name), answer).passed
