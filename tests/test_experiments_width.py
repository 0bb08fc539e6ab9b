"""The experiments on width and on collapse: what they measure, against what can be worked out another way."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from howfar import Transformer, collapse, dyck
from howfar.experiments import barron, length_collapse, rank_collapse, stack_readout, staircase, width_for_depth
from howfar.experiments.barron.predicates import barron_floor
from howfar.experiments.judging import CONTRADICTED, HOLDS, UNDECIDED
from howfar.experiments.length_collapse.predicates import last_states_converge
from howfar.experiments.rank_collapse.predicates import (
    attention_alone_loses_rank,
    feed_forward_layers_keep_rank,
    rank_falls_doubly_exponentially,
    skips_keep_rank,
)
from howfar.experiments.stack_readout.predicates import depth_averts_collapse, width_does_not_avert_aliasing
from howfar.experiments.width_for_depth.predicates import width_does_not_replace_a_layer

# --- one hidden layer -----------------------------------------------------------------------------------------------


def test_tables_hold_all_inputs_and_say_what_they_should():
    for target in ("wave", "parity", "inner product"):
        bits, values = barron.table(target, 6)
        assert bits.shape == (64, 6) and len(bits.unique(dim=0)) == 64 and values.shape == (64, 1)
        for row, value in zip(bits.tolist(), values[:, 0].tolist(), strict=True):
            on = [x < 0 for x in row]
            expected = {
                "wave": math.sin(sum((i + 1) * x / 6 for i, x in enumerate(row))),
                "parity": (-1) ** sum(on),
                "inner product": (-1) ** sum(on[i] and on[i + 3] for i in range(3)),
            }[target]
            assert value == pytest.approx(expected)
    inputs, stacks = barron.table("stack", 5)
    words = inputs.unflatten(1, (5, 4)).argmax(-1)
    assert words.equal(dyck.all_prefixes(5, 2, 3)) and (inputs.sum(1) == 5).all()
    for word, row in zip(words.tolist(), stacks, strict=True):
        number = 0
        for s in dyck.open_stack(word, 2):
            number = 2 * number + 1 + s
        assert row.sum() == 1 and row[number] == 1


def test_barrons_bound_is_that_of_a_wave_that_makes_the_target():
    bits, parity = barron.table("parity", 6)
    w = torch.full((6,), math.pi / 2, dtype=torch.float64)
    torch.testing.assert_close((math.pi / 2 * 6 - bits @ w).cos(), parity[:, 0])
    assert barron.barron_bound("parity", 6, 25) == pytest.approx(2 * 6**0.5 * float(w.norm()) / 5)
    assert barron.barron_bound("stack", 6, 25) is None


def test_parity_by_hand_and_least_squares():
    by_hand = barron.run(barron.Config("parity", 7, 7, "by hand", seeds=(0,)))
    assert by_hand[0]["error"] < 1e-9 and by_hand[0]["rows"] == 128
    with pytest.raises(ValueError, match="by hand"):
        barron.run(barron.Config("parity", 7, 6, "by hand"))
    errors = [barron.run(barron.Config("parity", 5, m, "fixed"))[0]["error"] for m in (4, 16, 64)]
    assert 1 > errors[0] > errors[1] > 0.1 and errors[2] < 1e-9  # more units than inputs hold the whole table


def test_a_trained_net_with_more_units_is_nearer_and_within_the_bound():
    rows = {m: barron.run(barron.Config("wave", 5, m, lr=1e-2, steps=300, seeds=(0, 1))) for m in (2, 32)}
    assert max(r["error"] for r in rows[32]) < 0.5 * min(r["error"] for r in rows[2])
    assert all(r["error"] < r["bound"] for r in rows[32])
    alone = barron.run(barron.Config("wave", 5, 32, lr=1e-2, steps=300, seeds=(1,)))
    assert alone[0]["error"] == pytest.approx(rows[32][1]["error"], rel=0.05)


def test_a_floor_is_contradicted_by_a_net_below_it_and_proved_by_none():
    rows = [{"target": "stack", "size": s, "net": "trained", "units": 8, "error": e} for s, e in ((4, 0.01), (6, 0.3))]
    found = barron_floor(pd.DataFrame(rows))
    assert found["status"].tolist() == [UNDECIDED, CONTRADICTED] and found["setting"][0] == "stack, 6 tokens"


# --- rank and length ------------------------------------------------------------------------------------------------


def test_rank_is_lost_without_skips_and_kept_with_them():
    pure = pd.DataFrame(rank_collapse.run(rank_collapse.Config(False, False, "none", False, seeds=(0,))))
    assert pure["layer"].tolist() == list(range(13))
    assert pure["residual"][0] > 0.9 and pure["residual"][2] < 1e-4 and pure["residual"][12] < 1e-14
    kept = pd.DataFrame(rank_collapse.run(rank_collapse.Config(True, False, "none", False, seeds=(0,))))
    assert kept["residual"].min() > 0.5


def residuals(causal, skip, mlp, values):
    rows = [{"seed": s, "layer": layer, "residual": v * (1 + 0.01 * s)} for s in (0, 1, 2) for layer, v in values]
    return pd.DataFrame(rows).assign(causal=causal, norm="none", skip=skip, mlp=mlp)


def test_predicates_of_rank_can_go_either_way():
    double = [(layer, max(10 ** -(3.0**layer - 1), 1e-16)) for layer in range(13)]
    single = [(layer, 10 ** (-0.2 * layer)) for layer in range(13)]
    flat = [(layer, 0.9) for layer in range(13)]
    for values, lost, doubly in ((double, HOLDS, HOLDS), (single, CONTRADICTED, CONTRADICTED)):
        records = residuals(False, False, False, values)
        assert attention_alone_loses_rank(records)["status"].tolist() == [lost]
        status = rank_falls_doubly_exponentially(records)["status"].tolist()
        assert status == [doubly] or (values is single and status == [UNDECIDED])  # a ratio of exactly one
    for values, status in ((flat, HOLDS), (double, CONTRADICTED)):
        assert skips_keep_rank(residuals(False, True, False, values))["status"].tolist() == [status]
        assert feed_forward_layers_keep_rank(residuals(False, False, True, values))["status"].tolist() == [status]


def test_pairs_differ_in_one_token():
    u, v = length_collapse.pairs("one more", 20, seed=0)
    assert v.shape == (8, 21) and v[:, :20].equal(u) and (u[:, 8:] == u[:, -1:]).all() and len(u.unique(dim=0)) > 1
    for pair, place in (("first", 0), ("last", 19)):
        u, v = length_collapse.pairs(pair, 20, seed=0)
        assert (u != v).nonzero()[:, 1].tolist() == [place] * 8 and int(v.max()) < 8
    with pytest.raises(ValueError, match="pair must be one of"):
        length_collapse.pairs("middle", 20, seed=0)


def test_distances_are_those_of_the_states(monkeypatch):
    monkeypatch.setattr(length_collapse, "LENGTHS", (16, 64))
    found = pd.DataFrame(length_collapse.run(length_collapse.Config("first", "none", 1, seeds=(3,))))
    torch.manual_seed(3)
    shape = length_collapse.TransformerConfig(depth=1, width=32, heads=1, vocabulary=8, max_length=65)
    model = Transformer(shape).double()
    u, v = (collapse.read_states(model, x)[:, -1] for x in length_collapse.pairs("first", 64, seed=3))
    distances = 2 * (u - v).norm(dim=1) / (u.norm(dim=1) + v.norm(dim=1))
    assert found["distance"][1] == pytest.approx(float(distances.log().mean().exp()), rel=1e-3)
    assert found["distance"][1] < 0.5 * found["distance"][0]


def test_the_predicate_of_length_can_go_either_way_and_leaves_the_last_token_out():
    rows = [
        {"pair": pair, "encoding": "none", "depth": 2, "seed": s, "length": n, "distance": d * (1 + 0.01 * s)}
        for pair, far in (("one more", 1e-4), ("first", 0.9), ("last", 0.9))
        for n, d in ((32, 1.0), (1024, far))
        for s in (0, 1, 2)
    ]
    found = last_states_converge(pd.DataFrame(rows))
    assert found["status"].tolist() == [HOLDS, CONTRADICTED]


# --- reading stacks -------------------------------------------------------------------------------------------------


def test_open_pairs_differ_in_the_only_bracket_left_open():
    for length in (39, 40):
        u, v = stack_readout.open_pairs(length, 3, seed=0)
        assert u.shape == v.shape == (32, length - length % 2)
        assert (u != v).nonzero()[:, 1].eq(1).all() and (u[:, 0] == 4).all()
        for a, b in zip(u.tolist(), v.tolist(), strict=True):
            assert dyck.is_prefix(a[1:], 2, 3) and dyck.open_stack(a[1:], 2) == [0] and dyck.open_stack(b[1:], 2) == [1]


def test_records_of_the_stack_are_those_of_its_models(monkeypatch):
    monkeypatch.setattr(stack_readout, "TEST_WORDS", 60)
    config = stack_readout.Config(1, 12, 1e-2, steps=5, seeds=(0, 4))
    records = pd.DataFrame(stack_readout.run(config))
    assert records[["seed", "range"]].apply(tuple, axis=1).is_unique and len(records) == 4
    model = stack_readout.fit(config)[1]
    test = stack_readout.words(60, 40, seed=10_040)
    here = records[(records["seed"] == 4) & (records["range"] == "in range")].iloc[0]
    right = (model(test.inputs).argmax(-1) == test.targets)[:, 1:]
    assert here["positions"] == pytest.approx(float(right.float().mean()), abs=0.002)
    assert here["separation"] == pytest.approx(stack_readout.separation(model, test).ratio, rel=1e-2)
    assert here["parameters"] == sum(p.numel() for p in model.parameters())


def test_without_positions_one_layer_sees_no_order():
    """The fact behind a reading that holds: the same tokens in another order, and the same last one."""
    torch.manual_seed(0)
    model = Transformer(stack_readout.model_config(stack_readout.Config(1, 96, 1e-2, "none"))).double()
    u, v = torch.tensor([[4, 0, 1, 0]]), torch.tensor([[4, 1, 0, 0]])
    states = [collapse.read_states(model, x) for x in (u, v)]
    assert dyck.open_stack(u[0, 1:], 2) != dyck.open_stack(v[0, 1:], 2)
    assert float(collapse.last_distance(*states)) < 1e-12
    deep = Transformer(stack_readout.model_config(stack_readout.Config(2, 16, 1e-2, "none"))).double()
    assert float(collapse.last_distance(*(collapse.read_states(deep, x) for x in (u, v)))) > 1e-4


def stacks(separation, encoding="rotary"):
    """Records in which ``separation`` gives each architecture's, and all else is 1."""
    return pd.DataFrame(
        [
            {
                "encoding": encoding, "max_depth": 3, "depth": depth, "width": width, "lr": lr, "seed": s,
                "range": name, "separation": value * (1 + 0.01 * s), "rank": 1 + 0.01 * s * depth, "last": 1.0,
                "loss": lr,
            }
            for (depth, width), value in separation.items() for lr in (1e-2, 3e-3) for s in (0, 1, 2)
            for name in ("in range", "three times")
        ]
    )  # fmt: skip


def test_the_rate_with_the_least_loss_is_chosen():
    assert set(stack_readout.tuned(stacks({(1, 22): 1.0}))["lr"]) == {3e-3}


def test_predicates_of_aliasing_can_go_either_way():
    shapes = [(1, 22), (1, 46), (1, 96), (2, 16)]
    apart = stacks(dict(zip(shapes, (0.5, 0.6, 0.7, 5.0), strict=True)))
    bypassed = stacks(dict(zip(shapes, (8.0, 9.0, 9.0, 5.0), strict=True)))
    none = stacks({(1, 22): 0.1, (1, 96): 0.1, (2, 16): 5.0}, "none")
    for records, averted, wide in ((apart, HOLDS, UNDECIDED), (bypassed, CONTRADICTED, CONTRADICTED)):
        found = depth_averts_collapse(records)
        assert found["setting"][0] == "aliasing, in range" and found["status"][0] == averted
        found = width_does_not_avert_aliasing(pd.concat([records, none]))
        positions = found["setting"].str.startswith("rotary")
        assert set(found[positions]["status"]) == {wide} and set(found[~positions]["status"]) == {HOLDS}
        assert found["setting"][0] == "rotary positions, width 96, in range"


# --- alternating blocks ---------------------------------------------------------------------------------------------


def test_one_layer_cannot_tell_two_blocks_from_four():
    """The fact behind readings that hold: 0011 and 0101 have the same letters and the same last one."""
    torch.manual_seed(0)
    model = Transformer(staircase.model_config(staircase.Config(4, 1, 64))).double()
    states = [collapse.read_states(model, torch.tensor([[2, *word]])) for word in ((0, 0, 1, 1), (0, 1, 0, 1))]
    assert float(collapse.last_distance(*states)) < 1e-12


def test_width_for_depth_is_the_staircase_with_a_layer_too_few():
    config = width_for_depth.Config(4, 1, 8, 1e-2, steps=2, seeds=(1,))
    assert width_for_depth.run(config) == staircase.run(staircase.Config(4, 1, 8, 1e-2, 2, (1,)))
    grid = width_for_depth.grid("full")
    shallow = [c for c in grid if c.depth < c.blocks - 2]
    for shape in width_for_depth.TOO_SHALLOW:
        here = [c for c in shallow if (c.blocks, c.depth) == shape]
        for width, rates in width_for_depth.RATES.items():
            assert {c.lr for c in here if c.width == width} == set(rates)
    assert {(c.blocks, c.depth) for c in grid if c not in shallow} == {(4, 2), (5, 3)}


@pytest.mark.parametrize(("top", "status"), [(0.5, UNDECIDED), (0.99, CONTRADICTED)])
def test_one_wide_net_that_solves_it_is_enough(top, status):
    rows = [
        {"blocks": k, "depth": depth, "width": w, "lr": 1e-2, "seed": s, "range": name, "exact_match": e}
        for k, depth in ((4, 1), (5, 2), (5, 3))
        for name in ("in range", "twice", "three times")
        for w, s, e in ((8, 0, 0.1), (64, 0, 0.2), (64, 1, top if depth < 3 else 1.0))
    ]
    found = width_does_not_replace_a_layer(pd.DataFrame(rows))
    assert found["setting"][0] == "5 blocks, 2 layers, three times" and len(found) == 4
    assert found["status"][0] == status and found["estimate"][0] == pytest.approx(top)
    single = found[found["setting"].str.startswith("4 blocks")]  # a proof covers a single layer
    assert set(single["status"]) == {HOLDS if status == UNDECIDED else status}
    best = width_for_depth.best(pd.DataFrame(rows))
    assert best["exact_match"].max() == 1.0 and not best.duplicated(["blocks", "depth", "width", "range"]).any()
    assert np.isfinite(best["lr"]).all()
