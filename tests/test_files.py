"""Writing: in one step, by whoever comes first, on any file system, with one message where it cannot be."""

import errno
import os
import subprocess
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


def test_a_name_too_long_for_the_file_system_is_told(tmp_path):
    with pytest.raises(WriteError, match="File name too long"):
        write_text_atomically(tmp_path / ("a" * 300), "text")


def test_a_place_that_cannot_be_written_to_is_told_beforehand(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        require_writable(tmp_path / "file")
    require_writable(tmp_path / "new" / "folder")
    assert names(tmp_path / "new" / "folder") == []


def part(folder, owner, age_s=0.0):
    path = folder / f".a.json{owner}x1y2.part"
    path.write_text("half")
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age_s))
    return path


def test_the_next_writer_removes_what_a_dead_one_left(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, living = part(tmp_path, files._owner(dead.pid)), part(tmp_path, files._owner(os.getpid()))
    write_text_atomically(tmp_path / "b", "other")
    assert not left.exists() and living.exists() and names(tmp_path) == [living.name, "b"]


@pytest.mark.parametrize(("age_s", "is_kept"), [(3600.0, True), (files.OWNERLESS_S + 60, False)])
def test_what_another_machine_writes_is_removed_after_a_day_only(tmp_path, age_s, is_kept):
    other = part(tmp_path, ".0123456789ab-1.", age_s)
    unnamed = tmp_path / ".a.json.x1y2.part"  # as they were named before owners were
    unnamed.write_text("half")
    os.utime(unnamed, (unnamed.stat().st_atime, unnamed.stat().st_mtime - age_s))
    files.clear_leftovers(tmp_path)
    assert other.exists() == unnamed.exists() == is_kept


def test_a_clock_set_back_removes_nothing_of_a_living_machine(tmp_path, monkeypatch):
    other = part(tmp_path, ".0123456789ab-1.")
    monkeypatch.setattr("time.time", lambda: 0.0)
    files.clear_leftovers(tmp_path)
    assert names(tmp_path) == [other.name]


def test_a_writer_whose_file_was_taken_away_loses_this_attempt_only(tmp_path):
    write_text_atomically(tmp_path / "a", "before")
    with pytest.raises(WriteError, match="cannot be written"), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("after")
        temporary.unlink()
    assert (tmp_path / "a").read_text() == "before" and names(tmp_path) == ["a"]


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match="expected a regular file"):
        write_text_atomically(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo()
