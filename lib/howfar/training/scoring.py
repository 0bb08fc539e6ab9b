"""How many answers are right: token by token, or from the first to the last."""

import torch

from howfar.tasks import prompts_and_answers
from howfar.training.generation import generate
from howfar.transformer import Transformer


def exact_match(model, batch, *, free_running=False, stop=None):
    """Which rows are answered without a mistake?

    Parameters
    ----------
    model : Transformer or Ensemble
    batch : howfar.tasks.Batch
        With a mask; rows of a prompt and an answer (`howfar.tasks.prompts_and_answers`).
    free_running : bool
        True: the model writes the answer, and reads what it has written (`generate`). False: it reads the right answer,
        and each token that it would say next is compared; one pass in place of one for each token.
    stop : int, optional
        As for `generate`, only to save time.

    Returns
    -------
    bool tensor (rows,), on the CPU; of an ensemble (members, rows)

    Notes
    -----
    Both ways give the same rows, up to ties and rounding. By induction on the tokens of an answer: as long as all were
    right, the model has read the same in both, so that it says the same next. The first mistake is the same one, and
    one mistake is enough. It ends there: behind a mistake the two texts differ, and `token_accuracy` is a number of the
    text that is read.
    """
    if not free_running:
        said, batch = _said(model, batch), batch.to("cpu")
        return ((said == batch.targets) | ~_mask(batch)).all(-1)
    prompts, answers = prompts_and_answers(batch.to("cpu"))
    positions = batch.positions
    if positions is not None:  # the last token that is said is never read, but generate wants a place for it
        positions = torch.cat([positions, positions[..., -1:]], -1)
    said = generate(model, prompts, steps=answers.shape[1], stop=stop, positions=positions)
    return ((said == answers) | (answers < 0)).all(-1)


def token_accuracy(model, batch):
    """The share of an answer's tokens that are right where the model reads the right answer so far.

    Parameters
    ----------
    model : Transformer or Ensemble
    batch : howfar.tasks.Batch
        With a mask.

    Returns
    -------
    float tensor without axes, on the CPU; of an ensemble (members,)
        Of all tokens that count, in all rows.
    """
    said, batch = _said(model, batch), batch.to("cpu")
    mask = _mask(batch)
    return ((said == batch.targets) & mask).sum((-1, -2)) / mask.sum()


@torch.no_grad()
def _said(model, batch):
    """The token that is said next at each place, on the CPU. (An ensemble moves its inputs by itself.)"""
    if isinstance(model, Transformer):
        batch = batch.to(model.outputs.weight.device)
    return model(batch.inputs, batch.positions).argmax(-1).cpu()


def _mask(batch):
    if batch.mask is None:
        raise ValueError("batch must have a mask: it says which tokens are the answer")
    return batch.mask
