"""scikit-learn's tools accept the classifiers like any others."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline

from fer_estimators import CNNClassifier, ImageResizer, TransferClassifier


def make(**params):
    defaults = {
        "architecture": "tiny",
        "augmentation": None,
        "epochs": 1,
        "validation_fraction": None,
        "random_state": 0,
    }
    return CNNClassifier(**{**defaults, **params})


@pytest.fixture(scope="module")
def two(faces):
    """Faces of two emotions, sorted by emotion as folders are."""
    rows = np.flatnonzero((faces.target == "happy") | (faces.target == "sad"))
    rows = rows[np.argsort(faces.target[rows], kind="stable")]
    return faces.images[rows], faces.target[rows]


def test_cross_validation_of_sorted_folders_is_stratified(two):
    scores = cross_validate(make(epochs=8, learning_rate=0.01), *two, cv=2)["test_score"]
    # Unstratified, each fold would hold one emotion alone and score 0.
    assert (scores > 0.3).all()


def test_grid_search_over_architectures_and_nested_names(two):
    pipeline = Pipeline([("resize", ImageResizer(16)), ("cnn", make())])
    grid = {"cnn__architecture": ["tiny", "study_cnn"], "resize__image_size": [8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(*two)
    assert set(search.cv_results_["param_cnn__architecture"]) == {"tiny", "study_cnn"}
    assert search.best_estimator_.named_steps["cnn"].image_shape_ == (8, 8, 1)


def test_randomized_search_over_what_people_search(two):
    space = {"learning_rate": [1e-3, 1e-2], "augmentation": [None], "label_smoothing": [0.1, 0.2]}
    search = RandomizedSearchCV(make(), space, n_iter=2, cv=2, random_state=0).fit(*two)
    assert search.best_params_["learning_rate"] in space["learning_rate"]


def test_search_over_backbones(two):
    clf = TransferClassifier(
        weights=None, augmentation=None, epochs=1, image_size=32, random_state=0
    )
    search = GridSearchCV(clf, {"backbone": ["mobilenet_025"]}, cv=2).fit(*two)
    assert search.best_estimator_.predict(two[0][:1]).shape == (1,)


def test_halving_search_with_epochs_as_resource(two):
    search = HalvingGridSearchCV(
        make(),
        {"learning_rate": [1e-3, 1e-2]},
        resource="epochs",
        min_resources=1,
        max_resources=2,
        factor=2,
        cv=2,
    ).fit(*two)
    assert search.best_estimator_.n_epochs_ == 2


def softmax_network(input_shape, n_classes):
    """A network of the user's own, which must reach worker processes."""
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


# As in a user's script or notebook: workers cannot import the module and get the function itself.
softmax_network.__module__ = "__main__"


def test_worker_processes_give_the_same_scores(two):
    clf = make(architecture=softmax_network)
    here = cross_validate(clf, *two, cv=2)["test_score"]
    there = cross_validate(clf, *two, cv=2, n_jobs=2)["test_score"]
    np.testing.assert_array_equal(here, there)


def test_soft_vote_and_stack(two):
    members = [("a", make()), ("b", make(random_state=1))]
    vote = VotingClassifier(members, voting="soft").fit(*two)
    expected = np.mean([clf.predict_proba(two[0]) for clf in vote.estimators_], axis=0)
    np.testing.assert_allclose(vote.predict_proba(two[0]), expected, rtol=1e-6)
    stack = StackingClassifier(members[:1], LogisticRegression(), cv=2).fit(*two)
    assert stack.predict(two[0][:1]).shape == (1,)


def test_bagging_on_flat_rows(two):
    X = two[0].reshape(len(two[0]), -1)
    bag = BaggingClassifier(make(image_shape=(16, -1)), n_estimators=2, random_state=0)
    assert bag.fit(X, two[1]).predict_proba(X).shape == (len(X), 2)


@pytest.mark.parametrize("method", ["sigmoid", "temperature"])
def test_calibration_also_of_a_single_image(two, method):
    calibrated = CalibratedClassifierCV(make(), method=method, cv=2).fit(*two)
    assert calibrated.predict_proba(two[0][:1]).shape == (1, 2)


def test_a_fixed_threshold_decides_between_two_emotions(two):
    clf = FixedThresholdClassifier(make(), threshold=1.0, pos_label="happy").fit(*two)
    assert set(clf.predict(two[0])) == {"sad"}


def test_permutation_importance_of_flat_rows(two):
    X = pd.DataFrame(two[0].reshape(len(two[0]), -1)[:, :64])
    X.columns = [f"pixel{i}" for i in range(64)]
    clf = make(image_shape=(8, 8)).fit(X, two[1])
    assert clf.feature_names_in_[0] == "pixel0"
    importance = permutation_importance(clf, X, two[1], n_repeats=1, random_state=0)
    assert importance.importances_mean.shape == (64,)


def test_set_output_of_a_pipeline_leaves_predictions_alone(two):
    pipeline = make_pipeline(ImageResizer(16), make()).set_output(transform="pandas")
    assert isinstance(pipeline.fit(*two).predict(two[0]), np.ndarray)


def test_metadata_routing_of_weights_and_validation_data(two):
    X, y = two
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(sample_weight=True, validation_data=True)
        pipeline = Pipeline([("resize", ImageResizer(16)), ("cnn", clf)])
        pipeline.fit(X, y, sample_weight=np.ones(len(y)), validation_data=(X[:4], y[:4]))
    assert "val_loss" in pipeline.named_steps["cnn"].history_


def test_learning_curve(two):
    sizes, _, scores = learning_curve(
        make(), *two, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0
    )
    assert sizes.tolist() == [10, 20]
    assert scores.shape == (2, 2)


def test_confusion_matrix_has_emotion_names(two):
    display = ConfusionMatrixDisplay.from_estimator(make().fit(*two), *two)
    assert display.display_labels.tolist() == ["happy", "sad"]
    plt.close(display.figure_)


def test_html_repr_shows_the_parameters():
    html = make(learning_rate=0.25)._repr_html_()
    assert "CNNClassifier" in html
    assert "0.25" in html
    assert repr(make(architecture="compact")).startswith("CNNClassifier(augmentation=None")
