"""What a drawn face looks like: who it is, what it does, how it is held and lit.

What the muscles do follows the action units of the Facial Action Coding System (P. Ekman,
W. V. Friesen and J. C. Hager, 2nd edition, 2002).
"""

import numpy as np

from fer_estimators.datasets._emotions import EMOTIONS

# One column per movement, in face units (the chin lies 1 below the middle of the face):
#   brow    whole brow up            inner   inner brow end up       knit    brows together
#   arch    middle of the brow up    lid     upper lid up            cheek   lower lid up
#   wide    mouth corners outwards   smile   mouth corners up        open    gap of the lips
#   lip     upper lip up
# and strengths from 0 to 1:
#   teeth   share of teeth seen      furrow  lines between brows     wrinkle lines on the nose
#   fold    nose-to-mouth lines      lines   lines on the forehead
# fmt: off
_ACTIONS = (
    "brow", "inner", "knit", "arch", "lid", "cheek", "wide", "smile", "open", "lip",
    "teeth", "furrow", "wrinkle", "fold", "lines",
)
# fmt: on
# Two rows an emotion, mouth closed and mouth open: a class with two modes is what keeps a linear
# model from matching one template per emotion.
# fmt: off
_EXPRESSIONS = np.array([
    [-.10, -.15, .07, .00, -.01, .03, .00, -.05, .00, .00, .0, 1., .0, .0, .0],  # angry
    [-.10, -.16, .07, .00, .00, .00, .02, .00, .17, .00, 1., 1., .0, .0, .0],
    [-.07, -.05, .04, .00, -.05, .05, -.03, -.11, .00, .07, .0, .0, 1., .8, .0],  # disgust
    [-.07, -.06, .04, .00, -.05, .05, .00, -.12, .10, .09, .5, .0, 1., 1., .0],
    [.11, .11, .05, .00, .07, .00, .09, -.05, .06, .00, 1., .0, .0, .0, .7],  # fear
    [.11, .12, .05, .00, .07, .00, .06, -.07, .17, .00, .3, .0, .0, .0, .7],
    [.03, .03, .00, .01, .00, .03, .08, .15, .00, .00, .0, .0, .0, .8, .0],  # happy
    [.03, .03, .00, .02, .00, .05, .09, .16, .18, .00, .8, .0, .0, 1., .0],
    [.00, .15, .04, .00, -.05, .00, -.05, -.13, .00, .00, .0, .3, .0, .0, .0],  # sad
    [.00, .15, .04, .00, -.06, .00, -.03, -.14, .05, .00, .0, .0, .0, .0, .0],
    [.17, .00, .00, .05, .07, .00, -.13, .00, .22, .00, .0, .0, .0, .0, 1.],  # surprise
    [.19, .00, .00, .06, .09, .00, -.12, .00, .34, .00, .0, .0, .0, .0, 1.],
    [.00, .00, .00, .00, .00, .00, .00, .00, .00, .00, .0, .0, .0, .0, .0],  # neutral
    [.00, .00, .00, .00, .00, .00, .00, .00, .025, .00, .0, .0, .0, .0, .0],
]).reshape(len(EMOTIONS), 2, len(_ACTIONS))
# How far people differ at rest: standard deviation of each column.
_SPREAD = np.array(
    [.025, .018, .015, .012, .012, .006, .03, .02, .00, .00, .0, .0, .0, .0, .0]
)
# fmt: on


def draw_traits(codes, rng):
    """Draw at random what each face looks like, of emotions given by their FER2013 codes.

    Returns pose, identity, style, light, grey levels and movements, by name: one number a face.
    """
    n = len(codes)

    def uniform(low, high):
        return rng.uniform(low, high, size=n)

    def normal(scale):
        # Cut at three standard deviations: nobody stands on their head.
        return np.clip(rng.normal(0, scale, size=n), -3 * scale, 3 * scale)

    def chance(p):
        return rng.uniform(size=n) < p

    return {
        **_draw_pose(uniform, normal),
        **_draw_identity(uniform, chance),
        **_draw_shades(uniform, chance),
        **_draw_movements(codes, rng),
        # Light: slope and contrast as factors, direction in radians, middle as a grey level.
        "light": uniform(0.0, 0.4),
        "light_angle": uniform(0, 2 * np.pi),
        "contrast": uniform(0.65, 1.1),
        "middle": uniform(95, 150),
    }


def _draw_pose(uniform, normal):
    """Angles in radians; scale and shifts as shares of half the image."""
    return {
        "roll": normal(0.08),
        "yaw": normal(0.10),
        "pitch": normal(0.06),
        "scale": uniform(0.84, 1.0),
        "shift_x": uniform(-0.06, 0.06),
        "shift_y": uniform(-0.08, 0.04),
        "gaze": normal(0.018),
        "stripe_x": uniform(-1.6, 1.0),
    }


def _draw_identity(uniform, chance):
    """Lengths in face units."""
    return {
        "width": uniform(0.68, 0.84),
        "jaw": uniform(0.05, 0.32),
        "eye_gap": uniform(0.29, 0.37),
        "eye_size": uniform(0.13, 0.17),
        "eye_open": uniform(0.065, 0.09),
        "brow_thick": uniform(0.022, 0.055),
        "brow_length": uniform(0.17, 0.22),
        "nose_length": uniform(0.24, 0.36),
        "nose_side": np.where(chance(0.5), -1.0, 1.0),
        "mouth_width": uniform(0.24, 0.34),
        "mouth_y": uniform(0.50, 0.58),
        "lip_thick": uniform(0.025, 0.06),
        "hairline": uniform(-0.78, -0.55),
        "parting": uniform(-0.5, 0.5),
        "bald": chance(0.12),
        "long_hair": chance(0.35),
        "beard": chance(0.12),
        "glasses": chance(0.12),
    }


def _draw_shades(uniform, chance):
    """Grey levels, 0 to 255."""
    skin = uniform(95, 225)
    hair = np.where(chance(0.75), uniform(12, 70), uniform(120, 225))
    return {
        "ground": uniform(15, 240),
        "stripe": uniform(15, 240),
        "cloth": uniform(15, 240),
        "skin": skin,
        "hair": hair,
        "shadow": skin * uniform(0.78, 0.9),
        "ink": skin * uniform(0.18, 0.35),
        "crease": skin * uniform(0.55, 0.68),
        "lips": skin * uniform(0.5, 0.72),
        "iris": uniform(15, 75),
        # Hair on the face is never lighter than the skin, or it would vanish.
        "brow_shade": np.minimum(hair, 0.5 * skin),
        "beard_shade": 0.45 * skin + 0.4 * np.minimum(hair, 0.7 * skin),
        "white": np.full_like(skin, 245),
        "black": np.full_like(skin, 18),
    }


def _draw_movements(codes, rng):
    """Amount of each action: the emotion at some strength, plus differences at rest."""
    n = len(codes)
    size = (n, len(_ACTIONS))
    strength = rng.uniform(0.6, 1.15, size=(n, 1)) * rng.uniform(0.8, 1.2, size=size)
    amounts = strength * _EXPRESSIONS[codes, rng.randint(0, 2, size=n)]
    amounts += _SPREAD * rng.normal(size=size)
    return dict(zip(_ACTIONS, amounts.T, strict=True)) | {"lopsided": rng.normal(0, 0.012, n)}
