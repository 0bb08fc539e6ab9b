"""The models: trained on searches, asked for their risk, their hidden states and their own searches."""

import numpy as np
import torch
from torch.nn import functional

from howfar import search, tasks
from howfar.experiments.fifty_four import domains
from howfar.training import generate, train
from howfar.transformer import TransformerConfig, record

BATCH, LR, WARMUP, HEADS = 16, 8e-3, 30, 4
FARTHEST = max(domains.FAR)  # the largest offset; every learned table has rows up to it, trained or not
ROWS = 50  # read at a time


def model_config(config):
    """The architecture of a configuration: only what its name says differs.

    Parameters
    ----------
    config : howfar.experiments.fifty_four.Config

    Returns
    -------
    TransformerConfig
    """
    size = search.text_size(domains.pool(config.task)[0].branching)
    return TransformerConfig(
        depth=config.depth,
        width=config.width,
        heads=HEADS,
        vocabulary=size,
        outputs=size,
        encoding="learned" if config.encoding == "offsets" else config.encoding,
        max_length=domains.LENGTH + FARTHEST,
    )


def fit(config, device="cpu"):
    """Train one configuration on all its seeds.

    Returns
    -------
    howfar.ensembles.Ensemble
    """
    batch = domains.training(config.mixture, config.task).batch
    places = torch.arange(domains.LENGTH)

    def sample(generator):
        drawn = batch.draw(BATCH, seed=generator)
        if config.encoding != "offsets":
            return drawn
        starts = torch.randint(0, FARTHEST + 1, (BATCH, 1), generator=generator)
        return drawn._replace(positions=starts + places)

    return train(
        model_config(config),
        sample,
        tasks.cross_entropy,
        steps=config.steps,
        seeds=config.seeds,
        lr=LR,
        warmup=min(WARMUP, config.steps // 5),
        device=device,
        description=f"{config.encoding} {config.depth}x{config.width}",
    )


@torch.no_grad()
def read(model, rows):
    """What a model makes of given searches.

    Parameters
    ----------
    model : Transformer
    rows : Rows

    Returns
    -------
    losses : float64 array (rows,)
        Mean nats per token that counts.
    hidden : float64 array (rows, width)
        The last layer's states, mean over these tokens.
    """
    device, losses, hidden = model.outputs.weight.device, [], []
    for start in range(0, len(rows.problems), ROWS):
        inputs, targets, mask, positions = rows.batch
        block = slice(start, start + ROWS)
        inputs, targets, mask = (part[block].to(device) for part in (inputs, targets, mask))
        with record(model) as seen:
            outputs = model(inputs, positions.to(device))
        nats = functional.cross_entropy(outputs.mT, targets, reduction="none")
        counted = mask.sum(1).double()
        losses.append((nats.double() * mask).sum(1) / counted)
        hidden.append((seen.hidden[-1].double() * mask[..., None]).sum(1) / counted[:, None])
    return torch.cat(losses).cpu().numpy(), torch.cat(hidden).cpu().numpy()


def solved(model, problems, *, offset=0):
    """The share of problems that a model solves when it writes the search itself, greedily, in what is left of a row.

    Parameters
    ----------
    model : Transformer
    problems : list
    offset : int
        The position of the first token.

    Returns
    -------
    float
    """
    texts = [search.write_prompt(problem, digits=domains.digits_of(problem)) for problem in problems]
    prompts = torch.full((len(texts), max(map(len, texts))), -1)
    for i, text in enumerate(texts):
        prompts[i, : len(text)] = text
    steps = domains.LENGTH - min(map(len, texts))
    said = generate(
        model,
        prompts,
        steps=steps,
        stop=search.STOP,
        allowed=range(search.STOP, model.config.outputs),
        positions=torch.arange(prompts.shape[1] + steps) + offset,
    ).numpy()
    within = np.arange(steps)[None] < domains.LENGTH - np.array([len(text) for text in texts])[:, None]
    said = np.where(within, said, -1)
    return float(np.mean([domains.solves(problem, row) for problem, row in zip(problems, said, strict=True)]))
