"""What a result depends on besides its config: date, device, versions, commit, a hash of the code it runs."""

import contextlib
import datetime
import functools
import platform
import subprocess
from pathlib import Path

import numpy as np
import torch

import howfar
from howfar.runs.source import source_hash


def provenance(experiment, device="cpu"):
    """What a result depends on besides its config: date, device, versions, commit, a hash of the code it runs."""
    return {
        "device": device_name(device),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **_versions(),
        "source": source_hash(experiment),
    }


def device_name(device):
    """The device in words: the GPU's or the processor's name, the latter with torch's number of threads."""
    device = torch.device(device)
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    threads = torch.get_num_threads()
    return f"cpu: {_processor()}, {threads} thread{'s' if threads > 1 else ''}"


@functools.cache
def _processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


@functools.cache
def _versions():
    return {
        "howfar": howfar.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }


def _commit():
    package = Path(howfar.__file__).parent

    def git(*arguments):
        done = subprocess.run(["git", "-C", str(package), *arguments], capture_output=True, text=True, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else None

    with contextlib.suppress(OSError, subprocess.SubprocessError):
        # Only the library's own repository counts, not one that a virtual environment happens to lie in.
        if git("ls-files", "--error-unmatch", "__init__.py"):
            changed = git("status", "--porcelain", "--", ".")
            return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    return None
