"""What does it mean that an assignment of a licence is in error?

The codes of Microsoft Graph's licenseAssignmentState, in plain words, and what to do. The set is open:
a code that is not known is told as it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from reconciler.looking.users import Holding

MEANINGS: dict[str, str] = {
    "countviolation": "no seat was free: buy or free one, then reprocess the user",
    "mutuallyexclusiveviolation": (
        "a service plan of it excludes one that the user has already: switch one of the two off, or take "
        "the other licence away"
    ),
    "dependencyviolation": (
        "a service plan that it needs is missing, or another one needs it: assign what is needed first, or "
        "switch the dependent plan off first"
    ),
    "prohibitedinusagelocationviolation": (
        "a service of it is not available in the user's usage location, or the user has none: correct the "
        "location, or switch the plan off"
    ),
    "uniquenessviolation": (
        "an address of the user is taken by somebody else: free the address, then reprocess the user"
    ),
    "other": "another licence of the same group failed for this user: look at the group's other licences",
}
"""Code in lower case → what it means. Graph has spelt some codes in more than one way."""


def meaning(holding: Holding) -> str:
    """Return what an assignment's error means and what to do about it; clean text."""
    return meaning_of(holding.error)


def meaning_of(error: str) -> str:
    """Return what a code of Graph's means and what to do about it; clean text."""
    code = error.lower()
    known = MEANINGS.get(code) or MEANINGS.get(code.removesuffix("s"))
    if known:
        return known
    if code in ("none", ""):
        return "the service gives no reason"
    return f"{clean(error)} is not known here: see the tenant's audit log"
