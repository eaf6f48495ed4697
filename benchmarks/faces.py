"""Measure how many faces are found in pictures, and how well their emotions are told.

``python -m benchmarks.faces FER2013`` pastes validation faces into pictures of 640 x 480 pixels. A
face counts as found if a box shares at least 0.3 of its union with the one expected; all other
boxes count as false.
"""

import argparse
import time

import numpy as np

from benchmarks._pictures import paste_faces, pictures_without_faces
from fer_estimators import load_pretrained
from fer_estimators.datasets import load_fer2013
from fer_estimators.faces import FaceDetector, crop_faces

#: Side of the pasted faces, pixels, and their tilt, degrees.
CASES = ((140, 0), (140, 25), (100, 0), (70, 0))

# Where BlazeFace's box lies in a FER2013 image: left and top corner and size, shares of its side.
_LEFT, _TOP, _SIZE = 0.068, 0.17, 0.847


def expected_box(picture):
    """Return the box that a pasted face should get."""
    offset = picture.side * (np.array([_LEFT, _TOP]) + _SIZE / 2 - 0.5)
    sine, cosine = np.sin(np.radians(picture.tilt)), np.cos(np.radians(picture.tilt))
    x, y = picture.centre + offset @ [[cosine, -sine], [sine, cosine]]
    size = _SIZE * picture.side
    return x - size / 2, y - size / 2, size, size


def overlap(box, other):
    """Return the share of their union that two boxes have in common."""
    box, other = np.asarray(box), np.asarray(other)
    starts = np.maximum(box[:2], other[:2])
    ends = np.minimum(box[:2] + box[2:], other[:2] + other[2:])
    shared = np.prod(np.maximum(ends - starts, 0))
    return shared / (np.prod(box[2:]) + np.prod(other[2:]) - shared)


def measure(detector, classifier, faces, side, tilt):
    """Return shares found and told right, false faces a picture, and the median milliseconds."""
    crops, emotions, times, n_false = [], [], [], 0
    pictures = paste_faces(faces.images, side, tilt=tilt)
    for picture, emotion in zip(pictures, faces.target, strict=True):
        start = time.perf_counter()
        found = detector.detect(picture.pixels)
        times.append(1000 * (time.perf_counter() - start))
        overlaps = [overlap(face.box, expected_box(picture)) for face in found]
        best = int(np.argmax(overlaps)) if overlaps else 0
        is_found = bool(overlaps) and overlaps[best] >= 0.3
        n_false += len(found) - is_found
        if is_found:
            crops.append(crop_faces(picture.pixels, [found[best]])[0])
            emotions.append(emotion)
    n_pictures = len(times)
    right = np.mean(classifier.predict(np.array(crops)) == emotions)
    return len(crops) / n_pictures, right, n_false / n_pictures, np.median(times)


def main(arguments=None):
    """Measure all cases, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faces", description=__doc__)
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--min-face", type=float, default=FaceDetector().min_face)
    parser.add_argument("--min-score", type=float, default=FaceDetector().min_score)
    arguments = parser.parse_args(arguments)
    faces = load_fer2013(arguments.fer2013, split="val")
    rows = np.random.default_rng(0).permutation(len(faces.target))[: arguments.images]
    faces.images, faces.target = faces.images[rows], faces.target[rows]
    detector = FaceDetector(arguments.min_face, min_score=arguments.min_score)
    classifier = load_pretrained("fer2013-compact")
    print(f"The images themselves: {np.mean(classifier.predict(faces.images) == faces.target):.3f}")
    print("| pixels | tilt | found | emotion right | false a picture | ms |")
    print("|---|---|---|---|---|---|")
    for side, tilt in CASES:
        found, right, false, ms = measure(detector, classifier, faces, side, tilt)
        print(
            f"| {side} | {tilt} | {found:.3f} | {right:.3f} | {false:.3f} | {ms:.0f} |", flush=True
        )
    empty = pictures_without_faces(200)
    n_false = sum(len(detector.detect(picture.pixels)) for picture in empty)
    print(f"Without faces: {n_false / len(empty):.3f} false a picture")


if __name__ == "__main__":
    main()
