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
from howfar.experiments.judging import CONTRADICTED, HOLDS, NOT_JUDGED, UNDECIDED

VERDICTS = ("by construction", "replicated", "partly", "contradicted", "undecided", "open")
KINDS = ("theorem", "conjecture", "measurement", "reading", "control")


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
        What the source says.
    kind : {"theorem", "conjecture", "measurement", "reading", "control"}
        What it is in its source; "reading" where only a summary says it, "control" where the source doesn't say it and
        we ask it of the source's comparison.
    chapter : str
        The page that runs it, or that will: ``extrapolation/running_sum``.
    verdict : str
        Of `VERDICTS`, see `judge`.
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
class Rule:
    """By what a claim is decided.

    Attributes
    ----------
    text : str
        The rule in words.
    bar : (str, float)
        What the estimate must be for the claim to hold: ``("below", 1)`` or ``("above", 0.1)``.
    written : {"before", "after"}
        Whether it was written before or after records that it judges had been read.
    plausible : str
        Why the reading that is marked is the most plausible one of the source.
    identity : bool
        Whether it is an identity or a bound that our code could not violate.
    """

    text: str
    bar: tuple
    written: str
    plausible: str
    identity: bool


@dataclass(frozen=True)
class Finding:
    """What the records say about a claim.

    Attributes
    ----------
    verdict : str
    readings : pandas.DataFrame or None
        A row for each distinct reading of the claim, the most plausible one first: ``setting``; ``estimate, low, high``
        of what the rule compares, with a 95 % interval over the seeds (equal where nothing is random); ``status``:
        "holds", "undecided" (the interval crosses the bar), "contradicted", or "not judged" (what the claim presupposes
        is missing, so that this reading doesn't count); ``plausible``. None if open.
    evidence : str
        One sentence, or "".
    provenance : str
        Where the records come from, or "".
    """

    verdict: str
    readings: pd.DataFrame | None = None
    evidence: str = ""
    provenance: str = ""

    def count(self, status):
        """How many readings have a status; 0 if the claim is open."""
        return 0 if self.readings is None else int((self.readings["status"] == status).sum())


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
        The verdict is

        - "by construction" if the claim is an identity or a bound that our code couldn't violate, and the check passes;
        - "replicated" if the most plausible reading holds and no other is contradicted;
        - "contradicted" if the most plausible reading is contradicted and no other holds;
        - "partly" if some reading holds, and it is none of these;
        - "undecided" if no reading holds, and it is none of these;
        - "open" if the claim has no predicate: no recorded experiment decides it yet.

        Where the most plausible reading is not judged, a claim is neither replicated nor contradicted.

    Raises
    ------
    ValueError
        If there is no such predicate, or the records lack something that it compares; numbers that are missing are
        named by column, config and seed, and the verdict is withheld.
    """
    if claim.predicate is None:
        return Finding("open")
    records = runs.recorded(claim.experiment) if records is None else records
    predicate = _predicate(claim)
    try:
        readings = predicate(records.drop(columns=[c for c in runs.PROVENANCE if c != "key"]))
    except KeyError as error:
        raise ValueError(
            f"{claim.predicate} needs the full grid of {claim.experiment}; these records have no {error}"
        ) from error
    finding = Finding(_verdict(readings, predicate.identity), readings)
    return Finding(finding.verdict, readings, _evidence(finding), runs.describe(records))


def rule(claim):
    """The `Rule` by which a claim is decided; None if it is open."""
    if claim.predicate is None:
        return None
    predicate = _predicate(claim)
    text = " ".join(predicate.__doc__.split())
    return Rule(text, predicate.bar, predicate.written, predicate.plausible, predicate.identity)


def _predicate(claim):
    there = predicates(claim.experiment)
    if claim.predicate not in there:
        named = ", ".join(there)
        raise ValueError(f"{claim.id}: no predicate {claim.predicate!r} of {claim.experiment}; there are: {named}")
    return there[claim.predicate]


def _verdict(readings, identity):
    plausible, found = readings["status"].iloc[0], set(readings["status"])
    if identity and found == {HOLDS}:
        return "by construction"
    if plausible == HOLDS and CONTRADICTED not in found:
        return "replicated"
    if plausible == CONTRADICTED and HOLDS not in found:
        return "contradicted"
    return "partly" if HOLDS in found else "undecided"


def _evidence(finding):
    """One sentence: how many readings, and the most plausible one."""
    counted = {status: finding.count(status) for status in (HOLDS, UNDECIDED, CONTRADICTED)}
    left_out = finding.count(NOT_JUDGED)
    first = finding.readings.iloc[0]
    return (
        f"of {sum(counted.values())} readings "
        + ", ".join(f"{count} {status if status != HOLDS else 'hold'}" for status, count in counted.items())
        + (f" ({left_out} not judged)" if left_out else "")
        + f"; the most plausible: {first['status']}, {number(first)}"
    )


def number(reading):
    """A reading's estimate with its interval, as text: ``0.22 [0.13, 0.37]``."""
    estimate, low, high = (f"{reading[field]:.3g}" for field in ("estimate", "low", "high"))
    return estimate if reading["low"] == reading["high"] else f"{estimate} [{low}, {high}]"


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
