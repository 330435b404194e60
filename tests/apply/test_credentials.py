"""First passwords: strong, in one file that only its owner may read, or nowhere."""

import csv
import os
import stat
import string

import pytest

from reconciler.apply import Credentials
from reconciler.apply.credentials import SYMBOLS, generate
from reconciler.errors import UsageError


def test_a_password_has_all_four_classes_begins_with_a_letter_and_is_never_the_same():
    words = {generate() for _ in range(500)}
    assert len(words) == 500
    for word in words:
        assert len(word) == 20
        assert word[0] in string.ascii_letters
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS):
            assert set(word) & set(kind)


def test_the_file_is_its_owners_alone_from_the_first_moment(tmp_path):
    path = tmp_path / "new.csv"
    before = os.umask(0)
    try:
        with Credentials(path) as credentials:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            words = credentials.issue(["anna@contoso.com", "bram@contoso.com"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["upn", "password"], *([upn, word] for upn, word in words.items())]


def test_a_password_is_on_the_disk_before_it_is_given_out(tmp_path):
    with Credentials(tmp_path / "new.csv") as credentials:
        words = credentials.issue(["anna@contoso.com"])
        assert words["anna@contoso.com"] in (tmp_path / "new.csv").read_text()
        assert credentials.issue([]) == {}


def test_an_older_file_is_never_overwritten(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("older")
    with pytest.raises(UsageError) as caught, Credentials(path):
        pass
    assert (caught.value.code, path.read_text()) == ("credentials-exist", "older")


def test_a_link_is_not_followed(tmp_path):
    """Whoever may write to the folder must not choose where the passwords go."""
    path, elsewhere = tmp_path / "new.csv", tmp_path / "elsewhere"
    path.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="credentials-exist"), Credentials(path):
        pass
    assert not elsewhere.exists()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError) as caught, Credentials(tmp_path / "no" / "new.csv"):
        pass
    assert (caught.value.code, caught.value.params["reason"]) == (
        "credentials-unwritable",
        "No such file or directory",
    )


def test_users_who_were_not_created_leave_the_file_and_it_goes_with_the_last_of_them(tmp_path):
    path = tmp_path / "new.csv"
    with Credentials(path) as credentials:
        words = credentials.issue(["anna", "bram"])
        credentials.keep({"anna", "bram"})
        credentials.keep({"bram"})
        assert path.read_bytes() == f"upn,password\r\nbram,{words['bram']}\r\n".encode()
        credentials.keep(set())
    assert not path.exists()
