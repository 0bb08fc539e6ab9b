"""The ensemble engine: each member is what it would be alone, whoever trains beside it."""

import pytest
import torch
from torch.nn.functional import cross_entropy, mse_loss

from howfar.tasks import lag_recall
from howfar.training import train
from howfar.transformer import Transformer, TransformerConfig

SHAPE = dict(depth=2, width=16, heads=2, features=1, max_length=12)


def sample(generator):
    x = torch.randn(4, 12, 1, generator=generator)
    return x, x.cumsum(1) / 12


def alone(config, seed, steps, lr=1e-3, warmup=0, clip=1.0):
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
        inputs, targets = sample(generator)
        loss = mse_loss(model(inputs), targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return model, losses


@pytest.mark.parametrize("encoding", ["none", "learned", "rotary", "relative", "urpe", "wavelet"])
def test_each_member_equals_training_it_alone(encoding):
    config = TransformerConfig(**SHAPE, encoding=encoding)
    ensemble = train(config, sample, mse_loss, steps=50, seeds=[3, 11, 7], warmup=5)
    x = torch.randn(2, 12, 1, generator=torch.Generator().manual_seed(99))
    for member, seed in enumerate([3, 11, 7]):
        model, losses = alone(config, seed, 50, warmup=5)
        curve = ensemble.curves.query("member == @member")
        torch.testing.assert_close(
            torch.tensor(curve["loss"].to_numpy()).double(), torch.tensor(losses).double(), rtol=1e-3, atol=1e-5
        )
        with torch.no_grad():
            torch.testing.assert_close(ensemble.model(member)(x), model(x), rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(ensemble(x)[member], model(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_the_chunk_changes_nothing(chunk):
    config = TransformerConfig(**SHAPE, encoding="rotary")
    whole = train(config, sample, mse_loss, steps=8, seeds=range(5), chunk=5)
    parts = train(config, sample, mse_loss, steps=8, seeds=range(5), chunk=chunk)
    torch.testing.assert_close(parts.weights, whole.weights, rtol=1e-4, atol=1e-6)
    assert list(parts.curves.columns) == ["member", "seed", "lr", "step", "loss", "gradient_norm"]
    assert len(parts.curves) == 40


def test_learning_rates_are_each_members_own():
    config = TransformerConfig(**SHAPE)
    ensemble = train(config, sample, mse_loss, steps=20, seeds=[1, 1], lr=[1e-2, 1e-4])
    model, _ = alone(config, 1, 20, lr=1e-4)
    assert not torch.allclose(ensemble.weights[0], ensemble.weights[1])
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    torch.testing.assert_close(ensemble.weights[1], flat, rtol=1e-3, atol=1e-5)


def test_a_member_that_diverges_is_reported_and_leaves_the_others_alone():
    config = TransformerConfig(**SHAPE)
    mixed = train(config, sample, mse_loss, steps=12, seeds=[0, 1, 2], lr=[1e-3, 1e30, 1e-3], clip=None)
    calm = train(config, sample, mse_loss, steps=12, seeds=[0, 1, 2], lr=1e-3, clip=None)
    assert mixed.members["diverged_at"].isna().tolist() == [True, False, True]
    torch.testing.assert_close(mixed.weights[[0, 2]], calm.weights[[0, 2]], rtol=1e-4, atol=1e-6)
    last = int(mixed.members["diverged_at"][1])
    assert mixed.curves.query("member == 1")["step"].max() == last < 11


def test_shared_stream_gives_all_members_the_first_ones_batches():
    config = TransformerConfig(**SHAPE)
    shared = train(config, sample, mse_loss, steps=5, seeds=[4, 5], shared_stream=True)
    own = train(config, sample, mse_loss, steps=5, seeds=[4, 5])
    torch.testing.assert_close(shared.weights[0], own.weights[0], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(shared.weights[1], own.weights[1], atol=1e-4)


def test_it_learns_tokens_with_positions_and_leaves_the_callers_random_state_alone():
    config = TransformerConfig(depth=1, width=32, heads=2, vocabulary=4, outputs=4, encoding="rotary", max_length=16)

    def recall(generator):
        tokens, targets, mask = lag_recall(16, 16, lag=1, vocabulary=4, seed=generator)
        return tokens, torch.where(mask, targets, -100), torch.arange(16) + 5

    def loss(outputs, targets):
        return cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=-100)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    ensemble = train(config, recall, loss, steps=150, seeds=[0, 1], lr=1e-2)
    assert torch.equal(before, torch.get_rng_state())
    assert (ensemble.members["loss"] < 0.7).all()  # guessing: log 4 = 1.39
    tokens, targets, positions = recall(torch.Generator().manual_seed(5))
    assert ensemble.evaluate(loss, tokens, targets, positions).shape == (2,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(seeds=[]), "seeds is empty"),
        (dict(lr=[1e-3]), "one for each of the 2 seeds"),
        (dict(lr=-1.0), "lr must be positive"),
        (dict(steps=0), "steps must be at least 1"),
        (dict(schedule="linear"), "schedule must be one of cosine, constant"),
        (dict(warmup=99), "warmup must be at most steps"),
        (dict(bf16=True), "bf16=True is for CUDA"),
        (dict(cuda_graph=True), "cuda_graph=True is for CUDA"),
        (dict(sample=lambda g: torch.zeros(1)), "sample must return tensors"),
        (dict(loss=lambda o, t: (o - t) ** 2), "loss must return one number"),
    ],
)
def test_bad_arguments_are_named(options, message):
    arguments = dict(sample=sample, loss=mse_loss, steps=3, seeds=[0, 1]) | options
    with pytest.raises(ValueError, match=message):
        train(TransformerConfig(**SHAPE), arguments.pop("sample"), arguments.pop("loss"), **arguments)


def test_a_gpu_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="no GPU"):
        train(TransformerConfig(**SHAPE), sample, mse_loss, steps=3, seeds=[0], device="cuda")
