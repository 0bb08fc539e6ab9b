"""Give the course a new version, in every place that names it.

    python scripts/bump.py 0.2.0

In a notebook these are the setup cell's install line and the line that it printed; other outputs stay as they ran.
"""

import argparse
import datetime
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTALL = r"(git\+https://[^@\s]+@v)[0-9.]+"

# Files, what stands before the version (group 1) with the version, each once in each file.
PLACES = (
    ("lib/howfar/__init__.py", r'^(__version__ = ")[0-9.]+'),
    ("CITATION.cff", r"^(version: )[0-9.]+"),
    ("README.md", INSTALL),
    ("chapters/**/*.ipynb", INSTALL),
    ("chapters/**/*.ipynb", r'^( +"howfar )[0-9.]+(?=, torch )'),
)


def bump(root, new, today):
    """The new text of every file that names the version, by path; ValueError where one names it not exactly once."""
    places = [*((pattern, regex, new) for pattern, regex in PLACES)]
    places.append(("CITATION.cff", r'^(date-released: ")[0-9-]+', today))
    texts = {}
    for pattern, regex, value in places:
        for path in sorted(p for p in root.glob(pattern) if ".ipynb_checkpoints" not in p.parts):
            text = texts.get(path) or path.read_text(encoding="utf-8")
            texts[path], count = re.subn(regex, rf"\g<1>{value}", text, flags=re.M)
            if count != 1:
                raise ValueError(f"{path.relative_to(root)} has {regex!r} {count} times, not once")
    return texts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", help="like 0.2.0")
    new = parser.parse_args().version
    if not re.fullmatch(r"\d+\.\d+\.\d+", new):
        parser.error(f"a version is three numbers, like 0.2.0; got {new!r}")
    try:
        texts = bump(ROOT, new, datetime.date.today().isoformat())
    except ValueError as error:
        sys.exit(f"nothing was changed: {error}")
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
