"""Define the rows of the table; each function runs in a process of its own."""

import operator
import os
import subprocess
import sys
from functools import partial
from time import perf_counter

import numpy as np

from benchmarks import _data
from benchmarks._measure import Comparison, PeakMemory, in_turns, seconds
from benchmarks._small_fits import partial_fits, small_fits
from benchmarks._training_limit import training_limit
from benchmarks._training_loops import training_backends, training_compact, training_residual


def training(folder, rounds):
    """Compare training with augmentation and validation with Keras' ``fit`` and a loop."""
    from benchmarks import _plain_keras
    from fer_estimators import CNNClassifier

    images, target = (array[:4096] for array in _data.load(folder))
    validation = tuple(array[-512:] for array in _data.load(folder))
    epochs = 2

    def ours():
        clf = CNNClassifier(epochs=epochs, random_state=0)
        clf.fit(images, target, validation_data=validation)

    def fit():
        _plain_keras.fit(images, target, validation, epochs)

    def by_hand():
        _plain_keras.fit_by_hand(images, target, validation, epochs)

    times = in_turns(ours, fit, by_hand, rounds=rounds)
    rates = [[epochs * len(images) / t for t in row] for row in times]
    faster = {"unit": "images/s", "reach": 1.0, "higher_is_better": True}
    yield Comparison("training / Keras' fit(arrays)", rates[0], rates[1], **faster)
    yield Comparison("training / loop of train_on_batch", rates[0], rates[2], **faster)


def one_image(folder, rounds):
    """Compare one image at a time with ``model.predict`` and a bare compiled call."""
    import tensorflow as tf

    from fer_estimators import CNNClassifier

    images, target = (array[:640] for array in _data.load(folder))
    one = images[:1]
    # The usual network shows what a user gets, and the smallest one what the library adds.
    for architecture in ("compact", "tiny"):
        clf = CNNClassifier(architecture, epochs=1, random_state=0).fit(images, target)
        bare = tf.function(partial(clf.model_, training=False)).get_concrete_function(
            tf.TensorSpec((None, 48, 48, 1), tf.uint8)
        )
        calls = {
            "keras": partial(clf.model_.predict, one[..., None], verbose=0),
            "ours": partial(clf.predict_proba, one),
            "compiled": lambda bare=bare: bare(tf.constant(one[..., None])).numpy(),
        }
        # Ten calls of a kind in a row, as with a camera: the first one finds cold caches.
        in_rows = in_turns(*(partial(_repeat, 10, call) for call in calls.values()), rounds=rounds)
        slow, ours, compiled = ([t / 10 for t in times] for times in in_rows)
        name = f"one image, {architecture}"
        note = (
            "ten calls in a row; the compiled call alone: "
            f"{np.median(slow) / np.median(compiled):.0f} times"
        )
        yield Comparison(f"{name} / model.predict", ours, slow, unit="s", reach=50, note=note)
        at_most = {"unit": "s", "reach": 2, "at_most": True}
        times = in_turns(calls["ours"], calls["compiled"], rounds=300)
        yield Comparison(f"{name} / compiled call", *times, **at_most, note="call by call")
        tails = [[float(np.percentile(row, 99))] for row in times]
        yield Comparison(f"{name}, 99th percentile / compiled call", *tails, **at_most)


def prediction(folder, rounds):
    """Compare predictions of all images with ``model.predict``."""
    from fer_estimators import CNNClassifier

    images, target = _data.load(folder)
    clf = CNNClassifier(epochs=1, random_state=0).fit(images[:640], target[:640])
    times = in_turns(
        lambda: clf.predict_proba(images),
        lambda: clf.model_.predict(images[..., None], verbose=0, batch_size=64),
        rounds=rounds,
    )
    plain = clf.model_.predict(images[:100, ..., None], verbose=0)
    np.testing.assert_allclose(clf.predict_proba(images[:100]), plain, atol=1e-5)
    rates = [[len(images) / t for t in row] for row in times]
    yield Comparison(
        "all images / model.predict", *rates, unit="images/s", reach=1.1, higher_is_better=True
    )


def memory(folder, rounds):
    """Compare the memory that ``fit`` adds with the size of the images."""
    from fer_estimators import CNNClassifier

    images, target = _data.load(folder)
    for class_weight in (None, "balanced"):
        clf = CNNClassifier("tiny", epochs=1, class_weight=class_weight, random_state=0)
        # A first fit allocates what TensorFlow needs in any case.
        clf.fit(images[:1000], target[:1000])
        with PeakMemory() as memory_used:
            clf.fit(images, target)
        name = f"memory added by fit, class_weight={class_weight} / images"
        yield _compare_memory(name, memory_used, images, reach=2.2)


def _compare_memory(name, memory_used, images, *, reach):
    megabytes = [memory_used.added / 1e6], [images.nbytes / 1e6]
    return Comparison(name, *megabytes, unit="MB", reach=reach, at_most=True)


def loading(folder, rounds):
    """Compare loading a folder, a zip and a cache with Keras' and scikit-learn's loaders."""
    import keras
    from PIL import Image
    from sklearn.datasets import load_files

    from fer_estimators.datasets import load_fer2013

    path = folder / "faces"

    def sklearn_files():
        files = load_files(path / "train", load_content=False)
        return np.stack([np.asarray(Image.open(name)) for name in files.filenames])

    def keras_folder():
        batches = keras.utils.image_dataset_from_directory(
            path / "train", color_mode="grayscale", image_size=(48, 48), verbose=False
        )
        return np.concatenate([images.numpy() for images, _ in batches])

    def cached():
        return load_fer2013(path, cache=folder / "cache")

    archive = folder / "faces.zip"
    times = in_turns(
        lambda: load_fer2013(path),
        lambda: load_fer2013(archive),
        sklearn_files,
        lambda: load_fer2013(path, n_jobs=-1),
        lambda: load_fer2013(archive, n_jobs=-1),
        keras_folder,
        cached,
        rounds=rounds,
    )
    *on_one_core, by_sklearn, folder_on_all, zip_on_all, by_keras, again = times
    for name, ours in zip(("folder", "zip"), on_one_core, strict=True):
        row = f"loading a {name}, one core / load_files and Pillow"
        yield Comparison(row, ours, by_sklearn, unit="s", reach=1.5)
    for name, ours in (("folder", folder_on_all), ("zip", zip_on_all)):
        row = f"loading a {name}, all cores / Keras' loader"
        yield Comparison(row, ours, by_keras, unit="s", reach=2, note="workers started before")
    yield Comparison(
        "loading from the cache / first time", again, on_one_core[0], unit="s", reach=10
    )


def loading_memory(folder, rounds):
    """Compare the peak memory of loading with the size of the array."""
    from fer_estimators.datasets import load_fer2013

    for name, source in (("folder", folder / "faces"), ("zip", folder / "faces.zip")):
        load_fer2013(source)
        with PeakMemory() as memory_used:
            images = load_fer2013(source).images
        name = f"peak memory of loading a {name} / array"
        yield _compare_memory(name, memory_used, images, reach=1.3)


def importing(folder, rounds):
    """Compare ``import fer_estimators`` with ``import sklearn``."""

    def fresh(module):
        return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

    bare, ours, sklearn = in_turns(
        fresh("sys"), fresh("fer_estimators"), fresh("sklearn"), rounds=3 * rounds
    )
    start = float(np.median(bare))
    yield Comparison(
        "import fer_estimators / import sklearn",
        [t - start for t in ours],
        [t - start for t in sklearn],
        unit="s",
        reach=1.2,
        at_most=True,
    )


def heads(folder, rounds):
    """Compare eight heads on one frozen backbone with eight transfer classifiers."""
    from tempfile import TemporaryDirectory

    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    from fer_estimators import BackboneFeatures, TransferClassifier
    from fer_estimators.classifiers import pooled_head

    images, target = (array[:4096] for array in _data.load(folder))
    common = {"backbone": "mobilenet_050", "weights": None, "random_state": 0}

    regressions = [LogisticRegression(C=10.0**-head, max_iter=50, tol=1e-3) for head in range(8)]

    def features(n_heads):
        with TemporaryDirectory() as cache:
            for head in regressions[:n_heads]:
                steps = [("features", BackboneFeatures(**common)), ("head", head)]
                Pipeline(steps, memory=cache).fit(images, target)

    def transfer():
        for number in range(8):
            head = partial(pooled_head, dropout=number / 10)
            TransferClassifier(**common, head=head, epochs=2).fit(images, target)

    eight, one = in_turns(lambda: features(8), lambda: features(1), rounds=rounds)
    fits = [seconds(transfer)]
    name = "8 heads, Pipeline(memory=) / 8 transfer fits"
    yield Comparison(name, eight, fits, "s", reach=5, note="the fits once")
    seen = BackboneFeatures(**common).fit_transform(images)
    alone = seconds(lambda: [head.fit(seen, target) for head in regressions[1:]])
    note = f"of it {alone:.2f} s for scikit-learn's seven more regressions"
    yield Comparison("8 heads / 1 head", eight, one, "s", reach=1.5, at_most=True, note=note)


def scaling(folder, rounds, largest=80_000):
    """Check that time grows linearly, and memory does not grow, with the images in a memory map."""
    from fer_estimators import CNNClassifier

    images, target = _data.load(folder)
    path = folder / "large.npy"
    shape = (largest, 48, 48)
    large = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for start in range(0, largest, len(images)):
        large[start : start + len(images)] = images[: largest - start]
    large.flush()
    labels = np.resize(target, largest)
    clf = CNNClassifier("tiny", epochs=1, augmentation=None, random_state=0)
    clf.set_params(validation_fraction=None).fit(images[:1000], target[:1000])
    sizes = [largest * times // 8 for times in (1, 2, 4, 8)]

    def predict(n, times=1):
        mapped = np.load(path, mmap_mode="r")[:n]
        return seconds(partial(_repeat, times, partial(clf.predict_proba, mapped)))

    def train(n, times=1):
        return _epochs(clf, np.load(path, mmap_mode="r")[:n], labels[:n], times)

    for name, measured in (("prediction", predict), ("a training epoch", train)):
        measured(sizes[0])
        added = []
        # The smaller number comes first, because memory of the larger one may be kept.
        for n in (sizes[0], sizes[-1]):
            with PeakMemory() as memory_used:
                measured(n)
            added.append(memory_used.added)
        for times, n in zip((2, 4, 8), sizes[1:], strict=True):
            # Both take the same time in each turn, and short ones have more turns, because the
            # machine's speed drifts within seconds.
            pairs = in_turns(
                partial(measured, n),
                partial(measured, sizes[0], times),
                rounds=rounds * 8 // times,
                warm_up=False,
                measure=operator.call,  # The functions return their own seconds.
            )
            yield Comparison(
                f"{name} of {times} times the images / {times} times one",
                *pairs,
                unit="s",
                reach=1.1,
                at_most=True,
            )
        yield Comparison(
            f"memory added by {name}, 8 times the images / 200 MB",
            [max(added[1] - added[0], 0) / 1e6],
            [200.0],
            unit="MB",
            reach=1.0,
            at_most=True,
            note="pages of the map, which the system takes back, included",
        )


def image_files(folder, rounds):
    """Compare training on lazily read JPEG files with training on images in memory."""
    from fer_estimators import CNNClassifier, load_image_folder

    files = load_image_folder(folder / "faces", image_size=48, lazy=True)
    rows = np.random.default_rng(0).permutation(len(files.images))[:4096]
    images, target = files.images[rows], files.target[rows]
    clf = CNNClassifier(validation_fraction=None, patience=None, random_state=0)
    times = in_turns(
        partial(_epochs, clf, images, target, 1),
        partial(_epochs, clf, np.asarray(images), target, 1),
        rounds=rounds,
        warm_up=False,
        measure=operator.call,
    )
    rates = [[len(rows) / t for t in row] for row in times]
    better = {"unit": "images/s", "reach": 0.9, "higher_is_better": True}
    yield Comparison("an epoch on JPEG files / images in memory", *rates, **better)


def image_files_memory(folder, rounds, n_images=200_000):
    """Compare the memory that a fit on many JPEG files adds with 300 MB."""
    from fer_estimators import CNNClassifier, load_image_folder

    few = load_image_folder(folder / "faces", image_size=48, lazy=True)
    for number in range(n_images):
        place = folder / "links" / few.target[number % len(few.target)]
        place.mkdir(parents=True, exist_ok=True)
        path = folder / "faces" / few.filenames[number % len(few.filenames)]
        os.link(path, place / f"{number}.jpg")
    clf = CNNClassifier("tiny", epochs=1, patience=None, validation_fraction=None, random_state=0)
    # A first fit allocates what TensorFlow needs in any case.
    clf.fit(few.images[::10], few.target[::10])
    with PeakMemory() as memory_used:
        many = load_image_folder(folder / "links", image_size=48, lazy=True)
        clf.fit(many.images, many.target)
    name = f"memory added by a fit on {n_images:,} JPEG files / 300 MB"
    added = memory_used.added / 1e6
    yield Comparison(name, [added], [300.0], unit="MB", reach=1.0, at_most=True)


def exported(folder, rounds):
    """Compare an exported classifier with the interpreter alone and with the original."""
    from ai_edge_litert.interpreter import Interpreter

    from fer_estimators import load_pretrained
    from fer_estimators.export import ExportedClassifier

    images, _ = (array[:2048] for array in _data.load(folder))
    name = "fer2013-compact"
    clf, original = ExportedClassifier.from_pretrained(name), load_pretrained(name)
    interpreter = Interpreter(os.fspath(clf.path), num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    one = images[:1]

    def alone():
        interpreter.set_tensor(source, one[..., None].astype(np.float32))
        interpreter.invoke()
        return interpreter.get_tensor(target)

    calls = partial(clf.predict_proba, one), alone, partial(original.predict_proba, one)
    ours, bare, before = in_turns(*calls, rounds=100 * rounds)
    row = "one image, exported int8"
    note = f"the interpreter alone, at its quickest: {1000 * min(bare):.3f} ms"
    yield Comparison(f"{row} / 0.35 ms", ours, [0.35e-3], "s", reach=1, at_most=True, note=note)
    yield Comparison(f"{row} / original", ours, before, "s", reach=1)
    calls = partial(clf.predict_proba, images), partial(original.predict_proba, images)
    rates = [[len(images) / t for t in times] for times in in_turns(*calls, rounds=rounds)]
    faster = {"unit": "images/s", "reach": 1.0, "higher_is_better": True}
    yield Comparison("batches, exported int8 / original", *rates, **faster)

    def fresh(load):
        code = f"import numpy as np\n{load}\nclf.predict_proba(np.eye(48)[None] * 200 + 9)"
        return lambda: subprocess.run(
            [sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL
        )

    load = "from fer_estimators import ExportedClassifier as C; clf = C.from_pretrained"
    starts = in_turns(
        fresh(f"{load}({name!r})"),
        fresh(f"from fer_estimators import load_pretrained; clf = load_pretrained({name!r})"),
        rounds=rounds,
    )
    yield Comparison("first answer, exported / original", *starts, "s", reach=4)


def _repeat(times, work):
    for _ in range(times):
        work()


def _epochs(clf, images, target, times):
    """Return the seconds of some epochs after the first one, which builds and traces."""
    import keras

    ends = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(perf_counter()))
    clf.set_params(epochs=1 + times, callbacks=[watch]).fit(images, target)
    return ends[-1] - ends[0]


ROWS = {
    function.__name__: function
    for function in (
        importing,
        loading,
        loading_memory,
        one_image,
        prediction,
        exported,
        training,
        training_limit,
        training_compact,
        training_residual,
        training_backends,
        partial_fits,
        small_fits,
        memory,
        heads,
        scaling,
        image_files,
        image_files_memory,
    )
}
