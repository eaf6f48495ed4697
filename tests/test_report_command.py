"""``fer-estimators report``: from a file of predictions to a report."""

import json
import re

import pytest

from fer_estimators import classification_report
from fer_estimators.faces import _command

TRUE = ["happy", "happy", "sad", "fear"]
PREDICTED = ["happy", "sad", "sad", "not sure"]
PROBA = [(0.1, 0.8, 0.1), (0.2, 0.3, 0.5), (0.0, 0.1, 0.9), (0.4, 0.3, 0.3)]
LABELS = "y_true,y_pred\n" + "".join(f"{t},{p}\n" for t, p in zip(TRUE, PREDICTED, strict=True))


def with_proba():
    lines = ["file,y_true,y_pred,p_fear,p_happy,p_sad"]
    rows = zip(TRUE, PREDICTED, PROBA, strict=True)
    lines += [f'"a,b.jpg",{true},{said},{",".join(map(str, p))}' for true, said, p in rows]
    return "\n".join(lines)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command on a file of this content; return status and outputs."""
    # The command sets both for the whole process.
    monkeypatch.setattr("warnings.showwarning", None)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def call(content, *options):
        path = tmp_path / "predictions.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        status = _command.main(["report", str(path), *options])
        return status, *capsys.readouterr()

    return call


def test_blank_lines_at_the_end_are_ignored(run):
    assert run(f"{LABELS}\n  \r\n") == run(LABELS)


def test_the_report_is_that_of_the_function(run):
    status, out, _ = run(LABELS)
    assert status == 0
    assert out == classification_report(TRUE, PREDICTED, zero_division=0.0) + "\n"


def test_columns_of_probabilities_add_log_loss(run):
    status, out, _ = run(with_proba(), "--json")
    expected = classification_report(
        TRUE,
        PREDICTED,
        y_proba=PROBA,
        classes=["fear", "happy", "sad"],
        output="dict",
        zero_division=0.0,
    )
    assert status == 0
    assert json.loads(out) == json.loads(json.dumps(expected))
    assert json.loads(out)["summary"]["log_loss"] > 0


def test_what_is_not_defined_is_null_in_json(run):
    _, out, _ = run("y_true,y_pred\nsad,sad\n", "--json")
    assert json.loads(out)["summary"]["cohen_kappa"] is None


@pytest.mark.parametrize(
    "content",
    [
        LABELS.replace("\n", "\r\n"),
        LABELS.encode("utf-8-sig"),
        LABELS.replace(",", ";"),
        LABELS.replace(",", " ,\t"),
    ],
    ids=["crlf", "bom", "semicolons", "spaces"],
)
def test_tables_of_other_programs_read_alike(run, content):
    assert run(content)[1] == run(LABELS)[1]


def test_labels_of_ones_own_are_reported(run):
    status, out, _ = run("y_true,y_pred\ncat,cat\ndog,cat\n")
    assert status == 0
    assert "dog taken for cat: 1 of 1" in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column 'y_true' and no column 'y_pred'; it has none"),
        ("y_true,said\nsad,sad\n", "no column 'y_pred'; it has 'y_true', 'said'"),
        ("y_true,y_pred,y_pred\nsad,sad,sad\n", "several columns 'y_pred'"),
        ("y_true,y_pred\n", "no line below"),
        ("y_true,y_pred\nsad,sad\nsad\n\nsad,sad\n", "another number of values in line 3, 4"),
        ("y_true,y_pred\nsad,sad\nsad,NaN\n,sad\n", "y_true is missing in line 4"),
        ("y_true,y_pred\nsad,sad\nsad,NaN\n", "y_pred is missing in line 3"),
        ("y_true,y_pred\nsad,hapy\n", "y_pred is 'hapy' in line 2.*Did you mean 'happy'"),
        ("y_true,y_pred\nsad,sad\nSad,sad\n", "y_true is 'Sad' in line 3.*Did you mean 'sad'"),
        ("y_true,y_pred,p_sad\nsad,sad,much\n", "p_sad is 'much' in line 2"),
        ("y_true,y_pred,p_sad\nsad,sad,nan\n", "p_sad is 'nan' in line 2"),
        ("y_true,y_pred,p_sad,p_fear\nsad,sad,0.5,0.1\n", "sum"),
        ("y_true,y_pred,p_sad,p_fear\nhappy,sad,0.5,0.5\n", "happy"),
        (b"y_true,y_pred\n\xff,sad\n", "not a table in UTF-8"),
    ],
)
def test_faults_are_named_with_their_line(run, content, message):
    status, out, err = run(content)
    assert (status, out) == (1, "")
    (line,) = err.splitlines()
    assert re.search(message, line), line


def test_a_missing_file_is_said(run, capsys):
    assert _command.main(["report", "missing.csv"]) == 1
    assert capsys.readouterr().err.startswith("fer-estimators: 'missing.csv': ")


def test_help_names_the_columns(run, capsys):
    with pytest.raises(SystemExit, match="0"):
        _command.main(["report", "--help"])
    assert "y_pred" in capsys.readouterr().out
