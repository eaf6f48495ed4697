"""load_fer2013: errors name the paths, sets and arguments that cannot be used."""

import pytest

from fer_estimators.datasets import load_fer2013, load_image_folder
from fer_estimators.exceptions import DatasetError, LabelError


def test_missing_path_says_where_and_what(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fer2013").mkdir()
    with pytest.raises(FileNotFoundError, match=r"'fer2031'.*current folder .*train/<emotion>.*"
                       r"Did you mean 'fer2013'"):  # fmt: skip
        load_fer2013("fer2031")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x7fELF\x02\x01", r"begins with b'\\x7fELF.*Expected a folder, a .zip archive"),
        (b"\xff\xd8\xff\xe0", "is one image"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><p>Sign in", "is a web page, so the download went wrong"),
        (b"Rar!\x1a\x07\x00", "is a RAR archive; unpack it"),
        (b"PK\x03\x04 cut off", "damaged or incomplete zip"),
        (b"a;b\n1;2\n", "first line is 'a;b"),
    ],
)
def test_file_of_another_kind_is_named_by_its_content(tmp_path, content, message):
    path = tmp_path / "data.bin"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        load_fer2013(path)


def test_web_page_named_like_an_archive_is_not_called_damaged(tmp_path):
    path = tmp_path / "fer2013.zip"
    path.write_bytes(b"<html>404")
    with pytest.raises(DatasetError, match=r"fer2013\.zip' is a web page"):
        load_fer2013(path)


def test_empty_folder_lists_what_was_looked_for(tmp_path):
    with pytest.raises(DatasetError, match=r"0 images; looked for .*\.jpg.* found no folders"):
        load_fer2013(tmp_path)


def test_class_folders_without_images_are_named(tmp_path, fakes):
    files = {"train/happy/1.txt": b"x", "train/sad/1.npy": b"x"}
    with pytest.raises(DatasetError, match=r"0 images; looked for .*\.jpg.* found folders train"):
        load_fer2013(fakes.folder(tmp_path / "set", files))


def test_one_class_folder_is_refused(fer_folder):
    with pytest.raises(DatasetError, match=r"images directly in it .* one folder for each class"):
        load_fer2013(fer_folder / "train" / "happy")


def test_unlabelled_split_is_refused(tmp_path, fakes):
    root = fakes.folder(tmp_path / "set", {"test/1.jpg": fakes.encode(fakes.draw(1))})
    with pytest.raises(DatasetError, match=r"images directly in it \(test/1.jpg\)"):
        load_fer2013(root, split="test")


def test_folder_beside_the_splits_is_refused(fer_folder, fakes):
    fakes.folder(fer_folder, {"extra/1.jpg": fakes.encode(fakes.draw(1))})
    with pytest.raises(DatasetError, match=r"split folders .* beside them extra"):
        load_fer2013(fer_folder)


def test_empty_split_lists_the_splits_there_are(tmp_path, fakes):
    root = fakes.folder(tmp_path / "set", fakes.files(["train"]))
    with pytest.raises(DatasetError, match=r"no images for split 'test'; it has train \(14\)"):
        load_fer2013(root, split=("train", "test"))


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ({"split": "trian"}, ValueError, r"split='trian'.*Did you mean 'train'"),
        ({"split": 3}, TypeError, "split=3 is neither"),
        ({"split": ()}, ValueError, r"split=\(\) does not name a split"),
        (
            {"on_error": "ignore"},
            ValueError,
            "on_error='ignore' is unknown; expected 'raise' or 'skip'",
        ),
        ({"verify": "md5"}, ValueError, "verify='md5'"),
        ({"image_size": 0}, ValueError, "image_size=0 is not a size"),
        ({"image_size": "48"}, ValueError, "image_size='48' is not a size"),
        ({"image_size": True}, ValueError, "image_size=True is not a size"),
        ({"n_jobs": 0}, ValueError, "n_jobs=0"),
        ({"classes": "happy"}, TypeError, "classes='happy' is not a list"),
        ({"classes": ["joy", "happy"]}, ValueError, "names a class twice"),
        ({"classes": ["contempt"]}, LabelError, r"no folder for \['contempt'\]; it has angry"),
    ],
)
def test_argument_of_wrong_value_or_kind_is_named(fer_folder, argument, error, message):
    with pytest.raises(error, match=message):
        load_fer2013(fer_folder, **argument)


@pytest.mark.parametrize("argument", [{"path": 3}, {"fer_plus": True}])
def test_what_is_not_a_path_is_refused(fer_folder, argument):
    with pytest.raises(TypeError, match=r"(3 of type int|True of type bool) is not a path; expec"):
        load_fer2013(**{"path": fer_folder, **argument})


def test_classes_in_a_set_are_refused_where_their_order_is_that_of_the_images(fer_folder):
    assert len(load_fer2013(fer_folder, classes={"happy", "sad"}).target_names) == 2
    with pytest.raises(TypeError, match="classes is a set, "):
        load_image_folder(fer_folder, classes={"happy", "sad"})
