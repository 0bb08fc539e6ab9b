"""Combinatorial problems, tree search through them, and the search written down as tokens.

A problem is anything with the members of `Problem`. A choice is an integer label in ``0..branching-1``, so that a path
of choices names a node of the search tree, and a depth-first search is a Dyck word with ``branching`` bracket types:
choose = open the label's bracket, backtrack = close it.
"""

from howfar.search.laws import ORDERS, OrderedSum, SumLaw, summary
from howfar.search.problems import Countdown, NQueens, Problem, SubsetSum, Sudoku4
from howfar.search.searchers import Search, breadth_first, depth_first
from howfar.search.text import FIRST, SEPARATOR, START, STOP, TEXT_FORMATS, text_size, write_prompt, write_search
from howfar.search.traces import FORMATS, from_dyck, to_dyck, trace, trace_size

__all__ = [
    "FIRST",
    "FORMATS",
    "ORDERS",
    "SEPARATOR",
    "START",
    "STOP",
    "TEXT_FORMATS",
    "Countdown",
    "NQueens",
    "OrderedSum",
    "Problem",
    "Search",
    "SubsetSum",
    "Sudoku4",
    "SumLaw",
    "breadth_first",
    "depth_first",
    "from_dyck",
    "summary",
    "text_size",
    "to_dyck",
    "trace",
    "trace_size",
    "write_prompt",
    "write_search",
]
