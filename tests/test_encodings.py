"""Positional encodings: properties that hold for every registered name, and other people's implementations."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from howfar.encodings import (
    ENCODINGS,
    Encoding,
    alibi_slopes,
    broken_promises,
    check_positions,
    convert_pairing,
    daubechies,
    make_encoding,
    offsets,
    randomized_positions,
    register,
    t5_buckets,
)
from howfar.encodings.base import _BUILT_IN
from howfar.encodings.contract import scatter_parameters
from howfar.transformer import Transformer, TransformerConfig, _hide

few = settings(max_examples=12, deadline=None, derandomize=True)
seeds = st.integers(0, 10_000)
MAX_LENGTH = 64


@register("reader_window")
class ReaderWindow(Encoding):
    """What a reader might register: a bias that falls off with the logarithm of the distance."""

    shift_invariant = True

    def bias(self, query_positions, key_positions):
        return -offsets(query_positions, key_positions).abs().float().log1p()[..., None, :, :]


EVERY = list(ENCODINGS)  # whatever is registered: a new scheme is tested from its first day
every_encoding = pytest.mark.parametrize("name", EVERY)


def encoding(name, width=16, heads=2, max_length=MAX_LENGTH, **options):
    return make_encoding(name, width=width, heads=heads, max_length=max_length, **options)


def model(name, seed=0, dtype=torch.float64, scatter=True, **config):
    """A small random model whose encoding's parameters depend on position visibly."""
    torch.manual_seed(seed)
    shape = dict(depth=2, width=16, heads=2, vocabulary=5, outputs=3, max_length=MAX_LENGTH) | config
    made = Transformer(TransformerConfig(encoding=name, **shape))
    if scatter:
        scatter_parameters(made.encoding)
    return made.to(dtype)


def tokens(seed, batch=2, length=8):
    return torch.randint(5, (batch, length), generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------- properties of every registered name


def test_the_library_registers_what_it_says_it_does():
    of_the_library = {name for name, cls in ENCODINGS.items() if cls.__module__.startswith("howfar.encodings.")}
    assert of_the_library == _BUILT_IN  # names that a reader cannot take
    assert _BUILT_IN | {"reader_window"} <= set(EVERY)
    assert all(ENCODINGS[name].name == name for name in EVERY)


@every_encoding
@few
@given(seed=seeds, shift=st.integers(1, 40), causal=st.booleans(), per_row=st.booleans())
def test_shift_invariance_of_the_model_is_as_declared(name, seed, shift, causal, per_row):
    m, x = model(name, seed, causal=causal), tokens(seed)
    p = torch.arange(8)
    moved = torch.stack([p + shift, p + shift // 2]) if per_row else p + shift
    with torch.no_grad():
        difference = (m(x, moved) - m(x, p)).abs().max()
    if m.encoding.shift_invariant:
        assert difference < 1e-6  # float64 weights; ALiBi's and the reader's biases are float32
    else:
        assert difference > 1e-6


@every_encoding
@few
@given(seed=seeds, width_heads=st.sampled_from([(8, 1), (8, 2), (12, 3), (24, 4)]))
def test_every_encoding_keeps_the_promises_of_the_interface(name, seed, width_heads):
    width, heads = width_heads
    assert broken_promises(name, seed=seed, width=width, heads=heads) == []


@every_encoding
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_outputs_follow_the_dtype_of_the_model(name, dtype):
    x = tokens(0)
    out = model(name, dtype=dtype)(x)
    assert out.dtype is dtype and out.shape == (2, 8, 3)
    precise = model(name, dtype=torch.float32).double()(x)
    error = (out.double() - precise).abs().max()
    assert error < {torch.float32: 1e-5, torch.float64: 1e-5, torch.bfloat16: 0.15}[dtype]


@every_encoding
def test_outputs_follow_the_device_of_the_model(name):
    # The meta device holds shapes only, and refuses to mix with any other.
    out = model(name).to("meta")(tokens(0).to("meta"), torch.arange(8, device="meta"))
    assert out.device.type == "meta" and out.shape == (2, 8, 3)


@every_encoding
@few
@given(seed=seeds, scale=st.sampled_from([0.0, 1.0, 1e3]))
def test_gradients_are_finite(name, seed, scale):
    m = model(name, seed, vocabulary=None, features=2, dtype=torch.float32)
    x = (scale * torch.randn(2, 8, 2)).requires_grad_()
    m(x, randomized_positions(8, MAX_LENGTH, batch=2, seed=seed)).square().mean().backward()
    assert x.grad.isfinite().all()
    for parameter_name, parameter in m.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), parameter_name


@every_encoding
def test_positions_per_row_equal_one_row_at_a_time(name):
    m, x = model(name), tokens(0, batch=3)
    positions = randomized_positions(8, MAX_LENGTH, batch=3, seed=1)
    together = m(x, positions)
    apart = torch.cat([m(x[i : i + 1], positions[i]) for i in range(3)])
    torch.testing.assert_close(together, apart, atol=1e-6, rtol=0)


@every_encoding
def test_left_out_positions_are_zero_one_two(name):
    m, x = model(name), tokens(0)
    assert torch.equal(m(x), m(x, torch.arange(8)))


@few
@given(seed=seeds)
def test_without_encoding_a_bidirectional_model_commutes_with_permutations(seed):
    m, x = model("none", seed, causal=False), tokens(seed)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(m(x[:, order]), m(x)[:, order])
    # With causal attention it doesn't, which is how NoPE can know order at all.
    causal = model("none", seed, causal=True)
    if not torch.equal(order, torch.arange(8)):
        assert (causal(x[:, order]) - causal(x)[:, order]).abs().max() > 1e-6


@pytest.mark.parametrize("inner", [name for name in EVERY if name != "urpe"])
@few
@given(seed=seeds, causal=st.booleans())
def test_urpe_with_ones_equals_no_gate(inner, seed, causal):
    x = tokens(seed)
    plain = model(inner, seed, causal=causal, scatter=False)
    gated = model("urpe", seed, causal=causal, scatter=False, encoding_options={"inner": inner})
    assert torch.equal(gated.encoding.factors, torch.ones_like(gated.encoding.factors))
    assert torch.equal(plain(x), gated(x))
    scatter_parameters(gated.encoding)
    assert not torch.allclose(plain(x), gated(x))


@every_encoding
@few
@given(seed=seeds, causal=st.booleans())
def test_identical_tokens_with_what_comes_before_the_softmax_give_identical_rows(name, seed, causal):
    cls = ENCODINGS[name]
    out = model(name, seed, causal=causal)(torch.full((1, 8), 3))
    spread = (out - out[:, :1]).abs().max()
    if cls.embed is Encoding.embed and cls.gate is Encoding.gate:
        assert spread < 1e-6
    else:
        assert spread > 1e-6


@pytest.mark.parametrize("inner", ["alibi", "relative", "rotary"])
def test_urpe_is_what_breaks_identical_rows(inner):
    out = model("urpe", encoding_options={"inner": inner})(torch.full((1, 8), 3))
    assert (out - out[:, :1]).abs().max() > 1e-6


def test_urpe_is_shift_invariant_only_if_its_inner_encoding_is():
    assert encoding("urpe", inner="rotary").shift_invariant
    assert not encoding("urpe", inner="sinusoidal").shift_invariant
    assert broken_promises("urpe", options={"inner": "sinusoidal"}) == []


# ---------------------------------------------------------------- memory


class LargestTensor(TorchDispatchMode):
    """Records the bytes of the largest storage that any operation hands out."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return out


@pytest.mark.parametrize(
    ("name", "options"),
    [*((name, {}) for name in EVERY), ("urpe", {"inner": "relative"}), ("urpe", {"inner": "alibi"})],
)
def test_no_tensor_of_a_mask_or_bias_is_larger_than_the_logits(name, options):
    # Each single tensor is bounded, for integer positions (real ones are subtracted in float64); their sum is not.
    length, batch = 64, 3
    padded = torch.ones(batch, length, dtype=torch.bool)
    for heads, per_row, causal in itertools.product((1, 4), (False, True), (False, True)):
        shape = dict(heads=heads, dtype=torch.float32, causal=causal, max_length=length)
        m = model(name, encoding_options=options, **shape)
        positions = torch.arange(length).expand(batch, length) if per_row else torch.arange(length)
        logits = 4 * heads * length * length  # bytes, of one sequence
        with LargestTensor() as largest, torch.no_grad():
            bias = m.encoding.bias(positions, positions)
            m.encoding.gate(positions, positions)
            _hide(bias, length, causal, None, torch.zeros(1))
        assert largest.bytes <= logits * (batch if per_row else 1)
        with LargestTensor() as largest:
            _hide(bias, length, causal, padded, torch.zeros(1))
        assert 0 < largest.bytes <= logits * batch


def test_the_largest_tensor_is_seen():
    with LargestTensor() as largest:
        torch.nn.functional.one_hot(torch.zeros(10, 10, dtype=torch.int64), 32).sum()
    assert largest.bytes == 10 * 10 * 32 * 8


# ---------------------------------------------------------------- other people's implementations

random_heads = torch.randn(2, 3, 10, 8, generator=torch.Generator().manual_seed(0))


def test_interleaved_rope_equals_two_libraries():
    from rotary_embedding_torch import RotaryEmbedding
    from x_transformers import x_transformers

    ours = encoding("rotary", width=24, heads=3).rotate(random_heads, torch.arange(10))
    theirs = RotaryEmbedding(dim=8).rotate_queries_or_keys(random_heads)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    freqs, scale = x_transformers.RotaryEmbedding(8)(torch.arange(10))
    theirs = x_transformers.apply_rotary_pos_emb(random_heads, freqs, scale)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_half_rope_equals_llama_and_gpt_neox(fraction):
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    ours = encoding("rotary", width=24, heads=3, pairing="half", fraction=fraction)
    angles = torch.arange(10.0)[:, None] * ours.frequencies().float()
    cos, sin = (torch.cat([t, t], -1)[None] for t in (angles.cos(), angles.sin()))
    turned, kept = random_heads[..., : ours.turned], random_heads[..., ours.turned :]
    theirs = torch.cat([apply_rotary_pos_emb(turned, turned, cos, sin)[0], kept], -1)
    torch.testing.assert_close(ours.rotate(random_heads, torch.arange(10)), theirs, atol=1e-5, rtol=0)


def test_half_rope_equals_llama_s_own_tables():
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    table = LlamaRotaryEmbedding(LlamaConfig(hidden_size=24, num_attention_heads=3))
    positions = torch.tensor([[0, 5, 17, 400, 401, 402, 403, 404, 1000, 2000]])
    cos, sin = table(random_heads, positions)
    theirs = apply_rotary_pos_emb(random_heads, random_heads, cos, sin)[0]
    ours = encoding("rotary", width=24, heads=3, pairing="half").rotate(random_heads, positions[0])
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)  # their angles are float32: 2000 * 2**-24 * |x|


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"scaling": "linear", "factor": 4.0}, {"interpolation_factor": 4.0}),
        ({"scaling": "ntk", "factor": 4.0}, {"base_rescale_factor": 4.0}),
        ({"base": 500.0}, {"base": 500}),
    ],
)
def test_rope_scaling_equals_x_transformers(ours, theirs):
    from x_transformers import x_transformers

    freqs, scale = x_transformers.RotaryEmbedding(8, **theirs)(torch.arange(10))
    expected = x_transformers.apply_rotary_pos_emb(random_heads, freqs, scale)
    got = encoding("rotary", width=24, heads=3, **ours).rotate(random_heads, torch.arange(10))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 7, 8, 12, 16, 20])
def test_alibi_equals_two_libraries(heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor
    from x_transformers.x_transformers import AlibiPositionalBias

    ours = encoding("alibi", width=4 * heads, heads=heads)
    theirs = AlibiPositionalBias(heads=heads)
    torch.testing.assert_close(ours.slopes, theirs.slopes.flatten(), atol=1e-7, rtol=0)
    p = torch.arange(10)
    torch.testing.assert_close(ours.bias(p[-4:], p), theirs(4, 10))
    # Bloom's rows are equal to ours up to a constant, where the causal mask lets anything through.
    bloom = build_alibi_tensor(torch.ones(1, 10), heads, torch.float32)
    hides = torch.ones(10, 10, dtype=torch.bool).triu(1)
    attend = [b.masked_fill(hides, -torch.inf).softmax(-1) for b in (bloom.expand(heads, 10, 10), ours.bias(p, p))]
    torch.testing.assert_close(*attend)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (8, 20), (64, 512), (32, 17)])
def test_t5_buckets_equal_two_libraries(bidirectional, buckets, max_distance):
    from transformers.models.t5.modeling_t5 import T5Attention
    from x_transformers.x_transformers import RelativePositionBias

    relative = torch.arange(-600, 601)
    ours = t5_buckets(relative, buckets=buckets, max_distance=max_distance, bidirectional=bidirectional).long()
    hf = T5Attention._relative_position_bucket(relative, bidirectional, buckets, max_distance)
    lucid = RelativePositionBias._relative_position_bucket(relative, not bidirectional, buckets, max_distance)
    assert torch.equal(ours, hf) and torch.equal(ours, lucid)


@pytest.mark.parametrize("causal", [True, False])
def test_t5_bias_equals_x_transformers(causal):
    from x_transformers.x_transformers import RelativePositionBias

    ours = encoding("relative", causal=causal)
    theirs = RelativePositionBias(scale=1, causal=causal, heads=2)
    theirs.relative_attention_bias.weight.data = ours.table.data
    p = torch.arange(200)
    assert torch.equal(ours.bias(p[-50:], p), theirs(50, 200))


def test_a_relative_bias_can_be_sharp_clipped_and_bidirectional():
    p = torch.arange(12)
    plain = encoding("relative", causal=True)
    sharp = encoding("relative", causal=True, gain=10.0)
    sharp.load_state_dict(plain.state_dict())
    torch.testing.assert_close(sharp.bias(p, p), 10 * plain.bias(p, p))
    both = encoding("relative", causal=True, bidirectional=True).bias(p, p)
    assert len(plain.bias(p, p)[0][0].unique()) == 1 and len(both[0][0].unique()) == 9  # a query at 0, keys after it
    clipped = encoding("relative", causal=True, clip=3, gain=2.0)
    bias = clipped.bias(p, p)
    for q in range(12):
        for k in range(12):
            assert torch.equal(bias[:, q, k], 2 * clipped.table[min(max(k - q, -3), 3) + 3])
    for options in ({"clip": 1}, {"clip": 5, "gain": 10.0}, {"bidirectional": True}, {"gain": 0.1}):
        assert broken_promises("relative", options=options) == []


def test_a_learned_relation_is_what_its_formula_says():
    made = encoding("learned_relation", relations=3, reach=2, gain=5.0)
    scatter_parameters(made)
    p = torch.tensor([0, 1, 3, 20])
    bias = made.bias(p, p)
    for q, k in itertools.product(range(4), range(4)):
        o = min(max(int(p[k] - p[q]), -4), 4)
        units = torch.tanh(made.slopes * (o - made.thresholds))
        shares = torch.softmax(made.assign.weight @ units + made.assign.bias, 0)
        torch.testing.assert_close(bias[:, q, k], 5 * (shares @ made.table))
    torch.testing.assert_close(made.bias(p.double(), p.double()), bias)  # the table and the network are one
    halves = made.bias(p / 2, p / 2)
    assert not torch.allclose(halves, bias, atol=1e-3)
    torch.testing.assert_close(halves[:, :2, :2], made.bias(p[:2] / 2 + 7, p[:2] / 2 + 7))
    assert broken_promises("learned_relation", options={"relations": 2, "reach": 3, "gain": 10.0}) == []


def test_a_learned_relation_can_tell_neighbours_apart_as_it_begins():
    units = encoding("learned_relation", reach=8)
    o = torch.arange(-8, 9)
    code = (units.slopes * (o[:, None] - units.thresholds)).tanh()
    assert torch.linalg.matrix_rank(code.double(), tol=0.1) >= 16 and (code[1:] - code[:-1]).norm(dim=1).min() > 1.5
    shares = units.shares(o)
    assert shares.shape == (17, 8) and torch.allclose(shares.sum(-1), torch.ones(17))


def test_sinusoid_equals_two_libraries():
    from transformers.models.distilbert.modeling_distilbert import create_sinusoidal_embeddings
    from x_transformers.x_transformers import ScaledSinusoidalEmbedding

    ours = encoding("sinusoidal", width=16).table(torch.arange(40)).float()
    theirs = torch.empty(40, 16)
    create_sinusoidal_embeddings(40, 16, theirs)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    lucid = ScaledSinusoidalEmbedding(16)(torch.zeros(1, 40, 16)) * 4.0  # undo its 16**-0.5
    torch.testing.assert_close(torch.cat([ours[:, 0::2], ours[:, 1::2]], -1), lucid.detach(), atol=1e-5, rtol=0)


# ---------------------------------------------------------------- numbers computed independently


def test_sinusoid_numbers():
    table = encoding("sinusoidal", width=4, heads=1).table(torch.tensor([1, 3]))
    expected = [[0.84147098, 0.54030231, 0.00999983, 0.99995], [0.14112001, -0.9899925, 0.0299955, 0.99955003]]
    torch.testing.assert_close(table, torch.tensor(expected, dtype=torch.float64), atol=1e-8, rtol=0)
    table = encoding("sinusoidal", width=64).table(torch.arange(200))
    gram = table @ table.T
    offsets_0_to_5 = torch.tensor([32, 30.916832, 28.303862, 25.587029, 23.934362, 23.503971]).double()
    torch.testing.assert_close(gram[100, 100:106], offsets_0_to_5, atol=1e-6, rtol=0)
    assert (gram.diagonal(offset=7) - gram[0, 7]).abs().max() < 1e-10  # Toeplitz


def test_rope_numbers():
    x = torch.arange(1.0, 9.0, dtype=torch.float64)
    expected = {
        "interleaved": [-1.14263966, 1.9220756, 2.58567883, 4.27951691, 4.939751, 6.04969917, 6.9919965, 8.006996],
        "half": [-3.66705262, 1.39100783, 2.92985117, 3.991998, 3.54298251, 6.16969182, 7.02964950, 8.003996],
    }
    scores = {"interleaved": (70.279033, 78.732475), "half": (45.929567, 79.743338)}
    for pairing, numbers in expected.items():
        rope = encoding("rotary", width=8, heads=1, pairing=pairing)
        at = lambda v, t, rope=rope: rope.rotate(v[None, None, None], torch.tensor([t]))[0, 0, 0]  # noqa: E731
        torch.testing.assert_close(at(x, 1), torch.tensor(numbers).double(), atol=1e-6, rtol=0)
        for (t, s), score in zip([(5, 2), (2, 5)], scores[pairing], strict=True):
            assert math.isclose(at(x, t) @ at(x.flip(0), s), score, abs_tol=1e-6)
            assert math.isclose(at(x, t + 95) @ at(x.flip(0), s + 95), score, abs_tol=1e-6)


def test_alibi_slopes_numbers():
    assert alibi_slopes(8) == [2.0**-k for k in range(1, 9)]
    assert alibi_slopes(6) == [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]
    np.testing.assert_allclose(alibi_slopes(12)[8:], [0.70710678, 0.35355339, 0.1767767, 0.08838835], atol=1e-8)
    assert alibi_slopes(1) == [2.0**-8]


def test_t5_buckets_are_those_of_exact_arithmetic():
    edges = 0
    for buckets in range(4, 40, 4):
        for max_distance in (buckets + 1, 64, 81, 100, 125, 128, 160, 256, 320):
            for bidirectional in (True, False):
                n = buckets // 2 if bidirectional else buckets
                e, steps = n // 2, n - n // 2
                expected = []
                for d in range(max_distance + 3):
                    above = [s for s in range(steps) if d**steps * e**s >= max_distance**s * e**steps]
                    expected.append(d if d < e else e + max(above))
                    edges += e < d < max_distance and any(
                        d**steps * e**s == max_distance**s * e**steps for s in range(1, steps)
                    )
                got = t5_buckets(
                    -torch.arange(max_distance + 3),
                    buckets=buckets, max_distance=max_distance, bidirectional=bidirectional,
                )  # fmt: skip
                assert got.tolist() == expected, (buckets, max_distance, bidirectional)
    assert edges > 20  # distances exactly on an edge


@pytest.mark.parametrize(
    ("buckets", "max_distance", "distance", "bucket"), [(9, 128, 8, 5), (10, 160, 10, 6), (20, 320, 20, 12)]
)
def test_a_distance_on_an_edge_opens_its_bucket(buckets, max_distance, distance, bucket):
    options = dict(buckets=buckets, max_distance=max_distance, bidirectional=False)
    assert t5_buckets(-torch.tensor([distance - 1, distance]), **options).tolist() == [bucket - 1, bucket]


def test_t5_buckets_far_out():
    last = torch.iinfo(torch.int64)
    assert t5_buckets(torch.tensor([last.min, last.min + 1, last.max])).tolist() == [15, 15, 31]


def test_t5_bucket_edges():
    first = lambda b, start: [int((b == k).nonzero()[0]) for k in range(start, start + 8)]  # noqa: E731
    distance = torch.arange(200)
    assert first(t5_buckets(-distance), 8) == [8, 12, 16, 23, 32, 46, 64, 91]
    assert first(t5_buckets(-distance, bidirectional=False), 16) == [16, 19, 21, 24, 27, 31, 35, 40]
    assert first(t5_buckets(-distance, bidirectional=False), 24) == [46, 52, 59, 67, 77, 87, 99, 113]
    assert torch.equal(t5_buckets(distance[1:]), t5_buckets(-distance[1:]) + 16)
    assert not t5_buckets(distance, bidirectional=False).any()


def test_daubechies_values_and_orthonormality():
    phi, psi = daubechies(4)
    unit = len(phi) // 3
    np.testing.assert_allclose([phi[unit], phi[2 * unit]], [1.3660254, -0.3660254], atol=1e-7)
    for taps in (2, 4, 8, 20):
        phi, psi = daubechies(taps)
        unit = len(phi) // (taps - 1)
        np.testing.assert_allclose(phi.reshape(taps - 1, unit).sum(0), 1, atol=1e-12)  # partition of unity
        inner = lambda f, g, unit=unit: f @ g / unit  # noqa: E731
        np.testing.assert_allclose(
            [inner(phi, phi), inner(psi, psi), inner(phi, psi), psi.sum() / unit], [1, 1, 0, 0], atol=1e-5
        )


def test_daubechies_agree_with_the_approximation_of_pywavelets():
    import pywt

    phi, psi = daubechies(6)
    their_phi, their_psi, x = pywt.Wavelet("db3").wavefun(level=10)
    ours = np.interp(x, np.arange(len(phi)) / (len(phi) / 5), phi)
    np.testing.assert_allclose(ours, their_phi, atol=0.02)
    # The sign of a wavelet is a convention.
    ours = np.interp(x, np.arange(len(psi)) / (len(psi) / 5), psi)
    assert min(np.abs(ours - their_psi).max(), np.abs(ours + their_psi).max()) < 0.05


def test_haar_codes_by_hand():
    table = encoding("wavelet", width=4, heads=1, max_length=4, taps=2).table(torch.arange(6))
    by_hand = [[1, 1, 1, 0], [1, 1, -1, 0], [1, -1, 0, 1], [1, -1, 0, -1], [0, 0, 0, 0], [0, 0, 0, 0]]
    sign = torch.sign(table[0, 1])
    torch.testing.assert_close(table * torch.tensor([1, sign, sign, sign]), torch.tensor(by_hand).double())


def test_wavelet_extensions():
    p = torch.arange(400)
    tables = {e: encoding("wavelet", width=64, max_length=64, extension=e).table(p) for e in
              ("compact", "zero", "clamp", "periodic")}  # fmt: skip
    inside = tables["compact"][:64]
    assert torch.equal(tables["zero"][:64], inside) and torch.equal(tables["clamp"][:64], inside)
    assert not tables["zero"][64:].any()
    assert (tables["clamp"][64:] == inside[-1]).all()
    assert tables["compact"][64:128].any() and not tables["compact"][192:].any()  # (taps - 1) N = 192
    assert torch.equal(tables["periodic"][64:128], tables["periodic"][:64])
    assert (tables["periodic"][:, 0] - 1).abs().max() < 1e-12
    assert torch.linalg.matrix_rank(tables["periodic"][:64]) == 64


def test_legendre_numbers():
    import scipy.special

    at_half = encoding("legendre", width=6, heads=1, max_length=5).table(torch.tensor([3]))  # x = 2 * 3 / 4 - 1
    expected = [1, 0.5, -0.125, -0.4375, -0.2890625, 0.08984375]
    torch.testing.assert_close(at_half[0], torch.tensor(expected).double(), atol=1e-12, rtol=0)
    p = torch.arange(50)
    x = 2 * p.numpy() / 49 - 1
    table = encoding("legendre", width=64, max_length=50).table(p)
    np.testing.assert_allclose(table, np.stack([scipy.special.eval_legendre(k, x) for k in range(64)], 1), atol=1e-12)


@few
@given(position=st.integers(0, 2**31 - 1), width=st.sampled_from([2, 64, 256]), n=st.integers(1, 100))
def test_legendre_never_overflows(position, width, n):
    for scaling in ("fixed", "current"):
        table = encoding("legendre", width=width, max_length=n, scaling=scaling).table(torch.tensor([0, position]))
        assert table.isfinite().all() and table.abs().max() <= 1 + 1e-9


def test_legendre_scalings_differ_in_what_a_position_means():
    short, long = torch.arange(10), torch.arange(20)
    fixed = encoding("legendre", max_length=20)
    torch.testing.assert_close(fixed.table(short), fixed.table(long)[:10])
    current = encoding("legendre", max_length=20, scaling="current")
    assert not torch.allclose(current.table(short), current.table(long)[:10])
    rows = current.table(torch.stack([long, long * 2]))
    torch.testing.assert_close(rows[0], rows[1])


# ---------------------------------------------------------------- options and precision


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_converting_the_pairing_keeps_the_logits(fraction):
    torch.manual_seed(0)
    w = torch.randn(2, 24, 24)
    x, p = torch.randn(1, 10, 24), torch.arange(10)

    def logits(weights, pairing):
        q, k = ((x @ weight.T).view(1, 10, 3, 8).transpose(1, 2) for weight in weights)
        rope = encoding("rotary", width=24, heads=3, pairing=pairing, fraction=fraction)
        return rope.rotate(q, p) @ rope.rotate(k, p).transpose(-2, -1)

    half = convert_pairing(w, to="half", heads=3, fraction=fraction, dim=1)
    torch.testing.assert_close(logits(half, "half"), logits(w, "interleaved"), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(logits(w, "half"), logits(w, "interleaved"), atol=0.1)
    assert torch.equal(convert_pairing(half, to="interleaved", heads=3, fraction=fraction, dim=1), w)


def test_ntk_divides_the_lowest_frequency_and_keeps_the_highest():
    plain, ntk = encoding("rotary").frequencies(), encoding("rotary", scaling="ntk", factor=8.0).frequencies()
    assert ntk[0] == plain[0] == 1
    torch.testing.assert_close(ntk[-1], plain[-1] / 8)


@pytest.mark.parametrize("name", ["rotary", "sinusoidal", "alibi", "wavelet", "legendre"])
def test_positions_stay_exact_in_a_bfloat16_model(name):
    # bfloat16 rounds 257 to 256: an encoding computed in it could not tell them apart.
    half, full = (encoding(name, heads=1, max_length=300).to(dtype) for dtype in (torch.bfloat16, torch.float64))
    p = torch.tensor([255, 256, 257])
    x = torch.ones(1, 3, 16)
    for answer in (lambda e, x: e.embed(x, p), lambda e, x: e.rotate(x[None], p), lambda e, x: e.bias(p, p)):
        got, want = answer(half, x.bfloat16()), answer(full, x.double())
        if got is not None:
            torch.testing.assert_close(got.double(), want.double(), atol=2e-2, rtol=0)


def test_what_is_fixed_keeps_its_precision_in_a_bfloat16_model():
    p = torch.arange(40)
    for name in ("sinusoidal", "wavelet", "legendre"):
        assert torch.equal(encoding(name).bfloat16().table(p), encoding(name).table(p)), name
    alibi = [encoding("alibi", width=12, heads=12).to(dtype) for dtype in (torch.bfloat16, torch.float32)]
    assert torch.equal(alibi[0].bias(p, p), alibi[1].bias(p, p))


def test_real_positions_lie_between_whole_ones():
    for name in ("rotary", "sinusoidal", "alibi", "legendre"):
        m, x = model(name), tokens(0)
        out = [m(x, torch.arange(8) * stretch) for stretch in (1, 1.0, 1.5, 2)]
        torch.testing.assert_close(out[0], out[1])
        assert (out[2] - out[1]).abs().max() > 1e-6 < (out[3] - out[2]).abs().max()


def test_learned_clamps_if_asked_to():
    table = encoding("learned", max_length=4, out_of_range="clamp")
    assert torch.equal(table.table(torch.tensor([3, 4, 99]))[1:], table.weight[[3, 3]])


def test_urpe_gate_is_toeplitz_and_clamps_if_asked_to():
    urpe = encoding("urpe", max_length=4, out_of_range="clamp")
    scatter_parameters(urpe)
    gate = urpe.gate(torch.arange(7), torch.arange(7))
    assert torch.equal(gate[:, 0, 2], urpe.factors[3 + 2]) and torch.equal(gate[:, 2, 0], urpe.factors[3 - 2])
    assert torch.equal(gate[:, 1:, 1:], gate[:, :-1, :-1])
    assert torch.equal(gate[:, 0, 3], gate[:, 0, 6])


@pytest.mark.parametrize("name", ["learned", "urpe"])
def test_where_values_cannot_be_read_a_table_gives_nan_and_never_a_wrong_row(name):
    m, x = model(name, max_length=10), tokens(0)
    batched = torch.stack([torch.arange(8), torch.arange(8) * 2])
    out = torch.vmap(m, in_dims=(None, 0))(x, batched)
    torch.testing.assert_close(out[0], m(x))
    assert out[1].isnan().any()


@pytest.mark.parametrize("seed", [3, np.int64(3), "torch", "numpy"])
def test_every_kind_of_seed_draws_positions(seed):
    make = {"torch": lambda: torch.Generator().manual_seed(3), "numpy": lambda: np.random.default_rng(3)}
    seeds = [make.get(seed, lambda: seed)() for _ in range(2)]
    assert torch.equal(*(randomized_positions(5, 99, seed=each) for each in seeds))
    assert broken_promises("rotary", seed=make.get(seed, lambda: seed)()) == []


def test_numpy_s_integers_make_the_same_encoding():
    sizes = dict(width=np.int64(16), heads=np.int32(2), max_length=np.int64(8))
    for name in EVERY:
        made = make_encoding(name, **sizes, causal=np.True_)
        assert all(type(getattr(made, size)) is int for size in sizes) and made.causal is True


@pytest.mark.parametrize("far", [0, 2**24, 2**30])
def test_real_offsets_depend_on_the_distance_only_however_far_out(far):
    near = torch.arange(8, dtype=torch.float64) / 4
    expected = near[None, :] - near[:, None]
    assert torch.equal(offsets(near + far, near + far), expected.float())
    assert offsets(near + far, near + far).dtype is torch.float32
    whole = torch.arange(far, far + 8)
    mixed = offsets(whole, whole.double() + 0.25)  # integers beside real numbers
    assert torch.equal(mixed, (torch.arange(8)[None] - torch.arange(8)[:, None] + 0.25).float())
    alibi = encoding("alibi")
    assert torch.equal(alibi.bias(near + far, near + far), alibi.bias(near, near))


def test_legendre_with_current_scaling_leaks_the_future_into_a_causal_model_and_fixed_does_not():
    x = tokens(0, length=16)
    for scaling, leaks in (("current", True), ("fixed", False)):
        m = model("legendre", causal=True, encoding_options={"scaling": scaling})
        with torch.no_grad():
            difference = (m(x)[:, :8] - m(x[:, :8])).abs().max()
        assert bool(difference > 1e-3) is leaks, scaling
        assert leaks or difference < 1e-9


# ---------------------------------------------------------------- randomised positions


@few
@given(length=st.integers(1, 20), extra=st.integers(0, 30), batch=st.sampled_from([None, 1, 5]), seed=seeds)
def test_randomized_positions_are_distinct_sorted_and_in_range(length, extra, batch, seed):
    p = randomized_positions(length, length + extra, batch=batch, seed=seed)
    assert p.dtype is torch.int64 and p.shape == ((length,) if batch is None else (batch, length))
    assert (p.diff(dim=-1) > 0).all() and p.min() >= 0 and p.max() < length + extra
    assert torch.equal(p, randomized_positions(length, length + extra, batch=batch, seed=seed))


def test_every_set_of_positions_is_equally_likely():
    import scipy.stats

    p = randomized_positions(2, 5, batch=4000, seed=0)
    counts = torch.bincount(p[:, 0] * 5 + p[:, 1], minlength=25)
    assert (counts > 0).sum() == 10
    assert scipy.stats.chisquare(counts[counts > 0].numpy()).pvalue > 1e-3


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("positions", "says"),
    [
        (torch.arange(7), "shape"),
        (torch.zeros(3, 8), "shape"),
        (torch.zeros(2, 2, 8), "shape"),
        (torch.tensor(0), "shape"),
        (torch.arange(8) - 1, "-1"),
        (torch.arange(8) > 3, "dtype torch.bool"),
        (torch.arange(8).to(torch.complex64), "dtype torch.complex64"),
        (torch.arange(8).half(), "float16"),
        (torch.full((8,), float("nan")), "nan"),
        (torch.full((8,), float("inf")), "inf"),
        (torch.full((8,), 2**31), "2,147,483,647"),
        (list(range(8)), "tensor"),
    ],
)
@every_encoding
def test_bad_positions_are_refused(name, positions, says):
    with pytest.raises(ValueError, match="positions must") as error:
        model(name)(tokens(0), positions)
    assert says in str(error.value)


@pytest.mark.parametrize("name", ["learned", "urpe", "relative"])
def test_tables_refuse_fractional_positions(name):
    with pytest.raises(ValueError, match="integers"):
        model(name)(tokens(0), torch.arange(8.0))


@pytest.mark.parametrize("name", ["learned", "urpe"])
def test_positions_beyond_a_table_are_refused(name):
    m = model(name, max_length=8)
    m(tokens(0))
    with pytest.raises(ValueError, match=r"positions must be less than (8|max_length=8)"):
        m(tokens(0, length=9))
    with pytest.raises(ValueError, match="table ends"):
        m(tokens(0), torch.arange(8) * 2)
    e = m.encoding
    answer = e.table if name == "learned" else (lambda p: e.gate(p, p))
    with pytest.raises(ValueError, match="table ends"):
        answer(torch.tensor([0, 8]))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("rotary", {"width": 9, "heads": 3}, "even number"),
        ("rotary", {"fraction": 0.3}, "even number"),
        ("rotary", {"fraction": 0.0}, "fraction"),
        ("rotary", {"pairing": "gptj"}, "pairing"),
        ("rotary", {"factor": 2.0}, "factor=2.0 needs scaling"),
        ("rotary", {"scaling": "linear", "factor": 0.5}, "factor"),
        ("rotary", {"scaling": "yarn"}, "scaling"),
        ("rotary", {"scaling": "ntk", "factor": 2.0, "width": 4}, "ntk"),
        ("rotary", {"base": 1.0}, "base"),
        ("rotary", {"base": float("inf")}, "base must be a finite number"),
        ("rotary", {"base": "x"}, "base must be a finite number"),
        ("rotary", {"fraction": "half"}, "fraction must be a finite number"),
        ("rotary", {"scaling": "linear"}, "scaling='linear' needs a factor greater than 1"),
        ("rotary", {"scaling": "ntk"}, "scaling='ntk' needs a factor greater than 1"),
        ("rotary", {"scaling": "ntk", "factor": float("inf")}, "factor must be a finite number"),
        ("sinusoidal", {"width": 9, "heads": 3}, "even"),
        ("sinusoidal", {"base": 0.5}, "base"),
        ("learned", {"out_of_range": "wrap"}, "out_of_range"),
        ("relative", {"buckets": 7}, "buckets"),
        ("relative", {"max_distance": 8}, "max_distance"),
        ("relative", {"gain": 0}, "gain must be a finite number, greater than 0; got 0"),
        ("relative", {"clip": 0}, "clip must be an integer from 1 to 1048576, got 0"),
        ("relative", {"clip": 3, "buckets": 8}, "clip=3 takes the place of buckets"),
        ("relative", {"clip": 3, "bidirectional": True}, "clip=3 takes the place of buckets"),
        ("relative", {"bidirectional": 1}, "bidirectional must be True or False"),
        ("learned_relation", {"relations": 1}, "relations"),
        ("learned_relation", {"reach": 0}, "reach"),
        ("learned_relation", {"gain": -1.0}, "gain"),
        ("alibi", {"slopes": [1.0]}, "one per head"),
        ("alibi", {"slopes": [1.0, -1.0]}, "slopes must not be negative, got [1.0, -1.0]"),
        ("alibi", {"slopes": [1.0, float("inf")]}, "slopes must be finite, row 1 is inf"),
        ("alibi", {"slopes": 1.0}, "slopes must be one per head, got shape () for 2 heads"),
        ("alibi", {"slopes": ["a", "b"]}, "slopes must hold real numbers"),
        ("relative", {"buckets": 8.0}, "buckets"),
        ("relative", {"max_distance": "far"}, "max_distance"),
        ("relative", {"max_distance": 128.0}, "max_distance must be an integer from 1 to 1048576, got 128.0"),
        ("relative", {"max_distance": 10**9}, "max_distance must be an integer from 1 to 1048576"),
        ("urpe", {"inner": "rotary", "inner_options": {"width": 8}}, "inner_options must not contain 'width'"),
        ("urpe", {"inner": "rotary", "inner_options": 3}, "inner_options must map"),
        ("none", {"causal": "no"}, "causal must be True or False, got 'no'"),
        ("wavelet", {"taps": 3}, "taps"),
        ("wavelet", {"taps": 42}, "taps"),
        ("wavelet", {"extension": "mirror"}, "extension"),
        ("legendre", {"scaling": "max"}, "scaling"),
        ("urpe", {"inner": "urpe"}, "inner"),
        ("urpe", {"inner": "nonesuch"}, "nonesuch"),
        ("none", {"width": 10, "heads": 3}, "heads must divide width"),
        ("none", {"max_length": 0}, "max_length"),
        ("none", {"base": 3}, "no option 'base'"),
        ("rotary", {"bases": 3}, "base, pairing"),
        ("rope", {}, "rotary"),
        (["rotary"], {}, "encoding must be one of"),
        ("urpe", {"inner": ["rotary"]}, "inner must be one of"),
    ],
)
def test_bad_options_are_refused_by_name(name, options, says):
    with pytest.raises(ValueError) as error:
        encoding(name, **options)
    assert says in str(error.value)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="at most max_length"):
        randomized_positions(5, 4)
    with pytest.raises(ValueError, match="seed"):
        randomized_positions(2, 4, seed="0")
    with pytest.raises(ValueError, match="batch"):
        randomized_positions(2, 4, batch=0)
    with pytest.raises(ValueError, match=r"length must be a positive integer, got 2.0"):
        randomized_positions(2.0, 4)
    with pytest.raises(ValueError, match="device"):
        randomized_positions(2, 4, device="abacus")
    with pytest.raises(ValueError, match="to must"):
        convert_pairing(torch.zeros(4), to="other")
    with pytest.raises(ValueError, match="heads must divide"):
        convert_pairing(torch.zeros(4), to="half", heads=3)
    with pytest.raises(ValueError, match="query_positions"):
        encoding("alibi").bias(torch.tensor([-1]), torch.tensor([0]))
    with pytest.raises(ValueError, match="less than 3"):
        check_positions(torch.tensor([3]), below=3)
    with pytest.raises(ValueError, match="heads must be a positive integer"):
        convert_pairing(torch.zeros(4), to="half", heads=0)
    with pytest.raises(ValueError, match="heads must be a positive integer"):
        alibi_slopes(2.5)
    with pytest.raises(ValueError, match="level"):
        daubechies(4, -1)
    with pytest.raises(ValueError, match="taps"):
        daubechies(5)
    with pytest.raises(ValueError, match="shape"):
        encoding("sinusoidal").embed(torch.zeros(2, 3, 16), torch.arange(4))
    with pytest.raises(ValueError, match="options must not contain 'heads'"):
        broken_promises("rotary", options={"heads": 2})


def test_answers_refuse_shapes_that_do_not_fit():
    p, rows = torch.arange(8), torch.arange(8).expand(8, 8)
    with pytest.raises(ValueError, match=r"width=16.*\(2, 8, 15\)"):
        encoding("sinusoidal").embed(torch.zeros(2, 8, 15), p)
    with pytest.raises(ValueError, match="positions per row"):
        encoding("sinusoidal").embed(torch.zeros(8, 16), rows)
    with pytest.raises(ValueError, match=r"head_width=8.*\(2, 2, 8, 16\)"):
        encoding("rotary").rotate(torch.zeros(2, 2, 8, 16), p)
    with pytest.raises(ValueError, match="positions per row"):
        encoding("rotary").rotate(torch.zeros(8, 8), rows)
    assert encoding("rotary").rotate(torch.zeros(8, 8), p).shape == (8, 8)
    for name in ("alibi", "relative", "urpe"):
        answer = encoding(name).gate if name == "urpe" else encoding(name).bias
        with pytest.raises(ValueError, match="same batch"):
            answer(p.expand(2, 8), p.expand(3, 8))


# ---------------------------------------------------------------- a reader's own


def test_registration_refuses_what_cannot_work():
    with pytest.raises(ValueError, match="library's own"):
        register("rotary")(ReaderWindow)
    with pytest.raises(ValueError, match="identifier"):
        register("my encoding")
    with pytest.raises(ValueError, match="subclass"):
        register("mine")(object)
    with pytest.raises(ValueError, match="shift_invariant"):
        register("mine")(type("Mine", (Encoding,), {}))
    assert "mine" not in ENCODINGS


class LiesAboutShift(Encoding):
    shift_invariant = True

    def embed(self, x, positions):
        return x + positions[..., None]


class ClaimsTooLittle(Encoding):
    shift_invariant = False


class Transposed(Encoding):
    shift_invariant = True

    def bias(self, query_positions, key_positions):
        return offsets(key_positions, query_positions).float()[..., None, :, :]


class DropsThePrecision(Encoding):
    shift_invariant = True

    def rotate(self, x, positions):
        return x.float()


class ForgetsRows(Encoding):
    shift_invariant = True

    def bias(self, query_positions, key_positions):
        first = offsets(query_positions.reshape(-1, query_positions.shape[-1])[0], key_positions)
        return first.abs().float()[..., None, :, :]


class EmbedsTheFirstRow(Encoding):
    shift_invariant = False

    def embed(self, x, positions):
        return x + positions.reshape(-1, positions.shape[-1])[0][:, None].to(x.dtype)


class TurnsByTheFirstRow(Encoding):
    shift_invariant = False

    def rotate(self, x, positions):
        return x * (1 + positions.reshape(-1, positions.shape[-1])[0][:, None]).to(x.dtype)


class NotANumberLater(Encoding):
    shift_invariant = True

    def bias(self, query_positions, key_positions):
        relative = offsets(query_positions, key_positions).abs().float()
        return relative.masked_fill(key_positions[..., None, :] >= 20, float("nan"))[..., None, :, :]


class ComplexBias(Encoding):
    shift_invariant = True

    def bias(self, query_positions, key_positions):
        return torch.polar(torch.tensor(1.0), offsets(query_positions, key_positions).float())[..., None, :, :]


class InfiniteGradient(Encoding):
    shift_invariant = True

    def embed(self, x, positions):
        return x + (x - x).sqrt()


class IdleParameter(Encoding):
    shift_invariant = True

    def __init__(self, *shape, **named):
        super().__init__(*shape, **named)
        self.idle = torch.nn.Parameter(torch.zeros(1))


@pytest.mark.parametrize(
    ("cls", "says"),
    [
        (LiesAboutShift, "shift_invariant = True, but"),
        (ClaimsTooLittle, "shift_invariant = False, but"),
        (Transposed, "bias must have the shape"),
        (DropsThePrecision, "rotate must keep"),
        (ForgetsRows, "bias with positions per row must agree"),
        (EmbedsTheFirstRow, "embed with positions per row must agree"),
        (TurnsByTheFirstRow, "rotate with positions per row must agree"),
        (NotANumberLater, "finite at all positions"),
        (ComplexBias, "bias must be real numbers, got torch.complex64"),
        (InfiniteGradient, "gradients"),
        (IdleParameter, "no influence"),
    ],
)
def test_broken_promises_are_named(cls, says, monkeypatch):
    monkeypatch.setitem(ENCODINGS, "broken", cls)
    assert any(says in sentence for sentence in broken_promises("broken"))


@pytest.mark.parametrize(
    ("name", "options"), [("sinusoidal", {}), ("legendre", {}), ("wavelet", {"extension": "clamp"})]
)
def test_a_fixed_code_can_be_given_a_norm(name, options):
    shape = {"width": 16, "heads": 1, "max_length": 50}
    plain = make_encoding(name, **shape, **options)
    loud = make_encoding(name, **shape, **options, norm=3.0)
    positions = torch.arange(50)
    assert loud.table(positions).norm(dim=-1).square().mean().sqrt() == pytest.approx(3.0)
    far = torch.arange(40, 120)
    ratio = loud.amplitude / plain.amplitude
    assert torch.allclose(loud.table(far), ratio * plain.table(far), atol=1e-12)
    with pytest.raises(ValueError, match="norm must be a finite number, greater than 0; got 0"):
        make_encoding(name, **shape, norm=0)


# ---------------------------------------------------------------- what ALiBi does beyond its training


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("beyond", ["grow", "adapt", "stop"])
def test_alibi_is_the_same_up_to_the_length_it_was_made_for(causal, beyond):
    p = torch.arange(7, 17)
    plain, other = (encoding("alibi", max_length=10, causal=causal, **o) for o in ({}, {"beyond": beyond}))
    hides = torch.ones(10, 10, dtype=torch.bool).triu(1) & causal
    assert torch.equal(*(e.bias(p, p).masked_fill(hides, 0) for e in (plain, other)))


@pytest.mark.parametrize("causal", [True, False])
def test_alibi_beyond_its_length_by_hand(causal):
    p, slope = torch.arange(100, 112), 2.0
    options = dict(width=4, heads=1, max_length=5, causal=causal, slopes=[slope])
    for q, k in itertools.product(range(12), range(12)):
        if causal and k > q:
            continue
        distance, farthest = abs(q - k), q if causal else max(q, 11 - q)
        expected = {
            "grow": -slope * distance,
            "adapt": -slope * distance * min(1, 4 / max(farthest, 1)),
            "stop": -slope * min(distance, 4),
        }
        for beyond, value in expected.items():
            got = encoding("alibi", **options, beyond=beyond).bias(p, p)[0, q, k]
            assert float(got) == pytest.approx(value)


def test_adaptive_slopes_do_not_look_ahead():
    # What follows a token changes neither its bias nor, in rows of their own positions, that of other rows.
    adaptive = encoding("alibi", max_length=4, causal=True, beyond="adapt")
    short, long = torch.arange(6), torch.arange(20)
    hides = torch.ones(6, 6, dtype=torch.bool).triu(1)
    biases = (adaptive.bias(short, short), adaptive.bias(long, long)[:, :6, :6])
    assert torch.equal(*(bias.masked_fill(hides, 0) for bias in biases))
    rows = torch.stack([short, 3 * short])
    both = adaptive.bias(rows, rows)
    assert torch.equal(both[0], biases[0]) and torch.equal(both[1], adaptive.bias(3 * short, 3 * short))
    with pytest.raises(ValueError, match="beyond must be one of"):
        encoding("alibi", beyond="shrink")
