"""Question and answer as one row of tokens, and the positions that such a row may be given.

Tokens 0..9 are digits. A row is START, the prompt, SEPARATOR, the answer, STOP; what follows is padding.
"""

import torch
from torch.nn.functional import pad

from howfar import checks
from howfar.search import SEPARATOR, START, STOP
from howfar.tasks.batch import Batch

PLUS = 13
TOKENS = 14  # the vocabulary of a model that reads such rows
NOTHING = -1  # where a prompt or an answer has ended, as in `howfar.dyck.pad_words`


def write_rows(prompts, answers, ids=None):
    """A batch of rows: the prompt is read, the answer and STOP are to be predicted.

    Parameters
    ----------
    prompts : int64 tensor (n, p)
        Tokens; shorter rows end in -1.
    answers : int64 tensor (n, m)
        In the same form.
    ids : (tensor (n, p), tensor (n,), tensor (n, m)), optional
        The positions of the prompt's tokens, of SEPARATOR and of the answer's tokens; START has 0.

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (n, p + m + 2), the rows without their last and without their first token.
        The mask is True where the target is a token of the answer or STOP. ``positions`` has the shape of ``inputs``,
        0 in the padding, or is None.
    """
    parts = [prompts != NOTHING, answers != NOTHING]
    asked, said = (part.sum(1, keepdim=True) for part in parts)  # (n, 1) each
    place = torch.arange(prompts.shape[1] + answers.shape[1] + 3)
    in_prompt, in_answer = place - 1, place - 2 - asked  # which token of the prompt or the answer stands at a place

    def lay(prompt, separator, answer):
        rows = torch.zeros(len(prompts), len(place), dtype=torch.int64)
        rows = rows.where((in_prompt < 0) | (in_prompt >= asked), _pick(prompt, in_prompt.expand_as(rows)))
        rows = rows.where((in_answer < 0) | (in_answer >= said), _pick(answer, in_answer))
        return rows.where(place != asked + 1, separator)

    rows = lay(prompts, torch.tensor(SEPARATOR), answers)
    rows = rows.where(place != asked + said + 2, STOP)
    rows[:, 0] = START
    mask = ((place > asked) & (place <= asked + said + 1))[:, :-1]
    positions = None if ids is None else lay(ids[0], ids[1][:, None], ids[2])[:, :-1]
    return Batch(rows[:, :-1].contiguous(), rows[:, 1:].contiguous(), mask, positions)


def prompts_and_answers(batch):
    """What `howfar.training.generate` is given, and what it should say.

    Parameters
    ----------
    batch : Batch
        Of rows whose answers begin after a prompt: of `copy_string`, `addition`, `search_traces`, ...

    Returns
    -------
    prompts, answers : int64 tensors (n, longest)
        Each row's tokens up to the place of its first answer, and the targets that count, STOP among them; -1 behind a
        row's end.

    Raises
    ------
    ValueError
        If the batch has no mask, or some row's answers are none or not in one piece.
    """
    if batch.mask is None:
        raise ValueError("batch must have a mask: it says where the answers begin")
    said, first = batch.mask.sum(1), batch.mask.int().argmax(1)
    place = torch.arange(batch.inputs.shape[1], device=batch.inputs.device)
    inside = (place >= first[:, None]) & (place < (first + said)[:, None])
    if not (said > 0).all() or not torch.equal(inside, batch.mask):
        raise ValueError("batch must have answers in one piece in every row, and at least one")
    prompts = batch.inputs.where(place <= first[:, None], NOTHING)[:, : int(first.max()) + 1]
    answers = _pick(batch.targets, first[:, None] + place).where(place < said[:, None], NOTHING)
    return prompts, answers[:, : int(said.max())]


def scale_hint(batch, *, by, unit=None):
    r"""Tell the model how long the problem is, through the positions: Scale Hint, as we understand it.

    With n tokens in the prompt (between START and SEPARATOR), the token at place t gets the position

    - by subtraction: t in the prompt, t - n from SEPARATOR on, so that a prompt and its answer are counted alike;
    - by division: t u / n, a real number, so that prompts of all lengths cover the same stretch.

    Parameters
    ----------
    batch : Batch
        Of rows with a prompt; positions that it has are replaced.
    by : {"subtraction", "division"}
    unit : float, optional
        u, for division only: normally the training length.

    Returns
    -------
    Batch
        With ``positions``, int64 or float32, of the shape of ``inputs``.

    Raises
    ------
    ValueError
        If ``by`` is another word, or ``unit`` is missing or given to a subtraction.

    Notes
    -----
    Chen, Liang and Lin, arXiv:2510.04130, propose a "Scale Hint, allowing flexible instance scaling"; more than that
    sentence of theirs we could not read. Both formulas are ours. They are functions of the prompt, and so belong to the
    task: an encoding is never told the length.
    """
    checks.choice("by", by, ("subtraction", "division"))
    prompts, _ = prompts_and_answers(batch)
    n = (prompts != NOTHING).sum(1, keepdim=True) - 2
    place = torch.arange(batch.inputs.shape[1], device=n.device)
    if by == "division":
        return batch._replace(positions=place * checks.number("unit", unit, above=0) / n)
    if unit is not None:
        raise ValueError(f"unit={unit!r} is only for by='division', got by='subtraction'")
    return batch._replace(positions=place - n * (place > n))


def randomize_positions(batch, most, *, gaps=True, seed=None):
    """The same rows at random positions, drawn for each by itself: equal ones stay equal, and their order is kept.

    Parameters
    ----------
    batch : Batch
        Without positions they are 0, 1, 2, ...; coupled ids keep belonging together.
    most : int
        New positions are less than this.
    gaps : bool
        True: the positions that a row uses, 0 to its largest, become as many of 0..most - 1, each choice equally
        likely (see `howfar.randomized_positions`). False: all grow by one number, drawn from 0 to where the largest is
        most - 1. Padding behind the last answer takes no part: a row is what it would be alone.
    seed : int, torch.Generator, numpy.random.Generator or None

    Returns
    -------
    Batch
        With ``positions``, int64 of the shape of ``inputs``.

    Raises
    ------
    ValueError
        If a row uses more than ``most`` positions, or they are not whole numbers of at least 0.

    Notes
    -----
    Ruoss et al., ACL 2023, arXiv:2305.16843, draw positions with gaps, in training and in testing: a model that was
    trained at random positions and is tested at 0, 1, 2, ... meets other distances. So call this on test batches too.
    Random starts: McLeish et al., arXiv:2405.17399.
    """
    shape, generator = batch.inputs.shape[:2], checks.torch_generator(seed)
    positions = torch.arange(shape[1]) if batch.positions is None else batch.positions.cpu()
    if positions.is_floating_point() or int(positions.min()) < 0:
        raise ValueError(f"batch must have whole positions of at least 0, got {positions.dtype} from {positions.min()}")
    inside = torch.ones(shape, dtype=torch.bool) if batch.mask is None else batch.mask.cpu()
    inside = inside.flip(1).cumsum(1).flip(1) > 0  # up to the last answer: padding takes no part
    used = positions.where(inside, 0).amax(1, keepdim=True) + 1
    most, largest = checks.count("most", most), int(used.max())
    if most < largest:
        raise ValueError(f"most must be at least {largest}, the number of positions in use; got {most}")
    if checks.flag("gaps", gaps):
        drawn = torch.rand(shape[0], most, generator=generator).topk(largest).indices
        drawn = drawn.where(torch.arange(largest) < used, most).sort(-1).values  # each row as many as it uses itself
        positions = drawn.gather(1, positions.expand(shape).minimum(used - 1))
    else:
        start = torch.rand(shape[0], 1, generator=generator) * (most - used + 1)
        positions = positions.expand(shape).minimum(used - 1) + start.long()
    return batch._replace(positions=positions.to(batch.inputs.device))


def end(rows, lengths):
    """The same rows with -1 behind their ends; rows (n, most), lengths (n,)."""
    return rows.where(torch.arange(rows.shape[1]) < lengths[:, None], NOTHING)


def _pick(values, index):
    """values[i, index[i, t]], and values[i, 0] or the last where there is no such place."""
    values = pad(values, (0, 1)) if values.shape[1] == 0 else values
    return values.gather(1, index.clamp(0, values.shape[1] - 1))
