"""find_duplicates: groups, conflicts, leaks between splits."""

import sys

import numpy as np
import pytest

from fer_estimators import ImageFiles
from fer_estimators.datasets import find_duplicates, load_fer2013


@pytest.fixture
def images():
    images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), dtype=np.uint8)
    images[3] = images[0]
    images[6] = images[0]
    images[7] = images[2]
    return images


def test_groups_redundancy_and_leaks(images):
    duplicates = find_duplicates(
        images,
        target=list("aabacaab"),
        split=["train"] * 4 + ["val"] * 2 + ["test"] * 2,
        filenames=[f"{i}.jpg" for i in range(8)],
    )
    assert [group.tolist() for group in duplicates.groups] == [[0, 3, 6], [2, 7]]
    assert (duplicates.n_images, duplicates.n_duplicated, duplicates.n_redundant) == (8, 5, 3)
    assert np.flatnonzero(duplicates.redundant).tolist() == [3, 6, 7]
    assert duplicates.across_splits == {("train", "test"): 2}
    assert duplicates.conflicting == []
    assert "2 images of 'test' are also in 'train'" in str(duplicates)
    assert repr(duplicates) == "Duplicates(n_images=8, n_duplicated=5)"


def test_conflicting_labels_are_found(images):
    duplicates = find_duplicates(images, target=list("abcdefgc"))
    assert [group.tolist() for group in duplicates.conflicting] == [[0, 3, 6]]
    assert "1 groups have conflicting labels" in str(duplicates)


@pytest.mark.parametrize("name", ["images", "target", "split", "filenames"])
def test_masked_values_are_refused(images, name):
    masked = np.ma.array(images if name == "images" else list("abcdefgc"))
    masked[1] = np.ma.masked
    with pytest.raises(ValueError, match=rf"{name} has \d+ masked values"):
        find_duplicates(**{"images": images, name: masked})


def test_frame_has_a_row_for_each_duplicated_image(images):
    pytest.importorskip("pandas")
    frame = find_duplicates(images.reshape(8, -1), target=list("abcdefgc")).frame()
    assert list(frame.columns) == ["group", "index", "filename", "split", "target", "conflicting"]
    assert frame["index"].tolist() == [0, 3, 6, 2, 7]
    assert frame["conflicting"].tolist() == [True] * 3 + [False] * 2
    assert len(find_duplicates(images[:2]).frame()) == 0


def test_frames_without_pandas_say_what_to_install(images, fer_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for source in (find_duplicates(images), load_fer2013(fer_folder).report):
        with pytest.raises(ImportError, match=r"pandas is not installed.*`pip install pandas`"):
            source.frame()


def test_bunch_brings_its_own_labels(fer_folder):
    image = (fer_folder / "train/happy/Training_0.jpg").read_bytes()
    (fer_folder / "train/sad/Training_0.jpg").write_bytes(image)
    duplicates = find_duplicates(load_fer2013(fer_folder))
    assert [row["target"] for row in duplicates.rows()] == ["happy", "sad"]
    assert duplicates.rows()[0]["filename"] == "train/happy/Training_0.jpg"


def test_files_are_read_part_by_part(fer_folder, monkeypatch):
    image = (fer_folder / "train/happy/Training_0.jpg").read_bytes()
    (fer_folder / "train/sad/Training_1.jpg").write_bytes(image)
    read, sizes = ImageFiles._read, []

    def note(self, names):
        sizes.append(len(names))
        return read(self, names)

    monkeypatch.setattr(ImageFiles, "_read", note)
    monkeypatch.setattr("fer_estimators._parts.PART_BYTES", 5 * 48 * 48)
    rows = find_duplicates(load_fer2013(fer_folder, lazy=True)).rows()
    files = ["train/happy/Training_0.jpg", "train/sad/Training_1.jpg"]
    assert [row["filename"] for row in rows] == files
    assert sizes == [5, 5, 4]


@pytest.mark.parametrize("wrong", [["a.jpg"], None, np.zeros(3), np.array([[None]])])
def test_anything_but_an_array_of_images_is_refused(wrong):
    with pytest.raises(TypeError, match="expected a Bunch with images, or numbers"):
        find_duplicates(wrong)


def test_column_of_another_length_is_refused(images):
    with pytest.raises(ValueError, match=r"target has shape \(2,\), but there are 8 images"):
        find_duplicates(images, target=["a", "b"])
