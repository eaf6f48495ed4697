"""Training on class probabilities instead of one label."""

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
        (lambda p: 10 * p, "140 rows of y_proba are not probabilities.*Divide votes"),
        (lambda p: p - 1 / 7, "140 rows of y_proba are not probabilities"),
        (lambda p: np.where(p == 1, np.nan, p), "y_proba contains NaN"),
    ],
)
def test_anything_but_a_probability_is_refused(edit, message, cnn, faces):
    with pytest.raises(ValueError, match=message):
        cnn().fit(faces.images, faces.target, y_proba=edit(one_hot(faces.target)))


def test_rows_in_another_order_are_noticed(cnn, faces):
    with pytest.warns(UserWarning, match="no more of the labels in y than chance"):
        cnn().fit(faces.images, faces.target, y_proba=one_hot(faces.target)[::-1])


def test_probabilities_of_low_precision_are_learned_from(make, faces):
    y_proba = one_hot(faces.target)
    y_proba[:70] *= 1.008
    assert make().fit(faces.images, faces.target, y_proba=y_proba).n_epochs_ == 1


def test_columns_of_a_data_frame_are_matched_by_name(make, faces):
    names = np.unique(faces.target)
    frame = pd.DataFrame(one_hot(faces.target), columns=names)
    hard = make().fit(faces.images, faces.target)
    soft = make().fit(faces.images, faces.target, y_proba=frame[names[::-1]])
    expected = hard.predict_proba(faces.images)
    np.testing.assert_array_equal(soft.predict_proba(faces.images), expected)


@pytest.mark.parametrize("names", [["joy"], ["sad"], []])
def test_columns_with_other_names_are_refused(names, cnn, faces):
    frame = pd.DataFrame(one_hot(faces.target), columns=np.unique(faces.target))
    renamed = frame.set_axis([*names, *frame.columns[len(names) :]], axis=1)
    with pytest.raises(ValueError, match=r"columns of y_proba are .*each once and in any order"):
        cnn().fit(faces.images, faces.target, y_proba=renamed if names else frame.iloc[:, 1:])


def in_code_order(y_proba, names):
    return y_proba[:, np.searchsorted(np.unique(names), names)]


@pytest.mark.parametrize("noise", [0.0, 0.6])
def test_columns_in_another_order_than_the_classes_are_refused(noise, cnn, faces):
    y_proba = (1 - noise) * one_hot(faces.target) + noise / 7
    permuted = in_code_order(y_proba, faces.target_names)
    with pytest.raises(ValueError, match=r"is the label of 57% .* of 100% if .*'surprise', 'neut"):
        cnn().fit(faces.images, faces.target, y_proba=permuted)


@pytest.mark.filterwarnings("ignore:y_proba says no more of the labels")
def test_poor_probabilities_in_the_right_order_are_accepted():
    from fer_estimators.classifiers._data import check_soft_labels

    rng, classes = np.random.default_rng(0), np.array(list("abcdefg"))
    for n_samples in (7, 20, 100, 2000):
        codes = rng.choice(7, n_samples, p=[0.14, 0.01, 0.14, 0.3, 0.14, 0.17, 0.1])
        noise = rng.dirichlet(np.ones(7), n_samples)
        for y_proba in (
            noise,
            0.9 * noise + 0.1 * np.eye(7)[codes],
            np.tile(noise[0], (len(codes), 1)),
        ):
            assert check_soft_labels(y_proba, codes, classes) is y_proba


def test_checkpoint_knows_the_probabilities(cnn, faces, tmp_path):
    y_proba = one_hot(faces.target)
    cnn().fit(faces.images, faces.target, y_proba=y_proba, checkpoint=tmp_path / "there")
    with pytest.raises(CheckpointError, match="y_proba changed"):
        cnn().fit(faces.images, faces.target, checkpoint=tmp_path / "there")


def test_rows_in_another_order_are_told_by_their_index(cnn, faces):
    y = pd.Series(faces.target)
    other = y.sample(frac=1, random_state=0).index
    ones = pd.Series(1.0, index=y.index)
    clf = cnn()
    y_proba = pd.DataFrame(1 / 7, index=other, columns=np.unique(y))
    with pytest.warns(UserWarning, match="y and y_proba have the same index in another order"):
        clf.fit(faces.images, y, y_proba=y_proba)
    with pytest.warns(UserWarning, match="y and sample_weight have the same index"):
        clf.fit(faces.images, y, sample_weight=ones.loc[other])
    with pytest.warns(UserWarning, match="y and sample_weight have the same index"):
        clf.score(faces.images, y, sample_weight=ones.loc[other])
    with pytest.warns(UserWarning, match="X_val and y_val have the same index"):
        clf.fit(faces.images, y, X_val=pd.Series(list(faces.images)), y_val=y.loc[other])
    # Rows of other names are matched by their places.
    clf.fit(faces.images, y, sample_weight=pd.Series(1.0, index=y.index + 1000))
