"""Saved states for the tests of the commands that look: small tenants, written as snapshots."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from reconciler.directory import snapshot
from reconciler.model import Current, Domain, Group, Mailbox, Organization, Sku
from tests.planning.world import GLOBAL, NOW, held, sid, sku, user

TENANT = "11111111-2222-3333-4444-555555555555"
SALES = Group(id="g-sales", name="Sales")


def named(one, name):
    """Return the user with another display name."""
    return structs.replace(one, name=name)


def failed(state, error):
    """Return EMS through the group, in error."""
    return structs.replace(held("EMS", group="g-sales", state=state), error=error)


ADMIN = user("admin", "ENTERPRISEPACK", "EMS")
ANNA = user("anna", "ENTERPRISEPACK", held("EMS", group="g-sales"), department="Sales")
BRAM = user("bram", department="Sales")
FREE = user("freya", "FLOW_FREE", usage_location=None)
FAILED = user("fay", failed("Error", "CountViolation"))
HALF = user("hal", failed("ActiveWithError", "DependencyViolation"))
DOUBLE = user("dora", "EMS", held("EMS", group="g-sales"))
GUEST = user("gus", user_type="Guest")
OFF = user("oscar", enabled=False)
OFF_HOLDER = user("olga", "ENTERPRISEPACK", enabled=False)
ROOM = user("room", resource_account=True)
DESK = user("desk", enabled=False)
INFO = user("info", enabled=False)
UNTOLD = user("una", enabled=None)

EVERYBODY = (
    ADMIN,
    ANNA,
    BRAM,
    FREE,
    FAILED,
    HALF,
    DOUBLE,
    GUEST,
    OFF,
    OFF_HOLDER,
    ROOM,
    DESK,
    INFO,
    UNTOLD,
)
MAILBOXES = (
    Mailbox(user_id=INFO.id, purpose="shared"),
    Mailbox(user_id=DESK.id, purpose="equipment"),
    Mailbox(user_id=BRAM.id, purpose="user"),
)
SKUS = (
    sku("ENTERPRISEPACK"),
    sku("EMS", enabled=4),
    sku("FLOW_FREE", enabled=10_000),
    sku("SPE_F1", enabled=1),
)


def named_sku(part_number, **fields):
    """Return a SKU that no catalogue knows."""
    return Sku(**{"id": f"id-{part_number.lower()}", "part_number": part_number, **fields})


def soon(days):
    """Return an instant some days from now: with a snapshot, days count from the present."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def tenant(users=EVERYBODY, **fields) -> Current:
    """Return a tenant that a snapshot can hold."""
    return Current(
        **{
            "taken_at": NOW,
            "organization": Organization(
                id=TENANT, name="Contoso", domains=(Domain(name="contoso.com", is_default=True),)
            ),
            "users": tuple(sorted(users, key=lambda one: one.upn)),
            "groups": (SALES,),
            "skus": tuple(sorted(SKUS, key=lambda one: one.id)),
            "mailboxes": tuple(sorted(MAILBOXES, key=lambda one: one.user_id)),
            "role_assignments": (GLOBAL,),
            **fields,
        }
    )


def save(folder: Path, current: Current | None = None) -> Path:
    """Write a snapshot and return its path."""
    path = folder / "state.json"
    snapshot.write(current or tenant(), path)
    return path


__all__ = ["NOW", "TENANT", "held", "save", "sid", "sku", "tenant", "user"]
