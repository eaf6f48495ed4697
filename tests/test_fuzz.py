"""Some hundred mutated files of each kind; ``tests/fuzz/`` holds the programs for more."""

import os
from dataclasses import replace

import fuzz_archives
import fuzz_images
import fuzz_model_files
import fuzz_tables
import pytest
from _fuzzing import Watch, fuzz

FILES = {**fuzz_images.TARGETS, **fuzz_archives.TARGETS, **fuzz_tables.TARGETS}


@pytest.mark.parametrize("kind", FILES)
def test_mutated_data_are_refused_or_read(kind, tmp_path, record_property):
    result = fuzz(FILES[kind](tmp_path), n_inputs=400, seed=0)
    assert result["counts"]["read"] > 40
    assert result["counts"].total() - result["counts"]["read"] > 40
    record_property("cases", result["counts"].total())


def test_mutated_model_files_are_refused_or_the_same(tmp_path, record_property):
    clf, images = fuzz_model_files.fit_model()
    result = fuzz(fuzz_model_files.make_target(tmp_path, clf, images), n_inputs=250, seed=0)
    assert result["counts"]["ModelFileError damaged"] > 100
    assert result["counts"]["ModelFileError other"] == 0
    record_property("cases", result["counts"].total())


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
