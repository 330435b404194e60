"""How is a plan saved, read again and shown?

The document is made and worded in report; a plan is never recomputed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler import plan as plans
from reconciler.cli import output
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A plan from a file. Where `altered`, the file is not what `plan` wrote: its digest differs."""

    plan: Plan
    document: dict[str, Any]
    altered: bool


def load(path: Path) -> Saved:
    """Read a saved plan; raises UsageError where the file can't be read or is no plan."""
    import msgspec

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        raise UsageError("unreadable", path=str(path), reason=failure.strerror or str(failure)) from failure
    except (ValueError, RecursionError) as failure:
        raise UsageError("not-a-plan", path=str(path), reason="it is not JSON") from failure
    if not isinstance(document, dict):
        raise UsageError("not-a-plan", path=str(path), reason="it is not a JSON object")
    version = document.get("format_version")
    if isinstance(version, str) and version.partition(".")[0] != plans.FORMAT_VERSION.partition(".")[0]:
        raise UsageError("plan-format", path=str(path), found=version, known=plans.FORMAT_VERSION)
    try:
        plan = plans.from_document(document)
    except msgspec.ValidationError as failure:
        raise UsageError("not-a-plan", path=str(path), reason=str(failure)) from failure
    return Saved(plan=plan, document=document, altered=document.get("digest") != plans.digest_of(document))


def document_of(plan: Plan) -> dict[str, Any]:
    """Return the published document of a plan."""
    from reconciler.report.document import to_document

    return to_document(plan)


def text_of(document: dict[str, Any]) -> str:
    """Return a plan document as JSON."""
    from reconciler.report.document import dumps

    return dumps(document)


def show(plan: Plan) -> None:
    """Print a plan for people on standard output."""
    from reconciler.report.text import render

    render(plan, output.console())
