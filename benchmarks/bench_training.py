"""The ensemble beside a plain PyTorch loop over the same members: model-steps per second, on one thread."""

import torch
from torch.nn.functional import mse_loss

from harness import Row, milliseconds, side_by_side
from howfar.training import train
from howfar.transformer import Transformer, TransformerConfig

STEPS = 6
CASES = [
    # width, batch, length, members, bar
    (32, 8, 40, 10, 2.2),
    (32, 8, 40, 20, 2.2),
    (64, 8, 50, 10, 0.95),
    (64, 16, 50, 10, 1.1),
    (64, 32, 50, 10, 0.95),
    (64, 64, 50, 5, 0.95),
    (128, 64, 64, 3, 0.95),
]


def rows():
    torch.set_num_threads(1)
    for width, batch, length, members, bar in CASES:
        config = TransformerConfig(depth=2, width=width, heads=1, features=1, encoding="sinusoidal", max_length=length)
        seeds = range(members)

        def sample(generator, shape=(batch, length, 1)):
            inputs = torch.randn(shape, generator=generator)
            return inputs, inputs.cumsum(1) / shape[1]

        times = side_by_side(
            {
                "plain loop": lambda c=config, s=sample, m=seeds: plain_loop(c, s, m),
                "ensemble": lambda c=config, s=sample, m=seeds: train(c, s, mse_loss, steps=STEPS, seeds=m),
            },
            turns=7,
        )
        ratio = times["plain loop"] / times["ensemble"]
        speed = members * STEPS / times["ensemble"]
        what = f"plain loop / ensemble of {members}, d={width}, batch {batch}, length {length}"
        yield Row(what, ratio, bar, "at least", f"{milliseconds(times)}; {speed:.0f} model-steps/s")


def plain_loop(config, sample, seeds):
    """What one would write by hand: the members one after the other."""
    for seed in seeds:
        torch.manual_seed(seed)
        model = Transformer(config)
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, foreach=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(STEPS):
            inputs, targets = sample(generator)
            loss = mse_loss(model(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
