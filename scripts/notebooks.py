"""Re-execute the notebooks and store them the one way that the tests accept.

    python scripts/notebooks.py                     all of them
    python scripts/notebooks.py chapters/x/y.ipynb  only these

Each runs from top to bottom in a fresh kernel. A notebook that fails, or writes to stderr, is left as it was.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["JUPYTER_TRANSPORT_ENCRYPTION"] = "disabled"

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from howfar.plotting import compact

ROOT = Path(__file__).resolve().parents[1]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT_METADATA = {"tags", "mystnb", "jupyter", "cellView"}


def execute(path):
    """Run one notebook; returns the executed copy. Raises RuntimeError on an error or on stderr output."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise RuntimeError(f"a cell failed:\n{error}") from error
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(f"a cell wrote to stderr:\n{cell.source}\n---\n{output.text}")
    return notebook


def normalise(notebook):
    """In place: counts from 1, no timings, no widget state, one kernel name, small pictures."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = merge_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            output.get("metadata", {}).clear()
            data = output.get("data", {})
            if "image/svg+xml" in data:
                data["image/svg+xml"] = compact(data["image/svg+xml"])
                data.pop("text/plain", None)  # "<Figure size ...>" tells a reader nothing
    return notebook


def merge_streams(outputs):
    """What a cell printed, as one output, however the kernel happened to split it."""
    merged = []
    for output in outputs:
        if merged and output.output_type == "stream" and merged[-1].get("name") == output.name:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path)
    paths = parser.parse_args().paths or sorted((ROOT / "chapters").rglob("*.ipynb"))
    failed = 0
    for path in paths:
        start = time.perf_counter()
        try:
            notebook = normalise(execute(path))
        except RuntimeError as error:
            failed += 1
            print(f"{path}: NOT stored, {error}", file=sys.stderr, flush=True)
            continue
        fresh = path.with_suffix(".ipynb.new")
        nbformat.write(notebook, fresh)
        fresh.replace(path)  # whole or not at all
        print(f"{path}: {time.perf_counter() - start:.0f} s, {path.stat().st_size // 1024} kB", flush=True)
    sys.exit(f"{failed} of {len(paths)} notebooks failed" if failed else 0)


if __name__ == "__main__":
    main()
