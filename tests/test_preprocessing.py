"""Reading images from file names, and resizing images."""

import os
import pathlib
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import sklearn
from PIL import Image, ImageFile
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from fer_estimators.datasets import load_image_folder
from fer_estimators.exceptions import DatasetError, ImageReadError
from fer_estimators.faces import FaceCropper, FaceDetector
from fer_estimators.images import resize_images
from fer_estimators.preprocessing import ImageReader, ImageResizer

# False by nature; nothing else may fail.
EXPECTED_FAILURES = {}


@parametrize_with_checks(
    [ImageResizer(4, image_shape=(1, -1))],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_resizer_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


# scikit-learn makes no file names, and runs none of its checks on estimators that take no tables.
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_tags_renamed,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("estimator", [ImageReader(), FaceCropper(), FaceDetector()], ids=str)
def test_readers_pass_the_checks_of_scikit_learn_that_need_no_table(estimator, check):
    check(type(estimator).__name__, estimator)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, faces):
    """The drawn faces as files, in one folder for each emotion."""
    root = tmp_path_factory.mktemp("faces")
    for i, (pixels, emotion) in enumerate(zip(faces.images, faces.target, strict=True)):
        (root / emotion).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(root / emotion / f"{i:03}.png")
    return root


@pytest.fixture(scope="module")
def names(faces):
    """File names in the order of the drawn faces."""
    return [f"{emotion}/{i:03}.png" for i, emotion in enumerate(faces.target)]


def flatten(images):
    """Give the rows that scikit-learn's own estimators take."""
    return images.reshape(len(images), -1)


@pytest.mark.parametrize(
    "hold",
    [
        list,
        tuple,
        np.array,
        lambda names: np.array(names, dtype=object),
        lambda names: np.array(names)[:, None],
        lambda names: [pathlib.PurePath(name) for name in names],
        pd.Series,
        lambda names: pd.DataFrame({"file": names}),
        lambda names: pd.Series(names, index=range(140, 0, -1), dtype=object),
    ],
)
def test_reads_names_held_in_anything(folder, names, faces, hold):
    images = ImageReader(None, root=folder).fit_transform(hold(names))
    assert np.array_equal(images, faces.images)
    assert images.dtype == np.uint8


def test_reads_the_pixels_of_the_loaders(folder):
    for options in ({"image_size": 12}, {"image_size": (10, 14), "color": True}):
        loaded = load_image_folder(folder, **options)
        images = ImageReader(**options, root=folder).fit_transform(loaded.filenames)
        assert np.array_equal(images, loaded.images)


def test_absolute_names_need_no_root(folder, names, faces):
    images = ImageReader(16).fit_transform([folder / name for name in names[:3]])
    assert np.array_equal(images, faces.images[:3])


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_processes_do_not_change_the_images(folder, names, faces, n_jobs):
    assert np.array_equal(
        ImageReader(16, root=folder, n_jobs=n_jobs).fit_transform(names), faces.images
    )


def test_sixteen_threads_read_at_once(folder, names, faces):
    reader = ImageReader(16, root=folder)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: reader.transform(names), range(16)))
    assert all(np.array_equal(images, faces.images) for images in found)


def test_no_other_folder_is_advised_for_absolute_names(folder, names):
    reader = ImageReader().fit(names)
    missing = str((folder / "x.png").absolute())
    with pytest.raises(FileNotFoundError, match=r"x\.png\. Put them back, or drop their names"):
        reader.transform([missing])


def test_missing_files_are_named_with_the_folder(folder, names):
    reader = ImageReader(root=folder).fit(names)
    message = r"2 of 5 image files do not exist: happy/x\.png; y\.png\. Names start from '.*faces"
    with pytest.raises(FileNotFoundError, match=message):
        reader.transform(["happy/x.png", *names[:3], "y.png"])


def test_bad_files_are_named_with_reasons(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.jpg").write_text("<html>404</html>")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageReadError, match="3 of 3 image files cannot be read: ") as caught:
        ImageReader(root=tmp_path).transform(["empty.png", "page.jpg", "folder.png"])
    for part in (
        "empty.png: empty file",
        "page.jpg: not an image",
        "folder.png: cannot be read (not a regular file)",
    ):
        assert part in str(caught.value)


def test_truncated_images_are_not_filled_with_grey(folder, names, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DatasetError, match="LOAD_TRUNCATED_IMAGES"):
        ImageReader(root=folder).transform(names)


def test_mixed_sizes_need_an_image_size(tmp_path):
    for side in (8, 9):
        Image.new("L", (side, side)).save(tmp_path / f"{side}.png")
    with pytest.raises(DatasetError, match=r"8x8.*9x9.*Pass image_size"):
        ImageReader(None, root=tmp_path).transform(["8.png", "9.png"])
    assert ImageReader(8, root=tmp_path).transform(["8.png", "9.png"]).shape == (2, 8, 8)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("a.png", TypeError, r"is one file, .*Pass \[X\]"),
        (["a.png", None], TypeError, r"1 of 2 entries .* X\[1\] = None of type NoneType"),
        (["a.png", 3], TypeError, r"X\[1\] = 3 of type int"),
        (pd.Series(["a.png", np.nan]), TypeError, r"X\[1\] = nan .*Drop missing names"),
        (np.zeros((2, 48, 48)), ValueError, r"X has shape \(2, 48, 48\)"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), ValueError, r"Select the column"),
        ([], ValueError, r"at least one"),
    ],
    ids=repr,
)
def test_refuses_what_holds_no_names(X, error, message):
    with pytest.raises(error, match=message):
        ImageReader().fit(X)
    with pytest.raises(error, match=message):
        ImageReader().transform(X)


@pytest.mark.parametrize("transformer", [ImageReader(), ImageResizer()])
def test_refuses_sizes_that_are_none(transformer, names, faces):
    X = names if isinstance(transformer, ImageReader) else faces.images
    for size in ((16,), (16, 16, 3), (0, 16), (16.5, 16), ("16", 16)):
        with pytest.raises(ValueError, match="is not a size; expected a number of pixels"):
            clone(transformer).set_params(image_size=size).fit(X)
    with pytest.raises(ValueError, match="'image_size' parameter"):
        clone(transformer).set_params(image_size=0).fit(X)


def test_cross_validation_splits_a_column_of_names(folder, names, faces):
    table = pd.DataFrame({"file": names, "emotion": faces.target}).sample(frac=1, random_state=0)
    head = make_pipeline(FunctionTransformer(flatten), GaussianNB())
    pipeline = make_pipeline(ImageReader(16, root=folder), head)
    expected = cross_validate(head, faces.images[table.index], table["emotion"], cv=2)
    for X in (table["file"], table[["file"]]):
        scores = cross_validate(pipeline, X, table["emotion"], cv=2, error_score="raise")
        assert np.array_equal(scores["test_score"], expected["test_score"])


def test_search_over_the_size_of_images(folder, names, faces):
    steps = ImageReader(root=folder), ImageResizer(8), FunctionTransformer(flatten), GaussianNB()
    grid = {"imagereader__image_size": [8, 16], "imageresizer__image_size": [6]}
    search = GridSearchCV(make_pipeline(*steps), grid, cv=2, error_score="raise")
    assert search.fit(names, faces.target).predict(names[:1]).shape == (1,)


@pytest.mark.parametrize("transformer", [ImageReader(), ImageResizer()])
def test_is_cheap_to_pickle_even_after_use(transformer, folder, names, faces):
    X = names if isinstance(transformer, ImageReader) else faces.images
    if isinstance(transformer, ImageReader):
        transformer.set_params(root=folder)
    expected = transformer.fit_transform(X)
    pickled = pickle.dumps(transformer)
    assert len(pickled) < 1000
    assert np.array_equal(pickle.loads(pickled).transform(X), expected)


@pytest.mark.parametrize("transformer", [ImageReader(), ImageResizer()])
def test_images_stay_arrays_where_tables_are_asked_for(transformer, folder, names, faces):
    reads = isinstance(transformer, ImageReader)
    X = [folder / name for name in names] if reads else faces.images
    assert isinstance(
        clone(transformer).set_output(transform="pandas").fit_transform(X), np.ndarray
    )
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(clone(transformer).fit_transform(X), np.ndarray)


def test_resizer_gives_the_pixels_of_resize_images(faces):
    expected = resize_images(faces.images, (8, 12))
    for X, shape in (
        (faces.images, None),
        (faces.data, (16, -1)),
        (list(faces.images), None),
        (faces.images.astype(float), None),
    ):
        resized = ImageResizer((8, 12), image_shape=shape).fit_transform(X)
        assert np.array_equal(resized, expected)
        assert resized.dtype == np.uint8
    assert ImageResizer(8).fit_transform(faces.images[..., None]).shape == (140, 8, 8, 1)
    colour = np.repeat(faces.images[..., None], 3, axis=-1)
    assert ImageResizer(8).fit_transform(colour).shape == (140, 8, 8, 3)


def test_resizer_takes_other_sizes_than_it_was_fitted_on(faces):
    resizer = ImageResizer(8).fit(faces.images)
    assert resizer.transform(faces.images[:, :10, :12]).shape == (140, 8, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images / 255, r"look like 0\.\.1"),
        (lambda images: images[:, :6, :6] / 255, r"look like 0\.\.1"),
        (lambda images: images - 300.0, "Negative values in data"),
        (lambda images: images[:, :4, :4] - 300.0, "Negative values in data"),
        (lambda images: images[:, :4, :4] + 300.0, "or values above 255"),
    ],
)
def test_resizer_refuses_what_would_not_survive_as_pixels(faces, change, message):
    with pytest.raises(ValueError, match=message):
        ImageResizer(8).fit_transform(change(faces.images))


def test_reading_needs_no_keras():
    code = "import sys, fer_estimators.preprocessing; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_contents_of_files_are_read_like_the_files(folder, names):
    contents = [(folder / name).read_bytes() for name in names]
    mixed = [folder / names[0], *contents[1:]]
    expected = ImageReader(16).transform([folder / name for name in names])
    for X in (contents, mixed, np.array(contents, dtype=object), pd.Series(contents)):
        np.testing.assert_array_equal(ImageReader(16).fit_transform(X), expected)
    with pytest.raises(ImageReadError, match=r"1 of 2 .*: X\[1\]: damaged"):
        ImageReader(16).transform([contents[0], contents[1][:-9]])


def test_messages_cut_long_values(folder, names):
    content = (folder / names[0]).read_bytes() * 1000
    with pytest.raises(TypeError, match=r"is one file, but .*Pass \[X\]") as one:
        ImageReader().transform(content)
    with pytest.raises(ImageReadError, match="not an image") as text:
        ImageReader().transform([b"x" * 10**6])
    with pytest.raises(TypeError, match="are not file names") as array:
        ImageReader().transform(["a.png", list(range(10**5))])
    assert max(len(str(caught.value)) for caught in (one, text, array)) < 500


def test_pipe_in_place_of_an_image_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "1.png")
    with pytest.raises(ImageReadError, match=r"1\.png: cannot be read \(not a regular file\)"):
        ImageReader(root=tmp_path).transform(["1.png"])


@pytest.mark.parametrize("transformer", [ImageReader(10**5), ImageResizer((48, 5000))])
def test_sizes_beyond_the_limit_are_refused(transformer, faces):
    with pytest.raises(ValueError, match=r"is not a size; expected .* 1 to 4096 each"):
        transformer.fit(faces.images if isinstance(transformer, ImageResizer) else ["a.png"])


def test_photo_of_a_phone_is_read(tmp_path):
    Image.new("L", (8160, 6120), 50).save(tmp_path / "photo.jpg")
    assert ImageReader(48, root=tmp_path).transform(["photo.jpg"]).shape == (1, 48, 48)


class ArrowArray:
    """As pyarrow's: `to_numpy` refuses what would need a copy, and `__array__` gives it."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def to_numpy(self, zero_copy_only=True):
        raise ValueError("Needed to copy 1 chunks with 0 nulls, but zero_copy_only was True")

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype or object)


def test_names_in_columns_of_other_libraries_are_read(folder, names):
    paths = [str(folder / name) for name in names]
    expected = ImageReader(16).transform(paths)
    for X in (ArrowArray(paths), pd.Series(paths, dtype="string"), tuple(paths), np.array(paths)):
        np.testing.assert_array_equal(ImageReader(16).fit_transform(X), expected)
