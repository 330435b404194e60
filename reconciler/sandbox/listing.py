"""How is a listing answered: whole, or page by page?

The forms that Graph's collections have in common: context, value, the link to the next page, $select.
Which rows are meant is said by the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from reconciler.sandbox import query
from reconciler.sandbox.wire import Context, Reply

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.sandbox.query import Condition, Options


def page(
    context: Context,
    options: Options,
    kind: str,
    *,
    rows: Callable[[str, int], list[sqlite3.Row]],
    show: Callable[[list[sqlite3.Row]], list[dict[str, Any]]],
    default: int = query.DEFAULT_PAGE,
) -> dict[str, Any]:
    """Return one page of a listing; `rows(after, limit)` yields rows by id, `default` where nobody says."""
    size = options.top or default
    found = rows(options.after, size + 1)
    body: dict[str, Any] = {"@odata.context": metadata(context, kind)}
    if len(found) > size:
        found = found[:size]
        kept = [(name, value) for name, value in context.call.query if name.lower() != "$skiptoken"]
        following = urlencode(
            [*kept, ("$skiptoken", query.skip_token(str(found[-1]["id"])))], safe="$,", quote_via=quote
        )
        body["@odata.nextLink"] = f"{context.call.root}{quote(context.call.path)}?{following}"
    body["value"] = show(found)
    return body


def selected_list(
    context: Context, kind: str, rows: list[dict[str, Any]], options: Options, name: str
) -> Reply:
    """Return rows that all have the same members, less those that $select leaves out."""
    if rows:
        names = query.selected(options.select, rows[0], tuple(rows[0]), kind=name)
        rows = [picked(row, names) for row in rows]
    return whole(context, kind, rows)


def whole(context: Context, kind: str, rows: list[dict[str, Any]]) -> Reply:
    """Return a whole listing: those of few rows have no pages."""
    return Reply(status=200, body={"@odata.context": metadata(context, kind), "value": rows})


def picked(whole: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the members `names` of a resource, in that order."""
    return {name: whole[name] for name in names}


def joined(conditions: Sequence[Condition]) -> tuple[str, list[str | int]]:
    """Return conditions as one SQL term, and the values that it binds."""
    where = " AND ".join(condition.sql for condition in conditions) or "1"
    return where, [value for condition in conditions for value in condition.values]


def metadata(context: Context, kind: str) -> str:
    """Return the @odata.context of a resource."""
    return f"{context.call.root}/$metadata#{kind}"
