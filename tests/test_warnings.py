"""Every warning points to the user's line, whatever calls lie between it and the library."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fer_estimators
from fer_estimators import AbstainingClassifier, CNNClassifier
from fer_estimators._messages import warn

SOURCE = Path(fer_estimators.__file__).parent
SMALL = {"augmentation": None, "epochs": 1, "validation_fraction": None, "random_state": 0}


def call_from(module):
    """Make a function that stands in a module of that name, and calls what it is given."""
    scope = {"__name__": module}
    exec("def call(function):\n    function()", scope)
    return scope["call"]


@pytest.mark.parametrize("between", ["keras.src.trainers", "sklearn.pipeline", "users_callback"])
def test_the_first_line_into_the_library_is_named(between):
    ours, theirs = call_from("fer_estimators.fake"), call_from(between)
    line = sys._getframe().f_lineno + 2
    with pytest.warns(UserWarning, match="mind") as caught:
        ours(lambda: theirs(lambda: ours(lambda: warn("mind"))))
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_a_warning_without_a_caller_is_given_all_the_same():
    with pytest.warns(DataConversionWarning, match="mind"):
        exec(
            "warn('mind', kind)",
            {"__name__": "sklearn", "warn": warn, "kind": DataConversionWarning},
        )


def grey(faces):
    X = faces.images.copy()
    X[3] = 128
    return X


@pytest.mark.parametrize(
    "make",
    [
        lambda clf: clf,
        make_pipeline,
        lambda clf: GridSearchCV(make_pipeline(clf), {"cnnclassifier__epochs": [1]}, cv=2),
    ],
    ids=["alone", "in a pipeline", "in a search"],
)
def test_images_without_faces_are_told_at_the_users_line(faces, make):
    clf = make(CNNClassifier("tiny", **SMALL))
    with pytest.warns(UserWarning, match="of one grey or colour") as caught:
        clf.fit(grey(faces), faces.target)
    assert {warning.filename for warning in caught} == {__file__}


ABSTAINING = AbstainingClassifier(
    LogisticRegression(max_iter=1000), target_accuracy=0.2, cautious=False
)


@pytest.mark.parametrize("clf", [CNNClassifier("tiny", **SMALL), ABSTAINING])
def test_a_column_of_labels_is_told_at_the_users_line(faces, clf):
    y = faces.target[:, np.newaxis]
    X = faces.images if isinstance(clf, CNNClassifier) else faces.data / 255
    with pytest.warns(DataConversionWarning, match="column-vector") as caught:
        clf.fit(X, y)
    assert caught[0].filename == __file__
    assert set(clf.predict(X)) <= {*faces.target, "not sure"}


def test_all_warnings_go_the_one_way():
    others = [path for path in SOURCE.rglob("*.py") if path.name != "_messages.py"]
    blaming = [
        path for path in others if re.search(r"warnings\.warn\(|warn=True", path.read_text())
    ]
    assert not blaming
