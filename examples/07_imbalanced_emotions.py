"""
Rare emotions
=============

FER2013 has sixteen happy faces for each face of disgust: what does that do to a classifier, and
what can be done about it? This page trains on faces in these proportions without weights, with
balanced weights and with weights in between, and compares the recall of each emotion.
"""

# %%
# Draw faces in FER2013's proportions
# -----------------------------------
# The numbers are the counts of its training split. The test faces are balanced, so that each
# recall is measured equally well.
from fer_estimators.datasets import make_faces

fer2013 = {
    "angry": 3995,
    "disgust": 436,
    "fear": 4097,
    "happy": 7215,
    "sad": 4830,
    "surprise": 3171,
    "neutral": 4965,
}
train = make_faces(700, image_size=24, weights=fer2013, random_state=0)
test = make_faces(700, image_size=24, random_state=1)

# %%
import matplotlib.pyplot as plt

from fer_estimators import EmotionCountsDisplay

EmotionCountsDisplay.from_bunch(train)
plt.show()

# %%
# Train without and with class weights
# ------------------------------------
# Balanced weights give each emotion the same share of the loss: a face of disgust then counts as
# much as sixteen happy ones. That is a lot for a handful of faces, so the third network uses the
# square roots of these weights.
import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from fer_estimators import CNNClassifier

classes = np.unique(train.target)
balanced = compute_class_weight("balanced", classes=classes, y=train.target)
weights = {
    "none": None,
    "balanced": "balanced",
    "square root": dict(zip(classes.tolist(), np.sqrt(balanced), strict=True)),
}
networks = {
    name: CNNClassifier(epochs=12, batch_size=32, class_weight=class_weight, random_state=0)
    for name, class_weight in weights.items()
}
for clf in networks.values():
    clf.fit(train.images, train.target)

# %%
# Compare emotion by emotion
# --------------------------
# ``output="dict"`` returns the report's numbers. The interval says how far off a recall could be by
# chance alone: smaller differences mean little.
from fer_estimators import classification_report

reports = {
    name: classification_report(
        test.target, clf.predict(test.images), output="dict", zero_division=0
    )
    for name, clf in networks.items()
}
print(f"{'recall (95 % interval)':24s}" + "".join(f"{name:>20s}" for name in reports))
for emotion in test.target_names:
    rows = [report[emotion] for report in reports.values()]
    cells = [f"{r['recall']:.2f} ({r['recall_low']:.2f}-{r['recall_high']:.2f})" for r in rows]
    print(f"{emotion:24s}" + "".join(f"{cell:>20s}" for cell in cells))
means = [report["summary"]["balanced_accuracy"] for report in reports.values()]
print(f"{'mean of the recalls':24s}" + "".join(f"{mean:20.2f}" for mean in means))

# %%
figure, ax = plt.subplots(figsize=(7.6, 4.6), layout="constrained")
styles = ({"color": "0.85", "hatch": "///"}, {"color": "#0072B2"}, {"color": "#E69F00"})
for i, ((name, report), style) in enumerate(zip(reports.items(), styles, strict=True)):
    values = [report[emotion]["recall"] for emotion in test.target_names]
    ax.barh(np.arange(7) + 0.27 * i, values, 0.27, label=name, edgecolor="black", **style)
ax.set_yticks(np.arange(7) + 0.27, test.target_names)
ax.invert_yaxis()
ax.set(xlabel="recall on balanced faces", xlim=(0, 1))
ax.legend(title="weights", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# Which number to watch
# ---------------------
# On data in FER2013's proportions, accuracy hides a rare emotion: getting every face of disgust
# wrong costs only 1.5 points. Balanced accuracy, the mean of the recalls, shows it: pass
# ``scoring="balanced_accuracy"`` to a search.
from sklearn.metrics import accuracy_score, balanced_accuracy_score

natural = make_faces(700, image_size=24, weights=fer2013, random_state=2)
never = np.where(natural.target == "disgust", "angry", natural.target)
print("a classifier that is always right, but never says disgust:")
print(f"  accuracy {accuracy_score(natural.target, never):.3f}")
print(f"  balanced accuracy {balanced_accuracy_score(natural.target, never):.3f}")

# %%
# **What was learned.** Look at the recall of every emotion, not at accuracy alone, and choose
# weights and scores by what a mistake costs. Weights move mistakes from one emotion to others, but
# teach the network nothing new about the rare one; that takes more faces of it.
