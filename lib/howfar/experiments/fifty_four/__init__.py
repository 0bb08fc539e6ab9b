"""Fifty-four Transformers that learn to search, and how their risk grows with the distance of a domain.

Source of the claims: Zhang et al., "A Measure-Theoretic Analysis of Reasoning", arXiv:2605.19944. The design is ours:
depth, width, encoding and the mixture of search strategies change one at a time in one architecture.
"""

from dataclasses import dataclass, replace
from itertools import combinations, product

import matplotlib.pyplot as plt

from howfar import plotting
from howfar.experiments.fifty_four import distances, domains, models

DEPTHS, WIDTHS, ENCODINGS, MIXTURES = (1, 2, 4), (16, 32, 64), ("learned", "rotary"), (1.0, 0.5, 0.0)
SEEDS = (0, 1, 2)
HOME_DRAWS = 3  # more draws of the training law that each model reads: null distances of its hidden states
DIGITS = 4  # significant, of what is recorded
# The quick grid's domains: every level of n, every second level of the other axes, and both ends.
QUICK = {
    "n": ("2", "3", "4", "5", "6", "7", "8"),
    "size": ("5", "10", "20", "40", "80"),
    "order": ("given", "leave 1", "leave 2", "leave all", "largest first", "smallest first"),
    "offset": ("0", "1", "4", "16", "64"),
    "strategy": ("breadth-first", "half", "depth-first"),
}
# Where the first seed's models also write searches themselves: so many of a domain's problems.
WRITTEN = {"home": ("0",), "n": ("6",), "order": ("leave all",), "offset": ("16",)}
ASKED = 50
LONG = 640  # steps of the runs that show what longer training does


@dataclass(frozen=True)
class Config:
    """One configuration; its seeds are trained together.

    Attributes
    ----------
    encoding : {"learned", "rotary", "offsets"}
        ``"offsets"``: learned positions, each row of training at an offset drawn evenly from 0 to 64.
    depth, width : int
    mixture : float
        The share of depth-first searches in training; the others are breadth-first.
    steps : int
        Of training.
    levels : {"quick", "full"}
        Which levels of the axes it is tested on.
    task : {"subset sum", "countdown"}
    seeds : tuple of int
    sample : int
        Searches of each domain for the distances; risks are means over the first 80 of them.
    """

    encoding: str
    depth: int
    width: int
    mixture: float
    steps: int = 160
    levels: str = "quick"
    task: str = "subset sum"
    seeds: tuple = SEEDS
    sample: int = domains.SAMPLE


def grid(scale):
    """The configs of a scale.

    ``"quick"``: the 54, small shapes first, on some of the domains. ``"full"``: the 54 on all domains; then a third
    arm of 27, learned positions trained at random offsets; and for one shape Countdown, and four times as many steps.
    """
    cells = [(d, w, m) for d, w in sorted(product(DEPTHS, WIDTHS), key=lambda c: c[0] * c[1]) for m in MIXTURES]
    quick = [Config(encoding, *cell) for cell in cells for encoding in ENCODINGS]
    if scale == "quick":
        return quick
    arm = [Config("offsets", *cell) for cell in cells]
    countdown = [Config(encoding, 2, 32, m, task="countdown") for encoding in ENCODINGS for m in MIXTURES]
    longer = [Config(encoding, 2, 32, m, steps=LONG) for encoding in (*ENCODINGS, "offsets") for m in MIXTURES]
    return [replace(config, levels="full") for config in (*quick, *arm, *countdown, *longer)]


def plan(configs):
    """What configurations cost on one core of the machine that the course was recorded on.

    Parameters
    ----------
    configs : list of Config

    Returns
    -------
    list of float
        Core-seconds of each, in all those that the quick grid took (28 minutes); another machine may need half or
        twice as many.
    """
    costs = []
    for config in configs:
        step = config.depth * (0.0051 + 0.00031 * config.width)  # of one member
        tests = 1 if config.levels == "quick" else 1.4
        costs.append(len(config.seeds) * (config.steps * step + 0.6 + 70 * step * tests) + 2.6)
    return costs


def run(config, device="cpu", *, also=()):
    """Train one configuration and test it on each domain.

    Parameters
    ----------
    config : Config
    device : str
    also : sequence of howfar.experiments.fifty_four.domains.Domain
        Domains of your own, tested beside those of the axes.

    Returns
    -------
    list of dict
        For each seed and domain: ``seed, axis, level, domain``; ``risk`` (nats per token, mean over searches),
        ``home_risk`` and ``home_ngram`` (the model's and a 3-gram's on the law of training), ``solve_rate`` and
        ``constant_rate`` (of searches that the model writes itself, and of the best constant answer; None where it
        isn't asked); the distances ``w1_stack, w1_prefix, w1_features, w1_hidden, w1_position`` from training, and the
        largest between samples of the training law, ``null_stack`` and so on; the rivals ``length_gap, tv_tokens,
        ngram_nll``.
    """
    ensemble = models.fit(config, device)
    records = []
    for model, seed in zip(ensemble, config.seeds, strict=True):
        tested = _tested(model, config, [*chosen(config), *also], writes=seed == config.seeds[0])
        records += [{"seed": seed} | _rounded(record) for record in tested]
    return records


def chosen(config):
    """The domains that a configuration is tested on, a list; the draws of the training law first."""
    there = domains.axes(config.task)
    homes = there.pop("home")[: HOME_DRAWS + 1]
    every = [domain for levels in there.values() for domain in levels]
    if config.levels == "quick":
        every = [domain for domain in every if domain.level in QUICK[domain.axis]]
    return homes + every


def _tested(model, config, tested, *, writes):
    """A record for each domain."""
    measured = {domain: distances.measure(domain, config.mixture, config.sample) for domain in tested}
    rows = {d: domains.sample(d, config.mixture, config.sample).first(domains.TEST) for d in tested}
    read = {domain: models.read(model, rows[domain]) for domain in tested}
    homes = [domain for domain in tested if domain.axis == "home"]
    hidden = {domain: states for domain, (_, states) in read.items()}
    null = max(distances.euclidean_distance(hidden[a], hidden[b]) for a, b in combinations(homes, 2))
    shared = {
        "home_risk": sum(read[domain][0].mean() for domain in homes) / len(homes),
        "home_ngram": sum(measured[domain]["ngram_nll"] for domain in homes) / len(homes),
        **distances.nulls(config.mixture, config.task, config.sample),
        "null_hidden": null,
    }
    for domain in tested:
        yield {
            "axis": domain.axis,
            "level": domain.level,
            "domain": domain.name,
            "risk": read[domain][0].mean(),
            **_written(model, domain if writes else None),
            **measured[domain],
            "w1_hidden": distances.euclidean_distance(hidden[homes[0]], hidden[domain]),
            **shared,
        }


def _written(model, domain):
    """The rates at which a model and the best constant answer solve a domain; None where it isn't asked."""
    if domain is None or domain.level not in WRITTEN.get(domain.axis, ()):
        return {"solve_rate": None, "constant_rate": None}
    asked = domains.problems(domain)[0][:ASKED]
    return {
        "solve_rate": models.solved(model, asked, offset=domain.offset),
        "constant_rate": domains.constant_rate(domain, asked),
    }


def _rounded(record):
    return {k: float(f"{v:.{DIGITS - 1}e}") if isinstance(v, float) else v for k, v in record.items()}


def figure(records):
    """Risk along the sizes of problems, by the distance of the traces: a panel for each mixture, a line each encoding.

    Parameters
    ----------
    records : pandas.DataFrame

    Returns
    -------
    matplotlib.figure.Figure
    """
    sizes = records[(records["axis"] == "n") & (records["task"] == "subset sum")]
    drawing, panels = plt.subplots(3, 1, figsize=(5, 7), sharex=True, sharey=True, layout="constrained")
    for panel, mixture in zip(panels, MIXTURES, strict=True):
        for index, (encoding, rows) in enumerate(sizes[sizes["mixture"] == mixture].groupby("encoding")):
            means = rows.groupby("level")[["w1_stack", "risk"]].mean().sort_values("w1_stack")
            panel.plot(means["w1_stack"], means["risk"], label=encoding, **plotting.style(index))
        panel.set(title=f"{mixture:.0%} depth-first", ylabel="risk (nats)")
        panel.legend()
    panels[-1].set_xlabel("stack distance from training (moves)")
    return drawing
