"""AbstainingClassifier: its target accuracy, and its use with scikit-learn's tools."""

import re
from functools import partial

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from fer_estimators import AbstainingClassifier, CNNClassifier, selective_scores
from fer_estimators.evaluation import RiskCoverageDisplay


class Told(ClassifierMixin, BaseEstimator):
    """Gives the probabilities that stand in X: what it is sure of is known to the digit."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.weights_ = sample_weight
        return self

    def predict_proba(self, X):
        sure = np.asarray(X, dtype=float)
        return np.hstack([sure, 1 - sure])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


# Answers in the order of confidence: right, right, wrong, right, wrong.
X_TOLD = np.array([[0.95], [0.1], [0.85], [0.2], [0.75]])
Y_TOLD = np.array(["a", "b", "b", "b", "b"])


def told(y=Y_TOLD, **params):
    frozen = FrozenEstimator(Told().fit(X_TOLD, y))
    return AbstainingClassifier(frozen, **{"cautious": False, **params})


@pytest.fixture(scope="module")
def table(faces):
    # Every fourth pixel, for speed.
    return faces.data[:, ::4] / 255.0, faces.target


def logistic(**params):
    params = {"target_accuracy": 0.2, **params}
    return AbstainingClassifier(LogisticRegression(max_iter=500), **params)


@parametrize_with_checks([AbstainingClassifier(LogisticRegression(), target_accuracy=0.0)])
def test_passes_every_check_of_scikit_learn(estimator, check):
    check(estimator)


# The threshold


@pytest.mark.parametrize(
    ("target", "threshold", "coverage", "accuracy"),
    [(1.0, 0.9, 0.4, 1.0), (0.7, 0.8, 0.8, 0.75), (0.6, 0.0, 1.0, 0.6)],
)
def test_the_smallest_threshold_that_is_good_enough_is_taken(target, threshold, coverage, accuracy):
    clf = told(target_accuracy=target).fit(X_TOLD, Y_TOLD)
    assert clf.threshold_ == pytest.approx(threshold)
    assert clf.coverage_ == pytest.approx(coverage)
    assert clf.accuracy_ == pytest.approx(accuracy)


def test_the_threshold_itself_is_answered():
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    assert clf.predict(X_TOLD).tolist() == ["a", "b", "a", "b", "not sure"]


def test_caution_asks_for_more_than_luck():
    with pytest.raises(
        ValueError,
        match=r"target_accuracy=0.7 is not reached at any threshold on the 5 held-out samples: the "
        r"best one answers 2 of them with an accuracy of 1.000 \(lower 95 % bound 0.342\)\. Give "
        r"more samples .* cautious=False",
    ):
        told(target_accuracy=0.7, cautious=True).fit(X_TOLD, Y_TOLD)
    X, y = np.repeat(X_TOLD, 100, axis=0), np.repeat(Y_TOLD, 100)
    careful = told(target_accuracy=0.72, cautious=True).fit(X, y)
    # 300 of 400 are right, with a lower bound of 0.705.
    assert careful.coverage_ == pytest.approx(0.4)
    assert told(target_accuracy=0.72).fit(X, y).coverage_ == pytest.approx(0.8)


def test_an_accuracy_out_of_reach_is_named():
    with pytest.raises(
        ValueError, match=r"target_accuracy=1.0 is not reached.*accuracy of 0.000\. Give"
    ):
        told(target_accuracy=1.0).fit(X_TOLD[[2]], Y_TOLD[[2]])


def test_a_failed_fit_leaves_the_former_one():
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    with pytest.raises(ValueError, match="not reached at any threshold"):
        clf.set_params(target_accuracy=1.0).fit(X_TOLD[[2]], Y_TOLD[[2]])
    assert clf.threshold_ == pytest.approx(0.8)


def test_the_promise_is_about_kept_on_new_samples():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, size=(4000, 1))
    y = np.where(rng.uniform(size=4000) < sure[:, 0], "a", "b")
    clf = told(y=y, target_accuracy=0.8, cautious=True).fit(sure[:2000], y[:2000])
    scores = selective_scores(clf, sure[2000:], y[2000:])
    assert scores["accuracy"] >= 0.78
    assert scores["coverage"] == pytest.approx(clf.coverage_, abs=0.05)


# What is held out


def test_every_sample_is_judged_by_a_classifier_that_did_not_see_it(table):
    X, y = table
    clf = logistic(cautious=False, target_accuracy=0.0).fit(X, y)
    folds = cross_validate(LogisticRegression(max_iter=500), X, y, cv=5)["test_score"]
    assert clf.accuracy_ == pytest.approx(folds.mean())
    assert clf.estimator_.score(X, y) > clf.accuracy_ + 0.1


def test_one_split_saves_the_second_training(table):
    X, y = table
    kept = logistic(cv=0.5, refit=False, random_state=0).fit(X, y)
    refitted = logistic(cv=0.5, random_state=0).fit(X, y)
    assert kept.threshold_ == refitted.threshold_
    assert not np.array_equal(kept.estimator_.coef_, refitted.estimator_.coef_)
    whole = LogisticRegression(max_iter=500).fit(X, y)
    np.testing.assert_allclose(refitted.estimator_.coef_, whole.coef_)
    again = logistic(cv=0.5, refit=False, random_state=0).fit(X, y)
    assert np.array_equal(kept.predict(X), again.predict(X))


def test_keeping_one_of_several_classifiers_is_refused(table):
    with pytest.raises(ValueError, match=r"refit=False keeps .* cv=3 makes 3 splits.*cv=0.2"):
        logistic(cv=3, refit=False).fit(*table)


def test_a_frozen_classifier_is_used_as_it_is(table):
    X, y = table
    fitted = LogisticRegression(max_iter=500).fit(X[:70], y[:70])
    clf = AbstainingClassifier(FrozenEstimator(fitted), target_accuracy=0.2).fit(X[70:], y[70:])
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
    answered = fitted.predict_proba(X[70:]).max(axis=1) >= clf.threshold_
    assert clf.coverage_ == pytest.approx(answered.mean())


def test_repeated_folds_count_as_much_as_one():
    X, y = np.full((40, 1), 0.75), np.repeat(["a", "b"], [28, 12])
    folds = RepeatedStratifiedKFold(n_splits=2, n_repeats=50, random_state=0)
    # 70 % of 40 are right, with a lower bound of 0.55; of 2,000 it would be 0.68.
    with pytest.raises(ValueError, match=r"any threshold on the 40 held-out samples.*bound 0.546"):
        AbstainingClassifier(Told(), target_accuracy=0.6, cv=folds).fit(X, y)


def test_parts_of_masks_or_counted_from_the_end_are_those_of_their_rows(table):
    X, y = table
    folds = list(StratifiedKFold(3).split(X, y))
    masks = [[np.isin(np.arange(len(y)), part) for part in fold] for fold in folds]
    from_the_end = [(train, test - len(y)) for train, test in folds]
    expected = logistic(cv=folds).fit(X, y)
    for cv in (masks, from_the_end):
        found = logistic(cv=cv).fit(X, y)
        assert (found.threshold_, found.coverage_, found.accuracy_) == (
            expected.threshold_,
            expected.coverage_,
            expected.accuracy_,
        )


def test_no_split_is_refused(table):
    with pytest.raises(ValueError, match=r"cv=\[\] makes no split.*such as cv=5"):
        logistic(cv=[]).fit(*table)


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_weights_that_would_be_discarded_are_reported(table, threshold):
    X, y = table
    clf = logistic(threshold=threshold, target_accuracy=0.0, cv=2)
    clf.estimator.fit(X[:70], y[:70])
    with pytest.warns(UserWarning, match=r"This LogisticRegression is fitted.*FrozenEstimator\("):
        clf.fit(X, y)
    frozen = AbstainingClassifier(FrozenEstimator(clf.estimator), threshold=threshold or 0.0)
    frozen.fit(X[70:], y[70:])
    np.testing.assert_array_equal(frozen.predict_proba(X), clf.estimator.predict_proba(X))


def test_prefit_names_what_took_its_place():
    with pytest.raises(ValueError, match=r"cv='prefit' .* pass FrozenEstimator\(Told\(\.\.\.\)\)"):
        AbstainingClassifier(Told(), cv="prefit").fit(X_TOLD, Y_TOLD)


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda clf: clf], ids=["frozen", "bare"])
def test_notebooks_tell_that_a_classifier_inside_is_fitted(wrap):
    clf = AbstainingClassifier(wrap(Told().fit(X_TOLD, Y_TOLD)))
    assert f"estimator: {type(clf.estimator).__name__} (fitted)" in clf._repr_html_()
    assert "(fitted)" not in AbstainingClassifier(Told())._repr_html_()


def test_notebooks_show_the_fitted_classifier_after_fit():
    clf = AbstainingClassifier(Told(), threshold=0.5).fit(X_TOLD, Y_TOLD)
    html = clf._repr_html_()
    assert "weights_" in html  # what the inner classifier learned
    assert "(fitted)" not in html


def test_a_fixed_threshold_is_taken_as_it_is():
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    clf.set_params(threshold=0.85, target_accuracy=1.0).fit(X_TOLD, Y_TOLD)
    assert clf.threshold_ == 0.85
    assert clf.predict(X_TOLD).tolist() == ["a", "b", "a", "not sure", "not sure"]
    assert not hasattr(clf, "coverage_")


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "high"])
def test_a_threshold_that_is_not_a_probability_is_refused(threshold):
    with pytest.raises(ValueError, match=r"'threshold' parameter .* in the range \[0\.0, 1\.0\]"):
        told(threshold=threshold).fit(X_TOLD, Y_TOLD)


# Labels


def test_numbers_get_minus_one_and_classes_stay_the_classifiers():
    y = (Y_TOLD == "b") + 3
    clf = told(y=y, target_accuracy=0.7).fit(X_TOLD, y)
    assert clf.predict(X_TOLD).tolist() == [3, 4, 3, 4, -1]
    assert clf.predict(X_TOLD).dtype.kind == "i"
    assert clf.classes_.tolist() == [3, 4]


@pytest.mark.parametrize(("classes", "label"), [((-1, 1), -2), (np.uint8([0, 6]), -1)])
def test_the_number_for_not_sure_is_never_a_class(classes, label):
    y = np.asarray(classes)[(Y_TOLD == "b").astype(int)]
    clf = told(y=y, target_accuracy=0.7).fit(X_TOLD, y)
    assert clf.predict(X_TOLD)[-1] == label


def test_the_abstain_label_can_be_chosen():
    clf = told(target_accuracy=0.7, abstain_label="?").fit(X_TOLD, Y_TOLD)
    assert clf.predict(X_TOLD)[-1] == "?" == clf.abstain_label_


@pytest.mark.parametrize(
    ("y", "label", "message"),
    [
        (Y_TOLD, "b", r"abstain_label='b' is one of the classes \['a', 'b'\]"),
        (Y_TOLD, -1, r"abstain_label=-1 and the classes \['a', 'b'\] are of different kinds"),
        ([0, 1, 1, 1, 1], "?", r"abstain_label='\?' and the classes \[0, 1\] are of different"),
        ([-1, 1, 1, 1, 1], -1, r"abstain_label=-1 is one of the classes \[-1, 1\]"),
        ([False, True, True, True, True], "auto", r"make numbers or text of boolean classes"),
    ],
)
def test_an_abstain_label_that_could_be_misread_is_refused(y, label, message):
    with pytest.raises(ValueError, match=message):
        told(y=np.array(y), abstain_label=label).fit(X_TOLD, np.array(y))


# Scores


def test_score_counts_what_is_unanswered_as_not_right():
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    assert clf.score(X_TOLD, Y_TOLD) == pytest.approx(3 / 5)
    assert clf.score(X_TOLD, Y_TOLD) == accuracy_score(Y_TOLD, clf.predict(X_TOLD))
    assert selective_scores(clf, X_TOLD, Y_TOLD) == {"coverage": 0.8, "accuracy": 0.75}


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (X_TOLD[:0], [], r"y is empty \(0 labels\)"),
        (X_TOLD, Y_TOLD[:3], r"y has 3, predictions has 5"),
        (X_TOLD, [0, 1, 1, 1, 1], r"y_true holds numbers such as 0, but y_pred holds names"),
        (X_TOLD, ["a", None, "b", "b", "b"], r"y has 1 missing labels"),
    ],
)
def test_scores_of_what_cannot_be_compared_are_refused(X, y, message):
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    with pytest.raises(ValueError, match=message):
        selective_scores(clf, X, y)


@pytest.mark.parametrize("wrong", [-1.0, np.nan])
def test_a_score_of_weights_that_are_none_is_refused(wrong):
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    with pytest.raises(ValueError, match=r"Negative values|NaN"):
        clf.score(X_TOLD, Y_TOLD, sample_weight=[wrong, 1, 1, 1, 1])


def test_a_score_on_the_abstain_label_is_refused():
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    with pytest.raises(ValueError, match=r"y holds 'not sure', which stands for no answer"):
        clf.score(X_TOLD, ["not sure", "b", "b", "b", "b"])


def fit_around(clf, X, y):
    AbstainingClassifier(FrozenEstimator(clf.estimator_), target_accuracy=0).fit(X, y)


@pytest.mark.parametrize("score", [selective_scores, AbstainingClassifier.score, fit_around])
def test_labels_that_can_never_be_predicted_are_reported(score):
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    with pytest.warns(UserWarning, match=r"y holds the labels A, but .* knows \['a', 'b'\]"):
        score(clf, X_TOLD, ["A", "b", "b", "b", "b"])


def test_thresholds_of_the_curve_answer_what_it_says(faces):
    cnn = CNNClassifier("tiny", epochs=1, validation_fraction=None, random_state=0)
    cnn.fit(faces.images, faces.target)
    curve = RiskCoverageDisplay.from_estimator(cnn, faces.images, faces.target)
    for row in (0, len(curve.threshold) // 2, -1):
        clf = AbstainingClassifier(FrozenEstimator(cnn), threshold=curve.threshold[row])
        scores = selective_scores(clf.fit(faces.images, faces.target), faces.images, faces.target)
        assert scores["coverage"] == pytest.approx(curve.coverage[row])
        assert scores["accuracy"] == pytest.approx(curve.accuracy[row])


def test_accuracy_of_no_answers_is_not_a_number():
    clf = told(target_accuracy=1.0).fit(X_TOLD, Y_TOLD)
    scores = selective_scores(clf, [[0.5]], ["a"])
    assert scores["coverage"] == 0
    assert np.isnan(scores["accuracy"])


# Among scikit-learn's tools


def test_works_in_pipelines_searches_and_cross_validation(table):
    X, y = table
    pipeline = make_pipeline(StandardScaler(), logistic(target_accuracy=0.0))
    scores = cross_validate(pipeline, X, y, cv=2, scoring=selective_scores)
    assert scores["test_coverage"].tolist() == [1.0, 1.0]
    accuracy = cross_validate(pipeline, X, y, cv=2)["test_score"]
    np.testing.assert_array_equal(scores["test_accuracy"], accuracy)
    grid = {"abstainingclassifier__estimator__C": [0.01, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert selective_scores(search, X, y)["coverage"] == 1.0
    display = RiskCoverageDisplay.from_estimator(pipeline.fit(X, y), X, y)
    assert display.n_samples == len(y)


def test_clones_and_nested_parameters():
    clf = logistic().set_params(estimator__C=7.0)
    assert clone(clf).estimator.C == 7.0
    assert clone(clf).get_params()["estimator__C"] == 7.0


def test_metadata_reach_the_classifier_and_the_splitter():
    weights, groups = np.arange(20) + 1.0, np.arange(20) // 4
    with sklearn.config_context(enable_metadata_routing=True):
        inner = Told().set_fit_request(sample_weight=True)
        clf = AbstainingClassifier(inner, target_accuracy=0.0, cv=GroupKFold(2))
        clf.fit(X_TOLD.repeat(4, 0), Y_TOLD.repeat(4), sample_weight=weights, groups=groups)
    np.testing.assert_array_equal(clf.estimator_.weights_, weights)


def test_weights_reach_the_score(table):
    weights = np.linspace(0, 1, len(table[1]))
    with sklearn.config_context(enable_metadata_routing=True):
        inner = GaussianNB().set_fit_request(sample_weight=False)
        clf = AbstainingClassifier(inner, threshold=0.3).set_score_request(sample_weight=True)
        folds = list(KFold(2).split(table[0]))
        found = cross_validate(clf, *table, params={"sample_weight": weights}, cv=folds)
        for (train, test), score in zip(folds, found["test_score"], strict=True):
            clf.fit(table[0][train], table[1][train])
            assert score == clf.score(table[0][test], table[1][test], weights[test])
            assert score != clf.score(table[0][test], table[1][test])


def test_metadata_without_routing_are_refused(table):
    with pytest.raises(ValueError, match=re.escape("enable_metadata_routing=True")):
        logistic().fit(*table, sample_weight=np.ones(len(table[1])))


def test_a_network_on_images_abstains(faces):
    cnn = CNNClassifier("tiny", epochs=1, validation_fraction=None, random_state=0)
    clf = AbstainingClassifier(cnn, target_accuracy=0.0, cv=0.3, refit=False, random_state=0)
    clf.fit(faces.images, faces.target)
    assert clf.predict(faces.images[:1]).shape == (1,)
    assert clf.n_features_in_ == 256


def test_a_classifier_without_probabilities_is_refused(table):
    with pytest.raises(ValueError, match=r"'fit' and 'predict_proba'.*Got LinearSVC"):
        AbstainingClassifier(LinearSVC()).fit(*table)


def test_probabilities_that_are_not_numbers_are_not_an_answer():
    clf = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    with pytest.raises(ValueError, match=r"gives NaN .* for 1 of 2 samples, the first at index 1"):
        clf.predict([[0.5], [np.nan]])


class Framed(Told):
    """Gives a data frame whose columns are not in the order of the classes."""

    def predict_proba(self, X):
        pandas = pytest.importorskip("pandas")
        proba = super().predict_proba(X)
        return pandas.DataFrame(proba[:, ::-1], columns=self.classes_[::-1])


def test_probabilities_in_a_data_frame_are_matched_by_name():
    frozen = FrozenEstimator(Framed().fit(X_TOLD, Y_TOLD))
    clf = AbstainingClassifier(frozen, target_accuracy=0.7, cautious=False).fit(X_TOLD, Y_TOLD)
    expected = told(target_accuracy=0.7).fit(X_TOLD, Y_TOLD)
    np.testing.assert_array_equal(clf.predict(X_TOLD), expected.predict(X_TOLD))
    np.testing.assert_array_equal(clf.predict_proba(X_TOLD), expected.predict_proba(X_TOLD))


def test_a_label_of_a_class_that_only_the_fitted_classifier_knows_is_refused():
    X = np.array([[-1.0], [0.0], [1.0]] * 10)
    fitted = FrozenEstimator(LogisticRegression().fit(X, X[:, 0].astype(int)))
    seen = X[:, 0] >= 0
    clf = AbstainingClassifier(fitted, target_accuracy=0.0).fit(X[seen], X[seen, 0].astype(int))
    assert clf.abstain_label_ == -2
    clf.set_params(abstain_label=-1)
    with pytest.raises(ValueError, match="is one of the classes"):
        clf.fit(X[seen], X[seen, 0].astype(int))


def test_rows_in_another_order_are_told_by_their_index():
    pandas = pytest.importorskip("pandas")
    X, y = pandas.DataFrame(X_TOLD), pandas.Series(Y_TOLD)
    other = y.iloc[::-1]
    clf = told(target_accuracy=0.0)
    with pytest.warns(UserWarning, match="X and y have the same index in another order"):
        clf.fit(X, other)
    clf.fit(X, y)
    for use in (clf.score, partial(selective_scores, clf)):
        with pytest.warns(UserWarning, match="X and y have the same index in another order"):
            use(X, other)
    with pytest.warns(UserWarning, match="X and y have the same index in another order"):
        RiskCoverageDisplay.from_estimator(clf, X, other)
