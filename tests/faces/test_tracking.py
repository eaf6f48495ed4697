"""Matching the faces of a frame to those of earlier frames."""

import numpy as np
import pytest

from fer_estimators.faces import Face, FaceDetector
from fer_estimators.faces._drawing import place_labels
from fer_estimators.faces._following import FaceFinder, find_near
from fer_estimators.faces._tracking import Tracker, match_faces

ONE = np.array([[1.0, 0.0]])


def boxes(*lefts, top=10, side=40):
    return [Face((left, top, side, side)) for left in lefts]


def ids_of(tracker, faces, time, proba=None):
    proba = np.repeat(ONE, len(faces), axis=0) if proba is None else proba
    return [track.id for track in tracker.update(faces, proba, time)]


def test_faces_that_pass_in_another_order_keep_their_numbers():
    tracker = Tracker(smoothing=0)
    assert ids_of(tracker, boxes(0, 100), 0.0) == [1, 2]
    assert ids_of(tracker, boxes(95, 5), 0.1) == [2, 1]


def test_a_face_that_leaps_further_than_its_box_goes_to_the_nearest():
    tracker = Tracker(smoothing=0)
    ids_of(tracker, boxes(0, 200), 0.0)
    assert ids_of(tracker, boxes(45, 200), 0.1) == [1, 2]


def test_the_best_pairing_of_all_is_taken():
    assert match_faces(boxes(0, 20), boxes(12, 35)) == {0: 0, 1: 1}


def test_a_face_that_stays_keeps_its_number_when_its_neighbours_change():
    """One leaves at its right while another comes at its left: both overlap it a little."""
    before, now = boxes(100, 125), boxes(75, 100)
    assert match_faces(before, now)[1] == 0


def test_a_face_far_away_is_another_one():
    tracker = Tracker(smoothing=0)
    ids_of(tracker, boxes(0), 0.0)
    assert ids_of(tracker, boxes(300), 0.1) == [2]


@pytest.mark.parametrize(("gap", "expected"), [(0.5, 1), (2.0, 2)])
def test_a_number_outlasts_a_short_absence(gap, expected):
    tracker = Tracker(smoothing=0)
    ids_of(tracker, boxes(0), 0.0)
    assert ids_of(tracker, [], 0.1) == []
    assert ids_of(tracker, boxes(0), gap) == [expected]


def test_tracks_of_faces_long_gone_are_dropped():
    tracker = Tracker(smoothing=0)
    for number in range(100):
        ids_of(tracker, boxes(500 * number), 10.0 * number)
    assert len(tracker.tracks) <= 2


def test_a_face_in_each_of_few_frames_keeps_its_number():
    tracker = Tracker(smoothing=0)
    assert [ids_of(tracker, boxes(0), 5.0 * number) for number in range(3)] == [[1]] * 3
    assert ids_of(tracker, [], 15.0) == []
    assert ids_of(tracker, boxes(0), 20.0) == [2]


@pytest.mark.parametrize("fps", [5, 50])
def test_smoothing_depends_on_seconds_and_not_on_frames(fps):
    tracker = Tracker(smoothing=0.5)
    ids_of(tracker, boxes(0), 0.0)
    for frame in range(1, fps + 1):
        [track] = tracker.update(boxes(0), np.array([[0.0, 1.0]]), frame / fps)
    np.testing.assert_allclose(track.probabilities, [np.exp(-2), 1 - np.exp(-2)], rtol=1e-6)


class CountingDetector(FaceDetector):
    """Follows like FaceDetector, but finds a fixed face."""

    def detect(self, photo):
        self.n_searches = getattr(self, "n_searches", 0) + 1
        return boxes(30)


def test_whole_frames_are_searched_now_and_then(monkeypatch):
    monkeypatch.setattr(
        "fer_estimators.faces._following.find_near", lambda frame, face, detect: face
    )
    detector = CountingDetector()
    finder = FaceFinder(detector, search_every=0.5)
    for number in range(30):
        assert len(finder.find(np.zeros((80, 80, 3), np.uint8), number / 10)) == 1
    assert detector.n_searches == 6


def test_a_lost_face_is_searched_at_once(monkeypatch):
    monkeypatch.setattr(
        "fer_estimators.faces._following.find_near", lambda frame, face, detect: None
    )
    detector = CountingDetector()
    finder = FaceFinder(detector, search_every=100)
    for number in range(3):
        assert len(finder.find(np.zeros((80, 80, 3), np.uint8), number / 10)) == 1
    assert detector.n_searches == 3


@pytest.mark.parametrize(
    ("first", "again", "n_searches"), [(0.8, None, 1), (0.5, 0.8, 1), (0.5, 0.6, 2)]
)
def test_a_face_is_followed_at_the_score_that_the_detector_asks_for(
    monkeypatch, first, again, n_searches
):
    candidates = np.array([[30.0, 10, 40, 40, *[20] * 12]])

    def look_again(region, candidates, scores):
        assert again is not None
        return candidates, np.array([again])

    following = "fer_estimators.faces._following"
    monkeypatch.setattr(f"{following}.search", lambda *_: (candidates, np.array([first])))
    monkeypatch.setattr(f"{following}.look_again", look_again)
    detector = CountingDetector(min_score=0.7)
    finder = FaceFinder(detector, search_every=100)
    for number in range(2):
        assert len(finder.find(np.zeros((80, 80, 3), np.uint8), number)) == 1
    assert detector.n_searches == n_searches


@pytest.mark.parametrize("left", [-30, 0, 50, 95])
def test_a_face_found_near_its_last_place_has_its_place_in_the_frame(left):
    frame = np.zeros((100, 120, 3), dtype=np.uint8)
    frame[40:60, max(0, left + 5) : left + 25] = 255

    def detect(region):
        rows, columns = np.nonzero(region[..., 0])
        if not len(rows):
            return []
        box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        return [Face(box, np.array([[columns.min(), rows.min()]] * 6))]

    found = find_near(frame, Face((left, 38, 22, 22)), detect)
    if not frame.any():
        assert found is None
    else:
        assert found.box[:2] == (max(0, left + 5), 40)
        assert found.landmarks[0].tolist() == [max(0, left + 5), 40]


@pytest.mark.parametrize("seed", range(20))
def test_labels_of_eight_close_faces_do_not_overlap(seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-20, [600, 440], (8, 2))
    faces = [(*corner, *(corner + rng.uniform(30, 120))) for corner in corners]
    sizes = [(110, 24)] * 8
    places = place_labels(faces, sizes, (640, 480))
    for number, (left, top) in enumerate(places):
        assert 0 <= left <= 640 - 110
        assert 0 <= top <= 480 - 24
        for x, y in places[:number]:
            assert abs(x - left) >= 110 or abs(y - top) >= 24
