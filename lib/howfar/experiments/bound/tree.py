"""The loss as a function of where a search stands: its exact constant on the tree, and what that bounds."""

import numpy as np

from howfar.search import SEPARATOR, STOP


def losses_by_stop(sample, losses):
    """The loss of each move, booked at the node where the search stands before it.

    Parameters
    ----------
    sample : Sample
        Of echoed traces, which may be cut.
    losses : tensor (n, length)
        See `token_losses`.

    Returns
    -------
    list of list of (address, float)
        For each search its stops, each with the nats of the move that follows (or of STOP). The first move starts at
        no stop and doesn't count; nor does a move that is cut.
    """
    searches = []
    for search, row, targets in zip(sample.searches, losses, sample.batch.targets, strict=True):
        total = np.concatenate([[0.0], np.cumsum(row.numpy())])
        at = int((sample.batch.inputs[len(searches)] == SEPARATOR).nonzero()[0]) + 1 + len(search.addresses[0])
        stops = []
        for i, address in enumerate(search.addresses):
            last = i + 1 == len(search.addresses)
            step = 1 if last else 1 + len(search.addresses[i + 1])
            if at + step > len(row):
                break
            assert not last or targets[at] == STOP  # a stop's moves are where they are taken to be
            stops.append((address, float(total[at + step] - total[at])))
            at += step
        searches.append(stops)
    return searches


def by_node(searches):
    """The mean occupation measure, and how much loss stands at each node.

    Parameters
    ----------
    searches : list of list of (address, float)

    Returns
    -------
    dict, dict
        Of each node: its share of the moves, each search with weight one; and the same share times the mean loss there.
    """
    mass, lost = {}, {}
    for stops in searches:
        for address, loss in stops:
            share = 1 / len(stops) / len(searches)
            mass[address] = mass.get(address, 0.0) + share
            lost[address] = lost.get(address, 0.0) + share * loss
    return mass, lost


def split_change(home, away):
    """The change of the risk a move, in three terms.

    Parameters
    ----------
    home, away : (dict, dict)
        Of `by_node`.

    Returns
    -------
    dict
        ``elsewhere``, what the change of place does at the losses of home; ``same_place``, what other losses do at the
        places that home visits; ``new_nodes``, what the loss beyond the mean at home does where home was never;
        ``new_mass``, the share of moves there. The first three add up to the change.
    """
    (m_p, l_p), (m_q, l_q) = home, away
    risk, g = sum(l_p.values()), {v: l_p[v] / m_p[v] for v in m_p}
    known = [v for v in m_q if v in m_p]
    return {
        "elsewhere": sum(m_q[v] * (g[v] - risk) for v in known),
        "same_place": sum(l_q[v] - m_q[v] * g[v] for v in known),
        "new_nodes": sum(l_q[v] - m_q[v] * risk for v in m_q if v not in m_p),
        "new_mass": sum(m_q[v] for v in m_q if v not in m_p),
    }


def tree_constant(g):
    """The exact Lipschitz constant of a function on some nodes of a tree of addresses, edges of length 1.

    Parameters
    ----------
    g : dict
        From address to number. Where the nodes hang together, the largest ratio is that of an edge.

    Returns
    -------
    float
    """
    return max(abs(g[u] - g[v]) / steps(u, v) for u in g for v in g if u < v)


def steps(u, v):
    """The length of the path between two addresses."""
    common = 0
    while common < min(len(u), len(v)) and u[common] == v[common]:
        common += 1
    return len(u) + len(v) - 2 * common
