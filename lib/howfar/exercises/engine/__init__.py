"""How exercises are checked, and what quizzes are made of: nothing here knows a chapter."""

from howfar.exercises.engine.exercise import SEEDS, Exercise, Verdict, Wrong
from howfar.exercises.engine.judge import examine
from howfar.exercises.engine.quiz import Option, Question, Quiz
from howfar.exercises.engine.sentences import first_misjudged

__all__ = ["SEEDS", "Exercise", "Option", "Question", "Quiz", "Verdict", "Wrong", "examine", "first_misjudged"]
