"""ListOps: short expressions in training, longer ones in tests, the answer classified at the end."""

import functools
import itertools

import torch

from howfar import tasks
from howfar.experiments.real.code import PLAIN, RULES, beyond
from howfar.tasks.list_ops import ANSWER, CLOSE, OPERATORS
from howfar.training import token_accuracy, train
from howfar.transformer import TransformerConfig

FACTORS = (0.5, 1, 1.5, 2, 3)  # tokens of the longest expression of a test, in those of training
SPAN = 4  # lengths of a test: the longest and the three before it
SHORTEST = 4  # tokens of [MAX 1 2 ]
POOL, TEST_ROWS = 12_000, 400


@functools.lru_cache(maxsize=2)
def pool(longest, n=POOL, seed=7):
    """Expressions of training: a quarter each for four equal ranges of lengths up to ``longest``."""
    edges = [round(SHORTEST + (longest - SHORTEST) * share / 4) for share in range(5)]
    parts = []
    for number, (least, most) in enumerate(itertools.pairwise(edges)):
        batch = tasks.list_ops(n // 4, (least + (number > 0), most), seed=seed + number)
        room = longest - most
        fills = (ANSWER, 0, False)
        parts.append([torch.nn.functional.pad(part, (0, room), value=v) for part, v in zip(batch, fills, strict=False)])
    return tasks.Batch(*(torch.cat(part) for part in zip(*parts, strict=True)))


def test_rows(longest, n=TEST_ROWS):
    """Expressions of a test, and how deep they are on average: (Batch, float)."""
    batch = tasks.list_ops(n, (max(longest - SPAN + 1, SHORTEST), longest), seed=1000 + longest)
    rows = [row[:end] for row, end in zip(batch.inputs, batch.mask.int().argmax(1), strict=True)]
    return batch, sum(map(tasks.list_ops_depth, rows)) / n


def run(config, encoding, options, device):
    """Train on short expressions and test: see `howfar.experiments.real.run`."""
    model_config = TransformerConfig(
        depth=config.depth,
        width=config.width,
        heads=config.heads,
        vocabulary=tasks.LIST_OPS_TOKENS,
        outputs=10,
        encoding=encoding,
        encoding_options=options,
        max_length=config.trained + 1,
    )
    trained = pool(config.trained)
    ensemble = train(
        model_config,
        lambda generator: trained.draw(config.batch, seed=generator),
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=config.lr,
        warmup=config.steps // 20,
        device=device,
        description=f"ListOps, {config.encoding}",
    )
    blind = Heuristics(trained)
    records = []
    for length in (round(factor * config.trained) for factor in FACTORS):
        batch, depth = test_rows(length)
        fixed = {"length": length, "nested": round(depth, 2), **blind.scores(batch)}
        for seed, model in zip(config.seeds, ensemble, strict=True):
            model = model.cpu().eval()
            for rule in RULES.get(encoding, PLAIN):
                if rule in ("adapt", "stop") and length <= config.trained:
                    continue
                if rule not in PLAIN:
                    model.encoding = beyond(model, rule)
                accuracy = round(float(token_accuracy(model, batch)), 4)
                records.append({"seed": seed, "rule": rule, "accuracy": accuracy, **fixed})
    return records


class Heuristics:
    """Answers that need no nesting, fitted on the expressions of training where there is something to fit.

    ``constant``: the most frequent value. ``operator``: the most frequent value under the first operator. ``flat``: the
    first operator, applied to all digits as if they were one list.
    """

    def __init__(self, batch):
        values, first = batch.targets[batch.mask], batch.inputs[:, 0]
        self.constant = int(values.mode().values)
        self.by_operator = {code: int(values[first == code].mode().values) for code in OPERATORS}

    def answers(self, batch):
        """{name: answers (n,)} to the rows of a batch."""
        first = batch.inputs[:, 0].tolist()
        digits = [[token for token in row if token < CLOSE] for row in batch.inputs.tolist()]
        return {
            "constant": torch.full((len(first),), self.constant),
            "operator": torch.tensor([self.by_operator[code] for code in first]),
            "flat": torch.tensor([OPERATORS[code](row) for code, row in zip(first, digits, strict=True)]),
        }

    def scores(self, batch):
        """{name: share of right answers}."""
        values = batch.targets[batch.mask]
        return {
            name: round(float((answers == values).double().mean()), 4) for name, answers in self.answers(batch).items()
        }
