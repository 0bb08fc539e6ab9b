"""Length generalisation: cells are what they say, tests score what they say, predicates can go either way."""

import dataclasses
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from howfar import Transformer, complexity, record, runs, tasks
from howfar.experiments import length
from howfar.experiments.judging import CONTRADICTED, HOLDS, NOT_JUDGED, UNDECIDED
from howfar.experiments.length import predicates, prediction
from howfar.search import SEPARATOR

FULL = length.grid("full")
small = dict(seeds=(3, 4), trained=4, steps=6, batch=4)


# --- cells ------------------------------------------------------------------------------------------------------------


def test_the_full_grid_holds_each_cell_once_and_what_the_predicates_compare():
    keys = {runs.config_key("length", config) for config in FULL}
    assert len(keys) == len(FULL) == sum(len(configs) for configs in length.parts().values())
    assert all(config.trained == 16 and len(config.seeds) >= 3 for config in FULL)
    cells = {(c.task, c.encoding, c.positions) for c in FULL}
    assert {(task, name, "counted") for task in length.TASKS for name in length.PLAIN} <= cells
    for task in set(length.TASKS) - {"parity"}:
        assert {(task, *cell) for cell in length.REPAIR.values()} <= cells
    assert {encoding for encoding, _ in length.VARIANTS.values()} == set(
        "none sinusoidal learned wavelet legendre rotary alibi relative urpe learned_relation".split()
    )
    assert {config.positions for config in FULL} == set(length.POSITIONS)
    assert len(length.grid("quick")) < len(FULL)


def test_the_plan_fits_into_two_hours_of_two_cores_and_counts_every_cell():
    seconds = length.plan(FULL)
    assert len(seconds) == len(FULL)
    assert 1 < sum(seconds) / 3600 <= 4


@pytest.mark.parametrize("task", length.TASKS)
@pytest.mark.parametrize("positions", length.POSITIONS)
def test_rows_of_a_cell_have_its_positions_in_training_and_in_tests(task, positions):
    config = length.Config(task, "none", positions, **small)
    plain = length.TASKS[task](50, (1, 4), seed=7)
    made = length.rows(config, 50, (1, 4), seed=7)
    made.check()
    if positions in ("counted", "subtracted", "divided"):
        assert torch.equal(made.inputs, plain.inputs)
    if positions == "counted":
        assert made.positions is None
    if positions == "coupled":
        assert torch.equal(made.positions, length.TASKS[task](50, (1, 4), seed=7, coupled=True).positions)
    if positions in ("random", "coupled, random start"):
        limit = length.model_config(config).max_length
        assert limit == {"random": 80, "coupled, random start": 16}[positions] and made.positions.max() < limit
        assert len(made.positions[:, 0].unique()) > 5  # drawn for each row
        test = length.rows(config, 128, 12, seed=8).positions
        assert test.max() < limit and len(test[:, 0].unique()) > 2  # and in tests, three times as long
        assert torch.equal(made.positions, length.rows(config, 50, (1, 4), seed=7).positions)
    other = length.sample(config, torch.Generator().manual_seed(0))
    assert len(other.inputs) == 4 and not torch.equal(other.inputs, plain.inputs[:4])


@pytest.mark.parametrize("name", length.VARIANTS)
@pytest.mark.parametrize("positions", length.POSITIONS)
def test_every_cell_of_the_grid_can_be_trained_and_tested_at_three_times_the_length(name, positions):
    wanted = [c for c in FULL if (c.encoding, c.positions) == (name, positions)]
    for task in {c.task for c in wanted}:
        config = length.Config(task, name, positions, **small)
        model = Transformer(length.model_config(config))
        for size in ((1, 4), 12):
            batch = length.rows(config, 3, size, seed=0)
            assert model(batch.inputs, batch.positions).isfinite().all()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"encoding must be one of 'none'.*got 'rope'"):
        length.model_config(length.Config("copy", "rope"))
    with pytest.raises(ValueError, match=r"positions must be one of 'counted'.*got 'far'"):
        length.rows(length.Config("copy", "none", "far"), 2, 3, seed=0)
    with pytest.raises(ValueError, match=r"task must be one of 'copy'.*got 'sort'"):
        length.rows(length.Config("sort", "none"), 2, 3, seed=0)


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran():
    config = length.Config("copy", "clipped and sharp", "coupled", **(small | dict(steps=80, batch=16, lr=8e-3)))
    return config, pd.DataFrame(length.run(config))


def test_records_of_a_run(ran):
    config, frame = ran
    assert set(frame) == {
        "length", "temperature", "seed", "exact_match", "token_accuracy", "chance", "token_chance", "peak", "disagree",
    }  # fmt: skip
    assert not set(frame) & set(config.__dataclass_fields__)
    cells = set(itertools.product((2, 4, 6, 8, 12), length.TEMPERATURES, (3, 4)))
    assert {tuple(row) for row in frame[["length", "temperature", "seed"]].to_numpy()} == cells and len(frame) == 20
    assert frame["exact_match"].between(0, 1).all() and (frame["token_accuracy"] >= frame["exact_match"] - 1e-9).all()
    assert frame.query("length == 4 and temperature == 1")["exact_match"].min() > 0.3  # it has begun to learn
    plain = frame["temperature"] == 1
    assert (frame[plain]["disagree"] == 0).all() and frame[plain]["peak"].between(0, 1).all()
    assert frame[~plain]["peak"].isna().all() and frame[~plain]["disagree"].isna().all()


def test_a_model_that_copies_scores_one_and_attends_to_one_token(monkeypatch):
    class Copies(Transformer):  # writes what stands as far behind START as it stands behind SEPARATOR
        def forward(self, inputs, positions=None, mask=None):
            super().forward(inputs, positions, mask)
            at = (inputs == SEPARATOR).int().argmax(1, keepdim=True)
            place = (torch.arange(inputs.shape[1]) - at + 1).clamp(min=0)
            said = inputs.gather(1, place)
            said = said.where(place < at, 12)  # STOP
            return torch.nn.functional.one_hot(said, tasks.TOKENS).float()

    config = length.Config("copy", "none", **small)
    model = Transformer(length.model_config(config))
    model.__class__ = Copies
    seen = length._test(model, length.rows(config, 20, 7, seed=0), watch=True)
    assert seen["exact_match"] == seen["token_accuracy"] == 1 and seen["disagree"] == 0


def test_peak_is_the_largest_weight_of_the_head_where_it_is_largest():
    torch.manual_seed(0)
    config = length.Config("copy", "rotary", **small)
    model = Transformer(length.model_config(config))
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    batch = length.rows(config, 5, (2, 6), seed=0)
    with torch.no_grad(), record(model) as seen:
        model(batch.inputs)
    heads = []
    for weights, head in itertools.product(seen.attention, range(4)):
        steps = [float(weights[row, head, place].max()) for row, place in batch.mask.nonzero().tolist()]
        heads.append(np.mean(steps))
    assert length._peak(model, batch) == pytest.approx(max(heads), abs=1e-5)


@pytest.mark.parametrize("name", ["rotary", "alibi", "clipped and sharp", "sinusoidal", "urpe", "none"])
def test_a_temperature_divides_all_logits(name):
    config = length.Config("copy", name, **small)
    torch.manual_seed(0)
    model = Transformer(length.model_config(config)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    batch = length.rows(config, 2, 3, seed=0)
    encoding, p = model.encoding, torch.arange(batch.inputs.shape[1])
    q, k = torch.randn(2, 1, 4, len(p), 16, dtype=torch.float64)

    def logits(encoding):
        scores = encoding.rotate(q, p) @ encoding.rotate(k, p).transpose(-2, -1)
        bias = encoding.bias(p, p)
        return scores if bias is None else scores + bias

    before, outputs = logits(encoding), model(batch.inputs)
    assert torch.equal(length.sharpened(model, 1)(batch.inputs), outputs)
    sharp = length.sharpened(model, 0.5)
    torch.testing.assert_close(logits(sharp.encoding), 2 * before)
    assert not torch.allclose(sharp(batch.inputs), outputs, atol=1e-3)


@pytest.mark.parametrize("task", length.TASKS)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_blind_answer_is_the_best_without_reading_digits(task, n):
    batch = length.TASKS[task](60_000, n, seed=n)
    _, answers = tasks.prompts_and_answers(batch)
    exact, token = length.blind(task, n)
    _, counts = answers.unique(dim=0, return_counts=True)
    assert counts.max() / len(answers) == pytest.approx(exact, rel=0.12, abs=0.0015)
    best = [column.bincount().max() / len(column) for column in answers.T]
    assert np.mean(best) == pytest.approx(token, abs=0.01)


def test_the_tasks_are_those_that_the_measures_of_complexity_are_about():
    for name, task in length.TASKS.items():
        there = complexity.TASKS[name]
        a, b = (rows(3, 5, seed=1, coupled=True) for rows in (task, there.rows))
        assert torch.equal(a.inputs, b.inputs) and torch.equal(a.positions, b.positions)


# --- predictions ------------------------------------------------------------------------------------------------------


def test_what_the_measures_predict_for_the_repair_and_without_each_part():
    table = pd.DataFrame(prediction.predictions()).set_index(["task", "encoding", "positions"])
    labelled = {
        (c.task, c.encoding, c.positions) for c in FULL if prediction.relation_of(c.encoding, c.positions) is not None
    }
    assert table.index.is_unique and set(table.index) == labelled
    for task in set(length.TASKS) - {"parity"}:
        says = {part: bool(table.loc[(task, *cell), "predicted"]) for part, cell in length.REPAIR.items()}
        works = task != "cyclic shift"  # whose last digit stands at a new distance for each length
        # How sharp a bias is, is no matter of labels.
        assert says == {"all three": works, "no ids": False, "not clipped": False, "not sharp": works}
    plain = table[table.index.get_level_values("positions") == "counted"]
    assert not plain["predicted"].any()


def test_the_relation_of_a_cell_is_what_its_bias_depends_on():
    # Pairs of one label have one bias, and where labels are those of buckets, others have another.
    for encoding, positions in (
        ("relative", "counted"), ("sharp", "coupled"), ("clipped", "coupled"), ("clipped and sharp", "subtracted"),
        ("alibi", "counted"), ("learned relation", "coupled"), ("learned relation", "divided"),
    ):  # fmt: skip
        config = length.Config("addition", encoding, positions)
        torch.manual_seed(0)
        model = Transformer(length.model_config(config))
        rows = length.rows(config, 1, 24, seed=0)
        where = torch.arange(rows.inputs.shape[1]) if rows.positions is None else rows.positions[0]
        bias = model.encoding.bias(where, where)[0]
        pairs = complexity.pairs_of("addition", 24)
        relation = prediction.relation_of(encoding, positions)
        columns = complexity.pairs.relation_of(relation)(pairs)
        by_label = {}
        for label, value in zip(zip(*columns, strict=True), bias[pairs.query, pairs.key].tolist(), strict=True):
            by_label.setdefault(label, []).append(value)
        assert all(np.ptp(values) < 1e-3 for values in by_label.values()), (encoding, positions)
        if encoding not in ("learned relation", "alibi"):
            assert len({round(values[0], 5) for values in by_label.values()}) == len(by_label) > 5


def test_cells_without_a_fixed_label_have_no_relation():
    assert prediction.relation_of("rotary", "random") is None
    assert prediction.relation_of("sinusoidal", "divided") is None
    assert prediction.relation_of("learned", "coupled, random start") is None
    assert prediction.relation_of("none", "random") == "none"


# --- predicates -------------------------------------------------------------------------------------------------------


ROWS = list(itertools.product(FULL, length.FACTORS, length.TEMPERATURES, (0, 1, 2)))
FRAME = (
    pd.DataFrame([dataclasses.asdict(config) for config, *_ in ROWS])
    .drop(columns="seeds")
    .assign(
        length=[round(factor * config.trained) for config, factor, *_ in ROWS],
        temperature=[temperature for *_, temperature, _ in ROWS],
        seed=[seed for *_, seed in ROWS],
    )
)


def records(score):
    """Records of the full grid with an exact match of ``score(config, factor)``, up to what differs between seeds."""
    values = [score(config, factor) + 0.005 * (seed - 1) for config, factor, _, seed in ROWS]
    return FRAME.assign(exact_match=np.where(FRAME["temperature"] == 1, np.clip(values, 0, 1), 0.5))


def test_predictions_stand_beside_what_is_measured_of_the_same_cell():
    made = records(
        lambda config, factor: {0.5: 1, 1: 0.95, 1.5: 0.8, 2: 0.6, 3: 0.2}[factor] * (config.task != "reverse")
    )
    table = prediction.compared(made, factor=2)
    assert len(table) == len(prediction.predictions(2))
    copied, reversed_ = (table[table["task"] == task] for task in ("copy", "reverse"))
    assert copied["learned"].all() and not reversed_["learned"].any()
    assert np.allclose(copied[["low", "measured", "high"]], [0.595, 0.6, 0.605])
    some = made[(made["encoding"] == "clipped and sharp") & (made["task"] == "copy")]
    few = prediction.compared(some)
    assert set(few["positions"]) == {"counted", "coupled", "subtracted"} and np.allclose(few["measured"], 0.2)
    chosen = few.set_index("positions")["objections"]
    assert chosen["coupled"] == "" and chosen["counted"] == "conflict"


def all_learned(beyond):
    return lambda config, factor: 1.0 if factor <= 1 else beyond(config)


def only(condition):
    return all_learned(lambda config: 0.9 if condition(config) else 0.1)


CASES = {
    "scale_hint_helps": only(lambda c: c.positions in ("divided", "subtracted")),
    "learned_relation_helps": only(lambda c: c.encoding == "learned relation"),
    "alibi_extrapolates_on_strings": only(lambda c: c.encoding == "alibi"),
    "learned_table_stops_on_strings": all_learned(lambda c: 0.9 if c.encoding != "learned" else 0.01),
    "no_encoding_leads": only(lambda c: c.encoding == "none"),
    "alibi_leads_rotary": only(lambda c: c.encoding == "alibi"),
}


def test_there_is_a_case_for_every_predicate():
    assert set(CASES) == {name for name, value in vars(predicates).items() if hasattr(value, "written")}
    assert all(getattr(predicates, name).written == "before" for name in CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_predicate_can_go_either_way(name):
    decide, holds = getattr(predicates, name), CASES[name]
    side, bar = decide.bar
    table = decide(records(holds))
    assert set(table["status"]) == {HOLDS} and table["plausible"].tolist() == [True] + [False] * (len(table) - 1)
    assert table["setting"].is_unique and len(table) >= 10
    assert (table["estimate"] > bar if side == "above" else table["estimate"] < bar).all()
    turned = decide(records(all_learned(lambda config: 1.0 - holds(config, 2))))
    assert set(turned["status"]) == {CONTRADICTED}


@pytest.mark.parametrize("name", CASES)
def test_what_has_not_learned_is_not_judged(name):
    decide, holds = getattr(predicates, name), CASES[name]
    table = decide(records(lambda config, factor: 0.85 if factor == 1 else holds(config, factor)))
    assert set(table["status"]) == {NOT_JUDGED}


@pytest.mark.parametrize(
    "name", ["scale_hint_helps", "learned_relation_helps", "no_encoding_leads", "alibi_leads_rotary"]
)
def test_where_both_fail_nothing_is_decided(name):
    table = getattr(predicates, name)(records(all_learned(lambda config: 0.0)))
    assert set(table["status"]) == {UNDECIDED}


def test_other_temperatures_depths_and_steps_are_no_readings():
    plain = records(CASES["scale_hint_helps"])
    other = plain.copy()
    unusual = (other["temperature"] != 1) | (other["steps"] != 1000) | (other["depth"] != 2)
    assert unusual.any()
    other.loc[unusual, "exact_match"] = 0.123
    for name in CASES:
        pd.testing.assert_frame_equal(getattr(predicates, name)(plain), getattr(predicates, name)(other))


def test_a_missing_number_is_never_a_verdict():
    broken = records(CASES["no_encoding_leads"])
    broken.loc[5, "exact_match"] = np.nan
    with pytest.raises(ValueError, match="no number in 'exact_match'"):
        predicates.no_encoding_leads(broken)


def test_figure_has_a_panel_for_each_task_and_says_what_is_not_learned():
    made = records(lambda config, factor: 0.5 if config.encoding == "none" else 1.0)
    drawing = length.figure(made)
    assert [axis.get_title(loc="left") or axis.get_title() for axis in drawing.axes] == list(length.TASKS)
    for task, axis in zip(length.TASKS, drawing.axes, strict=True):
        names = [label.get_text() for label in axis.get_yticklabels()]
        assert len(set(names)) == len(names) == sum(config.task == task for config in FULL)
        assert {name for name in names if name.startswith("(")} <= {"(none)", "(none; 2,500 steps)"}
        assert "(none)" in names
    plt.close(drawing)
