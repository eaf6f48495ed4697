"""Loaders that list files and read them later."""

import numpy as np
import pytest
from PIL import Image

from fer_estimators import ImageFiles
from fer_estimators.datasets import load_fer2013, load_image_folder
from fer_estimators.exceptions import DatasetError

LOADERS = [load_fer2013, load_image_folder]


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "val"):
        for level, emotion in enumerate(("angry", "happy")):
            place = tmp_path / "set" / split / emotion
            place.mkdir(parents=True)
            for i in range(3):
                Image.new("L", (48, 48), 50 * level + i).save(place / f"{i}.png")
    return tmp_path / "set"


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.filterwarnings("ignore:no images of:UserWarning")
def test_files_are_those_of_the_loader_in_the_same_order(load, folder):
    loaded = load(folder, split="train", image_size=16)
    lazy = load(folder, split="train", image_size=16, lazy=True)
    assert isinstance(lazy.images, ImageFiles)
    assert lazy.data is lazy.images
    np.testing.assert_array_equal(np.asarray(lazy.images), loaded.images)
    for name in ("target", "target_names", "filenames", "split"):
        assert lazy[name].tolist() == loaded[name].tolist()
    X, y = load(folder, split="train", image_size=16, lazy=True, return_X_y=True)
    assert (X.shape, len(y)) == ((6, 16, 16), 6)


def test_nothing_is_opened(folder):
    (folder / "train" / "angry" / "1.png").write_bytes(b"?")
    files = load_image_folder(folder, image_size=16, lazy=True, on_error="skip", n_jobs=2).images
    assert len(files) == 12
    assert (files.on_error, files.n_jobs) == ("skip", 2)
    assert load_image_folder(folder, image_size=16, lazy=True, color=True).images.ndim == 4


@pytest.mark.filterwarnings("ignore:no images of:UserWarning")
def test_images_of_fer2013_have_their_own_size(folder):
    assert load_fer2013(folder, lazy=True).images.shape == (6, 48, 48)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("option", [{"cache": "cache"}, {"verify": "sha256"}])
def test_what_needs_all_pixels_is_refused(load, folder, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))}=.* with lazy=True"):
        load(folder, image_size=16, lazy=True, **option)


def test_a_folder_of_images_needs_a_size(folder):
    with pytest.raises(ValueError, match="needs image_size"):
        load_image_folder(folder, lazy=True)


def test_archives_and_tables_are_refused(tmp_path):
    rows = "".join(f"{code},{' '.join(['128'] * 2304)},Training\n" for code in range(7))
    table = tmp_path / "fer2013.csv"
    table.write_text(f"emotion,pixels,Usage\n{rows}")
    for path in (table, tmp_path):
        with pytest.raises(DatasetError, match=r"is a table\. Unpack it"):
            load_fer2013(path, lazy=True)
