"""Record the bracket words of this Python's standard library under data/brackets/.

    python scripts/record_brackets.py

Writes one JSON file a package (and modules.json for the modules that are a single file), each with its provenance.
An existing recording made by another CPython version is not overwritten unless --replace says so.
"""

import argparse
import json
import platform
import sys
import sysconfig
from pathlib import Path

from howfar.dyck import source_code

OUT = Path(__file__).resolve().parents[1] / "data" / "brackets"
MIN_WORDS = 50  # a package with fewer says nothing about a distribution
SKIP = {"test", "site-packages", "lib-dynload", "__pycache__"}


def record(files, package):
    return {
        "package": package,
        "source": f"CPython {platform.python_version()}, Lib/{'*.py' if package == 'modules' else package}",
        "script": "scripts/record_brackets.py",
        "licence": "PSF-2.0, see LICENSE beside this file",
        "files": {name: " ".join(words) for name, words in files.items()},
    }


def collect(library):
    for folder in sorted(p for p in library.iterdir() if p.is_dir() and p.name not in SKIP):
        if not (folder / "__init__.py").exists() and not list(folder.glob("*/__init__.py")):
            continue
        yield folder.name, *source_code.extract(folder)
    modules, skipped = {}, {}
    for path in sorted(library.glob("*.py")):
        if path.name.startswith("_sysconfigdata"):
            continue  # made when CPython was built: differs from machine to machine
        more, bad = source_code.extract(path)
        modules |= more
        skipped |= bad
    yield "modules", modules, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replace", action="store_true", help="overwrite a recording made by another CPython")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for package, files, skipped in collect(Path(sysconfig.get_path("stdlib"))):
        if sum(len(words) for words in files.values()) < MIN_WORDS:
            continue
        new, path = record(files, package), OUT / f"{package}.json"
        if path.exists() and not arguments.replace:
            old = json.loads(path.read_text(encoding="utf-8"))["source"]
            if old != new["source"]:
                sys.exit(f"{path.name} was recorded from {old}, this is {new['source']}: say --replace to overwrite")
        path.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
        count = sum(len(words) for words in files.values())
        print(f"{package:16s} {len(files):4d} files {count:6d} words" + (f"  skipped: {skipped}" if skipped else ""))


if __name__ == "__main__":
    main()
