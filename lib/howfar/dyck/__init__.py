"""Dyck words: balanced brackets of k types, counted, enumerated, drawn and read; `source_code` has those of real code.

The language Dyck-k has openings ``0..k-1`` and closings ``k..2k-1``; the closing of type ``s`` is ``k + s``. A word is
a row of a LongTensor ``(n, length)``. Words of different lengths share a tensor by ending in -1 (`pad_words`): -1
stands after the last token, never between tokens. With ``max_depth`` the language is Dyck-(k, D): never more than D
brackets open at once.
"""

from howfar.dyck import source_code
from howfar.dyck.counting import all_prefixes, all_words, count_prefixes, count_words
from howfar.dyck.laws import Automaton, Uniform, Walk, WordLaw, sample_words
from howfar.dyck.reading import check_words, depths, is_prefix, is_word, legal_tokens, open_stack, partners
from howfar.dyck.trees import from_tree, to_tree
from howfar.dyck.words import BRACKETS, END, from_brackets, length_blocks, pad_words, to_brackets, word_array

__all__ = [
    "BRACKETS",
    "END",
    "Automaton",
    "Uniform",
    "Walk",
    "WordLaw",
    "all_prefixes",
    "all_words",
    "check_words",
    "count_prefixes",
    "count_words",
    "depths",
    "from_brackets",
    "from_tree",
    "is_prefix",
    "is_word",
    "legal_tokens",
    "length_blocks",
    "open_stack",
    "pad_words",
    "partners",
    "sample_words",
    "source_code",
    "to_brackets",
    "to_tree",
    "word_array",
]
