"""Where the course runs: finding its data, telling a live front end from a batch run, opening a notebook."""

import contextlib
import ctypes
import os
import sys
from pathlib import Path


def data_path(*parts):
    """The path of a recorded file, whether the library runs from the repository or from an installed wheel.

    Parameters
    ----------
    *parts : str
        Path below ``data/``, e.g. ``data_path("brackets", "json.json")``. With no parts: the folder itself.

    Returns
    -------
    pathlib.Path
        An existing file or folder.

    Raises
    ------
    ValueError
        If the path would leave ``data/``: it is absolute, or one of its parts is ``..``.
    FileNotFoundError
        If there is no such file; the message lists what the folder above it holds.
    """
    try:
        below = Path(*parts)
    except TypeError:
        raise ValueError(f"parts must be strings, got {parts!r}") from None
    if below.anchor or ".." in below.parts:
        raise ValueError(f"parts must name a path below data/: not absolute, without '..'; got {str(below)!r}")
    package = Path(__file__).resolve().parent
    in_wheel, in_repository = package / "data", package.parents[1] / "data"
    root = in_wheel if in_wheel.is_dir() else in_repository
    path = root / below
    if not path.exists():
        folder = path.parent
        held = ", ".join(sorted(p.name for p in folder.iterdir())) if folder.is_dir() else "nothing: no such folder"
        raise FileNotFoundError(f"no recorded data {below.as_posix()!r}; {folder.name}/ holds: {held}")
    return path


def is_interactive():
    """Whether a person is watching: a terminal, Colab, or a notebook opened in Jupyter or VS Code.

    False under nbclient, nbval and in CI, where progress bars and widgets would only spoil the stored output.
    Jupyter's server names the notebook to the kernels that it starts (``JPY_SESSION_NAME``); a batch run does not.
    """
    if "google.colab" in sys.modules or "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ:
        return True
    if "ipykernel" in sys.modules:
        return False
    return sys.stderr.isatty() and "CI" not in os.environ


def setup():
    """Open a notebook: one style for the figures, one thread for torch, and a line that says what runs here.

    One thread, because on shared cores two threads can be ten times slower than one.
    """
    import torch

    from howfar import __version__, plotting

    torch.set_num_threads(1)
    plotting.use_style()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"howfar {__version__}, torch {torch.__version__}, {device}")


def keep_freed_memory():
    """Let this process keep up to 256 MB that it has freed, where its allocator is glibc's; elsewhere do nothing.

    By default glibc hands what a training step frees back to the system, and the next step faults it in again, page by
    page. This changes the whole process, so it is for programs that own theirs (the command line), not for libraries.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # AttributeError: another C library
            mallopt, trim_threshold, mmap_threshold = ctypes.CDLL(None).mallopt, -1, -3
            mallopt(trim_threshold, 2**28)
            mallopt(mmap_threshold, 2**25)
