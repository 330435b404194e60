"""What does a reader learn when looking at a tenant, or adding a licence to the files, ends with an error?

The sentences of codes that only those commands raise; report.errors has them in its tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import count, listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.report.phrases import Facts


def _unknown_sku(f: Facts) -> str:
    name = f" ({f.text('nearest_name')})" if f.has("nearest_name") else ""
    hint = f'; did you mean "{f.text("nearest")}"{name}?' if f.has("nearest") else "."
    return f'"{f.text("name")}" is not a SKU of this tenant, nor one of the catalogue{hint}'


def _ambiguous_sku(f: Facts) -> str:
    ids = listing(f.names("ids"))
    return f'several SKUs of this tenant have the part number "{f.text("name")}"; name one by its id: {ids}.'


def _unknown_user(f: Facts) -> str:
    nearest = f.names("nearest") or ([f.text("nearest")] if f.has("nearest") else [])
    hint = f" Did you mean {listing(nearest, 'or')}?" if nearest else ""
    return f"nobody in this tenant is {f.text('upn')}, and no entry names such a user.{hint}"


def _ambiguous_address(f: Facts) -> str:
    upns = f.names("upns")
    several = count(len(upns), "user")
    return f"{f.text('upn')} is an address of {several}; name one by UPN: {listing(upns, 'or')}."


def _has_licence(f: Facts) -> str:
    return (
        f"{f.user} is not without a licence: holds {listing(f.names('skus'))}. "
        "Write further ones into tenant.yaml yourself."
    )


def _cannot_edit(f: Facts) -> str:
    codes = f.names("problems")
    reasons = {
        "layout": "it is laid out in a way that can't be added to safely",
        "moved": "somebody changed it meanwhile; run the command again",
        "problems": f"it would have {count(len(codes), 'problem')} ({listing(codes)})",
    }
    return f"{f.text('file')} was not changed: {reasons.get(f.text('reason'), f.text('reason'))}."


USAGE: dict[str, Callable[[Facts], str]] = {
    "ambiguous-address": _ambiguous_address,
    "ambiguous-sku": _ambiguous_sku,
    "cannot-edit": _cannot_edit,
    "has-licence": _has_licence,
    "unknown-bundle": _unknown_sku,
    "unknown-sku": _unknown_sku,
    "unknown-user": _unknown_user,
}

REFUSED: dict[str, Callable[[Facts], str]] = {
    "edit-no-terminal": lambda _: (
        "nothing was written: there is nobody to ask. `--auto-approve` writes it without asking."
    ),
    "edit-not-confirmed": lambda _: "nothing was written: it was not confirmed.",
}
