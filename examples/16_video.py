"""
Emotions over time
==================

How do the emotions of the faces in a video change? This page draws a clip in which two faces move
and change their emotions, follows them, and shows which emotion was recognised when.

For a video file, a webcam or a URL, pass its name or number instead of frames. That needs PyAV
(``pip install "fer-estimators[video]"``).
"""

# %%
# A clip
# ------
# The clip has ten frames a second and lasts six seconds. One face changes from happy to sad; the
# other changes from sad to surprised and leaves before the end.
import numpy as np
from PIL import Image

from fer_estimators.datasets import make_faces

emotions = {"happy": 1, "sad": 1, "surprise": 1}
drawn = make_faces(60, image_size=96, weights=emotions, random_state=3)
looks = {emotion: drawn.images[drawn.target == emotion] for emotion in emotions}
BLUE = (40, 80, 160)


def draw_clip(n_frames=60):
    """Yield frames with two moving faces."""
    for number in range(n_frames):
        frame = Image.new("RGB", (480, 240), BLUE)
        left = "happy" if number < 30 else "sad"
        frame.paste(Image.fromarray(looks[left][0]), (30 + number, 60 + number % 7))
        if number < 45:
            right = "sad" if number < 20 else "surprise"
            frame.paste(Image.fromarray(looks[right][2]), (350 - number, 90 - number % 5))
        yield np.asarray(frame)


# %%
# A detector and a classifier of your own
# ---------------------------------------
# The library's detector was not trained on drawn faces. A few lines find whatever is not blue, and
# a scikit-learn pipeline learns the drawn emotions. The pipeline is fitted on flat rows, so the
# recognizer must be told the shape of its images. For real faces, leave out all three arguments.
from scipy.ndimage import find_objects, label
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_estimators import EmotionRecognizer


def find_faces(pixels):
    """Find what is not blue; a box reaches from brow to chin, not to the edge of the drawing."""
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
# Each result belongs to one frame. A face keeps its ``id`` while it is in view, and its
# probabilities are smoothed over ``smoothing`` seconds. Only one frame is in memory at a time.
# ``output="copy.mp4"`` would write a copy with boxes.
for result in recognizer.recognize_video(draw_clip(), fps=10, smoothing=0.3):
    if result.frame_number in (0, 30, 59):
        print(f"{result.time:.1f} s:", {face.id: face.emotion for face in result})
    if result.frame_number == 15:
        shown = result
shown

# %%
# The whole clip as a table and a picture
# ---------------------------------------
# The line follows the predicted emotion. A darker blue means a higher probability.
import matplotlib.pyplot as plt

from fer_estimators import EmotionTimelineDisplay

table = recognizer.recognize_video(draw_clip(), fps=10, smoothing=0.3).to_frame()
EmotionTimelineDisplay.from_frame(table)
plt.show()

# %%
table.groupby(["id", "emotion"])["time"].agg(["min", "max", "size"])

# %%
# **What was learned.** ``recognize_video`` takes anything that yields frames, and an hour of video
# needs no more memory than a minute. An ``id`` means that a face was followed, not who it is:
# someone who leaves and comes back gets another one. Ask people before you film them:
# :doc:`/responsible_use`.
