"""Load mutated files one after the other, and watch for side effects."""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from count_cases import write_counts

# What code that escaped would do: each raises an event in Python's audit.
_FORBIDDEN = (
    "subprocess.",
    "socket.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.",
    "shutil.",
    "tempfile.",
    "urllib.",
    "ctypes.dlopen",
    "pickle.",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.kill",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: Longest time for one input, in seconds, and most memory for all of them, in MB.
MAX_SECONDS = 30
MAX_MEMORY = 300


class Watch:
    """Collect forbidden events of Python's audit while it is open.

    Attributes
    ----------
    seen : list of (event, arguments)
    """

    def __init__(self):
        self.seen, self._open = [], False
        sys.addaudithook(self._audit)

    def __enter__(self):
        self._open = True
        return self

    def __exit__(self, *exception):
        self._open = False

    def _audit(self, event, args):
        if not self._open:
            return
        writes = event == "open" and isinstance(args[2], int) and args[2] & _WRITING
        if writes or event.startswith(_FORBIDDEN):
            self.seen.append((event, args))


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes
    ----------
    path : Path
        Where each mutated file is written; nothing else may change in its folder.
    originals : list of bytes
        Good files.
    kinds : sequence of callables
        ``(data, rng) -> bytes``: mutations, drawn with equal chances.
    load : callable
        ``(path, rng) -> result``, watched.
    refusals : tuple of exceptions
        What may come out of `load`.
    judge : callable
        ``(kind, result) -> str``: names the outcome, or raises AssertionError.
    describe : callable
        ``(error) -> str``: names a refusal.
    """

    path: Path
    originals: list
    kinds: tuple
    load: Callable
    refusals: tuple
    judge: Callable
    describe: Callable = field(default=lambda error: type(error).__name__)


@dataclass
class Result:
    """What came of the inputs so far.

    Attributes
    ----------
    tried : int
    counts : Counter
        Inputs that were survived, by outcome.
    slowest_s : float
        The slowest load in seconds.
    memory_mb : float
        The growth of memory.
    """

    tried: int = 0
    counts: Counter = field(default_factory=Counter)
    slowest_s: float = 0.0
    memory_mb: float = 0.0


def fuzz(target, *, n_inputs, seed, report_progress=lambda result: None):
    """Load `n_inputs` mutated files.

    Parameters
    ----------
    target : Target
    n_inputs, seed : int
    report_progress : callable
        Called with the Result before each input, and after the last or a fault.

    Returns
    -------
    Result

    Raises
    ------
    AssertionError
        If another exception came out, a warning that is not the library's own, or if loading
        took too long or too much memory, wrote a file, or started a process.
    """
    rng, watch = random.Random(seed), Watch()
    _load_originals(target, rng)
    result, before = Result(), _peak_memory()
    for number in range(n_inputs):
        report_progress(result)
        kind = rng.choice(target.kinds)
        target.path.write_bytes(kind(rng.choice(target.originals), rng))
        try:
            outcome, seconds = _try(target, kind, rng, watch)
            result.memory_mb = _peak_memory() - before
            assert result.memory_mb < MAX_MEMORY, f"memory grew by {result.memory_mb:.0f} MB"
        except Exception as fault:
            result.tried += 1
            report_progress(result)
            name = kind.__name__.strip("_")
            raise AssertionError(f"input {number} of seed {seed}, {name}: {fault!r}") from fault
        result.slowest_s = max(result.slowest_s, seconds)
        result.tried += 1
        result.counts[outcome] += 1
    report_progress(result)
    return result


def _load_originals(target, rng):
    """Load good files in every way, so that what is imported on first use is imported now."""
    for data in target.originals:
        target.path.write_bytes(data)
        for _ in range(4):
            # Some ways of loading do not fit a file that is good otherwise.
            with warnings.catch_warnings(), suppress(*target.refusals):
                warnings.simplefilter("ignore")
                target.load(target.path, rng)


def _try(target, kind, rng, watch):
    """Load one file; return the name of the outcome, and the time in seconds."""
    files, result, refusal = sorted(os.listdir(target.path.parent)), None, None
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught, watch:
        warnings.simplefilter("always")
        try:
            result = target.load(target.path, rng)
        except target.refusals as error:
            refusal = error
    seconds = time.perf_counter() - started
    assert not watch.seen, watch.seen
    assert sorted(os.listdir(target.path.parent)) == files, "files beside it changed"
    strange = [str(warning) for warning in caught if not _is_ours(warning)]
    assert not strange, strange
    assert seconds < MAX_SECONDS, f"took {seconds:.1f} s"
    return (target.judge(kind, result) if refusal is None else target.describe(refusal)), seconds


def _is_ours(warning):
    """Tell the library's warnings, which blame its caller, from those of what it calls."""
    return Path(warning.filename).parent == Path(__file__).parent


def _peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(make_targets, description):
    """Run as a program: ``--inputs``, ``--seed``, and which of the targets.

    Parameters
    ----------
    make_targets : dict of str to callable
        ``(folder) -> Target`` for each kind of file.
    description : str
        First line of the help.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="for each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=list(make_targets), action="append")
    parser.add_argument("--record", action="store_true", help="write the counts into the docs")
    options = parser.parse_args()
    for kind in options.kind or make_targets:
        program = f"tests/fuzz/{Path(sys.argv[0]).name} --kind {kind}"
        progress = Progress(program if options.record else None, options.inputs)
        try:
            with tempfile.TemporaryDirectory() as folder:
                target = make_targets[kind](Path(folder))
                fuzz(target, n_inputs=options.inputs, seed=options.seed, report_progress=progress)
        finally:
            # After Ctrl-C and after a fault, too: what was tried is counted.
            progress.record()
            print(f"{kind}: {describe(progress.result)}")


class Progress:
    """Show how far a run is, and write its counts into the docs every thousand inputs.

    Parameters
    ----------
    program : str or None
        The command line that the page names; None writes nothing.
    n_inputs : int
        How many there will be.

    Attributes
    ----------
    result : Result
        So far.
    """

    def __init__(self, program, n_inputs):
        self.result = Result()
        self._program, self._n_inputs = program, n_inputs

    def __call__(self, result):
        """Take note of the result, before each input."""
        self.result = result
        if result.tried and result.tried % 1000 == 0:
            # A run that is killed counts up to here.
            self.record()
            if sys.stderr.isatty():
                print(f"{result.tried:,} of {self._n_inputs:,}", end="\r", file=sys.stderr)

    def record(self):
        """Write the counts, if there are any."""
        if self._program and self.result.tried:
            counts = {"tried": self.result.tried, "survived": self.result.counts.total()}
            write_counts({self._program: counts})


def describe(result):
    """Return one line for the result of `fuzz`."""
    outcomes = ", ".join(f"{count:,} {name}" for name, count in result.counts.most_common())
    return (
        f"{result.tried:,} inputs ({outcomes}), slowest {result.slowest_s:.2f} s, "
        f"memory +{result.memory_mb:.0f} MB"
    )
