"""Features of frozen networks."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from fer_estimators import _frozen_network
from fer_estimators.backbones import Backbone
from fer_estimators.exceptions import WeightsNotFoundError
from fer_estimators.features import BackboneFeatures
from fer_estimators.image_files import ImageFiles
from fer_estimators.images import resize_images
from fer_estimators.preprocessing import ImageReader, ImageResizer


def tiny_network(include_top, weights, input_shape):
    """Stand in for a network of keras.applications."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="conv2")(x)
    model = keras.Model(inputs, x, name="tiny_network")
    if weights is not None:
        model.load_weights(weights)
    return model


def to_unit(images):
    """Scale pixels to 0..1."""
    return images / 255


TINY = Backbone("tiny", tiny_network, to_unit, 1, "none")

# False by nature; nothing else may fail.
EXPECTED_FAILURES = {}


def make(**params):
    return BackboneFeatures(**{"backbone": TINY, "weights": None, "random_state": 0, **params})


@parametrize_with_checks(
    [make(image_shape=(1, -1)), make(image_shape=(1, -1), dtype_policy="float64")],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_passes_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


# scikit-learn's checks of data frames fit on one kind of table and transform the other.
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names:UserWarning")
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_transformer_get_feature_names_out,
        estimator_checks.check_transformer_get_feature_names_out_pandas,
        estimator_checks.check_set_output_transform,
        estimator_checks.check_set_output_transform_pandas,
        estimator_checks.check_global_output_transform_pandas,
        estimator_checks.check_dataframe_column_names_consistency,
        estimator_checks.check_n_features_in,
        estimator_checks.check_param_validation,
    ],
    ids=lambda check: check.__name__,
)
def test_passes_the_checks_that_scikit_learn_runs_on_its_own(check):
    check("BackboneFeatures", make(image_shape=(1, -1)))


@pytest.fixture
def runs(monkeypatch):
    """The number of images of each run of the network."""
    seen = []
    stream = BackboneFeatures._stream

    def counting(self, images):
        seen.append(len(images))
        return stream(self, images)

    monkeypatch.setattr(BackboneFeatures, "_stream", counting)
    return seen


@pytest.fixture
def weights_file(tmp_path):
    """Weights of the tiny network, as a file."""
    path = tmp_path / "tiny.weights.h5"
    tiny_network(False, None, (16, 16, 3)).save_weights(path)
    return path


@pytest.fixture
def image_files(faces, tmp_path):
    """The drawn faces as files in `tmp_path`: a column of their names."""
    names = pd.Series([f"{i}.png" for i in range(len(faces.images))])
    for name, pixels in zip(names, faces.images, strict=True):
        Image.fromarray(pixels).save(tmp_path / name)
    return names


def forget_shared_network():
    _frozen_network._latest = None


def test_features_are_those_of_plain_keras(faces, weights_file):
    features = make(weights=weights_file).fit_transform(faces.images)
    network = tiny_network(False, weights_file, (16, 16, 3))
    colour = np.repeat(faces.images[..., None], 3, axis=-1) / np.float32(255)
    expected = np.asarray(network(colour)).mean(axis=(1, 2))
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("params", "n_features"),
    [
        ({}, 6),
        ({"pooling": "max"}, 6),
        ({"pooling": None}, 8 * 8 * 6),
        ({"pooling": None, "image_size": 10}, 5 * 5 * 6),
        ({"layer": "conv1"}, 4),
        ({"layer": "bn", "pooling": None}, 16 * 16 * 4),
    ],
    ids=str,
)
def test_gives_one_row_of_named_float32_features_for_each_image(faces, params, n_features):
    transformer = make(**params).fit(faces.images)
    features = transformer.transform(faces.images)
    assert features.shape == (140, n_features)
    assert features.dtype == np.float32
    names = transformer.get_feature_names_out()
    assert names.tolist() == [f"backbonefeatures{i}" for i in range(n_features)]


def test_max_pooling_is_the_maximum_of_the_map(faces):
    flat = make(pooling=None).fit_transform(faces.images)
    pooled = make(pooling="max").fit_transform(faces.images)
    np.testing.assert_allclose(pooled, flat.reshape(140, 64, 6).max(axis=1), rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 140, 1000])
def test_batches_do_not_change_the_features(faces, batch_size):
    features = make(batch_size=batch_size).fit_transform(faces.images)
    np.testing.assert_allclose(features, make().fit_transform(faces.images), atol=1e-6)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batch_size_set_after_fit_is_checked(faces, batch_size):
    # A negative one ran no batch and returned uninitialised memory.
    fitted = make().fit(faces.images).set_params(batch_size=batch_size)
    with pytest.raises(ValueError, match=f"'batch_size' parameter .* Got {batch_size}"):
        fitted.transform(faces.images)


def test_one_image_gives_one_row(faces):
    transformer = make().fit(faces.images)
    one = transformer.transform(faces.images[:1])
    assert one.shape == (1, 6)
    np.testing.assert_allclose(one, transformer.transform(faces.images)[:1], atol=1e-6)


def test_pixels_of_any_dtype_and_layout_give_the_same_features(faces):
    expected = make().fit_transform(faces.images)
    same = (faces.images[..., None], faces.images.astype(float), list(faces.images))
    for images in same:
        np.testing.assert_allclose(make().fit_transform(images), expected, atol=1e-6)
    rows = make(image_shape=(16, -1)).fit_transform(faces.data)
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_features_depend_on_parameters_and_images_alone(faces):
    expected = make().fit_transform(faces.images)
    assert np.array_equal(make().fit(faces.images[:3]).transform(faces.images), expected)
    forget_shared_network()
    random.seed(5)
    assert np.array_equal(make().fit_transform(faces.images), expected)
    assert not np.array_equal(make(random_state=1).fit_transform(faces.images), expected)


def test_leaves_global_random_state_dtype_policy_and_folder_alone(
    faces, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    forget_shared_network()
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    make(dtype_policy="float64").fit_transform(faces.images)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert keras.config.dtype_policy().name == "float32"
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_float64_features_with_a_float64_policy(faces):
    precise = make(dtype_policy="float64").fit_transform(faces.images)
    assert precise.dtype == np.float64


def test_equal_transformers_share_one_network(faces):
    first, second = make().fit(faces.images), make(batch_size=4).fit(faces.images)
    assert first._network is second._network
    other = make(layer="conv1").fit(faces.images)
    assert other._network is not first._network
    assert first.transform(faces.images).shape == (140, 6)


@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize(
    "duplicate", [lambda fitted: pickle.loads(pickle.dumps(fitted)), copy.deepcopy]
)
def test_copies_give_equal_features_to_the_bit(faces, weights_file, duplicate, store):
    for weights in (None, weights_file):
        # A seed drawn from an unseeded state cannot be drawn again.
        params = {"weights": weights, "random_state": np.random.RandomState(3)}
        fitted = make(store_weights_in_pickle=store, **params).fit(faces.images)
        expected = fitted.transform(faces.images)
        copied = duplicate(duplicate(fitted))
        forget_shared_network()
        assert np.array_equal(copied.transform(faces.images), expected)
        assert copied.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()


def test_pickle_without_weights_is_small_and_needs_the_same_file(faces, weights_file):
    def pickled(store):
        fitted = make(weights=weights_file, store_weights_in_pickle=store).fit(faces.images)
        return pickle.dumps(fitted)

    with_weights, without = pickled(True), pickled(False)
    assert len(with_weights) > len(without) + 4 * 300
    weights_file.write_bytes(weights_file.read_bytes()[:-1] + b"x")
    forget_shared_network()
    with pytest.raises(ValueError, match=r"has changed since .* Fit again, or restore the file"):
        pickle.loads(without).transform(faces.images)
    weights_file.unlink()
    assert pickle.loads(with_weights).transform(faces.images).shape == (140, 6)
    forget_shared_network()
    with pytest.raises(WeightsNotFoundError, match="is not a file"):
        pickle.loads(without).transform(faces.images)


def test_clone_and_set_params_keep_parameters_and_forget_the_fit(faces):
    cloned = clone(make(layer="conv1").fit(faces.images))
    assert cloned.layer == "conv1"
    with pytest.raises(NotFittedError, match="not fitted yet"):
        cloned.transform(faces.images)
    assert cloned.set_params(layer=None).fit_transform(faces.images).shape == (140, 6)


def test_sixteen_threads_get_the_right_features_from_a_fresh_copy(faces):
    fitted = make().fit(faces.images)
    expected = fitted.transform(faces.images)
    fresh = pickle.loads(pickle.dumps(fitted))
    forget_shared_network()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: fresh.transform(faces.images), range(16)))
    assert all(np.array_equal(features, expected) for features in found)


def test_pipeline_memory_runs_the_backbone_once(faces, tmp_path, runs):
    pipeline = Pipeline([("features", make()), ("head", LogisticRegression())])
    pipeline.set_params(memory=str(tmp_path))
    for C in (0.1, 1, 10):
        clone(pipeline).set_params(head__C=C).fit(faces.images, faces.target)
    assert runs == [140]


def test_memory_of_its_own_runs_the_backbone_once_for_each_fold(faces, tmp_path, runs):
    pipeline = make_pipeline(make(memory=str(tmp_path)), LogisticRegression())
    grid = {"logisticregression__C": [0.1, 1, 10]}
    search = GridSearchCV(pipeline, grid, cv=KFold(4)).fit(faces.images, faces.target)
    # Four fits and four tests, and the final fit on all images.
    assert runs == [105, 35] * 4 + [140]
    assert search.predict(faces.images[:2]).shape == (2,)


def test_memory_tells_parameters_and_weights_apart(faces, tmp_path, weights_file, runs):
    memory = joblib.Memory(tmp_path / "memory", verbose=0)
    first = make(weights=weights_file, memory=memory).fit_transform(faces.images)
    make(weights=weights_file, memory=memory, batch_size=3).fit_transform(faces.images)
    assert len(runs) == 1
    tiny_network(False, None, (16, 16, 3)).save_weights(weights_file, overwrite=True)
    changed = make(weights=weights_file, memory=memory).fit_transform(faces.images)
    assert len(runs) == 2
    assert not np.array_equal(first, changed)
    make(weights=weights_file, memory=memory, pooling="max").fit_transform(faces.images)
    assert len(runs) == 3


def test_memory_of_another_version_is_not_used(faces, tmp_path, runs, monkeypatch):
    memory = str(tmp_path)
    for _ in range(2):
        make(memory=memory, backbone="mobilenet_025", image_size=32).fit_transform(faces.images)
    assert len(runs) == 1
    monkeypatch.setattr("fer_estimators.__version__", "99.0")
    make(memory=memory, backbone="mobilenet_025", image_size=32).fit_transform(faces.images)
    assert len(runs) == 2


def test_memory_notices_that_files_changed_under_their_names(faces, image_files, tmp_path):
    paths = [tmp_path / name for name in image_files]
    files = ImageFiles(paths, faces.images.shape[1:])
    memory = str(tmp_path / "memory")
    before = make(memory=memory).fit_transform(files)
    Image.fromarray(255 - faces.images[0]).save(paths[0])
    after = make(memory=memory).fit_transform(files)
    np.testing.assert_array_equal(after, make().fit_transform(np.asarray(files)))
    assert (after[0] != before[0]).any()


def test_search_over_backbones_and_layers(faces):
    pipeline = make_pipeline(make(), LogisticRegression())
    grid = {"backbonefeatures__layer": ["conv1", None], "backbonefeatures__pooling": ["avg", "max"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(faces.images, faces.target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_worker_processes_get_file_names_and_a_backbone_that_no_module_holds(
    faces, image_files, tmp_path
):
    def build(include_top, weights, input_shape):
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Conv2D(4, 3, strides=4)(inputs))

    backbone = Backbone("local", build, lambda images: images / 255, 3, "none")
    reader = ImageReader(16, root=tmp_path)
    pipeline = make_pipeline(reader, make(backbone=backbone), GaussianNB())
    alone, spread = (
        cross_val_score(pipeline, image_files, faces.target, cv=2, n_jobs=n) for n in (1, 2)
    )
    np.testing.assert_allclose(spread, alone)


def test_pandas_output_has_names_and_the_index_of_the_input(faces):
    frame = pd.DataFrame(faces.data, index=np.arange(140) + 7).add_prefix("pixel")
    transformer = make(image_shape=(16, 16)).set_output(transform="pandas")
    features = transformer.fit_transform(frame)
    assert features.columns.tolist() == [f"backbonefeatures{i}" for i in range(6)]
    assert features.index.equals(frame.index)
    assert transformer.feature_names_in_[0] == "pixel0"
    assert not hasattr(transformer.fit(faces.images), "feature_names_in_")


def test_pipeline_from_file_names_to_a_table_of_features(faces, image_files, tmp_path):
    pipeline = make_pipeline(ImageReader(16, root=tmp_path), ImageResizer(12), make())
    table = pipeline.set_output(transform="pandas").fit_transform(image_files)
    assert table.shape == (140, 6)
    assert table.columns[0] == "backbonefeatures0"
    expected = make().fit_transform(resize_images(faces.images, 12))
    np.testing.assert_allclose(table, expected, atol=1e-6)


def test_constant_and_extreme_images_have_finite_features(faces):
    images = np.concatenate([np.zeros((1, 16, 16)), np.full((1, 16, 16), 255.0)])
    assert np.isfinite(make().fit(faces.images).transform(images)).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layer": "conv9"}, r"layer='conv9' is not a layer of 'tiny'; .*Did you mean 'conv\d'"),
        ({"backbone": "vgg_16"}, r"backbone='vgg_16' is unknown.*Did you mean 'vgg16'"),
        ({"backbone": "vgg16"}, "needs images of at least 32 x 32 pixels"),
        ({"image_size": (16, 16, 3)}, r"image_size=\(16, 16, 3\) is not a size"),
        ({"pooling": "mean"}, "'pooling' parameter of BackboneFeatures must be"),
    ],
    ids=str,
)
def test_refuses_wrong_parameters(faces, params, message):
    with pytest.raises(ValueError, match=message):
        make(**params).fit(faces.images)


def test_unknown_layer_is_not_blamed_on_the_weights(faces, weights_file):
    with pytest.raises(ValueError, match="is not a layer of 'tiny'"):
        make(weights=weights_file, layer="top").fit(faces.images)


def test_missing_weights_are_named(faces, tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"none\.h5' is not a file"):
        make(weights=tmp_path / "none.h5").fit(faces.images)


def test_refuses_images_unlike_those_of_fit(faces):
    fitted = make().fit(faces.images)
    with pytest.raises(ValueError, match=r"image shape \(15, 15\), but .* on \(16, 16\)\. Resize"):
        fitted.transform(faces.images[:, 1:, 1:])
    with pytest.raises(ValueError, match=r"look like 0\.\.1"):
        fitted.transform(faces.images / 255)
    with pytest.raises(ValueError, match="different shapes"):
        fitted.transform([faces.images[0], faces.images[0, 1:]])
    with pytest.raises(ValueError, match="holds text"):
        fitted.transform(["a.png", "b.png"])


def test_memory_notices_that_a_function_of_the_backbone_changed(faces, tmp_path):
    def backbone(scale):
        return Backbone("own", tiny_network, lambda images: images * scale, 1, "none")

    memory = str(tmp_path)
    first, again, changed = (
        make(backbone=backbone(scale), memory=memory).fit_transform(faces.images)
        for scale in (1 / 255, 1 / 255, -1 / 255)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, changed)
    np.testing.assert_array_equal(
        changed, make(backbone=backbone(-1 / 255)).fit_transform(faces.images)
    )


def test_files_and_numbers_are_joined_and_named_in_one_table(faces, tmp_path):
    for i, face in enumerate(faces.images[:6]):
        Image.fromarray(face).save(tmp_path / f"{i}.png")
    people = pd.DataFrame({"path": [f"{i}.png" for i in range(6)], "age": np.arange(6.0)})
    images = make_pipeline(ImageReader(16, root=tmp_path), ImageResizer(8), make())
    columns = ColumnTransformer(
        [("img", images, "path"), ("age", StandardScaler(), ["age"])], sparse_threshold=0
    )
    expected = columns.fit_transform(people)
    names = list(columns.get_feature_names_out())
    assert names == [*(f"img__backbonefeatures{i}" for i in range(6)), "age__age"]
    frame = columns.set_output(transform="pandas").fit_transform(people)
    assert list(frame.columns) == names
    np.testing.assert_allclose(frame.to_numpy(), expected)
