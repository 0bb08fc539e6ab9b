"""Two layers that continue Dyck-(k, D), three that recognise Dyck-k."""

import math
from functools import partial

import torch

from howfar import checks, dyck
from howfar.constructions.handmade import Handmade, Paired, set_attention
from howfar.transformer import TransformerConfig

STEP = 4.0  # how much more an opening scores than the same opening one place earlier (times cos of its angle)
AWAY = 16  # how many times as much a closing loses: rounding at the scale of the scores must not bring it back
SLACK = 10.0  # logits beyond what the proof needs: e**-10 of the weight may go astray


def dyck_continuation(k, max_depth, length):
    r"""Two layers that say which tokens may continue a prefix of a Dyck-(k, D) word.

    Parameters
    ----------
    k : int
        Types of brackets.
    max_depth : int
        D: at most so many brackets open at once.
    length : int
        N: the longest word, without the start token.

    Returns
    -------
    Transformer
        In eval mode, float32, one head, no positional encoding, no feed-forward layers, width :math:`14 + 4 \lceil
        \log_2 k\rceil` (18 for k = 1). It takes words or viable prefixes with the start token 2k in front, int64
        (batch, at most N + 1), and returns (batch, the same, 2k + 1): positive where `howfar.dyck.legal_tokens` is
        true, negative elsewhere. These are verdicts, not calibrated logits.

    Raises
    ------
    ValueError
        If an argument is no positive integer. The model raises one for inputs longer than N + 1, for a start token that
        is missing or misplaced, and for a row that is no viable prefix of Dyck-(k, D), which names the row. (Where
        padding is masked on the right, it isn't read.)

    Notes
    -----
    **Stream.** Every feature stands twice, as v and -v, so its mean is 0 and LayerNorm only divides. A token has its
    kind (start, opening, closing) and its type in binary, digits :math:`\pm 1`; all tokens have the same norm. The
    start token is place 0; write :math:`d_i` for the height after the token at place i.

    **Layer 1, "how deep am I?"** Queries are 0, so attention is uniform on the i + 1 tokens so far. The values are
    (2, 0) for an opening, (-2, 0) for a closing, (-D, D) for the start token. Their mean, times a large S, is added to
    the features :math:`(h_0, h_1) = S\,(2 d_i - D, D) / (i + 1)`.

    **LayerNorm divides by the place.** With :math:`S \ge 64 (N + 1)` these two make up nearly all of the norm, so
    behind the LayerNorm they are, up to a constant, the unit vector :math:`u_i = (\sin\theta, \cos\theta)` with
    :math:`\tan\theta = x_i = 2 d_i/D - 1`: it depends on the height only. The token's own features come out at size
    :math:`(j + 1)/\sqrt{1 + x_j^2}` times a constant: they grow with the place. That is the clock.

    **Layer 2, "which bracket is open here?"** The score of key j is :math:`A\,u_i \cdot u_j + s\,(j + 1) / \sqrt{1 +
    x_j^2}` with s = 4 for openings and the start token; for closings -16 stands before the s. The top of the stack is
    the last opening with :math:`d_j = d_i`; with nothing open, the start token. Against it:

    - earlier openings at the same height are at least 2 places back each, so all of them together get less than
      :math:`1/(e^{2s/\sqrt 2} - 1) < 0.4\,\%` of its weight;
    - closings at the same height, which begin at place 2, are at least :math:`16 s \cdot 3/\sqrt 2 > 100` behind;
    - at other heights the first term costs at least :math:`A\,(1 - \cos\gamma)`, where :math:`\gamma`, about 1/D, is
      the smallest angle between neighbouring heights, and the second gains at most :math:`s(N + 1)`. A is such that the
      balance is :math:`-\log(2 (N + 1)^2) - 10`: there are at most N + 1 of them, and what is read from each is at
      most 2 (N + 1) times as large. So :math:`A \approx 2 D^2 s N` for large D and N.

    (As S is finite, :math:`u_j` is a little shorter than 1, more so at later places. That takes less than 5 % off what
    the clock gains with each place, for k up to a million.) What is read there, kind and digits, is added to new
    features.

    **Read-out.** With B digits, closing t is legal iff (sum of :math:`\pm` digits read, signs those of t) > B - 1 times
    what the kind says; the end iff the kind is "start"; an opening iff :math:`d_i < D - 1/2`, which is linear in
    :math:`(h_0, h_1)`. Without the strays yes is at +1 and no at -1 or below, in units of what is read; all strays
    together are less than 0.5 % for each of the B digits, and for the kind, so less than :math:`0.005\,(2 B - 1)` in
    all, which is less than 1 up to B = 100. (More types than :math:`2^{100}` would take a larger s.)

    **Precision.** The largest number that has to be right to within about 1 is the score A: :math:`\log_2 (2 D^2 s N)`
    bits and a few more, so O(log N) of them. (The recorded experiment ``construction`` has how far float32 reaches.)

    The idea (depth by a uniform head, then the most recent opening of that depth) is from Yao, Peng, Papadimitriou and
    Narasimhan, "Self-Attention Networks Can Process Bounded Hierarchical Languages", arXiv:2105.11115. There
    positions i/n are an encoding; here LayerNorm and the start token stand in for it.
    """
    k, depth, length = checks.count("k", k), checks.count("max_depth", max_depth), checks.count("length", length)
    signs, digits = _signs(k)
    found = [f"read {name}" for name in digits]
    stream = Paired(["start", "opening", "closing", *digits, "h0", "h1", "read opening", "read start", *found])
    refuse = partial(_refuse_prefixes, k=k, max_depth=depth)
    model = _model(stream, k, length, refuse, depth=2, outputs=2 * k + 1, mlp_ratio=0)
    clock = _set_heights(model, stream, depth, length)
    _set_lookup(model, stream, depth, length, clock, ahead=0, what=("opening", "start", *digits))
    openings = [stream.row({"h0": -1, "h1": 1 - 1 / depth})] * k
    certain = {"read opening": 1 - len(digits), "read start": -2 * len(digits)}
    closings = [stream.row(certain | dict(zip(found, code, strict=True))) for code in signs]
    end = stream.row({"read start": 1, "read opening": -1})
    model.outputs.weight.copy_(torch.stack([*openings, *closings, end]))
    return model


def dyck_recogniser(k, length):
    r"""Three layers that say, after each token, whether the word so far is a word of Dyck-k, however deep.

    Parameters
    ----------
    k : int
        Types of brackets.
    length : int
        N: the longest word, without the start token. There is one set of weights for each N.

    Returns
    -------
    Transformer
        In eval mode, float32, one head, no positional encoding, width :math:`14 + 4 \lceil\log_2 k\rceil` (18 for k =
        1), feed-forward layers (used in layer 2 only) as wide. It takes any strings over the 2k brackets with the start
        token 2k in front, int64 (batch, at most N + 1), and returns (batch, the same, 1): positive where the prefix
        that ends there is a word, negative elsewhere. The empty prefix is a word.

    Raises
    ------
    ValueError
        If an argument is no positive integer. The model raises one for inputs longer than N + 1 and for a start token
        that is missing or misplaced.

    Notes
    -----
    **Layer 1** is that of `dyck_continuation` with D = N: behind LayerNorm a height :math:`d \in [0, N]` is an angle
    with :math:`\tan\theta = 2d/N - 1`. (Negative heights have angles too, which get closer to each other.)

    **Layer 2** turns the query by one height: :math:`(h_0 + 2 h_1/N, h_1)` points at :math:`d_i + 1`. So a closing
    finds the last opening that reached the height from which it steps down. If :math:`d_i \ge 0` there is one, since
    the height came from 0 in steps of 1, and it is the partner; the margins are those of `dyck_continuation`. The
    feed-forward layer then raises flags, each a difference of two units, GELU(y) - GELU(y - 1), which is 1 for y > 8
    and 0 for y < -8: for each digit and sign, y is large and positive iff the token is a closing whose digit is that
    sign and the digit read has the other one; and one for :math:`d_i < 0`, :math:`y \propto -(2 d_i + 1)`. Where
    :math:`d_i < 0` the digits read mean nothing and may give a number slightly below 0 (above -0.2 each), but never as
    much as the last flag gives.

    **Layer 3** is uniform: the mean of the flags is 0 if none was raised, else at least a known positive number. The
    word so far is one of Dyck-k iff no flag was raised and :math:`d_i = 0`: positive is :math:`S (1 - 2 d_i)/(i + 1) -
    C \cdot` mean of the flags, with C so large that one flag outweighs any negative height.

    **Precision.** As `dyck_continuation` with D = N: :math:`A \approx 2 s N^3`, so :math:`3 \log_2 N` bits and a few.

    The layers' idea is that of Yao et al. (2021), arXiv:2105.11115; that three soft layers recognise without a bound on
    the depth (but for one length) is consistent with Dyck-k being in TC0.
    """
    k, length = checks.count("k", k), checks.count("length", length)
    _, digits = _signs(k)
    found = [f"read {name}" for name in digits]
    stream = Paired(["start", "opening", "closing", *digits, "h0", "h1", *found, "flag", "flags"])
    model = _model(stream, k, length, _refuse_nothing, depth=3, outputs=1, mlp_ratio=1)
    clock = _set_heights(model, stream, length, length)
    _set_lookup(model, stream, length, length, clock, ahead=1, what=digits)
    _set_flags(model.blocks[1].mlp, stream, digits, length, clock)
    set_attention(model.blocks[2].attention, values=[stream.row({"flag": clock})], writes=[stream.column({"flags": 1})])
    # A flag adds at least 0.5 / (i + 1); the heights add at most clock * sqrt(width / 2) * (2 + 1 / N) / (i + 1).
    weigh = 8 * clock * math.sqrt(stream.width / 2)
    model.outputs.weight.copy_(stream.row({"h0": -1, "h1": 1 / length - 1, "flags": -weigh})[None])
    return model


def _signs(k):
    """The types in binary: for each a list of signs, and the names of the digits."""
    count = max(1, (k - 1).bit_length())
    return [[1 if kind >> place & 1 else -1 for place in range(count)] for kind in range(k)], [
        f"digit {place}" for place in range(count)
    ]


def _model(stream, k, length, refuse, **shape):
    """A model without weights but for its embedding: kind and type of each token."""
    config = TransformerConfig(
        width=stream.width, heads=1, vocabulary=2 * k + 1, norm="pre", encoding="none", max_length=length + 1, **shape
    )
    model, (signs, digits) = Handmade(config, 2 * k, refuse), _signs(k)
    codes = [dict(zip(digits, code, strict=True)) for code in signs]
    tokens = [{kind: 1} | code for kind in ("opening", "closing") for code in codes]
    tokens.append({"start": 1} | dict.fromkeys(digits, 1))  # so that all have one norm
    model.inputs.weight.copy_(torch.stack([stream.column(token) for token in tokens]))
    return model


def _set_heights(model, stream, depth, length):
    """Layer 1: (h0, h1) = S (2 d - D, D) / (i + 1), up to a constant.

    Returns
    -------
    float
        The clock: times this, a feature of the token at place j is (j + 1) / sqrt(1 + x_j^2) behind later LayerNorms.
    """
    scale = 2.0 ** math.ceil(math.log2(64 * (length + 1)))
    values = [stream.row({"opening": 2, "closing": -2, "start": -depth}), stream.row({"start": depth})]
    set_attention(
        model.blocks[0].attention, values=values, writes=[stream.column({"h0": scale}), stream.column({"h1": scale})]
    )
    square = model.inputs.weight[0].square().sum().item()  # of an embedding's norm
    token = 1 / math.sqrt(square / stream.width + model.norm.eps)  # what LayerNorm makes of a 1 in layer 1
    return scale * token * depth / math.sqrt(stream.width / 2)


def _set_lookup(model, stream, depth, length, clock, *, ahead, what):
    """Layer 2: read these features of the last opening whose height is that of the query, plus ``ahead``."""
    lead = STEP * (length + 1) + math.log(2 * (length + 1) ** 2) + SLACK
    sharp = lead / _least_loss(depth, ahead) / (stream.width / 2)  # behind LayerNorm u has length sqrt(width / 2)
    set_attention(
        model.blocks[1].attention,
        queries=[stream.row({"h0": sharp, "h1": sharp * 2 * ahead / depth}), stream.row({"h1": sharp})],
        query_biases=[0, 0, 1],
        keys=[
            stream.row({"h0": 1}),
            stream.row({"h1": 1}),
            stream.row({"opening": STEP * clock, "start": STEP * clock, "closing": -AWAY * STEP * clock}),
        ],
        values=[stream.row({name: clock}) for name in what],
        writes=[stream.column({f"read {name}": 1}) for name in what],
    )


def _least_loss(depth, ahead):
    """How much q . u_j falls at least from the height that is asked for to any other; q as long as the query is."""
    angles = [math.atan(2 * height / depth - 1) for height in range(depth + 1)]
    losses = []
    for height in range(ahead, depth + 1):
        longer = math.cos(angles[height - ahead]) / math.cos(angles[height])
        for other in {max(height - 1, 0), min(height + 1, depth)} - {height}:
            losses.append(longer * 2 * math.sin((angles[height] - angles[other]) / 2) ** 2)
    return min(losses)


def _set_flags(mlp, stream, digits, length, clock):
    """Layer 2 of the recogniser: a flag where a closing doesn't fit what was read, and where the height is negative."""
    never, rows = -8 * (length + 1), []
    for name, sign in ((name, sign) for name in digits for sign in (1, -1)):
        # never * (1 - sign * digit) / 2 on closings, where opening and start are 0; at least `never` on other tokens
        gate = {"opening": never * 2, "start": never * 2, "closing": never / 2, name: -sign * never / 2}
        rows.append(stream.row(gate | {f"read {name}": -sign}) * 4 * clock)
    below = 40 * length * math.sqrt(2 / stream.width)
    rows.append(-below * stream.row({"h0": 1, "h1": 1 + 1 / length}))
    weights = [1] * (len(rows) - 1) + [1 + len(digits)]  # a negative height outweighs what wrong digits may take away
    for place, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        for unit, shift in ((2 * place, 0), (2 * place + 1, 1)):
            mlp[0].weight[unit], mlp[0].bias[unit] = row, -shift
            mlp[2].weight[:, unit] = stream.column({"flag": weight * (1 - 2 * shift)})


def _refuse_prefixes(words, k, max_depth):
    dyck.check_words(words, k, max_depth, full=False, name="inputs, without the start token")


def _refuse_nothing(words):
    """Any string over the brackets will do."""
