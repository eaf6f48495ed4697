"""Measure things in turns, and compare them."""

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
    ours, peer : list of float
        One value a round.
    unit : str
    reach : float
        What `ratio` should be, at least; with `at_most`, at most.
    higher_is_better : bool
        Whether higher values are better; decides which way round the ratio is.
    at_most : bool
    note : str
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
        # JSON knows no numbers of NumPy.
        self.ratio = float(ratio)
        self.ours, self.peer = list(map(float, self.ours)), list(map(float, self.peer))

    @property
    def reached(self):
        """Whether the ratio is what it should be."""
        return self.ratio <= self.reach if self.at_most else self.ratio >= self.reach

    def to_dict(self):
        """Give plain values."""
        return {**asdict(self), "reached": self.reached}


def seconds(function):
    """Call a function, and return how long it took."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turns(*functions, rounds, warm_up=True, measure=seconds):
    """Time functions one after the other, several rounds long.

    What disturbs one round disturbs all of them, and the machine's speed cancels in the ratio.

    Parameters
    ----------
    *functions : callable
        Without arguments.
    rounds : int
    warm_up : bool
        Whether to call each once before.
    measure : callable
        Calls one of the functions, and returns its seconds.

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
        # Whoever comes first may pay for what the others left behind.
        order = range(len(functions)) if turn % 2 == 0 else reversed(range(len(functions)))
        for index in order:
            times[index].append(measure(functions[index]))
    return times


def resident_bytes():
    """Return the memory of this process; on Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class PeakMemory:
    """Watch how far the memory of this process rises above where it stood at the start."""

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
        """Bytes above the start, at the highest."""
        return self.peak - self.before

    def _watch(self):
        while not self._over.wait(0.005):
            self.peak = max(self.peak, resident_bytes())
