"""Timing side by side: all candidates take turns in one process, and the best of their turns is compared.

CPU time, of all threads together: what other programs do meanwhile is not counted.

Each ``benchmarks/bench_NAME.py`` has a function ``rows()`` that yields `Row`s; ``make bench`` prints them all.
"""

import gc
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured ratio and the bar it should meet.

    Attributes
    ----------
    what : str
        What is divided by what, and at which size.
    ratio : float
    bar : float or None
        None: measured, but nothing is promised.
    sense : str
        ``"at most"`` or ``"at least"``.
    note : str
        The absolute times behind the ratio.
    """

    what: str
    ratio: float
    bar: float | None = None
    sense: str = "at most"
    note: str = ""

    @property
    def holds(self):
        if self.bar is None:
            return True
        return self.ratio <= self.bar if self.sense == "at most" else self.ratio >= self.bar


def side_by_side(candidates, turns=7, least_seconds=0.02):
    """The best time of each candidate over interleaved turns.

    Parameters
    ----------
    candidates : dict of str to callable
        Each called without arguments.
    turns : int
    least_seconds : float
        A turn repeats a fast candidate until it has taken this long.

    Returns
    -------
    dict of str to float
        Seconds per call.
    """
    repeats = {}
    for name, call in candidates.items():
        call()  # warm up
        start = time.process_time()
        call()
        repeats[name] = max(1, int(least_seconds / max(time.process_time() - start, 1e-9)))
    best = dict.fromkeys(candidates, float("inf"))
    gc.disable()
    try:
        for _ in range(turns):
            for name, call in candidates.items():
                start = time.process_time()
                for _ in range(repeats[name]):
                    call()
                best[name] = min(best[name], (time.process_time() - start) / repeats[name])
    finally:
        gc.enable()
    return best


def milliseconds(times):
    """The times as text, for a row's note."""
    return ", ".join(f"{name} {1e3 * seconds:.3g} ms" for name, seconds in times.items())
