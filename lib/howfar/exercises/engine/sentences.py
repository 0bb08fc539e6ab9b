"""Exercises that ask which of some sentences are true: an answer names their letters."""

import re
from string import ascii_lowercase


def first_misjudged(count, right, *, noun="sentence"):
    """The ``run`` of an exercise whose answer is a set of letters.

    Any order, case, separator and container will do: ``"be"``, ``"E, b"``, ``"b and e"``, ``{"b", "e"}``. Of several
    mistakes the first is told, so that one hint fits.

    Parameters
    ----------
    count : int
        How many sentences there are; the first has the letter a.
    right : str
        The letters of the true ones.
    noun : str
        What they are called on the page.

    Returns
    -------
    callable
        ``run(answer)``: a line that says which of them is judged wrongly, or that none is.
    """
    letters = ascii_lowercase[:count]

    def run(answer):
        named = answer()
        if named is None or named is ...:
            return named  # not attempted yet
        found = _letters(named)
        if found is None or not found <= set(letters):
            return f"no {noun} is named by {named!r}: the letters are a to {letters[-1]}"
        wrong = next((letter for letter in letters if (letter in found) != (letter in right.lower())), None)
        return f"no {noun} is judged wrongly" if wrong is None else f"the first {noun} judged wrongly is {wrong}"

    return run


def _letters(named):
    """The letters that an answer names, in lower case: a set; None if it is no text and holds none."""
    if not isinstance(named, (str, list, tuple, set, frozenset)) or not all(isinstance(part, str) for part in named):
        return None
    text = named if isinstance(named, str) else " ".join(named)
    if not re.fullmatch(r"[A-Za-z\s,;.:/&+|()\[\]{}'\"-]*", text):
        return None
    return {letter for part in re.findall(r"[a-z]+", text.lower()) if part != "and" for letter in part}
