"""Answer at once, or write the steps: word problems of groups, and subset sums searched for.

Each problem is trained in several forms, which differ in what is written between the prompt and the answer. A model is
judged by what it writes itself, free-running. The pilot that chose the settings saw one or two seeds of some of them.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import pandas as pd

from howfar import plotting, tasks
from howfar.experiments.scratchpad import sums, words
from howfar.training import train
from howfar.transformer import TransformerConfig

SUBSET_SUM = "subset sum"


@dataclass(frozen=True)
class Config:
    """One problem in one form; all seeds are trained together.

    Attributes
    ----------
    problem : str
        A group of `howfar.tasks.word_problem`, or "subset sum".
    form : str
        Of `words.FORMS` or `sums.FORMS`.
    depth : int
    steps : int
    seeds : tuple of int
    width, batch, lr
        Of the model and its training: AdamW with a tenth of the steps as warm-up, then a cosine.
    """

    problem: str
    form: str
    depth: int
    steps: int
    seeds: tuple
    width: int = 32
    batch: int = 32
    lr: float = 3e-3


def grid(scale):
    """The configs of a scale.

    ``"quick"``: the word problem of S3 at depth 1 and 2, answered directly and with the states written, two seeds.
    ``"full"``: S3 in all forms at depth 1, 2 and 4, five seeds; subset sums in all forms at depth 2, three seeds, with
    2400 steps, and two of them with 600; A5 directly and written at depth 1 and 2, three seeds, in twice the width, at
    depth 4 two seeds, and Z60 so at depth 2.
    """
    if scale == "quick":
        return [_group("S3", form, depth, (0, 1)) for depth in (1, 2) for form in ("direct", "written")]
    five, three, two = (tuple(range(count)) for count in (5, 3, 2))
    s3 = [_group("S3", form, depth, five) for depth in (1, 2, 4) for form in words.FORMS]
    forms = ("written", "direct")
    a5 = {d: [_group("A5", form, d, seeds) for form in forms] for d, seeds in ((1, three), (2, three), (4, two))}
    long = [Config(SUBSET_SUM, form, 2, 2400, three) for form in sums.FORMS]
    short = [Config(SUBSET_SUM, form, 2, 600, three) for form in ("answer", "typed")]
    z60 = [_group("Z60", form, 2, three) for form in forms]
    return [*s3, *long, *a5[2], *a5[1], *short, *z60, *a5[4]]


def _group(group, form, depth, seeds):
    if group == "S3":
        return Config(group, form, depth, 600, seeds, lr=5e-3)
    return Config(group, form, depth, 1500, seeds, width=64, batch=64)


def run(config, device="cpu"):
    """Train one problem in one form, and let the models write.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each seed: ``seed``; ``answer``, the share of right answers, free-running, on problems that are not in
        training (words: fresh ones, of which there are too many to be met; subset sums: of other numbers); ``whole``,
        the share of those where all that is written is right; ``forced``, the share of steps right if all before them
        is replaced by the truth; ``by_position``, of words, the share of states right at each position, free-running;
        ``sign``, of S3, the share of answers of the right sign; ``met``, of subset sums, the share of right answers
        on problems from training; ``unanswered``, the share of problems without an answer; ``diverged_at``, a step or
        None. None where it doesn't apply.
    """
    problem = _problem(config)
    ensemble = train(
        model_config(config),
        problem.sampler(config),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 10,
        device=device,
        description=f"{config.problem}, {config.form}, depth {config.depth}",
    )
    diverged = [None if pd.isna(step) else int(step) for step in ensemble.members["diverged_at"]]
    empty = dict.fromkeys(("whole", "forced", "by_position", "sign", "met", "unanswered"))
    measured = problem.measure(ensemble, config)
    return [
        {"seed": seed, **empty, **of_one, "diverged_at": at}
        for seed, of_one, at in zip(config.seeds, measured, diverged, strict=True)
    ]


def model_config(config):
    """The model that a config trains: two heads, learned positions."""
    tokens, length = _problem(config).size(config)
    return TransformerConfig(
        depth=config.depth,
        width=config.width,
        heads=2,
        vocabulary=tokens,
        outputs=tokens,
        encoding="learned",
        max_length=length,
    )


def chance(problem):
    """The share of right answers of a guess: one in the group's elements, or one in two."""
    return 0.5 if problem == SUBSET_SUM else 1 / len(tasks.multiplication_table(problem))


def figure(records):
    """The share of right answers of every seed, a panel for each problem, a row for each form.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.runs`: some or all of this experiment's.

    Returns
    -------
    matplotlib.figure.Figure
        Each mark is a seed; marks of one colour share depth and steps. The dashed line is a guess.
    """
    problems = list(records["problem"].drop_duplicates())
    drawing, axes = plt.subplots(
        len(problems), 1, figsize=(5, 2.4 * len(problems)), squeeze=False, layout="constrained"
    )
    for axis, problem in zip(axes[:, 0], problems, strict=True):
        _panel(axis, records[records["problem"] == problem])
        axis.axvline(chance(problem), color=plotting.GREY, ls="--", lw=1)
        axis.set(title=problem, xlim=(-0.03, 1.03))
    axes[-1, 0].set_xlabel("right answers")
    return drawing


def _panel(axis, records):
    forms = list(records["form"].drop_duplicates())
    for index, ((depth, steps), group) in enumerate(records.groupby(["depth", "steps"])):
        heights = group["form"].map(forms.index) + 0.18 * index - 0.18
        label = f"depth {depth}, {steps} steps"
        axis.plot(group["answer"], heights, plotting.MARKERS[index], color=plotting.COLORS[index], ms=4, label=label)
    axis.set_yticks(range(len(forms)), forms)
    axis.set_ylim(len(forms) - 0.5, -0.5)
    axis.legend(fontsize=8)


def _problem(config):
    return sums if config.problem == SUBSET_SUM else words
