"""The shipped classifiers."""

import shutil

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from fer_estimators import AbstainingClassifier, load_pretrained, make_faces, selective_scores
from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.exceptions import ModelFileError
from fer_estimators.pretrained import PRETRAINED, _load, load_model_card

# Parameters, at most.
SIZES = {
    "fer2013-base": 1_500_000,
    "fer2013-compact": 300_000,
    "ferplus-base": 1_500_000,
    "ferplus-compact": 300_000,
}


@pytest.fixture(scope="module", params=sorted(PRETRAINED))
def shipped(request):
    """Load each shipped classifier."""
    return request.param, load_pretrained(request.param)


def test_predicts_the_emotions_of_its_labels_at_once(shipped):
    name, clf = shipped
    faces = make_faces(7, random_state=0)
    further = ["contempt"] if name.startswith("ferplus") else []
    assert clf.classes_.tolist() == sorted([*faces.target_names, *further])
    probabilities = clf.predict_proba(faces.images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_takes_faces_of_any_size_and_colour(shipped):
    _, clf = shipped
    photo = make_faces(1, image_size=96, random_state=0).images
    assert clf.predict(np.repeat(photo[..., np.newaxis], 3, axis=-1)).shape == (1,)


def test_is_right_more_often_where_it_may_be_not_sure(shipped):
    _, clf = shipped
    chosen, others = (make_faces(140, random_state=seed) for seed in (0, 1))
    careful = AbstainingClassifier(FrozenEstimator(clf), target_accuracy=0.6)
    scores = selective_scores(
        careful.fit(chosen.images, chosen.target), others.images, others.target
    )
    assert 0.3 < scores["coverage"] < 0.9
    assert scores["accuracy"] > clf.score(others.images, others.target) + 0.05


def test_architecture_is_still_that_of_the_weights(shipped):
    _, clf = shipped
    network = ARCHITECTURES[clf.architecture](clf.image_shape_, len(clf.classes_))
    assert network.count_params() == clf.model_.count_params()


def test_sizes_are_those_that_were_promised(shipped):
    name, clf = shipped
    assert clf.model_.count_params() < SIZES[name]
    assert sum((_load._FOLDER / f"{n}.fer").stat().st_size for n in PRETRAINED) < 8e6


def test_card_is_of_these_weights(shipped):
    name, clf = shipped
    card = load_model_card(name)
    assert card.startswith(f"# {name}\n")
    assert f"SHA-256 of the weights: `{PRETRAINED[name]}`" in card
    assert f"| parameters | {clf.model_.count_params():,}," in card
    for part in ("Calibration", "Limits", "What it must not be used for"):
        assert f"## {part}" in card


def test_history_shows_that_the_last_epoch_was_kept(shipped):
    _, clf = shipped
    assert clf.best_epoch_ == clf.n_epochs_ == len(clf.history_["val_accuracy"])


@pytest.mark.parametrize("call", [load_pretrained, load_model_card])
def test_unknown_name_suggests_one_and_lists_all(call):
    with pytest.raises(ValueError, match=r"fer2013-bse.*Did you mean 'fer2013-base'") as error:
        call("fer2013-bse")
    assert all(name in str(error.value) for name in PRETRAINED)


def test_damaged_weights_are_told_by_their_checksum(tmp_path, monkeypatch):
    (name, *_) = PRETRAINED
    path = tmp_path / f"{name}.fer"
    shutil.copy(_load._FOLDER / path.name, path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(_load, "_FOLDER", tmp_path)
    with pytest.raises(ModelFileError, match=f"SHA-256 {PRETRAINED[name]} is expected"):
        load_pretrained(name)
    path.unlink()
    with pytest.raises(ModelFileError, match=r"it is missing.*Install it again"):
        load_pretrained(name)


def test_notebooks_show_model_cards_as_markdown_with_columns_that_line_up():
    card = load_model_card("fer2013-compact")
    shown = card._repr_markdown_()
    before, _, rest = card.partition("```text\n")
    assert shown.startswith(before + '<pre style="font-family: monospace">')
    report, _, _ = rest.partition("```")
    assert report in shown
    assert "```" not in shown
