"""Progress bars are only redrawn in terminals."""

import io
import sys
import types

from fer_estimators.faces._progress import show_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_notebook_gets_one_line_without_control_characters(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert list(show_progress(range(3), "photos", shown=True)) == [0, 1, 2]
    assert stream.getvalue().count("photos") == 1
    assert "\x1b" not in stream.getvalue()
