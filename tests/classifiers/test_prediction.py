"""Several views of an image, images of other shapes, and labels that were never seen."""

import numpy as np
import pytest

from fer_estimators import ImageResizer, _prediction, make_faces


@pytest.fixture
def changed(fitted):
    """Set parameters of the fitted network, for one test."""
    before = fitted.get_params()
    yield lambda **params: fitted.set_params(**params)
    fitted.set_params(**before)


def test_flip_averages_an_image_and_its_mirror_image(fitted, changed, faces):
    there = fitted.predict_proba(faces.images)
    mirrored = fitted.predict_proba(faces.images[:, :, ::-1])
    averaged = changed(tta="flip").predict_proba(faces.images)
    np.testing.assert_allclose(averaged, (there + mirrored) / 2, atol=1e-6)
    assert np.abs(averaged - there).max() > 1e-3


def test_crops_average_ten_views(fitted, changed, faces):
    images = faces.images[:5]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    corners = [(1, 1), (0, 0), (0, 2), (2, 0), (2, 2)]
    views = [padded[:, top : top + 16, left : left + 16] for top, left in corners]
    views += [view[:, :, ::-1] for view in views]
    expected = np.mean([fitted.predict_proba(view) for view in views], axis=0)
    averaged = changed(tta="crops").predict_proba(images)
    np.testing.assert_allclose(averaged, expected, atol=1e-6)


@pytest.mark.parametrize("tta", ["flip", "crops"])
def test_views_change_nothing_in_training(tta, make, faces):
    plain, viewed = (make(tta=t).fit(faces.images, faces.target) for t in (None, tta))
    plain.set_params(tta=tta)
    expected = plain.predict_proba(faces.images)
    np.testing.assert_array_equal(viewed.predict_proba(faces.images), expected)


def test_unknown_views_are_refused(make, faces):
    with pytest.raises(ValueError, match="The 'tta' parameter of"):
        make(tta="flop").fit(faces.images, faces.target)


def test_views_that_were_set_later_are_checked_too(fitted, changed, faces):
    with pytest.raises(
        ValueError, match=r"tta='flop' is unknown; expected None, 'flip' or 'crops'"
    ):
        changed(tta="flop").predict(faces.images)
    with pytest.raises(ValueError, match="handle_other_shapes='Convert' is unknown"):
        changed(tta=None, handle_other_shapes="Convert").predict(faces.images[:, :12, :12])


def test_other_shapes_are_refused_unless_asked_for(fitted):
    with pytest.raises(ValueError, match="handle_other_shapes='convert'"):
        fitted.predict(make_faces(7, image_size=32, random_state=0).images)


def test_other_sizes_and_colours_are_converted_as_the_transformers_do(fitted, changed):
    larger = make_faces(70, image_size=32, random_state=1).images
    expected = fitted.predict_proba(ImageResizer(16).fit_transform(larger))
    changed(handle_other_shapes="convert")
    np.testing.assert_array_equal(fitted.predict_proba(larger), expected)
    rgb = np.repeat(larger[..., np.newaxis], 3, axis=-1)
    np.testing.assert_array_equal(fitted.predict_proba(rgb), expected)
    np.testing.assert_array_equal(fitted.predict_proba(rgb.astype(float)), expected)


def test_images_are_converted_batch_by_batch(fitted, changed, monkeypatch):
    sizes = []

    def convert(images, shape):
        sizes.append(len(images))
        return images[:, : shape[0], : shape[1]]

    monkeypatch.setattr(_prediction, "convert_to_shape", convert)
    changed(handle_other_shapes="convert", batch_size=20)
    fitted.predict(make_faces(70, image_size=32, random_state=1).images)
    assert sizes == [20, 20, 20, 10]


def test_grey_becomes_rgb_for_a_network_of_colours(cnn, faces):
    rgb = np.repeat(faces.images[..., np.newaxis], 3, axis=-1)
    clf = cnn(handle_other_shapes="convert").fit(rgb, faces.target)
    expected = clf.predict_proba(rgb)
    np.testing.assert_array_equal(clf.predict_proba(faces.images), expected)
    # Rounded as where the size is converted, not cut.
    nearly = np.maximum(faces.images, 1) - 0.4
    expected = clf.predict_proba(np.maximum(rgb, 1))
    np.testing.assert_array_equal(clf.predict_proba(nearly), expected)


def test_colours_weigh_as_in_the_loaders(cnn, faces):
    clf = cnn(epochs=3, handle_other_shapes="convert").fit(faces.images, faces.target)
    # Rec. 601: a green of 200 is a grey of 117.
    green = np.zeros((1, 16, 16, 3), dtype=np.uint8)
    green[:, :8, :, 1] = 200
    grey = np.zeros((1, 16, 16), dtype=np.uint8)
    grey[:, :8] = 117
    np.testing.assert_array_equal(clf.predict_proba(green), clf.predict_proba(grey))


def test_label_that_was_never_seen_is_a_mistake_with_a_warning(fitted, faces):
    target = faces.target.astype("<U9").copy()
    right = fitted.predict(faces.images) == target
    target[np.flatnonzero(right)[0]] = "contempt"
    with pytest.warns(UserWarning, match=r"y holds the labels contempt, but"):
        score = fitted.score(faces.images, target)
    assert score == pytest.approx((right.sum() - 1) / len(right))
