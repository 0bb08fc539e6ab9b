"""Run every benchmark, or those named, and print the ratios beside their bars.

python benchmarks/run.py            all
python benchmarks/run.py line       only benchmarks/bench_line.py
"""

import importlib
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch are loaded


def main(names):
    folder = Path(__file__).parent
    sys.path.insert(0, str(folder))
    there = sorted(p.stem.removeprefix("bench_") for p in folder.glob("bench_*.py"))
    unknown = [n for n in names if n not in there]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(there)}")
    missed = 0
    for name in names or there:
        print(f"\n{name}", flush=True)
        for row in importlib.import_module(f"bench_{name}").rows():
            bar = f"{row.sense} {row.bar:g}" if row.bar is not None else "no bar"
            missed += not row.holds
            mark = "ok    " if row.holds else "MISSED"
            print(f"  {mark} {row.ratio:9.3g}  ({bar:12s}) {row.what}   [{row.note}]", flush=True)
    print(f"\n{missed} bars missed" if missed else "\nall bars met")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main(sys.argv[1:])
