"""Other sets of emotions are read as they are distributed, and numbers are never guessed."""

import zipfile

import pytest

from fer_estimators.datasets import LABEL_SETS, LabelSet, load_fer2013, load_image_folder
from fer_estimators.exceptions import BadImageWarning, DatasetError, LabelError

RAF = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.fixture
def draw_set(tmp_path, fakes):
    """Return a function that writes images, and text files as they are, into a folder."""

    def draw(paths, texts=None):
        files = {path: fakes.encode(fakes.draw([n])) for n, path in enumerate(paths)}
        files |= {path: text.encode() for path, text in (texts or {}).items()}
        return fakes.folder(tmp_path / "set", files)

    return draw


def labels_of(faces):
    return dict(zip(faces.filenames, faces.target.tolist(), strict=True))


def test_raf_db_is_read_from_numbered_folders(draw_set):
    paths = [
        f"DATASET/{split}/{code}/{split}_{code:05}_aligned.jpg"
        for split in ("train", "test")
        for code in range(1, 8)
    ]
    path = draw_set(paths)
    faces = load_image_folder(path, labels="raf-db", split="train")
    assert labels_of(faces) == {
        f"DATASET/train/{code}/train_{code:05}_aligned.jpg": emotion
        for code, emotion in enumerate(RAF, start=1)
    }
    assert faces.target_names.tolist() == list(FER2013)
    assert load_image_folder(path, labels="RAF-DB").split.tolist() == ["train"] * 7 + ["test"] * 7


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 4\ntest_0002.jpg 6\n"),
        ("train_labels.csv", "image,label\ntrain_00001_aligned.jpg,4\ntest_0002_aligned.jpg,6\n"),
    ],
)
def test_raf_db_is_read_through_its_list(draw_set, name, text):
    images = [f"basic/Image/aligned/{stem}_aligned.jpg" for stem in ("train_00001", "test_0002")]
    path = draw_set(images, {name: text})
    faces = load_image_folder(path, labels="raf-db")
    assert labels_of(faces) == dict(zip(images, ("happy", "angry"), strict=True))
    assert faces.split.tolist() == ["train", "test"]


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("DATASET/train/4/test_0001_aligned.jpg", {}),
        ("train/4/1.jpg", {"test_labels.csv": "image,label\n1.jpg,4\n"}),
        ("train/test/4/1.jpg", {}),
    ],
)
def test_test_images_in_a_train_folder_are_announced(draw_set, path, texts):
    folder = draw_set([path, "train/1/train_0002.jpg"], texts)
    with pytest.warns(UserWarning, match=rf"1 images in train folders .*: {path}"):
        faces = load_image_folder(folder, labels="raf-db")
    assert faces.split.tolist() == ["train", "train"]


def test_aligned_faces_of_raf_db_are_taken_rather_than_their_photos(draw_set):
    photos = [f"basic/Image/original/{stem}.jpg" for stem in ("train_00001", "test_0002")]
    aligned = [photo.replace("original", "aligned")[:-4] + "_aligned.jpg" for photo in photos]
    text = "train_00001.jpg 4\ntest_0002.jpg 6\n"
    path = draw_set([*photos, *aligned[:1]], {"basic/EmoLabel/list_patition_label.txt": text})
    faces = load_image_folder(path, labels="raf-db")
    assert labels_of(faces) == {aligned[0]: "happy", photos[1]: "angry"}
    ignored = "1 ignored: photo of which the aligned face is taken (basic/Image/original/train"
    assert ignored in str(faces.report)


def test_affectnet_is_read_from_folders_and_images_without_emotion_are_left_out(draw_set):
    path = draw_set([f"train/{code}/{code}.jpg" for code in range(11)])
    faces = load_image_folder(path, labels="affectnet")
    assert labels_of(faces) == {
        f"train/{code}/{code}.jpg": emotion for code, emotion in enumerate(AFFECTNET)
    }
    assert faces.target_names.tolist() == [*FER2013, "contempt"]
    assert "3 ignored: shows none of the eight emotions" in str(faces.report)


def test_affectnet_is_read_through_its_list_and_subfolders_are_not_codes(draw_set):
    table = "subDirectory_filePath,face_x,expression\n1/ab.jpg,0,3\n2/cd.jpg,0,7\n9/other.jpg,0,1\n"
    images = ["Manually_Annotated_Images/1/ab.jpg", "Manually_Annotated_Images/2/cd.jpg"]
    # A number above the codes tells that these folders are not labels.
    table += "689/ef.jpg,0,0\n"
    images.append("Manually_Annotated_Images/689/ef.jpg")
    path = draw_set(images, {"Manually_annotated/validation.csv": table})
    faces = load_image_folder(path, labels="affectnet", split="val")
    assert labels_of(faces) == dict(zip(images, ("surprise", "contempt", "neutral"), strict=True))


def test_ck_plus_is_read_from_folders_by_name(draw_set):
    names = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
    path = draw_set([f"CK+48/{name}/S01_{name}.png" for name in names])
    faces = load_image_folder(path, labels="ck+")
    assert labels_of(faces)["CK+48/anger/S01_anger.png"] == "angry"
    assert labels_of(faces)["CK+48/sadness/S01_sadness.png"] == "sad"
    assert "contempt" in faces.target_names


def test_ck_plus_in_numbered_folders_is_refused(draw_set):
    # The set numbers emotions in two ways.
    path = draw_set([f"{code}/{code}.png" for code in range(1, 8)])
    with pytest.raises(LabelError, match="neither its folder nor a list gives its emotion"):
        load_image_folder(path, labels="ck+")


def test_ck_plus_is_read_from_its_table_of_pixels(tmp_path):
    pixels = " ".join(["7"] * 2304)
    rows = [f"{code},{pixels},Training" for code in (7, 0, 6)]
    path = tmp_path / "ckextended.csv"
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    with pytest.warns(UserWarning, match="no rows of disgust"):
        faces = load_image_folder(path, labels="ck+")
    assert faces.target.tolist() == ["angry", "neutral", "contempt"]
    path.write_text("\n".join(["emotion,pixels", *[f"{code},{pixels}" for code in range(8)]]))
    faces = load_image_folder(path, labels="ck+", color=True, image_size=24)
    assert faces.images.shape == (8, 24, 24, 3)
    assert (faces.images == 7).all()
    assert faces.split.tolist() == ["all"] * 8
    path.write_text(f"emotion,pixels,Usage\n8,{pixels},Training")
    with pytest.raises(LabelError, match=r"emotion '8'.*Known emotions: 0 angry.*7 contempt"):
        load_image_folder(path, labels="ck+")


@pytest.mark.parametrize(
    ("labels", "files"),
    [
        ("kdef", {"KDEF/AF01/AF01AFS.JPG": "fear", "KDEF/AF01/AF01SUHL.JPG": "surprise"}),
        (
            "rafd",
            {
                "Rafd090_01_Caucasian_female_contemptuous_frontal.jpg": "contempt",
                "Rafd090_32_Kid_male_sad_left.jpg": "sad",
            },
        ),
        ("jaffe", {"jaffe/KA.AN1.39.png": "angry", "jaffe/YM.NE2.50.png": "neutral"}),
    ],
)
def test_file_names_tell_the_emotion(draw_set, labels, files):
    assert labels_of(load_image_folder(draw_set(files), labels=labels)) == files


def test_expw_is_read_through_its_list_of_faces(draw_set):
    lines = "a.jpg 0 10 10 60 60 50.1 3\na.jpg 1 90 9 150 69 20.2 0\n"
    path = draw_set(["faces/a_0.jpg", "faces/a_1.jpg"], {"label.lst": lines})
    faces = load_image_folder(path, labels="expw")
    assert labels_of(faces) == {"faces/a_0.jpg": "happy", "faces/a_1.jpg": "angry"}
    assert "read as a list of labels (label.lst)" in str(faces.report)


def test_photos_of_several_faces_are_not_taken_for_expw_faces(draw_set):
    path = draw_set(["image/a.jpg"], {"label.lst": "a.jpg 0 10 10 60 60 50.1 3\n"})
    with pytest.raises(LabelError, match=r"image/a\.jpg \(in no list of labels\)"):
        load_image_folder(path, labels="expw")


def test_file_names_that_do_not_follow_the_scheme_are_named_or_skipped(draw_set):
    path = draw_set(["AF01/AF01AFS.JPG", "AF01/AF01XXS.JPG", "AF01/portrait.jpg"])
    with pytest.raises(LabelError, match=r"2 images.*AF01XXS.*does not follow the scheme of KDEF"):
        load_image_folder(path, labels="kdef")
    with pytest.warns(BadImageWarning, match="skipped 2 images without a label of KDEF"):
        faces = load_image_folder(path, labels="kdef", on_error="skip")
    assert faces.target.tolist() == ["fear"]
    assert len(faces.report.skipped) == 2


def test_folder_and_list_that_contradict_each_other_are_named(draw_set):
    path = draw_set(
        ["1/train_1.jpg", "2/train_2.jpg"],
        {"train_labels.csv": "image,label\ntrain_1.jpg,1\ntrain_2.jpg,3\n"},
    )
    with pytest.raises(LabelError, match=r"2/train_2\.jpg \(folder and list contradict"):
        load_image_folder(path, labels="raf-db")


@pytest.mark.parametrize(
    ("labels", "paths"),
    [
        ("raf-db", ["happy/1/1.jpg", "sad/1/2.jpg"]),  # Subjects in folders of classes, read as 1.
        ("raf-db", ["1/4/1.jpg", "2/2/2.jpg"]),
        ("kdef", ["happy/AF01AFS.JPG"]),
        ("jaffe", ["sad/KA.AN1.39.png"]),
    ],
)
def test_folders_that_contradict_are_named(draw_set, labels, paths):
    with pytest.raises(LabelError, match=rf"{paths[0]} \(read as '.*', but a folder says '"):
        load_image_folder(draw_set(paths), labels=labels)


def test_a_word_means_what_a_set_of_ones_own_says(draw_set):
    own = LabelSet("our set", {"happy": None, "fear": "surprise", "sad": "sad"}, "we", "none")
    faces = load_image_folder(draw_set([f"{code}/{code}.jpg" for code in own.codes]), labels=own)
    assert labels_of(faces) == {"fear/fear.jpg": "surprise", "sad/sad.jpg": "sad"}


def test_a_number_around_the_whole_set_is_not_a_label(draw_set):
    faces = load_image_folder(draw_set(["1/train/4/1.jpg", "1/train/2/2.jpg"]), labels="raf-db")
    assert faces.target.tolist() == ["fear", "happy"]


def test_files_of_one_name_do_not_share_the_label_in_a_list(draw_set):
    # The second one stands in no list.
    path = draw_set(["Image/a.jpg", "more/a.jpg"], {"list_patition_label.txt": "Image/a.jpg 1\n"})
    with pytest.raises(LabelError, match=r"2 images.*more/a\.jpg.*another file has the same name"):
        load_image_folder(path, labels="raf-db")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a.jpg 8\n", LabelError, "line 1: label '8'; RAF-DB"),
        ("a.jpg\n", DatasetError, "cannot be read as a list of labels"),
        ("a.jpg 1" + " " * 2**16, DatasetError, "a line has more than 65,536 characters"),
        ("a.jpg 1\nb/a.jpg 2\n", LabelError, "line 2: 'a' has the labels '1' and '2'"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(draw_set, text, error, message):
    path = draw_set(["Image/a.jpg"], {"list_patition_label.txt": text})
    with pytest.raises(error, match=message):
        load_image_folder(path, labels="raf-db")


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (
            {"train": "image,label\na.jpg,1\n", "test": "image,label\na.jpg,1\n"},
            LabelError,
            "splits",
        ),
        ({"train": "image,label,label\na.jpg,1,2\n"}, DatasetError, "repeated columns"),
    ],
)
def test_lists_that_say_two_things_are_refused(draw_set, texts, error, message):
    path = draw_set(["Image/a.jpg"], {f"{split}_labels.csv": t for split, t in texts.items()})
    with pytest.raises(error, match=message):
        load_image_folder(path, labels="raf-db")


def test_a_list_that_is_damaged_in_an_archive_is_named(tmp_path, fakes):
    text = b"a.jpg 1\n" * 9
    files = {"Image/a.jpg": fakes.encode(fakes.draw(0)), "list_patition_label.txt": text}
    path = fakes.zip(tmp_path / "raf.zip", files, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(text, text.replace(b"1", b"2")))
    with pytest.raises(DatasetError, match=r"'list_patition_label\.txt' is damaged.*CRC"):
        load_image_folder(path, labels="raf-db")


def test_classes_are_emotions_of_the_set(draw_set):
    path = draw_set([f"{code}/{code}.jpg" for code in range(1, 8)])
    faces = load_image_folder(path, labels="raf-db", classes=["happy", "surprise"])
    assert labels_of(faces) == {"1/1.jpg": "surprise", "4/4.jpg": "happy"}
    with pytest.raises(LabelError, match="classes names 'contempt', but RAF-DB"):
        load_image_folder(path, labels="raf-db", classes=["contempt"])


def test_the_description_names_the_set_its_source_and_its_terms(draw_set):
    path = draw_set(["AF01/AF01AFS.JPG"])
    text = load_image_folder(path, labels="kdef").DESCR
    kdef = LABEL_SETS["kdef"]
    assert all(part in text for part in (kdef.title, kdef.source, kdef.licence))
    assert "Licence" not in load_image_folder(path).DESCR


def test_a_split_or_a_class_that_a_set_lacks_is_told_by_what_it_has(draw_set):
    path = draw_set(["val/1/1.jpg", "val/4/2.jpg"])
    with pytest.raises(DatasetError, match=r"no images for split 'train'; it has val \(2\)"):
        load_image_folder(path, labels="raf-db", split="train")
    with pytest.raises(DatasetError, match=r"none of the 2 images of .* shows fear"):
        load_image_folder(path, labels="raf-db", classes=["fear"])


def test_a_class_that_was_asked_for_and_has_no_images_is_warned_of(draw_set):
    path = draw_set(["train/1/1.jpg", "train/4/2.jpg", "test/4/3.jpg"])
    with pytest.warns(UserWarning, match="no images of surprise in"):
        faces = load_image_folder(
            path, labels="raf-db", classes=["surprise", "happy"], split="test"
        )
    assert faces.target_names.tolist() == ["surprise", "happy"]
    with pytest.warns(UserWarning, match="no images of 1 in"):
        faces = load_image_folder(path, classes=["4", "1"], split="test")
    assert faces.target_names.tolist() == ["4", "1"]


def test_an_unknown_set_is_an_error_with_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match=r"labels='rafdb' is unknown.*Did you mean 'raf-db'"):
        load_image_folder(tmp_path, labels="rafdb")
    with pytest.raises(TypeError, match="labels=7 has type int"):
        load_image_folder(tmp_path, labels=7)


@pytest.mark.parametrize("codes", [range(1, 8), range(1, 7), range(8)])
@pytest.mark.parametrize("classes", [None, ["1", "2", "7"]])
def test_numbered_folders_of_other_sets_are_not_read_as_fer2013(draw_set, codes, classes):
    path = draw_set([f"train/{code}/{code}.jpg" for code in codes])
    fits = "affectnet" if 0 in codes else "raf-db"
    with pytest.raises(LabelError, match=rf"named.*{max(codes)}\..*another emotion.*{fits}"):
        load_fer2013(path, classes=classes)


def test_numbered_folders_stay_numbers_and_the_report_names_what_fits(draw_set):
    path = draw_set([f"{code}/{code}.jpg" for code in range(1, 8)])
    faces = load_image_folder(path)
    assert faces.target.tolist() == list("1234567")
    assert "labels='affectnet' or 'raf-db' fits them" in str(faces.report)


@pytest.mark.parametrize("name", LABEL_SETS)
def test_every_set_tells_its_emotions_its_source_and_its_terms(name):
    labels = LABEL_SETS[name]
    assert set(FER2013) <= set(labels.emotions) <= {*FER2013, "contempt"}
    assert labels.source
    assert labels.licence


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codes": {"joy": "hapy"}}, "Did you mean 'happy'"),
        ({"codes": {"JOY": "happy"}}, "such as 'joy'"),
        ({"codes": {1: "happy"}}, "such as '1'"),
        ({"codes": {"joy": "happy"}, "file_name": "([a-z]+)"}, r"\(\?P<emotion>"),
    ],
)
def test_a_set_of_ones_own_that_cannot_work_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LabelSet(title="our photos", source="our lab", licence="none", **options)


def test_a_table_of_ones_own_set_is_read_in_any_case(tmp_path):
    own = LabelSet(title="own", codes={}, source="-", licence="-", table_codes={"joy": "happy"})
    path = tmp_path / "own.csv"
    path.write_text(f"emotion,pixels\nJoy,{' '.join(['7'] * 2304)}")
    assert load_image_folder(path, labels=own).target.tolist() == ["happy"]
