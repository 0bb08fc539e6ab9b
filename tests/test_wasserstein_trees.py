"""Closed forms on trees against the linear programme on the explicit matrix, and their dual potentials."""

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howfar import dyck
from howfar.wasserstein import (
    Tree,
    dist,
    embedding_witness,
    emd2,
    lipschitz_violation,
    plug_in,
    population_stack,
    population_trie,
    stack_wasserstein,
    tree_embedding,
    tree_wasserstein,
    trie_wasserstein,
    wasserstein_1d,
)

CLOSE = dict(rel=1e-10, abs=1e-10)
cases = settings(deadline=None, max_examples=40)
seeds = st.integers(0, 2**32 - 1)


def random_tree(rng, n):
    """Parents and lengths, in an order that tells nothing."""
    parents = np.array([0] + [rng.integers(0, v) for v in range(1, n)])
    name = rng.permutation(n)
    out = np.empty(n, np.int64)
    out[name] = name[parents]
    return out, rng.random(n) * (rng.random(n) < 0.9)


def random_words(rng, n, k, most=5):
    """Dyck words of many lengths, with repetitions."""
    return dyck.pad_words([dyck.sample_words(1, 2 * rng.integers(0, most + 1), k, seed=rng)[0] for _ in range(n)])


def path_matrix(parents, length):
    """Distances by walking up to the root."""

    def ancestors(v):
        out = [v]
        while parents[v] != v:
            v = parents[v]
            out.append(v)
        return out

    n = len(parents)
    ups = [ancestors(v) for v in range(n)]
    return np.array([[sum(length[v] for v in set(ups[i]) ^ set(ups[j])) for j in range(n)] for i in range(n)])


def stacks(word, k):
    """The stack after each token."""
    out, stack = [], []
    for token in word.tolist():
        if token == -1:
            break
        stack = [*stack, token] if token < k else stack[:-1]
        out.append(tuple(stack))
    return out or [()]


def stack_distance(s, t, w):
    lcp = next((i for i, (x, y) in enumerate(zip(s, t, strict=False)) if x != y), min(len(s), len(t)))
    return w[lcp : len(s)].sum() + w[lcp : len(t)].sum()


def occupation(words, weights, k):
    law = {}
    for word, weight in zip(words, weights, strict=True):
        states = stacks(word, k)
        for state in states:
            law[state] = law.get(state, 0.0) + weight / len(states)
    return law


# Any tree


@cases
@given(seeds, st.integers(1, 25))
def test_tree_equals_the_linear_programme(seed, n):
    rng = np.random.default_rng(seed)
    parents, length = random_tree(rng, n)
    u, v = rng.dirichlet(np.full(n, 0.5), 2)
    M = path_matrix(parents, length)
    value = tree_wasserstein(parents, length, u, v)
    assert value == pytest.approx(ot.emd2(u, v, M), **CLOSE)
    tree = Tree(parents, length)
    np.testing.assert_allclose(tree.distances(), M, atol=1e-12)
    f = tree.potential(u, v)
    assert f @ u - f @ v == pytest.approx(value, **CLOSE)
    assert lipschitz_violation(f, M) <= 1e-12


def test_the_length_of_the_root_is_not_used():
    assert tree_wasserstein([0, 0], [1e12, 1], [1, 0], [0, 1 + 5e-7]) == pytest.approx(1, abs=1e-6)


def test_tree_in_batches_and_in_torch():
    rng = np.random.default_rng(0)
    parents, length = random_tree(rng, 40)
    u, v = rng.dirichlet(np.ones(40), 3).T, rng.dirichlet(np.ones(40), 3).T
    batch = tree_wasserstein(parents, length, u, v)
    assert batch.shape == (3,)
    np.testing.assert_allclose(batch, [tree_wasserstein(parents, length, u[:, i], v[:, i]) for i in range(3)])
    weights = torch.tensor(u[:, 0], requires_grad=True)
    value = tree_wasserstein(parents, length, weights, v[:, 0])
    assert value.item() == pytest.approx(batch[0], rel=1e-12)
    value.backward()
    f = Tree(parents, length).potential(u[:, 0], v[:, 0])  # the gradient is the potential
    np.testing.assert_allclose(weights.grad, f, atol=1e-12)


def test_a_path_is_a_line_and_deep_trees_work():
    n = 3000
    rng = np.random.default_rng(1)
    u, v = rng.dirichlet(np.ones(n), 2)
    path = np.maximum(np.arange(n) - 1, 0)
    positions = np.arange(n)
    assert tree_wasserstein(path, None, u, v) == pytest.approx(wasserstein_1d(positions, positions, u, v), rel=1e-10)


# Words in a trie


@cases
@given(seeds, st.integers(1, 3), st.booleans(), st.booleans())
def test_trie_equals_the_linear_programme(seed, k, weighted, uneven):
    rng = np.random.default_rng(seed)
    X_a, X_b = (random_words(rng, rng.integers(1, 30), k) for _ in range(2))
    w = rng.random(10) if uneven else np.ones(10)
    a, b = (rng.dirichlet(np.ones(len(X))) if weighted else None for X in (X_a, X_b))
    M = np.empty((len(X_a), len(X_b)))
    for i, x in enumerate(X_a.tolist()):
        for j, y in enumerate(X_b.tolist()):
            M[i, j] = stack_distance([s for s in x if s >= 0], [s for s in y if s >= 0], w)
    a_, b_ = (ot.unif(len(X)) if weights is None else weights for X, weights in ((X_a, a), (X_b, b)))
    length = w if uneven else None
    value = trie_wasserstein(X_a, X_b, a=a, b=b, length=length)
    assert value == pytest.approx(ot.emd2(a_, b_, M), **CLOSE)
    np.testing.assert_allclose(dist(X_a, X_b, metric="prefix", length=length), M, atol=1e-12)
    check_embedding(X_a, X_b, a_, b_, M, value, metric="prefix", length=length)


def check_embedding(X_a, X_b, a, b, M, value, **options):
    """The embedding gives the value, and a witness that does not break the metric M (None: not a metric on words)."""
    phi = tree_embedding([*dyck.word_array(X_a), *dyck.word_array(X_b)], **options)
    phi_a, phi_b = phi[: len(X_a)], phi[len(X_a) :]
    signs = embedding_witness(phi_a, phi_b, a=a, b=b)
    assert a @ (phi_a @ signs) - b @ (phi_b @ signs) == pytest.approx(value, **CLOSE)
    if M is not None:
        assert lipschitz_violation((phi_a @ signs, phi_b @ signs), M) <= 1e-10


@pytest.mark.parametrize("length, tokens", [(64, 4), (130, 2), (40, 1000), (7, 2**40)])
def test_trie_with_long_words_and_large_alphabets(length, tokens):
    """Words that are told apart only after many chunks of the packing."""
    rng = np.random.default_rng(length)
    stem = rng.integers(0, tokens, length)
    X = np.tile(stem, (120, 1))
    for row in X[:90]:
        row[rng.integers(0, length) :] = rng.integers(0, tokens)
    X_a, X_b = X[::2], X[1::2]
    M = dist(X_a, X_b)
    assert trie_wasserstein(X_a, X_b) == pytest.approx(ot.emd2([], [], M), **CLOSE)
    assert plug_in(
        *np.split(tree_embedding(np.concatenate([X_a, X_b]), metric="prefix").toarray(), 2)
    ) == pytest.approx(ot.emd2([], [], M), **CLOSE)


def test_trie_does_not_care_how_words_are_given():
    rng = np.random.default_rng(0)
    X_a, X_b = random_words(rng, 20, 2), random_words(rng, 30, 2)
    value = trie_wasserstein(X_a, X_b)
    wider = torch.cat([X_a, torch.full((20, 3), -1)], dim=1)
    lists = [[t for t in row if t >= 0] for row in X_b.tolist()]
    assert trie_wasserstein(wider, lists) == value == trie_wasserstein(X_a.numpy().astype(np.int8), X_b)
    assert trie_wasserstein(X_a, X_a[torch.randperm(20)]) == 0.0
    assert trie_wasserstein(X_a.repeat(3, 1), X_b) == pytest.approx(value, rel=1e-12)


# Stacks


@cases
@given(seeds, st.integers(1, 3), st.booleans(), st.booleans())
def test_stack_equals_the_linear_programme(seed, k, weighted, uneven):
    rng = np.random.default_rng(seed)
    X_a, X_b = (random_words(rng, rng.integers(1, 20), k) for _ in range(2))
    w = rng.random(10) if uneven else np.ones(10)
    a, b = (rng.dirichlet(np.ones(len(X))) if weighted else ot.unif(len(X)) for X in (X_a, X_b))
    P, Q = occupation(X_a, a, k), occupation(X_b, b, k)
    M = np.array([[stack_distance(s, t, w) for t in Q] for s in P])
    expected = ot.emd2(np.array([*P.values()]), np.array([*Q.values()]) * (sum(P.values()) / sum(Q.values())), M)
    length = w if uneven else None
    value = stack_wasserstein(X_a, X_b, k, length=length, **({"a": a, "b": b} if weighted else {}))
    assert value == pytest.approx(expected, **CLOSE)
    check_embedding(X_a, X_b, a, b, None, value, metric="stack", k=k, length=length)


def test_stack_potential_does_not_break_the_tree_metric():
    rng = np.random.default_rng(5)
    X_a, X_b, k = random_words(rng, 20, 2), random_words(rng, 20, 2), 2
    states = sorted({()} | {s[:i] for X in (X_a, X_b) for x in X for s in stacks(x, k) for i in range(len(s) + 1)})
    index = {s: i for i, s in enumerate(states)}
    tree = Tree([index[s[:-1]] for s in states])
    P, Q = (np.zeros(len(states)) for _ in range(2))
    for X, law in ((X_a, P), (X_b, Q)):
        for s, p in occupation(X, ot.unif(len(X)), k).items():
            law[index[s]] = p
    assert tree.wasserstein(P, Q) == pytest.approx(stack_wasserstein(X_a, X_b, k), **CLOSE)
    M = np.array([[stack_distance(s, t, np.ones(9)) for t in states] for s in states])
    assert lipschitz_violation(tree.potential(P, Q), M) <= 1e-12


def test_stack_with_random_keys_for_deep_words():
    """Depth 45 with 3 types would need 90 bits: keys are hashed."""
    rng = np.random.default_rng(0)
    X_a, X_b = (dyck.Walk(90, 3, p).sample(15, rng) for p in (0.9, 0.95))
    for X, last in ((X_a, 1), (X_b, 2)):  # two stacks that differ from depth 41 on only
        X[0] = torch.tensor([0] * 40 + [last] * 5 + [3 + last] * 5 + [3] * 40)
    below = {}  # mass below each node, by going down every stack
    for X, sign in ((X_a, 1), (X_b, -1)):
        for state, mass in occupation(X, ot.unif(15), 3).items():
            for depth in range(1, len(state) + 1):
                below[state[:depth]] = below.get(state[:depth], 0.0) + sign * mass
    expected = sum(map(abs, below.values()))
    assert stack_wasserstein(X_a, X_b, 3) == pytest.approx(expected, **CLOSE)
    phi = tree_embedding(torch.cat([X_a, X_b]), metric="stack", k=3)
    assert plug_in(phi[:15], phi[15:]) == pytest.approx(expected, **CLOSE)


def test_small_blocks_change_nothing(monkeypatch):
    X_a, X_b = dyck.Walk(20, 2, 0.5).sample(300, 0), dyck.Walk(20, 2, 0.7).sample(200, 1)
    value = stack_wasserstein(X_a, X_b, 2)
    monkeypatch.setattr("howfar.wasserstein.stack.BLOCK", 64)
    assert stack_wasserstein(X_a, X_b, 2) == pytest.approx(value, rel=1e-12)


def test_real_code_has_words_of_many_lengths():
    X_a, X_b = (
        dyck.from_brackets([w for file in dyck.source_code.load(p).values() for w in file][:60])
        for p in ("json", "tomllib")
    )
    assert X_a.shape[1] != X_b.shape[1]
    assert trie_wasserstein(X_a, X_b) == pytest.approx(emd2(None, None, dist(X_a, X_b)), **CLOSE)
    P, Q = (occupation(X, ot.unif(len(X)), 3) for X in (X_a, X_b))
    M = np.array([[stack_distance(s, t, np.ones(20)) for t in Q] for s in P])
    assert stack_wasserstein(X_a, X_b, 3) == pytest.approx(emd2([*P.values()], [*Q.values()], M), **CLOSE)


# Ground metrics


def test_edit_distance_by_hand_and_by_recursion():
    assert dist([[0, 1, 2], [0], []], [[0, 2], [3, 3, 3, 3]], metric="edit").tolist() == [[1, 4], [1, 4], [2, 4]]

    def slow(x, y):
        if not x or not y:
            return len(x) + len(y)
        return min(slow(x[1:], y) + 1, slow(x, y[1:]) + 1, slow(x[1:], y[1:]) + (x[0] != y[0]))

    rng = np.random.default_rng(0)
    X_a, X_b = ([rng.integers(0, 3, rng.integers(0, 6)).tolist() for _ in range(9)] for _ in range(2))
    assert dist(X_a, X_b, metric="edit").tolist() == [[slow(x, y) for y in X_b] for x in X_a]


def test_stack_metric_by_walking_every_pair_of_words():
    rng = np.random.default_rng(0)
    X_a, X_b, w = random_words(rng, 12, 2), random_words(rng, 9, 2), rng.random(10)
    laws_a, laws_b = ([occupation([x], [1.0], 2) for x in X] for X in (X_a, X_b))
    expected = np.empty((12, 9))
    for i, P in enumerate(laws_a):
        for j, Q in enumerate(laws_b):
            M = np.array([[stack_distance(s, t, w) for t in Q] for s in P])
            expected[i, j] = ot.emd2(np.array([*P.values()]), np.array([*Q.values()]), M)
    np.testing.assert_allclose(dist(X_a, X_b, metric="stack", k=2, length=w), expected, atol=1e-12)


@pytest.mark.parametrize("metric", ["prefix", "stack", "depth"])
@pytest.mark.parametrize("uneven", [False, True])
def test_one_name_is_one_metric(metric, uneven):
    """`dist` is the L1 distance between the rows of the embedding of that name, and W_1 between single words."""
    rng = np.random.default_rng(1)
    X_a, X_b = random_words(rng, 7, 2), random_words(rng, 8, 2)
    options = {"length": rng.random(10)} if uneven and metric != "depth" else {}
    of_stacks = {} if metric == "prefix" else {"k": 2}
    M = dist(X_a, X_b, metric=metric, **of_stacks, **options)
    phi = tree_embedding(
        [[t for t in x if t >= 0] for X in (X_a, X_b) for x in X.tolist()], metric=metric, **of_stacks, **options
    ).toarray()
    np.testing.assert_allclose(M, np.abs(phi[:7, None] - phi[None, 7:]).sum(axis=2), atol=1e-12)
    single = {
        "prefix": lambda x, y: trie_wasserstein(x, y, **options),
        "stack": lambda x, y: stack_wasserstein(x, y, 2, **options),
        "depth": lambda x, y: abs(float(dyck.depths(x, 2).max() - dyck.depths(y, 2).max())),
    }[metric]
    pairs = [[single(X_a[i : i + 1], X_b[j : j + 1]) for j in range(8)] for i in range(7)]
    np.testing.assert_allclose(M, pairs, atol=1e-12)


def test_the_occupation_distance_is_a_lower_bound_and_depth_a_line():
    X_a, X_b = dyck.Walk(24, 2, 0.5).sample(80, 0), dyck.Walk(24, 2, 0.7).sample(80, 1)
    assert stack_wasserstein(X_a, X_b, 2) <= emd2(None, None, dist(X_a, X_b, metric="stack", k=2)) + 1e-12
    tops = [dyck.depths(X, 2).max(dim=1).values for X in (X_a, X_b)]
    line = wasserstein_1d(*(t.numpy() for t in tops))
    assert emd2(None, None, dist(X_a, X_b, metric="depth", k=2)) == pytest.approx(line, **CLOSE)
    phi = tree_embedding(torch.cat([X_a, X_b]), metric="depth", k=2)
    assert plug_in(phi[:80], phi[80:]) == pytest.approx(line, **CLOSE)


def test_edit_distance_of_words_beyond_16_bits():
    assert dist([[0], []], np.zeros((1, 40_000), int), metric="edit").tolist() == [[39_999], [40_000]]
    assert dist(np.zeros((1, 2**15 - 1), int), [[1], [0]], metric="edit").tolist() == [[2**15 - 1, 2**15 - 2]]


def test_empty_words():
    empty, pair = [[], []], [[0, 1], []]
    assert stack_wasserstein([[]], [[]], 1) == stack_wasserstein(empty, empty, 1, a=[0.5, 0.5]) == 0.0
    assert stack_wasserstein(empty, pair, 1) == pytest.approx(0.25)  # one of two words spends half its time at depth 1
    assert trie_wasserstein([[]], empty) == 0.0 and trie_wasserstein(empty, pair) == pytest.approx(1.0)
    for metric in ("prefix", "stack", "edit", "depth"):
        k = 1 if metric in ("stack", "depth") else None
        assert dist(empty, metric=metric, k=k).tolist() == [[0, 0], [0, 0]]
        assert dist(empty, pair, metric=metric, k=k)[:, 1].tolist() == [0, 0]


def test_tokens_of_any_integer_type():
    X_a, X_b = dyck.Walk(10, 2, 0.5).sample(9, 0).numpy(), dyck.Walk(10, 2, 0.7).sample(9, 1).numpy()
    for dtype in (np.uint64, np.uint8, np.int8, np.int32):
        a, b = X_a.astype(dtype), X_b.astype(dtype)
        assert stack_wasserstein(a, b, np.int64(2)) == stack_wasserstein(X_a, X_b, 2)
        assert trie_wasserstein(a, b) == trie_wasserstein(X_a, X_b)
        assert (dist(a, b, metric="stack", k=np.int8(2)) == dist(X_a, X_b, metric="stack", k=2)).all()


# The laws themselves


def test_population_values():
    """Values at T = 64, opening with 0.5 against 0.6, from an independent computation."""
    P, Q = dyck.Walk(64, 2, 0.5), dyck.Walk(64, 2, 0.6)
    depth = np.arange(64)
    assert population_stack(P, Q, length=0.7**depth) == pytest.approx(0.5467, abs=5e-5)
    assert population_trie(P, Q, length=1 / 128) == pytest.approx(0.3862, abs=5e-5)
    assert population_trie(P, Q, length=0.1 / 2 * 0.9**depth) == pytest.approx(0.1960, abs=5e-5)
    assert population_trie(P, Q, length=0.3 / 2 * 0.7**depth) == pytest.approx(0.0959, abs=5e-5)


@pytest.mark.parametrize("max_depth", [None, 1, 2, 3, 4])
def test_population_values_by_enumeration(max_depth):
    P, Q = dyck.Walk(8, 2, 0.4, max_depth), dyck.Walk(8, 2, 0.7, max_depth)
    words = dyck.all_words(8, 2, max_depth)
    weights = []
    for law in (P, Q):
        push, heights = law.push_table(), dyck.depths(words, 2).numpy()
        before = np.concatenate([np.zeros((len(words), 1), int), heights[:, :-1]], axis=1)
        chance = push[np.arange(8), before]
        weights.append(np.where(words < 2, chance / 2, 1 - chance).prod(axis=1))
    length = np.linspace(1, 0.3, 8)
    options = {"a": weights[0], "b": weights[1], "length": length}
    assert population_trie(P, Q, length=length) == pytest.approx(trie_wasserstein(words, words, **options), **CLOSE)
    assert population_stack(P, Q, length=length) == pytest.approx(
        stack_wasserstein(words, words, 2, **options), **CLOSE
    )
    uniform = dyck.Uniform(8, 2, max_depth)
    assert population_stack(uniform, Q) == pytest.approx(stack_wasserstein(words, words, 2, b=weights[1]), **CLOSE)


def test_population_of_long_walks():
    """At 400 tokens the first token that was chosen differs with probability 0.1; by 400 nearly every prefix does."""
    P, Q = dyck.Walk(400, 2, 0.4), dyck.Walk(400, 2, 0.5)
    found = [population_trie(P, Q, length=np.eye(400)[t]) for t in (0, 1, 399)]
    assert found[0] == 0 and found[1] == pytest.approx(0.2) and 1.3 < found[2] < 2
    assert population_trie(P, Q) == pytest.approx(599.539830690, abs=1e-8)  # counted before, by slower code


@pytest.mark.parametrize("D, E, value", [(2, 3, 0.485714), (3, 5, 0.987013), (2, 4, 0.977778)])
def test_heights_of_the_automaton(D, E, value):
    shares = [dyck.Automaton(2, d).height_share() for d in (D, E)]
    assert wasserstein_1d(np.arange(D + 1), np.arange(E + 1), *shares) == pytest.approx(value, abs=1e-6)


# What is refused


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: tree_wasserstein([0, 0], None, [1, 0], [0, 2]), "same positive total mass, got 1 and 2"),
        (lambda: tree_wasserstein([0, 0], None, [1, -1], [0, 0]), "u_weights must be non-negative, row 1 is -1"),
        (lambda: tree_wasserstein([0, 0], None, [1, 0], [np.nan, 1]), "v_weights must be finite, row 0"),
        (lambda: tree_wasserstein([0, 0], [1, -1], [1, 0], [0, 1]), "length must be non-negative, row 1"),
        (lambda: tree_wasserstein([0, 0], None, [1], [0, 1]), r"u_weights must have shape \(2,\)"),
        (lambda: tree_wasserstein([0, 1], None, [1, 0], [0, 1]), "one root"),
        (lambda: tree_wasserstein([0, 2, 1], None, [1, 0, 0], [0, 1, 0]), "node 1 does not lead up"),
        (lambda: tree_wasserstein([0, 5], None, [1, 0], [0, 1]), "node 1 has 5"),
        (lambda: tree_wasserstein([0, 0], None, torch.tensor([1.0, -1.0]), [0, 1]), "u_weights must be non-neg"),
        (lambda: trie_wasserstein([[0]], np.array([[0, 1], [-1, 1]])), "X_b may hold -1 only after .* row 1"),
        (lambda: trie_wasserstein(np.array([[0.0]]), [[0]]), "X_a must hold integer"),
        (lambda: trie_wasserstein([[0], [1]], [[0]], a=[0.5, np.nan]), "a must be finite, row 1"),
        (lambda: trie_wasserstein([[0], [1]], [[0]], a=[1.5, -0.5]), "a must be non-negative, row 1"),
        (lambda: trie_wasserstein([[0], [1]], [[0]], a=[0.5, 0.6]), "same positive total mass"),
        (lambda: trie_wasserstein([[0], [1]], [[0]], a=[1.0]), r"a must have shape \(2,\)"),
        (lambda: trie_wasserstein(np.zeros((0, 4), int), [[0]]), "n >= 1"),
        (lambda: trie_wasserstein([[0, 1]], [[0]], length=[1.0]), "length must be a number or"),
        (lambda: trie_wasserstein([[2**60]], [[0]]), "tokens must be below"),
        (lambda: stack_wasserstein([[0, 2]], [[0, 2], [0, 3]], 2), "X_b: row 1 closes type 1 where type 0 is open"),
        (lambda: stack_wasserstein([[0, 2]], [[0, 2], [2, 0]], 2), "X_b: row 1 closes a bracket with nothing open"),
        (lambda: stack_wasserstein([[0, 2], [0, 0]], [[0, 2]], 2), "X_a must hold balanced words, row 1 leaves 2"),
        (lambda: stack_wasserstein([[0, 2], [0, 4]], [[0, 2]], 2), "X_a must hold tokens in 0..3 for k=2, row 1"),
        (lambda: stack_wasserstein([[0, 3, 1, 2]], [[0, 2]], 2), "X_a: row 0 closes type 1"),
        (lambda: stack_wasserstein([[0] * 60 + [6] * 59 + [7]], [[0, 6]], 6), "X_a: row 0 closes type 1"),
        (
            lambda: dist([[0, 1]], metric="hamming"),
            "metric must be one of 'prefix', 'stack', 'edit', 'depth'; got 'ham",
        ),
        (lambda: dist([[0, 1]], metric="stack"), "needs k"),
        (lambda: dist([[0, 1]], metric="edit", length=2), "has no edge lengths"),
        (lambda: tree_embedding([[0, 1]], metric="edit"), "metric must be one of 'prefix', 'stack', 'depth'"),
        (lambda: tree_embedding([[0, 1]], metric="depth"), "needs k"),
        (lambda: population_trie(dyck.Walk(4, 2), dyck.Walk(6, 2)), "p_open only"),
        (lambda: population_trie(dyck.Uniform(4, 2), dyck.Walk(4, 2)), "P must be a howfar.dyck.Walk"),
        (lambda: population_stack(dyck.Walk(4, 2), dyck.Walk(4, 3)), "k=2 and k=3"),
        (lambda: population_trie(dyck.Walk(1002, 2), dyck.Walk(1002, 2)), "at most 1000 tokens"),
        (lambda: population_trie(*[dyck.Walk(800, 2, p, 200) for p in (0.4, 0.5)]), "800 steps of 16,281,402 states"),
        (lambda: stack_wasserstein([[0, 2**31]], [[0, 2**31]], 2**31), "k=2147483648 types .* keys .32 GiB"),
        (lambda: tree_embedding([[0, 2**31]], metric="stack", k=2**31), "k=2147483648 types .* keys"),
        (lambda: stack_wasserstein([[0, 2]], [[0, 2]], 2.0), "k must be a positive integer, got 2.0"),
        (lambda: dist([[0, 2]], metric="stack", k="2"), "k must be a positive integer, got '2'"),
        (lambda: dist([[0, 2], [0]], metric="stack", k=2), "X_a must hold balanced words, row 1"),
        (lambda: dist([[0, 2]], [[2, 0]], metric="stack", k=2), "X_b: row 0 closes a bracket with nothing open"),
        (lambda: trie_wasserstein([[0]], [[0]], length="long"), "length must hold real numbers"),
        (lambda: trie_wasserstein([[0]], [[0]], a=np.ma.array([1.0], mask=[0])), "a must be a plain array"),
        (lambda: trie_wasserstein([[0]], [[0]], a=[1j]), "a must hold real numbers"),
        (lambda: trie_wasserstein([[0]], [[0]], a=[1e308], b=[1e308]), "a must be at most 1e"),
        (lambda: tree_wasserstein([0, 0], None, [1e308] * 2, [1e308] * 2), "u_weights must be at most 1e"),
        (
            lambda: tree_wasserstein([0, 0.0], None, [1, 0], [0, 1]),
            "tree must hold integers, got list of dtype float64",
        ),
        (lambda: tree_wasserstein(None, None, [1, 0], [0, 1]), "tree must hold integers"),
        (lambda: tree_wasserstein([0, 0], None, None, [0, 1]), "u_weights must hold real numbers"),
        (lambda: Tree([0, 0]).potential([[1], [0]], [[0], [1]]), r"u_weights must have shape \(2,\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
