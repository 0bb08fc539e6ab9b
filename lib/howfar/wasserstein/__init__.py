"""Wasserstein-1 distances: always W_1 itself, never W_p to the power p.

On a line: `wasserstein_1d`. Arguments follow POT's dialect (``u_values, v_values, u_weights, v_weights``), so that
a POT user is at home; bad input raises ValueError here where POT may return a silent number.
"""

from howfar.wasserstein.line import wasserstein_1d

__all__ = ["wasserstein_1d"]
