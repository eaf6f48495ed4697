"""Crops of faces, one by one and as a step of a pipeline."""

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from fer_estimators.datasets import make_faces
from fer_estimators.faces import Face, FaceCropper, crop_faces
from fer_estimators.faces._square import Square

EYES = np.array([[30.0, 40.0], [60.0, 40.0], [45, 55], [45, 65], [20, 45], [70, 45]])


@pytest.fixture(scope="module")
def photo():
    """A drawn face of 120 pixels."""
    return make_faces(1, image_size=120, random_state=0).images[0]


def test_an_upright_square_is_the_photo_resized(photo):
    colour = np.dstack([photo] * 3)
    whole = Square((60.0, 60.0), 120.0).cut(colour, (60, 60))
    expected = np.asarray(Image.fromarray(colour).reduce(2), dtype=int)
    assert np.abs(whole - expected).max() <= 1


@pytest.mark.parametrize("factor", [0.7, 1.3, 1.9, 2.6, 5.2])
def test_a_rough_cut_shows_the_same_as_a_smooth_one(photo, factor):
    large = Image.fromarray(photo).convert("RGB").resize((round(120 * factor),) * 2)
    square = Square((60 * factor, 55 * factor), 90 * factor, 20.0)
    smooth, rough = (square.cut(np.asarray(large), (90, 90), smooth=s) for s in (True, False))
    assert np.abs(smooth.astype(float) - rough).mean() < 3


def test_a_tilted_face_is_turned_upright(photo):
    tilted = np.rot90(photo)
    turned = np.array([[y, 120 - x] for x, y in EYES])
    upright = crop_faces(photo, [Face((20.0, 30.0, 60.0, 60.0), EYES)])
    again = crop_faces(tilted, [Face((30.0, 40.0, 60.0, 60.0), turned)])
    assert np.abs(upright.astype(int) - again).mean() < 2


def test_crops_have_the_framing_of_fer2013():
    photo = np.zeros((200, 200), dtype=np.uint8)
    photo[80:180, 60:160] = 255
    (crop,) = crop_faces(photo, [Face((60.0, 80.0, 100.0, 100.0))], image_size=118)
    rows, columns = np.flatnonzero(crop.max(1) > 127), np.flatnonzero(crop.max(0) > 127)
    assert (rows[0], len(rows)) == pytest.approx((20, 98), abs=1)
    assert (columns[0], len(columns)) == pytest.approx((9, 100), abs=1)


@pytest.mark.parametrize("centre", [(5, 8), (118, 60), (60, 119), (-60, 60), (60, 200), (60, 60)])
def test_beyond_the_edge_the_outermost_pixels_go_on(photo, centre):
    photo = np.dstack([photo] * 3)
    padded = np.pad(photo, ((150, 150), (150, 150), (0, 0)), mode="edge")
    expected = Square(tuple(np.add(centre, 150)), 80.0, 30.0).cut(padded, (40, 40))
    np.testing.assert_array_equal(Square(centre, 80.0, 30.0).cut(photo, (40, 40)), expected)


@pytest.mark.parametrize(("color", "shape"), [(False, (1, 24, 32)), (True, (1, 24, 32, 3))])
def test_sizes_and_colours(photo, color, shape):
    face = Face((20.0, 30.0, 80.0, 80.0))
    crops = crop_faces(photo, [face], image_size=(24, 32), color=color)
    assert (crops.shape, crops.dtype) == (shape, np.uint8)


def test_no_faces_give_no_crops(photo):
    assert crop_faces(photo, []).shape == (0, 48, 48)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((30.0, 30.0, 0.0, 20.0), "less than a pixel"),
        ((500.0, 500.0, 20.0, 20.0), "outside the photo"),
        ((np.nan, 0.0, 20.0, 20.0), "not four finite numbers"),
        ((0.0, 0.0, 1e5, 1e5), "3 times as large"),
    ],
)
def test_boxes_that_show_no_face_are_not_cut_out(photo, box, message):
    with pytest.raises(ValueError, match=message):
        crop_faces(photo, [Face(box)])


def test_a_box_alone_is_not_a_face(photo):
    with pytest.raises(TypeError, match=r"Make one from a box .*: Face\(box\)"):
        crop_faces(photo, [(20.0, 30.0, 80.0, 80.0)])


def middle(photo):
    height, width = photo.shape[:2]
    return [(width / 4, height / 4, width / 2, height / 2)]


def test_files_and_photos_of_any_size_go_into_one_array(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "a.png")
    Image.fromarray(photo[:90]).save(tmp_path / "b.png")
    cropper = clone(FaceCropper(32, detector=middle, root=tmp_path))
    crops = cropper.fit_transform(["a.png", "b.png"])
    assert crops.shape == (2, 32, 32)
    np.testing.assert_array_equal(crops, cropper.transform([photo, Image.fromarray(photo[:90])]))


def test_the_largest_face_is_taken(photo):
    several = FaceCropper(detector=lambda photo: [(0, 0, 9, 9), (30, 30, 60, 60), (90, 90, 9, 9)])
    one = FaceCropper(detector=lambda photo: [(30, 30, 60, 60)])
    np.testing.assert_array_equal(several.transform([photo]), one.transform([photo]))


def test_a_file_that_is_nearly_black_is_a_photo(photo, tmp_path):
    Image.fromarray(photo // 128).save(tmp_path / "night.png")
    (crop,) = FaceCropper(32, detector=middle).transform([tmp_path / "night.png"])
    assert crop.max() == 1


def test_photos_without_a_face_are_named(photo):
    cropper = FaceCropper(detector=lambda photo: [])
    with pytest.raises(ValueError, match=r"in 2 of 2 photos: X\[0\]; X\[1\]"):
        cropper.transform([photo, photo])


def test_photos_without_a_face_may_be_taken_whole(photo):
    cropper = FaceCropper(120, detector=lambda photo: [], on_missing="whole")
    with pytest.warns(UserWarning, match="No face was found in 1 of 1"):
        (crop,) = cropper.transform([photo])
    assert np.abs(crop.astype(int) - photo).mean() < 2


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="2 of 2 photos cannot be read"):
        FaceCropper(root=tmp_path).transform(["a.png", "b.png"])


@pytest.mark.parametrize(
    ("X", "error"), [("a.png", TypeError), (np.zeros((30, 40, 3), np.uint8), ValueError)]
)
def test_one_photo_is_not_several(X, error):
    with pytest.raises(error, match=r"Pass \[X\]"):
        FaceCropper(detector=middle).fit_transform(X)


@pytest.mark.parametrize("X", [{"a.png", "b.png"}, {"a.png": 1}, [], iter(["a.png"])])
def test_photos_without_an_order_or_a_length_are_refused(X):
    with pytest.raises(ValueError, match=r"X is .*, but photos are expected, at least one: a list"):
        FaceCropper(detector=middle).fit_transform(X)


def test_an_array_that_is_not_a_photo_is_named(photo):
    with pytest.raises(ValueError, match=r"X\[1\]: photo has float values"):
        FaceCropper(detector=middle).transform([photo, photo / 255])


def test_a_photo_in_which_the_detector_fails_is_named(photo, tmp_path):
    Image.fromarray(photo[:20]).save(tmp_path / "low.png")
    cropper = FaceCropper(detector=lambda photo: [(10, 30, 40, 40)])
    with pytest.raises(ValueError, match=r"low\.png: detector.*lies outside the photo"):
        cropper.transform([photo, tmp_path / "low.png"])


def test_cropper_comes_before_any_classifier(photo):
    from sklearn.dummy import DummyClassifier

    pipeline = make_pipeline(FaceCropper(16, detector=middle), DummyClassifier())
    assert pipeline.fit([photo, photo], ["happy", "sad"]).predict([photo]).shape == (1,)
