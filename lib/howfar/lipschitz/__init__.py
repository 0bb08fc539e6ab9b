"""How much can the output move when the input does? Lower estimates, and certified bounds.

A Lipschitz constant is a supremum. What is found by trying inputs, however cleverly, lies below it; only a
proof lies above. Every function here says which of the two it gives, and so does what it returns.
"""

from howfar.lipschitz.attention import attention_bound
from howfar.lipschitz.estimates import LOWER, UPPER, Estimate, jacobian_norm, largest_ratio
from howfar.lipschitz.model import ModelBound, from_embedded, loss_ceiling, model_bound

__all__ = [
    "LOWER",
    "UPPER",
    "Estimate",
    "ModelBound",
    "attention_bound",
    "from_embedded",
    "jacobian_norm",
    "largest_ratio",
    "loss_ceiling",
    "model_bound",
]
