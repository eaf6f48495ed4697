"""The cache returns what was loaded, and nothing else."""

import os
import subprocess
import sys
import zlib

import numpy as np
import pytest

from fer_estimators.datasets import _cache, load_fer2013, load_image_folder
from fer_estimators.exceptions import BadImageWarning, DatasetError


@pytest.fixture
def loads(monkeypatch):
    """Counts how often a set was read and not taken from the cache."""
    calls = []
    write = _cache._write
    monkeypatch.setattr(_cache, "_write", lambda *a: (calls.append(a), write(*a)))
    return calls


def assert_equal_bunches(first, second):
    for name in ("images", "data", "target", "target_names", "filenames", "split"):
        np.testing.assert_array_equal(first[name], second[name])
        assert first[name].dtype == second[name].dtype
    assert first.report.entries == second.report.entries


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_second_load_is_equal_and_reads_no_image(tmp_path, fakes, loads, form):
    write = {"folder": fakes.folder, "zip": fakes.zip}[form]
    path = write(tmp_path / f"set.{form}", fakes.files())
    first = load_fer2013(path, cache=tmp_path / "cache")
    second = load_fer2013(path, cache=str(tmp_path / "cache"))
    assert len(loads) == 1
    assert_equal_bunches(first, second)
    assert second.images.flags.writeable
    assert [name.suffix for name in (tmp_path / "cache").iterdir()] == [".fercache"]


def test_warnings_come_from_the_cache_too(fer_folder, tmp_path):
    (fer_folder / "train/sad/Training_0.jpg").write_bytes(b"")
    for _ in range(2):
        with pytest.warns(BadImageWarning, match="skipped 1 of 14") as caught:
            load_fer2013(fer_folder, on_error="skip", cache=tmp_path / "cache")
        assert len(caught) == 1


def test_whatever_changes_is_loaded_again(fer_folder, tmp_path, fakes, loads):
    cache = fer_folder / "cache"
    image = fer_folder / "train/sad/Training_0.jpg"
    load_fer2013(fer_folder, cache=cache)
    load_fer2013(fer_folder, cache=cache)
    assert len(loads) == 1
    state = image.stat()
    image.write_bytes(fakes.encode(fakes.draw(77), "PNG"))
    changed = load_fer2013(fer_folder, cache=cache)
    assert len(loads) == 2
    position = list(changed.filenames).index("train/sad/Training_0.jpg")
    np.testing.assert_array_equal(changed.images[position], fakes.draw(77))
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns + 5))
    load_fer2013(fer_folder, cache=cache)
    image.rename(image.with_name("Training_00.jpg"))
    load_fer2013(fer_folder, cache=cache)
    load_fer2013(fer_folder, cache=cache, image_size=8)
    load_fer2013(fer_folder, cache=cache, split="val")
    load_image_folder(fer_folder, cache=cache, split="val")
    assert len(loads) == 7
    load_fer2013(fer_folder, cache=cache, split="val", n_jobs=2)
    assert len(loads) == 7


def test_cache_inside_the_set_is_not_part_of_it(fer_folder):
    for size in (8, 9):
        faces = load_image_folder(fer_folder, cache=fer_folder / "train/cache", image_size=size)
    assert set(faces.target_names) == set(faces.target)
    assert {e.action for e in faces.report if "cache" in e.path} == {"ignored"}
    load_fer2013(fer_folder)


def test_cache_in_the_folder_of_the_set_is_read_again(fer_folder, loads):
    for _ in range(3):
        load_fer2013(fer_folder, cache=fer_folder)
    assert len(loads) == len(list(fer_folder.glob("*.fercache"))) == 1


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_link_of_another_name_has_an_entry_of_its_own(tmp_path, fakes, form):
    write = {"folder": fakes.folder, "zip": fakes.zip}[form]
    face = fakes.encode(fakes.draw(0))
    path = write(tmp_path / f"faces.{form}", {f"{name}/1.jpg": face for name in fakes.emotions})
    link = tmp_path / f"val.{form}"
    link.symlink_to(path)
    splits = [
        set(load_fer2013(name, split="all", cache=tmp_path / "cache").split)
        for name in (path, link, path)
    ]
    assert splits == [{"train"}, {"val"}, {"train"}]


def test_other_version_of_pillow_is_loaded_again(fer_folder, tmp_path, loads, monkeypatch):
    load_fer2013(fer_folder, cache=tmp_path / "cache")
    monkeypatch.setattr("PIL.__version__", "0.0")
    load_fer2013(fer_folder, cache=tmp_path / "cache")
    assert len(loads) == 2


def test_damaged_cache_file_is_written_again(fer_folder, tmp_path, loads, caplog):
    expected = load_fer2013(fer_folder, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    good = file.read_bytes()
    rng = np.random.default_rng(0)
    flipped = [bytearray(good) for _ in range(20)]
    for data in flipped:
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    head = bytearray(good)
    head[30] ^= 1
    for data in (b"", b"x", good[:100], good[:-1], good + b"x", head, *flipped):
        file.write_bytes(data)
        assert_equal_bunches(load_fer2013(fer_folder, cache=tmp_path / "cache"), expected)
        assert file.read_bytes() == good
    assert len(loads) == 27
    assert "is damaged" in caplog.text


def test_cache_file_nested_without_end_is_written_again(fer_folder, tmp_path):
    expected = load_fer2013(fer_folder, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    good, text = file.read_bytes(), b"[" * 100_000
    heading = b"%d %d\n" % (len(text), zlib.adler32(text))
    file.write_bytes(_cache._MAGIC + heading + text)
    assert_equal_bunches(load_fer2013(fer_folder, cache=tmp_path / "cache"), expected)
    assert file.read_bytes() == good


def test_interrupted_write_leaves_the_old_state(fer_folder, tmp_path, monkeypatch):
    def stop(descriptor):
        raise KeyboardInterrupt("stopped")

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        load_fer2013(fer_folder, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_cache_that_cannot_be_written_warns_and_loads(fer_folder, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.warns(
        UserWarning, match="cannot be written .* the images were loaded without it"
    ) as warned:
        assert len(load_fer2013(fer_folder, cache=tmp_path / "cache").images) == 14
    assert warned[0].filename == __file__


def test_links_out_of_the_set_are_not_walked(fer_folder, tmp_path, loads):
    outside = tmp_path / "outside"
    outside.mkdir()
    (fer_folder / "link").symlink_to(outside)
    load_fer2013(fer_folder, cache=tmp_path / "cache")
    (outside / "new.jpg").write_bytes(b"")
    load_fer2013(fer_folder, cache=tmp_path / "cache")
    assert len(loads) == 1


def test_broken_link_in_the_set_does_not_hinder_the_cache(fer_folder, tmp_path, loads):
    (fer_folder / "train/sad/gone.jpg").symlink_to(tmp_path / "gone")
    for _ in range(2):
        faces = load_fer2013(fer_folder, cache=tmp_path / "cache")
    assert "broken link" in str(faces.report)
    assert len(loads) == 1


def test_set_that_cannot_be_listed_is_diagnosed_with_a_cache_too(fer_folder, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match="cannot be listed"):
        load_fer2013(fer_folder, cache=tmp_path / "cache")


# Loads the set of argv through one cache after another, each when a line comes.
LOADER = """
import hashlib, sys
from fer_estimators.datasets import load_fer2013
for line in sys.stdin:
    digest = hashlib.sha256()
    for size in map(int, sys.argv[2:]):
        faces = load_fer2013(sys.argv[1], image_size=size, cache=line.strip() or None)
        for name in ("images", "target", "filenames", "split"):
            digest.update(repr(faces[name].tolist()).encode())
    print(digest.hexdigest(), flush=True)
"""


def test_two_processes_that_load_at_once_lose_and_mix_nothing(fer_folder, tmp_path):
    command = [sys.executable, "-c", LOADER, fer_folder]
    # Each meets the other's entries, whole, half written or missing.
    orders = (("8", "9", "10", "11"), ("11", "10", "9", "8"))
    loaders = [
        subprocess.Popen([*command, *sizes], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for sizes in orders
    ]
    caches = [tmp_path / f"cache{number}" for number in range(10)]
    answers = []
    for cache in ["", *caches, caches[0]]:
        for loader in loaders:
            loader.stdin.write(f"{cache}\n".encode())
            loader.stdin.flush()
        answers.append([loader.stdout.readline().strip() for loader in loaders])
    for loader in loaders:
        loader.communicate()
        assert loader.returncode == 0
    assert len(answers[0][0]) == 64
    assert answers == [answers[0]] * len(answers)
    for cache in caches:
        files = sorted(cache.iterdir())
        assert [file.suffix for file in files] == [".fercache"] * 4
