"""What do members get from their groups, and when?

Group-based licensing works in the background: a change of a group's licences, or of who is in it, waits
in a queue, and is carried out member by member once it is due by the tenant's clock. Until then
everything stays as it was. Which rules hold for one member is decided in licensing.py; nobody is
processed but those in the queue, whom somebody asks for, and who is restored: seats that come free are
given to nobody by themselves.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler import catalog
from reconciler.sandbox import audit, licensing, mailboxes, skus, tenant, users
from reconciler.sandbox.clock import parse, stamp
from reconciler.sandbox.licensing import Held, Product, Wanted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from reconciler.sandbox.access import Actor
    from reconciler.sandbox.fault import Fault


def queue(
    db: sqlite3.Connection, group_id: str, user_id: str = "", *, now: datetime, delay: timedelta
) -> None:
    """Have one user, or all members, processed for a group once `delay` has passed."""
    db.execute(
        "INSERT INTO queue (group_id, user_id, queued_at, due_at) VALUES (?, ?, ?, ?)",
        (group_id, user_id, stamp(now), stamp(now + delay)),
    )


def state(db: sqlite3.Connection, group_id: str, now: datetime) -> str:
    """Return Graph's licenseProcessingState of a group: how far its last change of licences is.

    Members who come and go don't count: as in the real tenant, only their own states tell of them.
    """
    row = db.execute(
        "SELECT queued_at, due_at FROM queue WHERE group_id = ? AND user_id = '' ORDER BY id DESC LIMIT 1",
        (group_id,),
    ).fetchone()
    if row is None:
        return "ProcessingComplete"
    start, end = parse(row["queued_at"]), parse(row["due_at"])
    return "QueuedForProcessing" if now < start + (end - start) / 2 else "ProcessingInProgress"


def is_due(db: sqlite3.Connection, now: datetime) -> bool:
    """Tell whether there is anything to carry out by `now`."""
    return db.execute("SELECT 1 FROM queue WHERE due_at <= ?", (stamp(now),)).fetchone() is not None


def settle(db: sqlite3.Connection, now: datetime) -> None:
    """Carry out everything that is due by `now`, in order, each thing at the instant at which it was due."""
    work = Work(db)
    due = db.execute("SELECT * FROM queue WHERE due_at <= ? ORDER BY due_at, id", (stamp(now),)).fetchall()
    for row in due:
        work.group(row["group_id"], row["user_id"], parse(row["due_at"]))
    db.executemany("DELETE FROM queue WHERE id = ?", [(row["id"],) for row in due])


def reprocess(db: sqlite3.Connection, user: sqlite3.Row, now: datetime) -> Fault | None:
    """Process one user anew for every group, at once; return what stands in the way, if anything does."""
    held = users.held(db, user["id"])
    return Work(db).user(user, held, held, now)


def bring_back(db: sqlite3.Connection, user: sqlite3.Row, now: datetime) -> None:
    """Give a restored user the remembered licences: at once, as far as there are seats.

    A direct one without a seat is gone. What comes from groups is worked out anew; where nobody told
    which licences the group has, an inherited one comes back, without a seat in state Error.
    """
    held = users.held(db, user["id"])
    named = {each.sku_id for each in held}
    products = skus.products(db, named, seats_of=named)
    fits = {sku_id for sku_id, product in products.items() if product.owned and product.free > 0}
    known = {group_id for group_id, _ in _wishes(db, user["id"])}
    back = [
        licensing.settle_inherited(each, seat=each.sku_id in fits) if each.group_id is not None else each
        for each in held
        if each.group_id not in known and (each.group_id is not None or each.sku_id in fits)
    ]
    Work(db).user(user, held, back, now)


def keep(
    db: sqlite3.Connection,
    user_id: str,
    before: Sequence[Held],
    after: Sequence[Held],
    products: Mapping[str, Product],
    now: datetime,
    *,
    actor: Actor | None = None,
) -> None:
    """Write a user's licences, log that, and bring the mailbox in line with them.

    `actor` is who did it; None: group-based licensing.
    """
    users.keep_held(db, user_id, before, after, stamp(now))
    audit.licences_changed(db, user_id, before, after, initiator=audit.by(actor), now=now)
    plans = licensing.enabled_plans(after, products)
    licensed = not plans.isdisjoint(mailboxes.mailbox_plans(catalog.load()))
    mailboxes.settle(db, user_id, licensed=licensed, now=now)


class Work:
    """One pass over members; free seats are counted once a SKU and kept in step from then on."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._catalog = catalog.load()
        self._country = tenant.organization(db)["countryLetterCode"]
        self._products: dict[str, Product] = {}
        self._known: set[str] = set()
        self._counted: set[str] = set()

    def group(self, group_id: str, user_id: str, now: datetime) -> None:
        """Process one user for a group, or all who are in it or still have something from it."""
        found = self._db.execute("SELECT resource FROM groups WHERE id = ?", (group_id,)).fetchone()
        told = licences(found["resource"])
        for person in _people(self._db, group_id, user_id):
            given = told if person["member"] else ()
            if given is not None:
                held = users.held(self._db, person["id"])
                after, _ = self._step(person, held, group_id, given)
                self._keep(person["id"], held, after, now)

    def user(
        self, user: sqlite3.Row, before: Sequence[Held], held: Sequence[Held], now: datetime
    ) -> Fault | None:
        """Process one user for every group, those that give nothing any more first; return the first No.

        `before` is what stands in the tenant's file, `held` what of it counts.
        """
        refusal: Fault | None = None
        after = held
        for group_id, given in _wishes(self._db, user["id"]):
            after, no = self._step(user, after, group_id, given)
            refusal = refusal or no
        self._know(after, ())
        keep(self._db, user["id"], before, after, self._products, now)
        return refusal

    def _step(
        self, user: sqlite3.Row, held: Sequence[Held], group_id: str, given: Sequence[Wanted]
    ) -> tuple[Sequence[Held], Fault | None]:
        self._know(held, given)
        return licensing.inherit(
            held,
            group_id,
            given,
            products=self._products,
            usage_location=users.resource(user).get("usageLocation") or self._country,
            catalog=self._catalog,
        )

    def _keep(self, user_id: str, before: Sequence[Held], after: Sequence[Held], now: datetime) -> None:
        if set(before) == set(after):
            return
        keep(self._db, user_id, before, after, self._products, now)
        old, new = licensing.seats(before), licensing.seats(after)
        for sku_id in (old ^ new) & self._products.keys():
            product = self._products[sku_id]
            self._products[sku_id] = replace(product, free=product.free + (1 if sku_id in old else -1))

    def _know(self, held: Iterable[Held], given: Iterable[Wanted]) -> None:
        """Look up the SKUs that matter, and count the free seats of those that shall be given."""
        wanted = {each.sku_id for each in given} - self._counted
        named = {each.sku_id for each in held} - self._known | wanted
        if named:
            self._products |= skus.products(self._db, named, seats_of=wanted)
            self._known |= named
            self._counted |= wanted


def licences(resource: str) -> tuple[Wanted, ...] | None:
    """Return what a group (its properties as JSON) gives; None where nobody told: that is not nothing."""
    told = json.loads(resource).get("assignedLicenses")
    if told is None:
        return None
    return tuple(
        Wanted(
            sku_id=each["skuId"].lower(),
            disabled_plans=tuple(sorted({plan.lower() for plan in each.get("disabledPlans") or ()})),
        )
        for each in told
    )


def _wishes(db: sqlite3.Connection, user_id: str) -> list[tuple[str, tuple[Wanted, ...]]]:
    """Return each group that concerns a user, and what it shall give; those that the user left come first."""
    rows = db.execute(
        "SELECT id, resource, EXISTS (SELECT 1 FROM members WHERE group_id = id AND member_id = ?1) AS member"
        " FROM groups WHERE id IN (SELECT group_id FROM members WHERE member_id = ?1"
        " UNION SELECT group_id FROM assignments WHERE user_id = ?1) ORDER BY member, id",
        (user_id,),
    )
    told = [(row["id"], row["member"], licences(row["resource"])) for row in rows]
    return [(group_id, given if member else ()) for group_id, member, given in told if given is not None]


def _people(db: sqlite3.Connection, group_id: str, user_id: str) -> list[sqlite3.Row]:
    """Return the users to process for a group, by id, those who left it first: their seats come free."""
    concerned = "= ?2"
    values: tuple[str, ...] = (group_id, user_id)
    if not user_id:
        concerned = (
            "IN (SELECT member_id FROM members WHERE group_id = ?1"
            " UNION SELECT user_id FROM assignments WHERE group_id = ?1 AND remembered = 0)"
        )
        values = (group_id,)
    return db.execute(
        "SELECT *, EXISTS (SELECT 1 FROM members WHERE group_id = ?1 AND member_id = id) AS member"  # noqa: S608
        f" FROM users WHERE deleted_at IS NULL AND id {concerned} ORDER BY member, id",
        values,
    ).fetchall()
