"""Questions about words with a short program and without one, learned to length 16 and asked to 48.

Sources of the account: Zhou et al., "What Algorithms can Transformers Learn?", arXiv:2310.16028 (RASP-L); Huang et al.,
"A Formal Framework for Understanding Length Generalization in Transformers", arXiv:2410.02140, and Yang and Chiang,
arXiv:2404.04393 (C-RASP). The question is asked at every place of a word of random letters, so that all lengths to 16
are trained at once. Choice of questions and settings are ours. A pilot of one or two other seeds was seen, for some
cells, before the settings were fixed.
"""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch

from howfar import plotting, tasks
from howfar.complexity import QUESTIONS
from howfar.training import train
from howfar.transformer import TransformerConfig

LEARNED = 0.9  # the share of words without a mistake at the length of training, the mean over the seeds
FACTORS = (1, 1.5, 2, 3)  # lengths of the tests, in lengths of training
ENCODINGS = ("none", "rotary", "alibi", "sinusoidal")
TEST_WORDS, BLIND_WORDS = 500, 20_000
START = 3  # a letter that no question has


@dataclass(frozen=True)
class Config:
    """One question with one encoding; all seeds are trained together.

    Attributes
    ----------
    question : str
        Of `howfar.complexity.QUESTIONS`.
    encoding : str
        Of `howfar.ENCODINGS`, with its own options.
    steps : int
    seeds : tuple of int
    trained : int
        Letters in a word of training.
    batch, lr
        Of the training: AdamW with a twentieth of the steps as warm-up, then a cosine.
    """

    question: str
    encoding: str
    steps: int = 300
    seeds: tuple = (0, 1, 2)
    trained: int = 16
    batch: int = 32
    lr: float = 2e-3


def grid(scale):
    """The configs of a scale.

    ``"quick"``: majority and the latest letter without encoding, one seed. ``"full"``: all questions with all four
    encodings, 300 steps, three seeds; and parity in four times the steps, without encoding and with sinusoids, and
    without in eight times.
    """
    if scale == "quick":
        return [Config(question, "none", steps=200, seeds=(0,)) for question in ("majority", "latest")]
    order = ("majority", "latest", "parity", "mostly ahead", "first")
    longer = (("none", 1200), ("sinusoidal", 1200), ("none", 2400))
    cells = [Config(question, encoding) for encoding in ENCODINGS for question in order]
    return cells + [Config("parity", encoding, steps=steps) for encoding, steps in longer]


def plan(configs):
    """About how many core-seconds each config takes, on the machine that the course was recorded on."""
    return [1.7 * config.steps / 100 * len(config.seeds) + 4 for config in configs]


def sample(question, n, length, generator):
    """n random words, START in front, and the answers at all places.

    Parameters
    ----------
    question : str
        Of `howfar.complexity.QUESTIONS`.
    n, length : int
    generator : torch.Generator
        Letters are independent and uniform.

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (n, length + 1); no answer counts at START.
    """
    asked = QUESTIONS[question]
    words = torch.randint(asked.letters, (n, length), generator=generator)
    answers = torch.from_numpy(asked.facts(words.numpy())).long()
    return tasks.with_start(tasks.Batch(words, answers), START)


def run(config, device="cpu"):
    """Train one question with one encoding and ask it about longer words.

    Parameters
    ----------
    config : Config
    device : str

    Returns
    -------
    list of dict
        For each length and seed: ``length, seed``; ``exact_match``, the share of 500 words with all answers right;
        ``last``, the share with the last answer right; ``chance`` and ``last_chance``, the same for `blind`.
    """
    ensemble = train(
        model_config(config),
        lambda generator: sample(config.question, config.batch, config.trained, generator),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 20,
        device=device,
        description=f"{config.question}, {config.encoding}",
    )
    records = []
    for length in (round(factor * config.trained) for factor in FACTORS):
        test = sample(config.question, TEST_WORDS, length, torch.Generator().manual_seed(10_000 + length))
        right = (ensemble(test.inputs).argmax(-1).cpu() == test.targets)[..., 1:].numpy()
        guessed = blind(config.question, test)
        chance = {"chance": _share(guessed.all(-1)), "last_chance": _share(guessed[:, -1])}
        for seed, each in zip(config.seeds, right, strict=True):
            found = {"exact_match": _share(each.all(-1)), "last": _share(each[:, -1])}
            records.append({"length": length, "seed": seed, **found, **chance})
    return records


def model_config(config):
    """The model of a cell: two layers of width 64 with four heads."""
    return TransformerConfig(
        depth=2, vocabulary=START + 1, outputs=2, encoding=config.encoding, max_length=config.trained + 1
    )


def blind(question, test):
    """Which answers are right of a guesser who knows the place and the letter there, and no other letter?

    Parameters
    ----------
    question : str
    test : Batch
        Of `sample`.

    Returns
    -------
    bool array (words, length)
        It says what was more frequent there among 20,000 other words.
    """
    words, answers = (part[:, 1:].numpy() for part in test[:2])
    seen = sample(question, BLIND_WORDS, words.shape[1], torch.Generator().manual_seed(99))
    seen_words, seen_answers = (part[:, 1:].numpy() for part in seen[:2])
    said = np.zeros_like(answers)
    for letter in range(QUESTIONS[question].letters):
        there = seen_words == letter
        often = (seen_answers * there).sum(0) > there.sum(0) / 2
        said = np.where(words == letter, often, said)
    return said == answers


def _share(flags):
    return round(float(np.mean(flags)), 4)


def figure(records):
    """The share of words without a mistake against the length, a panel for each question.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.runs`: some or all of this experiment's.

    Returns
    -------
    matplotlib.figure.Figure
        Means over the seeds with their range; the trainings of 300 steps. Dotted: the guesser who sees one letter.
    """
    records = records[records["steps"] == records["steps"].min()]
    there = [question for question in QUESTIONS if question in set(records["question"])]
    drawing, axes = plt.subplots(len(there), 1, figsize=(5.0, 1.55 * len(there) + 0.6), sharex=True, squeeze=False,
                                 layout="constrained")  # fmt: skip
    for axis, question in zip(axes[:, 0], there, strict=True):
        asked = records[records["question"] == question]
        for encoding, cell in asked.groupby("encoding", sort=False):
            index = ENCODINGS.index(encoding)
            by_length = cell.groupby("length")["exact_match"]
            axis.plot(by_length.mean(), label=encoding, **plotting.style(index))
            axis.fill_between(by_length.min().index, by_length.min(), by_length.max(), alpha=0.15, lw=0)
        axis.plot(asked.groupby("length")["chance"].mean(), ":", color=plotting.GREY, label="one letter")
        known = QUESTIONS[question].language or "no program"
        axis.set(title=f"{question} ({known})", ylim=(-0.05, 1.05), xticks=sorted(asked["length"].unique()))
    axes[-1, 0].set_xlabel("letters")
    drawing.supylabel("words without a mistake")
    named = {line.get_label(): line for axis in axes[:, 0] for line in axis.lines}
    drawing.legend(named.values(), named.keys(), loc="outside upper center", ncols=3)
    return drawing
