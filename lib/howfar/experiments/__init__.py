"""The experiments, by name.

An experiment is a module with three functions:

``grid(scale)``
    the list of its configs, frozen dataclasses; ``scale`` is ``"quick"`` or ``"full"``.
``run(config, device="cpu")``
    one of them, computed: a list of records, which are flat dicts of numbers, strings and None.
``figure(records)``
    a matplotlib figure of a DataFrame of records.

One that is expensive may have a fourth, ``plan(configs)``: a list of about how many core-seconds each will take, which
``howfar run`` adds up and prints before it starts.

Ours are folders: the module, and beside it the ``predicates`` that decide claims from its records.

A module of your own works everywhere that a registered name does: give its name as you would import it.
"""

import importlib

EXPERIMENTS = {
    name: f"howfar.experiments.{name}"
    for name in (
        "alibi_attention",
        "barron",
        "bound",
        "complexity",
        "construction",
        "equivariance",
        "fifty_four",
        "k_hop",
        "length",
        "length_collapse",
        "position_codes",
        "rank_collapse",
        "real",
        "running_sum",
        "scratchpad",
        "stack_readout",
        "staircase",
        "width_for_depth",
    )
}  # name: dotted name of its module
SCALES = ("quick", "full")


def find(name):
    """The module of an experiment.

    Parameters
    ----------
    name : str
        A registered name (`EXPERIMENTS`), or that of a module, as one would import it.

    Returns
    -------
    module

    Raises
    ------
    ValueError
        If there is no such experiment, or the module has no ``grid`` or ``run``.
    """
    path = EXPERIMENTS.get(name, name)
    unknown = (
        f"no experiment {name!r}; registered: {', '.join(EXPERIMENTS)}; or name a module as you would import it: "
        "folder.file, without .py"
    )
    if not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(unknown)
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and not path.startswith(error.name):
            raise  # the module is there; something that it imports is not
        raise ValueError(unknown) from None
    missing = [f for f in ("grid", "run") if not callable(getattr(module, f, None))]
    if missing:
        raise ValueError(f"module {path} is no experiment: it has no {' and no '.join(missing)}")
    return module


def grid(name, scale="quick"):
    """The configs of an experiment at a scale, with both names checked; ValueError names what is allowed."""
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(SCALES)}, got {scale!r}")
    return list(find(name).grid(scale))


def predicates(name):
    """The predicates that stand beside a registered experiment: a dict of functions by name."""
    module = importlib.import_module(f"{EXPERIMENTS[name]}.predicates")
    return {key: value for key, value in vars(module).items() if hasattr(value, "written")}
