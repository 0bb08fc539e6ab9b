"""W1 between the places where searches stand, from their addresses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howfar.search import SubsetSum, breadth_first, depth_first, trace
from howfar.wasserstein import stack_wasserstein, stop_embedding, stop_wasserstein, tree_wasserstein

few = settings(max_examples=25, deadline=None, derandomize=True)
addresses = st.lists(st.integers(0, 2), max_size=4).map(tuple)
samples = st.lists(st.lists(addresses, max_size=6), min_size=1, max_size=5)


def on_the_tree(a, b, weights=None):
    """The same by the general solver: masses on the nodes of the tree of all prefixes."""
    nodes = {(): 0}
    for address in sorted({x for search in a + b for x in search}):
        for cut in range(1, len(address) + 1):
            nodes.setdefault(address[:cut], len(nodes))
    mass = np.zeros((2, len(nodes)))
    for side, sample in zip(mass, (a, b), strict=True):
        for search in sample:
            for address in search or [()]:
                side[nodes[tuple(address)]] += 1 / len(sample) / max(len(search), 1)
    lengths = [0.0 if not v or weights is None else weights[len(v) - 1] for v in nodes]
    return tree_wasserstein([nodes[v[:-1]] for v in nodes], None if weights is None else lengths, *mass)


@few
@given(a=samples, b=samples, halving=st.booleans())
def test_it_is_w1_on_the_tree_of_addresses(a, b, halving):
    weights = 0.5 ** np.arange(4) if halving else None
    assert stop_wasserstein(a, b, length=weights) == pytest.approx(on_the_tree(a, b, weights), abs=1e-12)


def test_on_full_depth_first_searches_it_is_that_of_their_stacks():
    rng = np.random.default_rng(0)
    searches = [depth_first(SubsetSum.random(5, seed=rng), first_only=False) for _ in range(30)]
    stops, words = [s.addresses for s in searches], [trace(s) for s in searches]
    expected = stack_wasserstein(words[:10], words[10:], k=2)
    assert expected > 0 and stop_wasserstein(stops[:10], stops[10:]) == pytest.approx(expected)


def test_it_takes_first_solutions_and_breadth_first_searches():
    problem = SubsetSum((3, 1), 1)
    down, level = depth_first(problem), breadth_first(problem)
    assert down.addresses == [(1,), (1, 0)] and level.addresses == down.addresses
    assert stop_wasserstein([down.addresses], [level.addresses]) == 0
    # against the root: of the time 2/2 and 1/2 lies below the two edges
    assert stop_wasserstein([down.addresses], [[]]) == pytest.approx(1.5)


def test_weights_of_searches():
    left, right = [(0,)], [(1,)]
    assert stop_wasserstein([left, right], [left], a=[0.25, 0.75], b=[1.0]) == pytest.approx(1.5)


def test_rows_of_the_embedding_give_w1_of_any_groups():
    rng = np.random.default_rng(1)
    stops = [depth_first(SubsetSum.random(4, seed=rng)).addresses for _ in range(20)]
    phi = stop_embedding(stops)
    assert phi.shape[0] == 20 and phi.min() >= 0
    odd, even = stops[::2], stops[1::2]
    by_rows = abs(phi[::2].mean(0) - phi[1::2].mean(0)).sum()
    assert by_rows > 0 and by_rows == pytest.approx(stop_wasserstein(odd, even))


@pytest.mark.parametrize(
    ("stops", "says"),
    [
        ([], "stops_a must be a list of searches"),
        (5, "stops_a must be a list of searches"),
        ("ab", "stops_a must be a list of searches"),
        ([(0, 1)], "search 0 must hold addresses"),
        ([[3]], "search 0 must hold addresses"),
        ([["ab"]], "must hold integers"),
        ([[(0, -1)]], r"labels of at least 0, got the address \(0, -1\)"),
    ],
)
def test_what_is_no_search_is_refused(stops, says):
    with pytest.raises(ValueError, match=says):
        stop_wasserstein(stops, [[(0,)]])
