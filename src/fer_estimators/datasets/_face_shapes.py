"""The shapes of a drawn face: from traits to polygons to pixels.

Polygons are arrays of shape (n_faces, n_points, 2) in *face units*: origin in the middle of the
face, x to the right, y downwards, chin at about 1. All faces of a chunk are built at once; only
the filling of the polygons, which Pillow does, goes face by face.
"""

import numpy as np
from PIL import Image, ImageDraw

# Long side of the supersampled canvas, in pixels: enough for the thinnest brow.
_CANVAS = 96
_ARC = np.linspace(0, 2 * np.pi, 29)[:-1]
_SPAN = np.linspace(-1, 1, 13)


def draw_faces(traits, image_size):
    """Draw the faces of some traits, before lighting and noise: grey levels 0 to 255, dtype uint8.

    The traits are those of ``_face_traits.draw_traits``; the images are squares.
    """
    factor = max(2, -(-_CANVAS // image_size))
    layers = [
        (_to_pixels(polygons, traits, image_size * factor), shades.astype(int).tolist(), shown)
        for polygons, shades, shown in _layers(traits)
    ]
    n_faces = len(traits["roll"])
    return np.stack([_rasterise(i, layers, image_size, factor) for i in range(n_faces)])


def _rasterise(i, layers, image_size, factor):
    side = image_size * factor
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for polygons, shades, shown in layers:
        if shown is None or shown[i]:
            draw.polygon(polygons[i], fill=shades[i])
    return np.asarray(canvas.reduce(factor))


def _to_pixels(polygons, t, side):
    """Roll, scale and shift the polygons; return one flat list of x, y, x, y, ... per face."""
    x, y = polygons[..., 0], polygons[..., 1]
    cos, sin = np.cos(t["roll"])[:, None], np.sin(t["roll"])[:, None]
    scale = t["scale"][:, None]
    turned_x = (x * cos - y * sin) * scale + t["shift_x"][:, None]
    turned_y = (x * sin + y * cos) * scale + t["shift_y"][:, None]
    pixels = (np.stack([turned_x, turned_y], axis=-1) + 1) * (side / 2)
    return pixels.reshape(len(pixels), -1).tolist()


def _layers(t):
    """Yield (polygons, shades, shown) from back to front; shown is None where always drawn."""
    yield from _background(t)
    yield from _head(t)
    yield from _eyes(t)
    yield from _nose(t)
    yield from _mouth(t)
    yield from _creases(t)
    yield from _brows(t)
    yield from _glasses(t)


# Building blocks ------------------------------------------------------------------------------


def _column(values):
    return np.asarray(values, dtype=float).reshape(-1, 1)


def _points(x, y):
    """Join coordinates, each of shape (n, k), (n, 1) or (k,), to polygons of shape (n, k, 2)."""
    return np.stack(np.broadcast_arrays(x, y), axis=-1)


def _ellipse(x, y, radius_x, radius_y):
    return _points(
        _column(x) + _column(radius_x) * np.cos(_ARC), _column(y) + _column(radius_y) * np.sin(_ARC)
    )


def _stroke(line, half_width):
    """Return the outline of a line of shape (n, k, 2), thinner towards both ends."""
    along = np.gradient(line, axis=1)
    normal = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    taper = np.sqrt(1 - 0.75 * np.linspace(-1, 1, line.shape[1]) ** 2)
    offset = normal * (_column(half_width) * taper)[..., None]
    return np.concatenate([line + offset, (line - offset)[:, ::-1]], axis=1)


def _turn(points, t):
    """Turn the head: move points that lie on the front of an egg by yaw and pitch."""
    x, y = points[..., 0], points[..., 1]
    depth = 0.75 * np.sqrt(np.clip(1 - (x / (1.05 * _column(t["width"]))) ** 2 - y**2, 0, None))
    yaw, pitch = _column(t["yaw"]), _column(t["pitch"])
    return np.stack(
        [x * np.cos(yaw) + depth * np.sin(yaw), y * np.cos(pitch) + depth * np.sin(pitch)], axis=-1
    )


# Parts of the picture -------------------------------------------------------------------------


def _background(t):
    n = len(t["roll"])
    everywhere = np.tile([[-6.0, -6], [6, -6], [6, 6], [-6, 6]], (n, 1, 1))
    yield everywhere, t["ground"], None
    edge = _column(t["stripe_x"])
    yield (
        _points(edge + np.array([0, 0.6, 1.4, 0.3]), np.array([-6.0, -6, 6, 6])),
        t["stripe"],
        None,
    )
    yield (
        _ellipse(0.35 * t["yaw"], np.full(n, 1.95), np.full(n, 1.3), np.full(n, 0.8)),
        t["cloth"],
        None,
    )


def _head(t):
    zero, width = np.zeros_like(t["width"]), t["width"]
    hairy = ~t["bald"]
    yield _ellipse(zero, -0.12 + zero, width * 1.16, 1.02 + zero), t["hair"], hairy
    yield (
        _points(
            _column(width) * 1.13 * np.array([-1, 1, 1.1, -1.1]), np.array([-0.1, -0.1, 0.95, 0.95])
        ),
        t["hair"],
        hairy & t["long_hair"],
    )
    yield (
        _points(
            _column(width) * np.array([-0.55, 0.55, 0.6, -0.6]), np.array([0.5, 0.5, 1.5, 1.5])
        ),
        t["shadow"],
        None,
    )
    for side in (-1, 1):
        ear = _ellipse(side * width * 1.0 - 0.12 * t["yaw"], zero, 0.09 + zero, 0.17 + zero)
        yield ear, t["shadow"], ~t["long_hair"] | t["bald"]
    down = np.sin(_ARC)
    narrowing = 1 - _column(t["jaw"]) * np.clip(down, 0, None) ** 1.5
    outline = _points(_column(width) * narrowing * np.cos(_ARC), 1.0 * down)
    yield outline, t["skin"], None
    yield _beard(t), t["beard_shade"], t["beard"]
    yield _fringe(t), t["hair"], hairy


def _beard(t):
    """Return the lower face: jaw line down, upper edge under the cheekbones."""
    angle = np.linspace(0.08, np.pi - 0.08, 17)
    narrowing = 1 - _column(t["jaw"]) * np.sin(angle) ** 1.5
    jaw = _points(_column(t["width"]) * narrowing * np.cos(angle), np.sin(angle))
    upper = _points(_column(t["width"]) * 0.93 * _SPAN, 0.32 + 0.08 * np.cos(2 * np.pi * _SPAN))
    return np.concatenate([jaw, upper], axis=1)


def _fringe(t):
    """Return the hair over the forehead, its lower edge parted to one side."""
    angle = np.linspace(1.08 * np.pi, 1.92 * np.pi, 17)
    crown = _points(_column(t["width"]) * 1.08 * np.cos(angle), 1.06 * np.sin(angle))
    edge = _column(t["hairline"]) + 0.22 * (_SPAN[::-1] - _column(t["parting"])) ** 2
    forehead = _points(_column(t["width"]) * 0.97 * _SPAN[::-1], np.minimum(edge, -0.25))
    return np.concatenate([crown, _lean(forehead, t)], axis=1)


def _lean(points, t):
    """Shift points by half of what the turned head shifts the face."""
    shift = 0.3 * np.stack([np.sin(t["yaw"]), np.sin(t["pitch"])], axis=-1)
    return points + shift[:, None, :]


def _eyes(t):
    for side in (-1, 1):
        x = _column(side * t["eye_gap"]) + _column(t["eye_size"]) * _SPAN
        arch = 1 - _SPAN**2
        opening = np.maximum(_column(t["eye_open"] + t["lid"]), 0.022)
        # Sad and tired lids hang on the outside: the same muscle that lifts the inner brow.
        droop = _column(0.25 * np.clip(t["inner"], 0, None)) * side * _SPAN
        upper = -0.12 - opening * arch**0.8 + droop
        lower = -0.12 + (0.05 - _column(np.minimum(t["cheek"], 0.05))) * arch + droop
        lower = np.maximum(lower, upper + 0.012)
        white = np.concatenate([_points(x, upper), _points(x, lower)[:, ::-1]], axis=1)
        yield _turn(white, t), t["white"], None
        yield _turn(_iris(t, side, x, upper, lower), t), t["iris"], None
        yield _turn(_stroke(_points(x, upper), 0.020 + 0 * t["roll"]), t), t["ink"], None
        yield _turn(_stroke(_points(x, lower), 0.010 + 0 * t["roll"]), t), t["crease"], None


def _iris(t, side, x, upper, lower):
    """Return the iris, cut off where the lids cover it."""
    radius = 0.46 * t["eye_size"]
    circle = _ellipse(side * t["eye_gap"] + t["gaze"], -0.13 + 0 * radius, radius, radius)
    position = (circle[..., 0] - x[:, :1]) / (x[:, -1:] - x[:, :1]) * (x.shape[1] - 1)
    # Linear interpolation of the lids at each point's x; np.interp takes only one curve.
    left = np.clip(position.astype(int), 0, x.shape[1] - 2)
    share = position - left
    for curve, limit in ((upper, np.maximum), (lower, np.minimum)):
        before = np.take_along_axis(curve, left, axis=1)
        after = np.take_along_axis(curve, left + 1, axis=1)
        circle[..., 1] = limit(circle[..., 1], before + share * (after - before))
    return circle


def _brows(t):
    for side in (-1, 1):
        outward = (_SPAN + 1) / 2  # 0 at the inner end, 1 at the outer end
        inner_x = _column(t["eye_gap"] - t["eye_size"] * 0.95 - t["knit"])
        x = side * (inner_x + _column(t["brow_length"] + t["eye_size"]) * outward)
        height = (
            -0.30
            - _column(t["brow"])
            - _column(t["inner"]) * (1 - outward) ** 1.2
            + 0.3 * _column(np.clip(t["inner"], 0, None)) * outward
            - (0.04 + _column(t["arch"])) * (1 - (2 * outward - 1.1) ** 2)
            + _column(side * t["lopsided"])
        )
        yield _turn(_stroke(_points(x, height), t["brow_thick"]), t), t["brow_shade"], None


def _nose(t):
    tip = 0.02 + t["nose_length"]
    lift = 0.05 * t["wrinkle"]
    bridge = np.linspace(0, 1, 7)
    side = t["nose_side"]
    x = _column(side) * (0.045 + 0.065 * bridge**2)
    y = -0.08 + _column(tip + 0.06 - lift) * bridge
    yield _turn(_stroke(_points(x, y), 0.014 + 0 * tip), t), t["crease"], None
    for direction in (-1, 1):
        wing = 0.055 * direction
        flare = 0.03 + 0.012 * t["wrinkle"]
        yield _turn(_ellipse(wing + 0 * tip, tip - lift, flare, 0.02 + 0 * tip), t), t["ink"], None


def _mouth(t):
    arch = 1 - _SPAN**2
    corner = _column(np.maximum(t["mouth_width"] + t["wide"], 0.12))
    x = corner * _SPAN
    # Jaw drop also lowers the whole mouth a little.
    middle = _column(t["mouth_y"] + 0.25 * t["open"])
    line = middle + _column(t["smile"]) * (0.45 - _SPAN**2) + _column(t["lopsided"]) * _SPAN
    gap = np.maximum(_column(t["open"]), 0.016)
    shape = arch ** _column(np.where(t["teeth"] > 0.9, 0.25, 0.6))
    lifted = _column(t["lip"]) * arch**1.5
    upper = line - 0.4 * gap * shape - lifted
    lower = line + 0.6 * gap * shape - 0.45 * lifted * (_column(t["open"]) < 0.04)
    thick = _column(t["lip_thick"]) * arch**0.5 + 0.008
    outside = np.concatenate(
        [_points(x * 1.04, upper - thick), _points(x * 1.04, lower + 1.15 * thick)[:, ::-1]], axis=1
    )
    inside = np.concatenate([_points(x, upper), _points(x, lower)[:, ::-1]], axis=1)
    yield _turn(outside, t), t["lips"], None
    yield _turn(inside, t), t["black"], None
    bared = upper + (lower - upper) * _column(np.clip(t["teeth"], 0, 1)) * 0.85
    teeth = np.concatenate([_points(x * 0.93, upper), _points(x * 0.93, bared)[:, ::-1]], axis=1)
    yield _turn(teeth, t), t["white"], t["teeth"] > 0.2


def _creases(t):
    thin = 0.012 + 0 * t["roll"]
    down = np.linspace(0, 1, 5)
    for side in (-1, 1):
        furrow = _points(side * (0.055 + 0 * _column(thin)), -0.34 + 0.17 * down)
        yield _turn(_stroke(furrow, 0.016 * t["furrow"]), t), t["crease"], t["furrow"] > 0.2
        fold_x = side * (0.12 + _column(t["mouth_width"] + t["wide"]) * 0.95 * down**0.8)
        fold_y = 0.24 + 0.28 * down - 0.3 * _column(t["smile"]) * down
        fold = _stroke(_points(fold_x, fold_y), 0.016 * t["fold"])
        yield _turn(fold, t), t["crease"], t["fold"] > 0.2
    for row in range(3):
        across = _points(0.10 * _SPAN + 0 * _column(thin), -0.14 + 0.07 * row + 0.03 * _SPAN**2)
        yield _turn(_stroke(across, 0.015 * t["wrinkle"]), t), t["crease"], t["wrinkle"] > 0.3
    for row in range(2):
        across = _points(
            0.32 * _SPAN + 0 * _column(thin), -0.66 + 0.09 * row - 0.03 * (1 - _SPAN**2)
        )
        yield (
            _turn(_stroke(across, 0.011 * t["lines"]), t),
            t["crease"],
            (t["lines"] > 0.3) & t["bald"],
        )


def _glasses(t):
    shown = t["glasses"]
    for side in (-1, 1):
        radius = t["eye_size"] * 1.35
        outer = _ellipse(side * t["eye_gap"], -0.11 + 0 * radius, radius, 0.85 * radius)
        # A ring is one polygon that runs around outside, then back around inside.
        inner = _ellipse(
            side * t["eye_gap"], -0.11 + 0 * radius, radius - 0.025, 0.85 * radius - 0.025
        )
        ring = np.concatenate([outer, outer[:, :1], inner[:, :1], inner[:, ::-1]], axis=1)
        yield _turn(ring, t), t["black"], shown
    bridge = _points(0.5 * _column(t["eye_gap"]) * _SPAN, -0.13 + 0.02 * _SPAN**2)
    yield _turn(_stroke(bridge, 0.014 + 0 * t["roll"]), t), t["black"], shown
