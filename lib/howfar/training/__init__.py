"""Train an ensemble at once, and let what was trained speak: one architecture, many seeds or learning rates."""

from howfar.training.generation import generate
from howfar.training.members import losses_of_members, train
from howfar.training.scoring import exact_match, token_accuracy

__all__ = ["exact_match", "generate", "losses_of_members", "token_accuracy", "train"]
