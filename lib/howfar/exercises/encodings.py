"""The exercises of ``chapters/shift/encodings.ipynb``."""

import math
import re

import numpy as np
import torch
from torch import nn

from howfar.encodings import ENCODINGS, Encoding, broken_promises, offsets, register
from howfar.exercises.engine import Exercise, Option, Question, Wrong

# --- encodings/attend -------------------------------------------------------------------------------------------


def attend(q, k, v, bias, gate):
    logits = q @ k.T / q.shape[-1] ** 0.5 + bias
    return (gate * logits.softmax(-1)) @ v


def _renormalised(q, k, v, bias, gate):
    weights = gate * (q @ k.T / q.shape[-1] ** 0.5 + bias).softmax(-1)
    return weights / weights.sum(-1, keepdim=True) @ v


def _attend_cases(rng):
    def draw(*shape):
        return torch.tensor(rng.normal(size=shape))

    zeros, ones = torch.zeros(2, 4).double(), torch.ones(2, 2).double()
    far = torch.tensor([[0.0, -1.0], [-1.0, 0.0]]).double()
    half = torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double()
    v = torch.tensor([[1.0], [0.0]]).double()
    small = [(zeros, zeros, v, far, ones), (zeros, zeros, v, 0 * far, half), (zeros + 1, zeros + 1, v, far, half)]
    return small + [
        (draw(n, d), draw(n, d), draw(n, 3), draw(n, n), torch.tensor(rng.uniform(0.5, 2, (n, n))))
        for n, d in ((3, 4), (5, 8))
    ]


ATTEND = Exercise(
    name="encodings/attend",
    title="Attention, asked by its encoding",
    difficulty=2,
    minutes=10,
    reference=attend,
    cases=_attend_cases,
    wrong=(
        Wrong(
            "forgets the scale",
            lambda q, k, v, bias, gate: gate * (q @ k.T + bias).softmax(-1) @ v,
            "divide the products of queries and keys by the square root of the head's width.",
        ),
        Wrong(
            "scales the bias, too",
            lambda q, k, v, bias, gate: gate * ((q @ k.T + bias) / q.shape[-1] ** 0.5).softmax(-1) @ v,
            "the scale belongs to the products q·k alone. A bias divided by it is a gentler bias.",
        ),
        Wrong(
            "gate before the softmax",
            lambda q, k, v, bias, gate: (gate * (q @ k.T / q.shape[-1] ** 0.5 + bias)).softmax(-1) @ v,
            "you multiply the logits by the gate. It multiplies the weights, which exist only after the softmax.",
        ),
        Wrong(
            "normalises again",
            _renormalised,
            "after the gate the rows may add up to anything. Dividing by their sums makes the gate one more bias.",
        ),
        Wrong(
            "bias after the softmax",
            lambda q, k, v, bias, gate: gate * ((q @ k.T / q.shape[-1] ** 0.5).softmax(-1) + bias) @ v,
            "the bias is added to the logits, before the softmax; added to weights it can make them negative.",
        ),
        Wrong(
            "softmax over the queries",
            lambda q, k, v, bias, gate: gate * (q @ k.T / q.shape[-1] ** 0.5 + bias).softmax(0) @ v,
            "each query shares out its attention among the keys: the softmax runs over the last axis.",
        ),
    ),
)

# --- encodings/sinusoid -----------------------------------------------------------------------------------------


def sinusoid(position, width, base):
    angles = position * base ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).ravel()


def _interleave(a, b):
    return np.stack([a, b], axis=-1).ravel()


def _sines(angles):
    return _interleave(np.sin(angles), np.cos(angles))


def _sinusoid_cases(rng):
    small = [(0, 2, 10.0), (1, 4, 100.0), (3, 4, 10000.0)]
    bases = (10000.0, float(rng.uniform(2, 500)), float(rng.uniform(500, 50000)))
    return small + [(int(rng.integers(1, 100)), width, base) for width, base in zip((6, 8, 64), bases, strict=True)]


SINUSOID = Exercise(
    name="encodings/sinusoid",
    title="The code of one position",
    difficulty=1,
    minutes=8,
    reference=sinusoid,
    cases=_sinusoid_cases,
    wrong=(
        Wrong(
            "exponent i/d",
            lambda p, width, base: _sines(p * base ** (-np.arange(width // 2) / width)),
            "pair i has the frequency base ** (-2i / width): your exponent lacks the 2, so that the slowest pair is "
            "far too fast.",
        ),
        Wrong(
            "doubles the exponent twice",
            lambda p, width, base: _sines(p * base ** (-2 * np.arange(0, width, 2) / width)),
            "a range in steps of two is 2i already. Multiplied by two again, the frequencies fall too fast.",
        ),
        Wrong(
            "all sines, then all cosines",
            lambda p, width, base: np.concatenate(_pair(p, width, base)),
            "you put all sines first. Another convention, and a fine one; here sine and cosine alternate.",
        ),
        Wrong(
            "cosine first",
            lambda p, width, base: _interleave(*reversed(_pair(p, width, base))),
            "the sine stands at the even features, the cosine at the odd ones: position 0 is 0, 1, 0, 1, ...",
        ),
        Wrong(
            "frequencies that grow",
            lambda p, width, base: _sines(p * base ** (np.arange(0, width, 2) / width)),
            "the sign of the exponent: the first pair is the fastest, the later ones turn ever more slowly.",
        ),
        Wrong(
            "one base for all",
            lambda p, width, base: sinusoid(p, width, 10000.0),
            "10000 is the usual base, not the only one: use the argument.",
        ),
        Wrong(
            "degrees",
            lambda p, width, base: _sines(np.deg2rad(p * base ** (-np.arange(0, width, 2) / width))),
            "the angles are radians; np.sin wants them as they are.",
        ),
    ),
)


def _pair(position, width, base):
    angles = position * base ** (-np.arange(0, width, 2) / width)
    return np.sin(angles), np.cos(angles)


# --- encodings/rotary -------------------------------------------------------------------------------------------


def rotate_half(x, position, base):
    half = len(x) // 2
    angles = position * base ** (-np.arange(half) / half)
    a, b = x[:half], x[half:]
    turned = a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)
    return np.concatenate(turned)


def _rotate_interleaved(x, position, base):
    angles = position * base ** (-np.arange(len(x) // 2) / (len(x) // 2))
    a, b = x[0::2], x[1::2]
    return _interleave(a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles))


def _rotate_without_sign(x, position, base):
    half = len(x) // 2
    angles = position * base ** (-np.arange(half) / half)
    a, b = x[:half], x[half:]
    return np.concatenate(
        [a * np.cos(angles) + b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)],
    )


def _rotate_at_one_speed(x, position, base):
    return rotate_half(x, position, 1.0)


def _rotary_cases(rng):
    small = [([1.0, 0.0], 1, 10.0), ([1.0, 2.0, 3.0, 4.0], 1, 100.0), (np.arange(1.0, 9.0), 1, 10000.0)]
    bases = (10.0, 10000.0, float(rng.uniform(2, 500)), float(rng.uniform(500, 50000)))
    large = [
        (rng.normal(size=n), int(rng.integers(2, 100)), base) for n, base in zip((4, 8, 6, 10), bases, strict=True)
    ]
    return [(np.array(x), p, base) for x, p, base in small + large]


ROTARY = Exercise(
    name="encodings/rotary",
    title="Turn by halves",
    difficulty=2,
    minutes=10,
    reference=rotate_half,
    cases=_rotary_cases,
    wrong=(
        Wrong(
            "interleaved pairs",
            _rotate_interleaved,
            "you pair neighbours, features 0 and 1, 2 and 3. Here feature i is paired with feature i + d/2.",
        ),
        Wrong(
            "turns backwards",
            lambda x, p, base: rotate_half(x, -p, base),
            "the turn goes the other way: [1, 0] turned by a small angle is [cos, sin], both positive.",
        ),
        Wrong(
            "drops a minus",
            _rotate_without_sign,
            "a cos + b sin beside a sin + b cos is no rotation: lengths change. One of the sines carries a minus.",
        ),
        Wrong(
            "frequencies of a head twice as wide",
            lambda x, p, base: rotate_half(x, p, base**0.5),
            "with d features there are d/2 pairs, and pair i turns at base ** (-2i / d): the exponent runs from 0 "
            "nearly to -1, yours to -1/2.",
        ),
        Wrong(
            "one speed for all pairs",
            _rotate_at_one_speed,
            "every pair turns by the same angle. Pair i has a frequency of its own.",
        ),
        Wrong(
            "one base for all",
            lambda x, p, base: rotate_half(x, p, 10000.0),
            "10000 is the usual base, not the only one: use the argument.",
        ),
        Wrong(
            "forgets the position",
            lambda x, p, base: rotate_half(x, 1, base),
            "your angles are the frequencies. Multiply them by the position.",
        ),
    ),
)

# --- encodings/window -------------------------------------------------------------------------------------------


def alibi_window(slope, share):
    return math.ceil(math.log(1 - share) / -slope)


def _window_cases(rng):
    halving = math.log(2)  # each key has half the weight of the one before: w keys hold 1 - 2**-w, exactly
    small = [(1.0, 0.5), (halving, 0.5), (halving, 0.75), (0.5, 0.5), (0.25, 0.9)]
    drawn = [(float(rng.uniform(0.01, 0.1)), float(rng.uniform(0.3, 0.99))) for _ in range(3)]
    return [*small, (1 / 16, 0.95), (1 / 64, 0.9), (1 / 256, 0.5), *drawn]


WINDOW = Exercise(
    name="encodings/window",
    title="How far does ALiBi look?",
    difficulty=1,
    minutes=8,
    reference=alibi_window,
    cases=_window_cases,
    wrong=(
        Wrong(
            "one key short",
            lambda slope, share: math.floor(math.log(1 - share) / -slope),
            "that many keys hold a little less than the share. Round up (and count keys: w of them lie at distances "
            "0 to w - 1).",
        ),
        Wrong(
            "one key too many",
            lambda slope, share: math.floor(math.log(1 - share) / -slope) + 1,
            "where w keys hold exactly the share, w is enough: with weights 1, 1/2, 1/4, ... the nearest key alone "
            "holds one half.",
        ),
        Wrong(
            "log of the share itself",
            lambda slope, share: math.ceil(math.log(share) / -slope),
            "what decays is the mass *left out*: exp(-slope * w) = 1 - share.",
        ),
        Wrong(
            "ignores the share",
            lambda slope, share: math.ceil(1 / slope),
            "1 / slope is where the weight has fallen to 1/e. The question is how many keys hold the given share.",
        ),
        Wrong(
            "reads the bias as the weight",
            lambda slope, share: math.ceil(share / slope),
            "the logit falls along a line, the weight is its exponential.",
        ),
        Wrong(
            "sign",
            lambda slope, share: math.ceil(math.log(1 - share) / slope),
            "the logarithm of a number below 1 is negative: your window is, too.",
        ),
    ),
)

# --- encodings/register -----------------------------------------------------------------------------------------


class LogDistance(Encoding):
    shift_invariant = True

    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        self.slopes = nn.Parameter(torch.ones(heads))

    def bias(self, query_positions, key_positions):
        distance = offsets(query_positions, key_positions).abs().float()
        return -self.slopes[:, None, None] * torch.log1p(distance)[..., None, :, :]


class _Transposed(LogDistance):
    def bias(self, query_positions, key_positions):
        return super().bias(key_positions, query_positions)


class _NoHeads(LogDistance):
    def bias(self, query_positions, key_positions):
        return -self.slopes.mean() * torch.log1p(offsets(query_positions, key_positions).abs().float())


class _OneRow(LogDistance):
    def bias(self, query_positions, key_positions):
        return -self.slopes[:, None, None] * torch.log1p(offsets(query_positions, key_positions).abs().float())


class _LogOfZero(LogDistance):
    def bias(self, query_positions, key_positions):
        distance = offsets(query_positions, key_positions).abs().float()
        return -self.slopes[:, None, None] * distance.log()[..., None, :, :]


class _Attracted(LogDistance):
    def bias(self, query_positions, key_positions):
        return -super().bias(query_positions, key_positions)


class _Absolute(LogDistance):
    def bias(self, query_positions, key_positions):
        return super().bias(torch.zeros_like(query_positions), key_positions)


class _Fixed(LogDistance):
    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        del self.slopes
        self.slopes = torch.ones(heads)


class _Shared(LogDistance):
    def __init__(self, width, heads, max_length, causal=False):
        super().__init__(width, heads, max_length, causal)
        self.slopes = nn.Parameter(torch.ones(1))

    def bias(self, query_positions, key_positions):
        return super().bias(query_positions, key_positions).repeat_interleave(self.heads, dim=-3)


class _Undeclared(LogDistance):
    shift_invariant = None


def _try_out(answer, width, heads, max_length, causal, query_positions, key_positions):
    """Register the class under a passing name, have it tested, and ask it for its bias before and after it learns."""
    if getattr(answer, "shift_invariant", ...) is None:  # `register` would raise, and an exception names no mistake
        return {"shift_invariant": "not declared"}
    encoding = answer(width, heads, max_length, causal)
    bias = encoding if encoding is ... else encoding.bias(query_positions, key_positions)
    if bias is ...:
        return ...
    name = "the_answer_to_an_exercise"
    register(name)(answer)
    try:
        broken = broken_promises(name)
    finally:
        del ENCODINGS[name]
    start = bias.detach().clone()
    with torch.no_grad():
        parameters = list(encoding.parameters())
        numbers = nn.utils.parameters_to_vector(parameters) if parameters else torch.empty(0)
        steps = torch.linspace(0.2, 0.6, max(len(numbers), 1))  # as an optimiser would: each number on its own way
        nn.utils.vector_to_parameters(numbers + steps[: len(numbers)], parameters)
        later = encoding.bias(query_positions, key_positions)
    return {
        "shift_invariant": "declared",
        "broken promises": re.sub(r" by [\d.e+-]+", "", " / ".join(broken)) or "none",
        "bias at the start": start,
        **_what_was_learned(start, later, query_positions, key_positions),
    }


def _what_was_learned(start, later, query_positions, key_positions):
    """In words, so that every way to parametrise a slope is welcome: the number itself, its logarithm, one each."""
    grown = -torch.log1p(offsets(query_positions, key_positions).abs().float())
    size = grown.square().sum()
    if later.shape[-2:] != grown.shape or later.ndim != 3 or size == 0:
        return {"slopes": "in another form"}
    slopes = (later * grown).sum((-1, -2)) / size
    formed = torch.allclose(later, slopes[:, None, None] * grown, atol=1e-4)
    moved = not torch.allclose(later, start, atol=1e-4)
    apart = len(slopes) == 1 or bool((slopes.diff().abs() > 1e-3).all())
    return {
        "after learning": "still -slope * log(1 + distance)" if formed else "another function of the distance",
        "slopes": "learned" if moved else "fixed",
        "heads": "each with its own slope" if apart else "with one slope",
    }


def _register_cases(rng):
    cases = [(2, 1, 8, True, torch.arange(2), torch.arange(2)), (8, 2, 8, True, torch.arange(2), torch.arange(3))]
    positions = torch.tensor(np.sort(rng.choice(100, size=5, replace=False)))
    return [*cases, (16, 4, 64, False, positions, positions), (15, 3, 64, False, positions[-2:], positions)]


REGISTER = Exercise(
    name="encodings/register",
    title="An encoding of your own",
    difficulty=3,
    minutes=20,
    reference=LogDistance,
    cases=_register_cases,
    run=_try_out,
    wrong=(
        Wrong(
            "transposed",
            _Transposed,
            "the first argument belongs to the queries, which are the rows: (heads, queries, keys).",
        ),
        Wrong(
            "no axis for the heads",
            _NoHeads,
            "each head has its own slope, so the bias has an axis for them: (heads, queries, keys).",
        ),
        Wrong(
            "positions per row forgotten",
            _OneRow,
            "right for positions of shape (length,). For (batch, length) offsets has a batch axis in front, and the "
            "heads must go behind it: put [..., None, :, :] on the distances.",
        ),
        Wrong(
            "logarithm of zero",
            _LogOfZero,
            "a token's distance from itself is 0, and log 0 is infinite: the formula has log(1 + distance).",
        ),
        Wrong(
            "attracted by the distance",
            _Attracted,
            "your bias grows with the distance: far tokens win. It carries a minus.",
        ),
        Wrong(
            "absolute positions",
            _Absolute,
            "you take the logarithm of a position, not of a difference of two. It is declared shift invariant, and "
            "the check has caught it.",
        ),
        Wrong(
            "slopes that don't learn",
            _Fixed,
            "a plain tensor is a constant: no optimiser sees it. Wrap it in nn.Parameter.",
        ),
        Wrong(
            "one slope for all heads",
            _Shared,
            "all heads share one slope: make a parameter of `heads` numbers.",
        ),
        Wrong(
            "undeclared",
            _Undeclared,
            "register refuses a class that doesn't say whether it is shift invariant: shift_invariant = True.",
        ),
    ),
)

# --- encodings/predict ------------------------------------------------------------------------------------------


def predict():
    return [49, -1, 49, 49, 0, 10]


PREDICT = Exercise(
    name="encodings/predict",
    title="What does position 60 get?",
    difficulty=1,
    minutes=5,
    reference=predict,
    cases=lambda rng: [()],
    wrong=(
        Wrong(
            "zero is no position's code",
            lambda: [49, -1, 49, 49, -1, 10],
            "the zero vector is a trained code: each of these functions is 0 at the left end of its support, and one "
            "position stands there.",
        ),
        Wrong(
            "zero is far away",
            lambda: [49, -1, 49, 49, 49, 10],
            "position 49 has a code of its own, which isn't zero. Whose code is the zero vector?",
        ),
        Wrong(
            "all new",
            lambda: [-1, -1, -1, -1, -1, -1],
            "position 60 is new. What the model is handed for it need not be: most of these repeat a trained code.",
        ),
        Wrong(
            "the sinusoid comes round",
            lambda: [49, 16, 49, 49, 0, 10],
            "after 44 positions the fastest hand has made seven turns, nearly, and the next ones are elsewhere. For an "
            "equal code all hands must be back at once.",
        ),
        Wrong(
            "the polynomials go on",
            lambda: [49, -1, -1, 49, 0, 10],
            "the Legendre code is held at the end of [-1, 1]: beyond the training length x doesn't change any more.",
        ),
        Wrong(
            "wraps at the last position",
            lambda: [49, -1, 49, 49, 0, 11],
            "the period is the number of positions, 50, not the last of them, 49: position 50 gets the code of 0.",
        ),
        Wrong(
            "the last trained position is 50",
            lambda: [50, -1, 50, 50, 0, 10],
            "positions are counted from 0, so the last of the 50 trained ones is 49.",
        ),
    ),
)

EXERCISES = [ATTEND, SINUSOID, PREDICT, ROTARY, WINDOW, REGISTER]

QUIZ = (
    Question(
        "All were made for positions 0 to 49. One of these sentences is false. Which?",
        (
            Option(
                "A learned table that is clamped can't tell positions 60 and 70 apart.",
                "This is true: both get the vector of position 49.",
            ),
            Option(
                "Three extensions of the wavelet code give the same model after training.",
                "This is true: they agree at all trained positions, so no gradient knows which one it is.",
            ),
            Option(
                "RoPE is shift invariant, so nothing in a longer text is new to it.",
                "Invariance is about the same text elsewhere. A longer text has larger distances, and at those some "
                "pairs stand at angles that training never showed.",
                True,
            ),
            Option(
                "T5's bias has numbers that no training sequence ever reaches.",
                "This is true: buckets that begin beyond distance 49 stay as they were initialised.",
            ),
        ),
    ),
    Question(
        "Predict: all tokens of a text are the same. Whose outputs can differ from place to place?",
        (
            Option("A causal model without any encoding", "It averages equal values, and how many they are cancels."),
            Option("A causal model with ALiBi", "The bias decides whom to listen to. All say the same."),
            Option("A causal model with RoPE", "Neither queries nor keys touch the values, and the values are equal."),
            Option("A model with sinusoidal codes", "The codes are added to the tokens, which then differ.", True),
        ),
    ),
    Question(
        "Predict: weights trained with RoPE in interleaved pairs are loaded into a model that pairs halves.",
        (
            Option("Loading fails.", "RoPE has no parameters: every name and every shape fits."),
            Option("It loads, and the outputs are the same.", "Other features are turned together: the logits change."),
            Option(
                "It loads without a complaint, and computes something else.", "No test of properties sees it.", True
            ),
        ),
    ),
    Question(
        "ALiBi with a single head has the slope 1/256. With equal contents, how much of the attention of the query at "
        "399 goes to distances beyond 49?",
        (
            Option("Next to none: that is what the bias is for.", "So it is at slope 1/4 or 1/16. This slope is flat."),
            Option("About a tenth", "The weight falls by a factor e in 256 positions. That is much slower."),
            Option("More than three quarters", "A slope so gentle is hardly a window.", True),
        ),
    ),
    Question(
        "Which sentence does the experiment with nine encodings support?",
        (
            Option("RoPE doesn't extrapolate.", "One setting of it didn't. Another one did, on the same task."),
            Option(
                "Where a map of RoPE shows new angles, the model fails.",
                "With a quarter of the features turned, one pair meets new angles, and the error stays where it was.",
            ),
            Option(
                "Models that turn a quarter of the features err about as little beyond 100 as in training.",
                "Four times the training length, one task, one layer, three seeds: that much, and no more.",
                True,
            ),
            Option(
                "Turning a quarter of the features is the best choice.",
                "Within the training length full RoPE is several times more accurate, and the task needs only eight "
                "neighbours.",
            ),
        ),
    ),
)
