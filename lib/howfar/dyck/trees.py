"""Dyck words as ordered trees, and back."""

import torch

from howfar import checks
from howfar.dyck.reading import check_words
from howfar.dyck.words import END, integer_array, word_array


def to_tree(word, k):
    """The ordered tree that a Dyck word walks around: each opening steps down to a new child, its closing steps back.

    Parameters
    ----------
    word : sequence of int (length,)
        A word or a viable prefix.
    k : int

    Returns
    -------
    parents : LongTensor (nodes,)
        Node 0 is the root and its own parent; node i is the i-th opening. Parents stand before their children.
    types : LongTensor (nodes,)
        The bracket type on the edge above each node; -1 for the root.

    Raises
    ------
    ValueError
        If the word is no viable prefix.
    """
    k = checks.count("k", k)
    array = word_array(word, name="word", k=k, kind="word")
    check_words(array, k, full=False, name="word")
    parents, types, path = [0], [-1], [0]
    for token in array.tolist():
        if 0 <= token < k:
            parents.append(path[-1])
            types.append(token)
            path.append(len(parents) - 1)
        elif token != END:
            path.pop()
    return torch.tensor(parents), torch.tensor(types)


def from_tree(parents, types, k):
    """The Dyck word of an ordered tree: the inverse of `to_tree` for full words.

    Parameters
    ----------
    parents, types : sequence of int (nodes,)
        As returned by `to_tree`; siblings are visited in the order of their indices.
    k : int

    Returns
    -------
    LongTensor (2 (nodes - 1),)

    Raises
    ------
    ValueError
        If node 0 is not its own parent, a parent does not stand before its child, a type is not in 0..k-1, or an entry
        is no integer.
    """
    k = checks.count("k", k)
    parents, types = integer_array(parents, "parents"), integer_array(types, "types")
    if parents.ndim != 1 or parents.shape != types.shape or len(parents) == 0 or parents[0] != 0:
        raise ValueError(
            f"parents and types must have one entry per node, shape (nodes,), and node 0 must be its own parent; "
            f"got shapes {parents.shape} and {types.shape}"
        )
    parents, types = parents.tolist(), types.tolist()
    children = [[] for _ in parents]
    for node in range(1, len(parents)):
        if not 0 <= parents[node] < node or not 0 <= types[node] < k:
            raise ValueError(
                f"node {node} has parent {parents[node]} and type {types[node]}; the parent must be a node before it "
                f"and the type in 0..{k - 1}"
            )
        children[parents[node]].append(node)
    word, path = [], [(0, iter(children[0]))]
    while path:
        node, rest = path[-1]
        child = next(rest, None)
        if child is None:
            path.pop()
            if path:
                word.append(k + types[node])
        else:
            word.append(types[child])
            path.append((child, iter(children[child])))
    return torch.tensor(word, dtype=torch.long)
