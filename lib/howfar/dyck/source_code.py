"""Bracket skeletons of real Python code: what is left of a statement when all but ``()[]{}`` is deleted.

The skeleton of a statement (a logical line) is a Dyck word with three bracket types: every bracket that a statement
opens, it closes. Brackets in strings and comments don't count.
"""

import io
import json
import os
import tokenize
from pathlib import Path

from howfar.environment import data_path

OPENING, CLOSING = "([{", ")]}"
PARTNER = dict(zip(CLOSING, OPENING, strict=True))
SKIPPED_FOLDERS = {"test", "tests", "idle_test", "site-packages", "__pycache__"}


def bracket_words(source):
    """The bracket skeletons of the statements of a Python source text.

    Parameters
    ----------
    source : str
        Python source code.

    Returns
    -------
    list of str
        One word over ``()[]{}`` for each logical line that has brackets, in order. ``f(x[0])`` gives ``"([])"``.

    Raises
    ------
    SyntaxError
        If the source can't be tokenized or a bracket has no partner.
    ValueError
        If ``source`` is no string.

    Notes
    -----
    Brackets inside an f-string don't count, on any Python version: up to 3.11 the tokenizer hides them, from 3.12 on
    it reports them and we leave them out, so that the same source gives the same words everywhere.
    """
    if not isinstance(source, str):
        raise ValueError(f"source must be a string of Python code, got {source!r}")
    words, word, f_strings = [], [], 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = tokenize.tok_name[token.type]
            if kind in ("FSTRING_START", "TSTRING_START"):
                f_strings += 1
            elif kind in ("FSTRING_END", "TSTRING_END"):
                f_strings -= 1
            elif kind == "OP" and token.string in OPENING + CLOSING and not f_strings:
                word.append(token.string)
            elif kind in ("NEWLINE", "ENDMARKER") and word:
                words.append("".join(word))
                word = []
    except (tokenize.TokenError, IndentationError) as error:
        raise SyntaxError(f"not tokenizable Python: {error}") from error
    for word in words:
        heights(word)  # raises where a bracket has no partner
    return words


def heights(word):
    """The nesting height after each bracket of a word.

    Parameters
    ----------
    word : str
        A balanced word over ``()[]{}``.

    Returns
    -------
    list of int
        As long as the word; ends in 0. The largest is the nesting depth.

    Raises
    ------
    SyntaxError
        If a bracket has no partner or the partner is of another type.
    ValueError
        If the word is no string or has another character.
    """
    if not isinstance(word, str):
        raise ValueError(f"word must be a string of brackets, got {word!r}")
    stack, out = [], []
    for i, bracket in enumerate(word):
        if bracket in OPENING:
            stack.append(bracket)
        elif bracket in CLOSING:
            if not stack or stack.pop() != PARTNER[bracket]:
                raise SyntaxError(f"bracket {bracket!r} at index {i} of {word!r} closes nothing that is open")
        else:
            raise ValueError(f"a word holds only {OPENING + CLOSING}, got {bracket!r} at index {i} of {word!r}")
        out.append(len(stack))
    if stack:
        raise SyntaxError(f"{word!r} leaves {''.join(stack)!r} open")
    return out


def depth(word):
    """The nesting depth of a word: the largest number of brackets open at once."""
    return max(heights(word), default=0)


def extract(root):
    """The bracket words of every Python file below a folder.

    Parameters
    ----------
    root : str or path
        A folder, or one ``.py`` file. Folders named test, tests, idle_test, site-packages are left out.

    Returns
    -------
    files : dict of str to list of str
        For each file, named by its path below ``root``, the words of `bracket_words`. Files without brackets are kept,
        with an empty list.
    skipped : dict of str to str
        What could not be read as Python, with the reason: broken files, dangling links, folders called ``x.py``.

    Raises
    ------
    FileNotFoundError
        If ``root`` doesn't exist.
    ValueError
        If ``root`` is no path.
    """
    if not isinstance(root, (str, os.PathLike)):
        raise ValueError(f"root must be a path, got {root!r}")
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"no such file or folder: {root}")
    paths = [root] if root.is_file() else sorted(root.rglob("*.py"))
    base = root.parent if root.is_file() else root
    files, skipped = {}, {}
    for path in paths:
        name = path.relative_to(base).as_posix()
        if SKIPPED_FOLDERS.intersection(name.split("/")[:-1]):
            continue
        try:
            with tokenize.open(path) as handle:  # honours the file's own encoding line
                files[name] = bracket_words(handle.read())
        except OSError as error:
            skipped[name] = f"{type(error).__name__}: {error.strerror}"
        except (SyntaxError, UnicodeDecodeError) as error:
            skipped[name] = f"{type(error).__name__}: {error}"
    return files, skipped


def packages():
    """The names of the recorded packages, sorted."""
    return sorted(path.stem for path in data_path("brackets").glob("*.json"))


def load(package):
    """The recorded words of one package of the CPython standard library.

    Parameters
    ----------
    package : str
        One of `packages`, e.g. ``"asyncio"``; ``"modules"`` holds the modules that are a single file.

    Returns
    -------
    dict of str to list of str
        The words of each file, as `extract` returns them.

    Raises
    ------
    ValueError
        If the package is not recorded; the message lists those that are.
    """
    if package not in packages():
        raise ValueError(f"no recorded package {package!r}; there are: {', '.join(packages())}")
    record = json.loads(data_path("brackets", f"{package}.json").read_text(encoding="utf-8"))
    return {name: words.split() for name, words in record["files"].items()}
