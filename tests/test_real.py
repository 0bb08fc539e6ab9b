"""Real code and ListOps: tasks against plain programs, baselines by hand, small runs, predicates both ways."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from howfar import Transformer, TransformerConfig, make_encoding, runs, tasks
from howfar.environment import data_path
from howfar.experiments import real
from howfar.experiments.judging import CONTRADICTED, HOLDS, NOT_JUDGED
from howfar.experiments.real import code, nested, predicates
from howfar.experiments.real.ngram import NGram
from howfar.tasks import characters

FULL = real.grid("full")
tiny = dict(seeds=(3, 4), trained=64, steps=4, batch=4, text="shipped", characters=20_000)


# --- ListOps ----------------------------------------------------------------------------------------------------------


def value_of(words):
    """Evaluate the words of an expression by recursion, as a reader would; returns (value, words that are left)."""
    head, *rest = words
    if not head.startswith("["):
        return int(head), rest
    values = []
    while rest[0] != "]":
        value, rest = value_of(rest)
        values.append(value)
    answer = {
        "[MAX": np.max,
        "[MIN": np.min,
        "[MED": lambda v: int(np.median(v)),
        "[SM": lambda v: np.sum(v) % 10,
    }[head](values)
    return int(answer), rest[1:]


@pytest.mark.parametrize("length", [(4, 12), (20, 40), 9])
def test_list_ops_are_what_a_plain_evaluator_says(length):
    least, most = length if isinstance(length, tuple) else (length, length)
    batch = tasks.list_ops(200, length, seed=0)
    batch.check()
    assert batch.inputs.shape == (200, most + 1) and (batch.mask.sum(1) == 1).all()
    deep = []
    for row, target, mask in zip(batch.inputs, batch.targets, batch.mask, strict=True):
        end = int(mask.int().argmax())
        assert least <= end <= most and (row[end:] == tasks.LIST_OPS_TOKENS - 1).all()
        words = tasks.write_list_ops(row[:end]).split()
        value, left = value_of(words)
        assert not left and value == target[end] == tasks.evaluate_list_ops(row[:end])
        depth = list(itertools.accumulate((w.startswith("[")) - (w == "]") for w in words))
        assert depth[-1] == 0 and min(depth[:-1]) > 0 and max(depth) == tasks.list_ops_depth(row[:end])
        deep.append(max(depth))
    assert max(deep) > 1


def test_list_ops_follow_the_published_rules():
    batch = tasks.list_ops(1500, (4, 1000), seed=1)
    operators, arguments, lists, digits = [], [], 0, torch.zeros(10)
    for row, mask in zip(batch.inputs.tolist(), batch.mask, strict=True):
        stack = []
        for token in row[: int(mask.int().argmax())]:
            if token == 10:
                arguments.append(stack.pop())
                continue
            if stack:
                stack[-1] += 1
                lists += token > 10
            if token > 10:
                operators.append(token)
                stack.append(0)
            else:
                digits[token] += 1
    assert set(arguments) == {2, 3, 4, 5}
    assert np.bincount(arguments)[2:].min() / len(arguments) > 0.2  # all four equally often, up to the cut
    assert np.bincount(operators)[11:].min() / len(operators) > 0.23
    assert 0.23 < lists / sum(arguments) < 0.27  # a quarter, as hardly any expression is too long
    assert (digits / digits.sum() - 0.1).abs().max() < 0.01
    assert torch.equal(batch.inputs, tasks.list_ops(1500, (4, 1000), seed=1).inputs)
    assert max(tasks.list_ops_depth(r[r < 15]) for r in tasks.list_ops(200, (4, 60), depth=2, seed=0).inputs) == 2


@pytest.mark.parametrize("tokens", [[], [3], [11, 10], [11, 1, 2], [1, 11, 1, 2, 10], [11, 1, 10, 10], [11, 1, 15, 10]])
def test_what_is_no_expression_is_refused(tokens):
    with pytest.raises(ValueError, match="one list that is closed at its end"):
        tasks.evaluate_list_ops(tokens)


def test_list_ops_refuse_bad_arguments():
    with pytest.raises(ValueError, match="arguments"):
        tasks.list_ops(1, 8, arguments=1)
    with pytest.raises(ValueError, match="no expression of length 3 to 3"):
        tasks.list_ops(1, 3, seed=0)
    assert tasks.evaluate_list_ops([13, 1, 2, 10]) == 1  # a median of 1.5 is rounded down


def test_pool_and_heuristics():
    pool = nested.pool(12, n=400)
    pool.check()
    lengths = pool.mask.int().argmax(1)
    assert lengths.min() >= 4 and lengths.max() <= 12 and pool.inputs.shape == (400, 13)
    quarters = np.histogram(lengths, bins=[4, 6.5, 8.5, 10.5, 12.5])[0]
    assert (quarters == 100).all()
    assert all(
        tasks.evaluate_list_ops(row[:end]) == target[end]
        for row, end, target in zip(pool.inputs, lengths, pool.targets, strict=True)
    )
    blind = nested.Heuristics(pool)
    values = pool.targets[pool.mask]
    assert blind.constant == int(np.bincount(values).argmax())
    for operator, answer in blind.by_operator.items():
        assert answer == int(np.bincount(values[pool.inputs[:, 0] == operator]).argmax())
    rows = torch.tensor([[14, 7, 11, 1, 9, 10, 10, 15], [12, 3, 4, 10, 15, 15, 15, 15]])
    assert blind.answers(tasks.Batch(rows, rows))["flat"].tolist() == [7, 3]  # (7 + 1 + 9) mod 10, min(3, 4)


# --- source code ------------------------------------------------------------------------------------------------------


def test_characters_round_trip_and_others_have_one_code():
    text = "def f(x):\n    return '~ é\t'\n"
    codes = tasks.encode_characters(text)
    assert codes.dtype is torch.int64 and codes.min() >= 0 and codes.max() == characters.UNKNOWN
    assert tasks.decode_characters(codes) == text.replace("é", "??").replace("\t", "?")
    printable = "".join(map(chr, range(32, 127))) + "\n"
    assert sorted(tasks.encode_characters(printable).tolist()) == list(range(96))
    with pytest.raises(ValueError, match="string or bytes"):
        tasks.encode_characters([1, 2])


def test_the_shipped_slice_is_small_licensed_and_of_disjoint_files():
    folder = data_path("source_code")
    assert sum(path.stat().st_size for path in folder.iterdir()) < 220_000
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in (folder / "LICENSE").read_text(encoding="utf-8")
    names = {split: (folder / f"{split}_files.txt").read_text(encoding="utf-8").split() for split in ("train", "test")}
    assert names["train"] and names["test"] and not set(names["train"]) & set(names["test"])
    text = tasks.source_text()
    assert len(text.train) > 100_000 and 10_000 < len(text.test) < 40_000 and len(text.digest) == 16
    for split in ("train", "test"):
        assert "copyright" not in (folder / f"{split}.txt").read_text(encoding="utf-8").lower()
    assert tasks.source_text(most=50_000).digest != text.digest


def test_files_are_split_by_their_names(tmp_path):
    for number in range(60):
        (tmp_path / f"m{number}.py").write_text(f"x = {number}\n")
    for skipped in ("test/a.py", "encodings/b.py", "_sysconfigdata_x.py"):
        (tmp_path / skipped).parent.mkdir(exist_ok=True)
        (tmp_path / skipped).write_text("y = 1\n")
    files = characters.source_files(tmp_path)
    assert len(files["train"]) + len(files["test"]) == 60 and not set(files["train"]) & set(files["test"])
    assert 1 <= len(files["test"]) <= 14
    (tmp_path / "m3.py").write_text("other = 'text'\n")
    assert characters.source_files(tmp_path) == files


def test_next_characters():
    text = torch.arange(50)
    batch = tasks.next_characters(30, 7, text, seed=0)
    batch.check()
    assert batch.inputs.shape == (30, 7) and torch.equal(batch.targets, batch.inputs + 1)
    assert tasks.next_characters(400, 7, text, seed=0).targets.max() == 49
    with pytest.raises(ValueError, match="more than length=50 characters, got 50"):
        tasks.next_characters(1, 50, text)
    with pytest.raises(ValueError, match="int64 tensor"):
        tasks.next_characters(1, 5, text.float())


def slow_probability(text, history, character, vocabulary):
    """Witten and Bell by counting, from the longest history to the empty one and below."""
    n = len(history)
    follows = [text[i + n] for i in range(len(text) - n) if text[i : i + n] == history]
    shorter = slow_probability(text, history[1:], character, vocabulary) if n else 1 / vocabulary
    if not follows:
        return shorter
    kinds = len(set(follows))
    return (follows.count(character) + kinds * shorter) / (len(follows) + kinds)


def test_the_ngram_is_what_counting_says_and_a_distribution():
    generator = torch.Generator().manual_seed(0)
    text, test = torch.randint(4, (60,), generator=generator), torch.randint(5, (40,), generator=generator)
    for order in (1, 2, 3):
        table = NGram(text, order=order, vocabulary=5)
        bits = table.bits(test)
        for place in range(len(test)):
            history = test[max(0, place - order + 1) : place].tolist()
            expected = slow_probability(text.tolist(), history, int(test[place]), 5)
            assert float(bits[place]) == pytest.approx(-math.log2(expected))
    ends = torch.stack([torch.tensor([1, 2, last]) for last in range(5)])
    assert sum(2 ** -float(table.bits(row)[-1]) for row in ends) == pytest.approx(1)
    with pytest.raises(ValueError, match="below 2"):
        NGram(text, order=10, vocabulary=97)


# --- what is measured -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(request):
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    patch.setattr(code, "WINDOWS", 6)
    patch.setattr(nested, "TEST_ROWS", 20)
    configs = {
        "alibi": real.Config("code", "alibi", **tiny),
        "learned": real.Config("code", "learned", **tiny),
        "ListOps": real.Config("ListOps", "alibi", seeds=(3, 4), trained=12, steps=4, batch=4),
    }
    patch.setattr(nested, "POOL", 80)
    return {name: (config, pd.DataFrame(real.run(config))) for name, config in configs.items()}


def test_records_of_code(ran):
    for name, rules in (("alibi", ("grow", "adapt", "stop")), ("learned", ("as trained",))):
        config, frame = ran[name]
        assert not set(frame) & set(config.__dataclass_fields__)
        plain = [(length, 0) for length in (32, 64, 96, 128, 256)] + [(64, 64), (64, 192)]
        for rule in rules:
            expected = plain if rule in ("grow", "as trained") else [(length, 0) for length in (96, 128, 256)]
            here = frame[frame["rule"] == rule]
            assert sorted(map(tuple, here[["length", "start"]].to_numpy())) == sorted(expected * 2)
        shares = frame[["near", "middle", "far", "new"]]
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-3)
        assert (shares["new"][frame["length"] <= 64] == 0).all() and (shares["new"][frame["length"] > 64] > 0).all()
        assert frame["text_digest"].nunique() == 1 and frame["bits"].between(2, 10).all()
        assert (frame["best_gram"] <= frame[["one_gram", "five_gram"]].min(axis=1)).all()
        assert (frame["five_gram_of_more"] < frame["five_gram"]).all() and (frame["one_gram"] < 6.6).all()
    alibi, learned = ran["alibi"][1], ran["learned"][1]
    new = (alibi["rule"] == "grow") & (alibi["length"] > 64)
    assert (alibi["steepest"].notna() == new).all() and alibi["steepest"].max() <= 0.25
    assert learned["steepest"].isna().all()


def test_the_same_text_at_other_positions_moves_absolute_codes_only(ran):
    for name, moves in (("alibi", False), ("learned", True)):
        frame = ran[name][1].query("length == 64 and rule in ('grow', 'as trained')")
        spread = frame.groupby("seed")["bits"].agg(lambda bits: bits.max() - bits.min())
        assert (spread > 1e-3).all() == moves and (spread < 1e-6).all() != moves


def test_bits_are_of_the_same_characters_whatever_is_read():
    text = torch.randint(97, (300,), generator=torch.Generator().manual_seed(0))
    windows = code.test_windows(text, 100, n=5)
    assert windows.shape == (5, 101) and torch.equal(windows[0], text[:101]) and torch.equal(windows[-1], text[-101:])

    config = TransformerConfig(vocabulary=97, outputs=97, encoding="none")
    blind = Transformer(config)
    blind.outputs.weight.data.zero_()
    blind.outputs.bias.data = torch.linspace(0, 1, 97)
    expected = -blind.outputs.bias.detach().log_softmax(0)[windows[:, -32:]].mean() / math.log(2)
    for length in (40, 100):
        seen = code.measure(blind, windows[:, -length - 1 :], 0, 50)
        assert seen["bits"] == pytest.approx(float(expected), abs=1e-3)


def test_attention_shares_by_hand():
    uniform = torch.full((1, 1, 2, 100), 1 / 100)  # the queries at 98 and 99 of 100 keys, the last one hidden from 98
    shares = code.attention_shares([uniform], 50)
    assert shares["near"] == pytest.approx((0.08 + 0.08) / 2) and shares["middle"] == pytest.approx(0.24)
    assert shares["far"] == pytest.approx(0.18) and shares["new"] == pytest.approx((0.49 + 0.50) / 2)


def test_steepest_is_the_slope_between_the_key_where_it_is_and_at_the_last_trained_distance():
    logits = torch.tensor([0.3, -0.2, 0.5, 0.0, 0.1, 0.4], dtype=torch.float64)
    slope, trained = 0.5, 4
    distance = torch.arange(5, -1, -1.0)
    weights = (logits - slope * distance).softmax(0)
    ratios = []
    for key in (0, 1):
        moved = (logits - slope * torch.where(torch.arange(6) == key, 3.0, distance)).softmax(0)
        ratios.append(abs(moved[key] - weights[key]) / (slope * (distance[key] - 3)))
    got = code.steepest([weights.view(1, 1, 1, 6)], torch.tensor([slope]), trained)
    assert got == pytest.approx(float(max(ratios)), abs=1e-5)
    assert code.steepest([weights.view(1, 1, 1, 6)], torch.tensor([slope]), 6) is None


def test_records_of_list_ops(ran):
    config, frame = ran["ListOps"]
    assert not set(frame) & set(config.__dataclass_fields__)
    assert set(frame["length"]) == {6, 12, 18, 24, 36} and set(frame["seed"]) == {3, 4}
    assert set(frame[frame["length"] > 12]["rule"]) == {"grow", "adapt", "stop"}
    assert set(frame[frame["length"] <= 12]["rule"]) == {"grow"}
    assert frame[["accuracy", "constant", "operator", "flat"]].stack().between(0, 1).all()
    assert frame.groupby("length")["nested"].first().is_monotonic_increasing


def test_figure_and_refusals(ran):
    records = pd.concat([frame.assign(task=c.task, encoding=c.encoding) for c, frame in ran.values()])
    figure = real.figure(records)
    assert [axis.get_title() for axis in figure.axes] == ["code", "ListOps"]
    plt.close(figure)
    with pytest.raises(ValueError, match="task must be one of code, ListOps; got 'text'"):
        real.run(real.Config("text", "none"))
    with pytest.raises(ValueError, match="encoding must be one of none"):
        real.run(real.Config("code", "rope"))


def test_the_grid_has_every_encoding_and_fits_its_budget():
    assert {c.encoding for c in FULL if c.task == "code"} == set(make_encoding.__globals__["_BUILT_IN"])
    assert len({c.encoding for c in FULL if c.task == "ListOps"}) >= 3
    assert all(len(c.seeds) >= 3 and c.heads > 1 for c in FULL)
    assert len(real.plan(FULL)) == len(FULL) and sum(real.plan(FULL)) <= 30 * 60
    assert len({runs.config_key("real", c) for c in FULL}) == len(FULL)


# --- predicates -------------------------------------------------------------------------------------------------------


@pytest.fixture
def made():
    """Records in which every model needs 2 bits everywhere and the best n-gram 2.5."""
    rows = []
    for config in FULL:
        rules = ("grow", "adapt", "stop") if config.encoding == "alibi" else ("as trained",)
        for rule, seed in itertools.product(rules, config.seeds):
            for start, factor in code.conditions(rule):
                length = round(factor * 128)
                steepest = 0.1 if factor > 1 and rule == "grow" else None
                row = {
                    "task": config.task,
                    "encoding": config.encoding,
                    "steps": config.steps,
                    "rule": rule,
                    "seed": seed,
                }
                tests = {"start": start * 128, "length": length, "trained": 128, "bits": 2.0, "steepest": steepest}
                rows.append(row | tests | {"best_gram": 2.5, "one_gram": 4.7})
    return pd.DataFrame(rows)


CHOSEN = {  # predicate: what is changed, by what it holds, by what it doesn't
    "transforms_beat_sinusoid_on_code": (lambda r: r["encoding"] == "sinusoidal", 1, -1),
    "adaptive_slopes_help": (lambda r: r["rule"] == "adapt", -1, 1),
    "alibi_error_grows": (lambda r: r["encoding"] == "alibi", 1, -1),
    "alibi_extrapolates_on_code": (lambda r: r["encoding"] == "alibi", 0, 1),
    "alibi_needs_a_growing_bias": (lambda r: r["rule"] == "stop", 1, -1),
    "learned_table_loses_all": (lambda r: r["encoding"] == "learned", 5, 1),
}


def test_alibi_is_judged_by_its_longer_run(made):
    short = (made["encoding"] == "alibi") & (made["steps"] == real.Config.steps)
    assert short.any() and (made.loc[short, "seed"] < 6).all()
    readings = predicates.alibi_error_grows(made.assign(bits=made["bits"].where(~short, 9.0)))
    assert set(readings["estimate"]) == {0.0} and NOT_JUDGED not in set(readings["status"])


@pytest.mark.parametrize("name", CHOSEN)
def test_predicates_hold_fail_and_abstain(made, name):
    rule, (choose, holds, fails) = getattr(predicates, name), CHOSEN[name]
    beyond = (made["length"] > 128) | (made["start"] > 0)
    for more, status in ((holds, HOLDS), (fails, CONTRADICTED)):
        readings = rule(made.assign(bits=made["bits"] + more * (choose(made) & beyond)))
        assert set(readings["status"]) == {status} and readings["plausible"].sum() == 1
    unlearned = rule(made.assign(best_gram=1.9))
    assert set(unlearned["status"]) == {NOT_JUDGED}
    broken = made.assign(bits=made["bits"].where(made["seed"] != 4))
    with pytest.raises(ValueError, match="no number in 'bits'"):
        rule(broken)


def test_the_bound_on_attention_can_fail(made):
    rule = predicates.attention_changes_at_most_linearly
    assert rule.identity and set(rule(made)["status"]) == {HOLDS}
    assert set(rule(made.assign(steepest=0.3))["status"]) == {CONTRADICTED}
