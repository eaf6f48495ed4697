"""
A network without Keras
=======================

My network will run in an app or on a small computer: how large and how fast will it be there, and
will its answers be the same? This page exports one of the library's networks with weights of 32,
16 and 8 bits, and compares the files.

It needs ``pip install "fer-estimators[export]"``.
"""

# %%
# Export with three precisions
# ----------------------------
# Before :func:`~fer_estimators.export.export_classifier` writes a file, it compares the file's
# predictions with those of the network. Drawn faces are enough for that.
import tempfile
from pathlib import Path

from fer_estimators import export_classifier, load_pretrained
from fer_estimators.datasets import make_faces

folder = Path(tempfile.mkdtemp())
network = load_pretrained("fer2013-compact")
faces = make_faces(300, random_state=0)

reports = {}
for quantize in (None, "float16", "int8"):
    name = quantize or "float32"
    reports[name] = export_classifier(
        network, folder / f"{name}.tflite", quantize=quantize, check_images=faces.images
    )
print(f"{'':10s}{'bytes':>12s}{'largest difference':>20s}{'other answers':>15s}")
for name, report in reports.items():
    print(
        f"{name:10s}{report.n_bytes:12,d}{report.largest_difference:20.4f}"
        f"{report.share_changed:15.1%}"
    )

# %%
# Run the files
# -------------
# :class:`~fer_estimators.export.ExportedClassifier` is a fitted scikit-learn classifier. It imports
# neither Keras nor TensorFlow.
import time

import numpy as np

from fer_estimators import ExportedClassifier

milliseconds = {}
for name in reports:
    clf = ExportedClassifier(folder / f"{name}.tflite")
    times = []
    for image in faces.images:
        started = time.perf_counter()
        clf.predict(image[np.newaxis])
        times.append(time.perf_counter() - started)
    milliseconds[name] = 1000 * np.median(times)
    print(f"{name:10s} {milliseconds[name]:.2f} ms for one face")

# %%
# Compare size and speed
# ----------------------
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
kilobytes = {name: report.n_bytes / 1000 for name, report in reports.items()}
for ax, values, label in (
    (left, kilobytes, "kilobytes of the file"),
    (right, milliseconds, "milliseconds for one face"),
):
    bars = ax.barh(list(values), list(values.values()), color="#56B4E9", edgecolor="black")
    ax.bar_label(bars, fmt="%.3g", padding=3)
    ax.set(xlabel=label, xlim=(0, 1.2 * max(values.values())))
    ax.invert_yaxis()
plt.show()

# %%
# Use it on photos
# ----------------
# An exported classifier can take the place of the network in an
# :class:`~fer_estimators.faces.EmotionRecognizer`. The face is large, so the detector need not look
# for small ones.
from skimage.data import astronaut

from fer_estimators import EmotionRecognizer, FaceDetector

EmotionRecognizer(clf, FaceDetector(min_face=0.25)).recognize(astronaut()[:320, 60:380])

# %%
# **What was learned.** With weights of eight bits, the file is about a quarter as large, and the
# answers hardly change. Measure this on images of your own before you rely on it.
# :doc:`/guide/deploy` also exports to ONNX, which runs in browsers.
