"""Where do the published JSON Schemas lie?

One folder, `schemas/`: at the top of a checkout (an editable install reads it there) and inside the
package in a wheel. This module finds and parses; it validates nothing.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent
_PLACES = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")


def path(name: str) -> Path:
    """Return the file of the schema `name` ("tenant", "plan", "snapshot", "journal")."""
    file = f"{name}.schema.json"
    return next((place / file for place in _PLACES if (place / file).is_file()), _PLACES[0] / file)


@cache
def load(name: str) -> dict[str, Any]:
    """Return the schema `name`, parsed once; callers must not change it."""
    schema: dict[str, Any] = json.loads(path(name).read_text(encoding="utf-8"))
    return schema
