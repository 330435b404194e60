"""What does an export from Exchange say of mailboxes?

Cells become plain values here: what a mailbox is for, its size, whether it has an archive, whether
something holds it. Of what Exchange writes, only what is certain is taken for a yes or a no; an empty cell
says nothing, but of the list of holds. A column that is nearly one of Exchange's is never passed over in
silence. Whose mailbox it is, nobody knows here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.config.nearest import nearest
from reconciler.config.table import Kind, Value, truth
from reconciler.model import ToldMailbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.config.source import Source

PURPOSES = {
    "usermailbox": "user",
    "linkedmailbox": "linked",
    "sharedmailbox": "shared",
    "teammailbox": "shared",
    "schedulingmailbox": "shared",
    "roommailbox": "room",
    "equipmentmailbox": "equipment",
}
"""RecipientTypeDetails in lower case → Graph's userPurpose; another word is kept as it is."""

_BYTES = re.compile(
    r"[0-9]{1,15}|(?:[^()]*\()?(?P<grouped>[0-9]{1,3}(?:[,. '\u00a0\u202f][0-9]{3})*) bytes\)?"
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NO_ARCHIVE = "00000000-0000-0000-0000-000000000000"
_ARCHIVES = {
    "active": True,
    "local": True,
    "hostedprovisioned": True,
    "hostedpending": True,
    "onpremise": True,
    "none": False,
}
_HOLD = re.compile(r"-?[A-Za-z]{0,8}[0-9a-fA-F][0-9a-fA-F-]{7,}(?::(?P<action>[0-9]))?")
_WORDS = {"hold": ("litigation_hold", "in_place_holds"), "archive": ("archive",), "size": ("bytes",)}
"""A word in the name of a column → what such a column is taken to tell, where nothing else tells it."""

_OTHERS = frozenset(
    {
        "archivequota",
        "archivewarningquota",
        "attachmenttabletotalsize",
        "delayholdapplied",
        "delayreleaseholdapplied",
        "enddateforretentionhold",
        "isarchivemailbox",
        "maxreceivesize",
        "maxsendsize",
        "messagetabletotalsize",
        "othertablestotalsize",
        "recipienttype",
        "startdateforretentionhold",
        "systemmessagesize",
        "systemmessagesizeshutoffquota",
        "totaldeleteditemsize",
    }
)
"""Columns that Exchange's cmdlets write and that tell something else."""

_DELETE_ONLY = "1"  # what a retention policy does with items: 1 deletes, 2 retains, 3 retains, then deletes


def _purpose(cell: str) -> Value:
    word = cell.casefold()
    return PURPOSES.get(word, word), 1


def _bytes(cell: str) -> Value:
    """Return a size: plain, or as Exchange writes it: 1.2 GB (1,288,490,189 bytes)."""
    found = _BYTES.fullmatch(cell)
    return int(re.sub(r"\D", "", found["grouped"] or cell)) if found else None, 1


def _archive(cell: str) -> Value:
    """Return whether there is an archive, by its state, its id, or plainly."""
    if _GUID.fullmatch(cell):
        return cell != _NO_ARCHIVE, 1
    known = _ARCHIVES.get(cell.casefold())
    return truth(cell) if known is None else (known, 1)


def _holds(cell: str) -> Value:
    """Return whether anything of a list of holds keeps items: no hold at all is what an empty list says.

    A hold that begins with a hyphen is an exception from one of the whole organisation; a policy that only
    deletes keeps nothing (Microsoft Learn: how to identify the type of hold).
    """
    holds = [_HOLD.fullmatch(each) for each in re.split(r"[;,\s{}]+", cell) if each]
    if None in holds:
        return None, 1
    return any(not each[0].startswith("-") and each["action"] != _DELETE_ONLY for each in holds if each), 1


def _near(name: str, missing: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return the usual name that a column which is not read was most likely meant to have.

    `missing`: field → usual names, of what no column of the table tells.
    """
    folded = name.casefold()
    if folded in _OTHERS:
        return None
    near = nearest(name, tuple(usual for names in missing.values() for usual in names))
    meant = (field for word, fields in _WORDS.items() if word in folded for field in fields)
    return near or next((missing[field][0] for field in meant if field in missing), None)


MAILBOXES = Kind(
    "mailboxes_from",
    "mailboxes",
    "duplicate-mailbox",
    {
        "type": _purpose,
        "bytes": _bytes,
        "archive": _archive,
        "litigation_hold": truth,
        "in_place_holds": _holds,
        "retention_hold": truth,
    },
    blank=frozenset({"in_place_holds"}),
    usual={
        "upn": ("UserPrincipalName", "PrimarySmtpAddress"),
        "type": ("RecipientTypeDetails",),
        "bytes": ("TotalItemSize",),
        "archive": ("ArchiveStatus", "ArchiveState", "ArchiveGuid"),
        "litigation_hold": ("LitigationHoldEnabled",),
        "in_place_holds": ("InPlaceHolds",),
        "retention_hold": ("ComplianceTagHoldApplied", "RetentionHoldEnabled"),
    },
    near=_near,
)
"""A table of mailboxes, with the names that Exchange's own cmdlets give its columns."""


def mailboxes(table: Source) -> Iterator[ToldMailbox]:
    """Yield the mailboxes of a table that could be read."""
    rows: dict[str, dict[str, Any]] = table.data["mailboxes"] if table.data else {}
    for node, (name, row) in zip(table.members.get("mailboxes", ()), rows.items(), strict=True):
        yield ToldMailbox(
            address=name.lower(),
            location=table.location(node),
            purpose=row.get("type"),
            bytes=row.get("bytes"),
            has_archive=row.get("archive"),
            on_hold=_on_hold(row),
        )


def _on_hold(row: dict[str, Any]) -> bool | None:
    """Return whether anything holds a mailbox; no, only where both kinds of hold are known to be absent."""
    holds = [row.get(key) for key in ("litigation_hold", "in_place_holds", "retention_hold")]
    if True in holds:
        return True
    return False if None not in holds[:2] else None
