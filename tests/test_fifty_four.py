"""The 54: domains that are what they say, distances against other ways to compute them, records the same everywhere."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

from howfar import runs, search, tasks, wasserstein
from howfar.dyck import pad_words
from howfar.experiments import fifty_four
from howfar.experiments.fifty_four import distances, domains, models, predicates, report
from howfar.experiments.judging import monotone_test
from howfar.transformer import Transformer

HOME = domains.axes()["home"][0]
TINY = fifty_four.Config("rotary", 1, 16, 1.0, steps=2, seeds=(0,), sample=24)


def domain(axis, level):
    return next(d for d in domains.axes()[axis] if d.level == level)


# --- domains --------------------------------------------------------------------------------------------------------


def test_axes_have_the_levels_that_a_test_needs():
    levels = {axis: len(there) for axis, there in domains.axes().items()}
    assert levels == {"home": 20, "n": 7, "size": 8, "order": 8, "offset": 8, "strategy": 3}
    assert len({d.name for there in domains.axes().values() for d in there}) == sum(levels.values())
    for axis, chosen in fifty_four.QUICK.items():
        assert set(chosen) <= {d.level for d in domains.axes()[axis]}


@pytest.mark.parametrize("task", domains.DIGITS)
def test_no_test_meets_a_problem_of_training(task):
    met = {(p.numbers, p.target) for p in domains.pool(task)}
    for there in domains.axes(task).values():
        for d in there:
            assert not met & {(p.numbers, p.target) for p in domains.problems(d, 60)[0]}
    assert domains.problems(domain("n", "3"))[1] > 0  # some had to be thrown away: the rule is not empty


def test_rows_are_those_of_the_task():
    rows = domains.sample(HOME, 1.0, 12)
    task = tasks.search_traces(rows.problems, strategy="depth-first", length=domains.LENGTH)
    assert rows.batch.inputs.equal(task.inputs) and rows.batch.mask.equal(task.mask)
    assert rows.batch.targets[rows.batch.mask].equal(task.targets[task.mask])
    for word, target, mask in zip(rows.words, task.targets, task.mask, strict=True):
        assert word[word >= 0].tolist() == target[mask].tolist()


def test_a_half_of_each_size_is_depth_first():
    rows = domains.sample(HOME, 0.5, 24)
    deep = [d.equal(r) for d, r in zip(domains.sample(HOME, 1.0, 24).batch.inputs, rows.batch.inputs, strict=True)]
    wide = [d.equal(r) for d, r in zip(domains.sample(HOME, 0.0, 24).batch.inputs, rows.batch.inputs, strict=True)]
    for n in (3, 4, 5):
        assert sum(deep[n - 3 :: 3]) >= 4 and sum(wide[n - 3 :: 3]) >= 4
    assert all(a or b for a, b in zip(deep, wide, strict=True))


def test_only_the_position_changes_along_the_offsets():
    zero, far = (domains.sample(domain("offset", s), 1.0, 12) for s in ("0", "64"))
    assert zero.batch.inputs.equal(far.batch.inputs)
    assert (far.batch.positions - zero.batch.positions).unique().tolist() == [64]
    assert zero.batch.positions.max() < domains.LENGTH


def test_orders_leave_the_problems_as_they_are():
    given, one, every = (domains.problems(domain("order", o), 40)[0] for o in ("given", "leave 1", "leave all"))
    assert [p.numbers for p in given] == [p.numbers for p in one] == [p.numbers for p in every]
    assert all(1 in p.choices(p.start())[:1] for p in every if 1 in p.choices(p.start()))
    assert all(p.choices((1, 0)) == q.choices((1, 0)) for p, q in zip(given, one, strict=True))
    sorted_down = domains.problems(domain("order", "largest first"), 40)[0]
    assert all(list(p.numbers) == sorted(p.numbers, reverse=True) for p in sorted_down)


@pytest.mark.parametrize("mixture", [0.0, 1.0])
def test_a_true_search_solves_its_problem_and_another_one_does_not(mixture):
    for task in domains.DIGITS:
        rows = domains.sample(domains.axes(task)["home"][0], mixture, 12)
        whole = [i for i, word in enumerate(rows.words) if search.STOP in word]
        assert len(whole) > 5
        for i in whole:
            assert domains.solves(rows.problems[i], rows.words[i])
            assert not domains.solves(rows.problems[i], rows.words[i][rows.words[i] != search.STOP])
    numbers = search.SubsetSum((1, 2, 4), 5)
    said = search.FIRST + torch.tensor([2, 0, 2, 0, 1, 2, 0, 1, 0, search.STOP - search.FIRST])
    assert domains.solves(numbers, said.numpy())
    assert not domains.solves(search.SubsetSum((1, 2, 4), 6), said.numpy())
    assert not domains.solves(numbers, np.full(4, search.STOP))


def test_the_constant_answer_is_chosen_elsewhere_and_solves_what_it_should():
    asked = domains.problems(HOME)[0][:30]
    rest = domains.problems(HOME)[0][30:]
    expected = []
    for n in (3, 4, 5):
        paths = list(itertools.product((0, 1), repeat=n))
        counts = [sum(domains.is_solution(p, path) for p in rest if len(p.numbers) == n) for path in paths]
        best = paths[int(np.argmax(counts))]
        expected += [domains.is_solution(p, best) for p in asked if len(p.numbers) == n]
    assert domains.constant_rate(HOME, asked) == pytest.approx(np.mean(expected), abs=1 / 30 + 1e-9)  # best may tie


# --- distances ------------------------------------------------------------------------------------------------------


def test_the_stack_distance_is_that_of_occupation_measures():
    a, b = (domains.sample(d, 0.5, 30) for d in (HOME, domain("n", "5")))
    stops = [stop for rows in (a, b) for run in rows.stops for stop in run]
    weights = [s / len(run) / 30 for rows, s in ((a, 1), (b, -1)) for run in rows.stops for _ in run]
    phi = wasserstein.tree_embedding(pad_words(stops), metric="prefix")
    assert distances.stack_distance(a, b) == pytest.approx(np.abs(phi.T @ np.array(weights)).sum())


def test_along_a_mixture_w1_is_the_share_times_w1():
    deep, wide = (domains.sample(HOME, m, 40).words for m in (1.0, 0.0))
    both = np.concatenate([deep, wide])
    far = wasserstein.trie_wasserstein(deep, wide)
    for p, q in ((0.0, 0.25), (0.25, 1.0), (0.5, 0.75)):
        a, b = (np.repeat([(1 - share) / 40, share / 40], 40) for share in (p, q))
        assert wasserstein.trie_wasserstein(both, both, a=a, b=b) == pytest.approx((q - p) * far)


def test_the_ngram_counts():
    rows = domains.sample(HOME, 1.0, 6)
    gram = distances.Ngram(rows)
    tokens, targets, mask = (part.tolist() for part in rows.batch[:3])
    seen = [(t[i - 1], t[i], y[i]) for t, y, m in zip(tokens, targets, mask, strict=True) for i in range(80) if m[i]]
    size = max(max(y) for y in targets) + 1
    losses = []
    for t, y, m in zip(tokens, targets, mask, strict=True):
        nats = []
        for i in (i for i in range(80) if m[i]):
            hits = [z for *context, z in seen if context == [t[i - 1], t[i]]]
            nats.append(-np.log((hits.count(y[i]) + 0.1) / (len(hits) + 0.1 * size)))
        losses.append(np.mean(nats))
    assert gram.nll(rows) == pytest.approx(np.mean(losses))


def test_rivals_and_features_of_equal_samples_are_zero():
    rows = domains.sample(HOME, 1.0, 30)
    for method in distances.METHODS.values():
        assert method(rows, rows) == pytest.approx(0, abs=1e-6)
    assert np.isfinite(distances.features(rows)).all() and distances.features(rows).shape == (30, 12)


# --- models ---------------------------------------------------------------------------------------------------------


def test_risk_is_the_mean_over_searches_of_their_own_mean():
    torch.manual_seed(0)
    model, rows = Transformer(models.model_config(TINY)), domains.sample(HOME, 1.0, 8)
    losses, hidden = models.read(model, rows)
    for i in range(8):
        one = tasks.Batch(*(part[i : i + 1] for part in rows.batch[:3]))
        assert losses[i] == pytest.approx(tasks.cross_entropy(model(one.inputs), one).item(), rel=1e-5)
    assert hidden.shape == (8, 16)


def test_records_say_what_the_readers_need():
    table = pd.DataFrame(fifty_four.run(TINY))
    needed = "axis level domain seed risk home_risk solve_rate constant_rate w1_stack w1_prefix w1_features w1_hidden"
    needed += " null_stack null_prefix null_features null_hidden length_gap tv_tokens ngram_nll home_ngram w1_position"
    assert set(needed.split()) == set(table.columns)
    assert len(table) == len(fifty_four.chosen(TINY)) and table["risk"].notna().all()
    written = table.dropna(subset=["solve_rate"])
    assert set(written["axis"]) == {"home", "n", "order", "offset"}
    assert table["home_risk"].nunique() == 1 and (table["home_risk"] > table["home_ngram"]).all()  # not trained
    offsets = table[table["axis"] == "offset"]
    assert offsets["risk"].max() - offsets["risk"].min() < 1e-4  # rotary
    assert offsets["w1_stack"].nunique() == 1


def test_a_domain_of_ones_own_is_tested_beside_ours():
    nine = domains.Domain(axis="n", level="9", sizes=(9,))
    table = pd.DataFrame(fifty_four.run(TINY, also=[nine])).set_index("domain")
    assert len(table) == len(fifty_four.chosen(TINY)) + 1
    assert table.loc["n 9", "w1_stack"] == pytest.approx(
        distances.stack_distance(domains.sample(HOME, 1.0, 24), domains.sample(nine, 1.0, 24)), rel=1e-3
    )
    assert all(len(p.numbers) == 9 for p in domains.problems(nine, 12)[0])


def test_the_full_grid_has_the_54_a_third_arm_and_another_task():
    full = pd.DataFrame([dataclasses.asdict(c) for c in fifty_four.grid("full")])
    main = full[(full["task"] == "subset sum") & (full["steps"] == fifty_four.Config.steps)]
    assert main.groupby("encoding").size().to_dict() == {"learned": 27, "offsets": 27, "rotary": 27}
    longer = full[full["steps"] == fifty_four.LONG]
    assert longer.groupby("encoding").size().to_dict() == {"learned": 3, "offsets": 3, "rotary": 3}
    assert set(full["task"]) == {"subset sum", "countdown"} and set(full["seeds"].map(len)) == {3}
    assert len(fifty_four.grid("quick")) == 54
    assert all(cost > 0 for cost in fifty_four.plan(fifty_four.grid("full")))


def test_the_records_are_the_same_in_process_locally_and_on_ray(tmp_path, monkeypatch, contents):
    package = tmp_path / "subset_of_54.py"
    package.write_text(
        "from howfar.experiments.fifty_four import Config, run\n\n\n"
        "def grid(scale):\n"
        "    cells = [('rotary', 1.0), ('offsets', 0.5)]\n"
        "    return [Config(e, 1, 16, m, steps=2, seeds=(0,), sample=24) for e, m in cells]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import os

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    engines = ["in-process", "local"]
    try:
        import ray  # noqa: F401

        engines.append("ray")
    except ImportError:
        pass
    for engine in engines:
        workers = None if engine == "in-process" else 1
        runs.sweep("subset_of_54", out=tmp_path / f"{engine}.jsonl", engine=engine, workers=workers)
    for engine in engines[1:]:
        assert contents(tmp_path / f"{engine}.jsonl") == contents(tmp_path / "in-process.jsonl")


# --- the test of monotony -------------------------------------------------------------------------------------------


def test_the_monotone_test_counts_every_order():
    rng = np.random.default_rng(0)
    for levels in (3, 5, 6):
        x, y = rng.permutation(levels), rng.permutation(levels)
        found = scipy.stats.spearmanr(x, y).statistic
        orders = [scipy.stats.spearmanr(x, y[list(o)]).statistic for o in itertools.permutations(range(levels))]
        test = monotone_test(x, y)
        assert test.correlation == pytest.approx(found) and test.exact
        assert test.pvalue == pytest.approx(np.mean(np.array(orders) >= found - 1e-9))


def test_distances_at_the_null_are_ties():
    test = monotone_test([0.1, 0.3, 0.2, 5.0], [1.0, 2.0, 3.0, 4.0], null=0.3)
    assert test.correlation == pytest.approx(scipy.stats.spearmanr([0, 0, 0, 5], [1, 2, 3, 4]).statistic)
    assert test.pvalue == pytest.approx(1 / 4)
    assert monotone_test([0.1, 0.2, 0.3], [1, 2, 3], null=1).pvalue == 1


def test_three_levels_can_never_pass():
    assert monotone_test([1, 2, 3], [1, 2, 3]).pvalue == pytest.approx(1 / 6)


def test_strata_are_permuted_together_and_many_levels_at_random():
    x = np.arange(4.0)
    assert monotone_test([x, x], [x, x]).pvalue == pytest.approx(1 / 24)  # and not its square
    assert monotone_test([x, x], [x, x[::-1]]).correlation == pytest.approx(0)
    long = np.arange(20.0)
    test = monotone_test(long, long, permutations=199)
    assert not test.exact and test.pvalue == pytest.approx(1 / 200)


def test_a_stratum_that_is_all_ties_is_left_out():
    x, y = np.arange(5.0), np.array([0.0, 2, 1, 3, 4])
    alone = monotone_test(x, y)
    assert monotone_test([x, x], [y, y], null=[0, 9]) == alone  # no level is beyond the null
    assert monotone_test([x, x], [y, np.ones(5)]) == alone  # no risk differs


@pytest.mark.parametrize(
    ("distance", "risk", "message"),
    [
        ([1, 2], [1, 2], "at least 3 levels"),
        ([1, 2, 3], [1, 2, 3, 4], "one shape"),
        ([1, 2, np.nan], [1, 2, 3], "finite"),
    ],
)
def test_the_monotone_test_refuses(distance, risk, message):
    with pytest.raises(ValueError, match=message):
        monotone_test(distance, risk)


# --- predicates -----------------------------------------------------------------------------------------------------


def invented(risk):
    """Records of all 54 and the third arm, whose distances grow with the level and whose risk is ``risk(row)``."""
    rows = []
    cells = itertools.product(
        (*fifty_four.ENCODINGS, "offsets"), fifty_four.DEPTHS, fifty_four.WIDTHS, fifty_four.MIXTURES
    )
    for encoding, depth, width, mixture in cells:
        for axis, there in domains.axes().items():
            for place, d in enumerate(there[:8]):
                for seed in (0, 1, 2):
                    far = 0.1 if axis in ("home", "offset") else 1.0 + place
                    row = {
                        "encoding": encoding, "depth": depth, "width": width, "mixture": mixture, "seed": seed,
                        "axis": axis, "level": d.level, "domain": d.name, "task": "subset sum",
                        "steps": fifty_four.Config.steps,
                        "home_risk": 0.2, "home_ngram": 1.0, "w1_position": float(d.offset),
                        **{f"w1_{name}": far for name in distances.DISTANCES},
                        **{f"null_{name}": 0.5 for name in distances.DISTANCES},
                    }  # fmt: skip
                    rows.append(row | {"risk": risk(row) + 0.01 * seed})
    return pd.DataFrame(rows)


def statuses(table):
    return set(table["status"]) - {"not judged"}


def test_risk_that_follows_the_distance_holds_and_one_that_falls_is_contradicted():
    rising = predicates.risk_rises_with_distance(invented(lambda row: row["w1_stack"] + row["w1_position"]))
    assert statuses(rising) == {"holds"} and rising["setting"][0] == "all 54, all axes; features"
    falling = predicates.risk_rises_with_distance(invented(lambda row: -row["w1_stack"] - row["w1_position"]))
    assert statuses(falling) == {"contradicted"}
    flat = predicates.risk_rises_with_distance(invented(lambda row: 0.0))
    assert statuses(flat) == {"undecided"}


def test_distances_at_their_null_are_not_judged():
    records = invented(lambda row: row["w1_stack"]).assign(w1_stack=0.1)
    table = predicates.risk_rises_with_distance(records).set_index("setting")["status"]
    assert table["learned, n; stack"] == "not judged" and table["learned, n; prefix"] == "holds"


def test_models_that_have_not_learned_the_task_do_not_count():
    records = invented(lambda row: row["w1_stack"] if row["depth"] > 1 else -9 * row["w1_stack"])
    records["home_risk"] = records["home_risk"].where(records["depth"] > 1, 1.5)
    table = predicates.risk_rises_with_distance(records)
    assert "contradicted" not in statuses(table)


def test_offsets_that_cost_learned_positions_hold_and_others_are_contradicted():
    cost = invented(lambda row: (row["encoding"] == "learned") * (row["w1_position"] > 0))
    table = predicates.positions_cost_absolute_codes(cost).set_index("setting")["status"]
    assert (table[[s for s in table.index if s.startswith("learned;")]] == "holds").all()
    assert (table[[s for s in table.index if "random" in s]] == "contradicted").all()


@pytest.mark.parametrize(
    ("risk", "status"),
    [
        (lambda row: 1 / row["depth"], "holds"),
        (lambda row: 16 / row["width"], "contradicted"),
        (lambda row: 1 / row["depth"] + 20 / row["width"], "contradicted"),
    ],
)
def test_depth_counts_only_where_width_does_not_do_as_well(risk, status):
    assert statuses(predicates.depth_helps_and_width_does_not(invented(risk))) == {status}


def test_slopes_are_those_of_each_model():
    found = report.slopes(invented(lambda row: row["depth"] * row["w1_stack"]))
    assert np.allclose(found["slope"], found["depth"]) and len(found) == 81 * 3


def test_a_distance_of_ones_own_is_reported_like_ours():
    records = invented(lambda row: row["w1_stack"])
    records = records[(records["depth"] == 1) & (records["width"] == 16) & (records["encoding"] == "rotary")]
    own = report.with_distance(records, distances.length_gap, "length", size=30)
    n = own[(own["mixture"] == 1.0) & (own["domain"] == "n 2")]
    home = domains.sample(HOME, 1.0, 30)
    assert np.allclose(n["w1_length"], distances.length_gap(home, domains.sample(domain("n", "2"), 1.0, 30)))
    assert n["null_length"].iloc[0] > 0
    table = report.ranking(own, ["stack", "length"]).set_index(["axis", "distance"])
    assert table.loc[("n", "stack"), "correlation"] == pytest.approx(1)
    assert table.loc[("n", "stack"), "p-value"] == pytest.approx(1 / 5040)
    assert table.loc[("n", "stack"), "fall"] < 0 and len(table) == 8
