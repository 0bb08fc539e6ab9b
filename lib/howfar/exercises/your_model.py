"""The exercises of ``chapters/shift/your_model.ipynb``."""

import torch

from howfar.exercises.engine import Exercise, Option, Question, Wrong


def _whole(rng, *shape, high=8):
    return torch.from_numpy(rng.integers(high, size=shape))


# --- your_model/position-ids ------------------------------------------------------------------------------------


def position_ids(mask):
    return (mask.cumsum(dim=-1) - 1) * mask


def _mask_cases(rng):
    small = [[[0, 1]], [[1, 1]], [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], [[1, 1, 0]], [[0, 1, 1, 0], [0, 0, 1, 0]]]
    pads = rng.integers(1, 6, size=3)
    left = torch.arange(9)[None] >= torch.from_numpy(pads)[:, None]
    return [(torch.tensor(mask),) for mask in small] + [(left.long(),), ((_whole(rng, 3, 7) > 2).long(),)]


POSITION_IDS = Exercise(
    name="your_model/position-ids",
    title="The ids that the mask implies",
    difficulty=1,
    minutes=8,
    reference=position_ids,
    cases=_mask_cases,
    wrong=(
        Wrong(
            "counts slots",
            lambda mask: torch.arange(mask.shape[-1]).expand(mask.shape).clone(),
            "these are the slots: what the model does by itself. Count only tokens that the mask shows.",
        ),
        Wrong(
            "counts from one",
            lambda mask: mask.cumsum(-1) * mask,
            "the first token that can be seen has position 0, not 1.",
        ),
        Wrong(
            "negative at the padding",
            lambda mask: mask.cumsum(-1) - 1,
            "some ids are wrong where the mask is 0: on the left they are -1, which no table has. Hidden tokens get 0.",
        ),
        Wrong(
            "counts down the batch",
            lambda mask: (mask.cumsum(0) - 1) * mask,
            "you count down the batch: each row has its own positions, along the last axis.",
        ),
        Wrong(
            "subtracts all the padding",
            lambda mask: (torch.arange(mask.shape[-1]) - (1 - mask).sum(-1, keepdim=True)) * mask,
            "padding on the right moves nobody: only hidden tokens *before* a token count.",
        ),
    ),
)

# --- your_model/spreads -----------------------------------------------------------------------------------------


def in_spreads(before, after):
    spread = before.std(dim=-1, unbiased=False).mean()
    return (after - before).abs().max() / spread


def _logit_cases(rng):
    def tensor(x):
        return torch.as_tensor(x, dtype=torch.float64)

    def case(*shape):
        before = tensor(
            rng.normal(size=shape) * rng.uniform(0.2, 4, size=(*shape[:2], 1)) + 3 * rng.normal(size=shape[2])
        )
        offset = 10 * rng.normal(size=(*shape[:2], 1))  # which a softmax doesn't see
        return before + tensor(offset), before + tensor(offset + rng.normal(size=shape) - 0.5)

    small = [
        (tensor([[[0, 2]]]), tensor([[[0, 3]]])),
        (tensor([[[0, 2], [10, 14]]]), tensor([[[0, 2], [9, 14]]])),
        (tensor([[[0, 2], [0, 6]]]), tensor([[[0, -3], [0, 6]]])),
    ]
    return [*small, case(1, 3, 4), case(2, 5, 3), case(3, 4, 6)]


IN_SPREADS = Exercise(
    name="your_model/spreads",
    title="How large is a change of 5?",
    difficulty=1,
    minutes=8,
    reference=in_spreads,
    cases=_logit_cases,
    wrong=(
        Wrong(
            "no unit",
            lambda before, after: (after - before).abs().max(),
            "this is the change in the logits' own unit, which differs from model to model: divide by the spread.",
        ),
        Wrong(
            "one spread for all",
            lambda before, after: (after - before).abs().max() / before.std(unbiased=False),
            "your spread also counts how much the tokens' levels differ, which a softmax doesn't see: take the "
            "standard deviation over the classes of each token, then their mean.",
        ),
        Wrong(
            "over the tokens",
            lambda before, after: (after - before).abs().max() / before.std(dim=1, unbiased=False).mean(),
            "the spread is over the classes, the last axis.",
        ),
        Wrong(
            "unbiased",
            lambda before, after: (after - before).abs().max() / before.std(dim=-1).mean(),
            "torch's `std` divides by n - 1. The classes are all there are, no sample: `unbiased=False`.",
        ),
        Wrong(
            "the spread after",
            lambda before, after: (after - before).abs().max() / after.std(dim=-1, unbiased=False).mean(),
            "the unit is the spread *before*: a change must not alter what it is measured in.",
        ),
        Wrong(
            "rises only",
            lambda before, after: (after - before).max() / before.std(dim=-1, unbiased=False).mean(),
            "logits also fall: take absolute values.",
        ),
        Wrong(
            "mean change",
            lambda before, after: (after - before).abs().mean() / before.std(dim=-1, unbiased=False).mean(),
            "asked is the largest change. The mean hides one token that goes wrong.",
        ),
    ),
)

# --- your_model/reads -------------------------------------------------------------------------------------------


def reads_positions(model, length):
    p = torch.arange(length)
    at_p, shifted, doubled = model(p), model(p + 1), model(2 * p)
    return not (torch.equal(at_p, shifted) and torch.equal(at_p, doubled))


class _Toy:
    """Logits (length, 2) that one formula makes of the positions; ``gain`` is how loudly it speaks."""

    def __init__(self, kind, gain=1.0):
        self.kind, self.gain = kind, gain

    def __call__(self, positions):
        p = positions.double()
        seen = {
            "nothing": 0 * p,
            "absolute": p,
            "relative": p[-1] - p,
            "first": p[0] + 0 * p,
        }[self.kind]
        return torch.stack([torch.ones_like(p), 1 + self.gain * torch.sin(seen)], dim=-1)

    def __repr__(self):
        return f"<model that reads {self.kind}, gain {self.gain:g}>"


def _reader_cases(rng):
    length = int(rng.integers(4, 9))
    kinds = [("nothing", 1), ("absolute", 1), ("relative", 1), ("first", 1), ("relative", 1e-9), ("absolute", 1e-9)]
    return [(_Toy(kind, gain), n) for n in (3, length) for kind, gain in kinds]


READS = Exercise(
    name="your_model/reads",
    title="Does it read them at all?",
    difficulty=2,
    minutes=10,
    reference=reads_positions,
    cases=_reader_cases,
    wrong=(
        Wrong(
            "shifts only",
            lambda model, n: not torch.equal(model(torch.arange(n)), model(torch.arange(n) + 1)),
            "a model that reads differences doesn't notice a shift. Change the differences, too.",
        ),
        Wrong(
            "doubles only",
            lambda model, n: not torch.equal(model(torch.arange(n)), model(2 * torch.arange(n))),
            "2 · 0 = 0: a model that reads the first position only doesn't notice. Shift them as well.",
        ),
        Wrong(
            "nearly equal",
            lambda model, n: (
                not (
                    torch.allclose(model(torch.arange(n)), model(torch.arange(n) + 1))
                    and torch.allclose(model(torch.arange(n)), model(2 * torch.arange(n)))
                )
            ),
            "`allclose` calls a faint reader deaf. One that doesn't read gives *exactly* the same numbers.",
        ),
        Wrong(
            "the other way round",
            lambda model, n: not reads_positions(model, n),
            "this is True for a model that does not read positions.",
        ),
        Wrong(
            "a shuffle of one",
            lambda model, n: not torch.equal(model(torch.arange(n)), model(torch.arange(n) + torch.zeros(n).long())),
            "you gave the same positions twice.",
        ),
    ),
)

# --- your_model/segments ----------------------------------------------------------------------------------------


def segments(positions):
    step = positions.diff(dim=-1, prepend=positions[:, :1] - 1)
    return (step != 1).cumsum(dim=-1)


def _segments_of(new):
    """Segment numbers from where a new one starts, the first column aside."""
    return torch.nn.functional.pad(new.long(), (1, 0)).cumsum(-1)


def _position_cases(rng):
    small = [[[0, 1, 2]], [[5, 6, 7]], [[0, 1, 0, 1]], [[0, 1, 5, 6]], [[0, 2, 4], [3, 4, 5]], [[0, 1, 1, 2]]]
    made = torch.from_numpy(rng.integers(3, size=(3, 8))).cumsum(-1)
    return [(torch.tensor(p),) for p in small] + [(made,), (_whole(rng, 2, 9, high=4),)]


SEGMENTS = Exercise(
    name="your_model/segments",
    title="Which sequences does it see?",
    difficulty=2,
    minutes=10,
    reference=segments,
    cases=_position_cases,
    wrong=(
        Wrong(
            "falls only",
            lambda p: _segments_of(p.diff(dim=-1) < 0),
            "a gap starts a new sequence as well: anything but one more than before does.",
        ),
        Wrong(
            "gaps only",
            lambda p: _segments_of(p.diff(dim=-1) > 1),
            "a position that falls, or repeats, starts a new sequence as well.",
        ),
        Wrong(
            "starts at zero",
            lambda p: _segments_of(p[:, 1:] == 0),
            "a sequence needn't start at 0: the rule compares each position with the one before.",
        ),
        Wrong(
            "numbered from one",
            lambda p: segments(p) + 1,
            "the first sequence has number 0.",
        ),
        Wrong(
            "marks, no numbers",
            lambda p: torch.nn.functional.pad((p.diff(dim=-1) != 1).long(), (1, 0)),
            "you mark where a sequence starts. Asked is its number at every token: sum the marks up.",
        ),
    ),
)

# --- your_model/sentences ---------------------------------------------------------------------------------------


def follows():
    return "BE"


def _letters(answer):
    """The letters that an answer names, whatever their order, case and container."""
    named = answer()
    return named if named is ... else "".join(sorted({letter for letter in "".join(named).upper() if letter.isalpha()}))


SENTENCES = Exercise(
    name="your_model/sentences",
    title="What does the table say?",
    difficulty=2,
    minutes=6,
    reference=follows,
    cases=lambda rng: [()],
    run=_letters,
    wrong=(
        Wrong(
            "two models, two encodings",
            lambda: "ABE",
            "look at A again: these two differ in norms, activations and biases, too. Which one did it, the table "
            "can't tell.",
        ),
        Wrong(
            "ignored is invariant",
            lambda: "BCE",
            "look at C again: bloom's ids change nothing because nothing reads them. Its biases follow the mask and "
            "the slots.",
        ),
        Wrong(
            "rotary is safe",
            lambda: "BDE",
            "look at D again: a cache that is continued without ids, or positions that jump without a mask, break it.",
        ),
        Wrong(
            "offsets for lengths",
            lambda: "BEF",
            "look at F again: no sequence was longer. New distances are another question.",
        ),
        Wrong(
            "only what moves is wrong",
            lambda: "BEG",
            "look at G again: rounding the frequencies changed the model, and every shift row still said `rounding`.",
        ),
        Wrong("the bug alone", lambda: "B", "one more sentence follows: it is about opt."),
        Wrong("the mask alone", lambda: "E", "one more sentence follows: it is about who makes the ids."),
        Wrong("the others", lambda: "ACDFG", "these are those that don't follow: asked are the ones that do."),
    ),
)

EXERCISES = [POSITION_IDS, IN_SPREADS, READS, SEGMENTS, SENTENCES]

QUIZ = (
    Question(
        "Predict: you pad a batch on the left, give GPT-2 the mask and no position ids. What happens?",
        (
            Option(
                "Tokens carry positions that are too large, by as many as there is padding.",
                "The ids are the slots. Each row is shifted by its own padding.",
                right=True,
            ),
            Option(
                "Nothing: the mask hides the padding.",
                "It hides the padding from attention. The learned positions are counted over the padding all the same.",
            ),
            Option(
                "It raises an error.",
                "If only it did. That is why the bug is found again and again.",
            ),
        ),
    ),
    Question(
        "`probe` says `ignored` for all shifts of a model. What do you know?",
        (
            Option(
                "That it is shift invariant.",
                "You gave it ids that it doesn't read. How it places its tokens, these rows have not tested.",
            ),
            Option(
                "That its forward doesn't read position ids.",
                "Doubling them changed exactly nothing, either. Look at the row `left padding`, which needs no ids.",
                right=True,
            ),
            Option(
                "That its encoding has no parameters.",
                "RoPE has none, and reads them.",
            ),
        ),
    ),
    Question(
        "One of these sentences is false. Which?",
        (
            Option(
                "A model with RoPE can be moved by a wrong position id.",
                "This is true: one id that doesn't fit the others changes distances.",
            ),
            Option(
                "A shift test finds frequencies that were rounded to bfloat16.",
                "They are the same wrong frequencies at every shift: the test can't see them.",
                right=True,
            ),
            Option(
                "Positions that jump can be read as several packed sequences.",
                "This is true of several models, where no mask is given and no cache is built.",
            ),
            Option(
                "A single logit of a model in bfloat16 may move by a tenth of the spread for no other reason than "
                "rounding.",
                "This is true of the largest of many. Their root mean square change is far smaller.",
            ),
        ),
    ),
    Question(
        "A table shows that a small llama ignores shifts and a small gpt2 doesn't. A lab asks which encoding to use. "
        "What would settle it?",
        (
            Option(
                "The same table for their checkpoints.",
                "It says what those models do. They differ in data, size and a dozen details beside the encoding.",
            ),
            Option(
                "Swapping the encoding of a trained model.",
                "Its weights were trained with the old one: what breaks is their agreement, not the encoding.",
            ),
            Option(
                "One model trained with each encoding, all else equal, several seeds, at more than one size.",
                "That is an ablation. It costs a training for each cell.",
                right=True,
            ),
        ),
    ),
)
