"""Reports and pictures of how well emotions are recognised.

``confusion_matrix``, ``ConfusionMatrixDisplay`` and ``CalibrationDisplay`` are scikit-learn's
own and take the predictions of these classifiers as they are.
"""

from ._emotion_counts import EmotionCountsDisplay
from ._face_grid import FaceGridDisplay
from ._report import classification_report
from ._risk_coverage import RiskCoverageDisplay
from ._saliency import SaliencyDisplay
from ._selective import selective_scores
from ._training_curves import TrainingCurvesDisplay

__all__ = [
    "EmotionCountsDisplay",
    "FaceGridDisplay",
    "RiskCoverageDisplay",
    "SaliencyDisplay",
    "TrainingCurvesDisplay",
    "classification_report",
    "selective_scores",
]
