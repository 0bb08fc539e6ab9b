"""The experiments: grids, baselines against simulation, records against what they say they are, figures."""

import dataclasses
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from howfar import Transformer, dyck, experiments, runs, search, tasks
from howfar import record as watch
from howfar.experiments import (
    alibi_attention,
    construction,
    equivariance,
    k_hop,
    position_codes,
    running_sum,
    staircase,
)
from howfar.training import train

NAMES = list(experiments.EXPERIMENTS)
SCORES = ("sum", "sum_over_n", "mean")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", experiments.SCALES)
def test_grids_hold_each_run_once(name, scale):
    configs = experiments.grid(name, scale)
    keys = {runs.config_key(name, config) for config in configs}
    assert 0 < len(keys) == len(configs)


@pytest.mark.parametrize("name", NAMES)
def test_the_quick_grid_is_the_smaller_one(name):
    assert len(experiments.grid(name, "quick")) < len(experiments.grid(name, "full"))


UNFINISHED = {"length"}  # a grid that isn't recorded to its end: its page says how much of it is there


@pytest.mark.parametrize("name", NAMES)
def test_what_is_recorded_is_the_full_grid(name):
    recorded = runs.recorded(name)
    expected = {runs.config_key(name, config) for config in experiments.grid(name, "full")}
    keys = set(recorded["key"])
    assert keys < expected if name in UNFINISHED else keys == expected
    assert (recorded["seconds"] > 0).all() and recorded["device"].str.len().min() > 4
    assert not recorded["commit"].str.contains("+", regex=False).any()  # of code that is in the history


# --- the running sum ------------------------------------------------------------------------------------------------


def test_full_grid_covers_what_the_source_leaves_unsaid():
    main = [config for config in running_sum.grid("full") if config.steps == 400]
    added = {*running_sum.ADDED, *running_sum.NORMED}
    assert all(len(config.seeds) == (5 if config.variant in added else 10) for config in main)
    for causal in (True, False):
        for target in ("sum", "mean"):
            for inputs in ("uniform", "normal"):
                there = {c.variant for c in main if (c.causal, c.target, c.inputs) == (causal, target, inputs)}
                normed = set(running_sum.NORMED) if inputs == "uniform" else set()
                assert there == set(running_sum.VARIANTS) | normed
    encodings = [encoding for encoding, _, _ in running_sum.VARIANTS.values()]
    assert {"none", "learned", "sinusoidal", "rotary"} <= set(encodings)
    assert min(encodings.count(name) for name in ("alibi", "wavelet", "legendre")) >= 2


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("inputs", ["uniform", "normal", "binary"])
@pytest.mark.parametrize("length", [20, 50, 100, 200])
def test_baselines_are_what_simulation_says(score, inputs, length):
    sums = tasks.running_sum(5_000, length, mode="sum", inputs=inputs, seed=3).targets
    sums, i = sums[..., 0].double().numpy(), np.arange(1, length + 1)
    mean = {"uniform": 0.5, "normal": 0.0, "binary": 0.5}[inputs]
    unit = {"sum": 1 / 50 + 0 * i, "sum_over_n": 1 / length + 0 * i, "mean": 1 / i}[score]
    met = np.arange(1, 51)
    trained_mean = mean * (1 if score == "mean" else np.mean(met / 50))
    trained = {"sum": 1 / 50 + 0 * i, "sum_over_n": 1 / 50 + 0 * i, "mean": 1 / i}[score]
    answers = {
        "zero": 0 * sums,
        "constant": 0 * sums + trained_mean,
        "position mean": 0 * sums + unit * i * mean,
        "stops at 50": (trained * sums)[:, np.minimum(i, 50) - 1],
        "unit of training": trained * sums,
    }
    exact = running_sum.baselines(score, inputs, length)
    assert set(exact) == set(answers)
    for name, answer in answers.items():
        errors = ((answer - unit * sums) ** 2).mean(1)
        spread = 5 * errors.std() / math.sqrt(len(errors)) + 1e-12
        assert abs(errors.mean() - exact[name]) < spread, name


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("start", [1, 51, 150])
def test_baselines_of_some_places_are_what_simulation_says(score, start):
    sums = tasks.running_sum(5_000, 200, mode="sum", seed=3).targets
    sums, i = sums[..., 0].double().numpy(), np.arange(1, 201)
    unit = {"sum": 1 / 50 + 0 * i, "sum_over_n": 1 / 200 + 0 * i, "mean": 1 / i}[score]
    trained = {"sum": 1 / 50 + 0 * i, "sum_over_n": 1 / 50 + 0 * i, "mean": 1 / i}[score]
    exact = running_sum.baselines(score, "uniform", 200, start=start)
    answers = {"position mean": unit * i / 2 + 0 * sums, "stops at 50": (trained * sums)[:, np.minimum(i, 50) - 1]}
    for name, answer in answers.items():
        errors = ((answer - unit * sums) ** 2)[:, start - 1 :].mean(1)
        spread = 5 * errors.std() / math.sqrt(len(errors)) + 1e-12
        assert abs(errors.mean() - exact[name]) < spread, name


def test_the_blind_answer_is_the_best_constant_at_every_position():
    for score in SCORES:
        for inputs in ("uniform", "normal", "binary"):
            errors = running_sum.baselines(score, inputs, 200)
            assert errors["position mean"] <= min(errors["zero"], errors["constant"]) + 1e-15


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(running_sum, "TEST_SEQUENCES", 6)
    return running_sum.Config("rotary", True, "sum", "uniform", seeds=(3, 4), steps=4, batch=2)


def test_records_are_of_the_models_that_training_alone_makes(small):
    frame = pd.DataFrame(running_sum.run(small))
    assert len(frame) == 2 * 3 * 2 and set(frame["score"]) == {"sum", "sum_over_n"}

    def sample(generator):
        return tasks.running_sum(2, 50, mode="sum_over_n", n=50, seed=generator)

    alone = train(
        running_sum.model_config("rotary", True), sample, tasks.mean_squared_error,
        steps=4, seeds=[4], lr=3e-3, warmup=0,
    )  # fmt: skip
    test = tasks.running_sum(6, 200, mode="sum", seed=10_200)
    for score, unit in (("sum", 50), ("sum_over_n", 200)):
        (row,) = frame[(frame["score"] == score) & (frame["length"] == 200) & (frame["seed"] == 4)].to_dict("records")
        expected = float((alone(test.inputs)[0] - test.targets / unit).square().mean())
        assert row["mse"] == pytest.approx(expected, rel=1e-3)


def test_errors_by_position_add_up(small):
    for record in running_sum.run(small):
        bins = np.array(record["by_position"])
        assert len(bins) == record["length"] / running_sum.BIN
        assert record["mse"] == pytest.approx(bins.mean(), rel=1e-2)
        assert record["mse_met"] == pytest.approx(bins[:5].mean(), rel=1e-2)
        if record["length"] == 50:
            assert record["mse_new"] is None
        else:
            assert record["mse_new"] == pytest.approx(bins[5:].mean(), rel=1e-2)


def test_at_length_50_a_sum_and_a_sum_over_n_are_one_task(small):
    frame = pd.DataFrame(running_sum.run(small)).query("length == 50")
    a, b = (frame[frame["score"] == score]["mse"].to_numpy() for score in ("sum", "sum_over_n"))
    np.testing.assert_array_equal(a, b)


def test_a_model_that_adds_perfectly_scores_what_the_baseline_says(monkeypatch):
    monkeypatch.setattr(running_sum, "TEST_SEQUENCES", 4000)
    config = running_sum.Config("none", True, "sum", "uniform", seeds=(0,))
    errors = running_sum._squared_errors(lambda x: x.cumsum(1)[None] / 50, config, 200)
    assert float(errors["sum"].mean()) < 1e-10
    exact = running_sum.baselines("sum_over_n", "uniform", 200)["unit of training"]
    assert float(errors["sum_over_n"].mean()) == pytest.approx(exact, rel=0.02)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="variant must be one of 'none'"):
        running_sum.model_config("haar", True)
    with pytest.raises(ValueError, match="score must be one of 'sum', 'sum_over_n', 'mean'; got 'total'"):
        running_sum.baselines("total", "uniform", 50)
    with pytest.raises(ValueError, match="inputs must be one of 'uniform', 'normal', 'binary'; got 'cauchy'"):
        running_sum.baselines("sum", "cauchy", 50)
    with pytest.raises(ValueError, match="target must be one of 'sum', 'mean'; got 'sums'"):
        running_sum.run(running_sum.Config("none", True, "sums", "uniform"))


# --- shifted positions, position codes ------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["rotary", "sinusoidal", "learned"])
def test_shifted_positions(monkeypatch, encoding):
    monkeypatch.setattr(equivariance, "TEST_SEQUENCES", 6)
    config = equivariance.Config(encoding, seeds=(0, 1), steps=20, width=16)
    frame = pd.DataFrame(equivariance.run(config))
    assert len(frame) == 2 * len(equivariance.SHIFTS)
    assert (frame.query("shift == 0")["change"] == 0).all()
    moved = frame.query("shift == 20")["change"]
    assert (moved < 1e-3).all() if encoding == "rotary" else (moved > 1e-2).all()
    risks = frame.pivot(index="seed", columns="shift", values="risk")
    step = frame.groupby("seed")["loss_step"].first()
    for shift in equivariance.SHIFTS[1:]:  # a path of s steps climbs by at most s times the largest
        assert ((risks[shift] - risks[0]).abs() <= shift * step + 1e-5).all()


def test_offsets_in_training_are_offsets(monkeypatch):
    monkeypatch.setattr(equivariance, "TEST_SEQUENCES", 4)
    seen = []

    def spy(config, sample, loss, **options):
        for seed in range(40):
            seen.append(sample(torch.Generator().manual_seed(seed)).positions)
        return train(config, sample, loss, **options)

    monkeypatch.setattr(equivariance, "train", spy)
    equivariance.run(equivariance.Config("learned", offsets=200, seeds=(0,), steps=20, width=16))
    starts = torch.cat(seen)[:, 0]
    assert starts.min() >= 0 and starts.max() <= 200 and starts.max() > 150
    assert all((row.diff(dim=1) == 1).all() for row in seen)


def test_the_chapter_can_train_what_the_experiment_trains_and_variants_of_it():
    assert equivariance.model_config("learned").encoding_options == {"out_of_range": "clamp"}
    config = equivariance.model_config("alibi", width=16, max_length=250, slopes=[1.0])
    assert (config.width, config.max_length, config.encoding_options) == (16, 250, {"slopes": [1.0]})

    def scattered(generator):
        return equivariance.sample(generator)._replace(positions=torch.arange(0, 250, 5))

    there = equivariance.fit(config, scattered, steps=20, seeds=[0, 1])
    test = equivariance.sample(torch.Generator().manual_seed(0), offsets=200)
    assert there.evaluate(tasks.cross_entropy, test).isfinite().all()


def test_position_codes_against_tables_looked_at_directly():
    (record,) = position_codes.run(position_codes.Config("sinusoidal", 50))
    assert record["norm_met"] == pytest.approx(math.sqrt(32)) and record["norm_new"] == pytest.approx(math.sqrt(32))
    assert record["gap"] == pytest.approx(1.47184805)  # an oracle of research/
    (record,) = position_codes.run(position_codes.Config("legendre fixed", 50))
    assert record["norm_met"] == pytest.approx(8.0) and record["change_290"] == record["tail"] == 0
    (record,) = position_codes.run(position_codes.Config("legendre current", 50))
    assert record["tail"] > 1 and record["return_ratio"] is None
    (record,) = position_codes.run(position_codes.Config("wavelet periodic", 50))
    assert record["gap"] == 0 and record["change_100"] == 0  # t and t + N share a code
    (record,) = position_codes.run(position_codes.Config("wavelet zero", 50))
    assert record["norm_new"] == 0 and record["change_25"] == record["change_290"] > 1


def test_codes_far_beyond_their_length():
    def far(variant):
        return position_codes.run(position_codes.Config(variant, 50))[0]["spread_far"]

    assert far("wavelet compact") == far("wavelet clamp") == far("legendre fixed") == 0
    assert far("wavelet periodic") > 1 and far("legendre current") > 1  # though `tail` is 0 for the periodic code
    (record,) = position_codes.run(position_codes.Config("sinusoidal", 50, width=8))
    assert record["norm_met"] == pytest.approx(2) and record["return_ratio"] == pytest.approx(0.0400, abs=1e-3)


# --- the staircase --------------------------------------------------------------------------------------------------


def test_the_full_staircase_has_five_seeds_a_cell_and_fresh_ones_for_the_quick_grid():
    quick, full = staircase.grid("quick"), staircase.grid("full")
    assert {(c.blocks, c.depth) for c in quick} == {(k, d) for k in (3, 4, 5) for d in (1, 2, 3)}
    cells = [(c.blocks, c.depth) for c in full if c.steps == 1500]
    assert sorted(cells) == [(k, d) for k in range(3, 9) for d in range(1, 7)]
    assert {len(c.seeds) for c in quick + full} == {5}
    fresh = [c for c in full if c.steps != 1500]
    assert sorted((c.blocks, c.depth) for c in fresh) == sorted(3 * [(c.blocks, c.depth) for c in quick])
    assert not {seed for c in fresh for seed in c.seeds} & {seed for c in quick for seed in c.seeds}
    assert {c.width for c in full} == {16} and {c.lr for c in full} == {0.01}


@pytest.fixture
def few_words(monkeypatch):
    monkeypatch.setattr(staircase, "TEST_WORDS", 60)


def test_the_staircase_records_every_seed_and_range(few_words):
    config = staircase.Config(3, 1, width=8, steps=3, seeds=(5, 7))
    frame = pd.DataFrame(staircase.run(config))
    assert len(frame) == 2 * 3 and set(frame["seed"]) == {5, 7}
    ends = frame.groupby("range")[["shortest", "longest"]].first().T.to_dict("list")
    assert ends == {"in range": [3, 40], "twice": [41, 80], "three times": [81, 120]}
    assert frame["always_0"].between(0.5, 0.85).all() and frame["loss"].notna().all()
    assert (frame["exact_match"] <= frame["position_accuracy"]).all()


def test_exact_match_counts_words_without_a_mistake(few_words):
    class Oracle:
        """Right on every word but the first, where it errs once; its twin says 0 at every position."""

        members = pd.DataFrame({"loss": [0.0, 1.0]})

        def __call__(self, inputs):
            (name,) = (n for n in staircase.RANGES if torch.equal(staircase.test_words(4, n).inputs, inputs))
            said = staircase.test_words(4, name).targets.clone()
            said[0, 1] = 1 - said[0, 1]
            said[:, 0] = 1  # at the start no answer counts
            return torch.nn.functional.one_hot(torch.stack([said, torch.zeros_like(said)]), 2).float()

    frame = pd.DataFrame(staircase.measure(Oracle(), staircase.Config(4, 2, seeds=(0, 1))))
    first, zeros = frame[frame["seed"] == 0], frame[frame["seed"] == 1]
    assert first["exact_match"].to_numpy() == pytest.approx(59 / 60)
    assert (first["position_accuracy"] > 0.999).sum() >= 2 and (first["position_accuracy"] < 1).all()
    assert (zeros["exact_match"] == 0).all()
    np.testing.assert_array_equal(zeros["position_accuracy"], zeros["always_0"])


def test_staircase_words_are_of_their_range_and_the_same_for_every_model():
    for name, (shortest, longest) in staircase.RANGES.items():
        test = staircase.test_words(5, name)
        lengths = test.mask.sum(1)
        assert lengths.min() >= (shortest or 5) and lengths.max() <= longest and (test.inputs[:, 0] == 2).all()
        assert torch.equal(test.inputs, staircase.test_words(5, name).inputs)
        assert bool((test.targets.where(test.mask, 0).amax(1) == 1).all())


def test_the_staircase_is_drawn_with_every_seed():
    cells = [(k, d, s, r) for k in (3, 4, 5) for d in (1, 2) for s in (0, 1) for r in staircase.RANGES]
    frame = pd.DataFrame(cells, columns=["blocks", "depth", "seed", "range"]).assign(exact_match=0.5)
    axes = staircase.figure(frame).axes
    assert [axis.get_title() for axis in axes[:3]] == ["3 blocks", "4 blocks", "5 blocks"]
    dots = [line for line in axes[0].lines if line.get_marker() in ("o", "s", "^")]
    assert sum(len(line.get_xdata()) for line in dots) == 2 * 2 * 3
    plt.close("all")


def staircase_records(needed):
    """What the full grid would record if a model were right on every longer word from ``needed(blocks)`` layers on."""
    rows = [
        {"blocks": c.blocks, "depth": c.depth, "steps": c.steps, "seed": seed, "range": name, "exact_match": share}
        for c in staircase.grid("full")
        for seed in c.seeds
        for name in staircase.RANGES
        for share in [1.0 if c.depth >= needed(c.blocks) and seed % 5 == 2 else 0.5]  # one seed is enough
    ]
    return pd.DataFrame(rows)


def statuses(predicate, records):
    return experiments.predicates("staircase")[predicate](records)["status"].tolist()


def test_staircase_predicates_follow_the_best_of_the_seeds():
    just_so = staircase_records(lambda k: k - 2)
    deeper, shallower = staircase_records(lambda k: k - 1), staircase_records(lambda k: max(1, k - 3))
    for predicate in ("enough_layers_generalise", "too_few_layers_fall_short", "rows_are_as_reported"):
        assert statuses(predicate, just_so) == ["holds"] * 5
    assert statuses("enough_layers_generalise", deeper) == ["contradicted"] * 5
    assert statuses("too_few_layers_fall_short", deeper) == ["holds"] * 5
    assert statuses("enough_layers_generalise", shallower) == ["holds"] * 5
    assert statuses("too_few_layers_fall_short", shallower) == ["contradicted"] * 5
    assert statuses("rows_are_as_reported", deeper) == statuses("rows_are_as_reported", shallower)
    assert statuses("rows_are_as_reported", deeper) == ["contradicted"] * 5


def test_a_missing_layer_hides_only_if_it_shows_far_out():
    records = staircase_records(lambda k: k - 2)
    assert statuses("missing_layer_hides_in_range", records) == ["undecided"] * 2
    one_short = (records["depth"] == records["blocks"] - 3) & (records["blocks"] == 6) & (records["seed"] == 24)
    in_range = records["exact_match"].where(~(one_short & (records["range"] == "in range")), 0.96)
    assert statuses("missing_layer_hides_in_range", records.assign(exact_match=in_range)) == ["holds", "undecided"]
    everywhere = records["exact_match"].where(~one_short, 0.99)
    found = statuses("missing_layer_hides_in_range", records.assign(exact_match=everywhere))
    assert found == ["contradicted", "undecided"]


def test_a_missing_number_is_no_verdict_on_the_staircase():
    records = staircase_records(lambda k: k - 2)
    records.loc[7, "exact_match"] = math.nan
    with pytest.raises(ValueError, match="no number in 'exact_match'"):
        statuses("missing_layer_hides_in_range", records)


# --- k-hop ----------------------------------------------------------------------------------------------------------


def test_every_number_of_hops_is_asked_equally_often():
    config = k_hop.Config(2, most_hops=3)
    batch = k_hop.sample(config, torch.Generator().manual_seed(0))
    batch.check()
    assert batch.inputs.shape == (4 * k_hop.BATCH, k_hop.LENGTH + 1)
    assert torch.bincount(batch.inputs[:, 0]).tolist() == [0] * 4 + [k_hop.BATCH] * 4
    assert not batch.mask[:, 0].any() and batch.mask[:, 1:].all()
    same = batch.inputs[:, 0] == 4  # no hop: repeat the letter
    assert torch.equal(batch.targets[same, 1:], batch.inputs[same, 1:])


def test_k_hop_records_every_seed_and_number_of_hops(monkeypatch):
    monkeypatch.setattr(k_hop, "TEST_SEQUENCES", 30)
    frame = pd.DataFrame(k_hop.run(k_hop.Config(1, width=8, most_hops=2, steps=3, seeds=(5, 7))))
    assert sorted(zip(frame["seed"], frame["hops"], strict=True)) == [(s, h) for s in (5, 7) for h in (0, 1, 2)]
    assert frame["accuracy"].between(0, 1).all() and frame["loss"].notna().all()
    assert {len(config.seeds) for config in experiments.grid("k_hop", "full")} == {3}


def test_the_baselines_of_k_hop_are_what_their_answers_score():
    class Answers:
        """Its members say: the right answer, that of one hop more, always the letter 0."""

        members = pd.DataFrame({"loss": [0.0] * 3})

        def __call__(self, inputs):
            hops = int(inputs[0, 0]) - k_hop.LETTERS
            said = [k_hop.asked(len(inputs), h, 10_000).targets for h in (hops, (hops + 1) % 3)]
            return torch.nn.functional.one_hot(torch.stack([*said, torch.zeros_like(said[0])]), 5).float()

    frame = pd.DataFrame(k_hop.measure(Answers(), k_hop.Config(2, most_hops=2, seeds=(0, 1, 2))))
    right, other, constant = (frame[frame["seed"] == seed].set_index("hops") for seed in (0, 1, 2))
    assert (right["accuracy"] == 1).all() and (right["accuracy_late"] == 1).all()
    assert (other["accuracy"] <= other["other_hops"] + 1e-9).all() and (other["accuracy"] < 0.7).all()
    assert (constant["accuracy"] <= constant["commonest"] + 1e-9).all()
    assert right.loc[0, "knows_the_end"] == 0.25 and right["knows_the_end"].is_monotonic_increasing


def test_k_hop_predicates_follow_the_best_of_the_seeds():
    def records(learned):
        cells = [(depth, hops, seed) for depth in (1, 2, 3, 4) for hops in range(5) for seed in range(5)]
        shares = [1.0 if hops <= learned[depth] and seed == 3 else 0.6 for depth, hops, seed in cells]
        frame = pd.DataFrame(cells, columns=["depth", "hops", "seed"])
        return frame.assign(accuracy=shares, accuracy_late=shares, steps=2500)

    rules = experiments.predicates("k_hop")
    for learned, doubles, proved in [
        ({1: 0, 2: 1, 3: 2, 4: 4}, "holds", "undecided"),
        ({1: 0, 2: 1, 3: 3, 4: 4}, "holds", "holds"),
        ({1: 0, 2: 1, 3: 2, 4: 3}, "undecided", "undecided"),
        ({1: 1, 2: 0, 3: 3, 4: 4}, "undecided", "undecided"),
    ]:
        assert rules["reach_doubles"](records(learned))["status"].tolist() == [doubles] * 2
        assert rules["proved_reach_is_learned"](records(learned))["status"].tolist() == [proved] * 2
    longer = records({1: 0, 2: 1, 3: 2, 4: 4}).query("depth == 4").assign(steps=k_hop.LONGER)
    both = pd.concat([records({1: 0, 2: 1, 3: 2, 4: 2}), longer])
    assert rules["reach_doubles"](both)["status"].tolist() == ["holds"] * 2 + ["undecided"] * 2


def test_k_hop_is_drawn_by_depth():
    cells = [(depth, hops, seed) for depth in (1, 2) for hops in range(3) for seed in (0, 1)]
    frame = pd.DataFrame(cells, columns=["depth", "hops", "seed"]).assign(
        accuracy=0.5, knows_the_end=0.3, other_hops=0.6
    )
    (axis,) = k_hop.figure(frame).axes
    assert [line.get_label() for line in axis.lines if line.get_label()[0] != "_"] == ["1", "2", "other", "guess"]
    plt.close("all")


# --- where ALiBi looks ----------------------------------------------------------------------------------------------


def test_shares_of_attention_are_those_that_a_model_records(monkeypatch):
    monkeypatch.setattr(alibi_attention, "TEST_SEQUENCES", 3)
    torch.manual_seed(0)
    model = Transformer(running_sum.model_config("alibi 1/8", causal=False)).eval()
    shares = alibi_attention._shares(model, 200)
    inputs = tasks.running_sum(3, 200, mode="mean", seed=20_200)[0]
    with torch.no_grad(), watch(model) as seen:
        model(inputs)
    near, far = [], []
    for weights in seen.attention:
        near.append(np.mean([float(weights[:, 0, q, q - 25 : q + 26].sum(-1).mean()) for q in range(180, 200)]))
        far.append(np.mean([float(weights[:, 0, q, : q - 100].sum(-1).mean()) for q in range(180, 200)]))
    assert shares["near"] == pytest.approx(min(near), rel=1e-3) and shares["far"] == pytest.approx(max(far), rel=1e-3)


def test_a_steep_slope_looks_near_and_a_flat_one_does_not():
    shares = {}
    for slope in (2**-8, 2**-1):
        config = alibi_attention.Config(slope, True, "mean", seeds=(0,), steps=4)
        shares[slope] = pd.DataFrame(alibi_attention.run(config)).set_index("length")
    assert (shares[2**-1]["near"] > 0.99).all() and (shares[2**-1]["far"] < 1e-6).all()
    assert shares[2**-8].loc[400, "near"] < 0.2 and shares[2**-8].loc[400, "far"] > 0.5


# --- figures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_figures_draw_what_is_recorded(name):
    drawing = experiments.find(name).figure(runs.recorded(name))
    lines = [line for axis in drawing.axes for line in axis.lines]
    assert len(lines) > 5 and any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).all() for line in lines)
    plt.close(drawing)


def test_figure_of_the_running_sum_has_a_panel_for_each_score_and_setting():
    records = runs.recorded("running_sum").query("inputs == 'uniform' and steps == 400")
    drawing = running_sum.figure(records)
    titles = [axis.get_title(loc="left") or axis.get_title() for axis in drawing.axes]
    assert titles == [f"{s}, uniform, {c}" for c in ("causal", "bidirectional") for s in ("sum", "sum over n", "mean")]
    plt.close(drawing)


def test_configs_are_frozen():
    for name in NAMES:
        with pytest.raises(dataclasses.FrozenInstanceError):
            experiments.grid(name, "quick")[0].seeds = ()


# --- constructions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", list(construction.WORDS))
def test_words_on_which_the_construction_is_tried(words):
    drawn = construction.draw(words, 6, 10, seed=3)
    assert drawn.shape == (10, 12 if words == "nest" else 48)
    assert dyck.is_word(drawn, 2, 6).all()
    deepest = dyck.depths(drawn, 2).max(1).values
    assert deepest.max() == 6 and (words == "random" or deepest.min() == 6)
    assert drawn.equal(construction.draw(words, 6, 10, seed=3)) and not drawn.equal(construction.draw(words, 6, 10, 4))


def test_no_older_sibling_of_another_type_stands_in_a_nest_and_some_do_among_siblings():
    def confusable(word):
        """Openings that an older one of the same height and another type precedes."""
        openings = [(h, t) for h, t in zip(dyck.depths(word, 2).tolist(), word.tolist(), strict=True) if t < 2]
        return sum(any(a[0] == h and a[1] != t for a in openings[:i]) for i, (h, t) in enumerate(openings))

    found = {
        words: [confusable(word) for word in construction.draw(words, 6, 8, seed=0)] for words in construction.WORDS
    }
    assert max(found["nest"] + found["late nest"]) == 0
    assert min(found["siblings"]) > 0 and min(found["random"]) > 0


def test_one_part_of_a_model_computes_in_another_precision():
    words = construction.draw("random", 96, 2, seed=0)
    configs = {
        part: construction.Config("rounding", part, "float32", 2, 96, 768)
        for part in ("layer 1", "LayerNorm of layer 2")
    }
    wrong = {
        part: construction.mistakes(construction._model(config), words, config).sum()
        for part, config in configs.items()
    }
    assert wrong["layer 1"] == 0 < wrong["LayerNorm of layer 2"]


@pytest.mark.parametrize("config", construction.checked.small(construction.Config), ids=lambda config: config.what)
def test_the_construction_is_right_where_everything_is_listed(config):
    (record,) = construction.run(config)
    assert record["asked"] > 3 and record["layers"] == {"prefixes": 2, "trace": 0, "one gate": 1}.get(config.what, 3)
    assert record["wrong"] == (0.25 if config.what == "one gate" else 0)


def test_an_answer_that_is_wrong_is_counted(monkeypatch):
    config = construction.Config("prefixes", "", "float32", 2, 3, 6)
    monkeypatch.setattr(dyck, "legal_tokens", lambda words, k, depth: torch.zeros(len(words), 7, 5).bool())
    (record,) = construction.run(config)
    assert record["wrong"] == record["spoilt"] == 1


def test_moves_that_are_not_in_the_word_are_counted(monkeypatch):
    to_dyck, from_dyck = search.to_dyck, search.from_dyck
    monkeypatch.setattr(search, "to_dyck", lambda *a, **b: to_dyck(*a, **b)[:1].repeat(len(a[0])))
    (stays,) = construction.run(construction.Config("trace", "subset sum"))
    monkeypatch.setattr(search, "to_dyck", to_dyck)
    monkeypatch.setattr(search, "from_dyck", lambda *a, **b: from_dyck(*a, **b)[:-1])
    (cut,) = construction.run(construction.Config("trace", "subset sum"))
    assert stays["wrong"] > 0.5 > cut["wrong"] > 0.01
