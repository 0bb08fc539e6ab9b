"""Wasserstein-1 distances: always W_1 itself, never W_p to the power p.

On a line `wasserstein_1d`; on trees, in closed form, `tree_wasserstein` (any tree), `trie_wasserstein` (words in their
prefix tree), `stack_wasserstein` (the stacks of Dyck words) and `stop_wasserstein` (where searches stand); with a cost
matrix, through POT, `emd2`, `solve`, `sinkhorn` and `sliced_wasserstein`. `dist` has ground metrics between words,
`witness` the 1-Lipschitz function that shows a distance, `bracket`, `bootstrap` and `permutation_test` what samples say
about laws. Arguments follow POT's dialect, so that a POT user is at home; bad input raises ValueError here where POT
may return a silent number.
"""

from howfar.wasserstein.duality import (
    Witness,
    embedding_witness,
    lipschitz_violation,
    mean_difference,
    witness,
)
from howfar.wasserstein.embedding import tree_embedding
from howfar.wasserstein.exact import OTResult, emd2, sinkhorn, sliced_wasserstein, solve
from howfar.wasserstein.inference import (
    Bracket,
    Interval,
    PermutationTest,
    bootstrap,
    bracket,
    permutation_test,
    plug_in,
)
from howfar.wasserstein.line import wasserstein_1d
from howfar.wasserstein.metrics import dist
from howfar.wasserstein.population import population_stack, population_trie
from howfar.wasserstein.stack import stack_wasserstein
from howfar.wasserstein.stops import stop_embedding, stop_wasserstein
from howfar.wasserstein.tree import Tree, tree_wasserstein
from howfar.wasserstein.trie import trie_wasserstein

__all__ = [
    "Bracket",
    "Interval",
    "OTResult",
    "PermutationTest",
    "Tree",
    "Witness",
    "bootstrap",
    "bracket",
    "dist",
    "embedding_witness",
    "emd2",
    "lipschitz_violation",
    "mean_difference",
    "permutation_test",
    "plug_in",
    "population_stack",
    "population_trie",
    "sinkhorn",
    "sliced_wasserstein",
    "solve",
    "stack_wasserstein",
    "stop_embedding",
    "stop_wasserstein",
    "tree_embedding",
    "tree_wasserstein",
    "trie_wasserstein",
    "wasserstein_1d",
    "witness",
]
