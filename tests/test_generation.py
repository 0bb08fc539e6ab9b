"""Free-running: every row is what a naive loop over one row says, whatever stands beside it."""

import numpy as np
import pytest
import torch

from howfar import dyck, ensembles
from howfar.tasks import Batch, cross_entropy
from howfar.training import generate, train
from howfar.transformer import Transformer, TransformerConfig

CONFIG = dict(depth=2, width=16, heads=2, vocabulary=7, outputs=7, max_length=20)
ENCODINGS = ("none", "learned", "rotary", "alibi")


def make(encoding="learned", seed=0, **changed):
    torch.manual_seed(seed)
    model = Transformer(TransformerConfig(**(CONFIG | dict(encoding=encoding) | changed)))
    for parameter in model.blocks.parameters():  # as it begins, it says the same token for ever
        parameter.data *= 6 if parameter.ndim > 1 else 0
    model.inputs.weight.data *= 0.2
    return model


def prompts(rows=12, longest=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (rows,), generator=generator).tolist()
    lengths[0] = longest
    return dyck.pad_words([torch.randint(0, 7, (n,), generator=generator).tolist() for n in lengths])


def naive(model, row, steps, stop=None, allowed=range(7), positions=None):
    """One row, one token at a time: the definition."""
    text, said = [int(token) for token in row if token >= 0], []
    while len(said) < steps and (not said or said[-1] != stop):
        where = None if positions is None else positions[: len(text)]
        with torch.no_grad():
            outputs = model(torch.tensor([text]), where)[0, -1]
        said.append(max(allowed, key=lambda token: outputs[token].item()))
        text.append(said[-1])
    return said + [-1] * (steps - len(said))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rows_of_different_lengths_are_continued_as_one_by_one(encoding):
    model, rows = make(encoding), prompts()
    said = generate(model, rows, steps=9)
    assert said.dtype == torch.int64 and said.tolist() == [naive(model, row, 9) for row in rows]
    assert len(said.unique()) > 3  # no constant would do


def test_a_row_ends_with_its_stop_token_and_the_others_go_on():
    model, rows = make(), prompts(40)
    said = generate(model, rows, steps=9, stop=3)
    assert said.tolist() == [naive(model, row, 9, stop=3) for row in rows]
    assert len({(row != -1).sum().item() for row in said}) > 3


def test_all_rows_may_stop_at_once():
    model = make()
    with torch.no_grad():
        model.outputs.bias[4] = 1e4
    assert generate(model, prompts(3), steps=3, stop=4).tolist() == [[4, -1, -1]] * 3


@pytest.mark.parametrize(
    "allowed",
    [
        [1, 5, 2], (5, 1, 2), {1, 2, 5}, np.array([1, 2, 5]), torch.tensor([2, 1, 5]),
        [False, True, True, False, False, True, False],
        torch.tensor([False, True, True, False, False, True, False]),
    ],
)  # fmt: skip
def test_only_allowed_tokens_are_said(allowed):
    model, rows = make(), prompts()
    said = generate(model, rows, steps=6, allowed=allowed)
    assert said.tolist() == [naive(model, row, 6, allowed=(1, 2, 5)) for row in rows]
    assert set(said.unique().tolist()) <= {1, 2, 5} != set(generate(model, rows, steps=6).unique().tolist())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_positions_may_be_offset_for_each_row_or_for_all(encoding):
    model, rows = make(encoding, max_length=40), prompts()
    offsets = torch.arange(len(rows))[:, None] + torch.arange(6 + 9)
    said = generate(model, rows, steps=9, positions=offsets)
    assert said.tolist() == [naive(model, row, 9, positions=where) for row, where in zip(rows, offsets, strict=True)]
    shared = generate(model, rows, steps=9, positions=offsets[5])
    assert shared.tolist() == [naive(model, row, 9, positions=offsets[5]) for row in rows]
    shifted = not torch.equal(said, generate(model, rows, steps=9))
    assert shifted == (encoding == "learned")  # the others don't see an offset


def test_positions_follow_their_rows_when_others_stop():
    model, rows = make(), prompts(40)
    offsets = torch.arange(len(rows))[:, None] % 5 + torch.arange(6 + 9)
    said = generate(model, rows, steps=9, stop=3, positions=offsets)
    naively = [naive(model, row, 9, stop=3, positions=where) for row, where in zip(rows, offsets, strict=True)]
    assert said.tolist() == naively and len({len(set(row)) for row in naively}) > 1


def sample(generator):
    tokens = torch.randint(0, 7, (8, 10), generator=generator)
    return Batch(tokens, tokens.cumsum(1) % 7)


def test_each_member_of_an_ensemble_reads_what_it_has_said_itself():
    config = TransformerConfig(**CONFIG, encoding="learned")
    ensemble = train(config, sample, cross_entropy, steps=30, seeds=[0, 1, 2], lr=1e-2)
    rows = prompts()
    said = generate(ensemble, rows, steps=9, stop=3)
    assert said.shape == (3, len(rows), 9)
    for member, text in zip(ensemble, said, strict=True):
        assert torch.equal(text, generate(member, rows, steps=9, stop=3))
    assert not torch.equal(said[0], said[1])


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_other_dtypes(dtype):
    model, rows = make().to(dtype), prompts()
    said = generate(model, rows, steps=5, allowed=[0, 1, 2, 3])
    if dtype is torch.float64:  # in bfloat16 ties are common, and rounding depends on the batch
        assert said.tolist() == [naive(model, row, 5, allowed=range(4)) for row in rows]
    assert said.dtype == torch.int64 and set(said.unique().tolist()) <= {0, 1, 2, 3}


def test_a_batch_too_large_for_memory_is_cut_into_blocks(monkeypatch):
    model, rows = make(), prompts(11)
    offsets = torch.arange(len(rows))[:, None] % 5 + torch.arange(6 + 4)
    whole = generate(model, rows, steps=4, stop=3, positions=offsets)
    monkeypatch.setattr(ensembles, "ROOM", 14 * 64 * 3)
    assert torch.equal(generate(model, rows, steps=4, stop=3, positions=offsets), whole)


def test_the_last_new_token_needs_no_position_of_its_own():
    model = make("learned", max_length=10, encoding_options=dict(out_of_range="raise"))
    rows = prompts(4)
    assert generate(model, rows, steps=5).shape == (4, 5)  # 6 + 5 tokens, of which 10 are read
    with pytest.raises(ValueError, match="position"):
        generate(model, rows, steps=6)


def test_prompts_and_generator_state_are_left_alone():
    model, rows = make(), prompts()
    before, state = rows.clone(), torch.get_rng_state()
    generate(model, rows, steps=3)
    assert torch.equal(rows, before) and torch.equal(torch.get_rng_state(), state)
    assert generate(model, rows.numpy(), steps=3).tolist() == generate(model, rows.tolist(), steps=3).tolist()


def test_a_model_may_say_fewer_tokens_than_it_reads_but_not_more():
    rows = prompts(3)
    assert generate(make(outputs=2), rows, steps=3).max() < 2
    with pytest.raises(ValueError, match=r"allowed must be given: the model says 9 tokens, and reads only the first 7"):
        generate(make(outputs=9), rows, steps=3)
    assert generate(make(outputs=9), rows, steps=3, allowed=range(7)).max() < 7
    with pytest.raises(ValueError, match="allowed must be tokens that the model can read, below 7"):
        generate(make(outputs=9), rows, steps=3, allowed=[8])


@pytest.mark.parametrize(
    "changed, message",
    [
        (dict(model=None), "model must be a Transformer or an Ensemble, got NoneType"),
        (dict(model=make(causal=False)), "model must be causal"),
        (dict(model=make(vocabulary=None, features=2)), "model must read tokens"),
        (dict(prompts=[[0, 7]]), r"prompts must be tokens from 0 to 6, then -1; row 0 has 7"),
        (dict(prompts=[[0, 1], [-2, 1]]), r"prompts must be .* row 1 has -2"),
        (dict(prompts=[[0, 1, 1], [0, -1, 1]]), r"prompts may have -1 only at the end of a row.* row 1"),
        (dict(prompts=[[0, 1], [-1, -1]]), r"prompts must have at least one token.* row 1"),
        (dict(prompts=[0, 1]), r"prompts must have shape \(batch, length\)"),
        (dict(prompts=[[]]), r"prompts must have shape \(batch, length\)"),
        (dict(prompts=[[0.0, 1.0]]), "prompts must hold integers"),
        (dict(steps=0), "steps must be a positive integer"),
        (dict(stop=7), "stop must be an integer from 0 to 6"),
        (dict(stop=True), "stop must be an integer from 0 to 6"),
        (dict(stop=3, allowed=[1, 2]), "stop must be among the allowed tokens, got 3"),
        (dict(allowed=[]), "allowed is empty"),
        (dict(allowed=[False] * 7), "allowed is empty"),
        (dict(allowed=[7]), "allowed must be tokens from 0 to 6"),
        (dict(allowed=[-1]), "allowed must be tokens from 0 to 6"),
        (dict(allowed=3), "allowed must be a sequence"),
        (dict(allowed="01"), "allowed must be a sequence"),
        (dict(allowed=[1.5]), "allowed must hold integers"),
        (dict(allowed=[True, False]), "allowed must have one bool for each of the 7 outputs"),
        (dict(positions=torch.arange(4)), r"positions must reach .* 5 in all; got shape \(4,\)"),
        (dict(positions=torch.arange(10).expand(3, 10)), r"positions must have the shape"),
        (dict(positions=-torch.arange(5)), "positions must lie between 0"),
    ],
)  # fmt: skip
def test_what_is_refused(changed, message):
    good = dict(model=make(), prompts=[[0, 1], [3, -1]], steps=3)
    assert generate(good["model"], good["prompts"], steps=3).shape == (2, 3)
    arguments = good | changed
    with pytest.raises(ValueError, match=message):
        generate(arguments.pop("model"), arguments.pop("prompts"), **arguments)
