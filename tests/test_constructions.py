"""Networks with weights set by hand: exhaustive on short words, checked on long ones, refused where they end."""

import copy
import pickle

import numpy as np
import pytest
import torch

from howfar import Transformer, constructions, dyck, record, tasks


def with_start(words, k):
    return torch.cat([words.new_full((len(words), 1), 2 * k), words], 1)


def strings(letters, length):
    return torch.cartesian_prod(*[torch.arange(letters)] * length).reshape(-1, length)


def says(model, inputs, batch=8192):
    """Where the model says yes: bool, in batches."""
    return torch.cat([model(part) > 0 for part in inputs.split(batch)])


# --- the continuation -----------------------------------------------------------------------------------------------

LISTED = [(1, 6, 14), (2, 2, 13), (2, 3, 14), (2, 5, 12), (3, 3, 9), (5, 7, 7), (9, 3, 6)]  # k, D, N


def test_enough_prefixes_are_listed():
    count = sum(dyck.count_prefixes(t, k, depth) for k, depth, length in LISTED for t in range(length + 1))
    assert count >= 800_000  # distinct: each belongs to one (k, D, N) and is met as a beginning of the longest


@pytest.mark.parametrize("k, depth, length", LISTED)
def test_the_continuation_is_wrong_on_no_viable_prefix(k, depth, length):
    model = constructions.dyck_continuation(k, depth, length)
    assert isinstance(model, Transformer) and not model.training
    assert next(model.parameters()).dtype is torch.float32 and model.config.depth == 2
    for words in dyck.all_prefixes(length, k, depth).split(2**14):
        assert says(model, with_start(words, k)).equal(dyck.legal_tokens(words, k, depth))


@pytest.mark.parametrize("depth, length, precision", [(48, 384, torch.float32), (96, 400, torch.float64)])
def test_the_continuation_reads_long_words(depth, length, precision):
    model = constructions.dyck_continuation(3, depth, length).to(precision)
    words = torch.cat([dyck.Walk(length, 3, p, depth).sample(6, seed=1) for p in (0.5, 0.8)])
    assert says(model, with_start(words, 3)).equal(dyck.legal_tokens(words, 3, depth))


def test_eight_bits_of_precision_are_too_few_for_depth_8():
    words = dyck.Walk(64, 2, 0.5, 8).sample(8, seed=0)
    right = dyck.legal_tokens(words, 2, 8)
    exact = constructions.dyck_continuation(2, 8, 64)
    assert says(exact, with_start(words, 2)).equal(right)
    assert not says(exact.to(torch.bfloat16), with_start(words, 2)).equal(right)


def test_many_types_need_few_features():
    model = constructions.dyck_continuation(1000, 4, 20)
    words = dyck.Walk(20, 1000, 0.6, 4).sample(5, seed=2)
    assert model.config.width == 14 + 4 * 10
    assert says(model, with_start(words, 1000)).equal(dyck.legal_tokens(words, 1000, 4))


def test_the_second_head_looks_at_the_top_of_the_stack():
    word = dyck.from_brackets("([()][{}])")
    model = constructions.dyck_continuation(3, 3, 10)
    with record(model) as seen, torch.no_grad():
        model(with_start(word[None], 3))
    uniform, lookup = (weights[0, 0] for weights in seen.attention)
    assert torch.allclose(uniform, torch.ones(11, 11).tril() / torch.arange(1.0, 12)[:, None])
    tops = [0, 1, 2, 3, 2, 1, 6, 7, 6, 1, 0]  # the place of the top of the stack after each token; the start is place 0
    assert lookup.argmax(-1).tolist() == tops and lookup.max(-1).values.min() > 0.98


@pytest.mark.parametrize(
    "part", ["blocks.0.attention.qkv", "blocks.1.attention.qkv", "blocks.1.attention.out", "outputs"]
)
def test_every_weight_that_is_set_is_used(part):
    """Without the numbers of one row (of both signs of a feature, where it is written) answers are wrong."""
    words = with_start(dyck.all_prefixes(8, 2, 4), 2)
    model = constructions.dyck_continuation(2, 4, 8)
    right = says(model, words)
    rows = torch.nonzero(model.get_submodule(part).weight.abs().sum(1))[:, 0].tolist()
    step = 2 if part.endswith("out") else 1
    assert rows
    for first in rows[::step]:
        broken = copy.deepcopy(model)
        broken.get_submodule(part).weight[first : first + step] = 0
        assert not says(broken, words).equal(right), first


# --- the recogniser -------------------------------------------------------------------------------------------------


def is_word_so_far(words, k):
    return torch.stack([dyck.is_word(words[:, :t], k) for t in range(words.shape[1] + 1)], 1)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("k, length", [(1, 1), (1, 11), (2, 7), (3, 5), (5, 4)])
def test_the_recogniser_is_right_on_every_string(k, length, precision):
    model = constructions.dyck_recogniser(k, length).to(precision)
    words = strings(2 * k, length)
    assert says(model, with_start(words, k))[..., 0].equal(is_word_so_far(words, k))


@pytest.mark.parametrize("length, precision", [(96, torch.float32), (200, torch.float64)])
def test_the_recogniser_reads_long_words_and_their_misprints(length, precision):
    words = torch.cat([dyck.sample_words(12, length, 3, seed=1), dyck.Walk(length, 3, 0.7).sample(12, seed=2)])
    rng = torch.Generator().manual_seed(3)
    misprints = words.clone()
    misprints[torch.arange(24), torch.randint(length, (24,), generator=rng)] = torch.randint(6, (24,), generator=rng)
    nest = torch.cat([torch.arange(length // 2) % 3, 3 + torch.arange(length // 2).flip(0) % 3])
    words = torch.cat([words, misprints, nest[None], nest[None].roll(1)])
    right = is_word_so_far(words, 3)
    assert 20 < right[:, -1].sum() < 45
    model = constructions.dyck_recogniser(3, length).to(precision)
    assert says(model, with_start(words, 3))[..., 0].equal(right)


# --- alternating blocks ---------------------------------------------------------------------------------------------


def count_blocks(words):
    changes = (words[:, 1:] != words[:, :-1]).long().cumsum(1)
    return 1 + torch.cat([torch.zeros(len(words), 1, dtype=torch.int64), changes], 1)


def in_blocks(words, blocks):
    """Is the prefix in the language? The empty one isn't."""
    return torch.cat([torch.zeros(len(words), 1).bool(), (count_blocks(words) == blocks) & (words[:, :1] == 0)], 1)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("blocks", range(3, 9))
def test_blocks_are_predicted_by_two_layers_less(blocks, precision):
    words = strings(2, 12)
    words = words[(words[:, 0] == 0) & (count_blocks(words)[:, -1] <= blocks)]
    model = constructions.alternating_blocks(blocks, 12).to(precision)
    assert model.config.depth == blocks - 2
    assert says(model, with_start(words, 1))[..., 0].equal(in_blocks(words, blocks))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("blocks", range(1, 6))
def test_blocks_of_any_string_take_one_layer_each(blocks, precision):
    words = strings(2, 11)
    model = constructions.alternating_blocks(blocks, 11, strings="all").to(precision)
    assert model.config.depth == blocks
    assert says(model, with_start(words, 1))[..., 0].equal(in_blocks(words, blocks))


def test_long_blocks():
    batch = tasks.with_start(tasks.alternating_blocks(20, 600, 6, seed=0), 2)
    model = constructions.alternating_blocks(6, 600)
    assert says(model, batch.inputs)[..., 0].equal(batch.targets.bool())


def test_the_weights_of_each_layer_are_used():
    words = with_start(strings(2, 8), 1)
    model = constructions.alternating_blocks(4, 8, strings="all")
    right = says(model, words)
    for layer, block in enumerate(model.blocks):
        broken = copy.deepcopy(model)
        broken.blocks[layer].mlp[0].weight.zero_()
        assert not says(broken, words).equal(right), layer
        assert block.attention.qkv.weight.abs().sum() > 0


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, inputs, said",
    [
        (constructions.dyck_continuation(2, 2, 4), [[4, 0, 2, 0, 2, 0]], "at most 5 tokens long.*got 6"),
        (constructions.dyck_continuation(2, 2, 4), [[4, 0, 2], [4, 0, 4]], "start token 4.*row 1"),
        (constructions.dyck_continuation(2, 2, 4), [[0, 2]], "begin with the start token 4"),
        (
            constructions.dyck_continuation(2, 2, 4),
            [[4, 0, 2, 0], [4, 0, 0, 1]],
            "row 1 opens.*deeper than max_depth=2",
        ),
        (constructions.dyck_continuation(2, 2, 4), [[4, 0, 3]], "row 0 closes type 1 where type 0"),
        (constructions.dyck_continuation(2, 2, 4), [[4, 5]], "tokens from 0 to 4"),
        (constructions.dyck_recogniser(2, 3), [[4, 0, 0, 0, 0]], "at most 4 tokens"),
        (constructions.dyck_recogniser(2, 3), [[4, 0, 4]], "nowhere else"),
        (constructions.alternating_blocks(3, 5), [[2, 0, 1], [2, 1, 0]], "row 1 begins with 1"),
        (constructions.alternating_blocks(3, 5), [[2, 0, 0, 0, 0], [2, 0, 1, 0, 1]], "row 1 has more than 3 blocks"),
        (constructions.alternating_blocks(3, 5), [[2, 0, 0, 0, 0, 0, 0]], "at most 6 tokens"),
    ],
)
def test_words_that_the_weights_are_not_made_for(model, inputs, said):
    with pytest.raises(ValueError, match=said):
        model(torch.tensor(inputs))


def test_padding_that_is_masked_is_not_judged():
    model = constructions.dyck_continuation(2, 1, 4)
    inputs = torch.tensor([[4, 0, 2, 1], [4, 1, 0, 0]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    right = dyck.legal_tokens([[0, 2, 1], [1]], 2, 1)
    assert (model(inputs, mask=mask)[0] > 0).equal(right[0]) and (model(inputs, mask=mask)[1, :2] > 0).equal(
        right[1, :2]
    )
    with pytest.raises(ValueError, match="row 1"):
        model(inputs)
    blocks = constructions.alternating_blocks(3, 4)
    assert blocks(torch.tensor([[2, 0, 1, 0, 1]]), mask=torch.tensor([[True] * 4 + [False]])).shape == (1, 5, 1)


@pytest.mark.parametrize(
    "make, named",
    [
        (lambda: constructions.dyck_continuation(0, 2, 4), "k must"),
        (lambda: constructions.dyck_continuation(2, 0, 4), "max_depth must"),
        (lambda: constructions.dyck_continuation(2, 2, 4.0), "length must"),
        (lambda: constructions.dyck_recogniser(2, 0), "length must"),
        (lambda: constructions.alternating_blocks(2, 9), "blocks must be an integer of at least 3"),
        (lambda: constructions.alternating_blocks(0, 9, strings="all"), "blocks must"),
        (lambda: constructions.alternating_blocks(3, 9, strings="any"), "strings must be one of 'prefixes', 'all'"),
        (lambda: constructions.threshold_circuit(2, 300), "k=2 and length=300 would take .* wires"),
        (lambda: constructions.threshold_circuit(0, 4), "k must"),
        (lambda: constructions.threshold_circuit(2, 4)([[0, 2]]), "strings of 4 tokens"),
        (lambda: constructions.threshold_circuit(2, 4)([[0, 2, 1, 4]]), "row 0 has 4"),
    ],
)
def test_arguments_out_of_range(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_a_copy_answers_as_the_model_does():
    words = with_start(dyck.all_prefixes(5, 2, 3), 2)
    model = constructions.dyck_continuation(2, 3, 5)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin(words).equal(model(words))
        with pytest.raises(ValueError, match="row 0"):
            twin(torch.tensor([[4, 2]]))


# --- the circuit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k, length", [(1, 7), (1, 10), (2, 1), (2, 5), (2, 6), (3, 4), (4, 4)])
def test_the_circuit_is_right_on_every_string(k, length):
    circuit = constructions.threshold_circuit(k, length)
    words = strings(2 * k, length)
    assert circuit(words).equal(dyck.is_word(words, k))
    assert circuit.depth == (2 if k == 1 or length == 1 else 3)


@pytest.mark.parametrize("k, length", [(1, 4), (2, 7), (3, 8)])
def test_gates_are_counted_as_the_docstring_says(k, length):
    circuit, half = constructions.threshold_circuit(k, length), length // 2
    assert circuit.size == length * (half + 2) + k * (k - 1) * length * (length - 1) // 2 * half + 1
    assert [len(layer) for layer in circuit.names] == [len(layer) for layer in circuit.thresholds]
    assert circuit.wires == sum((layer != 0).sum() for layer in circuit.weights)


def test_gates_say_what_they_are_named_for():
    circuit = constructions.threshold_circuit(3, 8)
    words = dyck.from_brackets(["([()]{})", "([()}{})", "())(()[]"])
    layers = circuit.gates(words)
    depths = dyck.depths(words, 3).numpy()
    for gate, (_, i, t) in enumerate(circuit.names[0]):
        assert np.array_equal(layers[0][:, gate], depths[:, i] >= t)
    fired = [[name for name, on in zip(circuit.names[1], row, strict=True) if on] for row in layers[1]]
    assert fired == [[], [("partners", 1, 4, 2, 1, 2)], []]
    assert layers[2][:, 0].tolist() == [True, False, False]


def test_a_gate_that_is_cut_out_is_missed_where_it_is_needed():
    words = strings(4, 4)
    circuit = constructions.threshold_circuit(2, 4)
    thresholds = [part.copy() for part in circuit.thresholds]
    thresholds[1][circuit.names[1].index(("partners", 0, 3, 1, 0, 1))] += 100  # never on
    broken = constructions.ThresholdCircuit(2, 4, circuit.weights, tuple(thresholds), circuit.names)
    wrong = words[broken(words) != dyck.is_word(words, 2)]
    assert dyck.to_brackets(wrong, 2) == ["(()]", "([]]"]
