"""What models are trained on: the `Batch`, the losses that read it, and small tasks with fresh data for every batch."""

from howfar.tasks.batch import Batch, cross_entropy, mean_squared_error
from howfar.tasks.blocks import alternating_blocks, with_start
from howfar.tasks.brackets import stack_readout
from howfar.tasks.groups import multiplication_table, word_problem
from howfar.tasks.recall import k_hop, lag_recall
from howfar.tasks.searching import search_traces
from howfar.tasks.sums import running_sum

__all__ = [
    "Batch",
    "alternating_blocks",
    "cross_entropy",
    "k_hop",
    "lag_recall",
    "mean_squared_error",
    "multiplication_table",
    "running_sum",
    "search_traces",
    "stack_readout",
    "with_start",
    "word_problem",
]
