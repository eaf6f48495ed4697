"""Images that are read when they are asked for: files, HDF5, and whatever has slices."""

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from fer_estimators import CNNClassifier, ImageFiles, ImageResizer
from fer_estimators.exceptions import ImageReadError

TINY = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)


@pytest.fixture(scope="module")
def paths(faces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    for i, face in enumerate(faces.images):
        Image.fromarray(face).save(folder / f"{i}.png")
    return [folder / f"{i}.png" for i in range(len(faces.images))]


@pytest.fixture
def files(paths):
    return ImageFiles(paths, 16)


def test_it_is_a_sequence_of_images(files, faces):
    assert (files.shape, files.ndim, files.dtype) == ((140, 16, 16), 3, np.uint8)
    assert len(files) == 140
    np.testing.assert_array_equal(files[-1], faces.images[-1])
    np.testing.assert_array_equal(files[3:9:2], faces.images[3:9:2])
    np.testing.assert_array_equal(files[[7, 0, 7]], faces.images[[7, 0, 7]])
    happy = faces.target == "happy"
    np.testing.assert_array_equal(files[happy], faces.images[happy])
    np.testing.assert_array_equal(np.asarray(files, dtype=float), faces.images)
    assert np.asarray(files[:0]).shape == (0, 16, 16)


def test_picking_opens_no_file(tmp_path):
    files = ImageFiles([tmp_path / "none.png", tmp_path / "neither.png"], 16)[[1]]
    assert files.shape == (1, 16, 16)
    with pytest.raises(FileNotFoundError, match="neither"):
        np.asarray(files)


def test_colour_has_three_channels(paths):
    files = ImageFiles(paths[:2], (12, 10), color=True)
    assert files.shape == np.asarray(files).shape == (2, 12, 10, 3)
    assert files[0].shape == (12, 10, 3)


@pytest.mark.parametrize(
    ("paths", "size", "message"),
    [("a.png", 16, "one file"), ([b"x"], 16, "contents"), (["a"], None, "None"), ([1], 16, "file")],
)
def test_other_arguments_are_refused(paths, size, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ImageFiles(paths, size)


@pytest.mark.parametrize("index", [140, -141, "a", 1.5, [[0, 1]]])
def test_other_indices_are_refused(files, index):
    with pytest.raises((IndexError, TypeError)):
        files[index]


def test_a_classifier_learns_the_same_from_files(files, faces):
    from_memory = clone(TINY).fit(faces.images, faces.target)
    from_files = clone(TINY).fit(files, faces.target)
    expected = from_memory.predict_proba(faces.images)
    np.testing.assert_array_equal(from_files.predict_proba(files), expected)
    np.testing.assert_array_equal(from_memory.predict_proba(files), expected)


def test_cross_validation_gives_the_same_scores(files, faces):
    found, expected = (
        cross_validate(TINY, X, faces.target, cv=2, error_score="raise")["test_score"].tolist()
        for X in (files, faces.images)
    )
    assert found == expected


def test_transformers_take_files(files, faces):
    np.testing.assert_array_equal(
        ImageResizer(12).fit_transform(files), ImageResizer(12).fit_transform(faces.images)
    )


def test_no_more_than_a_batch_is_read_at_once(files, faces, monkeypatch):
    sizes = []
    read = ImageFiles._read

    def count(self, paths):
        sizes.append(len(paths))
        return read(self, paths)

    monkeypatch.setattr(ImageFiles, "_read", count)
    monkeypatch.setattr("fer_estimators._scale._ROWS_AT_ONCE", 50)
    clone(TINY).set_params(batch_size=20).fit(files, faces.target).predict(files)
    assert 0 < max(sizes) <= 50


def test_a_file_that_vanishes_or_is_damaged_is_named(paths, faces, tmp_path):
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageReadError, match=r"damaged\.png"):
        clone(TINY).fit(ImageFiles([*paths[:-1], tmp_path / "damaged.png"], 16), faces.target)
    clf = clone(TINY).fit(faces.images, faces.target)
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        clf.predict(ImageFiles([*paths, tmp_path / "gone.png"], 16))


def test_decoded_once_they_are_a_memory_map(files, faces, tmp_path):
    images = files.to_memmap(tmp_path / "faces.npy")
    assert isinstance(images, np.memmap)
    np.testing.assert_array_equal(images, faces.images)
    assert not images.flags.writeable


# Other sequences


class OnDisk:
    """What HDF5 and zarr have: increasing numbers and slices, and no memory to lend."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self):
        return len(self._array)

    def __getitem__(self, rows):
        assert isinstance(rows, slice) or (np.diff(rows) > 0).all()
        return self._array[rows]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_sequences_with_slices_are_read_batch_by_batch(faces, dtype):
    images = faces.images.astype(dtype)
    expected = clone(TINY).fit(images, faces.target).predict_proba(images)
    on_disk = OnDisk(images)
    found = clone(TINY).fit(on_disk, faces.target).predict_proba(on_disk)
    np.testing.assert_array_equal(found, expected)


def test_hdf5_is_read_batch_by_batch(faces, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "faces.h5", "w") as file:
        images = file.create_dataset("images", data=faces.images[..., np.newaxis])
        clf = clone(TINY).fit(images, faces.target)
        expected = clone(TINY).fit(faces.images, faces.target)
        np.testing.assert_array_equal(
            clf.predict_proba(images), expected.predict_proba(faces.images)
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "NaN"), (np.inf, "infinity"), (300, r"X\[101, 3, 3, 0\]"), (-1, "X")],
)
def test_pixels_of_sequences_are_checked(faces, monkeypatch, value, message):
    monkeypatch.setattr("fer_estimators._lazy._ROWS_AT_ONCE", 50)
    images = faces.images.astype(np.float32)
    images[101, 3, 3] = value
    with pytest.raises(ValueError, match=message):
        clone(TINY).fit(OnDisk(images), faces.target)


@pytest.mark.parametrize("shape", [(0, 16, 16), (5, 16, 16, 4), (5, 3, 16, 16)])
def test_other_shapes_of_sequences_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        clone(TINY).fit(OnDisk(np.zeros(shape, dtype=np.uint8)), np.zeros(shape[0]))
