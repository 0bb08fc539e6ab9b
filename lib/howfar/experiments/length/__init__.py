"""Strings, parity and addition, trained to length 16 and tested to 48: what fails, and which part repairs it.

Sources of the claims: Chen, Liang and Lin, "On the Limitations and Capabilities of Position Embeddings for Length
Generalization", arXiv:2510.04130; Li, arXiv:2506.06398; Kazemnejad et al., NeurIPS 2023, arXiv:2305.19466. Tasks and
models are ours: two layers of width 64 with four heads, one protocol for all. A model that doesn't answer at length 16
has not learned the task, and says nothing about longer problems: see `LEARNED`.
"""

import functools

import matplotlib.pyplot as plt
import torch

from howfar import plotting, tasks
from howfar.encodings import Encoding
from howfar.experiments.length.cells import (
    FACTORS,
    PLAIN,
    POSITIONS,
    REPAIR,
    TASKS,
    VARIANTS,
    Config,
    grid,
    model_config,
    parts,
    plan,
    rows,
    sample,
)
from howfar.search import STOP
from howfar.training import exact_match, token_accuracy, train
from howfar.transformer import record

__all__ = [
    "FACTORS", "LEARNED", "PLAIN", "POSITIONS", "REPAIR", "TASKS", "VARIANTS", "Config", "blind", "figure", "grid",
    "model_config", "parts", "plan", "rows", "run", "sample", "sharpened",
]  # fmt: skip

LEARNED = 0.9  # exact match at the length of training, the mean over the seeds: from here on a task counts as learned
TEST_ROWS, WATCHED_ROWS, WRITTEN_ROWS = 128, 16, 8
TEMPERATURES = (1.0, 0.5)  # of a trained model's logits


def run(config, device="cpu"):
    """Train one cell and test it.

    Parameters
    ----------
    config : cells.Config
    device : str

    Returns
    -------
    list of dict
        For each length, temperature and seed: ``length, temperature, seed``; ``exact_match``, the share of 128 answers
        without a mistake (STOP included); ``token_accuracy``, where the right answer so far is read; ``chance`` and
        ``token_chance``, what the best answer scores that knows the length and no digit. At temperature 1 also
        ``peak``, how much of an answer's attention goes to one token, in the head where that is most; and
        ``disagree``, how many of 8 answers are right in free running and not otherwise, or the other way around: None
        at other temperatures.

    Notes
    -----
    Exact match is that of free running: `howfar.training.exact_match` says why it may be computed in one pass.
    ``disagree`` checks it, and is more than 0 by rounding only.
    """
    ensemble = train(
        model_config(config),
        functools.partial(sample, config),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 20,
        device=device,
        description=f"{config.task}, {config.encoding}, {config.positions}",
    )
    records = []
    for length in (round(factor * config.trained) for factor in FACTORS):
        batch = rows(config, TEST_ROWS, length, seed=10_000 + length)
        chance = dict(zip(("chance", "token_chance"), blind(config.task, length), strict=True))
        for temperature in TEMPERATURES:
            for seed, model in zip(config.seeds, ensemble, strict=True):
                seen = _test(sharpened(model.cpu(), temperature), batch, watch=temperature == 1)
                records.append({"length": length, "temperature": temperature, "seed": seed, **seen, **chance})
    return records


def blind(task, length):
    """What the best answer scores that knows the length and reads no digit: (exact match, token accuracy), expected.

    Digits are uniform, and so are all answers but that of an addition: its most probable one is all nines, and its last
    digit is a carry. STOP is always right.
    """
    each = 0.5 if "parity" in task else 0.1
    if task == "parity":
        return each, (each + 1) / 2
    if task == "addition":
        no_carry = 0.5 + 0.5 * 10.0**-length
        return each**length, (each * length + no_carry + 1) / (length + 2)
    return each**length, (each * length + 1) / (length + 1)


class _Sharpened(Encoding):
    """An encoding under another temperature: turned queries and keys, and the bias, are what logits are made of."""

    def __init__(self, inner, temperature):
        super().__init__(inner.width, inner.heads, inner.max_length, inner.causal)
        self.inner, self.temperature = inner, temperature

    def check(self, positions):
        self.inner.check(positions)

    def embed(self, x, positions):
        return self.inner.embed(x, positions)

    def rotate(self, x, positions):
        return self.inner.rotate(x, positions) * self.temperature**-0.5

    def bias(self, query_positions, key_positions):
        bias = self.inner.bias(query_positions, key_positions)
        return None if bias is None else bias / self.temperature

    def gate(self, query_positions, key_positions):
        return self.inner.gate(query_positions, key_positions)


def sharpened(model, temperature):
    """The model with all attention logits divided by a temperature: below 1, attention is more concentrated.

    Parameters
    ----------
    model : Transformer
        Its encoding is replaced.
    temperature : float

    Returns
    -------
    Transformer
        The same object.
    """
    if temperature != 1:
        model.encoding = _Sharpened(model.encoding, temperature)
    return model


def _test(model, batch, *, watch):
    seen = {
        "exact_match": float(exact_match(model, batch).double().mean()),
        "token_accuracy": float(token_accuracy(model, batch)),
        "peak": None,
        "disagree": None,
    }
    if watch:
        few = tasks.Batch(*(part if part is None else part[:WRITTEN_ROWS] for part in batch))
        written = exact_match(model, few, free_running=True, stop=STOP)
        seen |= {"peak": _peak(model, batch), "disagree": int((written != exact_match(model, few)).sum())}
    return {name: value if value is None or isinstance(value, int) else round(value, 4) for name, value in seen.items()}


def _peak(model, batch):
    """The mean over an answer's steps of the largest attention weight, in the head where it is largest."""
    batch = tasks.Batch(*(part if part is None else part[:WATCHED_ROWS] for part in batch))
    with torch.no_grad(), record(model) as seen:
        model(batch.inputs, batch.positions)
    heads = [weights.amax(-1).movedim(1, -1)[batch.mask].mean(0) for weights in seen.attention]  # (heads,) each
    return float(torch.cat(heads).max())


def figure(records):
    """Exact match at each length, a panel for each task and a line for each cell.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.runs`: some or all of this experiment's.

    Returns
    -------
    matplotlib.figure.Figure
        Marks are means over the seeds at temperature 1, lines their range. A cell that has not learned its task is
        named in parentheses.
    """
    records = records[records["temperature"] == 1]
    there = [task for task in TASKS if task in set(records["task"])]
    cells = {task: _cells(records[records["task"] == task]) for task in there}
    heights = [len(cells[task]) for task in there]
    drawing, axes = plt.subplots(
        len(there), 1, figsize=(5.0, 0.24 * sum(heights) + 0.8 * len(there) + 0.6), height_ratios=heights, sharex=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis, task in zip(axes[:, 0], there, strict=True):
        for place, group in enumerate(cells[task].values()):
            _draw(axis, place, group.groupby("length")["exact_match"])
        axis.set_yticks(range(len(cells[task])), cells[task], fontsize=9)
        axis.set(xlim=(-0.03, 1.03), ylim=(len(cells[task]) - 0.5, -0.5), title=task)
    axes[-1, 0].set_xlabel("exact match")
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), title="length", loc="outside upper center", ncols=5)
    return drawing


def _draw(axis, place, by_length):
    for index, (length, values) in enumerate(by_length):
        height, colour = place + 0.12 * (index - 2), plotting.COLORS[index]
        axis.plot([values.min(), values.max()], [height, height], color=colour, lw=1)
        label = str(length) if place == 0 else None
        axis.plot(values.mean(), height, plotting.MARKERS[index], color=colour, ms=4, label=label)


def _cells(records):
    """{name: records} of the cells of one task, in the order of the records."""
    cells = {}
    for (encoding, positions, steps, depth), group in records.groupby(
        ["encoding", "positions", "steps", "depth"], sort=False
    ):
        name = encoding if positions == "counted" else f"{encoding}; {positions}"
        name += "" if steps == Config.steps else f"; {steps:,} steps"
        name += "" if depth == Config.depth else f"; depth {depth}"
        fitted = group[group["length"] == group["trained"]]["exact_match"].mean() >= LEARNED
        cells[name if fitted else f"({name})"] = group
    return cells
