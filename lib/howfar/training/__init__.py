"""Train an ensemble at once, and let what was trained speak: one architecture, many seeds or learning rates."""

from howfar.training.generation import generate
from howfar.training.members import losses_of_members, train

__all__ = ["generate", "losses_of_members", "train"]
