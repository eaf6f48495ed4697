"""What show_versions prints."""

import os
import subprocess
import sys

import keras
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
