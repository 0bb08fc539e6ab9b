"""Exact match: the model that writes by itself and the one that reads the right answer are right on the same rows."""

import pytest
import torch

from howfar import Transformer, TransformerConfig
from howfar.search import STOP
from howfar.tasks import (
    TOKENS,
    Batch,
    addition,
    copy_string,
    cross_entropy,
    parity,
    randomize_positions,
    reverse_string,
    scale_hint,
)
from howfar.training import exact_match, generate, token_accuracy, train


def trained(sample, encoding="rotary", steps=60, **options):
    config = TransformerConfig(
        width=32, vocabulary=TOKENS, outputs=TOKENS, encoding=encoding, encoding_options=options, max_length=40
    )
    return train(config, sample, cross_entropy, steps=steps, seeds=[0, 1], lr=6e-3)


CASES = {
    "copy": (lambda n, length, seed: copy_string(n, length, symbols=3, seed=seed), "rotary"),
    "coupled": (lambda n, length, seed: reverse_string(n, length, symbols=3, coupled=True, seed=seed), "sinusoidal"),
    "random": (
        lambda n, length, seed: randomize_positions(parity(n, length, scratchpad=True, seed=seed), 40, seed=seed),
        "learned",
    ),
    "divided": (
        lambda n, length, seed: scale_hint(addition(n, length, base=2, seed=seed), by="division", unit=3),
        "alibi",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_free_running_and_teacher_forced_exact_match_agree_row_by_row(name):
    make, encoding = CASES[name]
    ensemble = trained(lambda generator: make(16, (1, 3), generator), encoding)
    batch = make(120, (1, 4), 1)
    forced = exact_match(ensemble, batch)
    assert forced.shape == (2, 120) and 0.05 < forced.float().mean() < 0.95  # some right, some wrong
    for stop in (None, STOP):
        assert torch.equal(exact_match(ensemble, batch, free_running=True, stop=stop), forced)
    model = ensemble[1]
    assert torch.equal(exact_match(model, batch), forced[1])
    assert torch.equal(exact_match(model, batch, free_running=True), forced[1])


def test_a_mistake_changes_what_follows_so_that_token_accuracy_is_of_the_text_that_is_read():
    torch.manual_seed(0)
    model = Transformer(TransformerConfig(vocabulary=TOKENS, outputs=TOKENS))

    class SaysTheNextDigit(Transformer):  # 3 4 5 ...: right after the right digit, wrong for ever after a wrong one
        def forward(self, inputs, positions=None, mask=None):
            said = torch.nn.functional.one_hot((inputs + 1) % 10, TOKENS).float()
            return torch.where((inputs == 12)[..., None], 0.0, said)

    model.__class__ = SaysTheNextDigit
    tokens = torch.tensor([[10, 11, 3, 4, 5, 6]])
    batch = Batch(tokens[:, :-1], tokens[:, 1:], torch.tensor([[False, True, True, True, True]]))
    assert float(token_accuracy(model, batch)) == 0.75  # it says 2, and reads 3 all the same
    assert not exact_match(model, batch).any() and not exact_match(model, batch, free_running=True).any()
    assert generate(model, [[10, 11]], steps=4).tolist() == [[2, 3, 4, 5]]  # none is right


def test_token_accuracy_counts_every_token_that_counts_once():
    batch = copy_string(50, (1, 6), seed=0)
    ensemble = trained(lambda generator: copy_string(8, (1, 4), seed=generator), steps=20)
    said = ensemble(batch.inputs).argmax(-1)
    right = [(row == batch.targets)[batch.mask].double().mean() for row in said]
    assert token_accuracy(ensemble, batch).tolist() == pytest.approx([float(r) for r in right])
    assert token_accuracy(ensemble[1], batch) == pytest.approx(float(right[1]))


def test_batches_without_a_mask_are_refused():
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    model = Transformer(TransformerConfig(vocabulary=TOKENS, outputs=TOKENS))
    for score in (exact_match, token_accuracy, lambda *a: exact_match(*a, free_running=True)):
        with pytest.raises(ValueError, match="batch must have a mask"):
            score(model, Batch(tokens, tokens))
