"""From a photo to faces: where they are, and crops of them that a classifier takes."""

from fer_estimators.faces._cropper import FaceCropper
from fer_estimators.faces._crops import crop_faces
from fer_estimators.faces._detector import FaceDetector
from fer_estimators.faces._face import Face
from fer_estimators.faces._other_detectors import as_detector
from fer_estimators.faces._photo import read_photo

__all__ = ["Face", "FaceCropper", "FaceDetector", "as_detector", "crop_faces", "read_photo"]
