"""Real source code and ListOps: several heads with LayerNorm, read at lengths beyond those of training.

Sources of the claims: Li, arXiv:2506.06398, and the questions that it leaves open (several heads with LayerNorm, real
data, slopes of ALiBi that depend on the length). Code is the standard library's of the Python that runs the experiment
(`howfar.tasks.source_text`); ListOps is that of Nangia and Bowman, arXiv:1804.06028. Small models, briefly trained: one
that is no better than counts of short strings, or than an answer that needs no nesting, counts as not learned.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt

from howfar import plotting
from howfar.experiments.real import code, nested

__all__ = ["TASKS", "VARIANTS", "Config", "figure", "grid", "plan", "run"]

TASKS = {"code": code.run, "ListOps": nested.run}
# Name: the encoding and its options. A table ends with its last row, where it would otherwise raise.
VARIANTS = {
    "none": {},
    "sinusoidal": {},
    "learned": {"out_of_range": "clamp"},
    "wavelet": {},
    "legendre": {},
    "rotary": {},
    "alibi": {},
    "relative": {},
    "urpe": {"out_of_range": "clamp"},
    "learned_relation": {},
}
NESTED = ("alibi", "none", "rotary")  # what is trained on ListOps, too


@dataclass(frozen=True)
class Config:
    """One task with one encoding; all seeds are trained together.

    Attributes
    ----------
    task : {"code", "ListOps"}
    encoding : str
        Of `VARIANTS`.
    seeds : tuple of int
    trained : int
        Characters of a window of training; tokens of the longest expression.
    steps, batch, lr
        Of the training: AdamW with a twentieth of the steps as warm-up, then a cosine.
    text : {"stdlib", "shipped"}
        See `howfar.tasks.source_text`; ListOps has none.
    characters : int
        Of training text.
    depth, width, heads : int
    """

    task: str
    encoding: str
    seeds: tuple = (3, 4, 5)
    trained: int = 128
    steps: int = 500
    batch: int = 4
    lr: float = 1e-2
    text: str = "stdlib"
    characters: int = 100_000
    depth: int = 2
    width: int = 64
    heads: int = 4


LONGER = Config("code", "alibi", seeds=(6, 7, 8), steps=1500)  # ALiBi needs it to beat counts of strings


def grid(scale):
    """The configs of a scale.

    ``"full"``: code with every encoding, and ALiBi three times as long too; ListOps with three. ``"quick"``: code with
    two encodings, from the slice that comes with the library, and fewer characters in each window.
    """
    if scale == "quick":
        quick = dict(seeds=(0, 1), trained=64, batch=8, steps=200, text="shipped")
        return [Config("code", encoding, **quick) for encoding in ("alibi", "sinusoidal")]
    order = ("alibi", "sinusoidal", "wavelet", "legendre", "learned", "rotary", "relative", "none")
    order = [*order, *(name for name in VARIANTS if name not in order)]
    expressions = [Config("ListOps", name, trained=32, batch=16, lr=4e-3) for name in NESTED]
    return [LONGER, *(Config("code", name) for name in order), *expressions]


# CPU seconds for 100 steps of one seed, and for the tests of three; on one core of the machine that records.
COST = {"code": (1.7, 6.0), "ListOps": (1.7, 6.0)}


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
        training, tests = COST[config.task]
        costs.append((training * config.steps / 100 + tests / 3) * len(config.seeds))
    return costs


def run(config, device="cpu"):
    """Train one cell and test it.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each test and seed ``seed``; ``rule``, what ALiBi's bias does at distances that training hasn't met (see
        `howfar.encodings.Alibi`; "as trained" for other encodings); and ``length``, of what is read.

        Code: ``start``, the first position; ``bits``, what one character costs, the mean over the last 32 of each of 64
        windows, which are the same for all lengths and starts; the shares of attention ``near, middle, far, new`` and
        ``steepest`` (see `code.measure`); the baselines ``one_gram, five_gram, best_gram, five_gram_of_more`` for those
        characters (see `code.baselines`); ``text_digest``, of the text.

        ListOps: ``accuracy`` on 400 expressions; ``nested``, how deep they are on average; and what the answers of
        `nested.Heuristics` score on them, ``constant, operator, flat``.

    Raises
    ------
    ValueError
        If the task or the encoding is unknown.
    """
    for name, allowed in (("task", TASKS), ("encoding", VARIANTS)):
        if getattr(config, name) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {getattr(config, name)!r}")
    return TASKS[config.task](config, config.encoding, VARIANTS[config.encoding], device)


def figure(records):
    """Bits a character against what is read beyond training, a line for each encoding; and the accuracy on ListOps.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.runs`: some or all of this experiment's.

    Returns
    -------
    matplotlib.figure.Figure
        Marks are means over the seeds, lines at them their range; the dotted line is the baseline: the best
        n-gram, or the best answer that needs no nesting.
    """
    there = [task for task in TASKS if task in set(records["task"])]
    drawing, axes = plt.subplots(len(there), 1, figsize=(5, 3.4 * len(there)), squeeze=False, layout="constrained")
    for axis, task in zip(axes[:, 0], there, strict=True):
        here = records[(records["task"] == task) & records["rule"].isin(("as trained", "grow"))]
        here = here[here["start"].fillna(0) == 0] if "start" in here else here
        column = "bits" if task == "code" else "accuracy"
        for index, (encoding, group) in enumerate(here.groupby("encoding", sort=False)):
            by_length = group.groupby("length")[column]
            mean = by_length.mean()
            spread = [mean - by_length.min(), by_length.max() - mean]
            axis.errorbar(mean.index, mean, spread, label=encoding, capsize=2, **plotting.style(index))
        trivial = ["best_gram"] if task == "code" else ["constant", "operator", "flat"]
        best = here.groupby("length")[trivial].mean().max(axis=1)
        axis.plot(best.index, best, ":", color=plotting.GREY, label="best n-gram" if task == "code" else "no nesting")
        axis.set(xlabel="characters read" if task == "code" else "tokens", title=task)
        axis.set_ylabel("bits a character" if task == "code" else "accuracy")
        axis.legend(ncols=2, fontsize=9)
    return drawing
