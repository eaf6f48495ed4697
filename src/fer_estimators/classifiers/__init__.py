"""scikit-learn classifiers of images: own networks and transfer learning."""

from fer_estimators.classifiers._cnn import CNNClassifier
from fer_estimators.classifiers._transfer import TransferClassifier

__all__ = ["CNNClassifier", "TransferClassifier"]
