"""Draw boxes and labels into photos, readable on light and dark, without overlapping labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from fer_estimators.faces._results import RecognizedFace

# The light ones of Okabe and Ito's colours: black words can be read on each of them.
_COLOURS = ("#56B4E9", "#E69F00", "#F0E442", "#CC79A7", "#1DBF92", "#FF8A3D")

# Shares of the photo's shorter side.
_FONT, _LINE = 1 / 26, 1 / 220

# To which a photo is enlarged, pixels: a strip of few lines would take gigabytes.
_LONGEST_SIDE = 4096


def annotate(
    photo: NDArray[np.uint8], faces: Sequence[RecognizedFace], *, min_side: int = 0
) -> NDArray[np.uint8]:
    """Draw faces into a copy of an RGB photo, of shape (height, width, 3), dtype uint8.

    A photo whose shorter side has fewer pixels than `min_side` is enlarged, to 4,096 pixels on the
    longer side at most.
    """
    image = Image.fromarray(np.ascontiguousarray(photo))
    scale = max(1.0, min(min_side / min(image.size), _LONGEST_SIDE / max(image.size)))
    if scale > 1:
        size = tuple(round(side * scale) for side in image.size)
        image = image.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    font = _load_font(max(11, round(min(image.size) * _FONT)))
    line = max(1, round(min(image.size) * _LINE))
    boxes = [_corners(face.box, scale) for face in faces]
    words = [
        f"{face.emotion} {face.probability:.0%}" if face.is_sure else str(face.emotion)
        for face in faces
    ]
    sizes = [_label_size(draw, text, font) for text in words]
    places = place_labels(boxes, sizes, image.size)
    colours = [
        _COLOURS[(i if face.id is None else face.id) % len(_COLOURS)]
        for i, face in enumerate(faces)
    ]
    for box, colour, face in zip(boxes, colours, faces, strict=True):
        _draw_box(draw, box, colour, line, dashed=not face.is_sure)
    for place, size, text, colour in zip(places, sizes, words, colours, strict=True):
        _draw_label(draw, place, size, text, font, colour)
    return np.asarray(image)


def _corners(box, scale):
    left, top, width, height = (side * scale for side in box)
    return left, top, left + width, top + height


@lru_cache(maxsize=32)
def _load_font(size) -> ImageFont.FreeTypeFont:
    try:
        from matplotlib import get_data_path
    except ImportError:
        # Where only an exported classifier is run. Pillow's own font knows fewer alphabets.
        return ImageFont.load_default(size)
    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _label_size(draw, text, font):
    left, _, right, _ = draw.textbbox((0, 0), text, font=font)
    ascent, descent = font.getmetrics()
    return round(right - left + 0.6 * font.size), round(ascent + descent + 0.15 * font.size)


def _draw_box(draw, box, colour, line, *, dashed):
    """Draw a coloured line with a black one on either side, so that it stands out anywhere."""
    for width, ink in ((3 * line, "black"), (line, colour)):
        for start, end in _edges(box, 8 * line if dashed else None):
            draw.line((*start, *end), fill=ink, width=width)


def _edges(box, dash):
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    for start, end in pairwise(corners):
        n_dashes = 1 if dash is None else max(2, round(np.abs(end - start).sum() / dash))
        share = np.linspace(0, 1, 2 * n_dashes)[:, None]
        points = start + share * (end - start)
        yield from zip(points[::2].tolist(), points[1::2].tolist(), strict=True)


def _draw_label(draw, place, size, text, font, colour):
    (left, top), (width, height) = place, size
    draw.rectangle((left, top, left + width, top + height), fill=colour, outline="black")
    draw.text((left + width / 2, top + height / 2), text, fill="black", font=font, anchor="mm")


def place_labels(
    boxes: Sequence[tuple[float, float, float, float]],
    sizes: Sequence[tuple[int, int]],
    canvas: tuple[int, int],
) -> list[tuple[float, float]]:
    """Choose a place for each label: near its box, in the picture, off other labels and faces.

    All in pixels: boxes are (left, top, right, bottom), `sizes` those of the labels and `canvas`
    that of the picture, (width, height); places are (left, top).
    """
    placed: list[tuple[float, float, float, float]] = []
    for box, (width, height) in zip(boxes, sizes, strict=True):

        def cost(place, size=(width, height), own=box):
            label = (*place, place[0] + size[0], place[1] + size[1])
            on_labels = sum(_shared_area(label, other) for other in placed)
            on_faces = sum(_shared_area(label, other) for other in boxes if other is not own)
            return 100 * on_labels + 2 * on_faces + 0.5 * _shared_area(label, own)

        best = min(_candidates(box, (width, height), canvas), key=cost)
        placed.append((*best, best[0] + width, best[1] + height))
    return [(left, top) for left, top, _, _ in placed]


def _candidates(box, size, canvas):
    """Yield places for a label, the best ones first, all of them within the picture."""
    (left, top, right, bottom), (width, height) = box, size
    columns = (left, right - width, (left + right - width) / 2)
    rows = (top - height - 2, bottom + 2, top, bottom - height)
    places = [(x, y) for y in rows for x in columns]
    middle = (top + bottom - height) / 2
    places += [
        (x, y) for y in (top, middle, bottom - height) for x in (right + 2, left - width - 2)
    ]
    away = [n * (height + 2) for n in range(1, 12)]
    places += [(left, y) for step in away for y in (rows[0] - step, rows[1] + step)]
    for x, y in places:
        yield (
            min(max(x, 0), max(0, canvas[0] - width - 1)),
            min(max(y, 0), max(0, canvas[1] - height - 1)),
        )


def _shared_area(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)
