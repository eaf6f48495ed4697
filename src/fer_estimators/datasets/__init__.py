"""Loaders for FER2013 and other sets of face images, and a generator of drawn faces.

``load_*`` reads what is on disk, ``make_*`` draws, ``from_dataset`` takes images and labels from
other libraries' data sets, ``find_duplicates`` compares images. Importing this
package imports neither Keras nor its backend, and nothing here uses the network.
"""

from fer_estimators.datasets._duplicates import find_duplicates
from fer_estimators.datasets._emotions import EMOTIONS
from fer_estimators.datasets._faces import make_faces
from fer_estimators.datasets._fer2013 import load_fer2013
from fer_estimators.datasets._from_dataset import from_dataset
from fer_estimators.datasets._image_folder import load_image_folder
from fer_estimators.datasets._label_sets import LABEL_SETS, LabelList, LabelSet

__all__ = [
    "EMOTIONS",
    "LABEL_SETS",
    "LabelList",
    "LabelSet",
    "find_duplicates",
    "from_dataset",
    "load_fer2013",
    "load_image_folder",
    "make_faces",
]
