"""Small sets on disk, in FER2013's common distribution formats."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
PREFIX = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}


def encode(pixels, kind="JPEG", **options):
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(file, kind, **options)
    return file.getvalue()


def draw(seed, shape=(48, 48)):
    """Smooth random pixels, which JPEG keeps nearly."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BILINEAR))


def fer_files(splits=("train", "val", "test"), n=2):
    """A dict from path to bytes: `n` images of each emotion in each split."""
    return {
        f"{split}/{emotion}/{PREFIX[split]}_{index}.jpg": encode(draw([si, ei, index]))
        for si, split in enumerate(splits)
        for ei, emotion in enumerate(EMOTIONS)
        for index in range(n)
    }


def write_folder(root, files):
    for path, data in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return root


def write_zip(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def csv_rows(bunch):
    """The rows of fer2013.csv made of what was loaded."""
    usage = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}
    for row, emotion, split in zip(bunch.data, bunch.target, bunch.split, strict=True):
        yield str(EMOTIONS.index(emotion)), " ".join(map(str, row)), usage[split]


class Fakes:
    """The helpers above, as one fixture: test modules do not import each other."""

    emotions = EMOTIONS
    encode = staticmethod(encode)
    draw = staticmethod(draw)
    files = staticmethod(fer_files)
    folder = staticmethod(write_folder)
    zip = staticmethod(write_zip)
    csv_rows = staticmethod(csv_rows)


@pytest.fixture(scope="session")
def fakes():
    return Fakes


@pytest.fixture
def fer_folder(tmp_path):
    return write_folder(tmp_path / "fer", fer_files())
