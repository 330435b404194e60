"""A listing of users that no tenant can have is none: absence would look like removal."""

import msgspec
import pytest

from reconciler.directory import reader
from reconciler.errors import DirectoryError
from tests.directory.tenants import user

BRAM = msgspec.structs.replace(user("bram"), upn="anna@contoso.com")


class Pages:
    """Answers a listing with these users."""

    def __init__(self, *users):
        self.users = users

    def listing(self, *_):
        """Return the rows."""
        return list(self.users)


@pytest.mark.parametrize(
    ("users", "told"),
    [
        ((), "it lists no user at all"),
        ((user("anna"), BRAM), "two users are named anna@contoso.com"),
    ],
)
def test_nobody_and_two_of_one_name_are_refused(users, told):
    with pytest.raises(DirectoryError) as caught:
        reader._users(Pages(*users), None)
    assert (caught.value.code, caught.value.params["message"]) == ("incomplete-read", told)


def test_one_user_on_two_pages_counts_once():
    anna = user("anna")
    assert reader._users(Pages(anna, user("admin"), anna), None) == [user("admin"), anna]
