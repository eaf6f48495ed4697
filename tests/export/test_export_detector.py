"""An export of the face detector gives the same numbers from one file, or writes no file."""

import numpy as np
import pytest

from fer_estimators._litert import LiteRTModel
from fer_estimators.export import _extras, export_detector
from fer_estimators.faces import load_blazeface


def run(path, pixels):
    if path.suffix == ".tflite":
        return LiteRTModel(path.read_bytes())(pixels)
    import onnxruntime

    return onnxruntime.InferenceSession(path).run(["anchors"], {"pixels": pixels})[0]


@pytest.mark.parametrize("quantize", [None, "float16"])
@pytest.mark.parametrize(("format", "suffix"), [("litert", ".tflite"), ("onnx", ".onnx")])
def test_inputs_of_any_size_give_the_networks_numbers(tmp_path, format, suffix, quantize):
    path = tmp_path / f"detector{suffix}"
    export_detector(path, format=format, quantize=quantize)
    for shape in ((1, 128, 128, 3), (2, 48, 64, 3)):
        pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)
        expected = np.asarray(load_blazeface()(pixels, training=False))
        np.testing.assert_allclose(run(path, pixels), expected, atol=0.01)


def test_half_precision_makes_a_smaller_file(tmp_path):
    for quantize in (None, "float16"):
        export_detector(tmp_path / f"{quantize}", quantize=quantize)
    sizes = [(tmp_path / name).stat().st_size for name in ("float16", "None")]
    assert sizes[0] < 0.7 * sizes[1]


def test_numbers_that_differ_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("fer_estimators.export._export_detector._TOLERANCE", 0)
    with pytest.raises(ValueError, match=r"differ by up to.*No file was written"):
        export_detector(tmp_path / "detector")
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept(tmp_path):
    path = tmp_path / "detector"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export_detector(path)
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "saved_model"}, "expected one of ..litert', 'onnx'"),
        ({"quantize": "int8"}, "expected None or 'float16'"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export_detector(tmp_path / "detector", **options)


def test_missing_packages_are_named_before_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(_extras, "find_spec", lambda name: None if name == "tf2onnx" else True)
    with pytest.raises(ImportError, match=r"needs tf2onnx.*pip install 'fer-estimators\[export\]'"):
        export_detector(tmp_path / "detector")


def test_the_ending_tells_the_format(tmp_path):
    export_detector(tmp_path / "detector.tflite")
    assert (tmp_path / "detector.tflite").read_bytes()[4:8] == b"TFL3"
    with pytest.raises(ValueError, match="ends as files of format 'onnx'"):
        export_detector(tmp_path / "detector.onnx", format="litert")
