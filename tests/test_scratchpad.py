"""Written steps: word problems and subset sums as rows of tokens, what is measured, and what it decides."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from howfar import exercises, experiments, search, tasks
from howfar.experiments import scratchpad
from howfar.experiments.scratchpad import Config, sums, words
from howfar.training import generate
from howfar.transformer import Transformer

# --- word problems --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group, order", [("S3", 6), ("A5", 60), ("S5", 120), ("Z60", 60)])
def test_a_table_is_that_of_a_group(group, order):
    table = tasks.multiplication_table(group)
    assert table.shape == (order, order) and table.dtype is torch.int64
    everything = torch.arange(order)
    assert torch.equal(table[0], everything) and torch.equal(table[:, 0], everything)
    assert (table.sort(0).values == everything[:, None]).all() and (table.sort(1).values == everything).all()
    x, y, z = torch.randint(0, order, (3, 2000), generator=torch.Generator().manual_seed(0))
    assert torch.equal(table[table[x, y], z], table[x, table[y, z]])
    assert torch.equal(table, table.T) == (group == "Z60")


def derived(table, elements):
    """The subgroup that the commutators of some elements generate."""
    inverse = (table == 0).int().argmax(1)
    found = {int(table[table[inverse[x], inverse[y]], table[x, y]]) for x in elements for y in elements}
    while True:
        more = found | {int(table[x, y]) for x in found for y in found}
        if more == found:
            return sorted(found)
        found = more


@pytest.mark.parametrize("group, orders", [("S3", [6, 3, 1]), ("Z60", [60, 1]), ("A5", [60, 60])])
def test_s3_is_solvable_and_a5_is_not(group, orders):
    table = tasks.multiplication_table(group)
    elements, found = list(range(len(table))), [len(table)]
    for _ in orders[1:]:
        elements = derived(table, elements)
        found.append(len(elements))
    assert found == orders


def test_permutations_are_applied_from_left_to_right():
    table, s3 = tasks.multiplication_table("S3"), list(itertools.permutations(range(3)))
    for x, y in itertools.product(range(6), repeat=2):
        assert s3[table[x, y]] == tuple(s3[y][s3[x][thing]] for thing in range(3))
    assert table[1, 2] != table[2, 1]


def test_word_problem():
    batch = tasks.word_problem(300, 7, "A5", seed=0)
    batch.check()
    assert batch.inputs.shape == (300, 7) and batch.mask is batch.positions is None
    table = tasks.multiplication_table("A5")
    for word, states in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
        product = 0
        for element, state in zip(word, states, strict=True):
            product = table[product, element].item()
            assert product == state
    assert torch.equal(batch.inputs, tasks.word_problem(300, 7, "A5", seed=0).inputs)
    assert not torch.equal(batch.inputs, tasks.word_problem(300, 7, "A5", seed=1).inputs)
    counts = np.bincount(tasks.word_problem(6000, 3, "S3", seed=1).targets[:, -1], minlength=6)
    assert abs(counts - 1000).max() < 150


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((3, 4, "S4"), "group must be one of 'S3', 'A5', 'S5', 'Z60'; got 'S4'"),
        ((0, 4, "S3"), "n must be a positive integer"),
        ((3, 0, "S3"), "length must be a positive integer"),
    ],
)
def test_a_word_problem_that_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tasks.word_problem(*arguments)


def test_rows_of_words_ask_for_what_their_form_says():
    batch = tasks.word_problem(5, 4, "S3", seed=0)
    x, s = batch.inputs, batch.targets
    direct, supervised, filler, unread, written = (words.rows(batch, form, 6) for form in words.FORMS)
    assert torch.equal(direct.inputs, x) and torch.equal(direct.targets[direct.mask], s[:, -1])
    assert supervised is batch
    assert torch.equal(filler.inputs, torch.cat([x, torch.full((5, 4), 6)], 1))
    assert torch.equal(filler.targets[filler.mask], s[:, -1]) and filler.mask[:, -1].all()
    assert torch.equal(unread.inputs, filler.inputs) and torch.equal(unread.mask, written.mask)
    assert torch.equal(unread.targets, written.targets)
    assert torch.equal(written.inputs, torch.cat([x, torch.full((5, 1), 6), s[:, :-1]], 1))
    assert torch.equal(written.targets[written.mask].view(5, 4), s)


# --- subset sums ----------------------------------------------------------------------------------------------------


def test_problems_are_balanced_at_every_target_and_held_out_by_their_numbers():
    new, met = sums.problems(1500, held_out=True, seed=2), sums.problems(1500, held_out=False, seed=1)
    as_sets = [{tuple(sorted(problem.numbers)) for problem, _ in part} for part in (new, met)]
    assert not as_sets[0] & as_sets[1] and len(as_sets[0]) > 50
    for problem, solvable in new + met:
        found = search.depth_first(problem)
        assert bool(found.solutions) == solvable and len(found.addresses) <= sums.MOVES
    for target in sums.TARGETS:
        coins = [solvable for problem, solvable in new + met if problem.target == target]
        assert abs(np.mean(coins) - 0.5) < 4 * 0.5 / len(coins) ** 0.5


def test_the_short_cut_never_misses_a_single_number():
    some = sums.problems(2000, held_out=True, seed=3)
    assert all(solvable for problem, solvable in some if sums.guess(problem))
    assert 0.77 < np.mean([sums.guess(problem) == solvable for problem, solvable in some]) < 0.88


@pytest.mark.parametrize("form", sums.FORMS)
def test_a_row_is_prompt_search_answer_stop(form):
    for problem, solvable in sums.problems(50, held_out=False, seed=4):
        row = sums.write(problem, solvable, form)
        assert row[: sums.PROMPT] == search.write_prompt(problem, digits=(2, 1)).tolist()
        assert row[-2:] == [sums.YES if solvable else sums.NO, search.STOP]
        assert len(row) <= sums.PROMPT + sums.LENGTHS[form] and max(row) < sums.TOKENS
        moves = [token - search.FIRST for token in row[sums.PROMPT : -2] if search.FIRST <= token < sums.NO]
        if form in ("typed", "summed", "told"):
            assert moves == search.trace(search.depth_first(problem)).tolist()
        if form == "told":  # the first choice that is open is taken, and with none the search goes back or ends
            told = [token - sums.OPEN for token in row[sums.PROMPT : -2] if token >= sums.OPEN]
            for bits, move in zip(told, moves, strict=False):
                assert move == (0 if bits & 1 else 1) if bits else move >= 2


def test_summed_traces_carry_the_sum_of_what_is_taken():
    problem = search.SubsetSum((5, 3, 2), 5)
    row = search.write_search(problem, search.depth_first(problem), format="summed", digits=(2, 1)).tolist()
    first, stop = row.index(search.SEPARATOR) + 1, row.index(search.STOP)
    moves, tens, ones = (row[first + i : stop : 3] for i in range(3))
    path, sums_ = [], []
    for token in moves:
        label = token - search.FIRST
        path = [*path, label] if label < 2 else path[:-1]
        sums_.append(sum(n for n, label in zip(problem.numbers, path, strict=False) if label == 0))
    assert [10 * a + b for a, b in zip(tens, ones, strict=True)] == sums_ and len(moves) > 2
    assert search.text_size(2, format="summed") == search.text_size(2, format="typed")
    countdown = search.Countdown((2, 3), 5)
    with pytest.raises(ValueError, match="format 'summed' is for a SubsetSum"):
        search.write_search(countdown, search.depth_first(countdown), format="summed")
    with pytest.raises(ValueError, match="format must be one of 'typed', 'untyped', 'echoed', 'summed'; got 'sums'"):
        search.text_size(2, format="sums")


class Perfect(Transformer):
    """Says what stands in a table of right rows: the next token of the row that begins like this."""

    def __init__(self, config, rows):
        super().__init__(config)
        self.next = {tuple(row[:end]): row[end] for row in rows for end in range(sums.PROMPT, len(row))}

    def forward(self, inputs, positions=None, mask=None):
        outputs = torch.zeros(*inputs.shape, self.config.outputs)
        for r, row in enumerate(inputs.tolist()):
            for end in range(sums.PROMPT, len(row) + 1):
                token = self.next.get(tuple(row[:end]), search.STOP)
                outputs[r, end - 1, token] = 1.0
        return outputs


@pytest.mark.parametrize("form", ["answer", "typed", "told"])
def test_a_model_that_is_right_measures_as_right(monkeypatch, form):
    monkeypatch.setattr(sums, "TEST", 12)
    monkeypatch.setattr(sums, "TRAINING", 20)
    config = Config("subset sum", form, 1, 1, (0,))
    met = sums.problems(20, held_out=False, seed=1)[:12]
    rows = [sums.write(*problem, form) for problem in sums.problems(12, held_out=True, seed=2) + met]
    model = Perfect(scratchpad.model_config(config), rows)

    class One(list):
        def __call__(self, inputs):
            return model(inputs)[None]

    def speak(speaker, *arguments, **options):
        said = generate(model, *arguments, **options)
        return said if speaker is model else said[None]

    monkeypatch.setattr(sums, "generate", speak)
    found = sums.measure(One([model]), config)[0]
    assert found == {"answer": 1.0, "met": 1.0, "whole": 1.0, "forced": 1.0, "unanswered": 0.0}


def test_the_teller_ends_a_search_that_makes_an_impossible_move():
    teller = sums.Teller(search.SubsetSum((5, 3), 3))
    assert teller.token() == sums.OPEN + 2  # 5 is too much: it may only be left
    assert not teller.move(search.FIRST) and not teller.move(search.FIRST + 2) and not teller.move(0)
    assert teller.move(search.FIRST + 1) and teller.token() == sums.OPEN + 1
    assert not teller.move(search.FIRST + 2)  # what is open is 1, not 0
    assert teller.move(search.FIRST + 3) and teller.token() == sums.OPEN


# --- runs and what they decide --------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem, forms", [("S3", words.FORMS), ("subset sum", ("typed", "told"))])
def test_records_hold_shares_or_nothing(monkeypatch, problem, forms):
    monkeypatch.setattr(sums, "TEST", 20)
    monkeypatch.setattr(sums, "TRAINING", 50)
    for form in forms:
        records = scratchpad.run(Config(problem, form, 1, 3, (0, 1), width=8, batch=4))
        assert [record["seed"] for record in records] == [0, 1]
        for record in records:
            shares = [record[name] for name in ("answer", "whole", "forced", "met", "sign", "unanswered")]
            assert all(share is None or 0 <= share <= 1 for share in shares)
            assert (record["by_position"] is None) == (form not in ("supervised", "unread", "written"))
            if record["by_position"]:
                assert record["by_position"][-1] == pytest.approx(record["answer"], abs=1e-4)
    assert scratchpad.figure(pd.DataFrame([{**vars(Config(problem, "typed", 1, 3, (0,))), **records[0]}])).axes


def test_a_trained_model_writes_the_states_of_s3():
    records = scratchpad.run(Config("S3", "written", 1, 600, (0,), lr=5e-3))
    assert records[0]["answer"] > 0.9 and records[0]["whole"] > 0.8 and records[0]["sign"] > 0.9


def made_up(**answers):
    """Records with the given share of right answers, by form; a hair between the seeds."""
    rows = []
    for config in experiments.grid("scratchpad", "full"):
        for seed in config.seeds:
            share = answers.get(config.form, 0.2)
            share = share(config) if callable(share) else share
            rows.append({**vars(config), "seed": seed, "answer": share + 0.001 * seed})
    return pd.DataFrame(rows)


RULES = experiments.predicates("scratchpad")


@pytest.mark.parametrize(
    "rule, answers, statuses",
    [
        ("written_states_beat_direct_answers", dict(written=0.99), {"holds"}),
        ("written_states_beat_direct_answers", dict(written=0.6), {"contradicted"}),
        ("shallow_models_gain_more", dict(written=lambda c: 0.9 if c.depth == 1 else 0.5), {"holds"}),
        ("shallow_models_gain_more", dict(written=lambda c: 0.9 if c.depth == 4 else 0.5), {"contradicted"}),
        ("written_search_beats_the_answer", dict(typed=0.7, echoed=0.7, summed=0.7, answer=0.6), {"holds"}),
        ("written_search_beats_the_answer", dict(typed=0.5, echoed=0.5, summed=0.5, answer=0.6), {"contradicted"}),
    ],
)
def test_what_the_rules_say_of_records_that_are_made_up(rule, answers, statuses):
    table = RULES[rule](made_up(**answers))
    assert set(table["status"]) == statuses and len(table) >= 2


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_decides_where_seeds_scatter(rule):
    records = made_up()
    records["answer"] = np.random.default_rng(0).random(len(records))
    assert "undecided" in set(RULES[rule](records)["status"])
    records.loc[records.index[::5], "answer"] = None
    with pytest.raises(ValueError, match="have no number in 'answer'"):
        RULES[rule](records)


# --- answers that weaker checkers would misjudge --------------------------------------------------------------------


def states_by_accumulation(word, table):
    return np.array([*word, len(table), *itertools.accumulate(word, lambda state, element: table[state][element])])


def states_from_the_neutral_element(word, table):
    row, state = [*word, len(table)], 0
    for element in word:
        state = table[state][element]
        row.append(state)
    return row


def slips_from_the_neutral_element(word, said, table):
    return sum(s != table[before][element] for before, s, element in zip([0, *said], said, word, strict=False))


def slips_of_pairs(word, said, table):
    follows = [word[0]] + [table[state][element] for state, element in zip(said, word[1:], strict=False)]
    return int(np.sum(np.array(follows) != np.array(said)))


def forced_with_arrays(words, table, belief):
    words, table, belief = np.array(words), np.array(table), np.array(belief)
    true = said = words[:, 0]
    right = []
    for elements in words[:, 1:].T:
        right.append(belief[true, elements] == table[true, elements])
        true, said = table[true, elements], belief[said, elements]
    return [np.mean(right), np.mean(said == true)]


@pytest.mark.parametrize(
    "name, answer",
    [
        ("states", states_by_accumulation),
        ("states", lambda word, table: tuple(states_by_accumulation(word, table).tolist())),
        ("states", states_from_the_neutral_element),
        ("slips", slips_of_pairs),
        ("slips", slips_from_the_neutral_element),
        ("forced", forced_with_arrays),
        ("predict", lambda: ["e"]),
        ("predict", lambda: {"e"}),
        ("predict", lambda: "E"),
        ("repair", lambda: dict(condition="TC0 != NC1", verb="express", group="A5", lengths="all")),
    ],
)
def test_right_answers_in_another_style_pass(name, answer):
    assert exercises.examine(exercises.find(f"scratchpad/{name}"), answer)


@pytest.mark.parametrize(
    "name, answer",
    [
        ("states", lambda word, table: [*word, len(table), *[0] * len(word)]),
        ("slips", lambda word, said, table: 0),
        ("slips", lambda word, said, table: len(word)),
        ("forced", lambda words, table, belief: (1.0, 1.0)),
        ("predict", lambda: "abcde"),
        ("repair", lambda: {"group": "A5"}),
    ],
)
def test_answers_that_read_nothing_fail(name, answer):
    assert not exercises.examine(exercises.find(f"scratchpad/{name}"), answer)
