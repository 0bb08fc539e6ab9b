"""W1 between samples of searches through the nodes where they stand: any search, whether or not it walks."""

import numpy as np
from scipy.sparse import csr_matrix

from howfar.dyck import pad_words
from howfar.wasserstein.checks import masses
from howfar.wasserstein.embedding import tree_embedding


def stop_wasserstein(stops_a, stops_b, *, a=None, b=None, length=None):
    r"""The Wasserstein-1 distance W_1 between the mean occupation measures of two samples of searches.

    Draw a search, then one of its stops uniformly: that is a node of the tree of all paths of labels, whose metric
    counts the steps up and down between two nodes. For depth-first searches of a whole tree it is `stack_wasserstein`
    of their Dyck words. This one takes searches that end at a solution, jump as breadth-first ones do, or are cut.

    Parameters
    ----------
    stops_a, stops_b : sequence of sequences of addresses
        An address is a sequence of labels of at least 0, the path from the root: the ``addresses`` of a
        `howfar.search.Search`. Every search has weight one, however long it is; one without stops is at the root.
    a, b : array or tensor (n,), (m,), optional
        Non-negative weights of the searches, of equal total mass. Left out: 1/n (1/m) each.
    length : float or array (depth,), optional
        The length w_d of the edges from depth d-1 to depth d; a float for all. Default 1: the unit is a step.

    Returns
    -------
    float
        In the unit of ``length``, times the total mass.

    Raises
    ------
    ValueError
        If a sample has no search, an address is no path of labels, or weights or lengths are bad.

    Notes
    -----
    It is a distance of *mean* measures: when a search stood at a node, and which search it was, is forgotten.

    Examples
    --------
    >>> stop_wasserstein([[(0,), ()]], [[(1,), ()]])  # each is half of the time at its own child of the root
    1.0
    """
    n = len(_searches("stops_a", stops_a))
    a, b = masses(a, b, n, len(_searches("stops_b", stops_b)))
    phi = stop_embedding([*stops_a, *stops_b], length=length)
    return float(np.abs(phi[:n].T @ a - phi[n:].T @ b).sum())


def stop_embedding(stops, *, length=None):
    """Searches as vectors, one coordinate per tree edge: the share of its stops at or below the edge, times its length.

    Parameters
    ----------
    stops : sequence of sequences of addresses
        As in `stop_wasserstein`. Embed both samples together: the coordinates belong to this call.
    length : float or array (depth,), optional

    Returns
    -------
    scipy.sparse.csr_matrix, float64 (n, nodes)
        W_1 is the L1 distance of two weighted means of rows, as with `tree_embedding`. Edges that the same addresses
        use may share a column.

    Raises
    ------
    ValueError
        As `stop_wasserstein` does.
    """
    stops = _searches("stops", stops)
    moves = np.array([len(search) for search in stops])
    places, which = {(): 0}, []  # each address once: searches meet at the same nodes
    for i, search in enumerate(stops):
        for address in search:
            try:
                which.append(places.setdefault(tuple(address), len(places)))
            except TypeError:
                raise ValueError(f"stops: search {i} must hold addresses (labels), got {address!r}") from None
    words = pad_words(list(places), name="stops")
    ended = np.array([len(address) for address in places]) != (words >= 0).sum(1).numpy()
    if ended.any():
        raise ValueError(f"stops must hold labels of at least 0, got the address {list(places)[int(np.argmax(ended))]}")
    rows = tree_embedding(words, metric="prefix", length=length)
    owner = np.repeat(np.arange(len(stops)), moves)
    share = csr_matrix((1 / moves[owner], (owner, np.array(which, dtype=np.int64))), shape=(len(stops), len(places)))
    return (share @ rows).tocsr()


def _searches(name, stops):
    try:
        stops = list(stops)
        if not stops or any(isinstance(search, str) or not hasattr(search, "__len__") for search in stops):
            raise TypeError
    except TypeError:
        raise ValueError(f"{name} must be a list of searches, each a list of addresses, at least one") from None
    return stops
