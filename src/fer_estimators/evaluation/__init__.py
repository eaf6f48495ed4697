"""Reports and pictures of how well emotions are recognised.

``confusion_matrix``, ``ConfusionMatrixDisplay`` and ``CalibrationDisplay`` are scikit-learn's
own, and accept the predictions of these classifiers.
"""

from fer_estimators.evaluation._emotion_counts import EmotionCountsDisplay
from fer_estimators.evaluation._emotion_timeline import EmotionTimelineDisplay
from fer_estimators.evaluation._face_grid import FaceGridDisplay
from fer_estimators.evaluation._report import classification_report
from fer_estimators.evaluation._risk_coverage import RiskCoverageDisplay, selective_scores
from fer_estimators.evaluation._saliency import SaliencyDisplay
from fer_estimators.evaluation._training_curves import TrainingCurvesDisplay
from fer_estimators.evaluation._votes import vote_scores

__all__ = [
    "EmotionCountsDisplay",
    "EmotionTimelineDisplay",
    "FaceGridDisplay",
    "RiskCoverageDisplay",
    "SaliencyDisplay",
    "TrainingCurvesDisplay",
    "classification_report",
    "selective_scores",
    "vote_scores",
]
