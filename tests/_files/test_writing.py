"""Files are written completely or not at all, and keep their permissions and links."""

import os
import stat
from pathlib import Path

import pytest

from fer_estimators._files.writing import written_whole


def write(path, content=b"new"):
    with written_whole(path) as file:
        file.write(content)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_new_file_gets_the_permissions_that_the_umask_leaves(tmp_path, umask):
    write(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o640


@pytest.mark.parametrize("rights", [0o644, 0o600, 0o666, 0o755])
def test_file_that_is_replaced_keeps_its_permissions(tmp_path, umask, rights):
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(rights)
    write(path)
    assert (path.read_bytes(), mode(path)) == (b"new", rights)


def test_link_still_points_at_the_file_that_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/real")
    for content in (b"first", b"second"):
        write(tmp_path / "link", content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "folder/real").read_bytes() == content


def test_read_only_file_is_left_alone(tmp_path):
    path = tmp_path / "kept"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="read-only; make it writable"):
        write(path)
    assert (path.read_bytes(), mode(path)) == (b"old", 0o444)
    assert list(tmp_path.iterdir()) == [path]


def test_pipe_is_left_alone_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        write(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_device_is_left_alone(device):
    with pytest.raises(OSError, match="not a regular file"):
        write(device)
    assert Path(device).is_char_device()


def test_name_that_is_empty_or_a_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="a file name is expected"):
        write("")
    for name in (".", tmp_path, f"{tmp_path}/absent/"):
        with pytest.raises(IsADirectoryError, match="file"):
            write(name)
    assert list(tmp_path.iterdir()) == []
    assert list(tmp_path.parent.glob(".*.tmp")) == []


def test_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "kept"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as file:  # noqa: PT012
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_on_the_disk_before_it_is_over(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace

    def kind(descriptor):
        return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"

    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(kind(fd)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *a: (calls.append("replace"), replace(*a)))
    write(tmp_path / "new")
    assert calls == ["file", "replace", "folder"]
