"""Small pure parts: texts shared, addresses told apart, nicknames that Exchange takes."""

import gc
from datetime import UTC, datetime

import pytest

import reconciler.directory
from reconciler.directory import Write, graph, wire
from reconciler.directory.collector import collector_paused
from reconciler.directory.requests import nickname, request_for, user_link
from tests.directory import tenants


@pytest.mark.parametrize(
    ("upn", "name"),
    [
        ("anna@contoso.com", "anna"),
        ("a.de-vries_o'neil+1@contoso.com", "a.de-vries_o'neil+1"),
        ("guest_x.com#EXT#@contoso.com", "guest_x.com#EXT#"),
        (".dots.@contoso.com", "dots"),
        ("söfie@contoso.com", "sfie"),
        ("é@contoso.com", "user"),
        ("x" * 70 + "@contoso.com", "x" * 64),
        ("x" * 63 + ".y@contoso.com", "x" * 63),
    ],
)
def test_a_nickname_is_what_exchange_takes_of_the_upn(upn, name):
    assert nickname(upn) == name


@pytest.mark.parametrize(
    ("user", "link"),
    [
        ("anna@contoso.com", "/users/anna@contoso.com"),
        ("x_y.com#EXT#@contoso.com", "/users/x_y.com%23EXT%23@contoso.com"),
        ("o'neil@contoso.com", "/users/o%27neil@contoso.com"),
        ("../groups?x=1", "/users/..%2Fgroups%3Fx%3D1"),
    ],
)
def test_a_upn_can_not_leave_its_place_in_a_path(user, link):
    assert user_link(user) == link


def test_only_mail_addresses_are_kept():
    found = graph.smtp_addresses(
        ["SMTP:A@x.com", "smtp:b@x.com", "sip:c@x.com", "X500:/o=x", "d@x.com", "smtp:"]
    )
    assert found == ("a@x.com", "b@x.com", "d@x.com")


def test_an_instant_without_a_zone_is_utc():
    assert graph.utc(datetime(2026, 11, 24, 2)) == datetime(2026, 11, 24, 2, tzinfo=UTC)  # noqa: DTZ001  the point


def test_what_is_shared_is_bounded(monkeypatch):
    """A tenant where everything differs must not be kept twice."""
    monkeypatch.setattr(graph, "_REMEMBERED", 10)
    translator = graph.Translator()
    for number in range(100):
        row = wire.User(
            id=str(number),
            user_principal_name=str(number),
            department=str(number),
            assigned_licenses=b'[{"skuId":"%d"}]' % number,
            license_assignment_states=b"null",
        )
        (user,) = translator.users([row])
        assert (user.department, user.assignments[0].sku_id) == (str(number), str(number))
    assert len(translator._texts) < 20
    assert len(translator._licences) <= 10


def test_the_collector_comes_back_when_the_last_pause_ends():
    with collector_paused():
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with collector_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_only_what_there_is_can_be_imported():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = reconciler.directory.Nothing


def test_a_purchase_is_no_call_of_graph():
    with pytest.raises(ValueError, match="not one of Graph's calls"):
        request_for(Write(change=tenants.buy()), "https://graph.example/v1.0")
