"""Which SKUs and service plans does Microsoft's published CSV name?

"Product names and service plan identifiers for licensing", one row for each plan of each SKU: names
and ids only. What a plan sets up or destroys is not in it, so nothing here says so. This module reads
one file and knows nothing of the built-in catalogue.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from reconciler import regular
from reconciler.catalog import PlanFacts, SkuFacts
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCT = "product_display_name"
PART_NUMBER = "string_id"
SKU_ID = "guid"
PLAN_NAME = "service_plan_name"
PLAN_ID = "service_plan_id"
PLAN_TITLE = "service_plans_included_friendly_names"
COLUMNS = (PRODUCT, PART_NUMBER, SKU_ID, PLAN_NAME, PLAN_ID, PLAN_TITLE)

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Row = dict[str, str]


def read(path: Path) -> tuple[dict[str, SkuFacts], dict[str, PlanFacts]]:
    """Return the SKUs and the plans of the CSV at `path`, by id.

    UTF-8, with or without a byte order mark, or Windows-1252, as Microsoft has published it both ways.
    Raises UsageError "bad-catalog": {file, reason: "unreadable" | "encoding" | "columns" (missing) |
    "csv" (line) | "row" (line, column) | "guid" (line, column, value)}.
    """
    names: dict[str, tuple[str, str]] = {}
    members: dict[str, set[str]] = {}
    plans: dict[str, PlanFacts] = {}
    for row in _rows(path):
        sku_id, plan_id = row[SKU_ID], row[PLAN_ID]
        names.setdefault(sku_id, (row[PART_NUMBER], row[PRODUCT] or row[PART_NUMBER]))
        members.setdefault(sku_id, set()).add(plan_id)
        name = row[PLAN_NAME]
        plans.setdefault(plan_id, PlanFacts(id=plan_id, name=name, title=row[PLAN_TITLE] or name))
    skus = {
        sku_id: SkuFacts(id=sku_id, part_number=part, name=name, plans=tuple(sorted(members[sku_id])))
        for sku_id, (part, name) in names.items()
    }
    return skus, plans


def _rows(path: Path) -> Iterator[Row]:
    """Yield each row by column, trimmed, its ids in lower case and checked."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise _bad(path, "columns", line=1, missing=missing)
        for cells in reader:
            if any(cells):
                yield _row(path, reader.line_num, dict(zip(header, map(str.strip, cells), strict=False)))
    except csv.Error as error:
        raise _bad(path, "csv", line=reader.line_num) from error


def _row(path: Path, line: int, row: Row) -> Row:
    """Return the row with its ids in lower case; a title may be empty, nothing else."""
    for column in (PART_NUMBER, SKU_ID, PLAN_NAME, PLAN_ID):
        if not row.get(column):
            raise _bad(path, "row", line=line, column=column)
    for column in (SKU_ID, PLAN_ID):
        value = row[column].lower()
        if not _GUID.fullmatch(value):
            raise _bad(path, "guid", line=line, column=column, value=row[column])
        row[column] = value
    return dict.fromkeys(COLUMNS, "") | row


def _text(path: Path) -> str:
    try:
        regular.check(path)
        data = path.read_bytes()
    except OSError as error:
        raise _bad(path, "unreadable", detail=error.strerror or "") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise _bad(path, "encoding") from error


def _bad(path: Path, reason: str, **details: Any) -> UsageError:
    return UsageError("bad-catalog", file=str(path), reason=reason, **details)
