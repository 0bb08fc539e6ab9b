"""When should a model generalise to longer problems? Exact measures of a task and a way to label pairs of tokens.

A task says which tokens the step that writes an answer's token reads. A relation gives each pair of that step and a
token a label; a model whose attention depends on the label alone must treat equal labels alike, at all lengths. So:

- a *conflict* is a label that is read in one place and not read in another;
- a *new label* is one that occurs at a greater length, and at no length of training;
- the *fan-in* is how many tokens a step reads;
- the *position-only risk* is the error of the best attention that depends on labels only.

The definitions are ours. They are not the "representation complexities" of Chen, Liang and Lin, arXiv:2510.04130, whose
definitions we could not read. For position-only linear attention `transfers` is exact; for a Transformer, which reads
contents too and must compute something from what it reads, `predicted` is a heuristic, with counterexamples.

The rival account asks for a short program: `QUESTIONS` are about words, some with one and some without.
"""

from howfar.complexity.measures import conflicts, fan_in, measures, new_labels, objections, predicted, risk, transfers
from howfar.complexity.pairs import RELATIONS, TASKS, Pairs, Task, bucketed, clipped, pairs_of
from howfar.complexity.programs import QUESTIONS, Question, all_words, mistakes

__all__ = [
    "QUESTIONS",
    "RELATIONS",
    "TASKS",
    "Pairs",
    "Question",
    "Task",
    "all_words",
    "bucketed",
    "clipped",
    "conflicts",
    "fan_in",
    "measures",
    "mistakes",
    "new_labels",
    "objections",
    "pairs_of",
    "predicted",
    "risk",
    "transfers",
]
