"""The claims ledger: verdicts are what the records say, predicates can go either way, malformed entries are refused."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from howfar import claims, runs
from howfar.experiments import EXPERIMENTS, judging, predicates

ROOT = Path(__file__).resolve().parents[1]
LEDGER = claims.load()
DECIDED = [claim for claim in LEDGER if claim.predicate]
every = pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)


@every
def test_the_verdict_in_the_file_is_what_the_records_say(claim):
    assert claims.judge(claim).verdict == claim.verdict


@every
def test_sources_and_chapters_exist(claim):
    bibliography = (ROOT / "references.bib").read_text(encoding="utf-8")
    entry = re.search(rf"@\w+{{{claim.source},.*?\n}}", bibliography, re.S)
    assert entry and (claim.arxiv in entry.group(0) or "arXiv:" not in entry.group(0))
    assert (ROOT / "chapters" / f"{claim.chapter}.ipynb").exists()


def test_every_source_paper_has_claims():
    assert {"2605.19944", "2506.06398", "2510.04130"} <= {claim.arxiv for claim in LEDGER}


def test_every_predicate_decides_a_claim_and_has_a_rule():
    there = {(name, predicate) for name in EXPERIMENTS for predicate in predicates(name)}
    assert {(claim.experiment, claim.predicate) for claim in DECIDED} == there
    for claim in DECIDED:
        assert claim.experiment in EXPERIMENTS
        assert re.fullmatch(r"[A-Z][^\n]{30,}\.", claims.rule(claim))
    assert all(claims.rule(claim) == "" for claim in LEDGER if claim not in DECIDED)


@pytest.mark.parametrize("claim", DECIDED, ids=lambda claim: claim.id)
def test_a_finding_shows_settings_intervals_and_provenance(claim):
    finding = claims.judge(claim)
    settings = finding.settings
    assert list(settings) == ["setting", "estimate", "low", "high", "holds"]
    assert len(settings) and settings["setting"].is_unique and settings["holds"].dtype == bool
    known = settings.dropna()
    assert (known["low"] <= known["estimate"]).all() and (known["estimate"] <= known["high"]).all()
    assert f"of {len(settings)} settings" in finding.evidence
    assert "s of computing" in finding.provenance and "torch" in finding.provenance


# Records are changed until the claim holds everywhere, or nowhere: a predicate that cannot fail wouldn't notice.
def scaled(records, chosen, factor):
    records = records.copy()
    records.loc[chosen, "mse"] *= factor
    return records


def set_to(records, chosen, column, value):
    return records.assign(**{column: records[column].where(~chosen, value)})


TURNED = {
    "wavelet_is_lowest": lambda r, up: scaled(r, r["variant"].str.startswith("wavelet"), 1e-6 if up else 1e6),
    "transforms_beat_sinusoid": lambda r, up: scaled(r, r["variant"] == "sinusoidal", 1e6 if up else 1e-6),
    "alibi_extrapolates": lambda r, up: scaled(r, r["variant"].str.startswith("alibi"), 1e-6 if up else 1e6),
    "steep_alibi_is_worse": lambda r, up: scaled(r, r["variant"] == "alibi 1/8", 1e6 if up else 1e-6),
    "learned_does_not_extrapolate": lambda r, up: scaled(r, r["variant"] == "learned", 1e6 if up else 1e-6),
    "fit_is_no_guarantee": lambda r, up: (
        scaled(r, (r["length"] == 200) | (r["length"] == (50 if up else 0)), 1e-6)
        if not up
        else scaled(scaled(r, r["length"] == 200, 1e6), r["length"] == 50, 1e-6)
    ),
    "absolute_codes_move": lambda r, up: r.assign(change=1.0 if up else 0.0),
    "relative_codes_stay": lambda r, up: r.assign(change=0.0 if up else 1.0),
    "absolute_steps_do_not_vanish": lambda r, up: r.assign(logit_step=1.0 if up else 12.0 / r["width"] ** 2),
    "absolute_risk_grows": lambda r, up: r.assign(risk=r["shift"] * (1.0 if up else 0.0)),
    "invariant_risk_stays": lambda r, up: r.assign(risk=r["shift"] * (0.0 if up else 1.0)),
    "risk_within_ceiling": lambda r, up: r.assign(loss_step=100.0 if up else 0.0, risk=1.0 * r["shift"]),
    "sinusoid_is_bounded": lambda r, up: r.assign(norm_new=1.0 if up else 9.0),
    "legendre_is_bounded": lambda r, up: r.assign(norm_met=1.0 if up else 9.0),
    "legendre_saturates": lambda r, up: r.assign(tail=0.0 if up else 1.0),
    "wavelet_difference_decays": lambda r, up: r.assign(change_290=0.0, change_10000=0.0 if up else 3.0),
    "wavelet_tells_positions_apart": lambda r, up: r.assign(gap=1.0 if up else 0.0),
    "sinusoid_repeats": lambda r, up: r.assign(return_ratio=0.1 if up else 1.5),
}


@pytest.mark.parametrize("claim", DECIDED, ids=lambda claim: claim.id)
@pytest.mark.parametrize("up", [True, False], ids=["replicated", "not replicated"])
def test_every_predicate_can_go_either_way(claim, up):
    records = TURNED[claim.predicate](runs.recorded(claim.experiment), up)
    assert claims.judge(claim, records).verdict == ("replicated" if up else "not replicated")


def test_some_settings_make_partly():
    claim = next(c for c in DECIDED if c.predicate == "wavelet_tells_positions_apart")
    records = runs.recorded(claim.experiment)
    half = records["variant"] == "wavelet zero"
    assert claims.judge(claim, set_to(records.assign(gap=0.0), half, "gap", 1.0)).verdict == "partly"


def test_geometric_interval_is_students_for_the_logarithms():
    values = np.random.default_rng(0).lognormal(size=10)
    mean, low, high = judging.geometric_interval(values)
    expected = scipy.stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    np.testing.assert_allclose([low, high], np.exp([expected.low, expected.high]))
    np.testing.assert_allclose(mean, scipy.stats.gmean(values))
    assert judging.geometric_interval([2.0]) == pytest.approx((2.0, 2.0, 2.0))


GOOD = {
    "id": "a-claim",
    "source": "li2025",
    "arxiv": "2506.06398",
    "where": "abstract",
    "statement": "Something is so.",
    "kind": "reading",
    "chapter": "extrapolation/running_sum",
    "verdict": "open",
}


def write(path, entries):
    path.write_text(pd.Series([entries]).to_json(orient="values")[1:-1], encoding="utf-8")  # JSON is YAML
    return path


def test_a_ledger_of_ones_own(tmp_path):
    (claim,) = claims.load(write(tmp_path / "own.yml", [GOOD]))
    assert claim.id == "a-claim" and claims.judge(claim).verdict == "open" and claims.judge(claim).settings is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "true"}, "verdict must be one of replicated, partly, not replicated, open"),
        ({"kind": "hunch"}, "kind must be one of theorem, conjecture"),
        ({"statement": None}, "missing: statement"),
        ({"prediccate": "x"}, "unknown: prediccate"),
        ({"predicate": "wavelet_is_lowest"}, "experiment and predicate are given together"),
        ({"predicate": "sinusoid_repeats", "experiment": "no_such"}, "no experiment 'no_such'"),
        ({"verdict": "partly"}, "a claim without a predicate is open"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path, change, said):
    with pytest.raises(ValueError, match=r"claim 1 \(a-claim\)") as error:
        claims.load(write(tmp_path / "own.yml", [{**GOOD, **change}]))
    assert said in str(error.value)


def test_a_ledger_that_is_no_list_and_two_of_one_id(tmp_path):
    with pytest.raises(ValueError, match="must be a list of claims, got dict"):
        claims.load(write(tmp_path / "own.yml", {"claims": []}))
    with pytest.raises(ValueError, match="ids must be unique, got a-claim"):
        claims.load(write(tmp_path / "own.yml", [GOOD, GOOD]))
    with pytest.raises(ValueError, match="claim 1 must be a mapping, got str"):
        claims.load(write(tmp_path / "own.yml", ["a-claim"]))


def test_records_that_hold_too_little_are_refused_by_name():
    claim = next(c for c in DECIDED if c.predicate == "wavelet_is_lowest")
    records = runs.recorded("running_sum").query("variant != 'sinusoidal'")
    with pytest.raises(ValueError, match=r"wavelet_is_lowest needs the full grid of running_sum; .*sinusoidal"):
        claims.judge(claim, records)


@pytest.mark.parametrize("claim", DECIDED, ids=lambda claim: claim.id)
def test_a_missing_number_is_named_and_never_becomes_a_verdict(claim):
    records = runs.recorded(claim.experiment)
    finding, named = claims.judge(claim, records), 0
    numbers = [c for c in records.select_dtypes("float") if c not in ("lr", "seconds", "diverged_at")]
    seeds = [records["seed"] == 0] if "seed" in records else [records["length"] == 100]
    for column in numbers:
        for chosen in (*seeds, records.index >= 0):
            try:
                other = claims.judge(claim, set_to(records, chosen, column, np.nan))
            except ValueError as error:
                assert re.search(r"\d+ of \d+ records have no number in '\w+': (variant|encoding) .+", str(error))
                assert "seed 0" in str(error) or "seed" not in records
                named += 1
            else:  # a column that it doesn't compare
                pd.testing.assert_frame_equal(other.settings, finding.settings)
    assert named >= 2


def test_the_runs_that_lack_a_number_are_named():
    claim = next(c for c in DECIDED if c.predicate == "alibi_extrapolates")
    records = runs.recorded("running_sum")
    chosen = (records["variant"] == "rotary") & (records["seed"] == 4) & (records["length"] == 200)
    with pytest.raises(ValueError, match=r"no number in 'mse': variant rotary, .*inputs uniform, .*length 200, seed 4"):
        claims.judge(claim, set_to(records, chosen, "mse", np.nan))


def test_a_predicate_that_is_not_there_is_named(tmp_path):
    entry = {**GOOD, "predicate": "no_such", "experiment": "running_sum"}
    (claim,) = claims.load(write(tmp_path / "own.yml", [entry]))
    with pytest.raises(
        ValueError, match="a-claim: no predicate 'no_such' of running_sum; there are: wavelet_is_lowest"
    ):
        claims.judge(claim)
