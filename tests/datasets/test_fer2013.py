"""load_fer2013: every format of the set gives the same images and labels."""

import gzip
import hashlib
import logging
import subprocess
import sys

import joblib
import numpy as np
import pytest

from fer_estimators.datasets import load_fer2013, load_image_folder
from fer_estimators.exceptions import BadImageWarning, DatasetError, ImageReadError, LabelError


def faces_with_labels(faces):
    return sorted(zip(faces.target, map(bytes, faces.data), faces.split, strict=True))


def assert_same(first, second):
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.target, second.target)
    np.testing.assert_array_equal(first.split, second.split)


def test_bunch_has_promised_shapes_dtypes_and_order(fer_folder, fakes):
    faces = load_fer2013(fer_folder, split="all")
    assert faces.images.shape == (42, 48, 48)
    assert faces.images.dtype == np.uint8
    assert faces.data.shape == (42, 2304)
    assert np.shares_memory(faces.data, faces.images)
    assert faces.images.flags.writeable
    assert list(faces.target_names) == list(fakes.emotions)
    assert list(faces.target) == [name for _ in range(3) for name in fakes.emotions for _ in "ab"]
    assert list(faces.split) == ["train"] * 14 + ["val"] * 14 + ["test"] * 14
    assert faces.filenames[0] == "train/angry/Training_0.jpg"
    assert faces.filenames[-1] == "test/neutral/PrivateTest_1.jpg"
    assert "65 %" in faces.DESCR
    assert len(faces.report) == 0


def test_return_X_y_gives_flat_rows_and_names(fer_folder):
    data, target = load_fer2013(fer_folder, return_X_y=True)
    assert data.shape == (14, 2304)
    assert target[0] == "angry"


def test_pixels_are_those_of_pillow(fer_folder):
    from PIL import Image

    faces = load_fer2013(fer_folder)
    for path, image in zip(faces.filenames, faces.images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(fer_folder / path)), image)


def test_zip_numbers_wrapping_and_aliases_give_equal_sets(tmp_path, fakes):
    files = fakes.files()
    expected = load_fer2013(fakes.folder(tmp_path / "plain", files), split="all")
    aliases = dict(zip(fakes.emotions, ("Anger", "disgusted", "FEAR", "Happiness", "4",
                                        "5_surprise", "Neutral"), strict=True))  # fmt: skip

    def renamed(names, splits, prefix=""):
        for path, data in files.items():
            split, emotion, name = path.split("/")
            yield f"{prefix}{splits[split]}/{names[emotion]}/{name}", data

    numbers = {name: str(code) for code, name in enumerate(fakes.emotions)}
    same = {"train": "train", "val": "val", "test": "test"}
    other = {"train": "Training", "val": "Validation", "test": "PrivateTest"}
    forms = {
        "numbered": fakes.folder(tmp_path / "n", dict(renamed(numbers, same))),
        "aliases": fakes.folder(tmp_path / "a", dict(renamed(aliases, other))),
        "wrapped": fakes.folder(tmp_path / "w", dict(renamed(numbers, same, "fer2013/fer2013/"))),
        "zip": fakes.zip(tmp_path / "z.zip", files),
        "wrapped zip": fakes.zip(tmp_path / "y.zip", dict(renamed(aliases, other, "data/"))),
    }
    for path in forms.values():
        assert_same(load_fer2013(path, split="all"), expected)
    wrapped = load_fer2013(forms["wrapped"], split="all").report
    assert ("fer2013/fer2013", "wrapping folder passed over", "noted") in list(wrapped)


def test_folder_names_read_as_another_word_are_noted(tmp_path, fakes):
    files = {path.replace("happy", "Joy"): data for path, data in fakes.files(["train"]).items()}
    faces = load_fer2013(fakes.folder(tmp_path / "set", files))
    assert list(faces.report) == [("train/Joy", "folder name read as 'happy'", "noted")]


@pytest.mark.parametrize("alias", ["validation", "valid", "dev", "Val", "PublicTest"])
def test_val_is_found_under_its_aliases(tmp_path, fakes, alias):
    files = {p.replace("val/", f"{alias}/"): d for p, d in fakes.files(["train", "val"], 1).items()}
    root = fakes.folder(tmp_path / "set", files)
    assert len(load_fer2013(root, split="val").images) == 7
    assert len(load_fer2013(root, split=alias).images) == 7


def test_file_names_tell_val_from_test_in_a_set_of_two_splits(tmp_path, fakes):
    three = fakes.files()
    two = {path.replace("val/", "test/"): data for path, data in three.items()}
    expected = load_fer2013(fakes.folder(tmp_path / "three", three), split="all")
    path = fakes.zip(tmp_path / "two.zip", two)
    assert_same(load_fer2013(path, split="all"), expected)
    val = load_fer2013(path, split="val")
    assert set(val.split) == {"val"}
    assert all("PublicTest_" in name for name in val.filenames)


@pytest.mark.parametrize("form", ["set", "test"])
def test_names_of_files_never_make_training_data_of_a_test_folder(tmp_path, fakes, form):
    names = ("Training_2.png", "PrivateTest_3.png", "PublicTest_4.png", "5.png")
    files = {f"test/happy/{name}": fakes.encode(fakes.draw(i)) for i, name in enumerate(names)}
    root = fakes.folder(tmp_path / "set", files) / ("test" if form == "test" else "")
    with pytest.warns(UserWarning, match="no images of angry"):
        faces = load_fer2013(root, split="all")
    given = {name.rpartition("/")[2]: s for name, s in zip(faces.filenames, faces.split)}  # noqa: B905
    assert given == dict(zip(names, ("test", "test", "val", "test"), strict=True))


def test_test_images_in_a_train_folder_are_announced(fer_folder):
    (fer_folder / "test/sad/PrivateTest_0.jpg").rename(fer_folder / "train/sad/PrivateTest_0.jpg")
    load_fer2013(fer_folder, split="test")
    with pytest.warns(UserWarning, match=r"1 images in train folders .*: train/sad/PrivateTest_0"):
        faces = load_fer2013(fer_folder, split="train")
    assert "train/sad/PrivateTest_0.jpg" in faces.filenames


def test_split_takes_a_tuple_and_keeps_split_order(fer_folder):
    faces = load_fer2013(fer_folder, split=("PrivateTest", "train"))
    assert list(dict.fromkeys(faces.split)) == ["train", "test"]


def test_class_folders_without_splits_need_split_all(tmp_path, fakes):
    files = {
        path.split("/", 1)[1].replace("Training_", ""): data
        for path, data in fakes.files(["train"]).items()
    }
    root = fakes.folder(tmp_path / "faces", files)
    with pytest.raises(DatasetError, match=r"neither folders .* tell the split of 14 images"):
        load_fer2013(root)
    faces = load_fer2013(root, split="all")
    assert set(faces.split) == {"train"}
    assert "no splits: 14 images" in str(faces.report)


def test_a_split_folder_itself_is_known_by_its_name(fer_folder):
    faces = load_fer2013(fer_folder / "val", split="val")
    assert len(faces.images) == 14
    told = "no split folders: its own name read as split 'val'"
    assert list(faces.report) == [("val", told, "noted")]
    with pytest.raises(DatasetError, match=r"no images for split 'train'; it has val \(14\)"):
        load_fer2013(fer_folder / "val")


def test_table_gives_the_same_set_in_every_dress(fer_folder, tmp_path, fakes):
    expected = load_fer2013(fer_folder, split="all")
    rows = list(fakes.csv_rows(expected))
    challenge = "".join(f"{e}, {u}, {p}\n" for e, p, u in rows)
    indexed = "".join(f"{i},{u},{p},{e}\r\n" for i, (e, p, u) in enumerate(rows))
    forms = {
        "fer2013.csv": "emotion,pixels,Usage\n" + "".join(f"{e},{p},{u}\n" for e, p, u in rows),
        "icml_face_data.csv": "emotion, Usage, pixels\n" + challenge,
        "indexed.csv": "\ufeff,Usage,pixels,emotion\r\n" + indexed + "\r\n",
        "quoted.csv": '"emotion","pixels","Usage"\n'
        + "".join(f'"{fakes.emotions[int(e)]}","{p}","{u}"\n' for e, p, u in reversed(rows[::2]))
        + "".join(f"{e},{p},{u}\n" for e, p, u in rows[1::2]),
    }
    for name, text in forms.items():
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        faces = load_fer2013(path, split="all")
        if name != "quoted.csv":
            assert_same(faces, expected)
        assert faces_with_labels(faces) == faces_with_labels(expected)
    path = tmp_path / "fer2013.csv"
    packed = tmp_path / "fer2013.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    zipped = fakes.zip(tmp_path / "c.zip", {"x/fer2013.csv": path.read_bytes(), "train.csv": b"a"})
    for form in (packed, zipped):
        assert_same(load_fer2013(form, split="all"), expected)
    val = load_fer2013(path, split="val")
    assert set(val.split) == {"val"}
    assert val.filenames[0] == "fer2013.csv:16"
    assert val.images.flags.writeable


def test_rows_out_of_order_come_in_code_order_with_their_own_pixels(tmp_path, fakes):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 7, 60)
    usages = rng.choice(["Training", "PublicTest", "PrivateTest"], 60)
    path = tmp_path / "fer2013.csv"
    rows = [f"{c},{' '.join([str(i)] * 2304)},{u}" for i, (c, u) in enumerate(zip(codes, usages))]  # noqa: B905
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    faces = load_fer2013(path, split="all")
    order = [int(name.rpartition(":")[2]) - 2 for name in faces.filenames]
    assert sorted(order) == list(range(60))
    assert list(faces.images[:, 0, 0]) == order
    assert [fakes.emotions[code] for code in codes[order]] == list(faces.target)
    rank = {"train": 0, "val": 1, "test": 2}
    keys = [
        (rank[split], fakes.emotions.index(label), row)
        for split, label, row in zip(faces.split, faces.target, order, strict=True)
    ]
    assert keys == sorted(keys)


def test_image_size_resizes_every_form_alike(fer_folder, tmp_path, fakes):
    small = load_fer2013(fer_folder, image_size=(24, 32))
    assert small.images.shape == (14, 24, 32)
    assert small.report.counts() == {("converted", "resized from 48x48"): 14}
    path = tmp_path / "fer2013.csv"
    rows = [",".join(row) for row in fakes.csv_rows(load_fer2013(fer_folder))]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    np.testing.assert_array_equal(load_fer2013(path, image_size=(24, 32)).images, small.images)


def test_images_of_another_size_are_kept_or_resized_with_one_warning(tmp_path, fakes):
    photo = fakes.encode(fakes.draw(0, (200, 300)))
    files = {f"train/{name}/1.jpg": photo for name in fakes.emotions}
    root = fakes.folder(tmp_path / "photos", files)
    with pytest.warns(UserWarning, match="images are 200x300, not 48x48; .* face crops"):
        assert load_fer2013(root).images.shape == (7, 200, 300)
    with pytest.warns(UserWarning, match=r"7 images were not 48x48 .* face crops"):
        assert load_fer2013(root, image_size=48).images.shape == (7, 48, 48)


def test_mixed_sizes_are_listed_unless_image_size_is_given(fer_folder, fakes):
    (fer_folder / "train/sad/Training_9.jpg").write_bytes(fakes.encode(fakes.draw(9, (60, 50))))
    with pytest.raises(
        DatasetError, match=r"48x48 \(14, such as .*60x50 \(1, such as train/sad/Training_9.jpg\)"
    ):
        load_fer2013(fer_folder)
    with pytest.warns(UserWarning, match=r"1 images were not 48x48"):
        assert len(load_fer2013(fer_folder, image_size=48).images) == 15


def test_processes_give_the_same_set(fer_folder, tmp_path, fakes, monkeypatch):
    # Several chunks, of which the last is not full.
    monkeypatch.setattr("fer_estimators._files.stack._CHUNK", 4)
    path = fakes.zip(tmp_path / "set.zip", fakes.files())
    for source in (fer_folder, path):
        assert_same(load_fer2013(source, n_jobs=2), load_fer2013(source))
    rgb = {"color": True, "image_size": 20}
    assert_same(
        load_image_folder(fer_folder, n_jobs=2, **rgb), load_image_folder(fer_folder, **rgb)
    )


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_processes_tell_the_same_faults(fer_folder, on_error):
    (fer_folder / "train/fear/Training_0.jpg").write_bytes(b"no image")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(fer_folder)}"
        for path in fer_folder.rglob("*.jpg")
    ]
    (fer_folder / "SHA256SUMS").write_text("\n".join(lines))
    # The one is found where files are decoded, the other where they are read.
    (fer_folder / "train/sad/Training_1.jpg").write_bytes(b"changed")

    def load(n_jobs):
        return load_fer2013(fer_folder, n_jobs=n_jobs, on_error=on_error, verify="sha256")

    if on_error == "raise":
        messages = []
        for n_jobs in (None, 2):
            with pytest.raises(ImageReadError, match="2 of 14 images") as info:
                load(n_jobs)
            messages.append(str(info.value))
        assert messages[0] == messages[1]
    else:
        with pytest.warns(BadImageWarning, match="skipped 2 of 14"):
            one = load(None)
        with pytest.warns(BadImageWarning, match="skipped 2 of 14"):
            two = load(2)
        assert_same(one, two)
        assert list(one.filenames) == list(two.filenames)
        assert one.report.counts() == two.report.counts()


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_processes_are_used_whatever_backend_is_preferred(fer_folder, backend):
    with joblib.parallel_config(backend=backend):
        assert_same(load_fer2013(fer_folder, n_jobs=2), load_fer2013(fer_folder))


def test_classes_choose_emotions_in_code_order(fer_folder):
    faces = load_fer2013(fer_folder, classes=["sadness", "happy"])
    assert list(faces.target_names) == ["happy", "sad"]
    assert set(faces.target) == {"happy", "sad"}
    assert ("ignored", "class not asked for") in faces.report.counts()


def test_classes_of_a_table_choose_rows(fer_folder, tmp_path, fakes):
    path = tmp_path / "fer2013.csv"
    rows = [",".join(row) for row in fakes.csv_rows(load_fer2013(fer_folder))]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    assert set(load_fer2013(path, classes=["fear", "sad"]).target) == {"fear", "sad"}


def test_unknown_class_folder_is_refused_with_the_known_names(fer_folder, fakes):
    for name in ("contempt", "hapy"):
        fakes.folder(fer_folder, {f"train/{name}/1.jpg": fakes.encode(fakes.draw(1))})
    with pytest.raises(LabelError, match=r"train/contempt; train/hapy.*happy \(3, happiness, joy"):
        load_fer2013(fer_folder)
    assert len(load_fer2013(fer_folder, split="val").images) == 14
    faces = load_fer2013(fer_folder, classes=["contempt", "happy"])
    assert list(faces.target_names) == ["happy", "contempt"]


def test_close_class_name_is_suggested(fer_folder, fakes):
    fakes.folder(fer_folder, {"train/hapy/1.jpg": fakes.encode(fakes.draw(1))})
    with pytest.raises(LabelError, match=r"train/hapy\. Did you mean 'happy'"):
        load_fer2013(fer_folder)


def test_number_and_name_that_disagree_are_refused(tmp_path, fakes):
    files = {p.replace("neutral", "4_neutral"): d for p, d in fakes.files(["train"], 1).items()}
    with pytest.raises(LabelError, match="train/4_neutral"):
        load_fer2013(fakes.folder(tmp_path / "set", files))


def test_missing_class_warns_and_shifts_no_label(fer_folder):
    for path in (fer_folder / "train/disgust").iterdir():
        path.unlink()
    with (
        pytest.warns(UserWarning, match="no images of disgust in 'fer'; labels are names"),
        pytest.warns(UserWarning, match="class folder without images: train/disgust") as caught,
    ):
        faces = load_fer2013(fer_folder)
    assert caught[0].filename == __file__
    assert set(faces.target) == set(faces.target_names) - {"disgust"}


def test_two_folders_of_one_emotion_are_merged_with_a_warning(fer_folder, fakes):
    fakes.folder(fer_folder, {"train/Happiness/8.jpg": fakes.encode(fakes.draw(8))})
    with pytest.warns(UserWarning, match=r"merged: train/Happiness \+ train/happy"):
        assert (load_fer2013(fer_folder).target == "happy").sum() == 3


def test_images_shared_by_splits_that_are_loaded_together_warn(fer_folder):
    image = (fer_folder / "train/happy/Training_0.jpg").read_bytes()
    (fer_folder / "test/happy/PrivateTest_0.jpg").write_bytes(image)
    with pytest.warns(UserWarning, match="1 images of split 'test' are also in 'train'"):
        load_fer2013(fer_folder, split="all")


def test_equal_images_under_two_labels_warn(fer_folder):
    image = (fer_folder / "train/happy/Training_0.jpg").read_bytes()
    (fer_folder / "train/sad/Training_0.jpg").write_bytes(image)
    with pytest.warns(
        UserWarning,
        match=r"1 groups .* different labels.*happy/Training_0\.jpg \(happy\); train/sad/.*\(sad\)",
    ):
        load_fer2013(fer_folder, split="all")


def test_bad_images_are_all_named_in_one_error(fer_folder):
    (fer_folder / "train/happy/Training_0.jpg").write_bytes(b"")
    (fer_folder / "train/sad/Training_1.jpg").write_bytes(b"<!DOCTYPE html><p>404")
    with pytest.raises(ImageReadError, match=r"2 of 14 .*happy/Training_0.jpg: empty file; "
                       r"train/sad/Training_1.jpg: not an image but a web page"):  # fmt: skip
        load_fer2013(fer_folder)


def test_skipping_warns_once_and_lists_each_file(fer_folder):
    pandas = pytest.importorskip("pandas")
    (fer_folder / "train/happy/Training_0.jpg").write_bytes(b"")
    (fer_folder / "train/happy/Training_1.jpg").write_bytes(b"\xff\xd8\xff")
    (fer_folder / "train/sad/notes.txt").write_text("x")
    with pytest.warns(BadImageWarning, match="skipped 2 of 14 images") as caught:
        faces = load_fer2013(fer_folder, on_error="skip")
    assert len(caught) == 1
    assert faces.report.skipped == ["train/happy/Training_0.jpg", "train/happy/Training_1.jpg"]
    assert len(faces.images) == len(faces.target) == len(faces.filenames) == len(faces.split) == 12
    assert "happy" not in faces.target
    frame = faces.report.frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["path", "reason", "action"]
    assert "ignored=1, skipped=2" in repr(faces.report)


def test_nothing_left_after_skipping_is_an_error(tmp_path, fakes):
    root = fakes.folder(tmp_path / "set", {f"train/{name}/1.jpg": b"" for name in fakes.emotions})
    with pytest.raises(ImageReadError, match="7 of 7 images cannot be read"):
        load_fer2013(root, on_error="skip")


def test_loading_logs_and_prints_nothing(fer_folder, capsys, caplog):
    with caplog.at_level(logging.INFO, logger="fer_estimators"):
        load_fer2013(fer_folder)
    assert "loaded 14 images" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_importing_the_loaders_imports_nothing_heavy():
    code = (
        "import sys, fer_estimators.datasets\n"
        "heavy = {'keras', 'tensorflow', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
