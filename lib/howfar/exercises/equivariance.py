"""The exercises of ``chapters/shift/equivariance.ipynb``."""

import scipy.stats
import torch

from howfar.encodings import randomized_positions
from howfar.exercises.engine import Exercise, Option, Question, Wrong, first_misjudged

# --- equivariance/rope-logits -----------------------------------------------------------------------------------


def rope_logits(q, k, positions, frequencies):
    q, k = (torch.view_as_complex(x.unflatten(-1, (-1, 2))) for x in (q, k))  # (tokens, pairs)
    offsets = positions[None, :] - positions[:, None]  # key minus query
    turn = torch.exp(1j * offsets[..., None] * frequencies)  # (queries, keys, pairs)
    return torch.einsum("ic,ijc,jc->ij", q.conj(), turn, k).real


def _turned_logits(q, k, turn, conjugate=True):
    q, k = (torch.view_as_complex(x.unflatten(-1, (-1, 2))) for x in (q, k))
    return torch.einsum("ic,ijc,jc->ij", q.conj() if conjugate else q, turn, k).real


def _phases(offsets, frequencies):
    return torch.exp(1j * offsets[..., None] * frequencies)


def _slots(positions):
    slots = torch.arange(len(positions))
    return slots[None, :] - slots[:, None]


def _real(answer, *arguments):
    out = answer(*arguments)
    if isinstance(out, torch.Tensor) and out.is_complex():
        raise TypeError("the logits came back as complex numbers: return their real part")
    return out


FAR = 10**13  # here float64 rounds position times frequency by up to 1e-3; differences of positions stay exact


def _rope_cases(rng):
    def case(tokens, pairs, start, step=1):
        q, k = (torch.from_numpy(rng.normal(size=(tokens, 2 * pairs))) for _ in range(2))
        frequencies = torch.from_numpy(0.3 ** rng.permutation(pairs).astype(float))
        return q, k, start + step * torch.arange(tokens), frequencies

    def uneven(tokens, pairs):
        q, k, _, frequencies = case(tokens, pairs, 0)
        return q, k, torch.from_numpy(rng.permutation(40)[:tokens]), frequencies

    plain = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    skew = torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    ones = torch.tensor([1.0], dtype=torch.float64)
    small = [(plain, plain, torch.tensor([0, 1]), ones), (plain, skew, torch.tensor([4, 6]), ones)]
    return [*small, case(3, 2, 0), uneven(3, 1), case(4, 3, 7), case(5, 4, 100, 3), uneven(5, 2), case(4, 3, FAR)]


ROPE_LOGITS = Exercise(
    name="equivariance/rope-logits",
    title="Logits that never see a position",
    difficulty=2,
    minutes=12,
    reference=rope_logits,
    cases=_rope_cases,
    run=_real,
    wrong=(
        Wrong(
            "query minus key",
            lambda q, k, p, w: _turned_logits(q, k, _phases(p[:, None] - p[None, :], w)),
            "you turn the wrong way: with the query conjugated, what is left is key position minus query position.",
        ),
        Wrong(
            "no conjugate",
            lambda q, k, p, w: _turned_logits(q, k, _phases(p[None, :] - p[:, None], w), conjugate=False),
            "the inner product of two pairs is the real part of conj(q) * k. Without the conjugate it isn't a product "
            "of vectors.",
        ),
        Wrong(
            "turns the keys only",
            lambda q, k, p, w: _turned_logits(q, k, _phases(p[None, :].expand(len(p), -1), w)),
            "only the keys are turned, by their own position: the result depends on where the sequence starts.",
        ),
        Wrong(
            "turns by absolute positions",
            lambda q, k, p, w: _turned_logits(
                q, k, _phases(p.double(), w)[:, None].conj() * _phases(p.double(), w)[None, :]
            ),
            "right in exact arithmetic, but each vector is turned by its own position, and far out the angles are "
            "rounded. Subtract the positions first, then multiply by the frequencies.",
        ),
        Wrong(
            "adds the positions",
            lambda q, k, p, w: _turned_logits(q, k, _phases(p[None, :] + p[:, None], w)),
            "the two angles are added. Conjugating the turned query flips the sign of its angle: they are subtracted.",
        ),
        Wrong(
            "slots for positions",
            lambda q, k, p, w: _turned_logits(q, k, _phases(_slots(p) * (p[1] - p[0]), w)),
            "positions needn't be evenly spaced: take the differences of the positions themselves, not of the slots.",
        ),
        Wrong(
            "distance without direction",
            lambda q, k, p, w: _turned_logits(q, k, _phases((p[None, :] - p[:, None]).abs(), w)),
            "|key - query| forgets who comes first. RoPE tells left from right: keep the sign.",
        ),
    ),
)

# --- equivariance/attention-gap ---------------------------------------------------------------------------------


def attention_gap(a, b):
    hidden = torch.ones(len(a), len(a), dtype=torch.bool).triu(1)
    A, B = (x.masked_fill(hidden, -torch.inf).softmax(dim=-1) for x in (a, b))
    return (A - B).abs().max()


def _weights(x, diagonal=1, dim=-1):
    hidden = torch.ones(len(x), len(x), dtype=torch.bool).triu(diagonal)
    return x.masked_fill(hidden, -torch.inf).softmax(dim=dim)


def _gap_cases(rng):
    def tensor(x):
        return torch.as_tensor(x, dtype=torch.float64)

    zero = tensor([[0, 0], [0, 0]])
    small = [
        (zero, tensor([[0, 0], [0, 1]])),
        (zero, tensor([[3, 3], [5, 5]])),  # rows moved as a whole
        (zero, tensor([[0, 9], [0, 0]])),  # the future
        (zero, tensor([[0, 0], [2, 0]])),
        (tensor([[0] * 3] * 3), tensor([[0, 9, 0], [0, 0, 0], [0, 0, 0]])),
        (tensor([[0] * 4] * 4), tensor([[0] * 4] * 3 + [[1, 1, -1, -1]])),  # two weights rise, two fall
    ]
    large = [(tensor(rng.normal(size=(n, n))), tensor(2 * rng.normal(size=(n, n)))) for n in (3, 4, 6, 9)]
    return [*small, *large]


ATTENTION_GAP = Exercise(
    name="equivariance/attention-gap",
    title="What attention sees of its logits",
    difficulty=1,
    minutes=8,
    reference=attention_gap,
    cases=_gap_cases,
    wrong=(
        Wrong(
            "compares the logits",
            lambda a, b: (a - b).abs().max(),
            "these are the logits. A row that moves as a whole is the same to a softmax: compare the weights.",
        ),
        Wrong(
            "forgets the mask",
            lambda a, b: (a.softmax(-1) - b.softmax(-1)).abs().max(),
            "the future leaks in. Hide the keys after the query (minus infinity) before the softmax.",
        ),
        Wrong(
            "hides the query itself",
            lambda a, b: (_weights(a, 0) - _weights(b, 0)).abs().max(),
            "your mask hides the diagonal as well, and the first token sees nothing at all: triu(1), not triu(0).",
        ),
        Wrong(
            "softmax over queries",
            lambda a, b: (_weights(a, dim=0) - _weights(b, dim=0)).abs().max(),
            "each query spreads one unit of attention over the keys: rows sum to one, so dim=-1.",
        ),
        Wrong(
            "average gap",
            lambda a, b: (_weights(a) - _weights(b)).abs().mean(),
            "one entry that moves is enough: take the largest gap, not the mean.",
        ),
        Wrong(
            "total variation",
            lambda a, b: (_weights(a) - _weights(b)).abs().sum(-1).max() / 2,
            "half the sum over a row is the total variation distance of the row; asked is the largest gap of a weight.",
        ),
        Wrong(
            "masks after the softmax",
            lambda a, b: (a.softmax(-1).tril() - b.softmax(-1).tril()).abs().max(),
            "zeros after the softmax leave rows that don't sum to one: the hidden logits must go before it.",
        ),
    ),
)

# --- equivariance/ratio -----------------------------------------------------------------------------------------


def largest_ratio(outputs, shifts):
    moved = torch.cdist(outputs, outputs)
    distance = (shifts[:, None] - shifts[None, :]).abs()
    return (moved[distance > 0] / distance[distance > 0]).max()


def _pairs(outputs, shifts):
    i, j = torch.triu_indices(len(shifts), len(shifts), 1)
    return (outputs[i] - outputs[j]).norm(dim=1), (shifts[i] - shifts[j]).abs(), i, j


def _signed_ratio(outputs, shifts):
    moved, _, i, j = _pairs(outputs, shifts)
    return (moved / (shifts[j] - shifts[i])).max()


def _ratio_cases(rng):
    def case(count, width):
        return torch.from_numpy(rng.normal(size=(count, width))), torch.from_numpy(rng.permutation(200)[:count])

    def given(outputs, shifts):
        return torch.tensor(outputs, dtype=torch.float64), torch.tensor(shifts)

    small = [
        given([[0.0, 0.0], [3.0, 4.0]], [0, 1]),
        given([[0.0], [1.0], [5.0]], [0, 10, 12]),
        given([[0.0], [8.0], [1.0]], [5, 1, 4]),
        given([[0.0], [6.0]], [3, 1]),  # shifts that fall
        given([[0.0], [1.0], [9.0]], [9, 5, 4]),
    ]
    return [*small, case(4, 3), case(6, 5), case(9, 2)]


RATIO = Exercise(
    name="equivariance/ratio",
    title="The largest ratio",
    difficulty=2,
    minutes=10,
    reference=largest_ratio,
    cases=_ratio_cases,
    wrong=(
        Wrong(
            "compares with the first only",
            lambda y, s: ((y[1:] - y[0]).norm(dim=1) / (s[1:] - s[0]).abs()).max(),
            "all pairs count, not only those with the first row: between shifts 10 and 12 the output may jump.",
        ),
        Wrong(
            "average ratio",
            lambda y, s: (_pairs(y, s)[0] / _pairs(y, s)[1]).mean(),
            "a Lipschitz constant is a worst case: the largest ratio, not the mean.",
        ),
        Wrong(
            "signed distance",
            lambda y, s: _signed_ratio(y, s),
            "the distance of two shifts is |s - s'|. Where the second is smaller your ratio is negative, and the "
            "maximum passes it over.",
        ),
        Wrong(
            "forgets to divide",
            lambda y, s: _pairs(y, s)[0].max(),
            "this is the largest change. Divide each by how far apart its two shifts are.",
        ),
        Wrong(
            "largest change over largest distance",
            lambda y, s: _pairs(y, s)[0].max() / _pairs(y, s)[1].max(),
            "divide pair by pair, then take the maximum: the pair that changes most needn't be the one with the "
            "largest ratio.",
        ),
        Wrong(
            "neighbours in the given order",
            lambda y, s: ((y[1:] - y[:-1]).norm(dim=1) / (s[1:] - s[:-1]).abs()).max(),
            "neighbours are enough (triangle inequality), but neighbours on the axis: sort by shift first.",
        ),
        Wrong(
            "largest coordinate",
            lambda y, s: (torch.cdist(y, y, p=torch.inf)[_pairs(y, s)[2:]] / _pairs(y, s)[1]).max(),
            "outputs are compared by their Euclidean distance, not by the coordinate that moves most.",
        ),
    ),
)

# --- equivariance/random-offsets --------------------------------------------------------------------------------


def random_offsets(batch, length, largest, generator):
    starts = torch.randint(0, largest + 1, (batch, 1), generator=generator)
    return starts + torch.arange(length)


def _properties(answer, batch, length, largest):
    """What must hold of random positions, in words: the draws themselves may come in any order."""
    generator, state = torch.Generator().manual_seed(0), torch.get_rng_state()
    positions = answer(batch, length, largest, generator)
    if positions is ...:
        return ...
    positions = torch.as_tensor(positions)
    own = torch.equal(torch.get_rng_state(), state)
    again = torch.as_tensor(answer(batch, length, largest, generator))
    repeated = torch.as_tensor(answer(batch, length, largest, torch.Generator().manual_seed(0)))
    if positions.ndim != 2 or positions.shape[0] == 0:
        return {"shape": str(tuple(positions.shape))}
    starts, steps = positions[:, 0], positions.diff(dim=1)
    return {
        "shape": str(tuple(positions.shape)),
        "whole numbers": not positions.is_floating_point(),
        "all steps are one": bool((steps == 1).all()),
        "lowest start": int(starts.min()),
        "highest start": int(starts.max()),
        "all starts equally often": _even(torch.cat([starts, again[:, 0]]), largest),
        "second batch differs": not torch.equal(positions, again),
        "the generator decides": torch.equal(positions, repeated) and own,
    }


def _even(starts, largest):
    """Whether the counts of 0..largest are within what chance allows: chi-square, one honest batch in 10^6 fails."""
    counts = torch.bincount(starts.long().clamp(0, largest), minlength=largest + 1).double()
    expected = len(starts) / (largest + 1)
    return float((counts - expected).square().sum() / expected) < float(scipy.stats.chi2.isf(1e-6, largest))


def _offset_cases(rng):
    return [(600, 3, 2), (900, 10, 5), (1200, 50, 8)]


RANDOM_OFFSETS = Exercise(
    name="equivariance/random-offsets",
    title="Start somewhere else every time",
    difficulty=1,
    minutes=6,
    reference=random_offsets,
    cases=_offset_cases,
    run=_properties,
    wrong=(
        Wrong(
            "never reaches the largest",
            lambda b, n, m, g: torch.randint(0, m, (b, 1), generator=g) + torch.arange(n),
            "torch.randint leaves out its upper end: to reach `largest`, ask for largest + 1.",
        ),
        Wrong(
            "never starts at zero",
            lambda b, n, m, g: torch.randint(1, m + 1, (b, 1), generator=g) + torch.arange(n),
            "offset 0 must be among them: it is where the model will mostly be used.",
        ),
        Wrong(
            "jitters every token",
            lambda b, n, m, g: torch.randint(0, m + 1, (b, n), generator=g) + torch.arange(n),
            "each token has an offset of its own, so the distances within a row are scrambled. One offset for a row: "
            "shape (batch, 1).",
        ),
        Wrong(
            "real numbers",
            lambda b, n, m, g: torch.rand(b, 1, generator=g) * m + torch.arange(n),
            "these are real numbers; a learned table needs whole ones. Use torch.randint.",
        ),
        Wrong(
            "randomised positions",
            lambda b, n, m, g: randomized_positions(n, n + m, batch=b, seed=g),
            "you draw each position at random and sort: rows have gaps. Here a row stays consecutive and only its "
            "start is random.",
        ),
        Wrong(
            "forgets the generator",
            lambda b, n, m, g: torch.randint(0, m + 1, (b, 1)) + torch.arange(n),
            "you draw from torch's global generator: pass generator=generator, so that a seed gives its batch again.",
        ),
        Wrong(
            "rounds",
            lambda b, n, m, g: (torch.rand(b, 1, generator=g) * m).round().long() + torch.arange(n),
            "rounding gives 0 and the largest half the chance of the others. torch.randint draws evenly.",
        ),
        Wrong(
            "one start for the whole batch",
            lambda b, n, m, g: (torch.randint(0, m + 1, (1, 1), generator=g) + torch.arange(n)).expand(b, -1),
            "all rows of a batch share a start: draw one for each row, shape (batch, 1).",
        ),
        Wrong(
            "the same start always",
            lambda b, n, m, g: (
                torch.randint(0, m + 1, (b, 1), generator=torch.Generator().manual_seed(0)) + torch.arange(n)
            ),
            "every batch gets the same starts: draw from the generator that you were given.",
        ),
    ),
)

# --- equivariance/count ------------------------------------------------------------------------------------------


def count_from_first(positions, visible):
    slot = visible.int().argmax(dim=1, keepdim=True)  # of the first visible token
    counted = positions - positions.gather(1, slot)
    return torch.where(visible, counted, 0)


def _count_cases(rng):
    def case(rows, length):
        positions = torch.from_numpy(rng.integers(1, 4, (rows, length)).cumsum(axis=1)) + int(rng.integers(1, 50))
        visible = torch.from_numpy(rng.random((rows, length)) < 0.7)
        pads = torch.from_numpy(rng.integers(1, length - 1, (rows, 1)))
        visible &= torch.arange(length) >= pads
        visible[:, -1] = True
        return positions, visible

    both = torch.tensor([[True, True, True], [False, True, True]])
    small = [
        (torch.tensor([[7, 8, 9]]), torch.tensor([[True, True, True]])),
        (torch.tensor([[5, 6, 7]]), torch.tensor([[False, True, True]])),
        (torch.tensor([[0, 1, 2], [20, 21, 22]]), both),
        (torch.tensor([[3, 5, 9]]), torch.tensor([[True, True, True]])),
    ]
    return [*small, case(2, 5), case(3, 7), case(4, 10)]


COUNT = Exercise(
    name="equivariance/count",
    title="Count from the first token that counts",
    difficulty=2,
    minutes=10,
    reference=count_from_first,
    cases=_count_cases,
    wrong=(
        Wrong(
            "counts from the first slot",
            lambda p, v: torch.where(v, p - p[:, :1], 0),
            "with left padding the first slot is a pad token. Count from the first *visible* token of the row.",
        ),
        Wrong(
            "one start for all rows",
            lambda p, v: torch.where(v, p - p[v].min(), 0),
            "rows start at different positions: subtract each row's own start.",
        ),
        Wrong(
            "renumbers the tokens",
            lambda p, v: torch.where(v, v.long().cumsum(1) - 1, 0),
            "0, 1, 2, ... closes the gaps between positions. A shift must leave distances alone: subtract, don't "
            "renumber.",
        ),
        Wrong(
            "negative padding",
            lambda p, v: p - p.gather(1, v.int().argmax(dim=1, keepdim=True)),
            "padding lies before the first token and gets a negative position, which no table has. Set it to 0.",
        ),
        Wrong(
            "subtracts the slot",
            lambda p, v: torch.where(v, p - v.int().argmax(dim=1, keepdim=True), 0),
            "you subtract the *slot* of the first visible token. Subtract the position that it carries.",
        ),
    ),
)

# --- equivariance/sentences ---------------------------------------------------------------------------------------


def true_sentences():
    return "ACH"


SENTENCES = Exercise(
    name="equivariance/sentences",
    title="Which sentences are true?",
    difficulty=2,
    minutes=6,
    reference=true_sentences,
    cases=lambda rng: [()],
    run=first_misjudged(9, "ach"),
    wrong=(
        Wrong(
            "the turned vectors are invariant",
            lambda: "ABCH",
            "look at B again: queries and keys turn with the shift. What is invariant is their inner product.",
        ),
        Wrong(
            "no encoding, no position",
            lambda: "ACDH",
            "look at D again: the causal mask gives every token another number of keys, whatever the encoding.",
        ),
        Wrong(
            "padding is a shift",
            lambda: "ACEH",
            "look at E again: masked padding is a shift. What can be seen is context, and no encoding is invariant to "
            "that.",
        ),
        Wrong(
            "offset for length",
            lambda: "ACFH",
            "look at F again: a longer sequence has new distances. Invariance to shifts says nothing about them.",
        ),
        Wrong(
            "sensitive means wrong",
            lambda: "ACGH",
            "look at G again: logits may move as long as the right one stays the largest. Which model showed that?",
        ),
        Wrong(
            "one shift for another",
            lambda: "ACHI",
            "look at I again: invariance is to positions. Here the positions stay and the tokens get another law.",
        ),
        Wrong(
            "the encoding decides alone",
            lambda: "AC",
            "one more is true: what is done with the positions before the model sees them can make any encoding do.",
        ),
        Wrong(
            "the false ones",
            lambda: "BDEFGI",
            "look at A again. And if you named the false ones: asked are the sentences that are true.",
        ),
    ),
)

EXERCISES = [ROPE_LOGITS, ATTENTION_GAP, RATIO, RANDOM_OFFSETS, COUNT, SENTENCES]

QUIZ = (
    Question(
        "Predict: a learned table has rows 0 to 49 and repeats the last beyond. Sequences of 50 tokens now start at "
        "30. Where are the errors?",
        (
            Option(
                "Everywhere: every token has another position than in training.",
                "Positions 30 to 49 were trained. Tokens that carry them are read about as well as before.",
            ),
            Option(
                "From the 21st token on: it is the first at position 50.",
                "The model knows its rows up to 49. What it lacks is positions that it never met.",
                right=True,
            ),
            Option(
                "At the first tokens: they are the ones that usually start at 0.",
                "Early tokens carry positions 30, 31, ..., which training has shown.",
            ),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "Attention can be shift invariant although its logits are not.",
                "This is true: a softmax doesn't see a constant that is added to a row.",
            ),
            Option(
                "A model with an added sinusoid can be shift invariant for some weights.",
                "This is true: it has to look away from what the shift changes.",
            ),
            Option(
                "A bias that only falls with distance can't recall the third token from the end, however many layers.",
                "One layer of it can't. Four layers with slope 1 get nearly every token right.",
                right=True,
            ),
            Option(
                "A shift by s moves the law of the inputs by W₁ = s, whatever the tokens are.",
                "This is true in the metric of this page: the largest difference of positions.",
            ),
        ),
    ),
    Question(
        "A model trained at random offsets has a largest step of its loss of 0.1 a position. What follows for its risk "
        "at shift 200?",
        (
            Option(
                "It is higher by about 20.",
                "0.1 times 200 is a ceiling. The measured change on this page stays far below it.",
            ),
            Option("It is higher by at most 20.", "Steps add up to at most 200 times the largest one.", right=True),
            Option(
                "It is higher than at 0, by how much is not known.",
                "A ceiling says nothing about a floor: the risk may stay, or fall.",
            ),
        ),
    ),
    Question(
        "Predict: the relative bias, invariant and right at every shift, keeps positions 0 to 49, but now most tokens "
        "repeat the one before. What does it do?",
        (
            Option(
                "It stays right: the distances are the same.",
                "Its attention was learned on independent tokens. Runs of equal tokens are a shift of content.",
            ),
            Option(
                "It loses some of its skill, while both absolute models stay right.",
                "Invariance to positions says nothing about content. On this shift the models change places.",
                right=True,
            ),
            Option(
                "It fails like the absolute models.",
                "The absolute models see no position that is new to them, and stay right.",
            ),
        ),
    ),
)
