"""Transformers whose weights are set by hand, and a threshold circuit: what a fixed depth can do, proved and checked.

The first three return a `howfar.Transformer` in eval mode and float32, made for words up to a length. It takes words
with the start token in front and answers by sign. The proof stands in the docstring: what each layer computes, by what
margin, how large the numbers get, and so how many digits it needs. Nothing here is trained.
"""

from howfar.constructions.blocks import alternating_blocks
from howfar.constructions.brackets import dyck_continuation, dyck_recogniser
from howfar.constructions.circuits import ThresholdCircuit, threshold_circuit

__all__ = ["ThresholdCircuit", "alternating_blocks", "dyck_continuation", "dyck_recogniser", "threshold_circuit"]
