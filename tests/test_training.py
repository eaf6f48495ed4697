"""The programs that made the shipped networks, on a few drawn faces."""

import csv
import importlib
import json
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import card_pictures
import fer_estimators
import ferplus
import from_votes
import hard_images
import model_cards
import precision
import pretrained
import publish
import temperature
import transfer
from fer_estimators import CNNClassifier, make_faces
from fer_estimators.classifiers import RECIPES

# The other tests put smaller networks there.
NETWORKS = dict(pretrained.NETWORKS)


@pytest.fixture(scope="module")
def fer2013(tmp_path_factory):
    """Write a FER2013 of 70 training and 28 validation faces, one of them in both."""
    root = tmp_path_factory.mktemp("fer2013")
    for seed, (split, n_images) in enumerate((("train", 70), ("val", 28))):
        faces = make_faces(n_images, image_size=48, random_state=seed)
        if split == "val":
            twice = faces.images[0].copy()
        for number, (image, emotion) in enumerate(zip(faces.images, faces.target, strict=True)):
            folder = root / split / emotion
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
    Image.fromarray(twice).save(root / "train" / str(faces.target[0]) / "twice.png")
    return str(root)


@pytest.fixture(scope="module")
def votes(fer2013):
    """Write the votes of ten people, most of whom see the emotion of the folder."""
    words = {"happy": "happiness", "sad": "sadness", "angry": "anger"}
    names = [
        words.get(emotion, emotion)
        for emotion in sorted({p.parent.name for p in Path(fer2013).glob("*/*/*")})
    ]
    path = Path(fer2013).parent / "votes.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, ["file", *names, "contempt", "unknown", "NF"], restval=0)
        table.writeheader()
        for image in sorted(Path(fer2013).glob("*/*/*.png")):
            name = words.get(image.parent.name, image.parent.name)
            table.writerow({"file": str(image.relative_to(fer2013)), name: 8, "unknown": 2})
    return str(path)


@pytest.fixture(scope="module")
def tiny_networks():
    """Train the smallest network in place of the shipped ones."""
    tiny = {**RECIPES["best"], "architecture": "tiny", "augmentation": None, "epochs": 3}
    with pytest.MonkeyPatch.context() as patch:
        for name in pretrained.NETWORKS:
            patch.setitem(pretrained.NETWORKS, name, tiny)
        for settings in pretrained.CONTINUATION.values():
            patch.setitem(settings, "epochs", 2)
        yield


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_settings_are_valid(name):
    settings = {**NETWORKS[name], "architecture": "tiny", "epochs": 1}
    faces = make_faces(14, image_size=16, random_state=0)
    clf = CNNClassifier(**settings, random_state=0)
    assert clf.fit(faces.images, faces.target).n_epochs_ == 1


@pytest.fixture(scope="module")
def trained(fer2013, tiny_networks, tmp_path_factory):
    """Train the teacher, and the network that learns from it."""
    runs = tmp_path_factory.mktemp("runs")
    base, compact = runs / "base", runs / "compact"
    pretrained.main(["fer2013-base", fer2013, "--output", str(base)])
    teacher = str(base / "before_averaging.fer")
    pretrained.main(["fer2013-compact", fer2013, "--teacher", teacher, "--output", str(compact)])
    return compact


def test_training_leaves_the_network_and_its_curves(trained):
    clf = fer_estimators.load(trained / "model.fer")
    assert clf.n_epochs_ == 7
    rates = json.loads((trained / "curves.json").read_text())["learning_rate"]
    assert rates[2] == pytest.approx(0, abs=1e-6)
    assert rates[3:5] == pytest.approx([pretrained.CONTINUATION["averaging"]["learning_rate"]] * 2)
    assert rates[6] == pytest.approx(0, abs=1e-6)
    for part, n_epochs in {"before_averaging": 3, "averaging": 5, "restart": 7}.items():
        assert fer_estimators.load(trained / f"{part}.fer").n_epochs_ == n_epochs
    assert (trained / "curves.png").stat().st_size > 1000


def test_training_resumes_after_a_kill_between_its_parts(fer2013, tiny_networks, tmp_path):
    whole = train_base(fer2013, tmp_path)
    shutil.rmtree(tmp_path / "restart")
    for before, after in zip(whole, train_base(fer2013, tmp_path), strict=True):
        np.testing.assert_array_equal(after, before)


def test_training_ends_with_an_average(fer2013, tiny_networks, tmp_path, monkeypatch):
    average = train_base(fer2013, tmp_path)
    shutil.rmtree(tmp_path / "restart")
    monkeypatch.setitem(pretrained.CONTINUATION["restart"], "optimizer", "sgd")
    assert not np.array_equal(train_base(fer2013, tmp_path)[0], average[0])


def train_base(fer2013, folder):
    """Return the trained weights."""
    pretrained.main(["fer2013-base", fer2013, "--output", str(folder)])
    return fer_estimators.load(folder / "model.fer").model_.get_weights()


def test_network_learned_from_the_teacher(trained, fer2013, tmp_path):
    pretrained.main(["fer2013-compact", fer2013, "--output", str(tmp_path)])
    alone = fer_estimators.load(tmp_path / "model.fer").model_.get_weights()
    taught = fer_estimators.load(trained / "model.fer").model_.get_weights()
    assert not np.array_equal(alone[0], taught[0])


@pytest.fixture(scope="module")
def voted(fer2013, votes, tmp_path_factory):
    """Train a network of the votes, and one of the labels that begins with it."""
    runs = tmp_path_factory.mktemp("voted")
    tiny = {
        **ferplus.NETWORKS["ferplus-compact"],
        "architecture": "tiny",
        "augmentation": None,
        "epochs": 2,
        "learning_rate": 1e-12,
    }
    start, network = runs / "start", runs / "network"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ferplus.NETWORKS, "ferplus-compact", tiny)
        patch.setitem(from_votes.NETWORKS, "fer2013-compact", tiny)
        ferplus.main(["ferplus-compact", fer2013, votes, "--output", str(start)])
        start /= "model.fer"
        from_votes.main(
            ["fer2013-compact", fer2013, votes, "--start", str(start), "--output", str(network)]
        )
    return fer_estimators.load(start), fer_estimators.load(network / "model.fer")


def test_network_begins_with_what_votes_taught(voted):
    start, network = voted
    before, after = start.model_.get_weights(), network.model_.get_weights()
    # Hardly anything is learned at such a learning rate.
    np.testing.assert_allclose(before[0], after[0], atol=1e-6)
    assert network.classes_.tolist() == start.classes_.tolist()


def test_what_another_teacher_said_is_not_taken(tmp_path):
    teachers = [tmp_path / "one.fer", tmp_path / "other.fer"]
    for teacher in teachers:
        teacher.write_bytes(teacher.name.encode())
    cases = [(teacher, n, tta) for teacher in teachers for n in (10, 20) for tta in (None, "flip")]
    names = {from_votes.name_taught(*case) for case in cases}
    assert len(names) == 8
    teachers[1].rename(teachers[0])
    assert from_votes.name_taught(teachers[0], 10, None) in names


def test_a_pupil_sees_the_views_that_its_teachers_saw(voted, fer2013, votes, tmp_path):
    start, teacher = tmp_path / "start.fer", tmp_path / "teacher.fer"
    for clf, path in zip(voted, (start, teacher), strict=True):
        fer_estimators.save(clf, path)
    tiny = {**from_votes.NETWORKS["fer2013-compact"], "architecture": "tiny"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(from_votes.NETWORKS, "fer2013-compact", tiny)
        from_votes.main(
            [
                *("fer2013-compact", fer2013, votes, "--start", str(start), "--views", "2"),
                *("--teacher", str(teacher), str(start)),
                *("--epochs", "2", "--output", str(tmp_path)),
            ]
        )
    views, taught = np.load(tmp_path / "views-0-2.npy"), list(tmp_path.glob("taught-*"))
    images = fer_estimators.load_fer2013(fer2013, split="train").images
    assert views.shape == (2 * len(images), *images.shape[1:])
    assert not (views == np.tile(images, (2, 1, 1))).all(axis=(1, 2)).any()
    assert [len(np.load(path)) for path in taught] == [len(views)] * 2
    assert len(json.loads((tmp_path / "curves.json").read_text())["loss"]) == 2


def test_votes_soften_the_labels(fer2013, votes):
    train = fer_estimators.load_fer2013(fer2013, split="train")
    targets = from_votes.mix_targets(train, fer2013, votes)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    codes = np.searchsorted(np.unique(train.target), train.target)
    of_label = targets[np.arange(len(codes)), codes]
    assert np.all((of_label >= 1 - from_votes.VOTES_SHARE) & (of_label < 1))


@pytest.fixture(scope="module", params=["fer2013", "fer_plus"])
def published(request, trained, fer2013, votes, tmp_path_factory):
    """Publish the network, as one of FER2013's labels and as one of votes."""
    folder = tmp_path_factory.mktemp("published")
    votes = ["--votes", votes] if request.param == "fer_plus" else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "RECORD", folder / "published.json")
        patch.setattr(model_cards, "RECORD", folder / "published.json")
        publish.main(
            [
                *("tiny", fer2013, str(trained / "model.fer"), "--tta", "flip", *votes),
                *("--command", "python training/pretrained.py ...", "--notes", "Then it rested."),
                *("--output", str(folder)),
            ]
        )
        model_cards.main([fer2013, "--output", str(folder), *votes])
    return folder


def test_published_network_takes_any_faces(published):
    clf = fer_estimators.load(published / "tiny.fer")
    assert (clf.tta, clf.handle_other_shapes) == ("flip", "convert")
    face = make_faces(1, image_size=60, random_state=0).images[:, :, :50]
    assert clf.predict(np.stack([face] * 3, axis=-1)).shape == (1,)


def test_card_says_what_was_measured(published, fer2013, votes):
    card = (published / "tiny.md").read_text(encoding="utf-8")
    assert "$" not in card
    clf = fer_estimators.load(published / "tiny.fer")
    fer_plus = votes if "Its cross-entropy with the votes is" in card else None
    val = fer_estimators.load_fer2013(fer2013, split="val", fer_plus=fer_plus)
    accuracy = 100 * clf.score(val.images, val.target)
    assert f"| accuracy on FER2013's validation split | {accuracy:.1f} % |" in card
    assert f"| as they are | {accuracy:.1f} % |" in card
    assert "1 of the validation images are also in the training split" in card
    assert "| blank | 18 |" in card
    assert re.search(r"SHA-256 of the weights: `[0-9a-f]{64}`", card)
    assert "python training/pretrained.py ..." in card
    assert "Then it rested." in card


def test_folder_for_the_hub_holds_metadata_card_weights_and_pictures(published, fer2013, tmp_path):
    hub, pictures = tmp_path / "hub", tmp_path / "pictures"
    folders = ["--weights", str(published), "--pictures", str(pictures), "--hub", str(hub)]
    card_pictures.main(["tiny", fer2013, *folders])
    _, metadata, text = (hub / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert re.search(r"type: accuracy\n      value: [01]\.\d{4}\n", metadata)
    assert (published / "tiny.md").read_text(encoding="utf-8").rstrip() in text
    shown = set(re.findall(r"\]\((\w+\.png)\)", text))
    assert {path.name for path in hub.iterdir()} == {"README.md", "tiny.fer", *shown}
    drawn = {f"tiny_{name}" for name in shown}
    drawn |= {name.replace(".png", "_dark.png") for name in drawn}
    assert {path.name for path in pictures.iterdir()} == drawn


def test_wider_crops_show_more_and_tilted_ones_turn_each_way():
    face = np.zeros((20, 20), dtype=np.uint8)
    face[5:15, 5:15] = 255
    wider, narrower = (hard_images.reframe(np.stack([face] * 2), share, 0) for share in (0.2, -0.2))
    assert wider[0].mean() < face.mean() < narrower[0].mean()
    one, other = hard_images.reframe(np.stack([np.triu(face)] * 2), 0.0, 20)
    assert not np.array_equal(one, other)


def test_temperature_makes_a_network_that_is_too_sure_less_sure(fitted_on_noise):
    clf, faces = fitted_on_noise
    logits = temperature.log_probabilities(clf, faces.images)
    divisor = temperature.fit_temperature(logits, temperature.label_shares(clf, faces))
    assert divisor > 1.2
    before = clf.predict_proba(faces.images)
    publish.scale_logits(clf, 1 / divisor)
    after = clf.predict_proba(faces.images)
    expected = before ** (1 / divisor)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after, expected, atol=1e-5)


def test_calibration_errors_are_those_after_a_temperature():
    codes = (np.random.default_rng(0).random(2000) > 0.8).astype(int)
    too_sure = np.log([np.repeat([[0.8, 0.2]], 2000, axis=0)]) * 3
    assert abs(temperature.soften(too_sure, 1)[0, 0] - np.mean(codes == 0)) > 0.1
    errors = temperature.calibration_errors(too_sure, np.eye(2)[codes])
    assert max(errors) < 0.03


@pytest.fixture
def fitted_on_noise(faces):
    """Learn other labels than those that are asked for later."""
    rng = np.random.default_rng(0)
    params = {**RECIPES["best"], "augmentation": None, "epochs": 30, "label_smoothing": 0.0}
    clf = CNNClassifier("tiny", **params)
    clf.set_params(learning_rate=0.01, random_state=0)
    half = rng.random(len(faces.target)) < 0.5
    mixed = np.where(half, rng.permutation(faces.target), faces.target)
    return clf.fit(faces.images, mixed), faces


@pytest.mark.parametrize("backbone", ["mobilenet_025", "vgg16"])
def test_ways_of_transfer_run_from_a_weights_file(backbone, fer2013, tmp_path, capsys):
    build = {
        "mobilenet_025": lambda: keras.applications.MobileNet(
            (48, 48, 3), alpha=0.25, include_top=False, weights=None
        ),
        "vgg16": lambda: keras.applications.VGG16(False, None, input_shape=(48, 48, 3)),
    }[backbone]
    build().save_weights(tmp_path / "published.weights.h5")
    command = [
        *(fer2013, "--backbone", backbone, "--weights", str(tmp_path / "published.weights.h5")),
        *("--image-size", "48", "--images", "14", "--epochs", "1", "--fine-tune-layers", "1"),
        *("--output", str(tmp_path / "transfer.json")),
    ]
    transfer.main(command)
    rows = json.loads((tmp_path / "transfer.json").read_text())
    assert len(rows) == 4
    assert all(0 <= row["accuracy"] <= 1 and row["minutes"] > 0 for row in rows.values())
    capsys.readouterr()
    before = (tmp_path / "transfer.json").stat().st_mtime_ns
    transfer.main(command)
    assert (tmp_path / "transfer.json").stat().st_mtime_ns == before
    assert capsys.readouterr().out.count("accuracy") == 4


class Epochs:
    """What trains on the device, without it."""

    def train_epoch(self, epoch):
        return 1 / (epoch + 1)

    def write(self, path, progress):
        path.write_text(json.dumps(progress))

    def read(self, path):
        return json.loads(path.read_text())


def test_state_of_a_rehearsal_is_not_taken_for_that_of_the_training(tmp_path):
    pytest.importorskip("jax")
    on_gpu = importlib.import_module("on_gpu")
    path, settings = tmp_path / "state.json", {"epochs": 2, "images": 9, "teacher": None}
    assert not on_gpu.train_until(Epochs(), path, settings, deadline=0)
    assert on_gpu.train_until(Epochs(), path, settings, deadline=np.inf)
    assert json.loads(path.read_text())["losses"] == [1, 1 / 2]
    with pytest.raises(SystemExit, match=r"'epochs': 2.*, but this run has .*'epochs': 3"):
        on_gpu.train_until(Epochs(), path, {**settings, "epochs": 3}, deadline=np.inf)


def test_precisions_are_compared_and_not_trained_twice(fer2013, tmp_path, capsys):
    command = [fer2013, "--networks", "tiny", "--seeds", "0", "--epochs", "1"]
    precision.main([*command, "--output", str(tmp_path)])
    table = capsys.readouterr().out
    assert re.search(r"\| tiny \| float32 \| 0 \| 0\.\d{4} \|", table)
    assert "| tiny | mixed_bfloat16 | 0 |" in table
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert {path.name for path in before} == {
        f"tiny-{policy}-0-1-epochs.json" for policy in precision.POLICIES
    }
    precision.main([*command, "--output", str(tmp_path)])
    assert capsys.readouterr().out == table
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
