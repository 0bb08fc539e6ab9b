"""The ensemble beside a plain PyTorch loop over the same members: model-steps per second, on one thread."""

import torch
from torch.nn.functional import mse_loss

from harness import Row, milliseconds, side_by_side
from howfar.training import train
from howfar.transformer import Transformer, TransformerConfig

CASES = [
    # width, mlp_ratio, batch, length, members, steps, bar. The bar of 2.2 was set at 2 hidden units for each feature;
    # with the library's default of 4 more of the time is arithmetic, which no ensemble saves.
    (32, 2, 8, 40, 10, 100, 2.2),
    (32, 2, 8, 40, 40, 25, 2.2),
    (32, 4, 8, 40, 10, 100, 2.2),
    (32, 4, 8, 40, 20, 50, 2.2),
    (64, 4, 8, 50, 10, 30, 1.1),
    (64, 4, 16, 50, 10, 20, 1.1),
    (64, 4, 32, 50, 6, 8, 0.95),
    (64, 4, 64, 50, 3, 8, 0.95),
    (128, 4, 64, 64, 2, 3, 0.95),
]


def rows():
    torch.set_num_threads(1)
    for width, mlp_ratio, batch, length, members, steps, bar in CASES:
        config = TransformerConfig(
            width=width, mlp_ratio=mlp_ratio, heads=1, features=1, encoding="sinusoidal", max_length=length
        )
        seeds = range(members)

        def sample(generator, shape=(batch, length, 1)):
            inputs = torch.randn(shape, generator=generator)
            return inputs, inputs.cumsum(1) / shape[1]

        times = side_by_side(
            {
                "plain loop": lambda c=config, s=sample, m=seeds, n=steps: plain_loop(c, s, m, n),
                "ensemble": lambda c=config, s=sample, m=seeds, n=steps: train(c, s, mse_loss, steps=n, seeds=m),
            },
            turns=5,
        )
        ratio = times["plain loop"] / times["ensemble"]
        speed = members * steps / times["ensemble"]
        what = f"plain loop / ensemble of {members}, d={width}, ff={mlp_ratio * width}, batch {batch}, length {length}"
        yield Row(what, ratio, bar, "at least", f"{milliseconds(times)}; {speed:.0f} model-steps/s")


def plain_loop(config, sample, seeds, steps):
    """What one would write by hand: the members one after the other."""
    for seed in seeds:
        torch.manual_seed(seed)
        model = Transformer(config)
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            inputs, targets = sample(generator)
            loss = mse_loss(model(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
