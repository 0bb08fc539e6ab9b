"""Checkers of the shift chapters and the running sum: right answers in other styles, wrong ones once accepted."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from howfar import exercises
from howfar.encodings import Encoding, offsets
from howfar.exercises.engine import examine


class Exponential(Encoding):
    """A slope that stays positive: the exponential of what is learned."""

    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        self.logs = nn.Parameter(torch.zeros(heads))

    def bias(self, query_positions, key_positions):
        distance = offsets(query_positions, key_positions).abs().float()[..., None, :, :]
        return -self.logs.exp()[:, None, None] * torch.log1p(distance)


class OneParameterEach(Exponential):
    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        del self.logs
        self.slopes = nn.ParameterList(nn.Parameter(torch.ones(())) for _ in range(heads))

    @property
    def logs(self):
        return torch.stack(list(self.slopes)).log()


class Squared(Exponential):
    def bias(self, query_positions, key_positions):
        distance = offsets(query_positions, key_positions).abs().float()[..., None, :, :]
        return -self.logs.exp()[:, None, None] * torch.log1p(distance) - self.logs[:, None, None] * distance


def numpy_offsets(batch, length, largest, generator):
    starts = torch.randint(0, largest + 1, (batch, 1), generator=generator)
    return (starts + torch.arange(length)).numpy()


def split_by_loop(squared_error, trained):
    errors = np.asarray(squared_error, float).mean(axis=0)
    return errors[:trained].mean(), errors[trained:].mean() if len(errors) > trained else math.nan


RIGHT = [
    ("encodings/register", Exponential),
    ("encodings/register", OneParameterEach),
    ("equivariance/random-offsets", numpy_offsets),
    (
        "encodings/window",
        lambda slope, share: next(w for w in range(10**6) if 1 - math.exp(-slope * w) >= share - 1e-12),
    ),
    ("encodings/rotary", lambda x, p, base: torch.tensor(exercises.find("encodings/rotary").reference(x, p, base))),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_in_another_style_pass(name, answer):
    verdict = examine(exercises.find(name), answer, range(6))
    assert verdict.passed, verdict.message


def mostly_ends(batch, length, largest, generator):
    ends = torch.rand(batch, 1, generator=generator) < 0.9
    evenly = torch.randint(0, largest + 1, (batch, 1), generator=generator)
    sides = largest * torch.randint(0, 2, (batch, 1), generator=generator)
    return torch.where(ends, sides, evenly) + torch.arange(length)


def beyond_is(value):
    return lambda e, trained: (
        np.mean(e[:, :trained]),
        np.mean(e[:, trained:]) if e.shape[1] > trained else value,
    )


WRONG = [
    ("equivariance/random-offsets", mostly_ends),
    ("running_sum/split", beyond_is(None)),
    ("running_sum/split", beyond_is("nan")),
    ("encodings/register", Squared),
]


@pytest.mark.parametrize(("name", "answer"), WRONG)
def test_wrong_answers_once_accepted_fail(name, answer):
    assert examine(exercises.find(name), answer).status == "failed"


def test_an_instance_is_told_apart_from_a_class():
    instance = exercises.find("encodings/register").reference(8, 2, 8)
    verdict = examine(exercises.find("encodings/register"), instance)
    assert verdict.status == "failed" and "pass your class itself" in verdict.message
