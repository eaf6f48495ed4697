"""Find faces in photos, videos and camera streams, and recognise their emotions."""

from fer_estimators.faces._blazeface import load_blazeface
from fer_estimators.faces._cropper import FaceCropper
from fer_estimators.faces._crops import crop_faces
from fer_estimators.faces._detector import FaceDetector
from fer_estimators.faces._face import Face
from fer_estimators.faces._other_detectors import as_detector
from fer_estimators.faces._photo import read_photo
from fer_estimators.faces._recognizer import EmotionRecognizer
from fer_estimators.faces._results import Recognition, Recognitions, RecognizedFace
from fer_estimators.faces._video_recognition import VideoRecognition

__all__ = [
    "EmotionRecognizer",
    "Face",
    "FaceCropper",
    "FaceDetector",
    "Recognition",
    "Recognitions",
    "RecognizedFace",
    "VideoRecognition",
    "as_detector",
    "crop_faces",
    "load_blazeface",
    "read_photo",
]
