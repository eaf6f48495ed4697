"""Make pictures with a pasted face, and pictures without faces."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

#: Height and width of the pictures, pixels.
PICTURE = (480, 640)

#: Pictures that scikit-image ships and that show no face.
PHOTOGRAPHS = (
    *("brick", "cell", "cat", "clock", "coffee", "coins", "colorwheel", "grass", "gravel"),
    *("hubble_deep_field", "immunohistochemistry", "logo", "moon", "page", "retina", "rocket"),
    "text",
)


class Picture(NamedTuple):
    """A picture, and where a face was pasted into it; `centre` is None if it shows no face."""

    pixels: np.ndarray
    centre: tuple = None
    side: float = 0.0
    tilt: float = 0.0


def paste_faces(faces, side, *, tilt=0.0, random_state=0):
    """Paste each face into a picture of its own.

    Parameters
    ----------
    faces : ndarray of shape (n, height, width), dtype uint8
        Grey levels of square crops.
    side : int
        Side of the pasted face, pixels.
    tilt : float, default=0
        Angle by which the face is turned to the left or right, degrees.
    random_state : int, default=0
        Seed of the backgrounds, places and directions.

    Yields
    ------
    Picture
    """
    rng = np.random.default_rng(random_state)
    for face in faces:
        picture = Image.fromarray(draw_background(rng))
        degrees = tilt * rng.choice([-1, 1])
        # As large as the turned face, so that none of its corners is cut off.
        whole = np.hypot(side, side) if degrees else side
        x, y = (
            rng.uniform(whole / 2, PICTURE[1] - whole / 2),
            rng.uniform(whole / 2, PICTURE[0] - whole / 2),
        )
        scaled = Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC)
        mask = Image.new("L", scaled.size, 255)
        turn = {"resample": Image.Resampling.BICUBIC, "expand": True}
        scaled, mask = scaled.rotate(degrees, **turn), mask.rotate(degrees, **turn)
        corner = round(x - scaled.width / 2), round(y - scaled.height / 2)
        picture.paste(scaled.convert("RGB"), corner, mask)
        centre = corner[0] + scaled.width / 2, corner[1] + scaled.height / 2
        yield Picture(np.asarray(picture), centre, side, degrees)


def draw_background(rng):
    """Draw shapes, take a part of a photograph, or draw noise."""
    return rng.choice([_draw_shapes, _draw_part_of_photograph, _draw_noise], p=[0.4, 0.4, 0.2])(rng)


def pictures_without_faces(n_pictures, *, random_state=0):
    """Return scikit-image's pictures, and parts of them, noise, blank pictures and shapes."""
    rng = np.random.default_rng(random_state)
    kinds = (_draw_part_of_photograph, _draw_noise, _draw_blank, _draw_shapes)
    whole = [_open(name) for name in PHOTOGRAPHS]
    parts = [kinds[i % len(kinds)](rng) for i in range(n_pictures - len(whole))]
    return [Picture(pixels) for pixels in [*whole, *parts]]


def _draw_shapes(rng):
    """Draw ellipses and rectangles on a colour gradient."""
    height, width = PICTURE
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    picture = Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(3, 20)):
        x, y = rng.integers(0, width), rng.integers(0, height)
        box = (x, y, x + rng.integers(5, 250), y + rng.integers(5, 250))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=tuple(int(level) for level in rng.integers(0, 256, 3)))
    return np.asarray(picture)


def _draw_part_of_photograph(rng):
    photograph = Image.fromarray(_open(rng.choice(PHOTOGRAPHS)))
    width, height = photograph.size
    share = rng.uniform(0.4, 1)
    part_width = min(width, height * PICTURE[1] / PICTURE[0]) * share
    part_height = part_width * PICTURE[0] / PICTURE[1]
    left, top = rng.uniform(0, width - part_width), rng.uniform(0, height - part_height)
    box = (left, top, left + part_width, top + part_height)
    return np.asarray(photograph.resize(PICTURE[::-1], Image.Resampling.BICUBIC, box=box))


def _draw_noise(rng):
    """Draw noise of a random grain."""
    grain = rng.integers(1, 40)
    small = rng.integers(0, 256, (PICTURE[0] // grain, PICTURE[1] // grain, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize(PICTURE[::-1], Image.Resampling.BILINEAR))


def _draw_blank(rng):
    return np.full((*PICTURE, 3), rng.integers(0, 256, 3), dtype=np.uint8)


def _open(name):
    from skimage import data

    pixels = getattr(data, name)()
    pixels = (pixels * 255).astype(np.uint8) if pixels.dtype == bool else pixels
    return np.asarray(Image.fromarray(pixels).convert("RGB"))
