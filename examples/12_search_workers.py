"""
Search on several cores
=======================

How do I try many settings without waiting for days? This page draws settings at random and trains
them in two processes at once. It then trains many settings for few epochs, and the best for many.
"""

# %%
# What to search over
# -------------------
# A search can vary any argument of the constructor, such as a number or the network. A function can
# take the place of a network's name; it is sent to the other processes by value, so it need not be
# registered.
import keras
from scipy.stats import loguniform

from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces


def one_layer(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


emotions = {"happy": 1, "sad": 1, "surprise": 1, "neutral": 1}
faces = make_faces(400, image_size=16, weights=emotions, random_state=0)
space = {
    "architecture": ["tiny", one_layer],
    "learning_rate": loguniform(1e-3, 1e-1),
}
clf = CNNClassifier(epochs=10, batch_size=16, augmentation=None, random_state=0)

# %%
# Two processes at once
# ---------------------
# ``n_jobs=2`` trains two candidates at a time, each in its own process, and joblib divides the
# cores between them.
from sklearn.model_selection import RandomizedSearchCV

search = RandomizedSearchCV(clf, space, n_iter=8, cv=2, n_jobs=2, random_state=5)
search.fit(faces.images, faces.target)
print(f"best of {search.n_iter}: {search.best_score_:.2f}")
for name, value in search.best_params_.items():
    print(f"  {name}: {getattr(value, '__name__', value)}")

# %%
# See what matters
# ----------------
# Each point is a candidate. If the points of a network rise towards the edge of the plot, its best
# learning rate may lie beyond it.
import matplotlib.pyplot as plt

results = search.cv_results_
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for architecture, name, marker in (("tiny", "tiny", "o"), (one_layer, "one_layer", "s")):
    tried = [i for i, p in enumerate(results["params"]) if p["architecture"] == architecture]
    rates = [results["params"][i]["learning_rate"] for i in tried]
    ax.plot(rates, results["mean_test_score"][tried], marker, markersize=8, label=name)
ax.axhline(1 / 4, color="0.4", linestyle=":", label="guessing")
ax.set(xscale="log", xlabel="learning rate", ylabel="accuracy, mean of the folds", ylim=(0, 1))
ax.legend(ncols=3)
plt.show()

# %%
# Few epochs for many candidates, many for the best
# -------------------------------------------------
# Successive halving trains all candidates for a few epochs, keeps the best, and trains those for
# longer: ``epochs`` is the resource.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

halving = HalvingGridSearchCV(
    clf.set_params(architecture="tiny"),
    {"learning_rate": [1e-3, 3e-3, 1e-2]},
    resource="epochs",
    min_resources=4,
    max_resources=12,
    factor=3,
    cv=2,
    n_jobs=2,
)
halving.fit(faces.images, faces.target)
for epochs, n in zip(halving.n_resources_, halving.n_candidates_, strict=True):
    print(f"{n} candidates were trained for {epochs} epochs")
print(f"best: {halving.best_params_}, {halving.best_score_:.2f}")

# %%
# **What was learned.** A search varies constructor arguments, ``n_jobs`` is the number of
# processes, and epochs can be the resource. Whether two processes save time depends on the
# network, because a large one uses all cores by itself. Measure this before a long search.
