"""The claims ledger: what the literature says, and what became of it here.

``data/claims.yml`` lists every published claim that the course can test. A claim whose experiment is recorded names a
predicate that stands beside the experiment; the verdict is computed from the records, and the file must agree with it.
"""

from dataclasses import MISSING, dataclass

import pandas as pd
import yaml

from howfar import runs
from howfar.environment import data_path
from howfar.experiments import EXPERIMENTS, predicates

VERDICTS = ("replicated", "partly", "not replicated", "open")
KINDS = ("theorem", "conjecture", "measurement", "reading")


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger.

    Attributes
    ----------
    id : str
        A short name: ``li-wavelet-lowest``.
    source : str
        A key of ``references.bib``.
    arxiv : str
    where : str
        Which part of the source we could read it in.
    statement : str
        The claim in our words.
    kind : {"theorem", "conjecture", "measurement", "reading"}
        What it is in its source; "reading" where only a summary says it.
    chapter : str
        The page that runs it, or that will: ``extrapolation/running_sum``.
    verdict : {"replicated", "partly", "not replicated", "open"}
    experiment, predicate : str or None
        None while the claim is open.
    note : str
        What the verdict does not say.
    """

    id: str
    source: str
    arxiv: str
    where: str
    statement: str
    kind: str
    chapter: str
    verdict: str
    experiment: str | None = None
    predicate: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """What the records say about a claim.

    Attributes
    ----------
    verdict : str
    settings : pandas.DataFrame or None
        A row for each reading of the claim: ``setting, estimate, low, high, holds``; None if open.
    evidence : str
        One sentence, or "".
    provenance : str
        Where the records come from, or "".
    """

    verdict: str
    settings: pd.DataFrame | None = None
    evidence: str = ""
    provenance: str = ""


def load(path=None):
    """The claims of a ledger.

    Parameters
    ----------
    path : path, optional
        Default: the course's own, ``data/claims.yml``.

    Returns
    -------
    list of Claim

    Raises
    ------
    ValueError
        If an entry lacks a field, has an unknown one, or a value that is not allowed; the message names the entry.
    FileNotFoundError
        If there is no such file.
    """
    path = data_path("claims.yml") if path is None else path
    with open(path, encoding="utf-8") as file:
        entries = yaml.safe_load(file)
    if not isinstance(entries, list):
        raise ValueError(f"{path} must be a list of claims, got {type(entries).__name__}")
    claims = [_claim(entry, number) for number, entry in enumerate(entries, start=1)]
    ids = [claim.id for claim in claims]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"{path}: ids must be unique, got {', '.join(twice)} more than once")
    return claims


def judge(claim, records=None):
    """Compute a claim's verdict from the recorded results.

    Parameters
    ----------
    claim : Claim
    records : pandas.DataFrame, optional
        Other records of the claim's experiment, for instance your own; default: those that travel with the library.

    Returns
    -------
    Finding
        "replicated" if the predicate holds in all settings, "not replicated" if in none, "partly" otherwise; "open"
        if the claim has no predicate yet.

    Raises
    ------
    ValueError
        If there is no such predicate, or the records lack something that it compares; numbers that are missing are
        named by column, config and seed, and the verdict is withheld.
    """
    if claim.predicate is None:
        return Finding("open")
    records = runs.recorded(claim.experiment) if records is None else records
    try:
        settings = _predicate(claim)(records.drop(columns=[c for c in runs.PROVENANCE if c != "key"]))
    except KeyError as error:
        raise ValueError(
            f"{claim.predicate} needs the full grid of {claim.experiment}; these records have no {error}"
        ) from error
    held = int(settings["holds"].sum())
    verdict = "replicated" if held == len(settings) else "partly" if held else "not replicated"
    evidence = f"holds in {held} of {len(settings)} settings; estimates {_span(settings)}"
    return Finding(verdict, settings, evidence, runs.describe(records))


def rule(claim):
    """The rule by which a claim is decided, in words: its predicate's docstring; "" if it is open."""
    return "" if claim.predicate is None else " ".join(_predicate(claim).__doc__.split())


def _predicate(claim):
    there = predicates(claim.experiment)
    if claim.predicate not in there:
        raise ValueError(
            f"{claim.id}: no predicate {claim.predicate!r} of {claim.experiment}; there are: {', '.join(there)}"
        )
    return there[claim.predicate]


def _span(settings):
    low, high = settings["estimate"].min(), settings["estimate"].max()
    return "none" if pd.isna(low) else f"from {low:.3g} to {high:.3g}"


def _claim(entry, number):
    label = f"claim {number}" + (f" ({entry['id']})" if isinstance(entry, dict) and "id" in entry else "")
    if not isinstance(entry, dict):
        raise ValueError(f"{label} must be a mapping, got {type(entry).__name__}")
    fields = Claim.__dataclass_fields__
    unknown = sorted(set(entry) - set(fields))
    missing = [name for name, field in fields.items() if field.default is MISSING and not entry.get(name)]
    if unknown or missing:
        told = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise ValueError(f"{label}: {'; '.join(told)}; allowed are {', '.join(fields)}")
    claim = Claim(**entry)
    for field, allowed in (("kind", KINDS), ("verdict", VERDICTS)):
        if getattr(claim, field) not in allowed:
            raise ValueError(f"{label}: {field} must be one of {', '.join(allowed)}, got {getattr(claim, field)!r}")
    if (claim.predicate is None) != (claim.experiment is None):
        raise ValueError(f"{label}: experiment and predicate are given together or not at all")
    if claim.experiment is not None and claim.experiment not in EXPERIMENTS:
        raise ValueError(f"{label}: no experiment {claim.experiment!r}; there are: {', '.join(EXPERIMENTS)}")
    if claim.predicate is None and claim.verdict != "open":
        raise ValueError(f"{label}: a claim without a predicate is open, got {claim.verdict!r}")
    return claim
