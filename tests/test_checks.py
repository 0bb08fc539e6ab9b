"""Arguments: what each kind of check takes, in which form it gives it back, and what it refuses by name."""

import numpy as np
import pytest
import torch

from howfar import checks


@pytest.mark.parametrize("value", [4, np.int64(4), np.uint8(4), torch.tensor(4)])
def test_a_count_is_a_python_int(value):
    assert type(checks.count("k", value)) is int
    assert checks.count("k", value) == 4
    assert checks.count("k", value) ** 100 == 4**100  # NumPy's would have overflowed


@pytest.mark.parametrize("value", [4.0, 2.5, True, np.True_, torch.tensor(True), "4", None, [4], float("nan"), 0, -1])
def test_what_is_no_count_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^k must be a positive integer, got "):
        checks.count("k", value)


def test_a_count_has_bounds():
    assert checks.count("n", 0, least=0) == 0
    with pytest.raises(ValueError, match="n must be an integer from 0 to 3, got 4"):
        checks.count("n", 4, least=0, most=3)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), torch.tensor(1.0), np.array(1)])
def test_a_number_is_a_float(value):
    assert type(checks.number("lr", value)) is float


@pytest.mark.parametrize("value", [True, "1", None, [1.0], 1j, float("nan"), float("inf"), np.complex64(1), 10**400])
def test_what_is_no_number_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"^lr must be a finite number; got "):
        checks.number("lr", value)


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [({"least": 0}, 0, -1), ({"above": 0}, 1, 0), ({"most": 1}, 1, 2), ({"above": 0, "below": 1}, 0.5, 1)],
)
def test_a_number_has_bounds(limits, good, bad):
    assert checks.number("p", good, **limits) == good
    with pytest.raises(ValueError, match="p must be a finite number, "):
        checks.number("p", bad, **limits)


@pytest.mark.parametrize("value", ["third", None, ["first"], np.array(["first", "second"]), 0])
def test_a_choice_is_one_of_few(value):
    assert checks.choice("mode", "first", ("first", "second")) == "first"
    with pytest.raises(ValueError, match="mode must be one of 'first', 'second'; got"):
        checks.choice("mode", value, ("first", "second"))


def test_a_flag_is_true_or_false():
    assert checks.flag("causal", np.bool_(True)) is True
    with pytest.raises(ValueError, match="causal must be True or False, got 1"):
        checks.flag("causal", 1)


@pytest.mark.parametrize("value", ["abacus", "mps", "cpu:0", 3.5, None])
def test_a_device_is_a_cpu_or_a_gpu(value):
    assert checks.device("cpu") == torch.device("cpu")
    with pytest.raises(ValueError, match="device must be cpu, cuda or cuda:N, got"):
        checks.device(value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_here_is_refused_only_where_it_is_needed():
    assert checks.device("cuda", here=False).type == "cuda"
    with pytest.raises(ValueError, match="no GPU that torch can use"):
        checks.device("cuda")


def draw_torch(seed):
    return torch.rand(5, generator=checks.torch_generator(seed)).tolist()


def draw_numpy(seed):
    return checks.numpy_generator(seed).random(5).tolist()


@pytest.mark.parametrize("draw", [draw_torch, draw_numpy])
@pytest.mark.parametrize(
    "make", [lambda s: s, np.int64, lambda s: torch.Generator().manual_seed(s), lambda s: np.random.default_rng(s)]
)
def test_every_kind_of_seed_repeats_itself_and_differs_from_another(draw, make):
    assert draw(make(3)) == draw(make(3)) != draw(make(4))


@pytest.mark.parametrize("draw", [draw_torch, draw_numpy])
@pytest.mark.parametrize("make", [lambda: torch.Generator().manual_seed(0), lambda: np.random.default_rng(0)])
def test_a_generator_moves_on(draw, make):
    generator = make()
    assert draw(generator) != draw(generator)


@pytest.mark.parametrize("draw", [draw_torch, draw_numpy])
def test_without_a_seed_torch_s_global_generator_decides(draw):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = draw(None)
        torch.manual_seed(0)
        assert draw(None) == first


@pytest.mark.parametrize("check", [checks.torch_generator, checks.numpy_generator])
@pytest.mark.parametrize("seed", [1.5, "1", True, -1, [1]])
def test_what_is_no_seed_is_refused(check, seed):
    with pytest.raises(ValueError, match=r"seed must be an integer, a torch.Generator, a numpy.random.Generator or"):
        check(seed)


@pytest.mark.parametrize(
    "values",
    [[1, 2], np.array([1, 2], np.uint8), torch.tensor([1, 2], dtype=torch.bfloat16), torch.tensor([1.0, 2.0]).half()],
)
def test_reals_are_float64(values):
    array = checks.reals("a", values)
    assert array.dtype == np.float64 and array.tolist() == [1.0, 2.0]


def test_single_precision_stays_where_it_is_allowed():
    halves = [np.zeros(2, np.float32), torch.zeros(2), np.zeros(2, np.float16), torch.zeros(2, dtype=torch.bfloat16)]
    assert [checks.reals("a", x, single=True).dtype for x in halves] == [np.float32] * 2 + [np.float64] * 2


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"least": 0}, r"a must be non-negative, entry \(0, 1\) is -1"),
        ({"least": -0.5}, r"a must be at least -0.5, entry \(0, 1\) is -1"),
        ({"most": 2}, r"a must be at most 2, entry \(1, 0\) is 3"),
    ],
)
def test_reals_have_limits(limits, message):
    with pytest.raises(ValueError, match=message):
        checks.reals("a", [[0, -1], [3, 1]], **limits)
    assert checks.reals("a", [[0.0, 2.0]], least=0, most=2).tolist() == [[0.0, 2.0]]
    assert checks.reals("a", np.zeros((0, 2)), **limits).shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.eye(2).to_sparse(), "a must be a dense tensor, got layout torch.sparse_coo"),
        (None, "a must hold real numbers, got NoneType of dtype object"),
        ([[1], [1, 2]], "a must hold rows of equal lengths"),
        (np.array([1j]), "a must hold real numbers"),
        (torch.tensor([1j]), "a must hold real numbers"),
        (torch.empty(2, device="meta"), "a must hold real numbers, got a tensor of torch.float32 on meta"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "a must be a plain array: a mask would be ignored"),
        ([0.0, float("nan")], "a must be finite, row 1 is nan"),
        ([[0.0, 1.0], [float("inf"), 1.0]], r"a must be finite, entry \(1, 0\) is inf"),
    ],
)
def test_what_are_no_reals_is_refused_by_name(values, message):
    with pytest.raises(ValueError, match=message):
        checks.reals("a", values)


def test_integers_are_int64():
    for values in ([3, 4], np.array([3, 4], np.uint64), torch.tensor([3, 4], dtype=torch.int8)):
        array = checks.integers("a", values)
        assert array.dtype == np.int64 and array.tolist() == [3, 4]
    assert checks.integers("a", [[]]).shape == (1, 0)


@pytest.mark.parametrize(
    "values", [[1.0], [True], torch.tensor([1.0]), None, [[1], [1, 2]], np.array([2**63], np.uint64)]
)
def test_what_are_no_integers_is_refused_by_name(values):
    with pytest.raises(ValueError, match=r"^a must "):
        checks.integers("a", values)
