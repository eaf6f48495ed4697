"""Sets whose names, manifests or files contradict each other raise an error."""

import hashlib
import os
import zipfile

import numpy as np
import pytest

from fer_estimators._files import stack
from fer_estimators.datasets import load_fer2013, load_image_folder
from fer_estimators.exceptions import BadImageWarning, DatasetError, ImageReadError


@pytest.fixture
def image(fakes):
    return lambda seed: fakes.encode(fakes.draw(seed))


@pytest.mark.parametrize(
    ("load", "odd"),
    [
        (load_fer2013, "train/happy/sad/1.jpg"),
        (load_fer2013, "train/happy/more/Anger/1.jpg"),
        (load_fer2013, "train/happy/test/1.jpg"),
        (load_image_folder, "train/happy/sad/1.jpg"),
        (load_image_folder, "train/happy/val/1.jpg"),
    ],
)
def test_folder_of_another_class_or_split_in_a_class_folder_is_refused(
    fer_folder, load, odd, fakes, image
):
    load(fer_folder)
    fakes.folder(fer_folder, {odd: image(1)})
    folder = odd.rpartition("/")[0]
    with pytest.raises(
        DatasetError, match=f"hold folders of another class or of a split: {folder}"
    ):
        load(fer_folder)


@pytest.mark.parametrize("names", [("Joy", "joy"), ("g\xean\xe9", "ge\u0302ne\u0301")])
def test_classes_that_people_would_read_alike_are_announced(tmp_path, fakes, image, names):
    # A file system may take these names for one folder, an archive does not.
    files = {f"train/{names[0]}/1.jpg": image(1), f"test/{names[1]}/2.jpg": image(2)}
    path = fakes.zip(tmp_path / "set.zip", files)
    with pytest.warns(UserWarning, match=r"differ only in case, spaces or Unicode form\. If"):
        load_image_folder(path)
    assert load_image_folder(path, classes=list(names)).target.tolist() == list(names)


def test_splits_below_classes_are_refused(tmp_path, fakes, image):
    names = [f"{c}/{s}/1.jpg" for c in ("calm", "tense") for s in ("train", "test")]
    root = fakes.folder(tmp_path / "set", {name: image(i) for i, name in enumerate(names)})
    with pytest.raises(DatasetError, match=r"calm/test; .*Expected .*<split>/<class>/\*\.jpg"):
        load_image_folder(root)


@pytest.mark.parametrize("inner", ["happy", "1", "subject_7", "HAPPINESS", "sa"])
def test_other_folders_in_a_class_folder_belong_to_it(fer_folder, inner, fakes, image):
    fakes.folder(fer_folder, {f"train/happy/{inner}/1.jpg": image(1)})
    faces = load_fer2013(fer_folder)
    assert faces.target[list(faces.filenames).index(f"train/happy/{inner}/1.jpg")] == "happy"


def test_file_names_other_than_those_of_fer2013_tell_no_split(tmp_path, fakes, image):
    files = fakes.files(["train", "test"])
    names = ("dev_1.jpg", "Valid_1.jpg", "val_1.jpg", "train_1.jpg", "privatetest_1.jpg")
    files |= {f"test/happy/{name}": image(i) for i, name in enumerate(names)}
    faces = load_fer2013(fakes.folder(tmp_path / "set", files), split="test")
    assert {f"test/happy/{name}" for name in names} <= set(faces.filenames)


@pytest.fixture
def listed(fer_folder):
    """The set, with a manifest."""
    files = sorted(path for path in fer_folder.rglob("*.jpg"))
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(fer_folder)}\n"
        for path in files
    ]
    (fer_folder / "SHA256SUMS").write_text("".join(lines))
    return fer_folder


def test_image_of_the_manifest_that_was_deleted_is_named(listed):
    load_fer2013(listed, verify="sha256")
    (listed / "train/happy/Training_1.jpg").unlink()
    with pytest.raises(
        ImageReadError, match=r"1 of 14 .*Training_1\.jpg: listed in SHA256SUMS, but"
    ):
        load_fer2013(listed, verify="sha256")
    with pytest.warns(BadImageWarning, match="skipped 1 of 14"):
        faces = load_fer2013(listed, verify="sha256", on_error="skip")
    assert faces.report.skipped == ["train/happy/Training_1.jpg"]
    assert len(faces.images) == 13


def test_class_folder_of_the_manifest_that_was_deleted_is_named(listed):
    for path in (listed / "train/sad").iterdir():
        path.unlink()
    (listed / "train/sad").rmdir()
    with pytest.raises(ImageReadError, match=r"2 of 14 .*train/sad/Training_0\.jpg: listed"):
        load_image_folder(listed, split="train", verify="sha256")


def test_what_was_not_asked_for_may_be_missing(listed):
    for name in ("test/happy/PrivateTest_0.jpg", "train/sad/Training_0.jpg"):
        (listed / name).unlink()
    assert len(load_fer2013(listed, split="val", verify="sha256").images) == 14
    assert len(load_fer2013(listed, classes=["happy"], verify="sha256").images) == 2
    with pytest.raises(ImageReadError, match="2 of 42"):
        load_fer2013(listed, split="all", verify="sha256")


def times_of(path):
    state = path.stat()
    return state.st_atime_ns, state.st_mtime_ns


def exchange(one, other):
    spare = one.with_name("spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)


@pytest.mark.parametrize("names", [("1.bmp", "1.bmp"), ("", "")], ids=["files", "folders"])
def test_cache_follows_files_that_swapped_names(tmp_path, fakes, names):
    files = {
        f"{label}/1.bmp": fakes.encode(fakes.draw(i), "BMP") for i, label in enumerate(("a", "b"))
    }
    root = fakes.folder(tmp_path / "set", files)
    for name in files:
        os.utime(root / name, ns=(0, 0))
    first = load_image_folder(root, cache=tmp_path / "cache")
    exchange(root / "a" / names[0], root / "b" / names[1])
    swapped = load_image_folder(root, cache=tmp_path / "cache")
    np.testing.assert_array_equal(swapped.images, first.images[::-1])


def test_cache_follows_an_archive_that_another_replaced(tmp_path, fakes):
    for i, name in enumerate(("one.zip", "other.zip")):
        files = {"a/1.bmp": fakes.encode(fakes.draw(i), "BMP")}
        fakes.zip(tmp_path / name, files, zipfile.ZIP_STORED)
        os.utime(tmp_path / name, ns=(0, 0))
    first = load_image_folder(tmp_path / "one.zip", cache=tmp_path / "cache").images
    (tmp_path / "other.zip").rename(tmp_path / "one.zip")
    assert not np.array_equal(
        first, load_image_folder(tmp_path / "one.zip", cache=tmp_path / "cache").images
    )


def test_pipe_in_place_of_a_cache_file_is_replaced_without_waiting(fer_folder, tmp_path):
    expected = load_fer2013(fer_folder, cache=tmp_path / "cache").images
    (entry,) = (tmp_path / "cache").iterdir()
    entry.unlink()
    os.mkfifo(entry)
    with pytest.warns(UserWarning, match="cannot be written .not a regular file"):
        faces = load_fer2013(fer_folder, cache=tmp_path / "cache")
    np.testing.assert_array_equal(faces.images, expected)


def test_pipe_in_place_of_a_manifest_or_table_is_refused_without_waiting(fer_folder, tmp_path):
    os.mkfifo(fer_folder / "SHA256SUMS")
    with pytest.raises(DatasetError, match="SHA256SUMS"):
        load_fer2013(fer_folder, verify="sha256")
    for name in ("fer2013.csv", "fer2013.zip"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DatasetError, match="neither a folder nor a regular file"):
            load_fer2013(tmp_path / name)


def replaced_after_listing(monkeypatch, replace):
    """Let `replace` run between the listing of the files and the first reading."""
    from fer_estimators.datasets import _loading as module

    arrange = module.arrange
    monkeypatch.setattr(module, "arrange", lambda *args: (arrange(*args), replace())[0])


@pytest.mark.parametrize("what", ["file", "folder", "pipe", "folder above"])
def test_file_that_turned_into_a_link_or_pipe_since_it_was_listed_is_refused(
    fer_folder, tmp_path, monkeypatch, what
):
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "Training_0.jpg"
    secret.write_bytes((fer_folder / "train/sad/Training_0.jpg").read_bytes())

    def replace():
        path = fer_folder / "train/happy/Training_0.jpg"
        if what == "folder":
            path.parent.rename(tmp_path / "moved")
            path.parent.symlink_to(outside)
        elif what == "folder above":
            path.parents[1].rename(tmp_path / "moved")
            path.parents[1].symlink_to(tmp_path / "moved")
        else:
            path.unlink()
            path.symlink_to(secret) if what == "file" else os.mkfifo(path)

    replaced_after_listing(monkeypatch, replace)
    with pytest.raises(ImageReadError, match=r"became a link|not a regular file"):
        load_fer2013(fer_folder)


def test_links_may_be_followed_when_asked(fer_folder, tmp_path, monkeypatch):
    path = fer_folder / "train/happy/Training_0.jpg"

    def replace():
        path.rename(tmp_path / "outside.jpg")
        path.symlink_to(tmp_path / "outside.jpg")

    replaced_after_listing(monkeypatch, replace)
    assert len(load_fer2013(fer_folder, follow_links=True).images) == 14


def test_images_beyond_the_limit_of_all_are_refused_after_the_first(fer_folder, monkeypatch):
    monkeypatch.setattr("fer_estimators._files.stack.MAX_STACK_BYTES", 5 * 48 * 48)
    decoded = []
    decode = stack.decode
    monkeypatch.setattr(
        "fer_estimators._files.stack.decode",
        lambda data, **options: decoded.append(data) or decode(data, **options),
    )
    with pytest.raises(
        DatasetError,
        match=r"14 images like '.*', of 48x48 pixels, take 32,256 bytes; the limit is 11,520",
    ):
        load_fer2013(fer_folder)
    assert len(decoded) == 1
    assert len(load_fer2013(fer_folder, image_size=8).images) == 14
