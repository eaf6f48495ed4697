"""The container of model files and checkpoints."""

import json
import os
import pickle
import stat
from zipfile import ZipFile

import fuzz_weights
import ml_dtypes
import numpy as np
import pytest
from _fuzzing import fuzz
from fuzz_weights import ARRAYS, METADATA, join, read_about, sign, split
from safetensors.numpy import save_file

from fer_estimators._files import weights
from fer_estimators._files.weights import read_weights, write_weights
from fer_estimators.exceptions import ModelFileError, ModelFileNotFoundError


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.fer"
    write_weights(path, ARRAYS, METADATA)
    return path


@pytest.fixture
def changed(good, tmp_path):
    """Write a file with another header than the good one has."""

    def change(edit=None, *, signed=False, **about):
        header, rest = split(good.read_bytes())
        header = edit(header) or header if edit else header
        path = tmp_path / "changed.fer"
        if signed:
            path.write_bytes(sign(header, rest, read_about(header) | about))
        else:
            path.write_bytes(join(header, rest))
        return path

    return change


def test_arrays_and_metadata_come_back(good):
    arrays, metadata = read_weights(good)
    assert metadata == METADATA
    assert list(arrays) == sorted(ARRAYS)
    for name, array in arrays.items():
        assert array.dtype == ARRAYS[name].dtype
        assert array.shape == ARRAYS[name].shape
        assert np.array_equal(array, ARRAYS[name])


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0).reshape(2, 3).T, np.arange(9.0)[::2], np.arange(4, dtype=">f4")],
    ids=["transposed", "strided", "big-endian"],
)
def test_memory_layout_does_not_matter(array, tmp_path):
    write_weights(tmp_path / "x", {"x": array}, {})
    assert np.array_equal(read_weights(tmp_path / "x")[0]["x"], array)


def test_same_content_gives_the_same_bytes(good, tmp_path):
    write_weights(tmp_path / "again.fer", dict(reversed(ARRAYS.items())), METADATA)
    assert (tmp_path / "again.fer").read_bytes() == good.read_bytes()


def test_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_weights("~/home.fer", ARRAYS, METADATA)
    assert (tmp_path / "home.fer").exists()
    assert read_weights("~/home.fer")[1] == METADATA


def test_kinds_of_files_are_told_apart(good, tmp_path):
    with pytest.raises(ModelFileError, match="is not a checkpoint, but a model file"):
        read_weights(good, kind="checkpoint")
    write_weights(tmp_path / "c", ARRAYS, METADATA, kind="checkpoint")
    assert read_weights(tmp_path / "c", kind="checkpoint")[1] == METADATA


def test_missing_file_is_named_with_the_folder_it_was_looked_for_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileNotFoundError, match=f"no model file 'x.fer' .*{tmp_path.name}"):
        read_weights("x.fer")
    with pytest.raises(FileNotFoundError):
        read_weights("x.fer")


def test_special_files_are_neither_read_nor_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, named in [(tmp_path, "a folder"), (tmp_path / "pipe", "a pipe")]:
        with pytest.raises(ModelFileError, match=f"is not a model file, but {named}"):
            read_weights(path)
        with pytest.raises(OSError, match=f"{named}|not a regular file"):
            write_weights(path, ARRAYS, METADATA)
    with pytest.raises(ModelFileError, match="'/dev/null' is not a model file, but a device"):
        read_weights("/dev/null")
    with pytest.raises(OSError, match="not a regular file"):
        write_weights("/dev/null", ARRAYS, METADATA)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_read_only_file_stays(good):
    before = good.read_bytes()
    good.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        write_weights(good, {}, {})
    assert good.read_bytes() == before


def test_impossible_places_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere.* does not exist"):
        write_weights(tmp_path / "nowhere" / "x", ARRAYS, METADATA)
    with pytest.raises(FileNotFoundError, match="a file name is expected"):
        write_weights("", ARRAYS, METADATA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([None]), np.array([1j])])
def test_other_dtypes_are_refused_by_name(array, tmp_path):
    with pytest.raises(TypeError, match=f"strange of dtype {array.dtype}"):
        write_weights(tmp_path / "x", {"strange": array}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "damaged .*empty"),
        (b"\0" * 100, "is not a model file, but a file that begins with b'.x00"),
        (b"random bytes", "is not a model file, but a file that begins with b'random b'"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "an HDF5 file"),
        (pickle.dumps({}), "a pickle.*run its code"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        (b"\n<!DOCTYPE HTML><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"PK\3\4" + b"\0" * 50, "a zip archive"),
    ],
    ids=["empty", "zeros", "random", "hdf5", "pickle", "gzip", "html", "lfs", "zip"],
)
def test_other_files_are_named_for_what_they_are(content, named, tmp_path):
    path = tmp_path / "other.fer"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=named):
        read_weights(path)


def test_files_of_version_0_1_are_reported(tmp_path):
    with ZipFile(tmp_path / "old.fer", "w") as archive:
        archive.writestr("estimator.json", "{}")
    with pytest.raises(ModelFileError, match=r"a model file of fer-estimators 0\.1"):
        read_weights(tmp_path / "old.fer")


def test_safetensors_of_others_are_reported(tmp_path):
    for number, metadata in enumerate([None, {"format": "pt"}]):
        save_file({"x": np.ones(3)}, tmp_path / f"{number}", metadata)
        with pytest.raises(ModelFileError, match="safetensors file that this library did not"):
            read_weights(tmp_path / f"{number}")


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.99, 0.9999])
def test_truncated_file_is_damaged(share, good):
    data = good.read_bytes()
    good.write_bytes(data[: int(share * (len(data) - 10)) + 9])
    with pytest.raises(ModelFileError, match="damaged or incomplete"):
        read_weights(good)


def test_every_bit_of_the_content_counts(good):
    data = good.read_bytes()
    for position in range(9, len(data), 7):
        flipped = bytearray(data)
        flipped[position] ^= 1
        good.write_bytes(flipped)
        with pytest.raises(ModelFileError):
            read_weights(good)


def say(header, **changes):
    header["__metadata__"] = {"fer-estimators": json.dumps(read_about(header) | changes)}


@pytest.mark.parametrize(
    "edit",
    [
        lambda header: header.update(x=header.pop("mask")),
        lambda header: header["conv/kernel"].update(shape=[36]),
        lambda header: header["conv/half"].update(dtype="I16"),
        lambda header: say(header, metadata={"classes": ["happy", "sad"]}),
        lambda header: say(header, made_by="someone"),
        lambda header: say(header, sha256="0" * 64),
        lambda header: say(header, sha256=None),
    ],
    ids=["name", "shape", "dtype", "metadata", "writer", "digest", "no digest"],
)
def test_changed_header_does_not_match_the_checksum(edit, changed):
    with pytest.raises(ModelFileError, match=r"damaged .*checksum"):
        read_weights(changed(edit))


def test_newer_format_asks_for_an_upgrade(changed):
    path = changed(signed=True, format_version=3, made_by="9.1", more=1)
    with pytest.raises(ModelFileError, match=r"newer .*fer-estimators 9\.1.*Upgrade"):
        read_weights(path)


@pytest.mark.parametrize("value", [None, "2", 0, 1, True, 2.0, []])
def test_strange_version_is_damage(value, changed):
    with pytest.raises(ModelFileError, match=r"damaged .*unknown format"):
        read_weights(changed(signed=True, format_version=value))


@pytest.mark.parametrize("metadata", [None, [1], "text", 1])
def test_metadata_that_are_not_a_dict_are_damage(metadata, changed):
    with pytest.raises(ModelFileError, match=r"damaged .*its metadata are of type"):
        read_weights(changed(signed=True, metadata=metadata))


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 10**5, "1" * 5000, "null"])
def test_strange_metadata_are_damage(text, changed):
    def edit(header):
        header["__metadata__"] = {"fer-estimators": text}

    with pytest.raises(ModelFileError, match=r"damaged .*its metadata is"):
        read_weights(changed(edit))


@pytest.mark.parametrize("text", [b"{", b"{1]", b"{" * 10**5, b"{\xff}", b'{"a": ' + b"1" * 5000])
def test_strange_header_is_damage(text, changed):
    with pytest.raises(ModelFileError, match=r"damaged .*header is not JSON"):
        read_weights(changed(lambda header: text))


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [2**62, 4]},
        {"shape": [-36]},
        {"shape": [3, 3, 1, 5]},
        {"shape": [36] + [1] * 99},
        {"dtype": "F4"},
        {"dtype": "C64"},
        {"dtype": "O"},
        {"data_offsets": [0, 2**40]},
        {"data_offsets": [8, 4]},
        {"data_offsets": [0, 144]},
    ],
    ids=str,
)
def test_strange_arrays_are_damage(entry, changed):
    def edit(header):
        header["conv/kernel"].update(entry)

    with pytest.raises(ModelFileError, match="damaged"):
        read_weights(changed(edit, signed=True))


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_HEADER_BYTES"])
def test_large_files_are_neither_read_nor_written(limit, good, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, limit, 300)
    with pytest.raises(ModelFileError, match="300"):
        read_weights(good)
    with pytest.raises(ValueError, match=r"at most .*300"):
        write_weights(tmp_path / "new.fer", ARRAYS, METADATA)
    assert not (tmp_path / "new.fer").exists()


def test_brain_floats_keep_their_bits(tmp_path):
    bits = np.arange(2**16, dtype=np.uint16)
    write_weights(tmp_path / "x", {"x": bits.view(ml_dtypes.bfloat16)}, {})
    assert np.array_equal(read_weights(tmp_path / "x")[0]["x"].view(np.uint16), bits)


def test_thousand_mutated_files_are_refused_or_the_same(tmp_path, record_property):
    result = fuzz(fuzz_weights.make_target(tmp_path), n_inputs=1000, seed=0)
    assert result.counts["ModelFileError"] > 500
    assert result.counts["the same"] > 10
    record_property("cases", result.tried)
