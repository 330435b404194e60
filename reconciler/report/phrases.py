"""Which turns of phrase do all our sentences share?

How a user, a SKU, a list of names and a role are written. English only, and plain ASCII but for the
names themselves. Everything taken from params is cleaned here, so a sentence is always safe to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.report.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.plan import ActorInfo

UNKNOWN = "?"
"""Stands where a plan of another version lacks what the sentence names."""

MAX_NAMES = 5
"""So many names are written out in a sentence; a plan's `params` hold all of them."""


class Told(NamedTuple):
    """The sentences of one conflict; `remedies` stand in the order in which to try them."""

    message: str
    remedies: tuple[str, ...] = ()


class Facts:
    """The params of one code, read without ever failing; text comes out clean.

    `subject` is the address of what the code is about; `roles` are those that may resolve it.
    """

    def __init__(self, params: Mapping[str, Any], *, subject: str = "", roles: Sequence[str] = ()) -> None:
        self._params = params
        self._subject = clean(subject)
        self.roles = tuple(clean(role) for role in roles)

    def text(self, key: str) -> str:
        """Return the value as clean text, or "?" where there is none."""
        value = self._params.get(key)
        return UNKNOWN if value is None or value == "" else _text(value)

    def has(self, key: str) -> bool:
        """Tell whether there is a value that says something: neither null nor empty."""
        return self._params.get(key) not in (None, "", [], (), {})

    def flag(self, key: str) -> bool:
        """Tell whether the value is true."""
        return self._params.get(key) is True

    def number(self, key: str) -> int:
        """Return the value as a whole number; 0 where there is none."""
        value = self._params.get(key)
        return int(value) if isinstance(value, (int, float)) else 0

    def names(self, key: str) -> list[str]:
        """Return the value as a list of clean texts; empty where there is none."""
        return [_text(item) for item in self._items(key)]

    def rows(self, key: str) -> list[Facts]:
        """Return the value, a list of objects, as facts of their own."""
        return [Facts(item) for item in self._items(key) if isinstance(item, dict)]

    def facts(self, key: str) -> Facts | None:
        """Return the value, an object, as facts of their own; None where it is none."""
        value = self._params.get(key)
        return Facts(value) if isinstance(value, dict) else None

    def _items(self, key: str) -> list[Any]:
        value = self._params.get(key)
        return list(value) if isinstance(value, (list, tuple)) else []

    @property
    def user(self) -> str:
        """Return "user anna@contoso.com", with the group through which it is; else what the code is about."""
        if not self.has("upn"):
            return self.subject
        return f"user {self.text('upn')}{f' ({self.group})' if self.has('group') else ''}"

    @property
    def group(self) -> str:
        """Return "group Sales NL"."""
        return f"group {self.text('group')}" if self.has("group") else self.subject

    @property
    def rule(self) -> str:
        """Return "rule sales"."""
        return f"rule {self.text('rule')}" if self.has("rule") else self.subject

    @property
    def licences(self) -> str:
        """Return whose licences the desired state names: the user's, or those of a group."""
        return f"the licences of {self.group}" if self.has("group") else "the user's licences"

    @property
    def product(self) -> str:
        """Return "SPE_E5 (Microsoft 365 E5)"."""
        return product(self.text("sku"), self.text("sku_name"))

    @property
    def subject(self) -> str:
        """Return what the code is about, as people say it: "user …", "subscription …"."""
        kind, _, name = self._subject.partition("/")
        nouns = {"users": "user ", "subscriptions": "", "groups": "group ", "rules": "rule "}
        return f"{nouns[kind]}{name}" if kind in nouns else self._subject

    def listed(self) -> str:
        """Return every param as "key: value", for a code that has no sentence of its own."""
        return "; ".join(f"{_text(key)}: {_text(value)}" for key, value in self._params.items())


def _text(value: object) -> str:
    """Return any JSON value as clean text."""
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return clean(value)
        case list() | tuple():
            return ", ".join(_text(item) for item in value)
        case dict():
            return ", ".join(f"{_text(key)} {_text(item)}" for key, item in value.items())
        case _:
            return clean(str(value))


def product(sku: str, name: str) -> str:
    """Return part number and product name: "SPE_E5 (Microsoft 365 E5)"; the first alone where that is all."""
    sku, name = clean(sku), clean(name)
    return sku if name in ("", UNKNOWN, sku) else f"{sku} ({name})"


def listing(names: Sequence[str], word: str = "and", limit: int = MAX_NAMES) -> str:
    """Return "a, b and c"; of more than `limit` names only the first ones and how many more there are."""
    if len(names) > limit + 1:
        return f"{', '.join(names[:limit])} and {len(names) - limit:,} more"
    *most, last = names or (UNKNOWN,)
    return f"{', '.join(most)} {word} {last}" if most else last


def sample(names: Sequence[str], number: int) -> str:
    """Return "a, b and 28 more", where only the first of `number` names are known."""
    if number <= len(names):
        return listing(names)
    shown = names[:MAX_NAMES]
    return f"{', '.join(shown)} and {number - len(shown):,} more" if shown else f"{number:,}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 seat", "2 seats", "1,000 seats"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def instant(text: str) -> str:
    """Return "2026-11-24 02:00 UTC" for an RFC 3339 instant in UTC; anything else as it is."""
    text = clean(text)
    shown = f"{text[:10]} {text[11:16]} UTC"
    return shown if text[10:11] == "T" and text.endswith(("Z", "+00:00")) else text


def actor(who: ActorInfo) -> str:
    """Return who acts, with every role held: "kwame@contoso.com (Helpdesk Administrator)".

    Of an application, with its permissions too.
    """
    held = [*(role_names([clean(role)]) for role in who.roles), *map(clean, who.permissions)]
    return f"{clean(who.name)} ({', '.join(held) or 'no directory role'})"


def planned_for(abilities: object) -> str:
    """Return for whom a plan is made that somebody else applies: `options.for` of a plan."""
    names = abilities if isinstance(abilities, (list, tuple)) else [abilities]
    held = [one if "." in one else role_names([one]) for one in map(clean, map(str, names))]
    return f"whoever applies it with {listing(held)}; apply looks whether they may"


def role_names(roles: Sequence[str]) -> str:
    """Return roles as Microsoft writes them: "Billing Administrator or Global Administrator"."""
    return listing([role.replace("-", " ").title() for role in roles], "or", limit=8)
