"""The command: tables on the standard output, faults on the error stream, exit statuses."""

import csv
import io
import json
import os

import numpy as np
import pytest
from PIL import Image

from fer_estimators.faces import _command
from fer_estimators.pretrained import PRETRAINED

from .conftest import BRIGHT, DARK, draw


@pytest.fixture
def run(recognizer, monkeypatch, capsys):
    """Run the command with a recognizer that needs no network; return status and outputs."""
    monkeypatch.setattr(_command, "_make_recognizer", lambda options: recognizer)
    # The command sets both for the whole process.
    monkeypatch.setattr("warnings.showwarning", None)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def call(*arguments):
        status = _command.main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(draw((10, 10, 30, DARK), (70, 40, 40, BRIGHT))).save(path)
    return path


@pytest.fixture
def clip(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 120, 90, "yuv420p"
        frame = av.VideoFrame.from_ndarray(draw((10, 10, 30, DARK)), format="rgb24")
        for _ in range(25):
            frame.pts = None
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_photo_gives_a_table(run, photo):
    status, out, err = run(photo)
    assert (status, err) == (0, "")
    assert [line.split()[-2] for line in out.splitlines()] == ["emotion", "sad", "happy"]


@pytest.mark.parametrize("name", ["\N{GRINNING FACE}.png", os.fsdecode(b"\xff.png")])
def test_any_file_name_can_be_written_in_any_encoding(run, photo, name, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="cp1252"))
    status, _, err = run(photo.rename(photo.with_name(name)), "--json")
    assert (status, err) == (0, "")
    (line,) = written.getvalue().decode().splitlines()
    assert json.loads(line)["file"] == str(photo.with_name(name))


def test_control_characters_in_names_do_not_reach_the_terminal(run, photo):
    _, out, _ = run(photo.rename(photo.with_name("a\x1b[2Jb\n\N{SNOWMAN}.png")))
    assert "\x1b" not in out
    assert out.count("a\\x1b[2Jb\\n\N{SNOWMAN}.png") == 2
    assert len(out.splitlines()) == 3


def test_csv_has_a_row_a_face(run, photo):
    status, out, _ = run(photo, photo, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert [row["emotion"] for row in rows] == ["sad", "happy"] * 2
    assert float(rows[0]["p_sad"]) > 0.9
    assert rows[0]["file"] == str(photo)


def test_json_has_a_line_a_photo(run, photo):
    _, out, _ = run(photo, photo, "--json")
    photos = [json.loads(line) for line in out.splitlines()]
    assert [len(one["faces"]) for one in photos] == [2, 2]


def test_a_folder_is_all_of_its_photos(run, photo):
    _, out, _ = run(photo.parent, "--json")
    assert [json.loads(line)["file"] for line in out.splitlines()] == [str(photo)]


def test_what_cannot_be_read_is_said_and_the_rest_is_done(run, photo, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"<html>")
    status, out, err = run(tmp_path / "bad.jpg", tmp_path / "missing.mp4", photo)
    assert status == 1
    assert len(out.splitlines()) == 3
    assert [line.startswith("fer-estimators: ") for line in err.splitlines()] == [True, True]
    assert "bad.jpg" in err
    assert "missing.mp4" in err


def test_a_photo_without_faces_is_not_a_failure(run, tmp_path):
    Image.fromarray(draw()).save(tmp_path / "none.png")
    status, out, _ = run(tmp_path / "none.png")
    assert status == 0
    assert "no face" in out


def test_an_annotated_photo_is_written(run, photo, tmp_path):
    assert run(photo, "--output", tmp_path / "copy.png")[0] == 0
    with Image.open(tmp_path / "copy.png") as copy:
        assert copy.size == (120, 90)
        assert (np.asarray(copy) != draw((10, 10, 30, DARK), (70, 40, 40, BRIGHT))).any()


def test_copies_of_several_files_go_into_a_folder(run, photo, clip, tmp_path):
    assert run(photo, clip, "--output", tmp_path / "copies")[0] == 0
    assert sorted(p.name for p in (tmp_path / "copies").iterdir()) == ["clip.mkv", "photo.png"]


def test_copies_of_a_folder_keep_its_folders(run, photo, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "x.png").write_bytes(photo.read_bytes())
    assert run(tmp_path / "in", "--output", tmp_path / "out")[0] == 0
    copies = (path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.png"))
    assert sorted(path.as_posix() for path in copies) == ["a/x.png", "b/x.png"]


def test_two_copies_are_not_written_into_one_file(run, photo, tmp_path):
    other = tmp_path / "other" / photo.name
    other.parent.mkdir()
    other.write_bytes(photo.read_bytes())
    status, out, err = run(photo, other, "--output", tmp_path / "copies")
    assert (status, out) == (1, "")
    assert "into one file" in err
    assert not (tmp_path / "copies").exists()


def test_a_copy_is_not_written_over_a_later_source(run, photo, tmp_path):
    other = tmp_path / "other" / "clip.png"
    other.parent.mkdir()
    other.write_bytes(b"not read yet")
    photo = photo.rename(tmp_path / "clip.png")
    assert run(photo, other, "--output", other.parent)[0] == 1
    assert other.read_bytes() == b"not read yet"


def test_a_file_is_not_written_over(run, photo):
    before = photo.read_bytes()
    status, _, err = run(photo, "--output", photo.parent)
    assert status == 1
    assert "write over" in err
    status, _, err = run(photo, "--output", photo)
    assert status == 1
    assert photo.read_bytes() == before


def test_a_video_gives_a_line_a_second_and_each_frame_in_csv(run, clip):
    assert len(run(clip)[1].splitlines()) == 1 + 3
    assert len(run(clip, "--csv")[1].splitlines()) == 1 + 25


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a file that is always full")
@pytest.mark.parametrize("form", [(), ("--csv",), ("--json",)])
def test_output_that_cannot_be_written_ends_the_command(run, photo, monkeypatch, form):
    # As Python closes it: what is left in the buffer raises.
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        status, _, err = run(photo, photo, *form)
    assert status == 1
    assert err.splitlines() == [
        "fer-estimators: the output cannot be written: No space left on device"
    ]


def test_a_pipe_that_is_closed_is_no_failure(run, photo, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        status, _, err = run(photo)
    assert (status, err) == (0, "")


def test_ctrl_c_ends_with_the_usual_status(run, photo, recognizer, monkeypatch):
    def interrupt(source):
        raise KeyboardInterrupt

    monkeypatch.setattr(recognizer, "recognize", interrupt)
    status, _, err = run(photo)
    assert status == 130
    assert "interrupted" in err


def test_a_file_named_like_a_shipped_network_is_not_taken_for_it(tmp_path, monkeypatch, capsys):
    name = next(iter(PRETRAINED))
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"something else")
    recognizer = _command._make_recognizer(_command._parse(["a.jpg", "--classifier", name]))
    assert "surprise" in recognizer.classes_
    written = f"fer-estimators: '{name}' is this library's; write './{name}' for the file\n"
    assert capsys.readouterr().err == written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to read"),
        (["a.jpg", "--min-face", "2"], "expected a share"),
        (["a.jpg", "--json", "--csv"], "not allowed with"),
    ],
)
def test_wrong_usage_is_explained(run, capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_help_shows_examples_statuses_and_classifiers(run, capsys):
    with pytest.raises(SystemExit, match="0"):
        run("--help")
    shown = capsys.readouterr().out
    assert "--camera 0" in shown
    # Lines may be broken at hyphens.
    assert all(name in "".join(shown.split()) for name in PRETRAINED)
