"""A token tells who acts, as a hint: whatever it holds, reading it fails nothing."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.directory.claims import Claims, read
from tests.signin.authority import jwt

APP = {
    "tid": "t",
    "oid": "o",
    "appid": "a",
    "app_displayname": "reconciler",
    "aud": "https://graph.microsoft.com",
    "idtyp": "app",
    "roles": ["User.Read.All", "AuditLog.Read.All"],
    "wids": ["62e90394-69f5-4237-9190-012177145e10"],
    "exp": 1_795_000_000,
}


def test_an_applications_token_tells_its_permissions():
    assert read(jwt(APP)) == Claims(
        tenant="t",
        object_id="o",
        app_id="a",
        app_name="reconciler",
        audience="https://graph.microsoft.com",
        roles=("AuditLog.Read.All", "User.Read.All"),
        wids=("62e90394-69f5-4237-9190-012177145e10",),
        expires=datetime.fromtimestamp(1_795_000_000, UTC),
        is_application=True,
    )


def test_a_users_token_tells_what_the_sign_in_was_given():
    told = read(jwt({"idtyp": "user", "oid": "o", "upn": "a@b.c", "scp": "User.Read.All User.Read"}))
    expected = Claims(object_id="o", upn="a@b.c", scopes=("User.Read", "User.Read.All"), is_application=False)
    assert told == expected


@pytest.mark.parametrize(
    ("claims", "is_application"),
    [
        ({"roles": ["User.Read.All"]}, True),
        ({"scp": "User.Read"}, False),
        ({"scp": "User.Read", "roles": ["SomeAppRole"]}, False),
        ({"scp": ""}, False),
        ({"oid": "o"}, None),
        ({"idtyp": "app", "scp": "x"}, True),
        ({"idtyp": "device"}, None),
    ],
)
def test_where_a_token_does_not_say_whose_it_is_its_permissions_do(claims, is_application):
    assert read(jwt(claims)).is_application is is_application


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b", "a.b.c.d", "a.!.c", "a.é.c", "a.W10.c", "a.bm90IGpzb24.c", "a..c"]
)
def test_an_opaque_token_tells_nothing(token):
    assert read(token) is None


STRANGE = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.integers() | st.text())


@given(st.dictionaries(st.sampled_from([*sorted(APP), "scp", "upn"]), STRANGE | st.just({"a": 1})))
def test_strange_claims_fail_nothing(claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    told = read(f"e30.{body}.x")
    assert told is None or isinstance(told, Claims)


@pytest.mark.parametrize("when", [1e300, True, "soon", None])
def test_an_end_that_is_no_instant_is_not_told(when):
    assert read(jwt({"exp": when})).expires is None


def test_a_deeply_nested_token_fails_nothing():
    body = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    assert read(f"e30.{body}.x") is None
