"""Subset sums as rows of tokens: four numbers and a target, what is written of the search, and yes or no."""

import functools
import itertools

import numpy as np
import torch

from howfar import search, tasks
from howfar.dyck import pad_words
from howfar.training import generate

NUMBERS, LARGEST = 4, 9
TARGETS = range(5, 21)
MOVES = 14  # problems whose search takes more are left out, whatever the form
TRAINING, TEST = 16_000, 400  # problems
FORMS = ("answer", "typed", "echoed", "summed", "told")
K = search.SubsetSum.branching
NO = search.text_size(K, format="typed")  # tokens of our own, behind those of `howfar.search`
YES = NO + 1
OPEN = YES + 1  # + 1 if the next number may be taken, + 2 if it may be left
TOKENS = OPEN + K**2
PROMPT = 2 + 2 + NUMBERS  # START, two digits of the target, the numbers, SEPARATOR
LENGTHS = {"answer": 2, "typed": MOVES + 2, "echoed": MOVES * 4 + 2, "summed": MOVES * 3 + 2, "told": MOVES * 2 + 3}


def problems(count, *, held_out, seed):
    """Random subset sums of which the target alone says nothing: a target, a coin, then numbers to match.

    Parameters
    ----------
    count : int
    held_out : bool
        A fifth of all sets of numbers, whatever their order, is held out of training.
    seed : int or numpy.random.Generator

    Returns
    -------
    list of (SubsetSum, bool)
        Each with whether it has a solution: every other one at each target, on average. The target is at least the
        smallest number and less than the sum of all.
    """
    rng, found = np.random.default_rng(seed), []
    numbers, pools = _pools(held_out)
    for _ in range(count):
        target, solvable = int(rng.choice(TARGETS)), bool(rng.integers(2))
        while True:
            chosen = numbers[rng.choice(pools[target, solvable])]
            problem = search.SubsetSum(tuple(chosen.tolist()), target)
            if len(search.depth_first(problem).addresses) <= MOVES:
                break
        found.append((problem, solvable))
    return found


@functools.cache
def _pools(held_out):
    """All ordered numbers, and which of them have or lack a solution for each target."""
    numbers = np.array(list(itertools.product(range(1, LARGEST + 1), repeat=NUMBERS)))
    sums = numbers @ np.array(list(itertools.product((0, 1), repeat=NUMBERS))).T
    as_sets = np.sort(numbers, axis=1) @ 10 ** np.arange(NUMBERS)
    sets = np.random.default_rng(7).permutation(np.unique(as_sets))
    right_part = np.isin(as_sets, sets[: len(sets) // 5]) == held_out
    pools = {}
    for target in TARGETS:
        fits = right_part & (numbers.min(1) <= target) & (target < numbers.sum(1))
        solvable = (sums == target).any(1)
        pools |= {(target, yes): np.flatnonzero(fits & (solvable == yes)) for yes in (True, False)}
    return numbers, pools


def guess(problem):
    """A short cut that looks at single numbers: is the target, or what it leaves over, one of them?"""
    return problem.target in problem.numbers or sum(problem.numbers) - problem.target in problem.numbers


def write(problem, solvable, form):
    """One row: prompt, search, YES or NO, STOP.

    Parameters
    ----------
    problem : SubsetSum
    solvable : bool
    form : str
        ``"answer"``: no search. ``"typed"``, ``"echoed"``, ``"summed"``: its trace, as `howfar.search.write_search`
        has it. ``"told"``: a typed trace, and before each move which choices are open: feasible, and not tried yet. The
        model doesn't say that, it is told.

    Returns
    -------
    list of int
    """
    answer = [YES if solvable else NO, search.STOP]
    prompt = search.write_prompt(problem, digits=(2, 1)).tolist()
    if form == "answer":
        return prompt + answer
    found = search.depth_first(problem)
    if form != "told":
        return search.write_search(problem, found, format=form, digits=(2, 1)).tolist()[:-1] + answer
    moves = (search.trace(found) + search.FIRST).tolist()
    told = Teller(problem)
    row = [*prompt, told.token()]
    for move in moves:
        told.move(move)
        row += [move, told.token()]
    return row + answer


class Teller:
    """Follows a search move by move, and knows what is feasible."""

    def __init__(self, problem):
        self.problem, self.states, self.path = problem, [problem.start()], []
        self.open = problem.choices(problem.start())

    def token(self):
        """Which choices are open, as a token."""
        return OPEN + sum(1 << label for label in self.open)

    def move(self, token):
        """Make a move, a token; False if it is none that the search could make now."""
        label = token - search.FIRST
        if label in self.open:
            self.states.append(self.problem.choose(self.states[-1], label))
            self.path.append(label)
            self.open = self.problem.choices(self.states[-1])
        elif self.path and label == K + self.path[-1]:
            self.states.pop()
            tried = self.path.pop()
            self.open = [other for other in self.problem.choices(self.states[-1]) if other > tried]
        else:
            return False
        return True


def size(config):
    """How many tokens there are, and the most that a row has."""
    return TOKENS, PROMPT + LENGTHS[config.form]


def sampler(config):
    """``sample(generator)``, from a fixed set of problems for training."""
    pool = _batch(problems(TRAINING, held_out=False, seed=1), config.form)

    def sample(generator):
        rows = torch.randint(0, TRAINING, (config.batch,), generator=generator)
        return tasks.Batch(pool.inputs[rows], pool.targets[rows], pool.mask[rows])

    return sample


def _batch(some, form):
    words = pad_words([write(*problem, form) for problem in some])
    inputs, targets = words[:, :-1].clamp(min=0), words[:, 1:]
    mask = (targets >= 0) & (targets < OPEN)  # what is told is not asked for
    mask[:, : PROMPT - 1] = False
    return tasks.Batch(inputs, targets.clamp(min=0), mask)


def measure(ensemble, config):
    """What each member answers to 400 problems of other numbers, and to 400 from training: a list of dicts."""
    new, met = problems(TEST, held_out=True, seed=2), problems(TRAINING, held_out=False, seed=1)[:TEST]
    said, said_met = (_answers(ensemble, some, config.form) for some in (new, met))
    batch = _batch(new, config.form)
    steps = batch.mask & (batch.targets >= search.FIRST)  # moves and the answer, no sums
    right = (ensemble(batch.inputs).argmax(-1).cpu() == batch.targets) & steps
    rows = [write(*problem, config.form)[PROMPT:] for problem in new]
    found = []
    for member, (texts, texts_met) in enumerate(zip(said, said_met, strict=True)):
        found.append(
            {
                "answer": _share(_answer(text) == solvable for text, (_, solvable) in zip(texts, new, strict=True)),
                "met": _share(_answer(text) == solvable for text, (_, solvable) in zip(texts_met, met, strict=True)),
                "whole": _share(text == row for text, row in zip(texts, rows, strict=True)),
                "forced": (right[member].sum() / steps.sum()).item(),
                "unanswered": _share(_answer(text) is None for text in texts),
            }
        )
    return found


def _answers(ensemble, some, form):
    """What each member writes after each prompt, up to STOP: lists of lists of tokens."""
    if form == "told":
        return [_with_teller(model, [problem for problem, _ in some]) for model in ensemble]
    prompts = torch.stack([search.write_prompt(problem, digits=(2, 1)) for problem, _ in some])
    said = generate(ensemble, prompts, steps=LENGTHS[form], stop=search.STOP, allowed=range(OPEN))
    return [[[token for token in row if token >= 0] for row in texts] for texts in said.tolist()]


def _with_teller(model, some):
    """What one model writes if it is told before each move what is open; a text ends with a move that can't be made."""
    tellers = [Teller(problem) for problem in some]
    prompts = [search.write_prompt(problem, digits=(2, 1)).tolist() for problem in some]
    texts = [[teller.token()] for teller in tellers]
    left = list(range(len(some)))
    for _ in range(MOVES + 2):
        rows = pad_words([prompts[i] + texts[i] for i in left])
        said = generate(model, rows, steps=1, allowed=range(OPEN))[:, 0].tolist()
        on = []
        for i, token in zip(left, said, strict=True):
            texts[i].append(token)
            if token in (YES, NO):
                texts[i].append(search.STOP)
            elif tellers[i].move(token):
                texts[i].append(tellers[i].token())
                on.append(i)
        left = on
        if not left:
            break
    return texts


def _answer(text):
    """True for yes, False for no, None if there is none."""
    return next((token == YES for token in text if token in (YES, NO)), None)


def _share(values):
    values = list(values)
    return sum(values) / len(values)
