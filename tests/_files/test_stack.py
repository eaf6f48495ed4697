"""Files are passed to processes in chunks."""

from fer_estimators._files import stack
from fer_estimators.exceptions import ImageReadError


def test_few_large_files_go_to_a_process_at_a_time(monkeypatch):
    monkeypatch.setattr(stack, "_CHUNK", 3)
    monkeypatch.setattr(stack, "_CHUNK_BYTES", 10)
    files = [b"12345", ImageReadError("no file"), b"123456", b"1", b"1", b"1", b"1234567890"]
    chunks = stack._chunks((data, "name") for data in files)
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    chunks = stack._chunks((b"12345678901", "name") for _ in range(2))
    assert [len(chunk) for chunk in chunks] == [1, 1]
