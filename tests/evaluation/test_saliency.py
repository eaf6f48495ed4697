"""SaliencyDisplay marks what the network looks at, on the backend that KERAS_BACKEND names."""

import matplotlib

matplotlib.use("Agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from keras import layers
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from fer_estimators import (
    CNNClassifier,
    FaceGridDisplay,
    ImageResizer,
    SaliencyDisplay,
    TransferClassifier,
)
from fer_estimators.architectures import build_compact

SMALL = {"epochs": 1, "validation_fraction": None, "random_state": 0}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def looks_at_lower_right(input_shape, n_classes):
    """A network for which three quarters of the image are black."""
    seen = np.zeros(input_shape, dtype="float32")
    seen[input_shape[0] // 2 :, input_shape[1] // 2 :] = 1 / 255
    images = keras.Input(input_shape)
    x = layers.Rescaling(scale=seen.tolist())(images)
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, activation="relu", name="last")(x)
    x = layers.Flatten()(x)
    return keras.Model(images, layers.Dense(n_classes, activation="softmax")(x))


def nested(input_shape, n_classes):
    """Networks in a network, one of them a Sequential."""
    images = keras.Input(input_shape)
    inner = keras.Sequential(
        [layers.Conv2D(4, 3, activation="relu", name="inside"), layers.GlobalMaxPooling2D()]
    )
    return keras.Sequential([images, inner, layers.Dense(n_classes, activation="softmax")])


def without_convolution(input_shape, n_classes):
    images = keras.Input(input_shape)
    x = layers.Dense(n_classes, activation="softmax")(layers.Flatten()(images))
    return keras.Model(images, x, name="flat")


def one_cell(input_shape, n_classes):
    images = keras.Input(input_shape)
    x = layers.Flatten()(layers.Conv2D(4, input_shape[0])(images))
    return keras.Model(images, layers.Dense(n_classes, activation="softmax")(x), name="one_cell")


def fit(faces, architecture="tiny", **params):
    return CNNClassifier(architecture, **{**SMALL, **params}).fit(faces.images, faces.target)


@pytest.fixture(scope="module")
def tiny(faces):
    return fit(faces)


def test_the_evidence_stands_where_the_network_looks(faces):
    clf = fit(faces, looks_at_lower_right, augmentation=None)
    display = SaliencyDisplay.from_estimator(clf, faces.images, n_faces=40)
    assert (display.saliency.max(axis=(1, 2)) > 0).sum() > 20
    # The convolution reaches one pixel beyond the quarter.
    outside = display.saliency.copy()
    outside[:, 7:, 7:] = 0
    assert outside.max() == 0


def test_the_evidence_is_that_of_the_chain_rule(faces, tiny):
    """With weights set by hand, the map can be computed by hand."""
    from fer_estimators.evaluation._gradients import grad_cam, split_at_last_map

    images = keras.Input((4, 4, 1))
    x = layers.Conv2D(2, 1, use_bias=False, name="maps")(images)
    x = layers.GlobalAveragePooling2D()(x)
    network = keras.Model(images, layers.Dense(2, use_bias=False, activation="softmax")(x))
    network.layers[1].set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2)])
    network.layers[3].set_weights([np.array([[2.0, 0.0], [0.0, 0.0]])])
    pixels = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    head, tail, name = split_at_last_map(network)
    assert name == "maps"
    # The first class's logit grows with the first map, the pixels; the second's does not.
    first = grad_cam(head, tail, pixels, np.array([0]))
    np.testing.assert_allclose(first[0], pixels[0, ..., 0] / 15, atol=1e-5)
    assert grad_cam(head, tail, pixels, np.array([1])).max() == 0


@pytest.mark.parametrize(
    ("architecture", "layer"),
    [("compact", "block3_conv2_relu"), ("residual", "block3_relu"), (nested, "inside")],
)
def test_the_last_map_of_each_network_is_found(faces, architecture, layer):
    display = SaliencyDisplay.from_estimator(fit(faces, architecture), faces.images, n_faces=2)
    assert display.layer == layer
    assert display.saliency.shape == (2, 16, 16)


@pytest.mark.parametrize("head", ["pooled", "study"])
def test_backbones_are_looked_into(faces, head):
    clf = TransferClassifier("mobilenet_025", weights=None, image_size=32, head=head, **SMALL)
    clf.fit(faces.images, faces.target)
    display = SaliencyDisplay.from_estimator(clf, faces.images, n_faces=2)
    # Its output has one cell for images of 32 pixels.
    assert display.layer == "conv_pw_11_relu"
    assert ((display.saliency >= 0) & (display.saliency <= 1)).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_any_precision_is_explained(faces, policy):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in double precision only if this is set at its start")
    clf = fit(faces, build_compact, dtype_policy=policy)
    display = SaliencyDisplay.from_estimator(clf, faces.images, n_faces=2)
    assert display.saliency.dtype == "float32"
    assert np.isfinite(display.saliency).all()


def test_the_predicted_class_is_explained_and_another_one_on_demand(faces, tiny):
    display = SaliencyDisplay.from_estimator(tiny, faces.images, faces.target, n_faces=3)
    assert display.explained.tolist() == tiny.predict(faces.images[:3]).tolist()
    np.testing.assert_allclose(
        display.probability, tiny.predict_proba(faces.images[:3]).max(axis=1), rtol=1e-5
    )
    other = SaliencyDisplay.from_estimator(tiny, faces.images, target="sad", n_faces=3)
    assert other.explained.tolist() == ["sad"] * 3
    assert not np.array_equal(other.saliency, display.saliency)


def test_faces_stand_above_their_maps(faces, tiny):
    figure, ax = plt.subplots()
    display = SaliencyDisplay.from_estimator(tiny, faces.images, faces.target, n_faces=9, ax=ax)
    assert display.figure_ is figure
    assert len(ax.images) == 27
    assert ax.texts[0].get_text().endswith(f"\ntrue: {faces.target[0]}")
    without = SaliencyDisplay.from_estimator(tiny, faces.images, n_faces=1)
    assert "\n" not in without.ax_.texts[0].get_text()


def test_the_frame_tells_where_the_evidence_stands():
    saliency = np.zeros((2, 4, 4))
    saliency[0, 1, 2] = saliency[0, 3, 2] = 1
    display = SaliencyDisplay(np.zeros((2, 4, 4)), saliency, explained=["sad", "sad"]).plot()
    frame = display.frame()
    assert frame.columns.tolist() == ["explained", "row", "column", "area"]
    assert frame.loc[0, ["row", "column", "area"]].tolist() == [2, 2, 0.125]
    assert np.isnan(frame.loc[1, "row"])
    assert frame.loc[1, "area"] == 0


def test_a_pipeline_and_flat_rows_are_taken(faces):
    pipeline = make_pipeline(ImageResizer(12), CNNClassifier("tiny", **SMALL))
    pipeline.fit(faces.images, faces.target)
    display = SaliencyDisplay.from_estimator(pipeline, faces.images, n_faces=2)
    assert display.images.shape == display.saliency.shape == (2, 12, 12)
    rows = fit(faces, image_shape=(16, 16))
    assert SaliencyDisplay.from_estimator(rows, faces.data).images.shape == (14, 16, 16)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (without_convolution, r"'flat' has no 2-D convolution.*architecture='compact'"),
        (one_cell, r"'one_cell' has no map of features of more than one cell.*16 x 16 pixels"),
    ],
)
def test_networks_with_nowhere_to_look_are_refused(faces, architecture, message):
    with pytest.raises(ValueError, match=message):
        SaliencyDisplay.from_estimator(fit(faces, architecture), faces.images)


def test_what_cannot_be_explained_is_refused(faces, tiny):
    with pytest.raises(TypeError, match=r"a LogisticRegression, expected a CNNClassifier"):
        SaliencyDisplay.from_estimator(LogisticRegression(), faces.images)
    with pytest.raises(NotFittedError, match=r"CNNClassifier instance is not fitted"):
        SaliencyDisplay.from_estimator(CNNClassifier(), faces.images)
    with pytest.raises(ValueError, match=r"target='hapy' is not a class.*mean 'happy'\?"):
        SaliencyDisplay.from_estimator(tiny, faces.images, target="hapy")
    with pytest.raises(ValueError, match=r"target=array\(\[.* is not a class"):
        SaliencyDisplay.from_estimator(tiny, faces.images, target=faces.target[:2])
    with pytest.raises(ValueError, match=r"X has 140, y has 1"):
        SaliencyDisplay.from_estimator(tiny, faces.images, ["sad"])
    with pytest.raises(
        ValueError, match=r"n_faces=0 is out of range; pass a whole number, 1 or more"
    ):
        SaliencyDisplay.from_estimator(tiny, faces.images, n_faces=0)


def test_faces_are_seen_as_the_classifier_converts_them(faces):
    clf = CNNClassifier("compact", augmentation=None, handle_other_shapes="convert", **SMALL)
    clf.fit(faces.images, faces.target)
    larger = np.repeat(np.kron(faces.images[:2], np.ones((2, 2), np.uint8))[..., None], 3, axis=3)
    assert SaliencyDisplay.from_estimator(clf, larger).images.shape[1:3] == (16, 16)


@pytest.mark.parametrize("display", [FaceGridDisplay, SaliencyDisplay])
def test_rows_in_another_order_are_told_by_their_index(faces, display):
    pandas = pytest.importorskip("pandas")
    clf = CNNClassifier("tiny", image_shape=(16, 16), **SMALL).fit(faces.data, faces.target)
    X, y = pandas.DataFrame(faces.data), pandas.Series(faces.target)
    with pytest.warns(UserWarning, match="X and y have the same index in another order"):
        display.from_estimator(clf, X, y.iloc[::-1])


def test_a_display_is_not_changed_by_its_sources(faces, tiny):
    pandas = pytest.importorskip("pandas")
    X = faces.images[:3].copy()
    display = SaliencyDisplay.from_estimator(tiny, X)
    X[:] = 0
    np.testing.assert_array_equal(display.images, faces.images[:3])
    series = pandas.Series(display.explained, index=[2, 1, 0])
    again = SaliencyDisplay(display.images, display.saliency, explained=series)
    assert [again._caption(i) for i in range(3)] == display.explained.tolist()
