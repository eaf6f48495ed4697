"""Measure an exported classifier in the environment where it is deployed.

``deploy.py`` runs this file with the Python of an environment that has neither Keras nor this
repository. The arguments are the file to measure and a photo; without a photo, only the bare
interpreter is measured. It prints one JSON object. Each time is the shortest of several calls, in
milliseconds on one thread.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np


def fastest(function, seconds=1.0):
    """Return the milliseconds of the fastest call within some seconds."""
    function()
    found, end = [], perf_counter() + seconds
    while perf_counter() < end or not found:
        start = perf_counter()
        function()
        found.append(perf_counter() - start)
    return 1e3 * min(found)


def interpreter_alone(path):
    """Return the time of one image in the interpreter, without this library."""
    image = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 1)).astype(np.float32)
    if Path(path).suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options)
        name = session.get_inputs()[0].name
        return fastest(lambda: session.run(None, {name: image}))
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=1)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    shape = (1, *source["shape"][1:])
    interpreter.resize_tensor_input(source["index"], shape)
    interpreter.allocate_tensors()
    # Networks of other libraries expect other shapes and types.
    image = np.resize(image, shape).astype(source["dtype"])

    def run():
        interpreter.set_tensor(source["index"], image)
        interpreter.invoke()
        interpreter.get_tensor(target["index"])

    return fastest(run)


def classifier(path):
    """Return the milliseconds for one image and the images per second for many, with all checks."""
    from fer_estimators import ExportedClassifier

    clf = ExportedClassifier(path)
    images = np.random.default_rng(0).integers(0, 256, (1000, 48, 48), np.uint8)
    alone = fastest(lambda: clf.predict_proba(images[:1]))
    return alone, 1e6 / fastest(lambda: clf.predict_proba(images))


def frames(path, photo):
    """Return the time to search a frame for faces, and the time per frame of a video.

    The frames have 640 x 480 pixels and one face, which moves by a pixel from frame to frame.
    """
    from PIL import Image

    from fer_estimators import EmotionRecognizer, ExportedClassifier, FaceDetector

    recognizer = EmotionRecognizer(ExportedClassifier(path), FaceDetector(min_face=0.25))
    wide = np.asarray(Image.open(photo).convert("RGB").resize((700, 700)))
    clip = [wide[20:500, i : i + 640] for i in range(60)]
    assert len(recognizer.recognize(clip[0]).faces) == 1
    searched = fastest(lambda: recognizer.recognize(clip[0]))

    def follow():
        found = recognizer.recognize_video(clip, fps=30)
        assert all(len(result.faces) == 1 for result in found)

    return searched, fastest(follow, 2) / len(clip)


def main():
    """Measure the file named on the command line."""
    path, photo, *_ = sys.argv[1:]
    found = {"interpreter_ms": interpreter_alone(path)}
    if photo:
        found["one_image_ms"], found["faces_per_second"] = classifier(path)
        if Path(path).suffix != ".onnx":
            found["searched_frame_ms"], found["followed_frame_ms"] = frames(path, photo)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
