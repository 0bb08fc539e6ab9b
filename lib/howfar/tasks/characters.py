"""Real text, character by character: the source code of the CPython standard library."""

import hashlib
import platform
import sysconfig
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from howfar import checks
from howfar.environment import data_path
from howfar.tasks.batch import Batch

CHARACTERS = 97  # newline, the 95 printable characters of ASCII, and one code for every other byte
UNKNOWN = CHARACTERS - 1
TABLES = {"encodings", "pydoc_data"}  # long lists that a program has written
SKIPPED_FOLDERS = TABLES | {"test", "tests", "idle_test", "site-packages", "__pycache__"}
TESTED = 300_000  # characters
HELD_OUT = 10  # one file in so many is for tests
SPLITS = ("train", "test")


class SourceText(NamedTuple):
    """Some source code, as codes of characters.

    Attributes
    ----------
    train, test : int64 tensor (characters,)
        Of different files.
    digest : str
        The first 16 hexadecimal digits of the SHA-256 of both, in UTF-8: what a record was made from.
    origin : str
        In words.
    """

    train: torch.Tensor
    test: torch.Tensor
    digest: str
    origin: str


def source_text(where="shipped", *, most=3_000_000):
    """The text that models of source code are trained and tested on.

    Parameters
    ----------
    where : {"shipped", "stdlib"}
        "shipped": a slice of under 200 kB that comes with the library, of files without a copyright of their own.
        "stdlib": whatever the standard library of the running Python holds; another version of Python has another text.
    most : int
        Characters of training text. What is tested on has at most 300,000.

    Returns
    -------
    SourceText

    Notes
    -----
    Files are in the order of the SHA-256 of their names, and every file whose digest is a multiple of ten is for tests;
    no file is in both. Code of tests and tables that a program has written are left out.
    """
    most = checks.count("most", most, least=1000)
    if checks.choice("where", where, ("shipped", "stdlib")) == "shipped":
        parts = [data_path("source_code", f"{split}.txt").read_bytes() for split in SPLITS]
        origin = "a slice of CPython 3.11.7's standard library"
    else:
        files = source_files(Path(sysconfig.get_path("stdlib")))
        parts = [b"".join(path.read_bytes() for path in files[split]) for split in SPLITS]
        origin = f"the standard library of CPython {platform.python_version()}"
    parts = [part[:size] for part, size in zip(parts, (most, TESTED), strict=True)]
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    return SourceText(*(encode_characters(part) for part in parts), digest, origin)


def source_files(root):
    """The Python files below a folder, of ``"train"`` and of ``"test"``: a dict of lists of paths."""
    names = {path: path.relative_to(root).as_posix() for path in root.rglob("*.py")}
    digests = {
        path: int(hashlib.sha256(name.encode()).hexdigest(), 16)
        for path, name in names.items()
        if not SKIPPED_FOLDERS.intersection(name.split("/")[:-1]) and not path.name.startswith("_sysconfigdata")
    }
    files = {split: [] for split in SPLITS}
    for path in sorted(digests, key=digests.get):
        files["train" if digests[path] % HELD_OUT else "test"].append(path)
    return files


def encode_characters(text):
    """Text as codes of its characters: 0 for a newline, 1 to 95 for ASCII from space to ``~``, 96 for all else.

    Parameters
    ----------
    text : str or bytes
        A string is read as UTF-8, byte by byte.

    Returns
    -------
    int64 tensor (characters,)
    """
    if isinstance(text, str):
        text = text.encode()
    if not isinstance(text, bytes):
        raise ValueError(f"text must be a string or bytes, got {type(text).__name__}")
    codes = np.full(256, UNKNOWN)
    codes[10], codes[32:127] = 0, np.arange(1, UNKNOWN)
    return torch.from_numpy(codes[np.frombuffer(text, np.uint8)])


def decode_characters(codes):
    """The text of some codes, a string; ``codes`` is a sequence of int. What has code 96 is written as ``?``."""
    return "".join("\n" if code == 0 else "?" if code == UNKNOWN else chr(int(code) + 31) for code in codes)


def next_characters(n, length, text, *, seed=None, device="cpu"):
    """Read some code, and predict each next character.

    Parameters
    ----------
    n : int
        How many windows, drawn anywhere in the text.
    length : int
        Characters that are read.
    text : int64 tensor (characters,)
        At least ``length + 1`` of them.
    seed : int, torch.Generator, numpy.random.Generator or None
        None: torch's global generator.
    device : str or torch.device

    Returns
    -------
    Batch
        ``inputs`` and ``targets`` are int64 (n, length), the targets one place further. No mask: every place counts.

    Raises
    ------
    ValueError
        If a number is out of its range or the text is too short.
    """
    n, length, device = checks.count("n", n), checks.count("length", length), checks.device(device)
    if not isinstance(text, torch.Tensor) or text.dtype is not torch.int64 or text.ndim != 1:
        raise ValueError("text must be an int64 tensor (characters,), as encode_characters returns")
    if len(text) <= length:
        raise ValueError(f"text must have more than length={length} characters, got {len(text)}")
    starts = torch.randint(len(text) - length, (n,), generator=checks.torch_generator(seed))
    windows = text[starts[:, None] + torch.arange(length + 1)]
    return Batch(windows[:, :-1].contiguous(), windows[:, 1:].contiguous()).to(device)
