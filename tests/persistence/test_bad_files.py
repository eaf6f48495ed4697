"""Model files that are not what they should be."""

import os
import pickle
import stat
import zipfile

import fuzz_model_files as fuzz
import pytest

from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import _container, load, save


def test_missing_file_is_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"no model file 'x.fer' .*{tmp_path.name}"):
        load("x.fer")


def test_folder_and_pipe_are_no_model_files(tmp_path):
    with pytest.raises(ModelFileError, match="is a folder"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="no regular file"):
        load(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "has no bytes at all"),
        (b"\0" * 100, "is no model file: it starts with b'.x00"),
        (b"random bytes", "is no model file: it starts with b'random b'"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "an HDF5 file"),
        (pickle.dumps({}), "a pickle.*run its code"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        (b"\n<!DOCTYPE HTML><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"PK\3\4" + b"\0" * 50, "damaged or incomplete"),
    ],
    ids=["empty", "zeros", "random", "hdf5", "pickle", "gzip", "html", "lfs", "start of a zip"],
)
def test_other_files_are_named_for_what_they_are(content, named, tmp_path):
    path = tmp_path / "other.fer"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=named):
        load(path)


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["config.json", "metadata.json", "model.weights.h5"], "keras.saving.load_model"),
        (["arr_0.npy"], "a NumPy .npz file"),
        (["face.png"], "an archive of something else"),
    ],
)
def test_other_archives_are_named_for_what_they_are(names, named, tmp_path):
    path = tmp_path / "other.fer"
    path.write_bytes(fuzz.write_members(dict.fromkeys(names, b"x")))
    with pytest.raises(ModelFileError, match=f"holds no manifest.json .*{named}"):
        load(path)


def test_archive_with_a_manifest_of_another_kind_is_no_model_file(changed):
    path = changed("manifest.json", lambda content: content.update(format="other"))
    with pytest.raises(ModelFileError, match="its format is 'other', but 'fer-estimators model'"):
        load(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99, 0.9999])
def test_truncated_file_is_damaged(share, good, tmp_path):
    data = good.read_bytes()
    path = tmp_path / "cut.fer"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelFileError, match="damaged or incomplete"):
        load(path)


def test_flipped_bit_is_damage(good, tmp_path):
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "flipped.fer").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"damaged .*checksum"):
        load(tmp_path / "flipped.fer")


def test_changed_member_does_not_match_its_checksum(good, tmp_path):
    members = fuzz.read_members(good.read_bytes())
    members["estimator.json"] = members["estimator.json"].replace(b"angry", b"happy")
    (tmp_path / "changed.fer").write_bytes(fuzz.write_members(members))
    with pytest.raises(ModelFileError, match=r"checksum of estimator\.json"):
        load(tmp_path / "changed.fer")


def test_newer_format_asks_for_an_upgrade(changed):
    def edit(content):
        content.update(format_version=2, made_by={"fer-estimators": "9.1"}, more=1)

    with pytest.raises(ModelFileError, match=r"newer .*fer-estimators 9\.1.*Upgrade"):
        load(changed("manifest.json", edit))


@pytest.mark.parametrize("value", [None, "1", 0, True, 1.0])
def test_strange_version_is_damage(value, changed):
    path = changed("manifest.json", lambda content: content.update(format_version=value))
    with pytest.raises(ModelFileError, match=r"damaged .*no version"):
        load(path)


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:\\evil", "a/../../evil", "a\\b"])
def test_path_that_leaves_the_file_is_refused(name, good, tmp_path):
    members = {**fuzz.read_members(good.read_bytes()), name: b"x"}
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "path.fer").write_bytes(fuzz.write_members(fuzz.sign(members)))
    with pytest.raises(ModelFileError, match=r"refused.*leaves the archive"):
        load(folder / "path.fer")
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "path.fer"]


def test_member_that_occurs_twice_is_refused(good, tmp_path):
    pairs = list(fuzz.read_members(good.read_bytes()).items())
    (tmp_path / "twice.fer").write_bytes(fuzz.write_members([*pairs, pairs[0]]))
    with pytest.raises(ModelFileError, match=r"refused.*more than one member named"):
        load(tmp_path / "twice.fer")


def test_link_is_refused(good, tmp_path):
    pairs = list(fuzz.read_members(good.read_bytes()).items())
    link = zipfile.ZipInfo("weights/0000.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pairs = [(link if name == link.filename else name, data) for name, data in pairs]
    (tmp_path / "link.fer").write_bytes(fuzz.write_members(pairs))
    with pytest.raises(ModelFileError, match=r"refused.*link: 'weights/0000\.npy'"):
        load(tmp_path / "link.fer")


def test_packed_members_are_refused(good, tmp_path):
    path = tmp_path / "bomb.fer"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in fuzz.read_members(good.read_bytes()).items():
            archive.writestr(name, data)
        archive.writestr("zeros", bytes(10**6))
    with pytest.raises(ModelFileError, match=r"refused.*packed or overlap"):
        load(path)


@pytest.mark.parametrize(
    ("limit", "value", "named"),
    [("MAX_FILE_BYTES", 1000, "bytes; the limit"), ("MAX_MEMBERS", 3, "members; the limit")],
)
def test_large_files_are_refused_and_not_written(
    limit, value, named, good, fitted, tmp_path, monkeypatch
):
    monkeypatch.setattr(_container, limit, value)
    with pytest.raises(ModelFileError, match=f"refused.*{named}"):
        load(good)
    with pytest.raises(ValueError, match="`load` reads no more"):
        save(fitted, tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


def test_large_json_is_refused_and_not_written(good, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_container, "MAX_JSON_BYTES", 2000)
    with pytest.raises(ModelFileError, match=r"refused.*the limit is 2,000"):
        load(good)
    with pytest.raises(ValueError, match="2,000 at most"):
        save(fitted, tmp_path / "model.fer")


@pytest.mark.parametrize("name", ["estimator.json", "network.json", "manifest.json"])
@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"[" * 10**5, b"\xff", b"1" * 5000])
def test_broken_json_is_damage(name, data, good, tmp_path):
    members = {**fuzz.read_members(good.read_bytes()), name: data}
    members = members if name == "manifest.json" else fuzz.sign(members)
    (tmp_path / "json.fer").write_bytes(fuzz.write_members(members))
    with pytest.raises(ModelFileError, match=f"damaged .*{name}"):
        load(tmp_path / "json.fer")
