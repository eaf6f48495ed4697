"""Drawn faces: the embedded dataset of every example, test and documentation page.

Nothing is read and nothing is downloaded. ``_face_traits`` draws at random what each face looks
like, ``_face_shapes`` turns that into polygons and pixels, and this module lights the result.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._arguments import check_whole
from fer_estimators._messages import suggest
from fer_estimators.datasets._emotions import EMOTIONS
from fer_estimators.datasets._face_shapes import draw_faces
from fer_estimators.datasets._face_traits import draw_traits

if TYPE_CHECKING:
    from sklearn.utils import Bunch

# Faces drawn at once: bounds the memory that the polygons take.
_CHUNK = 512


def make_faces(
    n_samples: int = 700,
    *,
    image_size: int = 48,
    noise: float = 6.0,
    weights: Mapping[str, float] | ArrayLike | None = None,
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[NDArray[Any], NDArray[Any]]:
    """Draw grey faces that show the seven emotions of FER2013.

    Brows, eyelids, nose and mouth carry the emotion; head pose, scale, lighting, background,
    hair, skin, glasses and the shape of every feature vary and carry nothing. Every emotion is
    shown in two ways and at various strengths, so that a linear model on the pixels stays
    clearly below a small convolutional network.

    Parameters
    ----------
    n_samples : int, default=700
        Number of faces, at least 1.

    image_size : int, default=48
        Height and width of the images, in pixels, from 16 to 512.

    noise : float, default=6.0
        Standard deviation of the Gaussian noise added to each pixel, in grey levels of the
        range 0 to 255.

    weights : mapping or array-like of shape (7,), default=None
        Shares of the emotions, not negative and not all 0; they are divided by their sum. A
        mapping gives them by emotion name (absent names get 0), an array in the order of
        ``target_names``. None balances the emotions up to one face.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    random_state : int, RandomState instance or None, default=None
        An integer gives the same faces at every call. A RandomState instance is advanced by
        the call, so that the next call with it draws other faces. None draws from NumPy's
        global random state, like scikit-learn's ``make_*`` functions; the two others leave
        that state untouched.

    Returns
    -------
    faces : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        images : ndarray of shape (n_samples, image_size, image_size), dtype uint8
            The faces, grey levels 0 (black) to 255 (white), in random order.
        data : ndarray of shape (n_samples, image_size * image_size), dtype uint8
            The same pixels as flat rows: a view of ``images``, not a copy.
        target : ndarray of shape (n_samples,), dtype str
            Emotion names.
        target_names : ndarray of shape (7,), dtype str
            The seven emotions in FER2013 code order: angry, disgust, fear, happy, sad,
            surprise, neutral.
        DESCR : str
            Description of the dataset.

    (data, target) : tuple if ``return_X_y`` is True

    Raises
    ------
    TypeError
        If a parameter is of the wrong kind.
    ValueError
        If a parameter is out of its range or ``weights`` names an unknown emotion.

    See Also
    --------
    load_fer2013 : Photographs of faces with the same seven emotions.

    Notes
    -----
    The drawings follow the prototypes of [1]_. They exercise a pipeline; accuracy on them says
    nothing about accuracy on photographs.

    References
    ----------
    .. [1] P. Ekman, W. V. Friesen and J. C. Hager, "Facial Action Coding System", 2nd edition,
       Research Nexus, 2002.

    Examples
    --------
    >>> from fer_estimators.datasets import make_faces
    >>> faces = make_faces(n_samples=14, random_state=0)
    >>> faces.images.shape, str(faces.images.dtype)
    ((14, 48, 48), 'uint8')
    >>> faces.target_names.tolist()
    ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral']
    >>> X, y = make_faces(n_samples=14, image_size=24, return_X_y=True, random_state=0)
    >>> X.shape, y.shape
    ((14, 576), (14,))
    """
    # Imported here: scikit-learn takes most of the time that importing the loaders would take.
    from sklearn.utils import Bunch, check_random_state

    check_whole("n_samples", n_samples, 1)
    check_whole("image_size", image_size, 16, 512)
    _check_noise(noise)
    shares = _check_weights(weights)
    rng = check_random_state(random_state)

    codes = _draw_codes(n_samples, shares, rng)
    images = np.empty((n_samples, image_size, image_size), dtype=np.uint8)
    for start in range(0, n_samples, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        traits = draw_traits(codes[chunk], rng)
        images[chunk] = _light(draw_faces(traits, image_size), traits, noise, rng)
    data, target = images.reshape(n_samples, -1), np.array(EMOTIONS)[codes]
    if return_X_y:
        return data, target
    return Bunch(
        images=images,
        data=data,
        target=target,
        target_names=np.array(EMOTIONS),
        DESCR=files(__package__).joinpath("descr/faces.rst").read_text(encoding="utf-8"),
    )


def _check_noise(noise):
    if isinstance(noise, bool) or not isinstance(noise, numbers.Real):
        raise TypeError(
            f"noise={noise!r} is a {type(noise).__name__}; pass a number of grey levels."
        )
    if not 0 <= noise <= 255:
        raise ValueError(f"noise={noise!r} is out of range; pass grey levels from 0 to 255.")


def _check_weights(weights):
    """Return the shares of the emotions in code order, summing to 1."""
    if weights is None:
        return np.full(len(EMOTIONS), 1 / len(EMOTIONS))
    if hasattr(weights, "keys"):
        # A Series of pandas names its values, too.
        weights = dict(weights)
        _check_emotion_names(weights)
        weights = [weights.get(emotion, 0) for emotion in EMOTIONS]
    shares = np.ma.asarray(weights, dtype=float).filled(np.nan)
    if shares.shape != (len(EMOTIONS),):
        raise ValueError(
            f"weights has shape {shares.shape}, expected (7,): one share for each of "
            f"{', '.join(EMOTIONS)}. A dict may name only some of them."
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() == 0:
        raise ValueError(
            f"weights={shares.tolist()!r} must be finite, not negative and not all 0; "
            "pass shares such as {'happy': 3, 'sad': 1}."
        )
    return shares / shares.sum()


def _check_emotion_names(weights):
    unknown = [name for name in weights if name not in EMOTIONS]
    if not unknown:
        return
    raise ValueError(
        f"weights names unknown emotions {unknown!r}, expected some of {list(EMOTIONS)!r}."
        + suggest(unknown[0], EMOTIONS)
    )


def _draw_codes(n_samples, shares, rng):
    """Return shuffled emotion codes whose counts are within one of the wanted shares."""
    counts = np.floor(n_samples * shares + 1e-9).astype(int)
    missing = n_samples - counts.sum()
    # Largest remainders first; the random part spreads ties over the emotions.
    remainder = n_samples * shares - counts + 1e-6 * rng.uniform(size=len(shares))
    counts[np.argsort(-remainder)[:missing]] += 1
    return rng.permutation(np.repeat(np.arange(len(shares)), counts))


def _light(images, traits, noise, rng):
    """Apply a lighting gradient, contrast, brightness and noise; return uint8 images."""
    size = images.shape[1]
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    angle = traits["light_angle"]
    slope_x, slope_y = (
        (traits["light"] * turn).astype(np.float32)[:, None, None]
        for turn in (np.cos(angle), np.sin(angle))
    )
    pixels = images * (1 + slope_x * axis[None, None, :] + slope_y * axis[None, :, None])
    contrast, middle = (
        traits[name].astype(np.float32)[:, None, None] for name in ("contrast", "middle")
    )
    pixels = (pixels - 128) * contrast + middle
    if noise:
        pixels += np.float32(noise) * rng.standard_normal(pixels.shape).astype(np.float32)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
