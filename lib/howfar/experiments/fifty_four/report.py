"""What the records of the 54 say: rank correlations by axis and distance, falls, gains by depth and width, slopes."""

import numpy as np
import pandas as pd

from howfar.experiments import fifty_four
from howfar.experiments.fifty_four import distances, domains
from howfar.experiments.judging import measured, monotone_test

AXES = ("n", "size", "order")  # on which the traces move
POOLED = "all axes"


def trained(records):
    """The records of models whose risk at home is below that of a 3-gram; the others have not learned the task."""
    measured(records, "home_risk", "home_ngram", "mixture")
    return records[records["home_risk"] < records["home_ngram"]]


def main_runs(records):
    """The records of the main runs: subset sum, the usual steps, all of them trained."""
    main = records[(records["task"] == "subset sum") & (records["steps"] == fifty_four.Config.steps)]
    return trained(main)


def ranking(records, names=distances.DISTANCES):
    """Does the risk follow a distance? For each encoding, axis and distance, over the domains' means.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.experiments.fifty_four`.
    names : sequence of str
        Distances: the ``x`` of columns ``w1_x`` and ``null_x``.

    Returns
    -------
    pandas.DataFrame
        ``axis, encoding, distance``; ``above null``, how many domains are farther than two samples of the training law
        (mean over the training laws); ``correlation`` (Spearman's, mean over the training laws) and ``p-value`` of
        `howfar.experiments.judging.monotone_test`; ``fall``, the largest fall of the risk from a nearer to a farther
        domain, as a share of the risk's range (or of 1 nat, if that is more), mean over the seeds.
    """
    rows = []
    for encoding, runs in records.groupby("encoding", sort=False):
        for axis in (*AXES, POOLED):
            here = runs[runs["axis"].isin(AXES if axis == POOLED else [axis])]
            for name in names if len(here) else ():
                parts = strata(here, name)
                test = ranks_test(parts)
                rows.append(
                    {
                        "axis": axis,
                        "encoding": encoding,
                        "distance": name,
                        "above null": np.mean([(far > null).sum() for far, null, _ in parts]),
                        "correlation": test.correlation,
                        "p-value": test.pvalue,
                        "fall": largest_fall(parts).mean() if moves(parts) else np.nan,
                    }
                )
    return pd.DataFrame(rows)


def with_distance(records, method, name, *, size=200):
    """Records with a distance of your own: two more columns, ``w1_NAME`` and ``null_NAME``.

    Parameters
    ----------
    records : pandas.DataFrame
        Of `howfar.experiments.fifty_four`.
    method : callable
        ``method(a, b)``: a number for two samples of searches, each a `howfar.experiments.fifty_four.domains.Rows`.
    name : str
    size : int
        Searches in each sample.

    Returns
    -------
    pandas.DataFrame
    """
    columns = {}
    for (mixture, task), group in records.groupby(["mixture", "task"]):
        by_name = {d.name: d for there in domains.axes(task).values() for d in there}
        home, *others = (domains.sample(d, mixture, size) for d in domains.axes(task)["home"])
        null = max(float(method(home, other)) for other in others)
        for domain in group["domain"].unique():
            far = float(method(home, domains.sample(by_name[domain], mixture, size)))
            columns[mixture, task, domain] = far, null
    found = [columns[key] for key in zip(records["mixture"], records["task"], records["domain"], strict=True)]
    far, null = np.array(found).T
    return records.assign(**{f"w1_{name}": far, f"null_{name}": null})


def strata(rows, distance):
    """For each encoding and training law the distances (domains,), their null, the risks (seeds, domains).

    All are means over the shapes of the models, and of the same domains in the same order.
    """
    found = []
    columns = ["risk", f"w1_{distance}"] + ([] if distance == "position" else [f"null_{distance}"])
    for _, group in measured(rows, *columns).groupby(["encoding", "mixture"], sort=False):
        risk = group.pivot_table(index="seed", columns="domain", values="risk", aggfunc="mean")
        # In units of the null, so that the hidden states of a wide model don't outweigh those of a narrow one.
        unit = 1.0 if distance == "position" else group[f"null_{distance}"]
        far = (group[f"w1_{distance}"] / unit).groupby(group["domain"]).mean()[risk.columns]
        found.append((far.to_numpy(), 0.0 if distance == "position" else 1.0, risk.to_numpy()))
    return found


def moves(strata):
    """Whether any domain is farther than two samples of the training law are from each other."""
    return any((far > null).any() for far, null, _ in strata)


def ranks_test(strata):
    """The `monotone_test` of the domains' means."""
    return monotone_test(
        np.stack([far for far, _, _ in strata]),
        np.stack([risk.mean(0) for _, _, risk in strata]),
        null=[null for _, null, _ in strata],
    )


def largest_fall(strata):
    """For each seed, how far the risk falls between two domains, the second farther; chosen on the other seeds."""
    seeds = len(strata[0][2])
    falls = []
    for seed in range(seeds):
        others = [s for s in range(seeds) if s != seed] or [seed]
        chosen = []
        for far, null, risk in strata:
            far = np.where(far <= null, 0.0, far)
            farther = far[:, None] < far[None]
            mean, own = risk[others].mean(0), risk[seed]
            fall = np.where(farther, mean[:, None] - mean[None], -np.inf) / max(np.ptp(mean), 1.0)
            i, j = np.unravel_index(fall.argmax(), fall.shape)
            chosen.append((fall[i, j], (own[i] - own[j]) / max(np.ptp(mean), 1.0)))
        falls.append(max(chosen)[1])
    return np.array(falls)


def gain(rows, factor, column="risk"):
    """By how much the largest value of a factor lowers a column against the smallest: an array, one for each seed.

    Cells in which one of the two is missing (not trained, say) don't count.
    """
    ends = rows[rows[factor].isin([rows[factor].min(), rows[factor].max()])]
    others = [c for c in ("encoding", "depth", "width", "mixture", "seed") if c != factor]
    table = measured(ends, column).pivot_table(index=others, columns=factor, values=column, aggfunc="mean").dropna()
    return (table.iloc[:, 0] - table.iloc[:, -1]).groupby("seed").mean().to_numpy()


def slopes(records, *, distance="stack", axis="n"):
    """The least-squares slope of each model's risk in a distance, along an axis: nats per unit of W1.

    Parameters
    ----------
    records : pandas.DataFrame
    distance : str
    axis : str

    Returns
    -------
    pandas.DataFrame
        ``encoding, depth, width, mixture, seed, slope, level``: the line's slope, and its mean risk.
    """
    rows = measured(records[records["axis"] == axis], f"w1_{distance}", "risk")
    cell = ["encoding", "depth", "width", "mixture", "seed"]
    found = []
    for key, group in rows.groupby(cell):
        x, y = group[f"w1_{distance}"], group["risk"]
        found.append(dict(zip(cell, key, strict=True)) | {"slope": np.polyfit(x, y, 1)[0], "level": y.mean()})
    return pd.DataFrame(found)
