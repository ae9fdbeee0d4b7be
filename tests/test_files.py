"""Writing: in one step, by whoever comes first, on any file system, with one message where it cannot be."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from claimgate import files
from layercurv.errors import InputError
from layercurv.files import WriteError, atomic_path, require_writable, write_text_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_of_many_writers_at_once_one_wins_and_its_text_is_whole(tmp_path):
    barrier = Barrier(16)

    def write(number):
        barrier.wait()
        try:
            write_text_atomically(tmp_path / "a", f"{number}" * 10_000, replace=False)
        except FileExistsError:
            return None
        return f"{number}" * 10_000

    with ThreadPoolExecutor(16) as pool:
        won = [text for text in pool.map(write, range(10, 26)) if text]
    assert won == [(tmp_path / "a").read_text()] and names(tmp_path) == ["a"]


def test_what_appears_while_somebody_writes_is_kept(tmp_path):
    with pytest.raises(FileExistsError), atomic_path(tmp_path / "a", replace=False) as temporary:
        temporary.write_text("late")
        (tmp_path / "a").write_text("early")
    assert (tmp_path / "a").read_text() == "early" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("number", files.NO_LINKS)
def test_a_file_system_without_links_is_written_to_all_the_same(tmp_path, monkeypatch, number):
    def link(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    write_text_atomically(tmp_path / "a", "first", replace=False)
    with pytest.raises((FileExistsError, WriteError)):
        write_text_atomically(tmp_path / "a", "second", replace=False)
    assert (tmp_path / "a").read_text() == "first" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_the_file_system_refuses_is_one_message_and_the_file_of_before(tmp_path, monkeypatch, call, number):
    write_text_atomically(tmp_path / "a", "before")

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(InputError, match=rf"{os.strerror(number)}.*as it was. Make room"):
        write_text_atomically(tmp_path / "a", "after")
    monkeypatch.undo()
    assert (tmp_path / "a").read_text() == "before" and names(tmp_path) == ["a"]


def test_a_place_that_cannot_be_written_to_is_told_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        require_writable(tmp_path / "file")
    require_writable(tmp_path / "new" / "folder")
    assert names(tmp_path / "new" / "folder") == []
