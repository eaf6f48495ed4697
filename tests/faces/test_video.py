"""Videos: frames, files, missing cameras, and annotated copies."""

import errno
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from fer_estimators import EmotionTimelineDisplay
from fer_estimators.exceptions import VideoError
from fer_estimators.faces import EmotionRecognizer, FaceDetector, Recognition, _video_reading
from fer_estimators.faces._video_writing import VideoWriter

from .conftest import BRIGHT, DARK, draw, find_squares

av = pytest.importorskip("av")


def moving(n_frames, size=(90, 120)):
    """Two faces that move; the bright one leaves half way."""
    for number in range(n_frames):
        squares = [(10 + number, 10, 30, DARK), (70, 40, 40, BRIGHT)]
        yield draw(*squares[: 2 if number < n_frames / 2 else 1], size=size)


def write_video(path, frames, *, times=None, rate=10, codec="mpeg4", **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in options.items():
            setattr(stream, name, value)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = round(1000 * (number / rate if times is None else times[number]))
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", list(moving(20)))


def test_frames_give_times_numbers_and_ids(recognizer):
    results = list(recognizer.recognize_video(moving(20), fps=10))
    assert [result.frame_number for result in results] == list(range(20))
    assert results[7].time == pytest.approx(0.7)
    assert {face.id: face.emotion for face in results[3]} == {1: "sad", 2: "happy"}
    assert [face.id for face in results[-1]] == [1]


def test_frames_may_come_with_their_times(recognizer):
    times = [0.0, 0.1, 0.5]
    pairs = zip(times, moving(3), strict=True)
    assert [result.time for result in recognizer.recognize_video(pairs)] == times


def test_an_iterator_that_was_read_before_is_announced(recognizer):
    frames = moving(2)
    assert len(list(recognizer.recognize_video(frames, fps=10))) == 2
    with pytest.warns(UserWarning, match=r"frames is empty.*read only once"):
        assert list(recognizer.recognize_video(frames, fps=10)) == []


class OwnDetector(FaceDetector):
    """A detector that takes over the parameters of the library's, but not its network."""

    def detect(self, photo):
        return find_squares(photo)


def test_a_class_derived_from_the_detector_searches_each_frame(classifier):
    recognizer = EmotionRecognizer(classifier, OwnDetector(), image_shape=(8, 8))
    results = list(recognizer.recognize_video(moving(4), fps=10))
    assert [len(result) for result in results] == [2, 2, 1, 1]


def test_frames_are_read_one_at_a_time(recognizer):
    n_read = 0

    def frames():
        nonlocal n_read
        for frame in moving(20):
            n_read += 1
            yield frame

    next(recognizer.recognize_video(frames(), fps=10))
    assert n_read == 1


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ([draw()], {}, ValueError, "no time.*fps=30"),
        ([(1.0, draw()), (0.5, draw())], {}, ValueError, "do not decrease"),
        ([(1.0, draw())], {"fps": 5}, ValueError, "fps=5.0 is for frames alone, but frame 0 has"),
        ([np.zeros((2, 3, 4, 5))], {"fps": 5}, ValueError, "Frame 0"),
        ([(True, draw())], {"fps": 5}, TypeError, "as OpenCV's `read`.*frame alone"),
        ([draw()], {"fps": 0}, ValueError, "above 0"),
        ([draw()], {"fps": 5, "smoothing": -1}, ValueError, "smoothing=-1"),
        ([draw()], {"fps": 5, "smoothing": True}, ValueError, "smoothing=True, but seconds"),
        ([draw()], {"fps": 5, "search_every": float("nan")}, ValueError, "search_every=nan"),
        (draw(), {}, TypeError, "list"),
        (None, {}, TypeError, "camera number"),
        (3.5, {}, TypeError, "not iterable"),
        ("missing.mp4", {}, FileNotFoundError, "missing.mp4"),
        ("missing.mp4", {"fps": 5}, ValueError, "Leave fps out"),
        (-1, {}, ValueError, "counted from 0"),
        ([draw()], {"fps": 5, "output": "copy.txt"}, ValueError, r"'\.mp4'"),
        ([draw()], {"fps": 5, "output": "none/copy.mp4"}, FileNotFoundError, "folder"),
    ],
)
def test_wrong_use_is_an_error(recognizer, source, options, error, message):
    with pytest.raises(error, match=message):
        list(recognizer.recognize_video(source, **options))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (av.error.FileNotFoundError(errno.ENOENT, "No such file"), "There is no camera 7"),
        (av.error.OSError(errno.EBUSY, "busy"), r"camera 7 cannot be opened.*Another program"),
        (av.error.PermissionError(errno.EACCES, "denied"), "camera 7 is not allowed"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_explained(recognizer, monkeypatch, error, message):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(VideoError, match=message):
        recognizer.recognize_video(7)


def test_a_mac_is_asked_for_frames_that_its_camera_has(recognizer, monkeypatch):
    asked = {}

    def refuse(file, **options):
        asked.update(options, file=file)
        raise av.error.FileNotFoundError(errno.ENOENT, "No such file")

    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(VideoError, match="There is no camera 1"):
        recognizer.recognize_video(1)
    assert asked == {"file": "1", "format": "avfoundation", "options": {"framerate": "30"}}


class SlowCamera:
    """A container that has no frame yet when it is asked for the first two times."""

    def __init__(self, container):
        self._container, self._n_asked = container, 0

    def __getattr__(self, name):
        return getattr(self._container, name)

    def demux(self, stream):
        self._n_asked += 1
        if self._n_asked < 3:
            raise av.error.BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        yield from self._container.demux(stream)


def test_a_camera_is_waited_for(recognizer, clip, monkeypatch):
    opened = av.open
    monkeypatch.setattr(av, "open", lambda *args, **options: SlowCamera(opened(*args, **options)))
    monkeypatch.setattr(_video_reading, "_find_camera", lambda number: (str(clip), "mp4"))
    assert len(list(recognizer.recognize_video(0))) == 20


def test_a_camera_is_read_until_it_is_unplugged(recognizer, tmp_path, monkeypatch):
    path = write_video(tmp_path / "camera.mkv", list(moving(60)))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    monkeypatch.setattr(_video_reading, "_find_camera", lambda number: (str(path), "matroska"))
    assert 10 < len(list(recognizer.recognize_video(0))) < 60


def test_urls_are_read(recognizer, clip):
    results = list(recognizer.recognize_video(clip.as_uri()))
    assert len(results) == 20
    assert {face.id: face.emotion for face in results[3]} == {1: "sad", 2: "happy"}


def test_a_url_that_leads_nowhere_is_named(recognizer, tmp_path):
    url = (tmp_path / "missing.mp4").as_uri()
    with pytest.raises(
        VideoError, match=r"missing\.mp4' cannot be opened as a video: No such file"
    ):
        recognizer.recognize_video(url)


def test_a_file_is_read_to_a_table(recognizer, clip):
    table = recognizer.recognize_video(clip).to_frame()
    assert table["frame_number"].nunique() == 20
    assert table["time"].max() == pytest.approx(1.9, abs=0.01)
    assert table.groupby("id")["emotion"].agg(set).to_dict() == {1: {"sad"}, 2: {"happy"}}


def test_times_are_those_of_the_file(recognizer, tmp_path):
    times = [0.0, 0.05, 0.4, 0.45, 1.5]
    path = write_video(tmp_path / "variable.mkv", list(moving(5)), times=times)
    found = [result.time for result in recognizer.recognize_video(path)]
    np.testing.assert_allclose(found, times, atol=0.002)


def test_frames_of_a_raw_stream_come_at_its_rate(recognizer, tmp_path):
    with av.open(str(tmp_path / "raw.h264"), "w") as container:
        stream = container.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 120, 90, "yuv420p"
        for pixels in moving(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(tmp_path / "raw.h264")) as container:
        rate = float(container.streams.video[0].average_rate)
        assert {frame.time for frame in container.decode(video=0)} == {None}
    found = [result.time for result in recognizer.recognize_video(tmp_path / "raw.h264")]
    np.testing.assert_allclose(found, np.arange(5) / rate)


def test_times_go_on_where_parts_were_joined(recognizer, tmp_path):
    path = write_video(tmp_path / "parts.ts", list(moving(5)))
    path.write_bytes(2 * path.read_bytes())
    found = [result.time for result in recognizer.recognize_video(path)]
    np.testing.assert_allclose(found, np.arange(10) / 10, atol=0.002)


def test_a_video_that_its_metadata_turns_is_turned(recognizer, tmp_path):
    upright = draw((10, 5, 30, BRIGHT), size=(120, 90))
    path = write_video(tmp_path / "phone.mp4", [np.rot90(upright)] * 3)
    data = path.read_bytes()
    # The matrix in the track's header, as phones write it: a quarter turn clockwise.
    as_stored, turned = (
        np.array(matrix, dtype=">i4").tobytes()
        for matrix in ([1 << 16, 0, 0, 0, 1 << 16, 0], [0, 1 << 16, 0, -1 << 16, 0, 0])
    )
    start = data.index(as_stored, data.index(b"tkhd"))
    path.write_bytes(data[:start] + turned + data[start + len(turned) :])
    photo = next(recognizer.recognize_video(path)).photo
    assert photo.shape == upright.shape
    assert np.abs(photo.astype(int) - upright).mean() < 5


@pytest.mark.parametrize(
    ("shape", "shown"), [("4:3", (90, 160)), ("1:2", (180, 120)), ("9:1", (90, 120))]
)
def test_pixels_that_are_not_square_are_shown_in_their_shape(recognizer, tmp_path, shape, shown):
    shape = Fraction(*map(int, shape.split(":")))
    path = write_video(tmp_path / "wide.mkv", list(moving(2)), sample_aspect_ratio=shape)
    assert next(recognizer.recognize_video(path)).photo.shape == (*shown, 3)


def test_a_cut_video_gives_what_is_there_and_a_warning(recognizer, tmp_path):
    path = write_video(tmp_path / "whole.mkv", list(moving(60)))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.warns(UserWarning, match=r"whole\.mkv' was cut: it ends after .* of 6\.0 seconds"):
        table = recognizer.recognize_video(path).to_frame()
    assert 10 < table["frame_number"].nunique() < 60


def test_gaps_between_frames_are_announced(recognizer, tmp_path):
    # What is left of a Matroska file with a damaged part, behind which FFmpeg reads on.
    times = [0.0, 0.1, 0.2, 5.0, 5.1, 9.0]
    path = write_video(tmp_path / "damaged.mkv", list(moving(6)), times=times)
    with pytest.warns(UserWarning, match=r"\.mkv' has no frame between 0\.2 and 5\.0.*1 more"):
        assert len(list(recognizer.recognize_video(path))) == 6


@pytest.mark.parametrize("content", [b"", b"<html>not a video</html>" * 50])
def test_a_file_that_is_not_a_video_is_named(recognizer, tmp_path, content):
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(VideoError, match=r"clip\.mp4' cannot be opened as a video"):
        recognizer.recognize_video(tmp_path / "clip.mp4")


@pytest.mark.parametrize(("suffix", "size"), [(".mp4", (91, 121)), (".mkv", (90, 120))])
def test_an_annotated_copy_has_the_frames_and_their_times(recognizer, tmp_path, suffix, size):
    copy = tmp_path / f"copy{suffix}"
    times = [0.0, 0.1, 0.5, 0.55]
    pairs = zip(times, moving(4, size=size), strict=True)
    results = list(recognizer.recognize_video(pairs, output=copy))
    with av.open(str(copy)) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([frame.time for frame in frames], times, atol=0.002)
    pixels = frames[0].to_ndarray(format="rgb24")
    assert pixels.shape == (size[0] + size[0] % 2, size[1] + size[1] % 2, 3)
    expected = results[0].annotated()
    difference = np.abs(pixels[: size[0], : size[1]].astype(int) - expected)
    assert difference.mean() < 12
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]


def test_frames_of_another_size_are_fitted_into_the_copy(recognizer, tmp_path):
    frames = [draw(), draw(size=(50, 200))]
    list(recognizer.recognize_video(frames, fps=5, output=tmp_path / "copy.mp4"))
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert {frame.width for frame in container.decode(video=0)} == {120}


def test_a_loop_that_is_left_early_keeps_the_copy(recognizer, tmp_path):
    with recognizer.recognize_video(moving(20), fps=10, output=tmp_path / "copy.mp4") as results:
        for result in results:
            if result.frame_number == 4:
                break
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert len(list(container.decode(video=0))) == 5


def test_frames_of_ones_own_can_be_read_on_after_a_loop(recognizer):
    frames = moving(9)
    with recognizer.recognize_video(frames, fps=10) as results:
        for result in results:
            if result.frame_number == 4:
                break
    assert len(list(frames)) == 4


def test_a_loop_that_forgets_to_close_keeps_the_copy(recognizer, tmp_path):
    for result in recognizer.recognize_video(moving(9), fps=10, output=tmp_path / "copy.mp4"):
        if result.frame_number == 4:
            break
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert len(list(container.decode(video=0))) == 5


@pytest.mark.parametrize("start", [1.7e9, -5.0])
def test_a_copy_begins_with_the_first_frame(recognizer, tmp_path, start):
    frames = [(start + number / 10, draw()) for number in range(4)]
    list(recognizer.recognize_video(frames, output=tmp_path / "copy.mp4"))
    with av.open(str(tmp_path / "copy.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, [0, 0.1, 0.2, 0.3], atol=0.002)


class Tensor:
    """Pixels of another library, which arrays share."""

    def __init__(self, pixels):
        self.pixels = pixels

    def __array__(self, dtype=None, copy=None):
        return self.pixels


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
def test_frames_read_into_one_array_are_kept_apart(recognizer, kind):
    def frames():
        buffer = np.empty_like(draw())
        for frame in moving(3):
            buffer[...] = frame
            yield kind(buffer)

    results = list(recognizer.recognize_video(frames(), fps=10))
    for result, frame in zip(results, moving(3), strict=True):
        np.testing.assert_array_equal(result.photo, frame)


def test_a_video_that_fades_to_black_is_read_to_its_end(classifier, tmp_path):
    """Of a frame alone, 0 and 1 would look like a scale of 0..1 that was cut off."""
    frames = [draw((10, 10, 30, DARK)) // shade for shade in (1, 8, 128, 200, 128, 8, 1)]
    path = write_video(tmp_path / "fade.mkv", frames, codec="ffv1", pix_fmt="bgr0")
    recognizer = EmotionRecognizer(classifier, image_shape=(8, 8))
    assert [result.photo.max() for result in recognizer.recognize_video(path)][2:5] == [1, 0, 1]
    assert len(list(recognizer.recognize_video(frames, fps=10))) == len(frames)


def test_frames_that_begin_nearly_black_are_announced(recognizer):
    frames = [draw((10, 10, 30, DARK)) // shade for shade in (200, 128, 128, 1, 128)]
    with pytest.warns(UserWarning, match=r"Frame 1 has no value above 1.*divided by 255") as caught:
        results = list(recognizer.recognize_video(frames, fps=10))
    assert len(results) == len(frames)
    assert len(caught) == 1


def test_milliseconds_are_asked_about(recognizer):
    frames = [(40.0 * number, draw()) for number in range(3)]
    with pytest.warns(UserWarning, match=r"40 seconds after.*milliseconds") as caught:
        list(recognizer.recognize_video(frames))
    assert len(caught) == 1


def test_frames_of_one_time_are_announced(recognizer):
    frames = [(0.0, frame) for frame in moving(3)]
    with pytest.warns(UserWarning, match=r"Frame 1 has the time of the one before") as caught:
        list(recognizer.recognize_video(frames))
    assert len(caught) == 1


@pytest.mark.parametrize("content", ["some text\n" * 50, "ffconcat version 1.0\nfile clip.mp4\n"])
def test_text_and_lists_of_files_are_not_videos(recognizer, clip, content):
    path = clip.with_name("list.txt")
    path.write_text(content)
    with pytest.raises(VideoError, match=r"list\.txt' holds no pictures"):
        recognizer.recognize_video(path)


def test_ctrl_c_keeps_the_table_and_the_copy(recognizer, tmp_path):
    def frames():
        yield from list(moving(20))[:6]
        raise KeyboardInterrupt

    results = recognizer.recognize_video(frames(), fps=10, output=tmp_path / "copy.mp4")
    with pytest.warns(UserWarning, match=r"Interrupted after 0\.5 seconds"):
        table = results.to_frame()
    assert table["frame_number"].nunique() == 6
    assert (tmp_path / "copy.mp4").stat().st_size > 0


@pytest.fixture
def little_space():
    """Let no file grow beyond 10,000 bytes, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("n_frames", [4, 60])
def test_a_full_disk_costs_the_copy_and_nothing_else(
    recognizer, tmp_path, little_space, suffix, n_frames
):
    copy = tmp_path / f"copy{suffix}"
    copy.write_bytes(b"before")
    noise = np.random.default_rng(0).integers(0, 256, (n_frames, 90, 120, 3)).astype(np.uint8)
    results = recognizer.recognize_video(list(noise), fps=10, output=copy)
    with pytest.warns(UserWarning, match=rf"copy\{suffix}' could not be written: File too large"):
        n_results = len(list(results))
    assert n_results == n_frames
    assert "File too large" in results.output_error
    assert copy.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_while_a_frame_is_drawn_leaves_the_old_copy(recognizer, tmp_path, monkeypatch):
    (tmp_path / "copy.mp4").write_bytes(b"before")
    results = recognizer.recognize_video(moving(9), fps=10, output=tmp_path / "copy.mp4")
    next(results)

    def fail(self):
        raise RuntimeError("no font")

    monkeypatch.setattr(Recognition, "annotated", fail)
    with pytest.raises(RuntimeError, match="no font"):
        list(results)
    assert (tmp_path / "copy.mp4").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_of_the_encoder_costs_the_copy_and_nothing_else(recognizer, tmp_path, monkeypatch):
    (tmp_path / "copy.mp4").write_bytes(b"before")

    def fail(self, pixels, time):
        raise av.error.InvalidDataError(1, "Invalid data")

    monkeypatch.setattr(VideoWriter, "write", fail)
    results = recognizer.recognize_video(moving(9), fps=10, output=tmp_path / "copy.mp4")
    with pytest.warns(UserWarning, match="could not be written: Invalid data"):
        assert len(list(results)) == 9
    assert (tmp_path / "copy.mp4").read_bytes() == b"before"


def test_the_video_itself_is_not_written_over(recognizer, clip):
    before = clip.read_bytes()
    with pytest.raises(ValueError, match="is the video itself"):
        recognizer.recognize_video(clip, output=clip)
    assert clip.read_bytes() == before


def test_a_video_without_any_face_gives_an_empty_table(recognizer):
    table = recognizer.recognize_video([draw()] * 3, fps=10).to_frame()
    assert len(table) == 0
    assert {"time", "id", "emotion", "p_happy"} <= set(table.columns)
    with pytest.raises(ValueError, match="nothing to draw"):
        EmotionTimelineDisplay.from_frame(table)


def test_a_timeline_shows_each_face(recognizer):
    results = list(recognizer.recognize_video(moving(20), fps=10))
    display = EmotionTimelineDisplay.from_results(results)
    assert [ax.get_title(loc="left") for ax in display.axes_] == ["face 1", "face 2"]
    table = recognizer.recognize_video(moving(20), fps=10).to_frame()
    same = EmotionTimelineDisplay.from_frame(table, n_faces=1)
    assert [ax.get_title(loc="left") for ax in same.axes_] == ["face 1"]
    assert same.frame()["p_sad"].tolist() == display.frame()["p_sad"].tolist()


def test_a_timeline_refuses_photos(recognizer):
    photo = recognizer.recognize(next(moving(2)))
    with pytest.raises(ValueError, match="those of photos"):
        EmotionTimelineDisplay.from_results([photo])
    with pytest.raises(ValueError, match="those of photos"):
        EmotionTimelineDisplay.from_frame(photo.frame().assign(time=np.nan, id=np.nan))


def test_a_timeline_refuses_several_videos(recognizer):
    results = list(recognizer.recognize_video(moving(2), fps=10))
    table = recognizer.recognize_video(moving(2), fps=10).to_frame()
    later = table.assign(file="b", frame_number=table["frame_number"] + 2)
    for tables in ([table, table], [table.assign(file="a"), later]):
        with pytest.raises(ValueError, match=r"faces of several videos.*frame\['file'\] =="):
            EmotionTimelineDisplay.from_frame(pd.concat(tables))
    with pytest.raises(ValueError, match="faces of several videos"):
        EmotionTimelineDisplay.from_results(results * 2)


def test_a_timeline_tells_results_from_a_table(recognizer):
    results = recognizer.recognize_video(moving(2), fps=10)
    with pytest.raises(TypeError, match=r"VideoRecognition.*Pass results to from_results"):
        EmotionTimelineDisplay.from_frame(results)
    with pytest.raises(TypeError, match="Pass it to from_frame"):
        EmotionTimelineDisplay.from_results(results.to_frame())


def test_probabilities_are_smoothed_over_time(classifier):
    frames = [draw((10, 10, 30, DARK))] * 5 + [draw((10, 10, 30, BRIGHT))] * 5
    recognizer = EmotionRecognizer(classifier, find_squares, image_shape=(8, 8))
    raw, smooth = (
        [
            r[0].probabilities["happy"]
            for r in recognizer.recognize_video(frames, fps=10, smoothing=s)
        ]
        for s in (0, 0.5)
    )
    assert raw[5] > 0.9
    assert raw[4] < smooth[5] < smooth[6] < smooth[9] < raw[9]
