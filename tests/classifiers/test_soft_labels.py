"""Training on probabilities of the classes in place of one label."""

import numpy as np
import pandas as pd
import pytest

from fer_estimators.exceptions import CheckpointError


def one_hot(target):
    return np.eye(7)[np.unique(target, return_inverse=True)[1]]


def test_certain_probabilities_are_the_labels(make, faces):
    hard = make(epochs=2).fit(faces.images, faces.target)
    soft = make(epochs=2).fit(faces.images, faces.target, y_proba=one_hot(faces.target))
    expected = hard.predict_proba(faces.images)
    np.testing.assert_array_equal(soft.predict_proba(faces.images), expected)


def test_network_learns_the_probabilities(cnn, faces):
    # The same for each image.
    y_proba = np.tile([0.5, 0.3, 0.2, 0, 0, 0, 0], (len(faces.target), 1))
    clf = cnn(epochs=30, learning_rate=0.01, label_smoothing=0.0, validation_fraction=None)
    clf.fit(faces.images, faces.target, y_proba=y_proba)
    np.testing.assert_allclose(clf.predict_proba(faces.images).mean(axis=0), y_proba[0], atol=0.05)


def test_sample_weights_still_count(cnn, faces):
    y_proba = one_hot(faces.target)
    y_proba[70:] = 1 / 7
    weights = np.repeat([1.0, 0.0], 70)
    kept = cnn(validation_fraction=None).fit(
        faces.images, faces.target, weights, y_proba=one_hot(faces.target)
    )
    soft = cnn(validation_fraction=None).fit(faces.images, faces.target, weights, y_proba=y_proba)
    expected = kept.predict_proba(faces.images)
    np.testing.assert_array_equal(soft.predict_proba(faces.images), expected)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda p: p[:5], r"y_proba has shape \(5, 7\), but \(140, 7\)"),
        (lambda p: p[:, :3], r"a column for each of the classes \['angry'"),
        (lambda p: 10 * p, "140 rows of y_proba are no probabilities.*Divide votes"),
        (lambda p: p - 1 / 7, "140 rows of y_proba are no probabilities"),
        (lambda p: np.where(p == 1, np.nan, p), "y_proba contains NaN"),
    ],
)
def test_what_is_no_probability_is_refused(edit, message, cnn, faces):
    with pytest.raises(ValueError, match=message):
        cnn().fit(faces.images, faces.target, y_proba=edit(one_hot(faces.target)))


def test_columns_of_a_data_frame_must_be_the_classes(cnn, faces):
    frame = pd.DataFrame(one_hot(faces.target), columns=np.unique(faces.target))
    cnn().fit(faces.images, faces.target, y_proba=frame)
    with pytest.raises(ValueError, match=r"columns of y_proba are \['sad', .*in this order"):
        cnn().fit(faces.images, faces.target, y_proba=frame[sorted(frame, reverse=True)[1:]])


def test_checkpoint_knows_the_probabilities(cnn, faces, tmp_path):
    y_proba = one_hot(faces.target)
    cnn().fit(faces.images, faces.target, y_proba=y_proba, checkpoint=tmp_path / "there")
    with pytest.raises(CheckpointError, match="y_proba changed"):
        cnn().fit(faces.images, faces.target, checkpoint=tmp_path / "there")
