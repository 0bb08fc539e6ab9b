"""The ensemble engine: each member is what it would be alone, and refuses what it would refuse alone."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from howfar import dyck, environment, search
from howfar.encodings import ENCODINGS, Encoding, offsets
from howfar.encodings.contract import scatter_parameters
from howfar.ensembles import Ensemble, members_at_once
from howfar.tasks import Batch, cross_entropy, lag_recall, mean_squared_error
from howfar.training import train
from howfar.transformer import Transformer, TransformerConfig

SHAPE = dict(depth=2, width=16, heads=2, features=1, max_length=12)


class ReaderNear(Encoding):
    """A reader's own: weights of its own, and a limit that it checks by reading values."""

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        self.rate = nn.Parameter(torch.ones(heads))

    def check(self, positions):
        super().check(positions)
        if positions.max() >= self.max_length:
            raise ValueError(f"reader_near knows {self.max_length} positions, got {positions.max():g}")

    def bias(self, query_positions, key_positions):
        distance = offsets(query_positions, key_positions).abs()
        return -self.rate[:, None, None] * distance[..., None, :, :]


@pytest.fixture(autouse=True, scope="module")
def reader_near():
    """Known within this file only: it reads values, which tests elsewhere do not let every encoding do."""
    ENCODINGS["reader_near"] = ReaderNear
    yield
    del ENCODINGS["reader_near"]


def sample(generator):
    x = torch.randn(4, 12, 1, generator=generator)
    return Batch(x, x.cumsum(1) / 12)


def alone(config, seed, steps, lr=1e-3, warmup=0, clip=1.0, sample=sample):
    """A plain PyTorch loop: the definition that the engine has to meet."""
    torch.manual_seed(seed)
    model = Transformer(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)

    def share(step):
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + torch.cos(torch.tensor(torch.pi * (step - warmup) / (steps - warmup))).item())

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, share)
    generator, losses = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        batch = sample(generator)
        loss = mean_squared_error(model(batch.inputs, batch.positions), batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return model, losses


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("encoding", ["none", "learned", "rotary", "relative", "urpe", "wavelet", "reader_near"])
def test_each_member_equals_training_it_alone(encoding, chunk, norm):
    config = TransformerConfig(**SHAPE, encoding=encoding, norm=norm)
    ensemble = train(config, sample, mean_squared_error, steps=25, seeds=[3, 11, 7], warmup=5, chunk=chunk)
    x = torch.randn(2, 12, 1, generator=torch.Generator().manual_seed(99))
    for member, seed in enumerate([3, 11, 7]):
        model, losses = alone(config, seed, 25, warmup=5)
        curve = ensemble.curves.query("member == @member")
        torch.testing.assert_close(
            torch.tensor(curve["loss"].to_numpy()).double(), torch.tensor(losses).double(), rtol=1e-3, atol=1e-5
        )
        with torch.no_grad():
            torch.testing.assert_close(ensemble[member](x), model(x), rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(ensemble(x)[member], model(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("encoding", ["learned", "relative", "urpe", "legendre", "wavelet"])
def test_members_may_differ_in_their_positions(encoding):
    def own(generator):
        where = torch.randint(4, (4, 1), generator=generator) + torch.arange(8)
        x = torch.randn(4, 8, 1, generator=generator)
        return Batch(x, x.cumsum(1) / 12, positions=where)

    config = TransformerConfig(**SHAPE, encoding=encoding)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing batching rule falls back to a slow loop, with a warning
        ensemble = train(config, own, mean_squared_error, steps=5, seeds=[0, 1, 2], chunk=3)
    for member, model in enumerate(ensemble):
        reference, _ = alone(config, member, 5, sample=own)
        x = sample(torch.Generator().manual_seed(9)).inputs
        torch.testing.assert_close(model(x), reference(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_the_chunk_changes_nothing(chunk):
    config = TransformerConfig(**SHAPE, encoding="rotary")
    whole = train(config, sample, mean_squared_error, steps=8, seeds=range(5), chunk=5)
    parts = train(config, sample, mean_squared_error, steps=8, seeds=range(5), chunk=chunk)
    torch.testing.assert_close(parts.weights, whole.weights, rtol=1e-4, atol=1e-6)
    assert list(parts.curves.columns) == ["member", "seed", "lr", "step", "loss", "gradient_norm"]
    assert len(parts.curves) == 40


def test_members_run_together_while_they_are_small():
    cpu = torch.device("cpu")
    assert members_at_once(8 * 40 * 32, 10, cpu) == 10
    assert members_at_once(8 * 40 * 32, 30, cpu) == 10  # parts as equal as can be, no larger than a cache
    assert members_at_once(8 * 40 * 32, 2, cpu) == members_at_once(64 * 50 * 64, 10, cpu) == 1


@pytest.mark.parametrize("chunk", [1, 2])
def test_learning_rates_are_each_members_own(chunk):
    config = TransformerConfig(**SHAPE)
    ensemble = train(config, sample, mean_squared_error, steps=20, seeds=[1, 1], lr=[1e-2, 1e-4], chunk=chunk)
    model, _ = alone(config, 1, 20, lr=1e-4)
    assert not torch.allclose(ensemble.weights[0], ensemble.weights[1])
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.testing.assert_close(ensemble.weights[1], flat, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_member_that_diverges_is_reported_and_leaves_the_others_alone(chunk):
    config = TransformerConfig(**SHAPE)
    options = dict(steps=12, seeds=[0, 1, 2], clip=None, chunk=chunk)
    mixed = train(config, sample, mean_squared_error, lr=[1e-3, 1e30, 1e-3], **options)
    calm = train(config, sample, mean_squared_error, lr=1e-3, **options)
    assert mixed.members["diverged_at"].isna().tolist() == [True, False, True]
    torch.testing.assert_close(mixed.weights[[0, 2]], calm.weights[[0, 2]], rtol=1e-4, atol=1e-6)
    last = int(mixed.members["diverged_at"][1])
    assert mixed.curves.query("member == 1")["step"].max() == last < 11
    assert mixed.weights[1].isfinite().all()  # as it was when it diverged


def test_each_member_may_have_a_task_of_its_own():
    def scaled(factor):
        def draw(generator):
            batch = sample(generator)
            return batch._replace(targets=factor * batch.targets)

        return draw

    config = TransformerConfig(**SHAPE)
    both = train(config, [scaled(1), scaled(3)], mean_squared_error, steps=6, seeds=[4, 5])
    for member, factor in enumerate((1, 3)):
        single = train(config, scaled(factor), mean_squared_error, steps=6, seeds=[4 + member])
        torch.testing.assert_close(both.weights[member], single.weights[0], rtol=1e-3, atol=1e-5)


def test_it_learns_tokens_with_positions_and_leaves_the_callers_random_state_alone():
    config = TransformerConfig(depth=1, width=32, heads=2, vocabulary=4, outputs=4, encoding="rotary", max_length=16)

    def recall(generator):
        return lag_recall(16, 16, lag=1, vocabulary=4, seed=generator)._replace(positions=torch.arange(16) + 5)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    ensemble = train(config, recall, cross_entropy, steps=150, seeds=[0, 1, 2], lr=1e-2)
    assert torch.equal(before, torch.get_rng_state())
    assert (ensemble.members["loss"] < 0.7).all()  # guessing: log 4 = 1.39
    batch = recall(torch.Generator().manual_seed(5))
    risks = ensemble.evaluate(cross_entropy, batch)
    expected = torch.stack([cross_entropy(model(batch.inputs, batch.positions), batch) for model in ensemble])
    torch.testing.assert_close(risks, expected, rtol=1e-4, atol=1e-5)


def test_what_does_not_count_teaches_nothing():
    def half(noise):
        def draw(generator):
            batch = sample(generator)
            mask = (torch.arange(12) < 6).expand(4, 12)
            return Batch(batch.inputs, batch.targets.where(mask[..., None], noise), mask)

        return draw

    config = TransformerConfig(**SHAPE)
    options = dict(steps=5, seeds=[0, 1, 2])
    quiet, loud = (train(config, half(noise), mean_squared_error, **options) for noise in (0.0, 1e6))
    assert torch.equal(quiet.weights, loud.weights)


def test_padding_on_the_right_is_not_seen_and_not_learned():
    def padded(token):
        def draw(generator):
            batch = lag_recall(4, 12, lag=1, vocabulary=4, seed=generator)
            ends = torch.randint(4, 13, (4, 1), generator=generator)
            words = torch.arange(12) < ends
            return Batch(batch.inputs.where(words, token), batch.targets.where(words, token), batch.mask & words)

        return draw

    config = TransformerConfig(depth=2, width=16, heads=2, vocabulary=6, outputs=6, encoding="learned", max_length=12)
    options = dict(steps=5, seeds=[0, 1, 2], weight_decay=0)
    one, other = (train(config, padded(token), cross_entropy, **options) for token in (4, 5))
    for a, b in zip(one, other, strict=True):
        words = tokens() % 4
        torch.testing.assert_close(a(words), b(words))
    torch.testing.assert_close(one.members["loss"].to_numpy(), other.members["loss"].to_numpy())


def test_training_leaves_the_allocator_alone_and_the_command_line_may_set_it(monkeypatch):
    calls = []
    monkeypatch.setattr("ctypes.CDLL", lambda name: calls.append(name))
    train(TransformerConfig(**SHAPE), sample, mean_squared_error, steps=1, seeds=[0])
    assert not calls
    monkeypatch.setattr("sys.platform", "linux")
    environment.keep_freed_memory()
    assert calls == [None]


# ---------------------------------------------------------------- an ensemble


def untrained(name, options=None, members=3, **shape):
    """Three models with weights that depend on position, as an ensemble."""
    shape = dict(depth=2, width=16, heads=2, vocabulary=5, outputs=3, max_length=12) | shape
    models = []
    for seed in range(members):
        torch.manual_seed(seed)
        models.append(Transformer(TransformerConfig(**shape, encoding=name, encoding_options=options or {})))
        scatter_parameters(models[-1].encoding)
    rows = torch.stack([nn.utils.parameters_to_vector(model.parameters()).detach() for model in models])
    return Ensemble(models[0], rows, None, None), models


def tokens(batch=4, length=8):
    return torch.randint(5, (batch, length), generator=torch.Generator().manual_seed(0))


def assert_same(ensemble, models, *arguments):
    together = ensemble(*arguments)
    with torch.no_grad():
        for member, model in enumerate(models):
            torch.testing.assert_close(together[member], model(*arguments), rtol=1e-4, atol=1e-5)


EVERY = [
    *((name, {}) for name in [*ENCODINGS, "reader_near"]),
    ("urpe", {"inner": "relative"}),
    ("legendre", {"scaling": "current"}),
]
every_encoding = pytest.mark.parametrize(("name", "options"), EVERY)


@every_encoding
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("causal", [True, False])
def test_an_ensemble_says_what_its_members_say(name, options, members, causal):
    ensemble, models = untrained(name, options, members, causal=causal)
    x = tokens()
    mask = torch.arange(8) < torch.tensor([8, 5, 3, 1])[:, None]
    rows = torch.arange(8) + torch.tensor([0, 1, 4, 2])[:, None]
    for arguments in ((x,), (x, torch.arange(8) + 2), (x, rows), (x, None, mask), (x, rows, mask)):
        assert_same(ensemble, models, *arguments)
    assert_same(ensemble, models, tokens(8, 4).T)  # not contiguous


@every_encoding
def test_long_batches_are_split_by_rows(name, options, monkeypatch):
    monkeypatch.setattr("howfar.ensembles.ROOM", 3 * 8 * 64)  # three rows of 8 tokens
    ensemble, models = untrained(name, options)
    x = tokens(10)
    mask = torch.arange(8) < torch.randint(1, 9, (10, 1), generator=torch.Generator().manual_seed(1))
    rows = torch.arange(8) + torch.arange(10)[:, None] % 4
    seen = []
    monkeypatch.setattr(Transformer, "forward", spy(Transformer.forward, seen))
    ensemble(x)
    assert max(seen) <= 3
    for arguments in ((x,), (x, torch.arange(8)), (x, rows, mask)):
        assert_same(ensemble, models, *arguments)


def spy(forward, seen):
    def watched(self, inputs, *rest):
        seen.append(len(inputs))
        return forward(self, inputs, *rest)

    return watched


REFUSED = {
    "too long": lambda x, p: (torch.cat([x, x], 1),),
    "too far": lambda x, p: (x, p + 5),
    "too far in one row": lambda x, p: (x, p + torch.tensor([0, 0, 7, 0])[:, None]),
    "too far apart": lambda x, p: (x, 2 * p),
    "before the start": lambda x, p: (x, p - 1),
    "fractional": lambda x, p: (x, p + 0.5),
    "not a number": lambda x, p: (x, p * float("nan")),
    "bytes": lambda x, p: (x, p.to(torch.uint8)),
    "bool": lambda x, p: (x, p > 3),
    "of another length": lambda x, p: (x, p[:-1]),
    "of another batch": lambda x, p: (x, p.expand(3, 8)),
    "a list": lambda x, p: (x, p.tolist()),
    "unknown token": lambda x, p: (x + 5,),
    "negative token": lambda x, p: (x - 1,),
    "numbers for tokens": lambda x, p: (x.float(),),
    "one sequence": lambda x, p: (x[0],),
    "no sequence": lambda x, p: (x[:0],),
    "no token": lambda x, p: (x[:, :0],),
    "NumPy": lambda x, p: (x.numpy(),),
    "mask of numbers": lambda x, p: (x, p, x),
    "mask of another shape": lambda x, p: (x, p, x[0] > 2),
    "mask as a list": lambda x, p: (x, p, [True]),
}


@every_encoding
@pytest.mark.parametrize("what", REFUSED)
def test_an_ensemble_refuses_what_a_model_refuses_in_the_same_words(name, options, what):
    ensemble, models = untrained(name, options)
    arguments = REFUSED[what](tokens(), torch.arange(8))
    try:
        with torch.no_grad():
            models[0](*arguments)
    except ValueError as error:
        with pytest.raises(ValueError) as refused:
            ensemble(*arguments)
        assert str(refused.value) == str(error)
        with pytest.raises(ValueError) as refused:
            train_on(ensemble.config, *arguments)
        if len(arguments) < 3:  # a Batch has a mask of another meaning
            assert str(refused.value) == str(error)
    else:
        assert what.startswith(("too", "fractional"))  # some encodings go anywhere
        assert_same(ensemble, models, *arguments)


def train_on(config, inputs, positions=None, mask=None):
    """Training that first sees good data, so that the refusal comes from a later step."""
    good, bad = Batch(tokens(), tokens() % 3), Batch(inputs, tokens(*inputs.shape[:2]) % 3, mask, positions)
    drawn = iter([good, good, bad])
    return train(config, [lambda _: next(drawn), lambda _: good], cross_entropy, steps=3, seeds=[0, 1], chunk=2)


def test_the_refusals_are_reached():
    """Every way above is refused by some encoding: none of them is idle."""
    idle = set(REFUSED)
    for name, options in EVERY:
        _, models = untrained(name, options, members=1)
        for what in list(idle):
            try:
                models[0](*REFUSED[what](tokens(), torch.arange(8)))
            except ValueError:
                idle.remove(what)
    assert not idle


def test_a_table_that_is_too_short_is_an_error_and_no_divergence():
    config = TransformerConfig(**SHAPE, encoding="learned")

    def long(generator):
        x = torch.randn(4, 16, 1, generator=generator)
        return Batch(x, x)

    for seeds in ([0], [0, 1, 2]):
        with pytest.raises(ValueError, match="positions must be less than 12, where the table ends; got 15"):
            train(config, long, mean_squared_error, steps=2, seeds=seeds)


def test_an_ensemble_is_a_sequence_of_models():
    ensemble, models = untrained("rotary")
    assert len(ensemble) == len(list(ensemble)) == 3
    assert repr(ensemble) == (
        f"Ensemble of 3 Transformers: encoding='rotary', depth=2, width=16, heads=2, {ensemble.weights.shape[1]:,} "
        "weights each"
    )
    x = tokens()
    for member in (0, 2, -1, np.int64(1)):
        assert isinstance(ensemble[member], Transformer)
        assert torch.equal(ensemble[member](x), models[member](x))
    nn.init.zeros_(ensemble[0].outputs.weight)  # a copy
    assert torch.equal(ensemble[0](x), models[0](x))
    for bad in (3, -4):
        with pytest.raises(IndexError, match=f"member must be from -3 to 2, got {bad}"):
            ensemble[bad]
    with pytest.raises(TypeError):
        ensemble[0.0]


def test_evaluation_wants_a_batch():
    ensemble, _ = untrained("rotary")
    with pytest.raises(ValueError, match=r"batch must be a howfar.tasks.Batch, got tuple"):
        ensemble.evaluate(cross_entropy, (tokens(), tokens()))
    with pytest.raises(ValueError, match="mask is False everywhere"):
        ensemble.evaluate(cross_entropy, Batch(tokens(), tokens(), torch.zeros(4, 8, dtype=torch.bool)))


# ---------------------------------------------------------------- bad arguments


@pytest.mark.parametrize(
    ("options", r"message"),
    [
        (dict(config=None), r"config must be a TransformerConfig, got NoneType"),
        (dict(seeds=[]), r"seeds is empty"),
        (dict(seeds=3), r"seeds must be a sequence of integers, got 3"),
        (dict(seeds=[0.9, 1.2]), r"seeds must be an integer of at least 0, got 0.9"),
        (dict(seeds=[-1]), r"seeds must be an integer of at least 0, got -1"),
        (dict(seeds=b"34"), r"seeds must be a sequence of integers, got b'34'"),
        (dict(lr=b"34"), r"lr must be a finite number, greater than 0; got b'34'"),
        (dict(seeds=["a"]), r"seeds must be an integer of at least 0, got 'a'"),
        (dict(lr=[1e-3]), r"lr must be one, or one for each of the 2 seeds; got 1"),
        (dict(lr=-1.0), r"lr must be a finite number, greater than 0; got -1.0"),
        (dict(lr=float("nan")), r"lr must be a finite number"),
        (dict(lr="fast"), r"lr must be a finite number, greater than 0; got 'fast'"),
        (dict(lr=[1e-3, None]), r"lr must be a finite number"),
        (dict(weight_decay=-1), r"weight_decay must be a finite number, at least 0; got -1"),
        (dict(clip=0), r"clip must be a finite number, greater than 0; got 0"),
        (dict(clip=[1.0, 1.0]), r"clip must be a finite number"),
        (dict(steps=0), r"steps must be a positive integer, got 0"),
        (dict(steps=2.5), r"steps must be a positive integer, got 2.5"),
        (dict(schedule="linear"), r"schedule must be one of 'cosine', 'constant'; got 'linear'"),
        (dict(schedule=["cosine"]), r"schedule must be one of"),
        (dict(warmup=99), r"warmup must be an integer from 0 to 3, got 99"),
        (dict(warmup=1.0), r"warmup must be an integer from 0 to 3, got 1.0"),
        (dict(chunk=0), r"chunk must be a positive integer, got 0"),
        (dict(chunk="all"), r"chunk must be a positive integer, got 'all'"),
        (dict(device="abacus"), r"device must be cpu, cuda or cuda:N, got 'abacus'"),
        (dict(device=4), r"device"),
        (dict(sample=3), r"sample must be a function, got int"),
        (dict(sample=[sample]), r"sample must be one, or one for each of the 2 seeds; got 1"),
        (dict(sample=lambda g: tuple(sample(g))), r"sample must return a howfar.tasks.Batch, .*; got tuple"),
        (dict(sample=lambda g: torch.zeros(1)), r"sample must return a howfar.tasks.Batch, .*; got Tensor"),
        (
            dict(sample=[sample, lambda g: Batch(*(part[:2] for part in sample(g)[:2]))]),
            "inputs of one shape and dtype",
        ),
        (
            dict(sample=lambda g: sample(g)._replace(inputs=torch.zeros(4, 12, 1).double())),
            "inputs must be torch.float32",
        ),
        (dict(loss="mse"), r"loss must be a function, got str"),
        (dict(loss=lambda o, b: (o - b.targets) ** 2), r"loss must return one real number, .*; got torch.float32"),
        (dict(loss=lambda o, b: 1.0), r"loss must return one real number, .*; got float"),
        (dict(loss=lambda o, b: o[b.targets > 0].mean()), r"selects by a mask, which torch.vmap cannot do"),
        (dict(loss=lambda o, b: o.mean() * o.max().item()), "reads values"),
    ],
)
def test_bad_arguments_are_named(options, message):
    good = dict(config=TransformerConfig(**SHAPE), sample=sample, loss=mean_squared_error, steps=3, seeds=[0, 1])
    with pytest.raises(ValueError, match=message):
        train(**good | dict(chunk=2) | options)


def test_numbers_of_every_kind_are_numbers():
    options = dict(steps=np.int64(3), warmup=np.int32(1), seeds=np.array([0, 1]), clip=np.float32(1))
    ensemble = train(TransformerConfig(**SHAPE), sample, mean_squared_error, lr=np.float32(1e-3), **options)
    assert ensemble.members["seed"].tolist() == [0, 1]
    ensemble = train(TransformerConfig(**SHAPE), sample, mean_squared_error, lr=torch.tensor([1e-3, 1e-2]), **options)
    assert ensemble.members["lr"].tolist() == pytest.approx([1e-3, 1e-2])


def test_a_loss_that_vmap_cannot_run_has_a_way_out():
    def picky(outputs, batch):
        return (outputs - batch.targets)[batch.inputs > 0].square().mean()

    ensemble = train(TransformerConfig(**SHAPE), sample, picky, steps=2, seeds=[0, 1], chunk=1)
    assert ensemble.members["loss"].notna().all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match="no GPU"):
        train(TransformerConfig(**SHAPE), sample, mean_squared_error, steps=3, seeds=[0], device="cuda")


def test_dyck_words_and_search_traces_are_drawn_inside_training_with_its_generator():
    def words(generator):
        tokens = dyck.sample_words(4, 12, 2, seed=generator)
        return Batch(tokens[:, :-1], tokens[:, 1:])

    def traces(generator):
        problem = search.SubsetSum.random(4, seed=generator)
        tokens = search.trace(search.depth_first(problem, first_only=False))[None, :8].clamp(max=3)
        return Batch(tokens[:, :-1], tokens[:, 1:])

    config = TransformerConfig(depth=1, width=16, heads=1, vocabulary=4, outputs=4, max_length=12)
    for draw in (words, traces):
        first, again = (train(config, draw, cross_entropy, steps=3, seeds=[0, 1]).curves["loss"] for _ in range(2))
        assert first.notna().all() and first.equals(again)
