"""The word problem of a group as rows of tokens: the elements, and what is written of their products.

Tokens are the elements of the group, and one more that ends the prompt, or fills.
"""

import torch

from howfar import tasks
from howfar.training import generate

LENGTH = 8
TEST_WORDS = 500
FORMS = ("direct", "supervised", "filler", "unread", "written")


def rows(batch, form, elements):
    """What a model is trained on.

    Parameters
    ----------
    batch : Batch
        Of `howfar.tasks.word_problem`.
    form : str
        ``"direct"``: the elements, and the product of all at the last. ``"supervised"``: the product so far at every
        element, said but not read. ``"filler"``: after the elements as many tokens that say nothing, and the product of
        all at the last of them. ``"unread"``: the same tokens, and at each the product so far is said, not read.
        ``"written"``: after the elements the products so far, each read before the next is said.
    elements : int
        Of the group.

    Returns
    -------
    Batch
        The mask is True where something is to be said.
    """
    words, states = batch.inputs, batch.targets
    count, length = words.shape
    fill = torch.full((count, length), elements)
    last = torch.arange(length) == length - 1
    if form == "direct":
        return tasks.Batch(words, states, last.expand(count, -1))
    if form == "supervised":
        return batch
    read = torch.cat([fill[:, :1], states[:, :-1]], dim=1) if form == "written" else fill
    asked = last if form == "filler" else torch.ones(length, dtype=torch.bool)
    mask = torch.cat([torch.zeros(length, dtype=torch.bool), asked]).expand(count, -1)
    return tasks.Batch(torch.cat([words, read], 1), torch.cat([torch.zeros_like(words), states], 1), mask)


def size(config):
    """How many tokens there are, and the most that a row has."""
    return len(tasks.multiplication_table(config.problem)) + 1, 2 * LENGTH


def sampler(config):
    """``sample(generator)``, fresh words for each batch."""
    elements = size(config)[0] - 1

    def sample(generator):
        return rows(tasks.word_problem(config.batch, LENGTH, config.problem, seed=generator), config.form, elements)

    return sample


def measure(ensemble, config):
    """What each member answers to 500 words: a list of dicts."""
    elements = size(config)[0] - 1
    test = tasks.word_problem(TEST_WORDS, LENGTH, config.problem, seed=10_000)
    made = rows(test, config.form, elements)
    outputs = ensemble(made.inputs)[..., :elements].argmax(-1).cpu()[:, :, -LENGTH:]  # given the truth
    if config.form == "written":
        prompts = made.inputs[:, : LENGTH + 1]
        said = generate(ensemble, prompts, steps=LENGTH, allowed=range(elements))
    else:
        said = outputs
    return [_one(config, test.targets, *member) for member in zip(said, outputs, strict=True)]


def _one(config, states, said, forced):
    right = said == states
    found = {"answer": right[:, -1].double().mean().item()}
    if config.problem == "S3":
        found["sign"] = (_odd(said[:, -1]) == _odd(states[:, -1])).double().mean().item()
    if config.form in ("supervised", "unread", "written"):
        found["by_position"] = [round(share, 4) for share in right.double().mean(0).tolist()]
        found["whole"] = right.all(1).double().mean().item()
    if config.form == "written":
        found["forced"] = (forced == states).double().mean().item()
    return found


def _odd(elements):
    """Which elements of S3 are odd: the swaps of two things, which are their own inverses."""
    table = tasks.multiplication_table("S3")
    return (elements > 0) & (table[elements, elements] == 0)
