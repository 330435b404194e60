"""How files are written: whole or not at all, and never over what is no file."""

import os
import stat

import pytest

from reconciler.cli import output
from reconciler.errors import UsageError

unix = pytest.mark.skipif(os.name == "nt", reason="modes and pipes of Unix")


def test_a_file_is_written_whole_and_leaves_nothing_else_behind(tmp_path):
    output.write_file(tmp_path / "plan.json", "één\n")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert (tmp_path / "plan.json").read_bytes() == "één\n".encode()


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_no_scraps(tmp_path, monkeypatch):
    target = tmp_path / "plan.json"
    target.write_text("old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError) as caught:
        output.write_file(target, "new")
    assert (caught.value.code, caught.value.params["what"]) == ("cannot-write", "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
    assert target.read_text() == "old"


@pytest.mark.parametrize("name", ["missing/plan.json", "."])
def test_where_no_file_can_be_is_said(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        output.write_file(tmp_path / name, "x")
    assert caught.value.code == "cannot-write"


@unix
def test_an_existing_file_keeps_its_mode(tmp_path):
    target = tmp_path / "plan.json"
    target.write_text("old")
    target.chmod(0o600)
    output.write_file(target, "new")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@unix
def test_a_link_is_followed_not_replaced(tmp_path):
    (tmp_path / "real.json").write_text("old")
    link = tmp_path / "plan.json"
    link.symlink_to("real.json")
    output.write_file(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


@unix
def test_a_device_is_written_to_not_replaced(tmp_path):
    """`--out /dev/stdout`, run as root, must not put a file where the device was."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output.write_file(pipe, "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 users"), (1, "1 user"), (2, "2 users"), (1234, "1,234 users")]
)
def test_counts(number, words):
    assert output.count(number, "user") == words
