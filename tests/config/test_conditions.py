"""A condition means what it says: each form of `when` becomes the tests that planning asks of a user."""

from datetime import UTC, datetime

import pytest

from reconciler import schemas
from reconciler.config import conditions
from reconciler.config.document import PROFILE
from reconciler.model import Every, Not, Some, User
from reconciler.model import Test as Asks

CONDITION = schemas.load("tenant")["$defs"]["condition"]["properties"]


def is_(field, *values):
    return Asks(field=field, values=values)


SALES, MEMBER = is_("department", "sales"), is_("user_type", "member")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"department": "Sales"}, SALES),
        ({"department": ["Sales", "SALES", "Straße"]}, is_("department", "sales", "strasse")),
        ({"department": "Sales", "user_type": "Member"}, Every(conditions=(SALES, MEMBER))),
        ({"department": {"not": "Sales"}}, Not(condition=SALES)),
        ({"department": {"not": ["Sales", "HR"]}}, Not(condition=is_("department", "sales", "hr"))),
        (
            {"job_title": {"matches": "*Engineer?"}},
            Asks(field="job_title", operator="matches", values=("*engineer?",)),
        ),
        (
            {"job_title": {"matches": ["A*", "*b"]}},
            Asks(field="job_title", operator="matches", values=("a*", "*b")),
        ),
        ({"office": {"present": True}}, Asks(field="office", operator="present")),
        ({"office": {"present": False}}, Not(condition=Asks(field="office", operator="present"))),
        (
            {"office": {"matches": "A*", "not": "A1"}},
            Every(
                conditions=(
                    Asks(field="office", operator="matches", values=("a*",)),
                    Not(condition=is_("office", "a1")),
                )
            ),
        ),
        ({"enabled": False}, is_("enabled", False)),
        (
            {"created": {"before": "2026-12-01"}},
            Asks(field="created", operator="before", values=(datetime(2026, 12, 1, tzinfo=UTC),)),
        ),
        (
            {"created": {"after": "2026-12-01"}},
            Asks(field="created", operator="after", values=(datetime(2026, 12, 1, tzinfo=UTC),)),
        ),
        ({"member_of": ["Sales NL", "HR"]}, is_("member_of", "sales nl", "hr")),
        ({"domain": "Contoso.com"}, is_("domain", "contoso.com")),
        (
            {"any": [{"department": "Sales"}, {"user_type": "Member"}]},
            Some(conditions=(SALES, MEMBER)),
        ),
        ({"all": [{"department": "Sales"}, {"user_type": "Member"}]}, Every(conditions=(SALES, MEMBER))),
        (
            {"not": {"department": "Sales", "user_type": "Member"}},
            Not(condition=Every(conditions=(SALES, MEMBER))),
        ),
    ],
)
def test_a_condition_means_what_it_says(said, meant):
    """Several keys: all of them. Case makes no difference. Days begin at 00:00 UTC."""
    assert conditions.condition(said) == meant


DEEP = {
    "any": [
        {"department": "Sales"},
        {"not": {"created": {"after": "2026-01-01"}, "member_of": {"not": "A"}}},
    ],
    "all": [{"member_of": ["B", "C"]}, {"domain": "contoso.com"}],
}


def test_what_must_be_read_of_users_is_told():
    """By the names of model.User; the domain and the groups need no field."""
    assert set(conditions.fields(DEEP)) == {"department", "created_at"}


def test_groups_are_found_however_deep():
    assert sorted(conditions.groups(DEEP)) == ["A", "B", "C"]


@pytest.mark.parametrize("field", sorted(CONDITION.keys() - {"any", "all", "not", "domain", "member_of"}))
def test_every_field_is_one_of_a_user(field):
    (name,) = conditions.fields({field: {}})
    assert name in User.__struct_fields__


def test_every_field_that_an_entry_manages_is_one_of_a_user():
    assert set(User.__struct_fields__) >= PROFILE
