"""FER2013 as a table: errors name the headers, rows and compression that cannot be used."""

import gzip
import tarfile
import tracemalloc
import zipfile

import pytest

from fer_estimators.datasets import load_fer2013
from fer_estimators.exceptions import (
    BadImageWarning,
    DatasetError,
    LabelError,
    UnsafeArchiveError,
)

HEADER = "emotion,pixels,Usage"
ROW = " ".join(["7"] * 2304)


def table(tmp_path, *rows, header=HEADER):
    good = [f"{code},{ROW},Training" for code in range(7)]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join([header, *good, *rows]))
    return path


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        (f"0,{ROW[2:]},Training", DatasetError, "row 9: 2,303 pixels instead of 2,304"),
        (f"0,{ROW} 7,Training", DatasetError, "row 9: 2,305 pixels"),
        (
            f"0,{ROW[:-1]}256,Training",
            DatasetError,
            "row 9: pixel '256' is not an integer",
        ),
        (f"0,{ROW[:-1]}-1,Training", DatasetError, "pixel '-1'"),
        (f"0,{ROW[:-1]}3.5,Training", DatasetError, r"pixel '3\.5'"),
        (f"0,{ROW[:-1]}nan,Training", DatasetError, "pixel 'nan'"),
        ("0,,Training", DatasetError, "row 9: 0 pixels"),
        (f"0,{ROW}", DatasetError, "row 9: 2 fields instead of 3"),
        (f"7,{ROW},Training", LabelError, "row 9: emotion '7'.*Known emotions: angry"),
        (f"-1,{ROW},Training", LabelError, "emotion '-1'"),
        (f",{ROW},Training", LabelError, "emotion ''"),
    ],
)
def test_bad_row_of_a_table_is_named_or_skipped(tmp_path, row, error, message):
    path = table(tmp_path, row)
    with pytest.raises(error, match=message):
        load_fer2013(path)
    with pytest.warns(BadImageWarning, match="skipped 1 rows of 'fer2013.csv'"):
        faces = load_fer2013(path, on_error="skip")
    assert len(faces.images) == 7
    assert faces.report.skipped == ["fer2013.csv:9"]


def test_bad_rows_are_not_kept_in_memory(tmp_path):
    path = table(tmp_path, *[f"7,{ROW},Training"] * 500)
    tracemalloc.start()
    try:
        with pytest.warns(BadImageWarning, match="skipped 500 rows"):
            load_fer2013(path, on_error="skip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500 * len(ROW) / 2


def test_names_of_emotions_are_accepted_in_a_table(tmp_path):
    faces = load_fer2013(table(tmp_path, f"Happiness,{ROW},train"))
    assert list(faces.target).count("happy") == 2


@pytest.mark.parametrize(
    "header",
    ["emotion;pixels;Usage", "label,pixels,Usage", "a,a,a", ""],
)
def test_header_that_is_another_is_shown_with_the_expected(tmp_path, header):
    path = tmp_path / "fer2013.csv"
    path.write_text(f"{header}\n")
    with pytest.raises(DatasetError, match=f"first line is '{header}.*emotion, pixels and Usage"):
        load_fer2013(path)


def test_votes_of_fer_plus_are_told_from_a_table_of_pixels(tmp_path):
    path = tmp_path / "fer2013new.csv"
    path.write_text("Usage,Image name,neutral,happiness\nTraining,fer0000000.png,4,0\n")
    with pytest.raises(DatasetError, match=r"table of FER\+, .* no pixels.*Load the fer2013\.csv"):
        load_fer2013(path, split="all")


def test_tar_archives_are_told_from_tables(tmp_path):
    for name, message in (("fer2013.tar", "is a tar archive"), ("fer2013.tar.gz", "`tar xf")):
        with tarfile.open(tmp_path / name, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.add(table(tmp_path), "fer2013/fer2013.csv")
        with pytest.raises(DatasetError, match=f"{message}.*; unpack it|unpack it .{message}"):
            load_fer2013(tmp_path / name)


def test_case_of_the_header_does_not_matter(tmp_path):
    assert len(load_fer2013(table(tmp_path, header="EMOTION,Pixels,usage")).images) == 7


def test_unknown_usage_is_listed(tmp_path):
    path = table(tmp_path, f"0,{ROW},Trian", f"0,{ROW},")
    with pytest.raises(DatasetError, match=r"'Usage': 'Trian' \(row 9\); '' \(row 10\)"):
        load_fer2013(path, on_error="skip")


def test_table_without_usage_needs_split_all(tmp_path):
    path = tmp_path / "fer2013.csv"
    path.write_text(f"emotion,pixels\n0,{ROW}\n")
    with pytest.raises(DatasetError, match=r"no column 'Usage'.*split='all'"):
        load_fer2013(path)
    with pytest.warns(UserWarning, match="no rows of disgust, fear"):
        assert list(load_fer2013(path, split="all").split) == ["train"]


def test_table_without_the_asked_split_lists_those_there_are(tmp_path):
    with pytest.raises(DatasetError, match=r"no usable rows for split 'test'.*train \(7\)"):
        load_fer2013(table(tmp_path), split="test")


def test_row_without_an_end_is_refused(tmp_path):
    path = table(tmp_path, "0," + "1 " * 40_000)
    with pytest.raises(DatasetError, match="a row has more than 32,768 bytes"):
        load_fer2013(path)


def test_damaged_or_endless_gzip_is_refused(tmp_path, monkeypatch):
    packed = gzip.compress(table(tmp_path).read_bytes())
    path = tmp_path / "fer2013.csv.gz"
    path.write_bytes(packed[:-20])
    with pytest.raises(DatasetError, match=r"'fer2013.csv.gz' is damaged or incomplete"):
        load_fer2013(path)
    monkeypatch.setattr("fer_estimators.datasets._table.MAX_TABLE_BYTES", 10_000)
    path.write_bytes(packed)
    with pytest.raises(UnsafeArchiveError, match="unpacks to more than 10,000 bytes"):
        load_fer2013(path)


def test_tables_beside_each_other_are_not_guessed_at(tmp_path, fakes):
    root = fakes.folder(tmp_path / "set", {"a.csv": b"x", "b.csv": b"x"})
    with pytest.raises(DatasetError, match="no images but 2 tables"):
        load_fer2013(root)
    table(root)
    assert len(load_fer2013(root).images) == 7
    with pytest.raises(DatasetError, match="compares image files"):
        load_fer2013(root, verify="sha256")


def test_table_damaged_in_its_archive_is_refused(tmp_path, fakes):
    path = fakes.zip(tmp_path / "set.zip", {"fer2013.csv": table(tmp_path).read_bytes()})
    data = bytearray(path.read_bytes())
    # The first bytes of the packed table: it cannot even be looked at.
    data[41:60] = b"\xff" * 19
    path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"'fer2013.csv' is damaged or incomplete"):
        load_fer2013(path)


@pytest.mark.parametrize("bit", [0x20, 0x40])
def test_table_that_zipfile_does_not_unpack_is_refused(tmp_path, bit):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fer2013.csv", table(tmp_path).read_bytes())
        archive.getinfo("fer2013.csv").flag_bits |= bit
    with pytest.raises(DatasetError, match=r"patches or strongly encrypted \(fer2013.csv\)"):
        load_fer2013(path)
