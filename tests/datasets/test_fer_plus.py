"""FER+: votes are joined to the images they belong to, and tables of other images are refused."""

import os

import numpy as np
import pytest

from fer_estimators import CNNClassifier
from fer_estimators.datasets import load_fer2013
from fer_estimators.exceptions import DatasetError, LabelError

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
ANSWERS = [
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
]
COLUMN_OF = dict(
    zip(("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear"), range(7), strict=True)
)
USAGE = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}


def votes_for(emotion, n=8):
    votes = [0] * 10
    votes[COLUMN_OF[emotion]] = n
    votes[7] = 10 - n
    return votes


def write_images(tmp_path, labels, splits=None):
    """Write a fer2013.csv whose image of row n begins with the grey level n."""
    splits = splits or ["train"] * len(labels)
    rows = [
        f"{EMOTIONS.index(label)},{' '.join([str(n), '255'] * 1152)},{USAGE[split]}"
        for n, (label, split) in enumerate(zip(labels, splits, strict=True))
    ]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    return path


def write_votes(tmp_path, votes, splits=None, header=("Usage", "Image name", *ANSWERS)):
    splits = splits or ["train"] * len(votes)
    # As in Microsoft's table, names run behind the rows.
    rows = [
        f"{USAGE[split]},{f'fer{n - 1:07}.png' if n else ''},{','.join(map(str, row))}"
        for n, (row, split) in enumerate(zip(votes, splits, strict=True))
    ]
    path = tmp_path / "fer2013new.csv"
    path.write_text("\n".join([",".join(header), *rows]))
    return path


def write_votes_by_file(tmp_path, votes_of):
    rows = [f"{file},{','.join(map(str, votes))}" for file, votes in votes_of.items()]
    path = tmp_path / "votes.csv"
    path.write_text("\n".join([",".join(["file", *ANSWERS]), *rows]))
    return path


@pytest.fixture
def two_tables(tmp_path):
    """Seven images whose votes name the emotion after their label."""
    images = write_images(tmp_path, EMOTIONS)
    votes = [votes_for(EMOTIONS[(n + 1) % 7]) for n in range(7)]
    return images, write_votes(tmp_path, votes)


def test_votes_are_joined_by_row_and_never_by_image_name(two_tables):
    images, votes = two_tables
    faces = load_fer2013(images, fer_plus=votes)
    rows = faces.images[:, 0, 0]
    np.testing.assert_array_equal(faces.target, np.roll(EMOTIONS, -1)[rows])
    np.testing.assert_array_equal(faces.original_target, np.array(EMOTIONS)[rows])
    assert faces.votes.shape == (7, 10)
    assert faces.vote_names.tolist() == [*COLUMN_OF, "contempt", "unknown", "no face"]
    assert faces.target_names.tolist() == [*EMOTIONS, "contempt"]
    assert "FER+" in faces.DESCR


def test_soft_labels_train_a_classifier_as_they_come(two_tables):
    images, votes = two_tables
    faces = load_fer2013(images, fer_plus=votes, image_size=16)
    assert list(faces.soft_labels.columns) == sorted(EMOTIONS)
    np.testing.assert_allclose(faces.soft_labels.sum(axis=1), 1)
    clf = CNNClassifier(
        "tiny", augmentation=None, epochs=1, validation_fraction=None, patience=None
    )
    clf.fit(faces.images, faces.target, y_proba=faces.soft_labels)
    assert clf.classes_.tolist() == list(faces.soft_labels.columns)


def test_soft_labels_are_shares_of_the_votes_for_the_targets(tmp_path):
    images = write_images(tmp_path, EMOTIONS)
    votes = [votes_for(label, 10) for label in EMOTIONS]
    votes[0] = [2, 0, 0, 0, 6, 0, 0, 1, 1, 0]
    faces = load_fer2013(images, fer_plus=write_votes(tmp_path, votes))
    first = faces.soft_labels.iloc[list(faces.filenames).index("fer2013.csv:2")]
    assert first["angry"] == pytest.approx(6 / 8)
    assert first["neutral"] == pytest.approx(2 / 8)
    assert "no target is contempt" in str(faces.report)


def test_images_without_a_majority_are_left_out_with_a_line_in_the_report(tmp_path):
    images = write_images(tmp_path, [*EMOTIONS, "happy", "happy", "happy", "happy"])
    votes = [
        *map(votes_for, EMOTIONS),
        [0, 2, 0, 0, 0, 0, 0, 0, 8, 0],
        [0, 2, 0, 0, 0, 0, 0, 0, 0, 8],
        [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 5, 0, 0, 0, 0, 0, 0, 5, 0],
    ]
    faces = load_fer2013(images, fer_plus=write_votes(tmp_path, votes))
    assert len(faces.target) == len(faces.images) == len(faces.data) == len(faces.soft_labels) == 7
    lines = [(entry.path, entry.reason) for entry in faces.report if entry.action == "ignored"]
    assert lines == [
        ("fer2013.csv:9", "FER+: most people could not tell the emotion"),
        ("fer2013.csv:10", "FER+: most people saw no face"),
        ("fer2013.csv:11", "FER+: no single emotion has the most votes"),
        ("fer2013.csv:12", "FER+: no single emotion has the most votes"),
    ]


@pytest.mark.parametrize(("ties", "expected"), [("first", "neutral"), ("keep", "happy")])
def test_ties_are_broken_as_asked(tmp_path, ties, expected):
    images = write_images(tmp_path, [*EMOTIONS, "happy"])
    votes = [*map(votes_for, EMOTIONS), [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]]
    faces = load_fer2013(images, fer_plus=write_votes(tmp_path, votes), ties=ties)
    assert faces.target[list(faces.filenames).index("fer2013.csv:9")] == expected


def test_classes_are_those_that_most_people_saw(two_tables):
    images, votes = two_tables
    faces = load_fer2013(images, fer_plus=votes, classes=["sad", "happiness"])
    assert sorted(faces.target) == ["happy", "sad"]
    assert faces.target_names.tolist() == ["happy", "sad"]
    with pytest.raises(LabelError, match=r"'contemt', but FER.*Did you mean 'contempt'"):
        load_fer2013(images, fer_plus=votes, classes=["happy", "contemt"])


def test_files_are_joined_through_a_table_that_names_them(fer_folder, tmp_path, fakes):
    votes_of = {
        path: votes_for("sad" if "happy" in path else path.split("/")[1])
        for path in fakes.files(("train", "val"))
        if path != "train/fear/Training_1.jpg"
    }
    table = write_votes_by_file(tmp_path, votes_of)
    faces = load_fer2013(fer_folder, split="val", fer_plus=table)
    assert set(faces.target[faces.original_target == "happy"]) == {"sad"}
    faces = load_fer2013(fer_folder, split="train", fer_plus=table)
    assert len(faces.target) == 13
    assert "no row in the table of votes (train/fear/Training_1.jpg)" in str(faces.report)


def test_votes_for_files_of_another_split_are_refused(tmp_path, fakes):
    files = {
        f"{split}/{emotion}/1.jpg": fakes.encode(fakes.draw([row]))
        for split in ("train", "test")
        for row, emotion in enumerate(EMOTIONS)
    }
    folder = fakes.folder(tmp_path / "fer", files)
    votes_of = {path: votes_for(path.split("/")[1]) for path in files if path[:5] == "train"}
    table = write_votes_by_file(tmp_path, votes_of)
    assert len(load_fer2013(folder, split="train", fer_plus=table).target) == 7
    message = "'train/angry/1.jpg' for '{}angry/1.jpg'. Pass a table"
    for path, above in ((folder, "test/"), (folder / "test", "")):
        with pytest.raises(DatasetError, match=message.format(above)):
            load_fer2013(path, split="test", fer_plus=table)


def test_votes_for_files_that_were_moved_to_another_split_are_joined(tmp_path, fakes):
    files = {f"train/{e}/PublicTest_{n}.jpg": fakes.draw([n]) for n, e in enumerate(EMOTIONS)}
    folder = fakes.folder(tmp_path / "fer", {path: fakes.encode(p) for path, p in files.items()})
    votes_of = {path.replace("train", "val"): votes_for(path.split("/")[1]) for path in files}
    table = write_votes_by_file(tmp_path, votes_of)
    assert load_fer2013(folder, fer_plus=table).target.tolist() == list(EMOTIONS)


def test_files_may_be_named_in_the_order_of_their_folders(tmp_path, fakes, monkeypatch):
    monkeypatch.setattr("fer_estimators.datasets._fer_plus._ROWS_IN_A_BLOCK", 20)
    files = [f"train/{emotion}/{n}.jpg" for emotion in sorted(EMOTIONS) for n in range(20)]
    image = fakes.encode(fakes.draw([0]))
    folder = fakes.folder(tmp_path / "fer", dict.fromkeys(files, image))
    votes_of = {path: votes_for(path.split("/")[1]) for path in files}
    votes_of |= {path: votes_for("neutral") for path in files if path.endswith("/7.jpg")}
    table = write_votes_by_file(tmp_path, votes_of)
    assert len(load_fer2013(folder, fer_plus=table).target) == 140


def test_files_that_are_named_twice_are_refused(two_tables, tmp_path):
    lines = [f"{file},{','.join(map(str, votes_for('sad')))}" for file in ("b", "a", "b")]
    table = tmp_path / "twice.csv"
    table.write_text("\n".join([",".join(["file", *ANSWERS]), *lines]))
    with pytest.raises(DatasetError, match="names files more than once: b"):
        load_fer2013(two_tables[0], fer_plus=table)


def test_votes_are_applied_to_a_set_from_the_cache(two_tables, tmp_path):
    images, votes = two_tables
    first = load_fer2013(images, fer_plus=votes, cache=tmp_path / "cache")
    again = load_fer2013(images, fer_plus=votes, cache=tmp_path / "cache")
    np.testing.assert_array_equal(first.target, again.target)
    lines = votes.read_text().splitlines()
    votes.write_text("\n".join(lines[:-1]))
    with pytest.raises(DatasetError, match="has 6 rows, but the table of images has 7"):
        load_fer2013(images, fer_plus=votes, cache=tmp_path / "cache")


def test_votes_by_row_are_refused_for_files(fer_folder, two_tables):
    with pytest.raises(DatasetError, match=r"image files do not tell their rows.*columns 'file'"):
        load_fer2013(fer_folder, fer_plus=two_tables[1])


def test_votes_of_other_files_are_refused(fer_folder, tmp_path):
    table = write_votes_by_file(tmp_path, {"train/happy/other.jpg": votes_for("happy")})
    with pytest.raises(DatasetError, match="has votes for 0 of 14 images; it begins with"):
        load_fer2013(fer_folder, fer_plus=table)


def test_a_table_with_an_empty_line_between_its_rows_is_refused(two_tables):
    images, votes = two_tables
    lines = images.read_text().splitlines()
    images.write_text("\n".join([*lines[:3], "", *lines[3:]]))
    with pytest.raises(DatasetError, match="has 7 rows, but the table of images has 8"):
        load_fer2013(images, fer_plus=votes)


def test_votes_in_another_order_are_refused(tmp_path):
    splits = ["train"] * 7 + ["val"] * 7
    images = write_images(tmp_path, EMOTIONS * 2, splits)
    votes = [votes_for(label) for label in EMOTIONS * 2]
    table = write_votes(tmp_path, votes, ["val"] * 7 + ["train"] * 7)
    with pytest.raises(DatasetError, match="differ in Usage in 7 rows, the first is"):
        load_fer2013(images, fer_plus=table)


def test_votes_shifted_within_a_split_are_refused(tmp_path):
    labels = EMOTIONS * 20
    images = write_images(tmp_path, labels)
    votes = [votes_for(label) for label in labels]
    assert len(load_fer2013(images, fer_plus=write_votes(tmp_path, votes)).target) == 140
    with pytest.raises(DatasetError, match="hardly more than by chance"):
        load_fer2013(images, fer_plus=write_votes(tmp_path, [*votes[1:], votes[0]]))


def test_columns_named_by_other_emotions_are_refused(tmp_path):
    images = write_images(tmp_path, EMOTIONS * 20)
    votes = [votes_for(label) for label in EMOTIONS * 20]
    renamed = {"sadness": "anger", "anger": "sadness"}
    header = ["Usage", "Image name", *(renamed.get(answer, answer) for answer in ANSWERS)]
    message = r"hold the votes for .*'surprise', 'angry', 'sad', .*Repair its first line"
    with pytest.raises(DatasetError, match=message):
        load_fer2013(images, fer_plus=write_votes(tmp_path, votes, header=header))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("-1", "line 3: '-1' is not a number of votes"),
        ("2.5", r"line 3: '2\.5' is not a number of votes"),
        ("", "line 3: '' is not a number of votes"),
        ("0,0", "line 3: 13 fields instead of 12"),
    ],
)
def test_rows_that_are_not_votes_are_named(two_tables, wrong, message):
    images, votes = two_tables
    lines = votes.read_text().splitlines()
    fields = lines[2].split(",")
    fields[5] = wrong
    votes.write_text("\n".join([*lines[:2], ",".join(fields), *lines[3:]]))
    with pytest.raises(DatasetError, match=message):
        load_fer2013(images, fer_plus=votes)


def test_a_row_without_votes_is_named(tmp_path):
    images = write_images(tmp_path, EMOTIONS)
    votes = [[0] * 10, *(votes_for(label) for label in EMOTIONS[1:])]
    with pytest.raises(DatasetError, match="1 rows that are not votes: line 2: no votes"):
        load_fer2013(images, fer_plus=write_votes(tmp_path, votes))


def test_a_column_that_stands_twice_is_refused(tmp_path):
    images = write_images(tmp_path, ["happy", "sad"])
    votes = [[*votes_for(label), 9] for label in ("happy", "sad")]
    table = write_votes(tmp_path, votes, header=("Usage", "Image name", *ANSWERS, "Neutral"))
    with pytest.raises(DatasetError, match="column 'neutral' more than once"):
        load_fer2013(images, fer_plus=table)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_pipes_and_devices_are_not_waited_for(two_tables, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", "/dev/zero"):
        with pytest.raises(DatasetError, match="not a regular file"):
            load_fer2013(two_tables[0], fer_plus=path)


def test_a_table_of_images_in_place_of_votes_is_refused(two_tables):
    images, votes = two_tables
    with pytest.raises(DatasetError, match=r"not a table of votes.*Swap the arguments"):
        load_fer2013(images, fer_plus=images)
    with pytest.raises(DatasetError, match=r"pass fer_plus='fer2013new\.csv'"):
        load_fer2013(votes)


def test_arguments_of_votes_are_checked(two_tables, tmp_path):
    images, votes = two_tables
    with pytest.raises(ValueError, match=r"ties='frist'.*Did you mean 'first'"):
        load_fer2013(images, fer_plus=votes, ties="frist")
    with pytest.raises(ValueError, match="ties='frist'"):
        load_fer2013(images, ties="frist")
    with pytest.raises(FileNotFoundError, match=r"Did you mean 'fer2013new\.csv'"):
        load_fer2013(images, fer_plus=tmp_path / "fer2013mew.csv")
