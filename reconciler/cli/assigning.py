"""How do the users of a list get a licence in tenant.yaml?

Chooses, shows the difference and the seats, asks, and writes. No tenant is changed: what stands in the
file afterwards is planned and applied like anything else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli import output, seen, session
from reconciler.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.seen import Seen
    from reconciler.config.adding import Edit
    from reconciler.looking.additions import Additions
    from reconciler.looking.users import Found, Person


def run(
    state: Seen,
    everybody: Sequence[Person],
    found: Found,
    name: str,
    only: Sequence[str],
    *,
    auto_approve: bool,
    as_json: bool,
) -> None:
    """Add the SKU `name` to the users of `found`, or to `only` those, in the files of `state`."""
    from reconciler.config import adding
    from reconciler.looking import additions
    from reconciler.report import additions as words

    if state.document is None:
        raise UsageError("no-config", path=str(session.DEFAULT_FILE), default=True)
    sku_id = seen.sku(state, name)
    people = [_person(everybody, upn) for upn in only] if only else found.people
    proposed = additions.propose(state.context, people, sku_id, named=bool(only))
    edits = adding.add(state.document, dict(proposed.entries), _spelt(state, sku_id))
    diffs = [words.diff(edit.name, edit.before, edit.after, edit.changes) for edit in edits]
    if not as_json:
        words.show(proposed, diffs)
    if edits:
        _approve(auto_approve=auto_approve)
        adding.unchanged(edits)
        for edit in edits:
            output.write_file(Path(edit.name), edit.after.decode())
        output.notice(words.done(proposed, [edit.name for edit in edits]))
    if as_json:
        from reconciler.cli.telling import json_text

        output.write(json_text(_document(proposed, edits, diffs)))


def _person(everybody: Sequence[Person], upn: str) -> Person:
    """Return the user of `--only`, who must have no licence that counts."""
    from reconciler.looking.why import nearest

    person = next((person for person in everybody if person.user.upn == upn), None)
    if person is None:
        known = (person.user.upn for person in everybody)
        raise UsageError("unknown-user", upn=upn, nearest=nearest(upn, known))
    if person.licensed:
        held = sorted({one.sku for one in person.holdings if one.active and not one.ignored})
        raise UsageError("has-licence", upn=upn, skus=held)
    return person


def _spelt(state: Seen, sku_id: str) -> str:
    """Return the name by which the files find exactly this SKU: the part number, else the id."""
    part_number = state.context.sku_ref(sku_id).sku
    try:
        return part_number if seen.sku(state, part_number) == sku_id else sku_id
    except UsageError:  # two SKUs of the tenant have this part number
        return sku_id


def _approve(*, auto_approve: bool) -> None:
    """Return if the files may be changed; raises RefusedError if not."""
    if auto_approve:
        return
    if not sys.stdin.isatty():
        raise RefusedError("edit-no-terminal")
    output.notice("")
    sys.stderr.write('Type "yes" to change the file: ')
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise RefusedError("edit-not-confirmed")


def _document(proposed: Additions, edits: Sequence[Edit], diffs: Sequence[str]) -> dict[str, Any]:
    """Return what was done as data."""
    return {
        "sku": proposed.sku.sku,
        "sku_id": proposed.sku.sku_id,
        "name": proposed.sku.name,
        "users": [upn for upn, _ in proposed.entries],
        "left_out": [
            {"upn": one.upn, "reason": one.reason, "file": one.file, "line": one.line, "note": one.note}
            for one in proposed.left_out
        ],
        "no_usage_location": list(proposed.nowhere),
        "listed_with_others": list(proposed.promised),
        "seats": {
            "owned": proposed.owned,
            "in_use": proposed.in_use,
            "free_before": proposed.free_before,
            "free_after": proposed.free_after,
            "short": proposed.short,
        },
        "files": [{"file": edit.name, "diff": diff} for edit, diff in zip(edits, diffs, strict=True)],
    }
