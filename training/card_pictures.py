"""Draw the pictures of a network's model card, and fill its folder for the Hugging Face Hub.

``python training/card_pictures.py fer2013-base FER2013`` evaluates the shipped network on the
validation split and draws the pictures into ``docs/model_cards``; networks for FER+'s emotions
need ``--votes``. With ``--hub FOLDER``, it also writes the weights, the pictures and a
``README.md`` (the card with the Hub's metadata) into that folder. Run ``model_cards.py`` first: it
writes the card.
"""

import argparse
import shutil
import sys
from pathlib import Path
from string import Template

sys.path.append(str(Path(__file__).parents[1] / "docs"))

import matplotlib.pyplot as plt
from dark_figures import save_dark
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay

from fer_estimators import (
    FaceGridDisplay,
    RiskCoverageDisplay,
    classification_report,
    load,
)
from fer_estimators.datasets import load_fer2013, make_faces

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "src" / "fer_estimators" / "pretrained"
PICTURES = ROOT / "docs" / "model_cards"

# What each picture shows, by the end of its file's name.
CAPTIONS = {
    "confusion": "Confusion matrix on FER2013's validation split: each row, a labelled emotion, "
    "sums to 1.",
    "reliability": "Reliability on the validation split: the share of right answers at each "
    "confidence. The temperature was fitted on the same faces.",
    "risk_coverage": "Accuracy on the validation split against the share of faces answered, the "
    "most confident ones first, with the 95 % interval.",
    "mistakes": "Its most confident mistakes on drawn faces, as FER2013's photographs may not be "
    "shown here: the prediction, its probability, and what was drawn.",
}


def main(arguments=None):
    """Draw the pictures of one shipped network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--weights", type=Path, default=SHIPPED, help="folder of weights and card")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    parser.add_argument("--hub", type=Path, help="folder to fill for the Hugging Face Hub")
    arguments = parser.parse_args(arguments)
    val = load_fer2013(arguments.fer2013, split="val", fer_plus=arguments.votes)
    clf = load(arguments.weights / f"{arguments.name}.fer")
    y_proba = clf.predict_proba(val.images)
    draw_pictures(arguments.name, clf, val, y_proba, arguments.pictures)
    if arguments.hub is not None:
        folders = arguments.weights, arguments.pictures, arguments.hub
        fill_hub_folder(arguments.name, score(clf, val, y_proba), *folders)


def draw_pictures(name, clf, val, y_proba, folder):
    """Write each picture for the light and for the dark theme."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "confusion": draw_confusion(clf, val, y_proba),
        "reliability": draw_reliability(clf, val, y_proba),
        "risk_coverage": draw_risk_coverage(clf, val, y_proba),
        "mistakes": draw_mistakes(clf),
    }
    for picture, figure in figures.items():
        figure.savefig(folder / f"{name}_{picture}.png", pil_kwargs={"optimize": True})
        save_dark(figure, folder / f"{name}_{picture}_dark.png")
        plt.close(figure)


def draw_confusion(clf, val, y_proba):
    """Show which emotions are mistaken for which."""
    figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        val.target,
        clf.classes_[y_proba.argmax(axis=1)],
        labels=val.target_names,
        normalize="true",
        values_format=".2f",
        cmap="Blues",
        xticks_rotation=45,
        ax=ax,
    )
    ax.set(xlabel="predicted", ylabel="labelled")
    return figure


def draw_reliability(clf, val, y_proba):
    """Show how often answers of each confidence are right."""
    figure, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
    is_right = clf.classes_[y_proba.argmax(axis=1)] == val.target
    CalibrationDisplay.from_predictions(is_right, y_proba.max(axis=1), n_bins=15, ax=ax)
    ax.set(xlabel="confidence", ylabel="share of right answers")
    ax.get_legend().remove()
    return figure


def draw_risk_coverage(clf, val, y_proba):
    """Show the accuracy if only the most confident answers count."""
    figure, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
    RiskCoverageDisplay.from_predictions(val.target, y_proba, classes=clf.classes_, ax=ax)
    return figure


def draw_mistakes(clf):
    """Show drawn faces whose emotion the network gets wrong."""
    faces = make_faces(280, random_state=0)
    return FaceGridDisplay.from_estimator(
        clf, faces.images, faces.target, select="mistakes", n_faces=14
    ).figure_


def score(clf, val, y_proba):
    """Return accuracy and macro-F1, as fractions."""
    summary = classification_report(
        val.target, clf.classes_[y_proba.argmax(axis=1)], zero_division=0, output="dict"
    )["summary"]
    return {key: f"{summary[key]:.4f}" for key in ("accuracy", "macro_f1")}


def fill_hub_folder(name, scores, weights, pictures, hub):
    """Write the contents of a Hub repository: weights, card, metadata and pictures."""
    hub.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(weights / f"{name}.fer", hub / f"{name}.fer")
    for picture in CAPTIONS:
        shutil.copyfile(pictures / f"{name}_{picture}.png", hub / f"{picture}.png")
    shown = [f"![{caption}]({picture}.png)\n\n{caption}" for picture, caption in CAPTIONS.items()]
    template = Template((Path(__file__).parent / "hub_readme.md").read_text(encoding="utf-8"))
    readme = template.substitute(
        scores,
        name=name,
        card=(weights / f"{name}.md").read_text(encoding="utf-8").rstrip(),
        pictures="\n\n".join(shown),
    )
    (hub / "README.md").write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
