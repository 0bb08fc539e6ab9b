"""Dyck words: counts against tables, samplers against enumeration, readers against a plain stack."""

import hashlib
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from howfar import dyck
from howfar.dyck import source_code


def read(word, k, max_depth=None):
    """The plain stack machine: the stack after the word, or None."""
    stack = []
    for token in word:
        if token < k:
            stack.append(token)
            if max_depth is not None and len(stack) > max_depth:
                return None
        elif not stack or stack.pop() != token - k:
            return None
    return stack


def random_rows(k):
    """A strategy for the number of types with rows of random tokens."""
    tokens = st.lists(st.integers(0, 2 * k - 1), max_size=8)
    return st.tuples(st.just(k), st.lists(tokens, min_size=1, max_size=6))


def chi_square_p(words, language):
    index = {tuple(w): i for i, w in enumerate(language.tolist())}
    counts = np.bincount([index[tuple(w)] for w in words.tolist()], minlength=len(index))
    return stats.chisquare(counts).pvalue


# Counting


@pytest.mark.parametrize(
    "max_depth, counts",
    [
        (1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        (2, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]),
        (3, [1, 2, 5, 13, 34, 89, 233, 610, 1597, 4181, 10946, 28657]),
        (4, [1, 2, 5, 14, 41, 122, 365, 1094, 3281, 9842, 29525, 88574]),
        (5, [1, 2, 5, 14, 42, 131, 417, 1341, 4334, 14041, 45542, 147798]),
        (6, [1, 2, 5, 14, 42, 132, 428, 1416, 4744, 16016, 54320, 184736]),
        (None, [1, 2, 5, 14, 42, 132, 429, 1430, 4862, 16796, 58786, 208012]),
    ],
)
def test_counts_of_one_type(max_depth, counts):
    assert [dyck.count_words(2 * n, 1, max_depth) for n in range(1, 13)] == counts


@pytest.mark.parametrize(
    "k, max_depth, counts",
    [
        (2, 3, [1, 2, 8, 40, 208, 1088, 5696, 29824, 156160]),
        (2, 2, [1, 2, 8, 32, 128, 512, 2048, 8192, 32768]),
        (3, 2, [1, 3, 18, 108, 648, 3888, 23328]),
        (2, None, [1, 2, 8, 40, 224, 1344, 8448, 54912, 366080]),
    ],
)
def test_counts_of_several_types(k, max_depth, counts):
    assert [dyck.count_words(2 * n, k, max_depth) for n in range(len(counts))] == counts


@pytest.mark.parametrize(
    "k, max_depth, counts",
    [
        (1, None, [1, 1, 2, 3, 6, 10, 20, 35, 70, 126, 252]),
        (2, None, [1, 2, 6, 16, 48, 136, 408, 1184, 3552, 10432, 31296]),
        (3, None, [1, 3, 12, 45, 180, 702, 2808, 11097, 44388]),
        (2, 2, [1, 2, 6, 8, 24, 32, 96, 128, 384, 512, 1536]),
        (2, 3, [1, 2, 6, 16, 32, 88, 168, 464, 880, 2432, 4608]),
    ],
)
def test_counts_of_prefixes(k, max_depth, counts):
    assert [dyck.count_prefixes(m, k, max_depth) for m in range(len(counts))] == counts


@pytest.mark.parametrize("whole", [int, np.int64, np.int8, np.uint8, torch.tensor])
def test_counts_are_exact_where_floats_and_machine_integers_are_not(whole):
    n = 35
    words = dyck.count_words(whole(2 * n), whole(4), whole(100))
    assert type(words) is int and words == 4**n * (math.comb(2 * n, n) // (n + 1))
    assert dyck.count_prefixes(whole(80), whole(4)) == sum(
        4 ** (40 + h // 2) * (h + 1) * math.comb(81, 40 - h // 2) // 81 for h in range(0, 81, 2)
    )
    assert dyck.count_prefixes(whole(70), whole(2)) == 1251828043964862750622745062539264
    assert dyck.count_words(whole(7), whole(2)) == 0
    assert dyck.count_words(whole(0), whole(2), whole(0)) == 1
    assert dyck.Uniform(whole(2 * n), whole(4), whole(9)) == dyck.Uniform(2 * n, 4, 9)


def test_counts_of_long_words():
    assert dyck.count_words(10_000, 2) == 2**5000 * (math.comb(10_000, 5000) // 5001)
    assert dyck.count_prefixes(10_001, 1) == math.comb(10_001, 5000)
    assert dyck.count_prefixes(3000, 2, 1) == 2**1500
    assert dyck.count_words(3000, 1, 2) == 2**1499


@pytest.mark.parametrize("bad", [None, "4", math.nan, math.inf, [4], 4.0, True, -1, torch.tensor(4.0)])
def test_every_count_refuses_what_is_no_count(bad):
    word = [0, 1, 3, 2]
    calls = {
        "length": [lambda x: dyck.count_words(x, 2), lambda x: dyck.count_prefixes(x, 2), lambda x: dyck.Walk(x, 2)],
        "k": [
            *(lambda x, f=f: f(4, x) for f in (dyck.count_words, dyck.all_words, dyck.all_prefixes)),
            *(lambda x, f=f: f(4, x) for f in (dyck.Uniform, dyck.Walk)),
            *(lambda x, f=f: f(word, x) for f in (dyck.is_word, dyck.is_prefix, dyck.depths, dyck.partners)),
            *(lambda x, f=f: f(word, x) for f in (dyck.legal_tokens, dyck.to_tree, dyck.open_stack, dyck.check_words)),
            lambda x: dyck.from_tree([0, 0], [-1, 0], x),
            lambda x: dyck.to_brackets(word, x),
            lambda x: dyck.Automaton(x, 2),
            lambda x: dyck.sample_words(1, 4, x),
        ],
        "max_depth": [
            *(lambda x, f=f: f(4, 2, x) for f in (dyck.count_words, dyck.count_prefixes, dyck.Uniform)),
            *(lambda x, f=f: f(word, 2, x) for f in (dyck.is_word, dyck.legal_tokens, dyck.check_words)),
            lambda x: dyck.Automaton(2, 1 if x is None else x),
        ],
        "n": [lambda x: dyck.sample_words(x, 4, 2), lambda x: dyck.Automaton(2, 3).sample(x)],
    }
    for name, functions in calls.items():
        if name == "max_depth" and bad is None:
            continue
        for call in functions:
            with pytest.raises(ValueError, match=rf"^{name} must be an? (positive )?integer"):
                call(bad)


@pytest.mark.parametrize(
    "length, k, max_depth", [(0, 2, None), (6, 1, None), (8, 2, None), (8, 2, 2), (6, 3, 2), (5, 2, None)]
)
def test_all_words_lists_each_word_once_in_order(length, k, max_depth):
    words = dyck.all_words(length, k, max_depth)
    assert words.shape == (dyck.count_words(length, k, max_depth), length)
    rows = [tuple(w) for w in words.tolist()]
    assert rows == sorted(set(rows))
    assert all(read(w, k, max_depth) == [] for w in rows)


@pytest.mark.parametrize(
    "length, k, max_depth",
    [(0, 2, None), (1, 3, None), (6, 1, None), (6, 2, None), (6, 2, 2), (7, 2, 3), (5, 3, 1), (4, 2, 0), (0, 2, 0)],
)
def test_all_prefixes_by_brute_force(length, k, max_depth):
    prefixes = dyck.all_prefixes(length, k, max_depth)
    assert prefixes.dtype is torch.int64 and prefixes.shape == (dyck.count_prefixes(length, k, max_depth), length)
    every = itertools.product(range(2 * k), repeat=length)  # in lexicographic order
    assert [tuple(p) for p in prefixes.tolist()] == [w for w in every if read(w, k, max_depth) is not None]


# Laws


@pytest.mark.parametrize("length, k, max_depth", [(8, 1, None), (6, 2, None), (10, 1, 3), (6, 2, 2)])
def test_uniform_words_pass_a_chi_square_test(length, k, max_depth):
    words = dyck.sample_words(40_000, length, k, max_depth, seed=3)
    assert chi_square_p(words, dyck.all_words(length, k, max_depth)) > 1e-3


def test_the_chi_square_test_sees_a_law_that_is_not_uniform():
    words = dyck.Walk(8, 1, 0.5).sample(40_000, seed=3)
    assert chi_square_p(words, dyck.all_words(8, 1)) < 1e-6


@pytest.mark.parametrize("length, k, max_depth", [(12, 2, 3), (20, 3, None), (2, 1, 1)])
def test_the_entropy_of_uniform_words_is_the_log_of_their_number(length, k, max_depth):
    bits = math.log2(dyck.count_words(length, k, max_depth))
    assert dyck.Uniform(length, k, max_depth).entropy() == pytest.approx(bits, rel=1e-12)


def test_a_walk_has_the_entropy_and_the_heights_of_its_words():
    law = dyck.Walk(8, 2, 0.3, max_depth=3)
    push = law.push_table()
    bits, heights = 0.0, np.zeros((9, 4))
    for word in dyck.all_words(8, 2, 3):
        path = [0, *dyck.depths(word, 2).tolist()]
        chance = 1.0
        for t in range(8):
            p = push[t, path[t]]
            chance *= p / 2 if path[t + 1] > path[t] else 1 - p
        bits -= chance * math.log2(chance)
        heights[np.arange(9), path] += chance
    assert law.entropy() == pytest.approx(bits, rel=1e-12)
    np.testing.assert_allclose(law.height_law(), heights, atol=1e-14)


@pytest.mark.parametrize("n, mean", [(5, 2.81), (10, 4.355), (20, 6.606), (50, 11.147)])
def test_the_depth_of_uniform_words(n, mean):
    depth = dyck.depths(dyck.sample_words(20_000, 2 * n, 2, seed=n), 2).max(dim=1).values.double()
    assert abs(depth.mean() - mean) < 4 * depth.std() / math.sqrt(20_000) + 0.005


@pytest.mark.parametrize(
    "k, max_depth, nats",
    [
        (2, 2, 0.83178), (2, 3, 0.89119), (2, 5, 0.94520), (2, 10, 0.99021), (8, 3, 1.48532),
        (8, 10, 1.65035), (32, 10, 2.31049), (128, 5, 2.83560), (1, 3, 0.59413),
    ],
)  # fmt: skip
def test_the_entropy_of_the_automaton(k, max_depth, nats):
    assert dyck.Automaton(k, max_depth).nats_per_token() == pytest.approx(nats, abs=6e-6)


def test_the_automaton_draws_what_its_formulas_say():
    law, n = dyck.Automaton(2, 3), 40_000
    words = law.sample(n, seed=0)
    assert dyck.is_word(words, 2, 3).all()
    lengths = (words >= 0).sum(1).double()
    assert abs(lengths.mean() - 6) < 4 * lengths.std() / math.sqrt(n)
    deepest = dyck.depths(words, 2).max(dim=1).values
    for d in (1, 2, 3):
        assert abs((deepest >= d).double().mean() - 1 / (d + 1)) < 4 * 0.5 / math.sqrt(n)
    heights = torch.cat([torch.zeros(n, 1, dtype=torch.long), dyck.depths(words, 2)], dim=1)
    there = torch.cat([torch.ones(n, 1, dtype=torch.bool), words >= 0], dim=1)
    share = np.bincount(heights[there].numpy()) / int(there.sum())
    np.testing.assert_allclose(share, law.height_share(), atol=0.01)
    coins = (there & (heights < 3)).sum(1)  # one before each token and the end, none at the greatest depth
    bits = coins + lengths / 2 * math.log2(2)  # minus the log-probability of each word; its mean is the entropy
    assert bits.mean() == pytest.approx(law.entropy(), rel=0.02)


@pytest.mark.parametrize("length, max_depth", [(2, None), (12, None), (30, None), (30, 15), (30, 14), (30, 4), (8, 1)])
def test_the_chances_of_a_uniform_word_are_ratios_of_counts_rounded_once(length, max_depth):
    highest = length // 2 if max_depth is None else max_depth
    push = dyck.Uniform(length, 2, max_depth).push_table()
    ways = {0: 1}  # by height: the paths that come down to 0 in the tokens left
    for t in range(length - 1, -1, -1):
        after, ways = ways, {h: ways.get(h + 1, 0) + ways.get(h - 1, 0) for h in range(highest + 1)}
        for h in range(t % 2, min(t, length - t, highest) + 1, 2):
            assert push[t, h] == float(Fraction(after.get(h + 1, 0), ways[h]))
    assert not push.flags.writeable  # kept for the next call


def test_a_seed_gives_the_words_that_it_always_gave():
    """Recorded numbers depend on them."""
    assert dyck.sample_words(2, 8, 2, seed=0).tolist() == [[1, 0, 2, 0, 2, 1, 3, 3], [0, 2, 1, 3, 0, 2, 0, 2]]
    assert dyck.sample_words(2, 8, 2, 3, seed=5).tolist() == [[1, 0, 2, 0, 2, 3, 1, 3], [0, 1, 3, 2, 0, 2, 1, 3]]
    walks = dyck.Walk(10, 3, 0.4).sample(2, seed=1)
    assert walks.tolist() == [[0, 3, 0, 3, 1, 4, 2, 1, 4, 5], [0, 0, 3, 1, 4, 0, 1, 4, 3, 3]]
    assert dyck.Automaton(2, 3).sample(4, seed=7).tolist() == [[-1] * 4] * 3 + [[0, 2, 0, 2]]
    for words, digest in (
        (dyck.sample_words(1000, 64, 2, seed=0), "d1975e24b245de01"),
        (dyck.sample_words(1000, 64, 2, 5, seed=0), "0b2836019a7503ef"),
        (dyck.sample_words(1, 2000, 2, seed=0), "c3555ee21817923e"),
        (dyck.sample_words(3, 200, 20_000, seed=0), "8a89adf1a760c4fe"),
        (dyck.Walk(64, 2, 0.6, 5).sample(1000, seed=3), "c2e08f617fd266d8"),
        (dyck.Automaton(3, 5).sample(1000, seed=3), "ee1b070f14de119d"),
    ):
        assert hashlib.sha256(words.numpy().tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("law", [dyck.Uniform(12, 2), dyck.Walk(12, 2, 0.4), dyck.Automaton(2, 3)])
def test_every_kind_of_seed(law):
    def draw(seed):
        return law.sample(20, seed)

    for kind in (torch.Generator().manual_seed, np.random.default_rng, int):
        assert torch.equal(draw(kind(3)), draw(kind(3)))
    source = torch.Generator().manual_seed(3)
    first, second = draw(source), draw(source)  # its state moves on
    assert first.shape != second.shape or not torch.equal(first, second)
    torch.manual_seed(5)
    first = draw(None)
    torch.manual_seed(5)
    assert torch.equal(first, draw(None))
    for bad in ("a", -1, 2.5, True):
        with pytest.raises(ValueError, match=r"^seed must be"):
            draw(bad)


def test_seeds_repeat_and_differ():
    law = dyck.Walk(20, 2, 0.5)
    assert torch.equal(law.sample(9, seed=1), law.sample(9, seed=1))
    assert not torch.equal(law.sample(9, seed=1), law.sample(9, seed=2))
    assert law.sample(0).shape == (0, 20)


# Readers


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3).flatmap(random_rows), st.none() | st.integers(0, 3))
def test_membership_agrees_with_a_plain_stack(language, max_depth):
    k, rows = language
    words = dyck.pad_words(rows)
    stacks = [read(row, k, max_depth) for row in rows]
    assert dyck.is_word(words, k, max_depth).tolist() == [s == [] for s in stacks]
    assert dyck.is_prefix(words, k, max_depth).tolist() == [s is not None for s in stacks]


@pytest.mark.parametrize("k, max_depth", [(1, None), (2, None), (2, 2), (3, 1)])
def test_legal_tokens_by_brute_force(k, max_depth):
    prefixes = [[]]
    for _ in range(5):
        prefixes += [
            [*p, s] for p in prefixes if len(p) == len(prefixes[-1]) for s in range(2 * k)
            if read([*p, s], k, max_depth) is not None
        ]  # fmt: skip
    legal = dyck.legal_tokens(prefixes, k, max_depth)
    for row, prefix in zip(legal, prefixes, strict=True):
        for t in range(len(prefix) + 1):
            expected = [read([*prefix[:t], s], k, max_depth) is not None for s in range(2 * k)]
            assert row[t].tolist() == [*expected, read(prefix[:t], k) == []]
        assert not row[len(prefix) + 1 :].any()


WORDS = [[0, 1, 3, 2], [1, 3]]


@pytest.mark.parametrize(
    "words",
    [
        WORDS,
        [torch.tensor(w) for w in WORDS],
        [np.array(w, np.uint8) for w in WORDS],
        tuple(map(tuple, WORDS)),
        dyck.pad_words(WORDS),
        dyck.pad_words(WORDS).int(),
        *(dyck.pad_words(WORDS).numpy().astype(t) for t in (np.int8, np.int16, ">i4", np.int64)),
        np.asmatrix(dyck.pad_words(WORDS).numpy()),
        np.asfortranarray(dyck.pad_words(WORDS).numpy()),
    ],
)
def test_words_come_in_every_form(words):
    array = dyck.word_array(words, k=2, kind="sample")
    assert type(array) is np.ndarray and array.tolist() == [[0, 1, 3, 2], [1, 3, -1, -1]]
    assert dyck.word_array(words, return_range=True)[1:] == (-1, 3)
    assert dyck.is_word(words, 2).tolist() == [True, True]
    assert dyck.partners(words, 2).tolist() == [[3, 2, 1, 0], [1, 0, -1, -1]]


@pytest.mark.parametrize("empty", [[], (), torch.tensor([]), np.zeros(0), np.zeros(0, np.uint8)])
def test_the_empty_word_has_no_type(empty):
    assert dyck.is_word(empty, 2) is True and dyck.open_stack(empty, 2) == []
    assert dyck.depths(empty, 2).shape == (0,) and dyck.pad_words([empty]).shape == (1, 0)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint64, np.int64])
def test_tokens_of_small_types_do_not_overflow(dtype):
    word = np.array([60, 3], dtype)
    assert dyck.legal_tokens(word, 100)[2].nonzero().ravel().tolist() == [*range(100), 103]
    assert dyck.legal_tokens(word[:1], 100)[1].nonzero().ravel().tolist() == [*range(100), 160]
    assert not dyck.is_word(word, 200) and dyck.is_prefix(word, 200)


NO_WORDS = [
    (None, "got None"),
    ({1}, "got {1}"),
    (3, "got 3"),
    ("()", r"got '\(\)'"),
    ((x for x in [0]), "got <generator"),
    ([None], "got dtype object"),
    (["a"], "got dtype <U1"),
    ([0, [2]], r"got \[0, \[2\]\]"),
    ([0.0, 2.0], "got dtype float64"),
    ([True, False], "got dtype bool"),
    ([2**70], "got dtype object"),
    (np.array([2**63], np.uint64), "below 2^63, got 9223372036854775808"),
    (np.array([0, 2 + 0j]), "got dtype complex128"),
    (np.ma.array([0, 2], mask=[0, 1]), "masked array"),
    (torch.tensor([0.0]), "got a tensor of torch.float32"),
    (torch.tensor([0.0]).bfloat16(), "got a tensor of torch.bfloat16"),
    (torch.zeros(2, dtype=torch.long, device="meta"), "on meta"),
]


@pytest.mark.parametrize("bad, message", NO_WORDS, ids=[str(m) for _, m in NO_WORDS])
def test_what_is_no_word_is_named(bad, message):
    message = message.replace("^", r"\^")
    for call in (dyck.is_word, dyck.is_prefix, dyck.depths, dyck.partners, dyck.legal_tokens, dyck.check_words):
        with pytest.raises(ValueError, match=f"^words must .*{message}"):
            call(bad, 2)
    for call in (dyck.open_stack, dyck.to_tree):
        with pytest.raises(ValueError, match=f"^word must .*{message}"):
            call(bad, 2)
    with pytest.raises(ValueError, match=f"^words: row 1 must .*{message}"):
        dyck.pad_words([[0], bad])
    for parents, types, name in ((bad, [-1, 0], "parents"), ([0, 0], bad, "types")):
        with pytest.raises(ValueError, match=f"^{name} must .*{message}"):
            dyck.from_tree(parents, types, 2)


def test_partners_point_at_each_other():
    words = dyck.sample_words(200, 20, 3, seed=0)
    partners = dyck.partners(words, 3)
    assert torch.equal(partners.gather(1, partners), torch.arange(20).expand(200, 20))
    opening = words < 3
    assert torch.equal(opening, partners > torch.arange(20))
    assert torch.equal(words.gather(1, partners)[opening], words[opening] + 3)
    assert dyck.partners([0, 1, 3], 2).tolist() == [-1, 2, 1]


def test_open_stack_and_single_words():
    assert dyck.open_stack([0, 1, 3, 1, -1], 2) == [0, 1]
    assert dyck.is_word([0, 2], 2) is True
    assert dyck.depths([0, 1, 3, 2], 2).tolist() == [1, 2, 1, 0]
    assert dyck.legal_tokens([0], 1).tolist() == [[True, False, True], [True, True, False]]


def test_words_and_trees_are_one_to_one():
    seen = set()
    for word in dyck.all_words(8, 2):
        parents, types = dyck.to_tree(word, 2)
        assert len(parents) == 5
        assert torch.equal(dyck.from_tree(parents, types, 2), word)
        seen.add((tuple(parents.tolist()), tuple(types.tolist())))
    assert len(seen) == dyck.count_words(8, 2)


def test_bracket_text_of_real_code():
    words = [w for file in source_code.load("json").values() for w in file]
    tokens = dyck.from_brackets(words)
    assert dyck.is_word(tokens, 3).all()
    assert dyck.to_brackets(tokens) == words
    assert dyck.depths(tokens, 3).max(dim=1).values.tolist() == [source_code.depth(w) for w in words]
    assert dyck.from_brackets("([])").tolist() == [0, 1, 4, 3]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: dyck.check_words([[0, 2], [0, 3]], 2), "row 1 closes type 1 where type 0 is open at index 1"),
        (lambda: dyck.check_words([[0, 2], [2, 0]], 2), "row 1 closes a bracket with nothing open at index 0"),
        (lambda: dyck.check_words([[0, 2], [0, 0]], 2), "row 1 leaves 2 brackets open"),
        (lambda: dyck.check_words([[0, 2], [0, 4]], 2), "row 1 has 4"),
        (lambda: dyck.check_words([[0, 1, 3, 2]], 2, max_depth=1), "deeper than max_depth=1 at index 1"),
        (lambda: dyck.is_word(np.array([[0, 2], [-1, 2]]), 2), "-1 only after the last token of a word, row 1"),
        (lambda: dyck.is_word(np.array([[0, 2], [-2, 2]]), 2), "row 1 is"),
        (lambda: dyck.is_word(np.zeros((1, 2, 2), int), 2), r"shape \(n, length\)"),
        (lambda: dyck.is_word(np.array([[0.5]]), 2), "words must hold integers, got dtype float64"),
        (lambda: dyck.pad_words([[0], [0.5]]), "row 1 must hold integers"),
        (lambda: dyck.pad_words([[0], 1]), "row 1"),
        (lambda: dyck.pad_words([[0], [[1]]]), r"row 1 must be one word, shape \(length,\), got \(1, 1\)"),
        (lambda: dyck.pad_words(None), "words must be a list of words, got None"),
        (lambda: dyck.word_array([[0, 1]], kind="word"), r"words must be one word, shape \(length,\), got \(1, 2\)"),
        (lambda: dyck.word_array([0, 1], name="X", kind="sample"), r"X must hold words, shape \(n, length\)"),
        (lambda: dyck.word_array(np.zeros((0, 3)), kind="sample"), r"n >= 1, got \(0, 3\)"),
        (lambda: dyck.word_array([0], kind="text"), "kind must be one of"),
        (lambda: dyck.open_stack([[0, 2], [0, 0]], 2), "word must be one word"),
        (lambda: dyck.to_tree([[0, 2], [0, 0]], 2), "word must be one word"),
        (lambda: dyck.from_tree([0, 0, 0], [-1, 0.5, 1], 2), "types must hold integers"),
        (lambda: dyck.from_tree([[0]], [[-1]], 2), r"got shapes \(1, 1\)"),
        (lambda: dyck.check_words([0, 2], 2, full=None), "full must be True or False"),
        (lambda: dyck.from_brackets(None), "text must be a string or a list of strings, got None"),
        (lambda: dyck.from_brackets(["()", 3]), "row 1 is 3"),
        (lambda: dyck.to_brackets([0], 4), "k must be an integer from 1 to 3"),
        (lambda: dyck.from_brackets(["()", "(x)"]), "row 1 has 'x'"),
        (lambda: dyck.partners([[0, 2], [3, 1]], 2), "row 1"),
        (lambda: dyck.to_tree([0, 3], 2), "row 0 closes type 1"),
        (lambda: dyck.from_tree([0, 2, 0], [-1, 0, 0], 1), "node 1 has parent 2"),
        (lambda: dyck.sample_words(3, 7, 2), "no Dyck word of length 7"),
        (lambda: dyck.Uniform(4, 2, 0), "depth at most 0"),
        (lambda: dyck.Walk(4, 2, 1.0), "p_open"),
        (lambda: dyck.count_words(4, 0), "k must be"),
        (lambda: dyck.sample_words(1, 4, 2**62 + 1), "k must be an integer from 1 to 4611686018427387904"),
        (lambda: dyck.Automaton(2**63, 2), "k must be"),
        (lambda: dyck.Automaton(2, 0), "max_depth must be a positive integer"),
        (lambda: dyck.all_words(60, 2), "refused"),
        (lambda: dyck.all_words(20_000, 2), r"about 10\^9\d\d\d rows of 20000 tokens"),
        (lambda: dyck.all_prefixes(30, 2), "all_prefixes would list .* rows of 30 tokens"),
        (lambda: dyck.all_words(2, 4 * 10**7), "40000000 rows of 2 tokens; more than 50,000,000 tokens are refused"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
