"""Recognise the emotions of the faces in photos, files and videos."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fer_estimators._arguments import check_choice
from fer_estimators._files.decode import EXTENSIONS
from fer_estimators._messages import warn
from fer_estimators.exceptions import BadImageWarning
from fer_estimators.faces._classifier import CropClassifier, EmotionClassifier
from fer_estimators.faces._crops import crop_faces
from fer_estimators.faces._detector import FaceDetector
from fer_estimators.faces._face import Face
from fer_estimators.faces._other_detectors import Detector, as_detector
from fer_estimators.faces._photo import Photo, ReadPixels, read_own_photo, read_photo
from fer_estimators.faces._progress import show_progress
from fer_estimators.faces._results import Recognition, Recognitions, RecognizedFace

if TYPE_CHECKING:
    from fer_estimators.faces._video_recognition import VideoRecognition

# Crops that are classified at once, and photos that wait for it at most.
_CROPS_AT_ONCE = 64

#: Least height of a face, as a share of a camera's frame; smaller ones are not looked for.
_CAMERA_MIN_FACE = 0.25


class EmotionRecognizer:
    """Find the faces in photos and videos, and recognise their emotions.

    Parameters
    ----------
    classifier : fitted classifier, str or None, default=None
        Anything with `predict_proba` and `classes_`: a classifier of this library, an
        :class:`~fer_estimators.AbstainingClassifier` (whose "not sure" is passed on), an exported
        classifier, a scikit-learn pipeline. It gets crops of faces as pixels in 0..255, grey or RGB
        and of the size that it was fitted on. A string names a network of
        :func:`~fer_estimators.load_pretrained`; None is "ferplus-compact". Where Keras is not
        installed, they stand for :meth:`ExportedClassifier.from_pretrained`.
    detector : object with a method `detect`, callable or None, default=None
        As for :func:`as_detector`. None is a :class:`FaceDetector`: its default search for photos
        and videos, and one for faces of at least a quarter of the height for a camera.
    image_shape : tuple of int or None, default=None
        `(height, width)` or `(height, width, 3)`, pixels, of the images that the classifier was
        fitted on. Needed if it has no `image_shape_`, such as a pipeline on flat rows.

    Attributes
    ----------
    classifier : fitted classifier
        In use. Read-only, as is `detector`: to use another one, make another recognizer.
    detector : object with a method `detect`
        In use.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classifier.
    image_shape_ : tuple of (int, int, int)
        Height, width and channels of a crop, pixels.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the classifier is not fitted.
    TypeError
        If `classifier` or `detector` is of another kind.
    ValueError
        If the size of the classifier's images is not known, or it refuses a crop of that size.

    See Also
    --------
    FaceDetector : Finds faces only.
    FaceCropper : Crops of faces to train on.

    Notes
    -----
    The emotion is the class of the highest probability; an abstaining classifier's threshold is
    applied to it, in a video to the smoothed probabilities.

    An emotion is what people would call the expression, not what a person feels; see
    :doc:`/responsible_use`.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators import EmotionRecognizer
    >>> from fer_estimators.datasets import make_faces
    >>> photo = np.full((120, 200), 90, dtype=np.uint8)
    >>> photo[30:90, 70:130] = make_faces(1, image_size=60, random_state=0).images[0]
    >>> recognizer = EmotionRecognizer(detector=lambda photo: [(75, 35, 50, 50)])
    >>> result = recognizer.recognize(photo)
    >>> result[0].emotion in recognizer.classes_
    True
    """

    def __init__(
        self,
        classifier: EmotionClassifier | str | None = None,
        detector: Detector | Callable[[NDArray[Any]], Any] | None = None,
        *,
        image_shape: tuple[int, ...] | None = None,
    ):
        self._classifier = CropClassifier(classifier, image_shape)
        self._detector = as_detector(detector)
        self._is_detector_given = detector is not None

    # Without setters: what is in use was checked, and tried on a crop.

    @property
    def classifier(self) -> EmotionClassifier:
        """The classifier in use."""
        return self._classifier.classifier

    @property
    def detector(self) -> Detector:
        """The detector in use, with a method `detect`."""
        return self._detector

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels of the classifier, ndarray of shape (n_classes,)."""
        return np.asarray(self.classifier.classes_)

    @property
    def image_shape_(self) -> tuple[int, int, int]:
        """Height, width and channels of a crop, pixels."""
        return self._classifier.image_shape

    def __repr__(self) -> str:
        classifier = type(self.classifier).__name__
        return f"EmotionRecognizer({classifier}, {self._detector!r})"

    def recognize(self, photo: Photo, *, strict: bool = False) -> Recognition:
        """Find the faces in one photo, and recognise their emotions.

        Parameters
        ----------
        photo : array-like, PIL image, str, path-like or bytes
            As for :func:`read_photo`.
        strict : bool, default=False
            Whether a photo without a face is an error, rather than an empty result.

        Returns
        -------
        Recognition

        Raises
        ------
        ImageReadError, FileNotFoundError
            If a file cannot be read.
        NoFaceError
            If `strict` and no face is found.
        """
        pixels = read_own_photo(photo)
        faces = self._detector.detect(pixels.view(ReadPixels))
        name = _name_of(photo)
        if strict and not faces:
            from fer_estimators.exceptions import NoFaceError

            raise NoFaceError(
                f"No face found in {name or 'the photo'} of {pixels.shape[1]} x {pixels.shape[0]} "
                "pixels. Search for smaller ones with detector=FaceDetector(min_face=0.05), or "
                "leave strict out for an empty result."
            )
        proba = self._classifier.predict_proba(self._crop(pixels, faces))
        return self._result(faces, proba, photo=pixels, source=name)

    def recognize_files(
        self,
        paths: Iterable[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        on_error: Literal["raise", "skip"] = "raise",
        progress: bool = False,
    ) -> Recognitions:
        """Recognize the faces in many files.

        Faces of several photos are classified at once, and no pixels are kept, so the memory does
        not grow with the number of photos. After Ctrl-C, the results so far are returned, with a
        warning.

        Parameters
        ----------
        paths : iterable of path-like, or the path of a folder
            JPEG, PNG and BMP files. For a folder, all such files in it and its subfolders, sorted,
            without hidden ones (whose names begin with a dot).
        on_error : {"raise", "skip"}, default="raise"
            What to do if a file cannot be read, or if the detector returns something impossible.
            "skip" warns once, at the end, and lists the files in `skipped` of the result.
        progress : bool, default=False
            Whether to show a progress bar on the standard error stream.

        Returns
        -------
        Recognitions

        Raises
        ------
        ImageReadError, FileNotFoundError
            If a file cannot be read and `on_error` is "raise".
        OSError
            If a folder cannot be listed: its photos would be missing.
        ValueError
            If `on_error` is neither of the two.
        TypeError
            If `paths` does not hold names of files.
        """
        check_choice("on_error", on_error, ("raise", "skip"))
        paths = list_photos(paths) if isinstance(paths, (str, os.PathLike)) else paths
        if not isinstance(paths, Iterable):
            raise TypeError(
                f"paths={paths!r} is of type {type(paths).__name__}, but a list of files or a "
                "folder is expected."
            )
        results, waiting, skipped, interrupted = {}, {}, {}, False
        try:
            for number, path in enumerate(show_progress(paths, "photos", shown=progress)):
                try:
                    waiting[number] = self._find_in_file(path)
                except (OSError, ValueError) as error:
                    if on_error == "raise":
                        raise
                    skipped[os.fspath(path)] = str(error)
                if _is_batch(waiting.values()):
                    # Ctrl-C between the two classifies them again, and counts none twice.
                    results.update(self._classify(waiting))
                    waiting = {}
        except KeyboardInterrupt:
            interrupted = True
        results.update(self._classify(waiting))
        _warn_of_what_is_missing(skipped, interrupted, len(results) + len(skipped))
        emotions = tuple(self._classifier.classes)
        return Recognitions(results.values(), emotions, skipped=skipped, interrupted=interrupted)

    def recognize_video(
        self,
        source: str | os.PathLike[str] | int | Iterable[Any],
        *,
        fps: float | None = None,
        smoothing: float = 0.3,
        search_every: float = 0.5,
        output: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> VideoRecognition:
        """Recognize the faces in a video, frame by frame.

        Frames are read as the results are iterated over, and none is kept: an hour takes no more
        memory than a minute.

        Parameters
        ----------
        source : str, path-like, int or iterable
            The name of a file; a URL; the number of a camera, from 0; or frames, as arrays or PIL
            images in RGB, each alone (then pass `fps`) or in a pair `(seconds, frame)`, whose
            iterable is left open. All but frames need PyAV:
            ``pip install "fer-estimators[video]"``.
        fps : float or None, default=None
            Frames per second of an iterable of frames.
        smoothing : float, default=0.3
            Time constant of exponential smoothing, in seconds: after this time, the smoothed
            probabilities have followed 63 % of a change. 0 turns smoothing off.
        search_every : float, default=0.5
            Seconds after which a whole frame is searched for faces again. In between, each is
            followed from frame to frame. Detectors other than :class:`FaceDetector` search each
            frame.
        output : path-like or None, default=None
            Video file to write with boxes and emotions, such as "annotated.mp4"; without sound. The
            file is complete when the results end, are closed or interrupted.
        progress : bool, default=False
            Whether to show a progress bar on the standard error stream.

        Returns
        -------
        VideoRecognition
            An iterator over one :class:`Recognition` for each frame, with `time`, `frame_number`
            and an `id` for each face.

        Raises
        ------
        ImportError
            If PyAV is needed and not installed.
        VideoError, FileNotFoundError
            If the file is not a video, or the camera is absent or in use.
        ValueError
            If a parameter is not as described.
        """
        from fer_estimators.faces._video_recognition import VideoRecognition

        _check_seconds(smoothing=smoothing, search_every=search_every)
        is_camera = isinstance(source, Integral) and not isinstance(source, bool)
        detector = self._detector
        if is_camera and not self._is_detector_given:
            detector = FaceDetector(min_face=_CAMERA_MIN_FACE)
        return VideoRecognition(
            self._recognize_frame,
            detector,
            source,
            emotions=tuple(self._classifier.classes),
            fps=fps,
            smoothing=smoothing,
            search_every=search_every,
            output=output,
            progress=progress,
        )

    def _crop(self, pixels, faces):
        height, width, channels = self.image_shape_
        size, color = (height, width), channels == 3
        return crop_faces(pixels.view(ReadPixels), faces, image_size=size, color=color)

    def _find_in_file(self, path):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"paths holds {reprlib.repr(path)} of type {type(path).__name__}, but names of "
                "files are expected. Pass pixels to `recognize`, one photo at a time."
            )
        pixels = read_photo(path)
        try:
            faces = self._detector.detect(pixels.view(ReadPixels))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r}: {error}") from error
        return faces, self._crop(pixels, faces), os.fspath(path)

    def _classify(self, waiting):
        """Return the results of photos whose faces are found and cropped, by their numbers."""
        if not waiting:
            return {}
        found, crops, names = zip(*waiting.values(), strict=True)
        proba = self._classifier.predict_proba(np.concatenate(crops))
        rows = np.split(proba, np.cumsum([len(faces) for faces in found])[:-1])
        return {
            number: self._result(faces, part, source=name)
            for number, faces, part, name in zip(waiting, found, rows, names, strict=True)
        }

    def _recognize_frame(self, pixels, faces, tracker, *, time, frame_number):
        proba = self._classifier.predict_proba(self._crop(pixels, faces))
        tracks = tracker.update(faces, proba, time)
        smooth = [track.probabilities for track in tracks]
        where = {"photo": pixels, "time": time, "frame_number": frame_number}
        return self._result(faces, smooth, ids=[track.id for track in tracks], **where)

    def _result(self, faces, proba, *, ids=None, **where):
        ids = ids or [None] * len(faces)
        recognized = map(self._name_emotion, faces, proba, ids)
        return Recognition(tuple(recognized), tuple(self._classifier.classes), **where)

    def _name_emotion(self, face: Face, proba, number):
        return RecognizedFace(
            face.box,
            face.landmarks,
            face.score,
            emotion=self._classifier.decide(proba),
            probability=float(proba.max()),
            probabilities=dict(zip(self._classifier.classes, proba.tolist(), strict=True)),
            id=number,
        )


def _name_of(photo):
    return os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else None


def _is_batch(waiting):
    return len(waiting) >= _CROPS_AT_ONCE or sum(len(f) for f, _, _ in waiting) >= _CROPS_AT_ONCE


def list_photos(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the photos in a folder and in its folders, sorted."""
    if not os.path.isdir(folder):
        raise NotADirectoryError(
            f"paths={os.fspath(folder)!r} is not a folder, but a list of files or a folder is "
            "expected. Pass a single file to `recognize`, or [path]."
        )
    found, endings = [], tuple(EXTENSIONS)
    for parent, folders, names in os.walk(folder, onerror=_raise):
        # Hidden: ._photo.jpg, which macOS leaves on sticks, is not an image.
        folders[:] = [name for name in folders if not name.startswith(".")]
        names = [name for name in names if not name.startswith(".")]
        found += [Path(parent, name) for name in names if name.lower().endswith(endings)]
    if not found:
        raise FileNotFoundError(
            f"No photo in {os.fspath(folder)!r}; files that end in {', '.join(EXTENSIONS)} are "
            "looked for, in its folders too."
        )
    return sorted(found)


def _raise(error):
    raise error


def _check_seconds(**values):
    for name, value in values.items():
        if value is True or not isinstance(value, Real) or not 0 <= value < np.inf:
            raise ValueError(f"{name}={value!r}, but seconds are expected, 0 or more.")


def _warn_of_what_is_missing(skipped, interrupted, n_done):
    if skipped:
        # A reason begins with the name of the file.
        reason = next(iter(skipped.values()))
        warn(
            f"{len(skipped)} of {n_done} files could not be read or searched and are skipped; of "
            f"the first: {reason} See `skipped` of the result.",
            BadImageWarning,
        )
    if interrupted:
        warn(f"Interrupted after {n_done} files: the result holds those.")
