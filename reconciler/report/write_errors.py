"""What does it mean that the tenant refused a write, and what is to be done?

One row for each code that directory gives a refusal: what it means, then what to do. Words only; to add a
code, add a row.
"""

from __future__ import annotations

WRITE_ERRORS: dict[str, tuple[str, str]] = {
    "address-taken": (
        "an address of the user is taken by another object",
        "free the address, or give the user another one",
    ),
    "already-exists": (
        "another object has that name or address",
        "look for it, among the deleted users too, and rename one of the two",
    ),
    "already-member": ("the user is a member already", "plan again"),
    "concurrent-changes": (
        "others were changing the same object, several times over",
        "find out who does (another run, group licensing), then apply again",
    ),
    "conflict": ("the tenant reports a conflict", "plan again to see what the object holds now"),
    "exclusive-plans": (
        "two of the service plans exclude each other",
        "switch one of them off, or take the licence that brings it away",
    ),
    "forbidden": (
        "the tenant does not allow it to this actor",
        "give the actor a role or permission for it (`reconciler plan` names them), or use another actor",
    ),
    "inherited": (
        "the licence comes from a group: only the group can take it away",
        "take the user out of the group, or the licence from the group",
    ),
    "invalid-name": (
        "a name of the user has characters that the tenant does not take, or is too long",
        "correct it in tenant.yaml",
    ),
    "locked": ("the object is locked", "apply again later"),
    "malformed-request": (
        "the tenant does not understand the request",
        "check the ids in tenant.yaml; if they are right, this is a fault of Reconciler: report it",
    ),
    "missing-dependency": (
        "a service plan lacks another that it works only with, or is needed by one that stays",
        "assign what is needed as well, or switch the dependent plan off",
    ),
    "no-seats": ("no seat is free", "buy or free one, then plan again"),
    "no-usage-location": ("the user has no usage location, or not a right one", "set usage_location"),
    "not-assignable": (
        "this SKU can't be assigned to a user",
        "take it out of tenant.yaml: it holds for the whole tenant or for devices",
    ),
    "not-found": ("the tenant does not find it", "it was deleted, or is too new: plan again"),
    "not-held": ("the user does not hold this licence directly", "plan again: somebody took it away"),
    "not-purchasable": ("there is no way to buy here", "buy in the Microsoft 365 admin center"),
    "quota-exceeded": (
        "the tenant may hold no more objects",
        "delete objects for good, or ask Microsoft for a higher quota",
    ),
    "rejected": ("the tenant refuses it", "correct what its words name"),
    "synced-user": (
        "the object comes from a directory on premises",
        "change it there; licences alone can be changed in the cloud",
    ),
    "throttled": ("the tenant was too busy, several times over", "apply again later"),
    "unauthorized": ("the tenant did not accept the sign-in", "sign in again, then apply again"),
    "unknown-licence-error": (
        "unknown licence error",
        "look the text up, or give the request-id to Microsoft's support",
    ),
    "unknown-sku": ("the tenant has no such SKU", "buy it, or take it out of tenant.yaml"),
    "unreachable": ("the tenant could not be reached; nothing was sent", "apply again later"),
    "unverified-domain": (
        "the domain of the sign-in name is not one of the tenant's verified ones",
        "use another domain, or verify it first",
    ),
    "weak-password": (
        "the tenant's password policy did not take the random first password",
        "apply again: another one is made",
    ),
}
"""Code → what it means, what to do."""
