"""Measure functions in turns, and compare the results."""

import os
import statistics
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Comparison:
    """One line of the table.

    Parameters
    ----------
    name : str
        First cell of the line.
    ours, peer : list of float
        One value per round.
    unit : str
        Unit of the values.
    reach : float
        Lowest value of `ratio` that counts as reached; the highest one if `at_most`.
    higher_is_better : bool
        Whether higher values are better, which decides what is divided by what.
    at_most : bool
        Whether `ratio` is ours divided by the peer, and should be low.
    note : str
        Text after the name.
    """

    name: str
    ours: list
    peer: list
    unit: str
    reach: float
    higher_is_better: bool = False
    at_most: bool = False
    note: str = ""
    ratio: float = field(init=False)

    def __post_init__(self):
        """Divide the medians, so that more is better unless `at_most` says otherwise."""
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        ratio = ours / peer if self.higher_is_better or self.at_most else peer / ours
        # JSON cannot represent NumPy's numbers.
        self.ratio = float(ratio)
        self.ours, self.peer = list(map(float, self.ours)), list(map(float, self.peer))

    @property
    def reached(self):
        """Whether the ratio is what it should be."""
        return self.ratio <= self.reach if self.at_most else self.ratio >= self.reach

    def to_dict(self):
        """Return plain values."""
        return {**asdict(self), "reached": self.reached}


def seconds(function):
    """Call a function, and return how long it took."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(*functions, rounds, warm_up=True, measure=seconds):
    """Time functions in turns, for several rounds.

    A disturbance then affects all functions, and the machine's speed cancels in the ratio.

    Parameters
    ----------
    *functions : callable
        Functions without arguments.
    rounds : int
        Number of times that each function is timed.
    warm_up : bool
        Whether to call each function once before timing.
    measure : callable
        Function that calls one of the functions and returns its seconds.

    Returns
    -------
    list of list of float
        Seconds of each function.
    """
    if warm_up:
        for function in functions:
            function()
    times = [[] for _ in functions]
    for turn in range(rounds):
        # The first function may pay for what the others left behind, so the order alternates.
        order = range(len(functions)) if turn % 2 == 0 else reversed(range(len(functions)))
        for index in order:
            times[index].append(measure(functions[index]))
    return times


def resident_bytes():
    """Return the resident memory of this process, on Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class PeakMemory:
    """Measure how far the memory of this process rises above its value at the start."""

    def __enter__(self):
        self.before = self.peak = resident_bytes()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        self.peak = max(self.peak, resident_bytes())

    @property
    def added(self):
        """Largest number of bytes above the value at the start."""
        return self.peak - self.before

    def _watch(self):
        while not self._over.wait(0.005):
            self.peak = max(self.peak, resident_bytes())
