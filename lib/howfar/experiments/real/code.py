"""Models of source code: the same characters, predicted from more or less of what stands before them."""

import functools
import math

import torch

from howfar import tasks
from howfar.encodings import make_encoding
from howfar.experiments.real.ngram import NGram
from howfar.training import train
from howfar.transformer import TransformerConfig, record

FACTORS = (0.5, 1, 1.5, 2, 4)  # characters that are read, in lengths of training
SHIFTS = (1, 3)  # where the positions start, in lengths of training, while one length of training is read
TARGETS = 32  # characters that are predicted in each window: its last ones
WINDOWS, WATCHED = 64, 8
ORDERS = (1, 2, 3, 4, 5, 6)
MUCH = 3_000_000  # characters, of a 5-gram that has read far more than a model
NEAR, MIDDLE = 8, 32  # distances below which attention counts as near, and as middle
RULES = {"alibi": ("grow", "adapt", "stop")}  # what a bias does beyond training; the models are trained once
PLAIN = ("as trained",)


@functools.lru_cache(maxsize=2)
def text_of(where, most):
    """The text, read once for all configs that a process runs."""
    return tasks.source_text(where, most=most)


@functools.lru_cache(maxsize=16)
def ngram_of(where, most, order):
    """The n-gram of all of that training text."""
    return NGram(text_of(where, most).train, order=order, vocabulary=tasks.CHARACTERS)


def run(config, encoding, options, device):
    """Train on code and test: see `howfar.experiments.real.run`."""
    text = text_of(config.text, config.characters)
    model_config = TransformerConfig(
        depth=config.depth,
        width=config.width,
        heads=config.heads,
        vocabulary=tasks.CHARACTERS,
        outputs=tasks.CHARACTERS,
        encoding=encoding,
        encoding_options=options,
        max_length=config.trained,
    )
    ensemble = train(
        model_config,
        lambda generator: tasks.next_characters(config.batch, config.trained, text.train, seed=generator),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 20,
        device=device,
        description=f"code, {config.encoding}",
    )
    windows = test_windows(text.test, FACTORS[-1] * config.trained)
    fixed = {"text_digest": text.digest, **baselines(config, windows)}
    records = []
    for seed, model in zip(config.seeds, ensemble, strict=True):
        model = model.cpu().eval()
        for rule in RULES.get(encoding, PLAIN):
            if rule in RULES.get(encoding, ()):
                model.encoding = beyond(model, rule)
            for start, factor in conditions(rule):
                length = round(factor * config.trained)
                seen = measure(model, windows[:, -length - 1 :], start * config.trained, config.trained)
                records.append({"seed": seed, "rule": rule, "length": length, "start": start * config.trained, **seen})
    return [record | fixed for record in records]


def conditions(rule):
    """(start, factor) of each test; a rule for distances that training hasn't met is only asked where there are any."""
    lengths = [(0, factor) for factor in FACTORS if rule in (*PLAIN, "grow") or factor > 1]
    return lengths + ([(start, 1) for start in SHIFTS] if rule in (*PLAIN, "grow") else [])


def beyond(model, rule):
    """The ALiBi of a model with another rule for the distances that it has not met."""
    config = model.config
    shape = dict(width=config.width, heads=config.heads, max_length=config.max_length, causal=config.causal)
    return make_encoding("alibi", **shape, **(dict(config.encoding_options) | {"beyond": rule}))


def test_windows(text, longest, n=None):
    """Windows of a text, equally far apart, of ``longest`` characters and one to predict: int64 (n, longest + 1)."""
    n = WINDOWS if n is None else n
    starts = torch.linspace(0, len(text) - longest - 1, n).long()
    return text[starts[:, None] + torch.arange(longest + 1)]


def baselines(config, windows):
    """Bits a character that counts of strings need for the same characters.

    All but the last are of the training text. ``one_gram`` knows how frequent each character is; ``five_gram``
    reads the last four; ``best_gram`` is the best of orders 1 to 6, chosen on these characters, in its favour.
    ``five_gram_of_more`` has read 3 million characters, or all there are.
    """
    ends = windows[:, -TARGETS - ORDERS[-1] + 1 :]
    small, more = (config.text, config.characters), (config.text, MUCH)
    costs = {order: _cost(ngram_of(*small, order), ends) for order in ORDERS}
    best = {"one_gram": costs[1], "five_gram": costs[5], "best_gram": min(costs.values())}
    return best | {"five_gram_of_more": _cost(ngram_of(*more, 5), ends)}


def _cost(table, ends):
    return round(float(torch.stack([table.bits(row)[-TARGETS:].mean() for row in ends]).mean()), 4)


def measure(model, windows, start, trained):
    """What one model makes of the last characters of some windows.

    Returns
    -------
    dict
        ``bits``, a character, the mean; and of the attention of the queries that predict them, the share that goes to
        distances ``near`` (below 8), ``middle`` (below 32), ``far`` (below the length of training) and ``new`` (from
        there on), the mean over heads, layers and queries. ``steepest``: see `steepest`; None without ALiBi's bias.
    """
    inputs, targets = windows[:, :-1], windows[:, -TARGETS:]
    positions = torch.arange(start, start + inputs.shape[1])
    logits = torch.cat([model(part, positions)[:, -TARGETS:].detach() for part in inputs.split(16)])
    bits = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()) / math.log(2)
    with torch.no_grad(), record(model) as seen:
        model(inputs[:WATCHED], positions)
    last = [weights[:, :, -TARGETS:] for weights in seen.attention]  # (windows, heads, queries, keys)
    slopes = getattr(model.encoding, "slopes", None) if getattr(model.encoding, "beyond", None) == "grow" else None
    shares = {name: round(value, 4) for name, value in attention_shares(last, trained).items()}
    return {"bits": round(float(bits), 4), **shares, "steepest": steepest(last, slopes, trained)}


def attention_shares(attention, trained):
    """The share of the attention to keys near, middle, far and new, of weights (windows, heads, queries, keys)."""
    queries, keys = attention[0].shape[-2:]
    distance = torch.arange(keys - queries, keys)[:, None] - torch.arange(keys)
    edges = {"near": (0, NEAR), "middle": (NEAR, MIDDLE), "far": (MIDDLE, trained), "new": (trained, keys)}
    weights = torch.stack([layer.abs() / layer.abs().sum(-1, keepdim=True) for layer in attention])
    return {
        name: float((weights * ((distance >= least) & (distance < most))).sum(-1).mean())
        for name, (least, most) in edges.items()
    }


def steepest(attention, slopes, trained):
    r"""How fast ALiBi's attention to one key changes with its distance beyond training, at most.

    The weight of a key at distance d is compared with what it would be at the last distance of training, N - 1, all
    other keys left as they are: the change divided by that of the bias, :math:`m (d - N + 1)`, the largest over all
    layers, heads, queries and keys. The softmax lets it be at most 1/4.
    """
    queries, keys = attention[0].shape[-2:]
    if slopes is None or keys <= trained:
        return None
    distance = torch.arange(keys - queries, keys)[:, None] - torch.arange(keys)
    moved = slopes[:, None, None].double() * (distance - trained + 1).clamp(min=0)  # (heads, queries, keys)
    largest = 0.0
    for weights in attention:
        raised = weights.double() * moved.exp()
        change = raised / (1 - weights.double() + raised) - weights
        ratio = (change.abs() / moved).where(moved > 0, 0)
        largest = max(largest, float(ratio.max()))
    return round(largest, 6)
