"""What models are trained on: the `Batch`, the losses that read it, and small tasks with fresh data for every batch."""

from howfar.tasks.additions import addition
from howfar.tasks.batch import Batch, cross_entropy, mean_squared_error
from howfar.tasks.blocks import alternating_blocks, with_start
from howfar.tasks.brackets import stack_readout
from howfar.tasks.characters import (
    CHARACTERS,
    SourceText,
    decode_characters,
    encode_characters,
    next_characters,
    source_text,
)
from howfar.tasks.groups import multiplication_table, word_problem
from howfar.tasks.list_ops import LIST_OPS_TOKENS, evaluate_list_ops, list_ops, list_ops_depth, write_list_ops
from howfar.tasks.parities import parity
from howfar.tasks.recall import k_hop, lag_recall
from howfar.tasks.rows import TOKENS, prompts_and_answers, randomize_positions, scale_hint, write_rows
from howfar.tasks.searching import search_traces
from howfar.tasks.strings import copy_string, cyclic_shift, reverse_string
from howfar.tasks.sums import running_sum

__all__ = [
    "CHARACTERS",
    "LIST_OPS_TOKENS",
    "TOKENS",
    "Batch",
    "SourceText",
    "addition",
    "alternating_blocks",
    "copy_string",
    "cross_entropy",
    "cyclic_shift",
    "decode_characters",
    "encode_characters",
    "evaluate_list_ops",
    "k_hop",
    "lag_recall",
    "list_ops",
    "list_ops_depth",
    "mean_squared_error",
    "multiplication_table",
    "next_characters",
    "parity",
    "prompts_and_answers",
    "randomize_positions",
    "reverse_string",
    "running_sum",
    "scale_hint",
    "search_traces",
    "source_text",
    "stack_readout",
    "with_start",
    "word_problem",
    "write_list_ops",
    "write_rows",
]
