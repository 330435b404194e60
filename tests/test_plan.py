"""The plan as data: what a state looks like to it, its digest, its way back from JSON."""

import msgspec
import pytest

from reconciler.model import Assignment, DeletedUser, User
from reconciler.plan import (
    ActorInfo,
    Change,
    Plan,
    TenantInfo,
    assignments_of,
    digest_of,
    from_document,
    observed,
)

ASSIGNMENTS = (
    Assignment(sku_id="a", disabled_plans=("p",), assigned_by="g"),
    Assignment(sku_id="b", state="Error"),
)
ANNA = User(id="1", upn="anna@contoso.com", enabled=True, city="Delft", assignments=ASSIGNMENTS)
SHOWN = [{"sku_id": "a", "disabled_plans": ["p"], "assigned_by": "g"}]


def test_assignments_are_shown_by_source_and_only_those_that_give_service():
    """An assignment in error gives nothing."""
    assert assignments_of(ANNA) == SHOWN


def test_a_state_is_observed_by_the_keys_of_a_change():
    """The same names as in `before` and `after`."""
    assert observed(ANNA, ["assignments", "city", "deleted"]) == {
        "assignments": SHOWN,
        "city": "Delft",
        "deleted": False,
    }


def test_a_deleted_user_is_observed_as_deleted_and_unknown_fields_as_none():
    """Deletion hides the profile."""
    assert observed(DeletedUser(id="1", upn="anna@contoso.com"), ["deleted", "city"]) == {
        "deleted": True,
        "city": None,
    }


def test_a_user_who_is_nowhere_has_no_keys():
    """So that it equals only the empty `before` of a creation."""
    assert observed(None, ["city"]) == {}


def test_the_digest_covers_everything_but_itself():
    """And no order of keys."""
    one = {"a": 1, "b": ["é"], "digest": "sha256:0"}

    assert digest_of(one) == digest_of({"b": ["é"], "a": 1})
    assert digest_of(one) != digest_of({**one, "a": 2})


def test_a_plan_comes_back_from_its_document():
    """Sentences and the digest are left aside."""
    plan = Plan(
        tool_version="0.1.0",
        created_at="2026-11-24T02:00:00Z",
        expires_at="2026-11-25T02:00:00Z",
        desired_digest="sha256:0",
        tenant=TenantInfo(id="t", domain="contoso.com", provider="sandbox"),
        actor=ActorInfo(name="admin@contoso.com", roles=()),
        changes=(Change(address="users/a@contoso.com/licenses", kind="set-licenses"),),
    )
    document = msgspec.to_builtins(plan)

    back = from_document({**document, "digest": "sha256:0"})

    assert msgspec.to_builtins(back) == document
    with pytest.raises(msgspec.ValidationError):
        from_document({**document, "changes": [{}]})
