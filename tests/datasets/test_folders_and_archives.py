"""Stray files, links, archives and tables that a set on disk may contain besides its images."""

import hashlib
import os
import stat
import struct
import sys
import zipfile

import pytest

from fer_estimators._files import archive as archive_rules
from fer_estimators.datasets import load_fer2013, load_image_folder
from fer_estimators.exceptions import (
    BadImageWarning,
    DatasetError,
    ImageReadError,
    LabelError,
    UnsafeArchiveError,
)

STRAY = (
    *("happy/.DS_Store", "happy/Thumbs.db", "desktop.ini", "happy/.ipynb_checkpoints/1.jpg"),
    *("__MACOSX/happy/._1.jpg", "happy/._1.jpg", "happy/notes.txt", "README.md"),
)


@pytest.fixture
def files(fakes):
    return {f"{name}/{i}.jpg": fakes.encode(fakes.draw([i, len(name)])) for name in ("happy", "sad")
            for i in range(2)}  # fmt: skip


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_stray_files_are_ignored_and_counted(tmp_path, fakes, files, form):
    files |= dict.fromkeys(STRAY, b"stray")
    write = {"folder": fakes.folder, "zip": fakes.zip}[form]
    faces = load_image_folder(write(tmp_path / f"set.{form}", files))
    assert list(faces.target_names) == ["happy", "sad"]
    assert len(faces.images) == 4
    # Of a hidden folder on disk only the folder is reported: it is not listed.
    hidden = {
        "folder": [("__MACOSX", "system folder"), ("happy/.ipynb_checkpoints", "system folder")],
        "zip": [("__MACOSX/happy/._1.jpg", "system file"), (STRAY[3], "system file")],
    }
    expected = [
        *((path, "system file", "ignored") for path in (*STRAY[:3], "happy/._1.jpg")),
        *((path, "not an image extension", "ignored") for path in ("happy/notes.txt", "README.md")),
        *((path, reason, "ignored") for path, reason in hidden[form]),
    ]
    assert sorted(faces.report) == sorted(expected)


def test_image_folder_takes_any_classes_splits_and_sizes(tmp_path, fakes):
    names = ("train/calm/1.png", "train/test/1.png", "valid/calm/deep/er/1.png")
    files = {name: fakes.encode(fakes.draw(i, (20, 30)), "PNG") for i, name in enumerate(names)}
    root = fakes.folder(tmp_path / "set", files)
    faces = load_image_folder(root)
    assert faces.images.shape == (3, 20, 30)
    assert list(zip(faces.split, faces.target, strict=True)) == [
        ("train", "calm"),
        ("train", "test"),
        ("val", "calm"),
    ]
    assert load_image_folder(root, split="val", color=True).images.shape == (1, 20, 30, 3)
    data, target = load_image_folder(root, classes=iter(["test"]), return_X_y=True)
    assert data.shape == (1, 600)
    assert list(target) == ["test"]
    with pytest.raises(LabelError, match=r"no folder for \['calme'\].*Did you mean 'calm'"):
        load_image_folder(root, classes=["calme"])


def test_image_folder_without_splits_has_only_all(tmp_path, fakes, files):
    root = fakes.folder(tmp_path / "set", files)
    assert set(load_image_folder(root).split) == {"all"}
    with pytest.raises(DatasetError, match="tell the split of 4 images"):
        load_image_folder(root, split="train")


def test_folders_named_like_splits_may_be_classes(tmp_path, fakes, files):
    files = {path.replace("happy", "train").replace("sad", "test"): d for path, d in files.items()}
    faces = load_image_folder(fakes.folder(tmp_path / "set", files))
    assert list(faces.target_names) == ["test", "train"]


@pytest.mark.parametrize("load", [load_image_folder, load_fer2013])
def test_splits_beside_another_folder_do_not_become_classes(tmp_path, fakes, load):
    names = ("train/happy/1.png", "test/happy/2.png", "unlabelled/3.png")
    files = {name: fakes.encode(fakes.draw(i), "PNG") for i, name in enumerate(names)}
    with pytest.raises(DatasetError, match=r"has split folders \['test', 'train'\] .* unlabelled"):
        load(fakes.folder(tmp_path / "set", files), split="all")


@pytest.mark.parametrize("stray", ["logo.png", "fer/logo.png", "fer/fer/logo.png"])
@pytest.mark.parametrize("load", [load_image_folder, load_fer2013])
def test_picture_beside_a_wrapped_set_does_not_prevent_unwrapping(tmp_path, fakes, load, stray):
    files = {f"fer/fer/{path}": data for path, data in fakes.files(["train", "test"], 1).items()}
    files[stray] = fakes.encode(fakes.draw(99))
    faces = load(fakes.folder(tmp_path / "set", files), split="train")
    assert len(faces.images) == 7
    assert (stray, "image outside any class folder", "ignored") in list(faces.report)


@pytest.mark.parametrize("below", ["deep", "deep/er"])
def test_class_with_images_at_two_depths_is_not_a_wrapping_folder(tmp_path, fakes, below):
    names = ("calm/1.jpg", f"calm/{below}/2.jpg")
    files = {name: fakes.encode(fakes.draw(i)) for i, name in enumerate(names)}
    assert list(load_image_folder(fakes.folder(tmp_path / "set", files)).target) == ["calm"] * 2


def test_image_beside_the_class_folders_is_reported(tmp_path, fakes, files):
    files["logo.png"] = fakes.encode(fakes.draw(1), "PNG")
    faces = load_image_folder(fakes.folder(tmp_path / "set", files))
    assert list(faces.report) == [("logo.png", "image outside any class folder", "ignored")]


def test_a_link_to_another_drive_leads_out(tmp_path, fakes, files, monkeypatch):
    root = fakes.folder(tmp_path / "set", files)
    outside = fakes.folder(tmp_path / "set2", {"happy/9.jpg": fakes.encode(fakes.draw(9))})
    (root / "happy/outside.jpg").symlink_to(outside / "happy/9.jpg")

    def refuse(paths):
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr("os.path.commonpath", refuse)
    (entry,) = load_image_folder(root).report
    assert entry.reason == "link out of the folder"


def test_links_inside_are_followed_and_links_out_are_not(tmp_path, fakes, files):
    root = fakes.folder(tmp_path / "set", files)
    outside = fakes.folder(tmp_path / "out", {"happy/9.jpg": fakes.encode(fakes.draw(9))})
    (root / "happy/inside.jpg").symlink_to(root / "sad/0.jpg")
    (root / "happy/outside.jpg").symlink_to(outside / "happy/9.jpg")
    (root / "happy/broken.jpg").symlink_to(tmp_path / "none")
    (root / "angry").symlink_to(outside / "happy")
    (root / "happy/loop").symlink_to(root)
    os.mkfifo(root / "happy/pipe.jpg")
    faces = load_image_folder(root)
    assert len(faces.images) == 5
    assert {(entry.path, entry.reason) for entry in faces.report} == {
        ("happy/outside.jpg", "link out of the folder"),
        ("happy/broken.jpg", "broken link"),
        ("happy/loop", "link to a folder"),
        ("angry", "link to a folder"),
        ("happy/pipe.jpg", "not a regular file"),
    }
    faces = load_image_folder(root, follow_links=True)
    assert len(faces.images) == 7
    assert "link to a folder seen before" in str(faces.report)


@pytest.mark.parametrize("place", ["inside", "outside"])
def test_link_to_a_folder_beside_it_brings_no_image_twice(tmp_path, fakes, files, place):
    root = set_root = fakes.folder(tmp_path / "set", files)
    if place == "outside":
        # The same, behind a link that leads out of the set.
        (tmp_path / "loaded").mkdir()
        (tmp_path / "loaded/train").symlink_to(set_root)
        root = tmp_path / "loaded"
    (set_root / "alink").symlink_to(set_root / "sad")
    (set_root / "zlink").symlink_to(set_root / "happy")
    faces = load_image_folder(root, follow_links=True)
    assert list(faces.target) == ["happy"] * 2 + ["sad"] * 2
    assert [entry.reason for entry in faces.report] == ["link to a folder seen before"] * 2


def test_link_to_a_hidden_folder_is_followed_if_asked(tmp_path, fakes, files):
    root = fakes.folder(tmp_path / "set", {f".store/{path}": files[path] for path in files})
    for name in ("happy", "sad"):
        (root / name).symlink_to(root / ".store" / name)
    assert list(load_image_folder(root, follow_links=True).target) == ["happy"] * 2 + ["sad"] * 2


def test_folder_that_cannot_be_listed_is_an_error_even_when_skipping(
    tmp_path, fakes, files, monkeypatch
):
    root = fakes.folder(tmp_path / "set", files)
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("happy"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DatasetError, match=r"folder 'happy' cannot be listed"):
        load_image_folder(root, on_error="skip")


def test_manifest_finds_a_flipped_bit_that_decodes(tmp_path, fakes, files):
    root = fakes.folder(tmp_path / "set", files)
    with pytest.raises(DatasetError, match="needs a file 'SHA256SUMS'"):
        load_image_folder(root, verify="sha256")
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    manifest = "".join(f"{digest}  ./{path}\n" for path, digest in sums.items())
    (root / "SHA256SUMS").write_text(manifest)
    archive = fakes.zip(tmp_path / "set.zip", {**files, "SHA256SUMS": manifest.encode()})
    assert len(load_image_folder(archive, verify="sha256").images) == 4
    assert len(load_image_folder(root, verify="sha256").images) == 4
    data = bytearray(files["sad/1.jpg"])
    data[data.index(b"\xff\xdb") + 10] ^= 4
    (root / "sad/1.jpg").write_bytes(data)
    (root / "sad/2.jpg").write_bytes(data)
    assert len(load_image_folder(root).images) == 5
    with pytest.warns(BadImageWarning, match=r"sad/1.jpg: changed: SHA-256 .*not listed in SHA"):
        assert len(load_image_folder(root, verify="sha256", on_error="skip").images) == 3


def test_manifest_without_an_end_is_refused(tmp_path, fakes, files, monkeypatch):
    monkeypatch.setattr("fer_estimators.datasets._stack.MAX_MANIFEST_BYTES", 100)
    path = fakes.zip(tmp_path / "set.zip", files | {"SHA256SUMS": b"0" * 101})
    with pytest.raises(DatasetError, match=r"'SHA256SUMS' in 'set.zip' has more than 100 bytes"):
        load_image_folder(path, verify="sha256")


@pytest.mark.parametrize(
    "name", ["../happy/1.jpg", "/happy/1.jpg", "C:/happy/1.jpg", "happy\\1.jpg", "a/../../1.jpg"]
)
def test_member_that_leaves_the_archive_is_refused_by_name(tmp_path, fakes, files, name):
    path = fakes.zip(tmp_path / "set.zip", files | {name: b"x"})
    with pytest.raises(UnsafeArchiveError, match="path leaves the archive"):
        load_image_folder(path)


def test_link_in_an_archive_is_refused(tmp_path, fakes, files):
    path = fakes.zip(tmp_path / "set.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("happy/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match=r"link: 'happy/link.jpg'"):
        load_image_folder(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_with_a_name_twice_is_refused(tmp_path, fakes, files):
    path = fakes.zip(tmp_path / "set.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sad/1.jpg", b"other")
    with pytest.raises(UnsafeArchiveError, match=r"more than one member named sad/1.jpg"):
        load_image_folder(path)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MAX_MEMBERS", 3, "lists 4 members; limit 3"),
        ("MAX_DIRECTORY_BYTES", 50, "table of contents of .* bytes; the limit is 50"),
        ("MAX_TOTAL_BYTES", 100, "unpacks to .* bytes; the limit is 100"),
    ],
)
def test_archive_beyond_a_limit_is_refused(
    tmp_path, fakes, files, monkeypatch, limit, value, message
):
    monkeypatch.setattr(archive_rules, limit, value)
    with pytest.raises(UnsafeArchiveError, match=message):
        load_image_folder(fakes.zip(tmp_path / "set.zip", files))


def test_zip_bomb_is_refused_by_its_ratio(tmp_path, fakes, files):
    path = fakes.zip(tmp_path / "set.zip", files | {"sad/9.jpg": bytes(2**22)})
    with pytest.raises(UnsafeArchiveError, match="the limit is 100 times"):
        load_image_folder(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/" * 30_000 + "1.jpg", "has 60,005 characters and 30,000 levels"),
        ("a/" * 33 + "1.jpg", "33 levels; the limits are 1,024 and 32"),
        ("x" * 1025, "has 1,025 characters"),
    ],
)
def test_archive_with_names_that_cost_memory_is_refused(tmp_path, fakes, files, name, message):
    path = fakes.zip(tmp_path / "set.zip", files | {name: b"x"})
    with pytest.raises(UnsafeArchiveError, match=message):
        load_image_folder(path)


@pytest.mark.parametrize("cache", [None, "cache"])
def test_folders_too_deep_to_walk_are_refused(tmp_path, fakes, files, monkeypatch, cache):
    root = fakes.folder(tmp_path / "set", files)
    monkeypatch.chdir(root / "sad")
    for _ in range(250):
        os.mkdir("d")
        os.chdir("d")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        with pytest.raises(DatasetError, match=r"folder 'sad/d/d/.* lies 33 levels below"):
            load_image_folder(root, cache=cache and tmp_path / cache)
    finally:
        sys.setrecursionlimit(limit)


def test_archive_in_an_archive_is_refused(tmp_path, fakes, files):
    inner = fakes.zip(tmp_path / "inner.zip", files).read_bytes()
    path = fakes.zip(tmp_path / "outer.zip", {"inner.zip": inner})
    with pytest.raises(UnsafeArchiveError, match=r"another archive, 'inner.zip'"):
        load_image_folder(path)


def test_damaged_archive_is_refused(tmp_path, fakes, files):
    data = fakes.zip(tmp_path / "set.zip", files).read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.zip").write_bytes(b"hello")
    for name in ("cut.zip", "text.zip"):
        with pytest.raises(DatasetError, match=f"'{name}' is a damaged or incomplete zip"):
            load_fer2013(tmp_path / name)


def test_encrypted_archive_and_unknown_method_are_refused(tmp_path, fakes, files):
    data = bytearray(fakes.zip(tmp_path / "set.zip", files).read_bytes())
    entry = data.index(b"PK\1\2")
    locked, odd = data.copy(), data.copy()
    locked[entry + 8] |= 1
    odd[entry + 10] = 93
    (tmp_path / "locked.zip").write_bytes(locked)
    (tmp_path / "odd.zip").write_bytes(odd)
    with pytest.raises(DatasetError, match=r"is encrypted .happy/0.jpg"):
        load_image_folder(tmp_path / "locked.zip")
    with pytest.raises(DatasetError, match="by method 93; only stored and deflated"):
        load_image_folder(tmp_path / "odd.zip")


@pytest.mark.parametrize("size", [2**50, 2**63 + 5])
def test_member_that_claims_more_than_the_archive_is_refused(tmp_path, fakes, files, size):
    path = fakes.zip(tmp_path / "set.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", b"")
        archive.getinfo("sad/1.jpg").compress_size = size
    with pytest.raises(DatasetError, match=r"claims more for sad/1.jpg; fetch it again"):
        load_image_folder(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_manifest_in_an_archive_is_named(tmp_path, fakes, files, compression):
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    files["SHA256SUMS"] = "".join(lines).encode()
    path = fakes.zip(tmp_path / "set.zip", files, compression)
    data = bytearray(path.read_bytes())
    data[data.index(b"SHA256SUMS") + 30] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"'SHA256SUMS' is damaged in 'set.zip'"):
        load_image_folder(path, verify="sha256")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_member_is_named(tmp_path, fakes, files, compression):
    path = fakes.zip(tmp_path / "set.zip", files, compression)
    data = bytearray(path.read_bytes())
    data[data.index(b"happy/1.jpg") + 60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ImageReadError, match=r"1 of 4 .*happy/1.jpg: damaged in the archive"):
        load_image_folder(path)


def test_directory_of_a_wide_archive_is_measured(tmp_path):
    wide = struct.pack("<4sQ28xQ8x", b"PK\6\6", 44, 2**40)
    end = struct.pack("<4s8xLL2x", b"PK\5\6", 0xFFFFFFFF, 0xFFFFFFFF)
    (tmp_path / "wide.zip").write_bytes(b"PK\3\4" + wide + end)
    with pytest.raises(UnsafeArchiveError, match="table of contents of 1,099,511,627,776 bytes"):
        load_image_folder(tmp_path / "wide.zip")
