"""A photo in any of the usual formats."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from fer_estimators.exceptions import ImageReadError
from fer_estimators.faces import read_photo

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
RGB = np.dstack([GREY, GREY, GREY])


@pytest.mark.parametrize(
    "photo",
    [
        GREY,
        GREY[..., None],
        GREY.astype(float),
        GREY.astype(np.int64),
        GREY.astype(np.uint16) * 257,
        (GREY.astype(np.uint16) * 257).astype(">u2"),
        GREY + 1e-12,
        GREY - 1e-12,
        RGB,
        np.dstack([RGB, np.full_like(GREY, 255)]),
        Image.fromarray(GREY),
        Image.fromarray(RGB).convert("RGBA"),
    ],
)
def test_forms_of_one_photo_give_the_same_pixels(photo):
    np.testing.assert_array_equal(read_photo(photo), RGB)


def test_files_and_their_bytes_are_read(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    for photo in (tmp_path / "photo.png", str(tmp_path / "photo.png")):
        np.testing.assert_array_equal(read_photo(photo), RGB)
    np.testing.assert_array_equal(read_photo((tmp_path / "photo.png").read_bytes()), RGB)


def test_other_formats_are_shown_a_way_and_damaged_files_are_not(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.gif")
    with pytest.raises(ImageReadError, match=r"GIF is not allowed.*opened with Pillow"):
        read_photo(tmp_path / "photo.gif")
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(ImageReadError, match=r"photo\.png': empty file\.$"):
        read_photo(tmp_path / "photo.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_cut_files_are_refused_where_pillow_would_fill_them(kind, monkeypatch):
    file = io.BytesIO()
    Image.fromarray(np.tile(RGB, (9, 9, 1))).save(file, kind)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(ImageReadError, match=r"damaged|LOAD_TRUNCATED_IMAGES is set"):
        read_photo(file.getvalue()[: len(file.getvalue()) // 2])


def test_photos_are_turned_as_their_metadata_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG", exif=exif)
    assert read_photo(file.getvalue()).shape == (6, 4, 3)
    assert read_photo(Image.open(file)).shape == (6, 4, 3)


def test_hidden_pixels_stay_hidden():
    transparent = np.dstack([RGB, np.zeros_like(GREY)])
    assert read_photo(transparent).max() == 0


@pytest.mark.parametrize(
    ("photo", "error", "message"),
    [
        ("nowhere.jpg", FileNotFoundError, "'nowhere.jpg' does not exist"),
        (b"no image", ImageReadError, "not an image"),
        (None, TypeError, "photo=None"),
        (RGB[None], ValueError, "one by one"),
        (np.zeros((3, 40, 40)), ValueError, "channels seem to come first"),
        (np.zeros((0, 4)), ValueError, "no pixels"),
        (np.full((4, 4), np.nan), ValueError, "16 values that are NaN"),
        (GREY / 255, ValueError, r"Pass photo \* 255"),
        (GREY * 2.0, ValueError, "from 0.0 to 460.0"),
        (GREY.astype(np.uint16), ValueError, "dtype uint16"),
        (np.dstack([RGB * 1.0, np.ones_like(GREY)]), ValueError, "alpha channel of at most 1"),
    ],
)
def test_what_is_not_a_photo_is_refused(photo, error, message):
    with pytest.raises(error, match=message):
        read_photo(photo)


# As dark as a photo on a scale of 0..1, in which no face is found.
LARGE = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)


@pytest.mark.parametrize(
    "photo",
    [
        LARGE / 127.5,
        (LARGE / 127.5).astype(np.float32),
        np.where(LARGE == 255, 1.0000000000000002, LARGE / 255),
        LARGE / LARGE.std(),
        (LARGE / 255).round().astype(np.uint8),
        (LARGE / 255).round().astype(int),
        LARGE.astype(np.uint16) * 4,
        LARGE.astype(np.uint16) * 16,
    ],
)
def test_photos_on_another_scale_are_refused(photo):
    with pytest.raises(ValueError, match=r"multiplied|0\.\.1|of 10 or 12"):
        read_photo(photo)


def test_dark_photos_and_masks_of_nothing_are_taken():
    dark = LARGE // 8
    np.testing.assert_array_equal(read_photo(dark.astype(float))[..., 0], dark)
    assert read_photo(np.zeros((24, 32), np.uint8)).max() == 0
    assert read_photo(np.zeros((24, 32))).max() == 0


def test_masked_photos_are_refused():
    with pytest.raises(ValueError, match="masked"):
        read_photo(np.ma.masked_greater(LARGE, 200))
