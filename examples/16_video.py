"""
Emotions over time
==================

How do the faces in a video change? This page draws a clip in which two faces move and change their
emotion, follows them, and shows what was recognised when.

With a file, a camera or a URL, ``source`` is its name or number, which needs PyAV
(``pip install "fer-estimators[video]"``); frames from anywhere else need nothing.
"""

# %%
# A clip
# ------
# Six seconds, ten frames a second. One face goes from happy to sad, and the other one from sad
# to surprised; it leaves before the end.
import numpy as np
from PIL import Image

from fer_estimators.datasets import make_faces

emotions = {"happy": 1, "sad": 1, "surprise": 1}
drawn = make_faces(60, image_size=96, weights=emotions, random_state=3)
looks = {emotion: drawn.images[drawn.target == emotion] for emotion in emotions}
BLUE = (40, 80, 160)


def draw_clip(n_frames=60):
    """Yield frames with two faces that wander about."""
    for number in range(n_frames):
        frame = Image.new("RGB", (480, 240), BLUE)
        left = "happy" if number < 30 else "sad"
        frame.paste(Image.fromarray(looks[left][0]), (30 + number, 60 + number % 7))
        if number < 45:
            right = "sad" if number < 20 else "surprise"
            frame.paste(Image.fromarray(looks[right][2]), (350 - number, 90 - number % 5))
        yield np.asarray(frame)


# %%
# A detector and a classifier of one's own
# ----------------------------------------
# Drawn faces are not what the detector of the library was trained on. A few lines find what is not
# blue, and a pipeline of scikit-learn's learns the drawn emotions from flat rows, so that it has to
# be told their shape. For real faces, leave all three arguments out.
from scipy.ndimage import find_objects, label
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_estimators import EmotionRecognizer


def find_faces(pixels):
    """Find what is not blue; a box goes from brow to chin, and not to the edge of the drawing."""
    shapes = find_objects(label((pixels != BLUE).any(axis=-1))[0])
    for rows, columns in shapes:
        side = (columns.stop - columns.start) / 1.18
        middle = (columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2
        yield middle[0] - side / 2, middle[1] - 0.39 * side, side, side


taught = make_faces(900, image_size=32, weights=emotions, random_state=0)
clf = make_pipeline(
    StandardScaler(), PCA(40, random_state=0), LogisticRegression(C=0.1, max_iter=500)
)
clf.fit(taught.data, taught.target)
recognizer = EmotionRecognizer(clf, find_faces, image_shape=(32, 32))

# %%
# Follow the faces
# ----------------
# Each result is one frame. A face keeps its ``id`` while it is in view, and its probabilities are
# smoothed over ``smoothing`` seconds. Only one frame is in memory at a time; ``output="copy.mp4"``
# would write each with its boxes.
for result in recognizer.recognize_video(draw_clip(), fps=10, smoothing=0.3):
    if result.frame_number in (0, 30, 59):
        print(f"{result.time:.1f} s:", {face.id: face.emotion for face in result})
    if result.frame_number == 15:
        shown = result
shown

# %%
# The whole as a table, and as a picture
# --------------------------------------
# The line runs along the emotion that was named; the darker, the more probable.
import matplotlib.pyplot as plt

from fer_estimators import EmotionTimelineDisplay

table = recognizer.recognize_video(draw_clip(), fps=10, smoothing=0.3).to_frame()
EmotionTimelineDisplay.from_frame(table)
plt.show()

# %%
table.groupby(["id", "emotion"])["time"].agg(["min", "max", "size"])

# %%
# **What was learned.** Whatever yields frames can be recognised, and an hour of video needs no more
# memory than a minute. An ``id`` says that a face was followed, and not who it is: somebody who
# leaves and comes back gets another one. Before a camera watches people, ask them:
# :doc:`/responsible_use`.
