"""The command ``fer-estimators``: photos, videos and cameras to a table of faces and emotions."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from fer_estimators import __version__
from fer_estimators._files.decode import EXTENSIONS
from fer_estimators._files.writing import written_whole
from fer_estimators.faces import EmotionRecognizer, FaceDetector, Recognition
from fer_estimators.faces._recognizer import list_photos
from fer_estimators.faces._video_recognition import is_same_file
from fer_estimators.pretrained import PRETRAINED

_DONE, _FAILED, _USAGE, _INTERRUPTED = 0, 1, 2, 130

# Seconds of a video between two lines about a face in the table.
_TABLE_STEP = 1.0

_EPILOG = """\
examples:
  fer-estimators group.jpg
  fer-estimators holiday/ --csv > faces.csv
  fer-estimators clip.mp4 --output annotated.mp4
  fer-estimators --camera 0
  fer-estimators report predictions.csv   (see fer-estimators report --help)

exit status: 0 when everything was read (also without any face), 1 when something could not be
read or written, 2 for wrong usage, 130 after Ctrl-C.

An emotion is what people would call the expression, not what a person feels.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status; None takes the arguments of the command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    is_report = arguments[:1] == ["report"]
    options = None if is_report else _parse(arguments)
    # Set before Keras is imported, whose start-up messages would disturb a table.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.showwarning = _print_warning
    # Labels and file names in any alphabet, also where the system's own encoding has no letters
    # for them (Windows) and where a file name is not text at all.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        return _report(arguments[1:]) if is_report else _run(options)
    except KeyboardInterrupt:
        _say("interrupted; the lines above are what was done")
        return _INTERRUPTED
    except _OutputError as error:
        # Without this, Python would report at exit what is left in the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error.__cause__, BrokenPipeError):  # the reader has closed the pipe
            return _DONE
        _say(f"the output cannot be written: {error}")
        return _FAILED


class _OutputError(Exception):
    """Standard output cannot be written; an OSError would be taken for one of a source."""


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
        # At once, so that results of a camera can be read, and while a fault can still be told.
        sys.stdout.flush()
    except OSError as error:
        raise _OutputError(error.strerror) from error


def _report(arguments):
    from fer_estimators._report_command import report

    try:
        text = report(arguments)
    except (ValueError, OSError) as error:
        _say(error)
        return _FAILED
    with _writing():
        print(text)
    return _DONE


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="fer-estimators",
        description="Find the faces in photos, videos or a camera stream, and name their emotions.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sources", nargs="*", metavar="FILE", help="photo, folder of photos, video, or URL of one"
    )
    parser.add_argument("--camera", type=int, metavar="N", help="read camera N, from 0")
    parser.add_argument(
        "--output", type=Path, help="write an annotated copy; a folder for several files"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="write a JSON object a line for each photo or frame"
    )
    form.add_argument("--csv", action="store_true", help="write comma-separated values")
    parser.add_argument(
        "--classifier",
        default="ferplus-compact",
        metavar="NAME",
        help=f"one of {', '.join(PRETRAINED)}, by default %(default)s, or a file that `save` or "
        "`export_classifier` wrote",
    )
    parser.add_argument(
        "--min-face",
        type=float,
        metavar="SHARE",
        help="smallest face to look for, as a share of the picture's height, above 0 and up to 1",
    )
    parser.add_argument("--version", action="version", version=f"fer-estimators {__version__}")
    options = parser.parse_args(arguments)
    if not options.sources and options.camera is None:
        parser.error("nothing to read: pass a photo, a folder, a video, or --camera 0")
    if options.min_face is not None and not 0 < options.min_face <= 1:
        parser.error(f"--min-face {options.min_face}: expected a share above 0 and up to 1")
    return options


def _run(options):
    try:
        recognizer = _make_recognizer(options)
        sources = list(_list_sources(options))
        copies = _choose_copies(sources, options.output)
    except (ValueError, OSError, ImportError) as error:
        _say(error)
        return _FAILED
    with _writing():
        write = _WRITERS["json" if options.json else "csv" if options.csv else "table"](recognizer)
    n_failed = 0
    for (source, _), copy in zip(sources, copies, strict=True):
        try:
            n_failed += _read(recognizer, source, write, copy)
        except (ValueError, OSError, ImportError) as error:
            _say(error)
            n_failed += 1
    return _FAILED if n_failed else _DONE


def _make_recognizer(options) -> EmotionRecognizer:
    classifier = options.classifier
    if classifier in PRETRAINED:
        if os.path.isfile(classifier):
            _say(f"{classifier!r} is this library's; write './{classifier}' for the file")
    elif os.path.exists(classifier):
        classifier = _load_classifier(classifier)
    detector = None if options.min_face is None else FaceDetector(min_face=options.min_face)
    return EmotionRecognizer(classifier, detector)


def _load_classifier(path):
    if path.lower().endswith((".tflite", ".onnx")):
        from fer_estimators.export import ExportedClassifier

        return ExportedClassifier(path)
    from fer_estimators.persistence import load

    return load(path)


def _list_sources(options) -> Iterator[tuple[str | int, Path]]:
    """Yield what is to be read, and what its copy in a folder is called."""
    for source in options.sources:
        if os.path.isdir(source):
            yield from ((str(path), path.relative_to(source)) for path in list_photos(source))
        else:
            yield source, Path(Path(source).name)
    if options.camera is not None:
        yield options.camera, Path(f"camera{options.camera}.mp4")


def _choose_copies(sources, output) -> list[Path | None]:
    """Return where the annotated copy of each source goes; no two to the same file."""
    if output is None:
        return [None] * len(sources)
    if len(sources) == 1 and output.suffix and not output.is_dir():
        copies = [output]
    else:
        copies = [output / name for _, name in sources]
    first_with: dict[Path, str | int] = {}
    for copy, (source, _) in zip(copies, sources, strict=True):
        if first_with.setdefault(copy, source) != source:
            raise ValueError(
                f"--output {str(output)!r} would write the copies of {first_with[copy]!r} and "
                f"{source!r} into one file. Pass them in two calls, or the folder that holds both."
            )
        if any(isinstance(other, str) and is_same_file(other, copy) for other, _ in sources):
            raise ValueError(
                f"--output {str(output)!r} would write over {str(copy)!r}: pass another."
            )
    return copies


def _read(recognizer, source, write, copy) -> int:
    """Read one source, write its results, and return how many faults there were."""
    if copy is not None:
        copy.parent.mkdir(parents=True, exist_ok=True)
    if (
        isinstance(source, str)
        and Path(source).suffix.lower() in EXTENSIONS
        and "://" not in source
    ):
        result = recognizer.recognize(source)
        with _writing():
            write(result, source)
        if copy is not None:
            _save_photo(result, copy)
        return 0
    with recognizer.recognize_video(source, output=copy, progress=sys.stderr.isatty()) as results:
        for result in results:
            with _writing():
                write(result, "camera" if isinstance(source, int) else source)
    return results.output_error is not None


def _save_photo(result, path):
    suffix = path.suffix.lower()
    if suffix not in EXTENSIONS:
        raise ValueError(f"--output {str(path)!r} is not a photo's name; expected .jpg or .png.")
    kind = Image.registered_extensions()[suffix]
    with written_whole(path) as file:
        Image.fromarray(result.annotated()).save(file, format=kind)


def _json_writer(recognizer) -> Callable[[Recognition, str], None]:
    def write(result, source):
        print(json.dumps({"file": source} | result.to_dict(), ensure_ascii=False))

    return write


def _csv_writer(recognizer) -> Callable[[Recognition, str], None]:
    # A photo's rows leave the columns of a video empty.
    columns = Recognition((), tuple(recognizer.classes_.tolist()), time=0.0).columns
    writer = csv.DictWriter(sys.stdout, ["file", *columns], lineterminator="\n")
    writer.writeheader()

    def write(result, source):
        writer.writerows({"file": source} | row for row in result.to_rows())

    return write


_LINE = "{:<28} {:>8} {:>4} {:>6} {:>6} {:>6} {:>6}  {:<10} {:>5}"


def _table_writer(recognizer) -> Callable[[Recognition, str], None]:
    print(_LINE.format("file", "time", "id", "left", "top", "width", "height", "emotion", "prob."))
    # When each face of the current video was last written, and its emotion then.
    last: dict[Any, tuple[float, Any]] = {}

    def write(result, source):
        if not result.frame_number:
            last.clear()
        if result.time is None and not result.faces:
            print(f"{_shorten(source):<28} no face")
        for face in result:
            time, emotion = last.get(face.id, (-_TABLE_STEP, None))
            if result.time is not None:
                if result.time - time < _TABLE_STEP and face.emotion == emotion:
                    continue
                last[face.id] = (result.time, face.emotion)
            _print_face(face, result.time, source)

    return write


def _print_face(face, time, source):
    shown = "" if time is None else f"{time:.2f} s"
    number = "" if face.id is None else face.id
    box = (round(side) for side in face.box)
    values = (shown, number, *box, _printable(str(face.emotion)), f"{face.probability:.0%}")
    print(_LINE.format(_shorten(source), *values))


_WRITERS = {"json": _json_writer, "csv": _csv_writer, "table": _table_writer}


def _printable(text):
    """Spell out control characters: a terminal would obey those in a name or a label."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _shorten(name, length=28):
    name = _printable(name)
    return name if len(name) <= length else f"...{name[3 - length :]}"


def _say(message):
    if isinstance(message, OSError) and message.filename is not None and message.strerror:
        # Not what Python makes of it, which begins with a number.
        message = f"{message.filename!r}: {message.strerror}"
    print(f"fer-estimators: {message}", file=sys.stderr)


def _print_warning(message, category, filename, lineno, file=None, line=None):
    _say(message)
