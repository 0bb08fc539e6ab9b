"""Record a slice of this Python's standard library under data/source_code/: whole files, for training and for tests.

    python scripts/record_source_code.py

Files that mention a copyright of their own are left out, so that one licence covers all.
"""

import sysconfig
from pathlib import Path

from howfar.tasks.characters import source_files

OUT = Path(__file__).resolve().parents[1] / "data" / "source_code"
SIZES = {"train": 150_000, "test": 40_000}  # characters, at most
LARGEST = 30_000  # of one file


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    library = Path(sysconfig.get_path("stdlib"))
    for split, paths in source_files(library).items():
        chosen, size = {}, 0
        for path in paths:
            text = path.read_bytes()
            if b"copyright" in text.lower() or not 1000 <= len(text) <= LARGEST or size + len(text) > SIZES[split]:
                continue
            chosen[path.relative_to(library).as_posix()] = text
            size += len(text)
        (OUT / f"{split}.txt").write_bytes(b"".join(chosen.values()))
        (OUT / f"{split}_files.txt").write_text("".join(f"{name}\n" for name in chosen), encoding="utf-8")
        print(f"{split}: {len(chosen)} files, {size:,} characters")


if __name__ == "__main__":
    main()
