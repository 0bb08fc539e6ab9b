"""What every encoding promises, as a check that anybody can run on their own."""

import torch

from howfar import checks
from howfar.encodings.base import check_options, make_encoding

LENGTH = 8
MAX_LENGTH = 64


def broken_promises(name, *, width=16, heads=2, seed=0, options=None):
    """Which promises of the interface does a registered encoding break?

    - its answers have the promised shapes, and real and finite values, near position 0 and further out; `embed` and
      `rotate` keep the dtype of ``x``;
    - all four answers for positions per row agree, row by row, with those for shared positions;
    - it is shift invariant if and only if it declares so: the embeddings, the logits of turned queries and keys, the
      bias and the gate are compared before and after a shift of all positions;
    - gradients with respect to ``x`` and to its parameters are finite.

    Parameters
    ----------
    name : str
        A key of `ENCODINGS`.
    width, heads : int
    seed : int, torch.Generator, numpy.random.Generator or None
        Of the parameters and of the inputs.
    options : dict, optional
        Of the encoding.

    Returns
    -------
    list of str
        One sentence for each broken promise; empty if it keeps them all.
    """
    options = {} if options is None else options
    check_options("options", options)
    generator = checks.torch_generator(seed)
    own = generator is None or generator is seed  # then it moves on; else it was made of the seed
    start = int(torch.randint(2**62, (), generator=generator)) if own else generator.initial_seed()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(start)  # parameters are drawn from torch's global generator
        broken = []
        for causal in (True, False):
            encoding = make_encoding(name, width=width, heads=heads, max_length=MAX_LENGTH, causal=causal, **options)
            scatter_parameters(encoding)
            broken += [*_shapes(encoding), *_rows(encoding), *_shift(encoding), *_gradients(encoding)]
    return list(dict.fromkeys(broken))


def scatter_parameters(encoding):
    """Add noise to the parameters, in place: what starts as ones or zeros would hide its dependence on position."""
    with torch.no_grad():
        for parameter in encoding.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))


def _inputs(encoding, dtype=torch.float64):
    x = torch.randn(2, LENGTH, encoding.width, dtype=dtype)
    qk = torch.randn(2, encoding.heads, LENGTH, encoding.head_width, dtype=dtype)
    return x, qk


def _shapes(encoding):
    p = torch.arange(LENGTH)
    for positions in (p, torch.stack([p, p + 3])):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            x, qk = _inputs(encoding, dtype)
            for question, answer, given in (
                ("embed", encoding.embed(x, positions), x),
                ("rotate", encoding.rotate(qk, positions), qk),
            ):
                if answer.shape != given.shape or answer.dtype != given.dtype:
                    yield (
                        f"{question} must keep the shape and dtype of x, "
                        f"{given.dtype} {tuple(given.shape)}; got {answer.dtype} {tuple(answer.shape)}"
                    )
                elif not bool(answer.isfinite().all()):
                    yield f"{question} must be finite"
    for question in ("bias", "gate"):
        for rows in (1, 2):
            positions = p if rows == 1 else torch.stack([p, p + 3])
            # Fewer queries than keys, so that a transposed answer shows.
            answer = getattr(encoding, question)(positions[..., -3:], positions)
            if answer is None:
                continue
            allowed = [(encoding.heads, 3, LENGTH), (1, 3, LENGTH)]
            allowed = allowed if rows == 1 else [(2, *shape) for shape in allowed]
            if tuple(answer.shape) not in allowed:
                yield f"{question} must have the shape {allowed[0]} (heads may be 1), got {tuple(answer.shape)}"
            elif answer.dtype.is_complex or answer.dtype is torch.bool:
                yield f"{question} must be real numbers, got {answer.dtype}"
            elif not bool(answer.isfinite().all()):
                yield f"{question} must be finite"


def _rows(encoding):
    p = torch.arange(LENGTH)
    rows = torch.stack([p, p + 3])
    x, qk = _inputs(encoding)
    for question, given in (("embed", x), ("rotate", qk)):
        answer = getattr(encoding, question)(given, rows)
        alone = torch.cat([getattr(encoding, question)(given[i : i + 1], row) for i, row in enumerate(rows)])
        if answer.shape == alone.shape and not torch.allclose(answer, alone, atol=1e-6):
            yield f"{question} with positions per row must agree with {question} of that row's positions alone"
    for question in ("bias", "gate"):
        answer = getattr(encoding, question)(rows, rows)
        if answer is None or answer.ndim != 4:
            continue
        for i, row in enumerate(rows):
            if not torch.allclose(answer[i], getattr(encoding, question)(row, row), atol=1e-6):
                yield f"{question} with positions per row must agree with {question} of that row's positions alone"
                break


def _shift(encoding):
    x, q = _inputs(encoding)
    k = torch.randn_like(q)
    p = torch.arange(LENGTH)
    before = _seen_by_attention(encoding, x, q, k, p)
    moved = 0.0
    for shift in (1, 7, 32, MAX_LENGTH - LENGTH):
        after = _seen_by_attention(encoding, x, q, k, p + shift)
        if not all(bool(answer.isfinite().all()) for answer in after):  # max() below would drop a NaN
            yield f"answers must be finite at all positions below max_length, and are not from {shift} on"
            return
        moved = max([moved, *(float((a - b).detach().abs().max()) for a, b in zip(before, after, strict=True))])
    if encoding.shift_invariant and moved > 1e-5:
        yield f"declares shift_invariant = True, but a shift of all positions moves its answers by {moved:.2g}"
    if not encoding.shift_invariant and moved <= 1e-5:
        yield "declares shift_invariant = False, but no shift of all positions moves any of its answers"


def _seen_by_attention(encoding, x, q, k, positions):
    """The four answers, with turned queries and keys as the logits that they make."""
    logits = encoding.rotate(q, positions) @ encoding.rotate(k, positions).transpose(-2, -1)
    bias, gate = encoding.bias(positions, positions), encoding.gate(positions, positions)
    return [encoding.embed(x, positions), logits, *(answer for answer in (bias, gate) if answer is not None)]


def _gradients(encoding):
    x, q = (t.requires_grad_() for t in _inputs(encoding))
    answers = _seen_by_attention(encoding, x, q, q, torch.arange(LENGTH))
    parameters = list(encoding.parameters())
    loss = sum(answer.abs().double().square().sum() for answer in answers)
    gradients = torch.autograd.grad(loss, [x, q, *parameters], allow_unused=True)
    if any(g is not None and not bool(g.isfinite().all()) for g in gradients):
        yield "gradients must be finite"
    if any(g is None for g in gradients[2:]):
        yield "a parameter has no influence on any answer"
