"""Lower estimates lie below, the certified bound above, the exact norm of the Jacobian."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howfar.encodings import ENCODINGS, Encoding, make_encoding, register
from howfar.encodings.contract import scatter_parameters
from howfar.lipschitz import (
    attention_bound,
    from_embedded,
    jacobian_norm,
    largest_ratio,
    loss_ceiling,
    model_bound,
)
from howfar.lipschitz.model import GELU
from howfar.transformer import Attention, Transformer, TransformerConfig, _hide, record

few = settings(max_examples=15, deadline=None, derandomize=True)


def exact_norm(function, x):
    jacobian = torch.autograd.functional.jacobian(function, x)
    return float(torch.linalg.matrix_norm(jacobian.reshape(-1, x.numel()), ord=2))


def in_ball(seed, n, width, radius):
    x = torch.randn(1, n, width, generator=torch.Generator().manual_seed(seed)).double()
    return radius * x / x.norm(dim=-1).max()


@few
@given(seed=st.integers(0, 1000), rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_power_iteration_finds_the_norm_of_a_matrix(seed, rows, columns):
    a = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)).double()
    estimate = jacobian_norm(lambda x: a @ x, torch.zeros(columns).double(), iterations=2000, tolerance=1e-12)
    exact = float(torch.linalg.matrix_norm(a, ord=2))
    assert estimate.kind == "lower estimate"
    assert 0.999 * exact <= estimate.value <= exact * (1 + 1e-9)


def test_power_iteration_on_a_transformer_equals_the_singular_value():
    torch.manual_seed(0)
    m = Transformer(TransformerConfig(width=16, heads=2, features=3, outputs=2, encoding="rotary")).double()
    x = torch.randn(1, 6, 3).double()
    exact = exact_norm(m, x)
    once, often = jacobian_norm(m, x, iterations=1), jacobian_norm(m, x, iterations=500, tolerance=1e-10)
    assert once.value < often.value <= exact * (1 + 1e-9)
    assert often.value == pytest.approx(exact, rel=1e-3)


def test_a_constant_function_has_norm_zero():
    assert jacobian_norm(lambda x: x * 0, torch.ones(3)).value == 0


def test_real_positions_can_be_differentiated_too():
    torch.manual_seed(0)
    norms = {}
    for name in ("rotary", "sinusoidal"):
        m = Transformer(TransformerConfig(width=16, heads=2, features=3, encoding=name)).double()
        x = torch.randn(1, 6, 3).double()
        shift = lambda s, m=m, x=x: m(x, torch.arange(6.0).double() + s + 1)  # noqa: E731
        norms[name] = jacobian_norm(shift, torch.zeros(1).double()).value
    assert norms["rotary"] < 1e-6 < norms["sinusoidal"]


@few
@given(seed=st.integers(0, 1000))
def test_the_largest_ratio_is_attained_and_below_the_constant(seed):
    a = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).double()
    u, v = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(seed + 1)).double()
    ratios = ((u - v) @ a.T).norm(dim=1) / (u - v).norm(dim=1)
    estimate = largest_ratio(lambda x: x @ a.T, u, v)
    assert estimate.kind == "lower estimate"
    assert float(estimate) == pytest.approx(float(ratios.max()))
    assert float(estimate) <= float(torch.linalg.matrix_norm(a, ord=2)) * (1 + 1e-9)


def test_the_largest_ratio_takes_distances_in_your_own_unit():
    u, v = torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [3.0]])
    assert largest_ratio(lambda x: 2 * x, u, v).value == 2
    assert largest_ratio(lambda x: 2 * x, u, v, distances=torch.tensor([4.0, 2.0])).value == 3
    assert largest_ratio(lambda x: 2 * x, u, v, distances=torch.tensor([0.0, 2.0])).value == float("inf")
    assert largest_ratio(lambda x: 2 * x, u, torch.tensor([[0.0], [3.0]])).value == 2


@register("reader_turn")
class ReaderTurn(Encoding):
    shift_invariant = False

    def rotate(self, x, positions):
        return x * (1 + positions[..., None, :, None])


ENCODED = [
    ("none", {}),
    ("alibi", {}),
    ("relative", {}),
    ("rotary", {}),
    ("rotary", {"pairing": "half", "fraction": 0.5}),
    ("urpe", {}),
    ("urpe", {"inner": "rotary"}),
]


@pytest.mark.parametrize(("name", "options"), ENCODED)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000), n=st.integers(1, 7), radius=st.sampled_from([0.1, 1.0, 5.0]), causal=st.booleans(),
    heads=st.sampled_from([1, 2]), stretch=st.sampled_from([1.0, 5.0]),
)  # fmt: skip
def test_the_bound_is_above_the_exact_norm(name, options, seed, n, radius, causal, heads, stretch):
    torch.manual_seed(seed)
    width = 8
    layer = Attention(width, heads).double()
    for parameter in layer.parameters():
        parameter.data = stretch * parameter.data
    encoding = make_encoding(name, width=width, heads=heads, max_length=16, **options).double()
    scatter_parameters(encoding)
    p = torch.arange(n)
    bias, gate = encoding.bias(p, p), encoding.gate(p, p)
    x = in_ball(seed, n, width, radius)
    bias = _hide(bias, n, causal, None, x)
    exact = exact_norm(lambda x: layer(x, encoding, p, bias, gate), x)
    bound = attention_bound(layer, radius=radius, length=n, encoding=encoding)
    assert bound.kind == "upper bound"
    assert exact <= bound.value * (1 + 1e-9)


def test_the_bound_by_hand():
    layer = Attention(1, 1)
    layer.qkv.weight.data = torch.tensor([[2.0], [3.0], [5.0]])
    layer.qkv.bias.data = torch.tensor([0.5, 9.0, 9.0])
    layer.out.weight.data = torch.tensor([[-1.0]])
    # |V| = 5, |A| = 6, |W_K^T b| = 1.5, R = 2, n = 4: 5 (1 + (12 + 1.5) 2) 2 + 5 * 6 * 4
    assert attention_bound(layer, radius=2.0, length=4).value == pytest.approx(5 * 28 * 2 + 120)


def test_the_bound_is_not_absurd_and_grows_as_it_says():
    torch.manual_seed(0)
    layer = Attention(8, 1).double()
    n = 6
    x = in_ball(0, n, 8, 1.0)
    encoding = make_encoding("none", width=8, heads=1, max_length=16)
    exact = exact_norm(lambda x: layer(x, encoding, torch.arange(n)), x)
    bounds = {r: attention_bound(layer, radius=r, length=n).value for r in (1.0, 1e3, 1e4)}
    assert exact < bounds[1.0] < 50 * exact
    assert bounds[1e4] / bounds[1e3] == pytest.approx(100, rel=0.05)  # R^2
    ratio = attention_bound(layer, radius=1.0, length=10_000).value / bounds[1.0]
    assert 0.5 * (10_000 / n) ** 0.5 < ratio < (10_000 / n) ** 0.5


def test_an_estimate_says_what_it_is():
    estimate = attention_bound(Attention(4, 1), radius=1.0, length=2)
    assert "upper bound" in str(estimate) and "norm at most 1" in str(estimate)
    assert "lower estimate" in str(jacobian_norm(torch.sin, torch.zeros(2)))


def test_bad_input_is_refused():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="same shape"):
        largest_ratio(torch.sin, x, torch.zeros(2, 2))
    with pytest.raises(ValueError, match="same points"):
        largest_ratio(torch.sin, x, x)
    with pytest.raises(ValueError, match="distances must be"):
        largest_ratio(torch.sin, x, x + 1, distances=torch.ones(2))
    with pytest.raises(ValueError, match="negative"):
        largest_ratio(torch.sin, x, x + 1, distances=-torch.ones(3))
    with pytest.raises(ValueError, match="finite"):
        largest_ratio(torch.log, x, x + 1)
    with pytest.raises(ValueError, match="floating"):
        jacobian_norm(torch.sin, torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="iterations"):
        jacobian_norm(torch.sin, torch.zeros(2), iterations=0)
    for at in (-1.0, 0.0):  # NaN, infinite
        with pytest.raises(ValueError, match="finite Jacobian"):
            jacobian_norm(torch.sqrt, torch.tensor([1.0, at]))
    for bad in (float("nan"), float("inf")):  # the Jacobian of 2x is finite there, and its norm says nothing
        with pytest.raises(ValueError, match="x must be finite"):
            jacobian_norm(lambda x: 2 * x, torch.tensor([1.0, bad]))
    for options in (dict(iterations=2.5), dict(iterations=None), dict(tolerance="small"), dict(seed=1.5)):
        with pytest.raises(ValueError, match=next(iter(options))):
            jacobian_norm(torch.sin, torch.zeros(2), **options)
    layer = Attention(8, 2)
    with pytest.raises(ValueError, match="radius"):
        attention_bound(layer, radius=0.0, length=3)
    with pytest.raises(ValueError, match="length"):
        attention_bound(layer, radius=1.0, length=0)
    with pytest.raises(ValueError, match=r"length must be a positive integer, got 2.0"):
        attention_bound(layer, radius=1.0, length=2.0)
    with pytest.raises(ValueError, match="radius must be a finite number"):
        attention_bound(layer, radius="1", length=2)
    with pytest.raises(ValueError, match="attention must be howfar's Attention, got Linear"):
        attention_bound(torch.nn.Linear(2, 2), radius=1.0, length=2)
    with pytest.raises(ValueError, match="encoding must be howfar's Encoding, got str"):
        attention_bound(layer, radius=1.0, length=2, encoding="rotary")
    turn = ENCODINGS["reader_turn"](8, 2, 16)
    with pytest.raises(ValueError, match="RoPE"):
        attention_bound(layer, radius=1.0, length=3, encoding=turn)


def test_what_are_no_tensors_is_refused_by_name():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="x must be a tensor of real numbers, got ndarray"):
        jacobian_norm(torch.sin, x.numpy())
    with pytest.raises(ValueError, match=r"x must be a tensor of real numbers, got torch.complex64 on cpu"):
        jacobian_norm(torch.sin, x + 1j)
    with pytest.raises(ValueError, match=r"x must be a tensor of real numbers, got torch.float32 on meta"):
        jacobian_norm(torch.sin, x.to("meta"))
    with pytest.raises(ValueError, match="u must be a tensor of real numbers, got ndarray"):
        largest_ratio(torch.sin, x.numpy(), x)
    with pytest.raises(ValueError, match="v must be a tensor of real numbers, got list"):
        largest_ratio(torch.sin, x, x.tolist())
    with pytest.raises(ValueError, match=r"function\(u\) must be a tensor of real numbers, got float"):
        largest_ratio(lambda x: 1.0, x, x + 1)
    with pytest.raises(ValueError, match=r"function must give 3 rows for 3, got \(2,\), \(2,\)"):
        largest_ratio(lambda x: x.sum(0), x, x + 1)
    with pytest.raises(ValueError, match="distances must hold real numbers"):
        largest_ratio(torch.sin, x, x + 1, distances=["a"] * 3)


def whole_model(name, *, depth=2, stretch=1.0, seed=0, **options):
    """A pre-norm model whose inputs are its embedded tokens: numbers in, numbers out."""
    torch.manual_seed(seed)
    config = TransformerConfig(depth=depth, width=8, heads=2, features=8, outputs=3, encoding=name, max_length=16)
    model = Transformer(replace(config, **options)).double()
    scatter_parameters(model.encoding)
    for parameter in model.parameters():
        parameter.data = stretch * parameter.data
    model.inputs.weight.data, model.inputs.bias.data = torch.eye(8).double(), torch.zeros(8).double()
    return model


@pytest.mark.parametrize("name", ["none", "learned", "rotary", "alibi", "urpe"])
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000), n=st.integers(1, 5), size=st.sampled_from([1e-3, 1.0]), skip=st.booleans(),
    ratio=st.sampled_from([0, 2]), stretch=st.sampled_from([1.0, 3.0]),
)  # fmt: skip
def test_the_whole_models_bound_is_above_the_exact_norm(name, seed, n, size, skip, ratio, stretch):
    model = whole_model(name, stretch=stretch, seed=seed, skip=skip, mlp_ratio=ratio)
    x = size * torch.randn(1, n, 8, generator=torch.Generator().manual_seed(seed)).double()
    bound = model_bound(model, length=n)
    assert bound.kind == "upper bound"
    assert exact_norm(model, x) <= bound.value * (1 + 1e-9)


def test_the_whole_models_bound_is_the_product_of_its_parts():
    model = whole_model("none", depth=3)
    bound = model_bound(model, length=4)
    assert [part["part"] for part in bound.parts] == [
        "attention 1", "feed-forward 1", "attention 2", "feed-forward 2", "attention 3", "feed-forward 3", "outputs",
    ]  # fmt: skip
    assert bound.value == pytest.approx(np.prod([part["factor"] for part in bound.parts]))
    for part in bound.parts[:-1]:
        assert part["factor"] == pytest.approx(1 + part["norm"] * part["layer"])
    assert model_bound(whole_model("none", mlp_ratio=0), length=4).parts[1]["part"] == "attention 2"
    without = model_bound(whole_model("none", skip=False), length=4).parts[0]
    assert without["factor"] == pytest.approx(without["norm"] * without["layer"])


def test_the_layernorms_share_is_attained_where_all_features_are_equal():
    """Without layers the bound is that of LayerNorm and readout, and an input without any spread comes near it."""
    model = whole_model("none", depth=1, mlp_ratio=0)
    model.blocks[0].attention.out.weight.data.zero_()
    model.blocks[0].attention.out.bias.data.zero_()
    weight = model.outputs.weight.data
    weight -= weight.mean(1, keepdim=True)  # else the readout's steepest direction is one that LayerNorm takes away
    exact = exact_norm(model, torch.ones(1, 1, 8).double())
    assert model_bound(model, length=1).value == pytest.approx(exact, rel=1e-6)
    assert exact_norm(model, torch.arange(8.0).double().view(1, 1, 8)) < 0.01 * exact  # it takes such an input


def test_gelu_is_nowhere_steeper():
    x = torch.linspace(-6, 6, 100_001).double().requires_grad_()
    torch.nn.functional.gelu(x).sum().backward()
    assert float(x.grad.abs().max()) == pytest.approx(GELU, abs=1e-8)


@few
@given(seed=st.integers(0, 1000), stretch=st.sampled_from([1.0, 4.0]))
def test_no_token_costs_more_than_the_ceiling_and_some_cost_nearly_as_much(seed, stretch):
    model = whole_model("none", stretch=stretch, seed=seed)
    ceiling = loss_ceiling(model)
    assert ceiling.kind == "upper bound"
    x = torch.randn(400, 8, generator=torch.Generator().manual_seed(seed)).double()
    steps = model.outputs.weight[None] - model.outputs.weight[:, None]
    worst = (steps * model.norm.weight).reshape(-1, 8)  # the directions in which one logit passes another fastest
    losses = -model.outputs(model.norm(torch.cat([x, 100 * worst]))).log_softmax(-1).detach()
    assert float(losses.max()) <= ceiling.value * (1 + 1e-9)
    assert float(losses.max()) > 0.5 * ceiling.value


def test_a_model_can_be_asked_from_its_embedded_tokens_on():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(width=8, heads=2, vocabulary=5, outputs=5, encoding="learned"))
    tokens = torch.tensor([[0, 3, 1, 4]])
    with record(model) as seen:
        logits = model(tokens)
    assert torch.equal(from_embedded(model)(seen.hidden[0]), logits)
    assert torch.equal(model(tokens), logits)  # the hook is gone
    norm = jacobian_norm(from_embedded(model), seen.hidden[0], iterations=200).value
    assert 0 < norm <= model_bound(model, length=4).value


def test_models_without_a_bound_are_refused_by_name():
    for norm in ("post", "none"):
        model = Transformer(TransformerConfig(width=8, heads=2, features=2, norm=norm))
        with pytest.raises(ValueError, match=f"model must have norm='pre'.*got '{norm}'"):
            model_bound(model, length=3)
        with pytest.raises(ValueError, match="norm='pre'"):
            loss_ceiling(model)
    with pytest.raises(ValueError, match=r"model must be a howfar\.Transformer, got Attention"):
        model_bound(Attention(4, 1), length=3)
    with pytest.raises(ValueError, match="length must be a positive integer"):
        model_bound(whole_model("none"), length=0)
    with pytest.raises(ValueError, match=r"model must be a howfar\.Transformer with token inputs"):
        from_embedded(whole_model("none"))
