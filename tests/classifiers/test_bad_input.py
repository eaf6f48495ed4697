"""Mistakes that users make, and the messages that they get."""

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from fer_estimators.images import check_image_array, resize_images

BAD_IMAGES = {
    "a 2-D array without image_shape": (
        lambda X: X.reshape(140, 256),
        r"image_shape=\(16, 16\)",
    ),
    "channels first": (lambda X: X[:, np.newaxis], r"np\.moveaxis\(X, 1, -1\)"),
    "alpha channel": (lambda X: np.stack([X] * 4, axis=-1), r"X\[\.\.\., :3\]"),
    "scaled to 0..1": (lambda X: X / 255, r"not on a scale.*X \* 255"),
    "standardised": (lambda X: X - 128.0, r"ranges from -.*0\.\.255"),
    "too bright": (lambda X: X.astype(np.uint16) + 300, r"above 255"),
    "NaN": (lambda X: np.where(X[0, 0, 0] == X, np.nan, X), "NaN"),
    "boolean": (lambda X: X > 100, "dtype bool"),
    "complex": (lambda X: X.astype(complex), "[Cc]omplex"),
    "file names": (lambda X: [f"{i}.jpg" for i in range(len(X))], "file names"),
    "a table": (
        lambda X: pd.DataFrame({"age": 9, "image": list(X)}),
        r"Pass the column.*X\['image",
    ),
    "ragged": (lambda X: [*X[:-1], X[-1][:9]], r"2 different shapes.*image_size"),
    "no images": (lambda X: X[:0], r"y is empty \(0 labels\), expected at least 1"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images_are_refused_by_fit(cnn, faces, case):
    spoil, message = BAD_IMAGES[case]
    X = spoil(faces.images)
    with pytest.raises(ValueError, match=message):
        cnn().fit(X, faces.target[: len(X)])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: X[:, :12], r"image shape \(12, 16\).*fitted on \(16, 16\).*resize_images"),
        (lambda X: np.stack([X] * 3, axis=-1), r"image shape \(16, 16, 3\).*fitted on"),
        (lambda X: X / 255, r"not on a scale.*X \* 255"),
        (lambda X: X[0, :12], "16 features"),
        (lambda X: X[:0], "minimum of 1 is required"),
        (lambda X: X.reshape(140, -1)[:, :200], "X has 200 features, but CNNClassifier"),
        (lambda X: np.where(X > 0, np.inf, X), "infinity"),
    ],
)
def test_images_unlike_those_of_fit_are_refused(fitted, faces, spoil, message):
    with pytest.raises(ValueError, match=message):
        fitted.predict(spoil(faces.images))


MISSING = r"y has 20 missing labels .*at index \d+"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y: None, "requires y to be passed"),
        (lambda y: y[:-1], "inconsistent numbers of samples"),
        (lambda y: np.full_like(y, "sad"), r"only one class, \['sad'\].*at least two"),
        (lambda y: np.where(y == "sad", None, y.astype(object)), MISSING),
        (lambda y: pd.Series(y, dtype="string").where(y != "sad"), MISSING),
        (lambda y: np.char.encode(y), "decode"),
        (lambda y: np.ma.array(y, mask=y == "sad"), "y has 20 masked values"),
        (lambda y: np.where(y == "sad", np.datetime64("NaT"), np.datetime64("2013")), MISSING),
        (lambda y: y[:, np.newaxis] == np.unique(y), r"For one-hot rows .*argmax"),
        (lambda y: np.linspace(0, 1, len(y)), "Unknown label type: continuous"),
    ],
)
def test_bad_labels_are_refused(cnn, faces, spoil, message):
    with pytest.raises(ValueError, match=message):
        cnn().fit(faces.images, spoil(faces.target))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"architecture": "compat"}, r"architecture='compat' is unknown.*Did you mean 'compact'"),
        ({"augmentation": "standart"}, r"Did you mean 'standard'"),
        ({"optimizer": "adamm"}, r"Did you mean 'adam"),
        ({"learning_rate_schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": "full"}, "batch_size"),
        ({"device": "cuda"}, "device"),
        ({"dtype_policy": "float16"}, "dtype_policy"),
        ({"class_weight": {"sad": 2, "glad": 1}}, "not in class_weight"),
    ],
)
def test_bad_parameters_are_named(cnn, faces, params, message):
    with pytest.raises(ValueError, match=message):
        cnn(**params).fit(faces.images, faces.target)


def test_an_optimizer_of_another_kind_is_refused(cnn, faces):
    with pytest.raises(TypeError, match="optimizer=3 has type int"):
        cnn(optimizer=3).fit(faces.images, faces.target)


def test_callbacks_of_another_kind_are_refused(cnn, faces):
    with pytest.raises(TypeError, match="callbacks holds 1 of type int, but instances of keras"):
        cnn(callbacks=[1]).fit(faces.images, faces.target)


@pytest.mark.parametrize("shape", [(16, -1, -1), (0, 16), (16,), (5, -1), (16, 15), "16"])
def test_bad_image_shapes_are_refused(cnn, faces, shape):
    with pytest.raises(ValueError, match="image_shape"):
        cnn(image_shape=shape).fit(faces.data, faces.target)


def test_image_shape_must_agree_with_images(cnn, faces):
    with pytest.raises(ValueError, match=r"image shape \(16, 16\), but image_shape=\(8, 32\)"):
        cnn(image_shape=(8, 32)).fit(faces.images, faces.target)


def test_classes_too_small_to_split_are_named(cnn, faces):
    labels = faces.target.copy()
    labels[labels == "disgust"] = "fear"
    labels[0] = "disgust"
    with pytest.raises(ValueError, match=r"\['disgust'\] have fewer than 2.*validation_data"):
        cnn().fit(faces.images, labels)


@pytest.mark.parametrize(
    ("validation_data", "message"),
    [
        ("val", r"is a str, but a pair \(X, y\)"),
        ((np.zeros((3, 16, 16), np.uint8),), r"is a tuple of length 1, but a pair \(X, y\)"),
        ((np.zeros((3, 16, 16), np.uint8), ["sad"]), "inconsistent numbers of samples"),
        ((np.zeros((1, 16, 16), np.uint8), ["glad"]), r"labels \['glad'\].*knows"),
        ((np.zeros((1, 8, 8), np.uint8), ["sad"]), r"image shape \(8, 8\)"),
    ],
)
def test_bad_validation_data_are_refused(cnn, faces, validation_data, message):
    with pytest.raises(ValueError, match=message):
        cnn().fit(faces.images, faces.target, validation_data=validation_data)


def test_missing_arguments_do_not_name_a_base_class(cnn):
    for method in ("fit", "partial_fit", "predict", "predict_proba", "score"):
        with pytest.raises(TypeError, match=rf"^{method}\(\) missing"):
            getattr(cnn(), method)()


def test_negative_or_empty_weights_are_refused(cnn, faces):
    with pytest.raises(ValueError, match="at least one non-zero"):
        cnn().fit(faces.images, faces.target, sample_weight=np.zeros(140))
    happy = faces.target == "happy"
    with pytest.raises(ValueError, match=r"at least one non-zero .* those of the classes"):
        cnn(class_weight={"happy": 0}).fit(faces.images, faces.target, sample_weight=happy)
    with pytest.raises(ValueError, match="Negative values"):
        cnn().fit(faces.images, faces.target, sample_weight=-np.ones(140))


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_a_score_of_weights_that_are_none_is_refused(fitted, faces, wrong):
    weights = np.ones(140)
    weights[3] = wrong
    with pytest.raises(ValueError, match=r"Negative values|NaN|infinity"):
        fitted.score(faces.images, faces.target, sample_weight=weights)


@pytest.mark.parametrize(
    "wrong", [None, np.nan, pd.NA, b"sad", 1], ids=["None", "NaN", "NA", "bytes", "number"]
)
def test_a_score_of_labels_that_fit_would_refuse_is_refused(fitted, faces, wrong):
    with pytest.raises(ValueError, match=r"y (has 1 missing|holds|mixes)"):
        fitted.score(faces.images, [*faces.target[:-1], wrong])


def test_a_diverged_network_does_not_predict(cnn, faces):
    clf = cnn().fit(faces.images, faces.target)
    clf.model_.set_weights([w * np.nan for w in clf.model_.get_weights()])
    with pytest.raises(ValueError, match=r"X\[0\] is not finite.*lower learning_rate"):
        clf.predict(faces.images)


def test_images_of_one_colour_are_counted(cnn, faces):
    X = faces.images.copy()
    X[[3, 7]] = 128
    with pytest.warns(UserWarning, match=r"2 of the 140 images .* the first is X\[3\]"):
        clf = cnn().fit(X, faces.target)
    with pytest.warns(UserWarning, match=r"2 of the 140 images .* the first is X\[3\]"):
        clf.partial_fit(X, faces.target)


def test_photographs_are_not_crops_of_faces(cnn, faces):
    X = np.tile(faces.images[:28], (1, 33, 33))
    with pytest.warns(UserWarning, match=r"528 x 528 pixels, but crops of faces are expected"):
        cnn(batch_size=4, validation_fraction=None).fit(X, faces.target[:28])


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA])
@pytest.mark.parametrize("container", [list, tuple, partial(np.array, dtype=object), pd.Series])
def test_a_missing_label_is_named(cnn, faces, missing, container):
    labels = list(faces.target)
    labels[3] = missing
    with pytest.raises(ValueError, match=r"y has 1 missing labels .*at index 3"):
        cnn().fit(faces.images, container(labels))


@pytest.mark.parametrize("container", [list, partial(np.array, dtype=object), pd.Series])
@pytest.mark.parametrize("other", ["1", True])
def test_labels_of_several_kinds_are_refused(cnn, faces, container, other):
    labels = [1, other] * 70
    with pytest.raises(ValueError, match=r"y mixes labels of several kinds .*y\[1\] = "):
        cnn().fit(faces.images, container(labels))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_labels_of_several_kinds_are_refused_in_a_column(cnn, faces):
    with pytest.raises(ValueError, match=r"y mixes labels of several kinds .*y\[1\] = "):
        cnn().fit(faces.images, [[1], ["1"]] * 70)


@pytest.mark.parametrize("bring", [pd.Series, list, lambda images: np.array(images, dtype=object)])
def test_crops_of_several_sizes_are_converted(cnn, faces, bring):
    clf = cnn(handle_other_shapes="convert").fit(faces.images, faces.target)
    crops = [resize_images(faces.images[[i]], 10 + i)[0] for i in range(5)]
    crops.append(np.repeat(faces.images[7][..., np.newaxis], 3, axis=2))
    alone = np.concatenate([clf.predict_proba([crop, crop])[:1] for crop in crops])
    boxed = np.empty(len(crops), dtype=object)
    boxed[:] = crops
    for n_crops in (2, len(crops)):
        answers = clf.predict_proba(bring(list(boxed[:n_crops])))
        np.testing.assert_allclose(answers, alone[:n_crops], atol=1e-6)


def test_one_image_is_taken_for_one(cnn, faces):
    clf = cnn().fit(faces.images, faces.target)
    expected = clf.predict_proba(faces.images[:1])
    for one in (
        faces.images[0],
        faces.images[0][..., np.newaxis],
        Image.fromarray(faces.images[0]),
    ):
        np.testing.assert_array_equal(clf.predict_proba(one), expected)


@pytest.mark.parametrize("mode", ["P", "HSV", "RGBA", "1", "CMYK", "I;16"])
def test_pictures_whose_numbers_are_not_levels_are_refused(mode):
    picture = Image.new("L", (16, 16), 90).convert("RGB")
    picture = picture.convert(mode) if mode != "I;16" else picture.convert("I").convert(mode)
    with pytest.raises(ValueError, match=rf"PIL image of mode '{mode}'.*convert\('L'\)"):
        check_image_array([picture])


def test_masked_pixels_are_refused_and_an_unused_mask_is_not():
    images = np.ma.masked_array(np.full((2, 8, 8), 9, np.uint8), mask=False)
    assert check_image_array(images).shape == (2, 8, 8, 1)
    images[0, 1, 1] = np.ma.masked
    with pytest.raises(ValueError, match="1 masked pixels"):
        check_image_array(images)


def test_columns_of_a_polars_frame_are_told_by_their_names(cnn, faces):
    rows = pl.DataFrame(
        {f"p{i}": column for i, column in enumerate(faces.images.reshape(140, -1).T)}
    )
    clf = cnn(image_shape=(16, 16)).fit(rows, faces.target)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(rows[rows.columns[::-1]])


def test_a_data_set_of_tensorflow_says_how_to_take_the_images_out(cnn, faces):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((faces.images, np.zeros(140))).batch(8)
    for y in (faces.target, None):
        with pytest.raises(TypeError, match=r"Dataset of tensorflow.*X, y = from_dataset"):
            cnn().fit(dataset, y)


@pytest.mark.parametrize("batch_size", [0, -5, 2.5, "all"])
def test_a_batch_size_set_after_fit_is_checked(cnn, faces, batch_size):
    clf = cnn().fit(faces.images, faces.target).set_params(batch_size=batch_size)
    with pytest.raises(ValueError, match=f"batch_size={batch_size!r}"):
        clf.predict(faces.images)


@pytest.mark.parametrize("weight", [-5.0, np.nan, np.inf, "2", None])
def test_a_weight_that_trains_away_from_a_class_is_refused(cnn, faces, weight):
    weights = {**dict.fromkeys(faces.target_names, 1.0), "happy": weight}
    with pytest.raises(ValueError, match="class_weight holds happy: "):
        cnn(class_weight=weights).fit(faces.images, faces.target)


@pytest.mark.parametrize("argument", ["sample_weight", "y_proba"])
def test_masked_weights_and_probabilities_are_refused(cnn, fitted, faces, argument):
    values = np.ones(140) if argument == "sample_weight" else np.full((140, 7), 1 / 7)
    masked = np.ma.array(values, mask=np.arange(values.size).reshape(values.shape) == 3)
    with pytest.raises(ValueError, match=f"{argument} has 1 masked values"):
        cnn().fit(faces.images, faces.target, **{argument: masked})
    if argument == "sample_weight":
        with pytest.raises(ValueError, match="sample_weight has 1 masked values"):
            fitted.score(faces.images, faces.target, sample_weight=masked)


def test_masked_labels_have_no_score(fitted, faces):
    y = np.ma.array(faces.target, mask=np.arange(140) == 3)
    with pytest.raises(ValueError, match="y has 1 masked values"):
        fitted.score(faces.images, y)


@pytest.mark.parametrize("other", ["Happy", "happy ", "HAPPY"])
def test_classes_that_look_alike_are_reported(cnn, faces, other):
    y = np.where(np.arange(140) % 2, faces.target, np.char.replace(faces.target, "happy", other))
    with pytest.warns(UserWarning, match=rf"'{other}'.* differ only in case, spaces"):
        assert len(cnn(validation_fraction=None).fit(faces.images, y).classes_) == 8


def test_classes_in_two_forms_of_unicode_are_reported(cnn, faces):
    with pytest.warns(UserWarning, match="spaces or Unicode form"):
        cnn().fit(faces.images, ["\u00e9", "e\u0301"] * 70)


@pytest.mark.parametrize("missing", [np.nan, pd.NA])
def test_a_missing_label_that_became_text_is_reported(cnn, faces, missing):
    y = np.array([missing, *faces.target[1:]]).astype(str)
    with pytest.warns(UserWarning, match=f"the label '{missing}', which is how NumPy and pandas"):
        cnn(validation_fraction=None).fit(faces.images, y)
