"""The ensemble beside its rivals on one thread: the best plain loop, the same compiled, and a reader's own vmap.

The bar is against the best plain loop: attention in one fused kernel, AdamW in another, and a model that does nothing
but what this one task needs.
"""

import torch
from torch import nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional

from harness import Row, milliseconds, side_by_side
from howfar import environment
from howfar.encodings import make_encoding
from howfar.tasks import Batch, mean_squared_error
from howfar.training import train
from howfar.transformer import Transformer, TransformerConfig

CASES = [
    # width, mlp_ratio, batch, length, members, steps, bar
    (32, 4, 8, 40, 10, 30, 1.5),
    (32, 2, 8, 40, 10, 30, 1.5),
    (32, 4, 8, 40, 1, 200, 0.9),
    (32, 4, 8, 40, 2, 100, 0.9),
    (32, 4, 8, 40, 40, 8, 0.9),
    (64, 4, 8, 40, 10, 20, 0.9),
    (64, 4, 16, 50, 10, 10, 0.9),
    (64, 4, 32, 50, 6, 12, 0.9),
    (64, 4, 64, 50, 3, 16, 0.9),
    (128, 4, 64, 64, 2, 8, 0.9),
]


def rows():
    torch.set_num_threads(1)
    environment.keep_freed_memory()  # as the command line does; it helps all candidates
    for number, (width, mlp_ratio, batch, length, members, steps, bar) in enumerate(CASES):
        config = TransformerConfig(
            width=width, mlp_ratio=mlp_ratio, heads=1, features=1, encoding="sinusoidal", max_length=length
        )
        task = (sampler(batch, length), range(members), steps)
        rivals = {
            "the best plain loop": lambda c=config, t=task: plain_loop(lambda: Plain(c), *t),
            "ten lines of vmap": lambda c=config, t=task: ten_lines(c, *t),
        }
        if number == 0 and compiles():  # in one case only: it takes a minute
            model = torch.compile(Plain(config))
            rivals["the plain loop compiled"] = lambda m=model, t=task: plain_loop(lambda: restart(m), *t)
        ours = {"ensemble": lambda c=config, t=task: train(c, t[0], mean_squared_error, seeds=t[1], steps=t[2])}
        times = side_by_side(rivals | ours, turns=7)
        what = f"ensemble of {members}, d={width}, ff={mlp_ratio * width}, batch {batch}, length {length}"
        speed = f"{members * steps / times['ensemble']:.0f} model-steps/s"
        for rival in rivals:
            pair = {name: times[name] for name in (rival, "ensemble")}
            ratio = times[rival] / times["ensemble"]
            promised = bar if rival == "the best plain loop" else None
            yield Row(f"{rival} / {what}", ratio, promised, "at least", f"{milliseconds(pair)}; {speed}")


def sampler(batch, length):
    def sample(generator):
        inputs = torch.randn((batch, length, 1), generator=generator)
        return Batch(inputs, inputs.cumsum(1) / length)

    return sample


def plain_loop(make, sample, seeds, steps):
    """What one would write by hand: the members one after the other."""
    for seed in seeds:
        torch.manual_seed(seed)
        model = make()
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(steps):
            batch = sample(generator)
            loss = functional.mse_loss(model(batch.inputs), batch.targets)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()


def ten_lines(config, sample, seeds, steps):
    """An ensemble as a reader would write it after the documentation of `torch.func`."""
    models = []
    for seed in seeds:
        torch.manual_seed(seed)
        models.append(Transformer(config))
    parameters, _ = stack_module_state(models)
    optimiser = torch.optim.AdamW(parameters.values(), lr=1e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    run = torch.vmap(lambda p, x, y: functional.mse_loss(functional_call(models[0], p, (x,)), y))
    for _ in range(steps):
        batches = [sample(generator) for generator in generators]
        losses = run(parameters, *(torch.stack([batch[part] for batch in batches]) for part in (0, 1)))
        optimiser.zero_grad()
        losses.sum().backward()
        clip_each([p.grad for p in parameters.values()])
        optimiser.step()
        schedule.step()


def clip_each(gradients):
    """Each member's gradient by its own norm; the axis of members is the first of every part."""
    norms = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
    scale = (1.0 / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))


class Plain(nn.Module):
    """The same architecture with nothing to choose: causal, pre-norm, one head, a table of sinusoids."""

    def __init__(self, config):
        super().__init__()
        d, units = config.width, round(config.mlp_ratio * config.width)
        self.inputs, self.outputs, self.norm = nn.Linear(1, d), nn.Linear(d, 1), nn.LayerNorm(d)
        self.blocks = nn.ModuleList(nn.ModuleDict(self.block(d, units)) for _ in range(config.depth))
        encoding = make_encoding("sinusoidal", width=d, heads=1, max_length=config.max_length)
        self.register_buffer("table", encoding.table(torch.arange(config.max_length)).float())

    @staticmethod
    def block(d, units):
        mlp = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, units), nn.GELU(), nn.Linear(units, d))
        return {"norm": nn.LayerNorm(d), "qkv": nn.Linear(d, 3 * d), "out": nn.Linear(d, d), "mlp": mlp}

    def forward(self, x):
        x = self.inputs(x) + self.table[: x.shape[1]]
        for block in self.blocks:
            q, k, v = block["qkv"](block["norm"](x)).chunk(3, dim=-1)
            x = x + block["out"](functional.scaled_dot_product_attention(q, k, v, is_causal=True))
            x = x + block["mlp"](x)
        return self.outputs(self.norm(x))


def restart(model):
    """A compiled model with fresh weights: compiling it anew for every member would measure the compiler."""
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return model


def compiles():
    """Whether torch.compile works here: it needs a C++ compiler."""
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.zeros(2))
    except Exception as error:  # whatever a missing compiler makes of it
        print(f"  torch.compile does not work here: {type(error).__name__}")
        return False
    return True
