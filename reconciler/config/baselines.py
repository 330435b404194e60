"""What does a place say of the guard rails that the author of a change can't alter?

Files of an earlier revision, or a file of guard rails, by their contents. What is wrong there with
anything else than what is asked for is not told: nobody applies these files. It reads nothing itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.config import desired, document, exchange, reader, shape, table
from reconciler.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.catalog import Catalog
    from reconciler.model import Baseline, Sku

    Beside = Callable[[str, str], bytes | None]
    """A file, by its name, and a path from its folder on → what is there; None: nothing is."""

COMPARED = ("guardrails", "unlisted_users", "defaults", "restrictions", "ignore_skus", "mailboxes_from")
"""Sections that are compared; of a file of guard rails only the first. Of `rules`, what can be read is."""


def read(
    contents: Mapping[str, bytes], *, whole: bool, beside: Beside = lambda *_: None
) -> document.Document:
    """Return what the files say, by name; `whole` where they are a desired state, not rails alone.

    `beside` reads the table that a file names; rows of it that are wrong tell nothing. Raises ConfigError
    where a section that is compared can't be understood: rails that nobody can read protect nobody. Raises
    UsageError where a file of rails has none.
    """
    sources = []
    sections = COMPARED if whole else COMPARED[:1]
    for name, content in contents.items():
        source = reader.read(name, content)
        broken = source.data is None or bool(source.problems)
        if not broken:
            shape.check(source)
            broken = any(not path or path[0] in sections for path in source.failing)
        if broken:
            raise ConfigError(sorted(source.problems, key=document.by_position))
        sources.append(source)
    found = document.Document(tuple(sources), "")
    if not whole and found.single("guardrails") is None:
        raise UsageError("no-guardrails", path=", ".join(contents))
    twice = document.declared_twice(found)
    document.raise_for([problem for problem in twice if problem.params["name"] in sections])
    return _with_mailboxes(found, beside) if whole else found


def _with_mailboxes(found: document.Document, beside: Beside) -> document.Document:
    """Return the files with the table of mailboxes that one of them names, where there is one."""
    declared = found.single("mailboxes_from")
    content = beside(declared[0].name, declared[1]["csv"]) if declared else None
    if declared is None or content is None:
        return found
    source, said = declared
    export = table.read(said["csv"], content, said.get("columns"), source, exchange.MAILBOXES)
    return replace(found, exports=(export,))


def resolve(
    files: document.Document, skus: Sequence[Sku], catalog: Catalog, name: str, *, whole: bool
) -> Baseline:
    """Return what the files say, names resolved against the tenant's SKUs, then the catalogue.

    Raises ConfigError where a protected or restricted SKU is not known.
    """
    return desired.baseline(files, skus, catalog, name, whole=whole)
