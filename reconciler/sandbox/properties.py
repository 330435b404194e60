"""Which of a user's properties may a client write, and with which values?

The rules of POST and PATCH /users on single values: type, length, form. Rules that look at other
objects or at roles stand in changes.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.sandbox import fault, wire
from reconciler.sandbox.resources import USER_LISTS, USER_PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Mapping

LENGTHS = {
    "city": 128,
    "companyName": 64,
    "country": 128,
    "department": 64,
    "displayName": 256,
    "employeeId": 16,
    "employeeType": 64,
    "faxNumber": 64,
    "givenName": 64,
    "jobTitle": 128,
    "mail": 113,
    "mailNickname": 64,
    "mobilePhone": 64,
    "officeLocation": 128,
    "onPremisesImmutableId": 128,
    "postalCode": 40,
    "preferredLanguage": 64,
    "state": 128,
    "streetAddress": 1024,
    "surname": 64,
    "usageLocation": 2,
    "userPrincipalName": 113,
    "userType": 16,
}
"""Texts that a client may write, with the most characters that each takes."""

WRITABLE = frozenset(LENGTHS) | {"accountEnabled", "businessPhones", "otherMails", "passwordProfile"}

CLOUD_MASTERED = frozenset({"usageLocation", "passwordProfile"})
"""What may be written in the cloud although the user is mastered on-premises."""

SENSITIVE = frozenset(
    {
        "accountEnabled",
        "businessPhones",
        "mobilePhone",
        "onPremisesImmutableId",
        "otherMails",
        "passwordProfile",
        "userPrincipalName",
    }
)
"""What only few roles may change on an administrator."""

REQUIRED = ("accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName")
"""What POST /users can't do without, in the order in which its absence is told."""

_NOT_CLEARED = frozenset(
    {"accountEnabled", "displayName", "mailNickname", "usageLocation", "userPrincipalName"}
)
_PASSWORD_MEMBERS = ("password", "forceChangePasswordNextSignIn", "forceChangePasswordNextSignInWithMfa")
_UPN = re.compile(r"[A-Za-z0-9'._\-!#^~]{1,64}@[A-Za-z0-9.\-]{1,48}")
_MAIL = re.compile(r"[^\s@\"<>()]+@[^\s@\"<>()]+")
_NICKNAME = re.compile(r"[^@()\\\[\]\";:<>,\s\x00-\x1f\x7f-\U0010ffff]{1,64}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CLASSES = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")


def checked(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body's properties under Graph's spelling, each good in itself; raises Fault."""
    given = wire.named(body, USER_PROPERTIES)
    for name in given:
        if name not in WRITABLE:
            raise fault.refused(f"Property '{name}' is read-only and cannot be set.")
    return {name: _checked(name, value) for name, value in given.items()}


def _checked(name: str, value: object) -> object:
    if value is None:
        if name in _NOT_CLEARED:
            raise fault.invalid_value(name)
        return None
    if name == "passwordProfile":
        return _password_profile(value)
    if name == "accountEnabled":
        if not isinstance(value, bool):
            raise fault.wrong_type("Boolean")
        return value
    if name in USER_LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise fault.wrong_type("String")
        return value
    if not isinstance(value, str):
        raise fault.wrong_type("String")
    return _text(name, value)


def _text(name: str, value: str) -> str:
    if len(value) > LENGTHS[name] or (not value.strip() and name in _NOT_CLEARED):
        raise fault.invalid_value(name)
    if name == "userPrincipalName" and not _UPN.fullmatch(value):
        raise fault.refused("Property userPrincipalName is invalid.")
    forms = {"usageLocation": _COUNTRY, "mailNickname": _NICKNAME, "mail": _MAIL}
    if name in forms and not forms[name].fullmatch(value):
        raise fault.invalid_value(name)
    if name == "userType" and value.lower() not in ("member", "guest"):
        raise fault.invalid_value(name)
    if name == "userType":
        return value.capitalize()
    return value.upper() if name == "usageLocation" else value


def _password_profile(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise fault.wrong_type("String")
    profile = wire.named(value, _PASSWORD_MEMBERS)
    for name, item in profile.items():
        if name == "password" and not isinstance(item, str):
            raise fault.wrong_type("String")
        if name != "password" and not isinstance(item, bool | None):
            raise fault.wrong_type("Boolean")
    if "password" in profile and not _strong(profile["password"]):
        message = (
            "The specified password does not comply with password complexity requirements. Please provide a"
            " different password."
        )
        detail = {"code": "PasswordPolicyViolation", "message": message, "target": "password"}
        raise fault.Fault(400, fault.BAD_REQUEST, message, details=(detail,))
    return profile


def _strong(password: str) -> bool:
    """Tell whether a password has 8 to 256 characters of three of the four classes."""
    classes = sum(bool(re.search(pattern, password)) for pattern in _CLASSES)
    return 8 <= len(password) <= 256 and classes >= 3  # noqa: PLR2004  the policy's figures
