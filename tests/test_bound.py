"""Both sides of the bound by transport: samples, losses, certified constants, terms on the tree, predicates."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from howfar import Transformer, TransformerConfig, tasks
from howfar.experiments import bound
from howfar.experiments.bound import predicates
from howfar.experiments.bound.domains import LENGTH, Domain
from howfar.experiments.bound.tree import steps
from howfar.search import STOP, Search, SubsetSum, text_size, write_search
from howfar.wasserstein import emd2, stop_wasserstein


def small_model(seed=0, depth=1, **options):
    torch.manual_seed(seed)
    tokens = text_size(2)
    return Transformer(
        TransformerConfig(
            depth=depth, width=16, heads=2, vocabulary=tokens, outputs=tokens, max_length=LENGTH, **options
        )
    )


@pytest.fixture(scope="module")
def samples():
    laws = bound.domains()
    return {name: bound.draw(laws[name], 40, seed=i) for i, name in enumerate(("same law", "leave first", "8 numbers"))}


# --- samples --------------------------------------------------------------------------------------------------------


def test_domains_differ_from_home_in_one_respect():
    for home in (bound.HOME, Domain(sizes=(4,))):
        laws = bound.domains(home)
        assert laws["same law"] == home and len(set(laws.values())) == 11
        for name, law in laws.items():
            differing = [field for field in vars(home) if getattr(home, field) != getattr(law, field)]
            assert len(differing) == (name != "same law")


def test_problems_of_training_are_not_drawn_again():
    few = Domain(sizes=(2,), largest=2)
    first = bound.draw(few, 6, seed=0).problems
    assert not first & bound.draw(few, 20, seed=0, avoid=first).problems


def test_orders_are_those_of_the_prompt():
    rng = np.random.default_rng(0)
    for name, sign in (("largest first", -1), ("smallest first", 1)):
        numbers = np.array(bound.domains()[name].problem(rng).numbers)
        assert (np.diff(sign * numbers) >= 0).all()
    leave = bound.draw(bound.domains()["leave first"], 30, seed=0).searches
    assert sum(search.addresses[0] == (1,) for search in leave) > 20
    assert bound.draw(bound.domains()["breadth first"], 1, seed=0).searches[0].strategy == "breadth-first"


def test_words_are_whole_rows_that_end_in_stops(samples):
    home = samples["same law"]
    sizes = bound.sizes(home.batch)
    for search, row, size in zip(home.searches, bound.words(home.batch), sizes.tolist(), strict=True):
        assert len(row) == LENGTH + 1
        if size <= LENGTH:
            assert (row[size - 1 :] == STOP).all() and not (row[: size - 1] == STOP).any()
        assert any(
            torch.equal(row[:size], write_search(SubsetSum(*problem), search)[:size])
            for problem in home.problems
        )  # fmt: skip


def test_features_by_hand():
    problem = SubsetSum((3, 1), 1)
    search = Search("depth-first", 2, [(0,), (), (1,), (1, 0)], [(1, 0)], 4, False)
    batch = tasks.search_traces([problem], length=LENGTH)
    row = bound.features(bound.Sample({((3, 1), 1)}, [search], batch))[0]
    assert row[0] == bound.sizes(batch)[0] and row[1:].tolist() == [4, 1, 2, 1.0]


# --- losses and constants -------------------------------------------------------------------------------------------


def test_a_traces_loss_is_the_mean_over_its_tokens(samples):
    model, batch = small_model(), samples["same law"].batch
    seen = bound.view(model, batch)
    one = tasks.Batch(*(part[3:4] for part in batch[:3]))
    with torch.no_grad():
        assert seen.losses[3] == pytest.approx(float(tasks.cross_entropy(model(one.inputs), one)), rel=1e-5)
    assert not seen.token_losses[~batch.mask].any()
    words = bound.words(batch)
    by_hand = model.inputs.weight[words[0]] - model.inputs.weight[words[1]]
    distance = bound.euclidean(seen.embedded, seen.embedded)[0, 1]
    assert distance == pytest.approx(float(by_hand.square().sum().sqrt()), rel=1e-5)


def test_the_unscored_positions_of_a_word_cannot_move_its_loss(samples):
    """A word's loss is a function of the word: what stands after STOP is never seen by a prediction that counts."""
    model, batch = small_model(), samples["same law"].batch
    ended = batch._replace(inputs=bound.words(batch)[:, :-1])
    np.testing.assert_allclose(bound.view(model, ended).losses, bound.view(model, batch).losses, rtol=1e-5)


@pytest.mark.parametrize("encoding", ["learned", "rotary"])
def test_no_pair_of_words_is_steeper_than_the_certified_constants(samples, encoding):
    model = small_model(depth=2, encoding=encoding)
    for parameter in model.parameters():
        parameter.data *= 2
    views = [bound.view(model, sample.batch) for sample in samples.values()]
    certified = bound.certified_constants(model, length=LENGTH)
    distances = bound.euclidean(views[0].embedded, views[1].embedded)
    assert distances.min() >= certified["spacing"] > 0
    assert max(view.losses.max() for view in views) <= certified["ceiling"]
    steepest = bound.steepest(views[0].losses, views[1].losses, distances)
    assert 0 < steepest <= certified["counted"] <= certified["layers"]
    assert certified["counted"] == pytest.approx(certified["ceiling"] / certified["spacing"])
    local = bound.local_constants(model, samples["same law"].batch)
    assert 0 < local["local_loss"] <= math.sqrt(2) * local["local_logits"] * 1.2 <= certified["layers"]


def test_the_steepest_pair_and_the_widest_gap():
    l_a, l_b, distances = np.array([0.0, 1.0]), np.array([1.0, 3.0]), np.array([[2.0, 0.0], [0.0, 4.0]])
    assert bound.steepest(l_a, l_b, distances) == 0.5
    assert bound.widest(l_a, l_b, distances) == 3 and bound.widest(l_a, l_b, distances + 1) == 0


def test_the_certificate_of_the_last_layer_holds(samples):
    model = small_model()
    model.outputs.weight.data *= 5
    batches = [samples[name].batch for name in ("same law", "8 numbers")]
    views = [bound.view(model, batch) for batch in batches]
    found = bound.readout_bound(model, batches, views, seed=0)
    assert 0 < abs(found["readout_change"]) <= found["readout"]
    itself = bound.readout_bound(model, batches[:1] * 2, views[:1] * 2, seed=0)
    assert abs(itself["readout_change"]) <= itself["readout"]  # of other tokens of the same traces


# --- the tree -------------------------------------------------------------------------------------------------------


def test_losses_are_booked_where_the_search_stands(samples):
    sample = samples["same law"]
    losses = torch.where(sample.batch.mask, torch.rand(sample.batch.mask.shape), 0.0).double()
    booked = bound.losses_by_stop(sample, losses)
    for search, row, size, stops in zip(
        sample.searches, losses, bound.sizes(sample.batch).tolist(), booked, strict=True
    ):
        if size > LENGTH:
            assert 0 < len(stops) <= len(search.addresses)
            continue
        assert [address for address, _ in stops] == search.addresses
        scored = row[row > 0]
        first = 1 + len(search.addresses[0])  # the first move starts at no stop
        assert sum(loss for _, loss in stops) == pytest.approx(float(scored[first:].sum()))
        assert stops[-1][1] == pytest.approx(float(scored[-1]))


def test_the_terms_of_a_change_add_up_and_the_tree_bounds_the_first(samples):
    model = small_model()
    booked = [bound.losses_by_stop(s, bound.view(model, s.batch).token_losses) for s in samples.values()]
    home, leave, eight = (bound.by_node(part) for part in booked)
    for other in (leave, eight):
        terms = bound.split_change(home, other)
        change = sum(other[1].values()) - sum(home[1].values())
        assert terms["elsewhere"] + terms["same_place"] + terms["new_nodes"] == pytest.approx(change)
    assert sum(home[0].values()) == pytest.approx(1)
    assert bound.split_change(home, eight)["new_mass"] > 0
    # On places that home knows the first term is at most the constant times W1 of the places.
    known = [[stop for stop in search if stop[0] in home[0]] for search in booked[1]]
    constant = bound.tree_constant({v: home[1][v] / home[0][v] for v in home[0]})
    stops = [[[v for v, _ in search] for search in part] for part in (booked[0], known)]
    elsewhere = bound.split_change(home, bound.by_node(known))["elsewhere"]
    assert 0 < abs(elsewhere) <= constant * stop_wasserstein(*stops)


def test_on_a_connected_set_the_constant_is_that_of_an_edge():
    g = {(): 0.0, (0,): 1.0, (1,): -2.0, (1, 0): 1.5, (0, 1): 1.25}
    edges = [abs(g[v] - g[v[:-1]]) for v in g if v]
    assert bound.tree_constant(g) == max(edges) == 3.5
    assert bound.tree_constant({(0,): 1.0, (1,): 2.0}) == 0.5
    assert steps((0, 1), (0,)) == 1 and steps((0, 1), (1, 1)) == 4 and steps((), ()) == 0


# --- the run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records():
    config = bound.Config("rotary", 1, width=16, seeds=(0, 5), steps=12, traces=30)
    rows = pd.DataFrame(bound.run(config))
    return rows.assign(encoding="rotary", depth=1, home=[[3, 4, 5]] * len(rows))


def test_records_hold_both_sides(records):
    assert len(records) == 2 * 11 and set(records["domain"]) == set(bound.domains())
    assert not records.isna().any().any()
    bounded = records["change"].abs() <= records["counted"] * records["w1_embedding"]
    assert bounded.all() and (records["counted"] < records["layers"]).all()
    assert (records["readout_change"].abs() <= records["readout"]).all()
    terms = records[["elsewhere", "same_place", "new_nodes"]].sum(axis=1)
    np.testing.assert_allclose(terms, records["move_change"], rtol=1e-4, atol=1e-4)
    assert (records["w1_prefix"] <= records["prefix_most"] * (1 + 1e-6)).all()
    far = records.query("domain == '8 numbers'")
    assert (far["w1_stack"] > 3 * far["null_stack"]).all() and (far["w1_embedding"] > far["null_embedding"]).all()
    per_model = records.groupby("seed")[["home_ratio", "layers", "local_loss", "feature_gap", "null_prefix"]]
    assert (per_model.nunique() == 1).all().all()


def test_the_change_is_the_difference_of_two_means():
    config = bound.Config("learned", 1, width=16, seeds=(2,), steps=5, traces=20)
    models, pool = bound.fit(config)
    rows = pd.DataFrame(bound.run(config)).set_index("domain")
    home = bound.view(models[0], bound.draw(bound.HOME, 20, seed=10_200, avoid=pool.problems).batch)
    eight = bound.draw(bound.domains()["8 numbers"], 20, seed=10_253, avoid=pool.problems).batch
    away = bound.view(models[0], eight)
    assert rows.loc["8 numbers", "change"] == pytest.approx(away.losses.mean() - home.losses.mean(), rel=1e-3)
    distance = emd2(None, None, bound.euclidean(home.embedded, away.embedded))
    assert rows.loc["8 numbers", "w1_embedding"] == pytest.approx(distance, rel=1e-4)


def test_the_figure_draws_every_shifted_domain(records):
    axis = bound.figure(records).axes[0]
    assert sum(len(line.get_xdata()) for line in axis.lines) == 20
    assert axis.get_yscale() == "log" and len(axis.get_legend_handles_labels()[1]) == 4


@pytest.mark.parametrize(
    ("predicate", "change"), [("home_ratio_is_enough", "change"), ("tree_constant_is_enough", "move_change")]
)
def test_predicates_can_go_either_way(records, predicate, change):
    judge = getattr(predicates, predicate)
    assert judge(records.assign(**{change: 1e-4}))["status"].tolist() == ["holds"]
    assert judge(records.assign(**{change: -1e4}))["status"].tolist() == ["contradicted"]
    one = records.assign(**{change: np.where(records["seed"] == 5, 1e4, 1e-4)})
    assert judge(one)["status"].tolist() == ["undecided"]
    same = records.assign(**{change: np.where(records["domain"] == "same law", 1e4, 1e-4)})
    assert judge(same)["status"].tolist() == ["holds"]  # it is about shifted domains


def test_the_certificate_is_judged_by_the_smaller_bound(records):
    assert predicates.risk_within_certificate(records)["status"].tolist() == ["holds"]
    broken = records.assign(change=records["counted"] * records["w1_embedding"] * 1.5)
    assert predicates.risk_within_certificate(broken)["status"].tolist() == ["contradicted"]
    with pytest.raises(ValueError, match="'change'"):
        predicates.risk_within_certificate(records.assign(change=np.nan))


def test_readings_are_of_one_model_each_and_the_deep_rotary_one_is_plausible(records):
    both = [
        records.assign(encoding=encoding, depth=depth, home=[home] * len(records), change=1e-4)
        for encoding in ("learned", "rotary")
        for depth in (1, 3)
        for home in ([3, 4, 5], [4])
    ]
    table = predicates.home_ratio_is_enough(pd.concat(both, ignore_index=True))
    assert len(table) == 8 and table["setting"][0] == "rotary, 3 layers, 3-5 numbers" and table["plausible"].sum() == 1
