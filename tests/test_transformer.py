"""The model: against torch's own layers, under vmap, recorded, and given bad input."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from howfar.encodings import ENCODINGS, Encoding, offsets, register
from howfar.encodings.contract import scatter_parameters
from howfar.transformer import Transformer, TransformerConfig, record


@register("reader_decay")
class ReaderDecay(Encoding):
    """A reader's own, with a parameter: each head learns how fast its bias falls with the distance."""

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        self.rate = nn.Parameter(torch.ones(heads))

    def bias(self, query_positions, key_positions):
        distance = offsets(query_positions, key_positions).abs()
        return -self.rate[:, None, None] * distance[..., None, :, :]


VARIANTS = [
    *((name, {}) for name in ENCODINGS),
    ("learned", {"out_of_range": "clamp"}),
    ("rotary", {"pairing": "half", "fraction": 0.5}),
    ("wavelet", {"extension": "periodic"}),
    ("legendre", {"scaling": "current"}),
    ("urpe", {"inner": "relative", "out_of_range": "clamp"}),
    ("urpe", {"inner": "rotary"}),
]
each_variant = pytest.mark.parametrize(("name", "options"), VARIANTS)


def config(**changes):
    return TransformerConfig(**(dict(depth=2, width=16, heads=2, vocabulary=5, outputs=3, max_length=16) | changes))


def make(seed=0, dtype=torch.float64, **changes):
    torch.manual_seed(seed)
    return Transformer(config(**changes)).to(dtype)


def tokens(*shape, seed=0):
    return torch.randint(5, shape, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------- ensembles


def ensemble(name, options, **changes):
    models = [make(seed, encoding=name, encoding_options=options, **changes) for seed in range(3)]
    for m in models:
        scatter_parameters(m.encoding)
    parameters, buffers = stack_module_state(models)
    assert not buffers
    return models, parameters


@each_variant
def test_vmap_over_stacked_parameters_equals_the_models_one_by_one(name, options):
    models, parameters = ensemble(name, options)
    call = lambda p, x, *rest: functional_call(models[0], p, (x, *rest))  # noqa: E731
    shared, own = tokens(4, 8), tokens(3, 4, 8)
    positions = torch.arange(8) + 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing batching rule falls back to a slow loop, with a warning
        together = vmap(call, in_dims=(0, None))(parameters, shared)
        apart = vmap(call)(parameters, own)
        moved = vmap(call, in_dims=(0, 0, None))(parameters, own, positions)
    for i, m in enumerate(models):
        torch.testing.assert_close(together[i], m(shared), atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(apart[i], m(own[i]), atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(moved[i], m(own[i], positions), atol=1e-9, rtol=1e-9)


@each_variant
def test_vmap_over_positions_equals_the_models_one_by_one(name, options):
    models, parameters = ensemble(name, options)
    own = tokens(3, 4, 8)
    positions = torch.stack([torch.arange(8) + i for i in range(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = vmap(lambda p, x, at: functional_call(models[0], p, (x, at)))(parameters, own, positions)
    for i, m in enumerate(models):
        torch.testing.assert_close(out[i], m(own[i], positions[i]), atol=1e-9, rtol=1e-9)


@each_variant
def test_gradients_under_vmap_equal_those_of_the_models_one_by_one(name, options):
    models, parameters = ensemble(name, options)
    own, targets = tokens(3, 4, 8), torch.randn(3, 4, 8, 3, dtype=torch.float64)
    loss = lambda p, x, y: (functional_call(models[0], p, (x,)) - y).square().mean()  # noqa: E731
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together = vmap(grad(loss))(parameters, own, targets)
    for i, m in enumerate(models):
        (m(own[i]) - targets[i]).square().mean().backward()
        for key, parameter in m.named_parameters():
            torch.testing.assert_close(together[key][i], parameter.grad, atol=1e-9, rtol=1e-7)


def test_a_table_refuses_long_inputs_under_vmap_too():
    models, parameters = ensemble("learned", {})
    with pytest.raises(ValueError, match="table ends"):
        vmap(lambda p, x: functional_call(models[0], p, (x,)))(parameters, tokens(3, 4, 17))


def test_equal_seeds_share_all_weights_but_the_encoding_s():
    reference = make(7, encoding="none").state_dict()
    for name in ENCODINGS:
        state = make(7, encoding=name).state_dict()
        common = {key: value for key, value in state.items() if not key.startswith("encoding.")}
        assert common.keys() == reference.keys()
        assert all(torch.equal(value, reference[key]) for key, value in common.items()), name
    assert not torch.equal(make(8, encoding="none").outputs.weight, reference["outputs.weight"])


# ---------------------------------------------------------------- the layers


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("causal", [True, False])
def test_equals_torch_s_own_encoder(norm, causal):
    ours = make(vocabulary=None, features=2, norm=norm, causal=causal)
    layer = nn.TransformerEncoderLayer(
        16, 2, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm == "pre"
    )
    final = nn.LayerNorm(16) if norm == "pre" else None
    theirs = nn.TransformerEncoder(layer, 2, norm=final, enable_nested_tensor=False).double()
    for block, other in zip(ours.blocks, theirs.layers, strict=True):
        for source, target in (
            (block.attention.qkv.weight, other.self_attn.in_proj_weight),
            (block.attention.qkv.bias, other.self_attn.in_proj_bias),
            *zip(block.attention.out.parameters(), other.self_attn.out_proj.parameters(), strict=True),
            *zip(block.mlp[0].parameters(), other.linear1.parameters(), strict=True),
            *zip(block.mlp[2].parameters(), other.linear2.parameters(), strict=True),
        ):
            target.data = source.data.clone()
    x = torch.randn(3, 8, 2, dtype=torch.float64)
    hides = torch.ones(8, 8, dtype=torch.bool).triu(1) if causal else None
    torch.testing.assert_close(ours(x), ours.outputs(theirs(ours.inputs(x), mask=hides)))


def test_causal_outputs_do_not_depend_on_the_future_and_others_do():
    x = tokens(2, 8)
    changed = x.clone()
    changed[:, 5:] = (x[:, 5:] + 1) % 5
    for causal in (True, False):
        m = make(causal=causal)
        same = torch.equal(m(x)[:, :5], m(changed)[:, :5])
        assert same is causal


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", ["rotary", "alibi", "sinusoidal", "urpe"])
def test_masked_padding_changes_nothing(causal, name):
    m, x = make(causal=causal, encoding=name), tokens(2, 8)
    padded = torch.cat([torch.zeros(2, 3, dtype=torch.int64), x], 1)
    mask = torch.tensor([False] * 3 + [True] * 8).expand(2, -1)
    positions = torch.cat([torch.zeros(3, dtype=torch.int64), torch.arange(8)])
    out = m(padded, positions, mask)
    assert out.isfinite().all()
    torch.testing.assert_close(out[:, 3:], m(x))
    # Visible padding is another input altogether.
    assert (m(padded, positions)[:, 3:] - m(x)).abs().max() > 1e-3


def test_pure_attention_loses_rank_and_the_skip_connection_keeps_it():
    def rank_one_residual(h):  # relative distance to the nearest matrix with equal rows
        return float(((h - h.mean(1, keepdim=True)).norm() / h.norm()).detach())

    left = {}
    for skip in (False, True):
        m = make(depth=6, skip=skip, mlp_ratio=0, norm="none", causal=False)
        with record(m) as seen:
            m(tokens(1, 12))
        left[skip] = [rank_one_residual(h) for h in seen.hidden]
    assert left[False][-1] < 1e-4 < 0.1 < left[True][-1]
    assert left[False][1] < 0.5 * left[False][0] and left[False][2] < 0.1 * left[False][1]


def test_no_feed_forward_layers():
    assert not any("mlp" in name for name, _ in make(mlp_ratio=0).named_parameters())


@settings(max_examples=10, deadline=None, derandomize=True)
@given(batch=st.integers(1, 3), length=st.integers(1, 16), name=st.sampled_from(list(ENCODINGS)))
def test_shapes(batch, length, name):
    assert make(encoding=name)(tokens(batch, length)).shape == (batch, length, 3)
    numbers = make(encoding=name, vocabulary=None, features=2)
    assert numbers(torch.randn(batch, length, 2).double()).shape == (batch, length, 3)


@each_variant
def test_copies_pickles_and_state_dicts_are_the_same_model(name, options):
    m, x = make(encoding=name, encoding_options=options), tokens(2, 8)
    scatter_parameters(m.encoding)
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert torch.equal(other(x), m(x))
    fresh = make(1, encoding=name, encoding_options=options)
    fresh.load_state_dict(m.state_dict())
    assert torch.equal(fresh(x), m(x))


# ---------------------------------------------------------------- recording


@pytest.mark.parametrize("causal", [True, False])
def test_recorded_attention_and_hidden_states(causal):
    m, x = make(causal=causal, encoding="rotary"), tokens(2, 8)
    with record(m) as seen:
        out = m(x)
    assert len(seen.attention) == 2 and len(seen.hidden) == 3
    assert all(a.shape == (2, 2, 8, 8) for a in seen.attention)
    assert all(h.shape == (2, 8, 16) and not h.requires_grad for h in seen.hidden)
    for attention in seen.attention:
        torch.testing.assert_close(attention.sum(-1), torch.ones(2, 2, 8).double())
        assert bool(attention.triu(1).any()) is not causal
    assert torch.equal(seen.hidden[0], m.inputs(x))
    torch.testing.assert_close(m.outputs(m.norm(seen.hidden[-1])), out)


def test_recording_holds_the_latest_pass_and_ends_with_its_block():
    m = make()
    with record(m) as seen:
        m(tokens(1, 4))
        m(tokens(1, 6))
    assert len(seen.attention) == 2 and seen.attention[0].shape[-1] == 6
    m(tokens(1, 8))
    assert seen.attention[0].shape[-1] == 6
    with pytest.raises(RuntimeError, match="stop"), record(m) as seen:
        raise RuntimeError("stop")
    m(tokens(1, 8))
    assert not seen.attention


def test_recorded_attention_holds_the_gate():
    m = make(encoding="urpe")
    m.encoding.factors.data *= 2
    with record(m) as seen:
        m(tokens(1, 4))
    torch.testing.assert_close(seen.attention[0].sum(-1), 2 * torch.ones(1, 2, 4).double())


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"heads": 3}, "heads must divide width, got heads=3 and width=16"),
        ({"depth": 0}, "depth must be a positive integer, got 0"),
        ({"width": 16.0}, "width"),
        ({"heads": True}, "heads"),
        ({"features": 2}, "either vocabulary"),
        ({"vocabulary": None}, "either vocabulary"),
        ({"vocabulary": 0}, "vocabulary"),
        ({"norm": "rms"}, "norm must be one of 'pre', 'post', 'none'; got 'rms'"),
        ({"mlp_ratio": -1}, "mlp_ratio"),
        ({"mlp_ratio": "4"}, "mlp_ratio must be a finite number"),
        ({"causal": "no"}, "causal must be True or False, got 'no'"),
        ({"encoding_options": None}, "encoding_options must map names of options to values, got None"),
        ({"encoding_options": {"causal": False}}, "encoding_options must not contain 'causal'"),
        ({"encoding_options": {"heads": 2, "max_length": 4}}, "must not contain 'heads', 'max_length'"),
        ({"encoding": "rope"}, "got 'rope'"),
        ({"encoding": "rotary", "encoding_options": {"theta": 1}}, "no option 'theta'"),
        ({"encoding": "rotary", "width": 6}, "fraction * head_width must be an even number, got 1 * 3"),
    ],
)
def test_bad_configurations_are_refused(changes, says):
    with pytest.raises(ValueError) as error:
        make(**changes)
    assert says in str(error.value)


def test_bad_inputs_are_refused():
    m, n = make(), make(vocabulary=None, features=2)
    for bad, says in (
        (torch.zeros(2, 8), "int64 tokens"),
        (tokens(8), "shape"),
        (torch.full((2, 8), 5), "tokens from 0 to 4, got 5 to 5"),
        (torch.full((2, 8), -1), "got -1"),
    ):
        with pytest.raises(ValueError, match=says):
            m(bad)
    with pytest.raises(ValueError, match="config must be a TransformerConfig, got NoneType"):
        Transformer(None)
    for dtype in (torch.float32, torch.float16):
        with pytest.raises(ValueError, match=f"inputs must be torch.float64, as the weights are, got {dtype}"):
            n(torch.zeros(2, 8, 2, dtype=dtype))
    for bad in (tokens(0, 8), tokens(2, 0)):
        with pytest.raises(ValueError, match="inputs must hold at least one token"):
            m(bad)
    for bad in (torch.zeros(2, 8, 3), torch.zeros(2, 8), torch.zeros(2, 8, 2, dtype=torch.int64)):
        with pytest.raises(ValueError, match="inputs must be real numbers"):
            n(bad)
    with pytest.raises(ValueError, match="inputs must be a tensor, got list"):
        m([[0, 1]])
    with pytest.raises(ValueError, match="mask must be a tensor, got list"):
        m(tokens(1, 2), mask=[[True, True]])
    for bad in (torch.ones(2, 8), torch.ones(2, 7, dtype=torch.bool)):
        with pytest.raises(ValueError, match="mask must be bool"):
            m(tokens(2, 8), mask=bad)


def test_configurations_compare_hash_and_stay_as_they_are():
    a, b = config(encoding_options={"base": 5.0}), config(encoding_options={"base": 6.0})
    assert a == config(encoding_options={"base": 5.0}) and a != b
    assert len({a, b, config(encoding_options={"base": 5.0})}) == 2
    with pytest.raises(AttributeError):
        a.depth = 3


def test_numpy_s_numbers_make_the_same_configuration():
    plain = config(causal=False, mlp_ratio=2)
    other = config(width=np.int64(16), heads=np.int32(2), causal=np.False_, mlp_ratio=np.float32(2))
    assert plain == other and hash(plain) == hash(other)
    assert type(other.width) is int and type(other.mlp_ratio) is float and other.causal is False
