"""What works where only numpy, scikit-learn, Pillow and ai-edge-litert are installed."""

import subprocess
import sys

import pytest

# Of what the library depends on, all but what running an exported classifier needs.
ABSENT = """
    keras tensorflow scikeras matplotlib safetensors ml_dtypes filelock rich pandas polars
    onnx onnxruntime tf2onnx skl2onnx av
"""


def run(code, *arguments):
    """Run code in a process in which these packages cannot be imported."""
    absent = f"import sys; sys.modules.update(dict.fromkeys({ABSENT.split()}))\n"
    command = [sys.executable, "-W", "error", "-c", absent + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    """A portrait of an astronaut, in the public domain."""
    from PIL import Image

    path = tmp_path_factory.mktemp("photos") / "portrait.png"
    Image.fromarray(pytest.importorskip("skimage.data").astronaut()).save(path)
    return path


def test_faces_are_found_and_their_emotions_recognised(portrait):
    done = run(
        "from fer_estimators import EmotionRecognizer, ExportedClassifier, FaceDetector\n"
        "exported = ExportedClassifier.from_pretrained('fer2013-compact')\n"
        "given = EmotionRecognizer(exported, FaceDetector(0.25))\n"
        "for recognizer in (EmotionRecognizer(), given):\n"
        "    print([face.emotion for face in recognizer.recognize(sys.argv[1])])",
        portrait,
    )
    assert (done.stdout, done.stderr) == ("['happy']\n['happy']\n", "")


def test_the_command_works(portrait, litert_file):
    code = "from fer_estimators.faces._command import main; sys.exit(main(sys.argv[1:]))"
    done = run(code, portrait, "--csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert ",happy," in done.stdout
    done = run(code, portrait, "--csv", "--classifier", litert_file)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


def test_annotated_copies_are_drawn(portrait, tmp_path):
    from PIL import Image, ImageChops

    code = "from fer_estimators.faces._command import main; sys.exit(main(sys.argv[1:]))"
    done = run(code, portrait, "--output", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (copy,) = tmp_path.iterdir()
    with Image.open(copy) as drawn, Image.open(portrait) as photo:
        left, top, right, bottom = ImageChops.difference(drawn, photo).getbbox()
    # The box around the face, and the words above it.
    assert right - left > 100
    assert bottom - top > 110


def test_what_needs_keras_says_so():
    done = run("from fer_estimators import CNNClassifier")
    assert "ImportError: Keras is not installed" in done.stderr
    assert "ExportedClassifier" in done.stderr
