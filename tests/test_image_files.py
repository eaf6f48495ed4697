"""Images that are read on access: files, HDF5, and other sequences with slices."""

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import cross_validate

from fer_estimators import CNNClassifier, ImageFiles, ImageResizer, ResumableClassifier
from fer_estimators.exceptions import BadImageWarning, ImageReadError

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


def test_a_column_of_a_table_holds_names_in_its_rows(files, paths):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"file": list(map(str, paths))}, index=range(7, 147))
    for column in (table, table["file"]):
        assert ImageFiles(column, 16).paths.tolist() == files.paths.tolist()


def test_picking_opens_no_file(tmp_path):
    files = ImageFiles([tmp_path / "none.png", tmp_path / "neither.png"], 16)[[1]]
    assert files.shape == (1, 16, 16)
    with pytest.raises(FileNotFoundError, match="neither"):
        np.asarray(files)


def test_relative_names_are_found_from_another_folder(paths, faces, tmp_path, monkeypatch):
    monkeypatch.chdir(paths[0].parent)
    files = ImageFiles([path.name for path in paths], 16)
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(files[3], faces.images[3])


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
    monkeypatch.setattr("fer_estimators._parts.PART_BYTES", 50 * 16 * 16)
    clone(TINY).set_params(batch_size=20).fit(files, faces.target).predict(files)
    assert 0 < max(sizes) <= 50


def test_a_file_that_vanishes_or_is_damaged_is_named(paths, faces, tmp_path):
    (tmp_path / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImageReadError, match=r"damaged\.png"):
        clone(TINY).fit(ImageFiles([*paths[:-1], tmp_path / "damaged.png"], 16), faces.target)
    clf = clone(TINY).fit(faces.images, faces.target)
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        clf.predict(ImageFiles([*paths, tmp_path / "gone.png"], 16))


def copy_all(paths, tmp_path):
    copies = [tmp_path / path.name for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    return copies


class DeleteAtFirstEpoch(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch, logs=None):
        self.path.unlink(missing_ok=True)


def test_a_file_that_vanishes_in_an_epoch_is_named(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    clf = clone(TINY).set_params(callbacks=[DeleteAtFirstEpoch(copies[5])])
    clf.set_params(validation_fraction=None, patience=None)
    with pytest.raises(FileNotFoundError, match=copies[5].name):
        clf.fit(ImageFiles(copies, 16), faces.target)


def test_files_that_cannot_be_read_are_left_out_of_the_training(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    copies[3].write_bytes(b"\x89PNG\r\n\x1a\n")
    copies[7].unlink()
    files = ImageFiles(copies, 16, on_error="skip")
    with pytest.warns(BadImageWarning, match=r"2 image files cannot be read: .*3\.png; .*7\.png"):
        assert not np.asarray(files[:10])[[3, 7]].any()
    kept = np.setdiff1d(np.arange(140), [3, 7])
    one_batch = clone(TINY).set_params(batch_size=140, validation_fraction=None, patience=None)
    with pytest.warns(UserWarning, match="2 of the 140 images in X are of one grey"):
        found = clone(one_batch).fit(files, faces.target)
    expected = clone(one_batch).fit(faces.images[kept], faces.target[kept])
    np.testing.assert_allclose(
        found.predict_proba(faces.images), expected.predict_proba(faces.images), atol=1e-5
    )


def test_a_file_that_cannot_be_read_may_be_alone_in_its_batch(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    copies[3].unlink()
    files = ImageFiles(copies, 16, on_error="skip")
    kept = np.delete(np.arange(140), 3)
    one_by_one = clone(TINY).set_params(batch_size=1)
    with (
        pytest.warns(BadImageWarning, match=r"1 image files cannot be read: .*3\.png"),
        pytest.warns(UserWarning, match="1 of the 140 images in X are of one grey"),
    ):
        found = clone(one_by_one).fit(files, faces.target, validation_data=(files, faces.target))
    images, labels = faces.images[kept], faces.target[kept]
    expected = clone(one_by_one).fit(images, labels, validation_data=(images, labels))
    assert found.history_["val_accuracy"] == expected.history_["val_accuracy"]
    np.testing.assert_allclose(found.history_["loss"], expected.history_["loss"], rtol=1e-4)


@pytest.mark.filterwarnings("ignore:1 of the 140 images:UserWarning")
def test_files_to_convert_that_cannot_be_read_are_left_out(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    copies[3].unlink()
    kept = np.delete(np.arange(140), 3)
    labels = faces.target[kept]

    def train_further(images, labels):
        clf = clone(TINY).set_params(handle_other_shapes="convert", warm_start=True)
        clf.fit(faces.images, faces.target, validation_data=(images, labels))
        clf.set_params(validation_fraction=None).fit(images, labels)
        return clf.history_["val_loss"][0], clf.predict_proba(faces.images)

    with pytest.warns(BadImageWarning, match=r"1 image files cannot be read: .*3\.png"):
        found = train_further(ImageFiles(copies, 20, on_error="skip"), faces.target)
    expected = train_further(np.asarray(ImageFiles(paths, 20))[kept], labels)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-5)


def test_files_of_which_none_can_be_read_are_not_trained_on(faces, tmp_path):
    files = ImageFiles([tmp_path / f"{row}.png" for row in range(140)], 16, on_error="skip")
    with (
        pytest.warns(BadImageWarning, match="cannot be read"),
        pytest.warns(UserWarning, match="140 of the 140 images in X are of one grey"),
        pytest.raises(ImageReadError, match="None of the 140 image files can be read"),
    ):
        clone(TINY).fit(files, faces.target)


def test_masked_weights_are_refused_beside_unreadable_files(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    copies[5].unlink()
    weights = np.ma.array(np.ones(len(copies)), mask=np.arange(len(copies)) == 3)
    with pytest.raises(ValueError, match="sample_weight has 1 masked values"):
        clone(TINY).fit(
            ImageFiles(copies, 16, on_error="skip"), faces.target, sample_weight=weights
        )


def test_a_file_that_vanishes_from_processes_that_decode_ahead_is_named(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    clf = clone(TINY).set_params(callbacks=[DeleteAtFirstEpoch(copies[5])])
    clf.set_params(validation_fraction=None, patience=None)
    with pytest.warns(BadImageWarning, match=r"1 image files cannot be read: .*5\.png"):
        clf.fit(ImageFiles(copies, 16, n_jobs=2, on_error="skip"), faces.target)


def test_a_folder_that_vanishes_ends_the_training(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)

    class DeleteAll(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            for path in copies:
                path.unlink(missing_ok=True)

    clf = clone(TINY).set_params(callbacks=[DeleteAll()], validation_fraction=None, patience=None)
    with (
        pytest.warns(BadImageWarning, match="cannot be read"),
        pytest.raises(ImageReadError, match=r"None of the .* Is their folder still there"),
    ):
        clf.fit(ImageFiles(copies, 16, on_error="skip"), faces.target)


def test_processes_that_decode_ahead_give_the_same_images(files, paths, faces):
    ahead = ImageFiles(paths, 16, n_jobs=2)
    expected = clone(TINY).fit(files, faces.target).predict_proba(files)
    np.testing.assert_array_equal(
        clone(TINY).fit(ahead, faces.target).predict_proba(ahead), expected
    )


def test_what_is_kept_is_told_by_the_content_of_the_files(paths, faces, tmp_path):
    copies = copy_all(paths, tmp_path)
    clf = ResumableClassifier(clone(TINY), tmp_path / "fits")
    assert not clf.fit(ImageFiles(copies, 16), faces.target).loaded_
    assert clf.fit(ImageFiles(paths, 16), faces.target).loaded_
    copies[5].write_bytes(copies[6].read_bytes())
    assert not clf.fit(ImageFiles(copies, 16), faces.target).loaded_
    assert not clf.fit(ImageFiles(paths, 12), faces.target).loaded_


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
    monkeypatch.setattr("fer_estimators._parts.PART_BYTES", 50 * 16 * 16 * 4)
    images = faces.images.astype(np.float32)
    images[101, 3, 3] = value
    with pytest.raises(ValueError, match=message):
        clone(TINY).fit(OnDisk(images), faces.target)


@pytest.mark.parametrize(
    "read",
    [lambda part: part[:1], lambda part: part.swapaxes(1, 2), lambda part: part / 255],
    ids=["fewer rows", "other axes", "another dtype"],
)
def test_sequences_that_give_other_than_they_say_are_refused(faces, read):
    class Wrong(OnDisk):
        def __getitem__(self, rows):
            return read(super().__getitem__(rows))

    wide = faces.images[:, :8]
    clf = clone(TINY).fit(wide, faces.target)
    for call in (clf.predict, lambda X: clone(TINY).fit(X, faces.target)):
        with pytest.raises(ValueError, match=r"Wrong whose shape is \(140, 8, 16\)"):
            call(Wrong(wide))


@pytest.mark.parametrize("shape", [(0, 16, 16), (5, 16, 16, 4), (5, 3, 16, 16)])
def test_other_shapes_of_sequences_are_refused(shape):
    with pytest.raises(ValueError, match="shape"):
        clone(TINY).fit(OnDisk(np.zeros(shape, dtype=np.uint8)), np.zeros(5))
