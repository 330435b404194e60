"""What went over the wire, for a person who looks for a fault, without a secret in it?

Lines of plain ASCII: whatever a tenant's names hold, they do nothing to a terminal or in a CI log. Tokens,
passwords and client assertions are masked by the names under which they travel, and a token by its shape
wherever it stands. Nothing is printed here.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MASK = "***"
LONGEST = 2_000
"""Characters of a body that are shown."""

_SCHEMES = frozenset({"authorization", "proxy-authorization", "www-authenticate"})
_COOKIES = frozenset({"cookie", "set-cookie"})
_LINKS = frozenset({"location", "content-location", "azure-asyncoperation"})
_NAMES = ("password", "secret", "token", "assertion", "credential", "authorization", "privatekey")
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?")


def asked(method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Iterator[str]:
    """Yield the lines about a request."""
    yield f"> {method} {link(url)}"
    yield from _rest("> ", headers, content)


def answered(status: int, seconds: float, headers: Mapping[str, str], content: bytes) -> Iterator[str]:
    """Yield the lines about an answer."""
    yield f"< {status} after {seconds:.3f} s"
    yield from _rest("< ", headers, content)


def lost(reason: str, seconds: float) -> str:
    """Return the line about a request that got no answer."""
    return f"< no answer after {seconds:.3f} s: {_plain(reason)}"


def link(url: str) -> str:
    """Return a URL whose query shows OData's own options; of others the names alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    options = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(f"{name}={value if name.startswith('$') else MASK}" for name, value in options)
    host = parts.netloc.rpartition("@")[2]
    start = f"{parts.scheme}://{host}" if parts.scheme else ""
    return _plain(f"{start}{parts.path}{f'?{query}' if query else ''}")


def _rest(mark: str, headers: Mapping[str, str], content: bytes | None) -> Iterator[str]:
    for name, value in headers.items():
        yield f"{mark}{_plain(name)}: {_header(name.lower(), value)}"
    if content:
        yield f"{mark}{_body(content)}"


def _header(name: str, value: str) -> str:
    if name in _SCHEMES and " " in value:
        return f"{_plain(value.partition(' ')[0])} {MASK}"  # the kind ("Bearer") is no secret
    if name in _SCHEMES | _COOKIES:
        return MASK
    return link(value) if name in _LINKS else _plain(value)


def _body(content: bytes) -> str:
    try:
        text = json.dumps(_masked(json.loads(content)))
    except (ValueError, RecursionError):
        return f"({len(content)} bytes that are no JSON)"
    text = _obeyed_by_none(_TOKEN.sub(MASK, text).replace("\x7f", "?"))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(content)} bytes)"


def _masked(value: Any, name: str = "") -> Any:  # noqa: ANN401  JSON
    """Return JSON without the values of members whose name tells of a secret."""
    match value:
        case dict():
            return {key: _masked(each, key) for key, each in value.items()}
        case list():
            return [_masked(each, name) for each in value]
        case str() | int() | float() if _secret(name) and not isinstance(value, bool):
            return MASK
        case str() if name.lower().endswith(("link", "url", "uri")) and "?" in value:
            return link(value)
        case _:
            return value


def _secret(name: str) -> bool:
    bare = re.sub(r"[^a-z]", "", name.lower())
    return any(part in bare for part in _NAMES)


def _plain(text: str) -> str:
    return _obeyed_by_none(_TOKEN.sub(MASK, ascii(text)[1:-1]))


def _obeyed_by_none(text: str) -> str:
    """Return text without what Azure Pipelines obeys anywhere in a line: ##[command], ##vso[…]."""
    return text.replace("##", "#\\u0023")
