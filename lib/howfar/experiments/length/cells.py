"""The cells of the experiment: a task with an encoding and a kind of positions, and what each is made of."""

import functools
from dataclasses import dataclass

import torch

from howfar import tasks
from howfar.transformer import TransformerConfig

FACTORS = (0.5, 1, 1.5, 2, 3)  # lengths of the tests, in lengths of training
STRETCH = 20  # random positions are drawn below this many lengths of training: over twice the longest test

# Name: rows of a batch for a length, or a range of them.
TASKS = {
    "copy": tasks.copy_string,
    "reverse": tasks.reverse_string,
    "cyclic shift": tasks.cyclic_shift,
    "scratchpad parity": functools.partial(tasks.parity, scratchpad=True),
    "addition": tasks.addition,
    "parity": tasks.parity,
}
# Name: the encoding and its options. A table ends with its last row, where it would otherwise raise.
VARIANTS = {
    "none": ("none", {}),
    "sinusoidal": ("sinusoidal", {}),
    "learned": ("learned", {"out_of_range": "clamp"}),
    "wavelet": ("wavelet", {}),
    "legendre": ("legendre", {}),
    "rotary": ("rotary", {}),
    "rotary 25 %": ("rotary", {"fraction": 0.25}),  # what the published comparison ran
    "alibi": ("alibi", {}),
    "relative": ("relative", {}),  # T5's
    "urpe": ("urpe", {"out_of_range": "clamp"}),
    "learned relation": ("learned_relation", {"gain": 10.0}),
    "sharp": ("relative", {"bidirectional": True, "gain": 10.0}),
    "clipped": ("relative", {"clip": 6}),
    "clipped and sharp": ("relative", {"clip": 6, "gain": 10.0}),
}
PLAIN = tuple(VARIANTS)[:11]
# The repair, and what is left when one of its three parts is left out: (encoding, positions).
REPAIR = {
    "all three": ("clipped and sharp", "coupled"),
    "no ids": ("clipped and sharp", "counted"),
    "not clipped": ("sharp", "coupled"),
    "not sharp": ("clipped", "coupled"),
}
POSITIONS = ("counted", "coupled", "coupled, random start", "random", "subtracted", "divided")


@dataclass(frozen=True)
class Config:
    """One task with one encoding and one kind of positions; all seeds are trained together.

    Attributes
    ----------
    task : str
        Of `TASKS`.
    encoding : str
        Of `VARIANTS`.
    positions : str
        Of `POSITIONS`: 0, 1, 2, ...; ids that belong together, also from a random start in each row; drawn at random
        for each row, in tests too; with a hint of the length, by subtraction or by division.
    seeds : tuple of int
    trained : int
        Lengths of training are 1 to this.
    steps, batch, lr
        Of the training: AdamW with a twentieth of the steps as warm-up, then a cosine.
    depth : int
    """

    task: str
    encoding: str
    positions: str = "counted"
    seeds: tuple = (0, 1, 2)
    trained: int = 16
    steps: int = 1000
    batch: int = 32
    lr: float = 2e-3
    depth: int = 2


def grid(scale):
    """The configs of a scale.

    ``"full"``: the repair, then the other `parts` task by task and the longer runs, so that a file that isn't complete
    can be used. ``"quick"``: copying with rotary and T5's encoding, and with the repair, trained to length 8 in 160
    steps.
    """
    if scale == "quick":
        cells = [("copy", "rotary", "counted"), ("copy", "relative", "counted"), ("copy", "sharp", "coupled")]
        cells += [(task, *REPAIR["all three"]) for task in ("copy", "reverse")]
        return [Config(*cell, trained=8, steps=160) for cell in cells]
    first, *others, last = parts().values()
    others = sorted((config for configs in others for config in configs), key=lambda c: list(TASKS).index(c.task))
    return [*first, *others, *last]


def parts():
    """The full grid in parts: what each is there for.

    Returns
    -------
    dict of lists of Config
        "repair": all three parts and each left out, every task but parity at once. "plain": eleven encodings with
        counted positions, every task. "hints": Scale Hint on copying and reversing. "other ids": ids that belong
        together with other encodings. "random": copying with random positions, which are slower to learn, in two and a
        half times the steps; and rotary on twice the depth, random and counted. "longer": the same with counted ones.
    """
    answers = [task for task in TASKS if task != "parity"]
    longer = [("copy", name) for name in ("rotary", "alibi", "relative", "none")]
    return {
        "repair": [Config(task, *cell) for task in answers for cell in REPAIR.values()],
        "plain": [Config(task, encoding) for task in TASKS for encoding in PLAIN],
        "hints": [
            Config(task, encoding, positions)
            for task in answers[:2]
            for positions, encodings in (
                ("subtracted", ("clipped and sharp", "rotary", "learned relation")),
                ("divided", ("rotary", "sinusoidal", "learned relation")),
            )
            for encoding in encodings
        ],
        "other ids": [Config("parity", *REPAIR["all three"])]
        + [
            Config(task, encoding, positions)
            for task in answers[:2]
            for encoding, positions in (
                ("rotary", "coupled"),
                ("alibi", "coupled"),
                ("learned relation", "coupled"),
                ("learned", "coupled, random start"),
            )
        ],
        "random": [Config(*cell, "random", steps=2500) for cell in longer[:3]]
        + [Config("copy", "rotary", positions, steps=2500, depth=4) for positions in ("random", "counted")],
        "longer": [Config(*cell, steps=2500) for cell in longer],
    }


# CPU seconds for 100 steps of one seed, at a batch of 32 and lengths to 16; and for the tests of three seeds. Measured
# on one core of the machine that records the results.
COST = {"addition": 4.1, "parity": 1.4}
USUAL_COST, TEST_COST = 2.7, 8.0


def plan(configs):
    """What configurations cost on one core of the machine that the course was recorded on.

    Parameters
    ----------
    configs : list of Config

    Returns
    -------
    list of float
        Core-seconds of each; another machine may need half or twice as many.
    """
    costs = []
    for config in configs:
        each = COST.get(config.task, USUAL_COST) * config.depth / Config.depth
        costs.append(each * config.steps / 100 * len(config.seeds) + TEST_COST)
    return costs


def sample(config, generator):
    """A batch of training: lengths from 1 to ``config.trained``, all equally often."""
    return rows(config, config.batch, (1, config.trained), seed=generator)


def rows(config, n, length, *, seed):
    """Rows of the task with the positions of a cell.

    Parameters
    ----------
    config : Config
    n : int
    length : int, or a pair of int
    seed : int, torch.Generator, numpy.random.Generator or None

    Returns
    -------
    howfar.tasks.Batch
    """
    if config.positions not in POSITIONS:
        raise ValueError(f"positions must be one of {', '.join(map(repr, POSITIONS))}; got {config.positions!r}")
    if config.task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(map(repr, TASKS))}; got {config.task!r}")
    seed = torch.Generator().manual_seed(seed) if isinstance(seed, int) else seed  # one stream for digits and positions
    batch = TASKS[config.task](n, length, coupled=config.positions.startswith("coupled"), seed=seed)
    if config.positions == "subtracted":
        return tasks.scale_hint(batch, by="subtraction")
    if config.positions == "divided":
        return tasks.scale_hint(batch, by="division", unit=config.trained)
    if config.positions in ("random", "coupled, random start"):
        return tasks.randomize_positions(batch, _made_for(config), gaps=config.positions == "random", seed=seed)
    return batch


def model_config(config):
    """The model of a cell, a `TransformerConfig`: its encoding is made for the positions of training."""
    if config.encoding not in VARIANTS:
        raise ValueError(f"encoding must be one of {', '.join(map(repr, VARIANTS))}; got {config.encoding!r}")
    encoding, options = VARIANTS[config.encoding]
    return TransformerConfig(
        depth=config.depth,
        vocabulary=tasks.TOKENS,
        outputs=tasks.TOKENS,
        encoding=encoding,
        encoding_options=options,
        max_length=_made_for(config),
    )


def _made_for(config):
    """How many positions the encoding is made for: those of training, or those that are drawn from."""
    if config.positions == "random":
        return STRETCH * config.trained
    if config.positions == "coupled, random start":
        return (FACTORS[-1] + 1) * config.trained  # the largest ids of the longest test, and room to start
    if config.positions == "coupled":
        return config.trained + 2
    return TASKS[config.task](1, config.trained, seed=0).inputs.shape[1]
