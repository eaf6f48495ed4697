"""What show_versions prints."""

import os
import subprocess
import sys

import keras
import pytest
import sklearn

import fer_estimators


def test_versions_and_backend_are_printed(capsys):
    fer_estimators.show_versions()
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"fer-estimators: {fer_estimators.__version__}" in lines
    assert f"scikit-learn: {sklearn.__version__}" in lines
    assert f"backend: {keras.backend.backend()}" in lines
    assert any(line.startswith("GPUs: ") for line in lines)


def test_a_package_that_is_missing_is_said_to_be(capsys, monkeypatch):
    monkeypatch.setattr("fer_estimators._versions._PACKAGES", ("no-such-package-anywhere",))
    fer_estimators.show_versions()
    assert "no-such-package-anywhere: not installed" in capsys.readouterr().out


def test_keras_is_not_imported_for_it():
    code = (
        "import sys, fer_estimators\n"
        "fer_estimators.show_versions()\n"
        "print({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert "(KERAS_BACKEND: jax)" in done.stdout
    assert done.stdout.endswith("set()\n")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("flags : fpu avx512f avx512_bf16 amx_bf16 amx_tile", "bfloat16: avx512_bf16, amx_bf16"),
        ("Features : fp asimd bf16", "bfloat16: bf16"),
        ("flags : fpu avx2", "bfloat16: no instructions for it"),
    ],
)
def test_instructions_for_bfloat16_are_named(flags, said, tmp_path, capsys, monkeypatch):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n", encoding="ascii")
    monkeypatch.setattr("fer_estimators._versions._CPU_INFO", tmp_path / "cpuinfo")
    fer_estimators.show_versions()
    assert said in [line.strip() for line in capsys.readouterr().out.splitlines()]


def test_where_the_system_does_not_tell_of_bfloat16_it_is_not_known(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fer_estimators._versions._CPU_INFO", tmp_path / "missing")
    fer_estimators.show_versions()
    assert "bfloat16: not known on " in capsys.readouterr().out
