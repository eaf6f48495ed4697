"""Some hundred mutated files of each kind; ``tests/fuzz/`` holds the programs for more."""

import os
import sys
from dataclasses import replace

import _fuzzing
import fuzz_archives
import fuzz_images
import fuzz_model_files
import fuzz_tables
import pytest
from _fuzzing import Watch, fuzz
from _mutations import truncate

FILES = {**fuzz_images.TARGETS, **fuzz_archives.TARGETS, **fuzz_tables.TARGETS}


@pytest.mark.parametrize("kind", FILES)
def test_mutated_data_are_refused_or_read(kind, tmp_path, record_property):
    result = fuzz(FILES[kind](tmp_path), n_inputs=400, seed=0)
    assert result.counts["read"] > 40
    assert result.counts.total() - result.counts["read"] > 40
    record_property("cases", result.tried)


def test_mutated_model_files_are_refused_or_the_same(tmp_path, record_property):
    clf, images = fuzz_model_files.fit_model()
    result = fuzz(fuzz_model_files.make_target(tmp_path, clf, images), n_inputs=250, seed=0)
    assert result.counts["ModelFileError damaged"] > 100
    assert result.counts["ModelFileError other"] == 0
    record_property("cases", result.tried)


def test_fuzzing_would_notice_a_child_process_and_a_file(tmp_path):
    with Watch() as watch:
        (tmp_path / "file").write_text("x")
        os.system("true")
    os.system("true")
    assert {event for event, _ in watch.seen} >= {"open", "os.system"}
    assert len(watch.seen) == 2


def warn():
    # As another library would that blames itself.
    exec(compile("import warnings; warnings.warn('odd')", "/other/library.py", "exec"))


@pytest.mark.parametrize(
    ("misbehave", "message"),
    [
        (lambda path: 1 / 0, "ZeroDivisionError"),
        (lambda path: warn(), "odd.*library.py"),
        (lambda path: path.with_name("new").write_text("x"), "new"),
    ],
)
def test_fuzzing_would_notice_other_errors_warnings_and_files(tmp_path, misbehave, message):
    target = fuzz_tables.make_target(tmp_path)

    def load(path, rng):
        if path.read_bytes() not in target.originals:
            misbehave(path)

    with pytest.raises(AssertionError, match=f"input 0 of seed 0, .*{message}"):
        fuzz(replace(target, load=load), n_inputs=1, seed=0)


@pytest.mark.parametrize(
    ("end", "raised"), [(KeyboardInterrupt, KeyboardInterrupt), (ValueError, AssertionError)]
)
def test_a_run_that_ends_early_counts_what_was_tried(monkeypatch, tmp_path, capsys, end, raised):
    written = []
    # The first loads are of good files, four of each.
    left = iter(range(1200 + 4 * len(fuzz_tables.tables()), -1, -1))

    def load(path, rng):
        if next(left) == 0:
            raise end("stopped")

    def make_target(folder):
        target = fuzz_tables.make_target(folder)
        return replace(target, kinds=(truncate,), load=load, judge=lambda kind, result: "read")

    monkeypatch.setattr(_fuzzing, "write_counts", written.append)
    monkeypatch.setattr(sys, "argv", ["fuzz_tables.py", "--inputs", "1500", "--record"])
    with pytest.raises(raised, match="stopped"):
        _fuzzing.main({"csv": make_target}, "Fuzz.")
    name = "tests/fuzz/fuzz_tables.py --kind csv"
    assert written[0] == {name: {"tried": 1000, "survived": 1000}}
    tried = 1200 + (end is ValueError)
    assert written[-1] == {name: {"tried": tried, "survived": 1200}}
    assert f"csv: {tried:,} inputs" in capsys.readouterr().out
