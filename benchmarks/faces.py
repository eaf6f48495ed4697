"""Measure how many faces are found in pictures, how well emotions are recognised, and how fast.

``python -m benchmarks.faces FER2013`` pastes validation faces into pictures of 640 x 480 pixels. A
face counts as found if the intersection over union of a box and the expected box is at least 0.3.
One box that is centred within the pasted image is never counted as false, because an image may show
a smaller face than expected; all further boxes are. The detector's settings were chosen on training
faces and on ``--sample chosen``; the default sample has other faces.
"""

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from benchmarks._pictures import PICTURE, paste_faces, pictures_without_faces
from fer_estimators import EmotionRecognizer, ExportedClassifier, load_pretrained
from fer_estimators.datasets import load_fer2013
from fer_estimators.faces import FaceDetector, crop_faces

#: Side of the pasted faces, pixels, and their tilt, degrees.
CASES = ((140, 0), (140, 25), (100, 0), (70, 0))

#: Index of the first face after shuffling, and seed of the pictures.
SAMPLES = {"chosen": (1000, 11), "shown": (0, 0)}

PARTS = ("found", "times")

#: Pictures before those that are timed; frames of a video (in which two are searched) and its
#: frames a second.
N_WARM_UP = 3
N_FRAMES, RATE = 30, 30

# BlazeFace's box in a FER2013 image: left edge, top edge and size, as shares of the image's side.
_LEFT, _TOP, _SIZE = 0.068, 0.17, 0.847

_SAME_FACE = 0.3


class Found(NamedTuple):
    """Share of faces found, share of emotions right, and false boxes per picture."""

    found: float
    right: float
    false: float


def expected_box(picture):
    """Return the box that a pasted face should get."""
    offset = picture.side * (np.array([_LEFT, _TOP]) + _SIZE / 2 - 0.5)
    sine, cosine = np.sin(np.radians(picture.tilt)), np.cos(np.radians(picture.tilt))
    x, y = picture.centre + offset @ [[cosine, -sine], [sine, cosine]]
    size = _SIZE * picture.side
    return x - size / 2, y - size / 2, size, size


def overlap(box, other):
    """Return the intersection over union of two boxes."""
    box, other = np.asarray(box), np.asarray(other)
    starts = np.maximum(box[:2], other[:2])
    ends = np.minimum(box[:2] + box[2:], other[:2] + other[2:])
    shared = np.prod(np.maximum(ends - starts, 0))
    return shared / (np.prod(box[2:]) + np.prod(other[2:]) - shared)


def is_inside(box, picture):
    """Return whether a box is centred within the pasted image."""
    centre = np.array(box[:2]) + np.array(box[2:]) / 2
    return bool((np.abs(centre - picture.centre) <= picture.side / 2).all())


def measure(detector, classifier, faces, side, tilt, *, random_state=0):
    """Paste faces into pictures, and count what is found."""
    crops, emotions, n_false = [], [], 0
    pictures = paste_faces(faces.images, side, tilt=tilt, random_state=random_state)
    for picture, emotion in zip(pictures, faces.target, strict=True):
        found = detector.detect(picture.pixels)
        overlaps = [overlap(face.box, expected_box(picture)) for face in found]
        n_false += len(found) - any(is_inside(face.box, picture) for face in found)
        if max(overlaps, default=0) >= _SAME_FACE:
            crops.append(crop_faces(picture.pixels, [found[np.argmax(overlaps)]])[0])
            emotions.append(emotion)
    n_pictures = len(faces.target)
    right = np.mean(classifier.predict(np.array(crops)) == emotions) if crops else 0.0
    return Found(len(crops) / n_pictures, float(right), n_false / n_pictures)


def wander(picture, n_frames):
    """Yield a picture that moves by a few pixels from frame to frame."""
    for number in range(n_frames):
        shift = round(20 * np.sin(number / 5)), round(30 * np.sin(number / 8))
        yield np.roll(picture.pixels, shift, axis=(0, 1))


def time_recognition(classifier, pictures):
    """Return the milliseconds for a photo, a frame of a camera, and a frame of a video.

    Each is the median of several pictures, as one face takes longer than another; the first
    pictures build and trace.
    """
    medians = []
    for detector in (FaceDetector(), FaceDetector(min_face=0.25)):
        recognizer = EmotionRecognizer(classifier, detector)
        medians.append(_median(time_once(recognizer, picture) for picture in pictures))
    recognizer = EmotionRecognizer(classifier)
    return (*medians, _median(time_video(recognizer, picture) for picture in pictures))


def time_once(recognizer, picture):
    """Return the seconds that one picture takes."""
    start = perf_counter()
    recognizer.recognize(picture.pixels)
    return perf_counter() - start


def time_video(recognizer, picture):
    """Return the seconds that a frame takes on average, apart from the first."""
    frames = list(wander(picture, N_FRAMES + 1))
    video = recognizer.recognize_video(frames, fps=RATE)
    next(video)
    start = perf_counter()
    for _ in video:
        pass
    return (perf_counter() - start) / N_FRAMES


def _median(seconds):
    return 1000 * float(np.median(list(seconds)[N_WARM_UP:]))


def on_engine(name):
    """Return a context in which detectors run on Keras, or on LiteRT as they do by default."""
    from fer_estimators.faces import _blazeface, _search

    _search._network.cache_clear()
    return (
        patch.object(_blazeface, "find_spec", lambda package: None)
        if name == "Keras"
        else nullcontext()
    )


def load_sample(path, sample, n_images, fer_plus=None):
    """Return validation faces; with FER+, only those that most people labelled with an emotion."""
    faces = load_fer2013(path, split="val", fer_plus=fer_plus, ties="keep")
    target = faces.target if fer_plus is None else faces.original_target
    start, _ = SAMPLES[sample]
    rows = np.random.default_rng(0).permutation(len(target))[start : start + n_images]
    faces.images, faces.target = faces.images[rows], target[rows]
    return faces


def report_finding(detector, classifier, faces, sample, n_empty):
    """Yield the lines of the table of faces found."""
    _, seed = SAMPLES[sample]
    themselves = np.mean(classifier.predict(faces.images) == faces.target)
    yield f"{len(faces.target)} faces. On FER2013's crops, {themselves:.3f} of emotions are right."
    yield ""
    yield "| side, pixels | tilt | faces found | emotions right | false boxes per picture |"
    yield "|---|---|---|---|---|"
    for side, tilt in CASES:
        found = measure(detector, classifier, faces, side, tilt, random_state=seed)
        yield f"| {side} | {tilt}° | {found.found:.3f} | {found.right:.3f} | {found.false:.3f} |"
    empty = pictures_without_faces(n_empty, random_state=seed)
    n_false = sum(len(detector.detect(picture.pixels)) for picture in empty)
    yield f"| none | | | | {n_false / len(empty):.3f} |"


def report_times(faces, n_times):
    """Yield the lines of the table of times."""
    pictures = list(paste_faces(faces.images[: n_times + N_WARM_UP], 140))
    yield "| | photo | camera | a frame of a video |"
    yield "|---|---|---|---|"
    classifiers = {
        "Keras": load_pretrained("fer2013-compact"),
        "LiteRT": ExportedClassifier.from_pretrained("fer2013-compact"),
    }
    for engine, classifier in classifiers.items():
        with on_engine(engine):
            times = time_recognition(classifier, pictures)
        yield f"| {engine} | " + " | ".join(f"{ms:.1f} ms" for ms in times) + " |"


def main(arguments=None):
    """Measure, print tables and write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faces", description=__doc__)
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--fer-plus", help="FER+'s votes, to leave out images without an emotion")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--empty", type=int, default=500, help="pictures without faces")
    parser.add_argument("--times", type=int, default=40, help="faces of which a time is the median")
    parser.add_argument("--sample", choices=SAMPLES, default="shown")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--min-face", type=float, default=FaceDetector().min_face)
    parser.add_argument("--min-score", type=float, default=FaceDetector().min_score)
    parser.add_argument("--output", type=Path, help="Markdown file to write as well")
    options = parser.parse_args(arguments)
    faces = load_sample(options.fer2013, options.sample, options.images, options.fer_plus)
    lines = [f"Pictures of {PICTURE[1]} x {PICTURE[0]} pixels, {sys.platform}.", ""]
    if "found" in options.parts:
        detector = FaceDetector(options.min_face, min_score=options.min_score)
        classifier = load_pretrained("fer2013-compact")
        lines += report_finding(detector, classifier, faces, options.sample, options.empty)
    if "times" in options.parts:
        lines += ["", *report_times(faces, options.times)]
    print("\n".join(lines))
    if options.output is not None:
        options.output.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
