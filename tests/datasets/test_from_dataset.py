"""Other libraries' data sets: what is converted, and what is refused."""

import importlib
from enum import Enum

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_score

from fer_estimators import CNNClassifier
from fer_estimators.datasets import from_dataset
from fer_estimators.exceptions import DatasetError

TINY = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)


@pytest.fixture
def few(faces):
    return faces.images[:14], faces.target[:14]


def codes_of(y):
    names, codes = np.unique(y, return_inverse=True)
    return names.tolist(), codes


class Pairs:
    """What data sets of torchvision are like."""

    def __init__(self, images, y):
        self.images, self.y, self.n_read = images, y, 0
        self.classes, self.targets = codes_of(y)
        self.targets = self.targets.tolist()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.n_read += 1
        return Image.fromarray(self.images[index]), self.targets[index]


def test_pairs_are_read_when_they_are_asked_for(few):
    pairs = Pairs(*few)
    X, y = from_dataset(pairs)
    assert pairs.n_read < 5
    assert (X.shape, X.dtype) == ((14, 16, 16), np.uint8)
    assert y.tolist() == few[1].tolist()
    np.testing.assert_array_equal(np.asarray(X[2:5]), few[0][2:5])


def test_text_of_an_enumeration_is_not_cut(few):
    emotion = Enum("Emotion", {label: label for label in few[1].tolist()}, type=str)
    members = [emotion(label) for label in few[1].tolist()]
    _, y = from_dataset(list(zip(few[0], members, strict=True)))
    assert y.tolist() == few[1].tolist()


def test_numbers_among_names_stay_numbers(few):
    X, y = from_dataset(list(zip(few[0], [*few[1][:-1], -1], strict=True)))
    with pytest.raises(ValueError, match=r"y mixes labels of several kinds .*y\[13\] = -1"):
        TINY.fit(X, y)


def test_labels_that_may_count_from_one_are_reported(few):
    pairs = Pairs(*few)
    pairs.targets = np.maximum(pairs.targets, 1)
    with pytest.warns(UserWarning, match=r"labels from 1 to 6, and none of class 0, 'angry'"):
        from_dataset(pairs)


def test_repeated_names_of_classes_are_refused(few):
    pairs = Pairs(*few)
    pairs.classes = ["happy", *pairs.classes[1:]]
    with pytest.raises(DatasetError, match=r"repeats names of classes, .* Rename them"):
        from_dataset(pairs)


def test_labels_that_the_data_set_changes_are_those_of_its_pairs(few):
    class Changed(Pairs):
        target_transform = staticmethod(lambda code: code + 100)
        classes = None

        def __getitem__(self, index):
            image, code = super().__getitem__(index)
            return image, self.target_transform(code)

    changed = Changed(*few)
    changed.classes = None
    assert from_dataset(changed)[1].tolist() == [code + 100 for code in changed.targets]


def test_changed_labels_do_not_get_the_names_of_others(few):
    class Changed(Pairs):
        target_transform = staticmethod(lambda code: 6 - code)

        def __getitem__(self, index):
            image, code = super().__getitem__(index)
            return image, self.target_transform(code)

    changed = Changed(*few)
    assert from_dataset(changed)[1].tolist() == [6 - code for code in changed.targets]
    changed.target_transform = int
    assert from_dataset(changed)[1].tolist() == few[1].tolist()


def test_labels_of_other_images_are_refused(few):
    pairs = Pairs(*few)
    pairs.targets = pairs.targets[1:]
    with pytest.raises(DatasetError, match="14 images, but 13 in `targets`"):
        from_dataset(pairs)


@pytest.mark.parametrize("attribute", ["images", "labels"])
def test_pairs_of_which_targets_knows_nothing_are_refused(few, attribute):
    class Changed(Pairs):
        def __getitem__(self, index):
            if attribute == "images":
                return super().__getitem__(13 - index)
            image, code = super().__getitem__(index)
            return image, min(code, 5)

    X, y = from_dataset(Changed(*few))
    with pytest.raises(DatasetError, match=r"image \d+ has the label \d, but \d in `targets`"):
        TINY.fit(X, y)


def test_two_classes_in_a_single_column_stay_two(few):
    class Batches(keras.utils.PyDataset):
        class_names = ("calm", "tense")

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return few[0][:3], np.array([[0.0], [1.0], [0.0]], dtype="float32")

    assert from_dataset(Batches())[1].tolist() == ["calm", "tense", "calm"]


@pytest.mark.parametrize("row", [[1, 1, 0], [0, 0, 0]])
def test_rows_of_several_classes_or_none_are_refused(row):
    pairs = [(np.zeros((8, 8)), [0, 1, 0]), (np.zeros((8, 8)), row)]
    with pytest.raises(DatasetError, match=r"labels of shape \(2, 3\)"):
        from_dataset(pairs)


def test_a_classifier_learns_the_same_from_a_data_set(faces):
    X, y = from_dataset(Pairs(faces.images, faces.target))
    expected = cross_val_score(TINY, faces.images, faces.target, cv=2)
    np.testing.assert_array_equal(cross_val_score(TINY, X, y, cv=2), expected)


def test_channels_come_last(few):
    pairs = [(np.stack([image] * 3), label) for image, label in zip(*few, strict=True)]
    X, _ = from_dataset(pairs)
    np.testing.assert_array_equal(np.asarray(X), np.stack([few[0]] * 3, axis=-1))


@pytest.mark.parametrize("batch", [None, 4, 1])
@pytest.mark.parametrize("one_hot", [True, False])
@pytest.mark.parametrize("channels", [(), (1,)])
def test_data_sets_of_tensorflow_are_read(few, batch, one_hot, channels):
    tf = pytest.importorskip("tensorflow")
    names, codes = codes_of(few[1])
    labels = np.eye(len(names))[codes] if one_hot else codes
    images = few[0].reshape(14, 16, 16, *channels)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    if batch:
        # So that TensorFlow knows the size of each batch.
        dataset = dataset.batch(batch, drop_remainder=batch == 1)
    dataset.class_names = names
    X, y = from_dataset(dataset)
    np.testing.assert_array_equal(X, images)
    assert y.tolist() == few[1].tolist()


@pytest.mark.parametrize("elements", [{"image": [1], "label": [2]}, [1], ([1], [2], [3])])
def test_data_sets_of_tensorflow_without_pairs_are_refused(elements):
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(DatasetError, match=r"dataset has elements .* of \(image, label\)"):
        from_dataset(tf.data.Dataset.from_tensor_slices(elements))


def test_data_sets_of_keras_are_read(few):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            rows = slice(4 * index, 4 * index + 4)
            return few[0][rows], few[1][rows]

    X, y = from_dataset(Batches())
    np.testing.assert_array_equal(X, few[0])
    assert y.tolist() == few[1].tolist()


def test_data_sets_and_loaders_of_pytorch_are_read(few):
    torch = pytest.importorskip("torch")
    names, codes = codes_of(few[1])
    tensors = torch.tensor(few[0])[:, None], torch.tensor(codes)
    dataset = torch.utils.data.TensorDataset(*tensors)
    loaders = [torch.utils.data.DataLoader(dataset, batch_size=size) for size in (4, None)]
    for source in (dataset, *loaders):
        X, y = from_dataset(source)
        np.testing.assert_array_equal(np.asarray(X), few[0][..., np.newaxis])
        assert np.array(names)[y].tolist() == few[1].tolist()
        with pytest.raises(TypeError, match="X, y = from_dataset"):
            TINY.fit(source, few[1])


def import_hugging_face():
    # Where it is not installed, the folder of these tests would be imported under its name.
    pytest.importorskip("datasets.features")
    return importlib.import_module("datasets")


def make_hugging_face(few):
    datasets = import_hugging_face()
    names, codes = codes_of(few[1])
    features = datasets.Features(
        {"picture": datasets.Image(), "emotion": datasets.ClassLabel(names=names)}
    )
    rows = {"picture": [Image.fromarray(image) for image in few[0]], "emotion": codes.tolist()}
    return datasets.Dataset.from_dict(rows, features=features)


def test_data_sets_of_hugging_face_are_read_when_they_are_asked_for(few):
    dataset = make_hugging_face(few)
    X, y = from_dataset(dataset)
    assert y.tolist() == few[1].tolist()
    np.testing.assert_array_equal(np.asarray(X[[3, 1]]), few[0][[3, 1]])
    with pytest.raises(TypeError, match="X, y = from_dataset"):
        TINY.fit(dataset, few[1])


def test_missing_labels_are_counted(few):
    pairs = [*zip(few[0], few[1], strict=True)]
    pairs[2] = pairs[2][0], None
    with pytest.raises(DatasetError, match=r"no label for 1 of \d+ images, the first is number 2"):
        from_dataset(pairs)


def test_splits_and_other_columns_of_hugging_face_are_refused(few):
    datasets = import_hugging_face()
    dataset = make_hugging_face(few)
    with pytest.raises(DatasetError, match=r"Pass dataset\['train'\]"):
        from_dataset(datasets.DatasetDict(train=dataset))
    with pytest.raises(DatasetError, match="one Image and one ClassLabel"):
        from_dataset(dataset.remove_columns("emotion"))
    with pytest.raises(TypeError, match="streaming"):
        from_dataset(dataset.to_iterable_dataset())


@pytest.mark.parametrize(
    ("dataset", "error", "message"),
    [
        (np.zeros((3, 8, 8)), TypeError, "Pass arrays to fit as they are"),
        ([1, 2], TypeError, "of \\(image, label\\) is expected"),
        (None, TypeError, "None"),
        ({"image": [1], "label": [2]}, TypeError, "has type dict, but a data set"),
        (pd.DataFrame({"image": [1], "label": [2]}), TypeError, "has type DataFrame, but"),
        ([], DatasetError, "is empty"),
        ([(np.zeros((8, 8)), 0.5)], DatasetError, "dtype float64"),
        ([(Image.new("P", (8, 8)), 1)], DatasetError, "mode 'P'"),
        ([(None, 1)], DatasetError, "holds None in place of an image"),
        ([({"bytes": b"", "path": None}, 1)], DatasetError, "cast_column"),
    ],
)
def test_other_things_are_refused(dataset, error, message):
    with pytest.raises(error, match=message):
        from_dataset(dataset)


def test_images_of_several_sizes_are_named():
    X, _ = from_dataset([(np.zeros((8, 8)), "a"), (np.zeros((8, 9)), "b")])
    with pytest.raises(DatasetError, match=r"image 1 has shape \(8, 9\)"):
        np.asarray(X)


def test_images_of_several_dtypes_are_named(tmp_path):
    # to_memmap wrote the bytes of the second one as if they were of the first one's dtype.
    black = np.zeros((8, 8), dtype=np.uint8)
    X, _ = from_dataset([(black, 0), (black.astype(float), 1)])
    with pytest.raises(DatasetError, match=r"image 1 has .* dtype float64, and the first .* uint8"):
        X.to_memmap(tmp_path / "images.npy")


def test_a_class_that_has_no_name_is_refused(few):
    pairs = Pairs(*few)
    pairs.targets[3] = -1
    with pytest.raises(DatasetError, match=r"labels from -1 to [56], but only 7 classes"):
        from_dataset(pairs)
