"""Where are Microsoft Graph and its sign-in, in each of Microsoft's clouds?

A closed table: the cloud is chosen by its name in tenant.yaml, and no address can come from there. Two
addresses may come from the environment: the authority (AZURE_AUTHORITY_HOST), which has to be the
cloud's own, and Graph's (RECONCILER_GRAPH_URL), which has to be on this computer. Nothing is asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

GRAPH_URL = "RECONCILER_GRAPH_URL"
AUTHORITY_HOST = "AZURE_AUTHORITY_HOST"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One of Microsoft's clouds.

    `graph` is the URL of Graph, and what a token is for; `authority` the URL of the sign-in, of which
    `aliases` are other hosts. `exchange` is the audience of a federated token that is exchanged there.
    """

    name: str
    graph: str
    authority: str
    exchange: str
    aliases: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """Return what a token is asked for: everything that the application has been granted."""
        return f"{self.graph}/.default"


CLOUDS: dict[str, Cloud] = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            name="global",
            graph="https://graph.microsoft.com",
            authority="https://login.microsoftonline.com",
            exchange="api://AzureADTokenExchange",
        ),
        Cloud(
            name="usgov",
            graph="https://graph.microsoft.us",
            authority="https://login.microsoftonline.us",
            exchange="api://AzureADTokenExchangeUSGov",
        ),
        Cloud(
            name="dod",
            graph="https://dod-graph.microsoft.us",
            authority="https://login.microsoftonline.us",
            exchange="api://AzureADTokenExchangeUSGov",
        ),
        Cloud(
            name="china",
            graph="https://microsoftgraph.chinacloudapi.cn",
            authority="https://login.chinacloudapi.cn",
            exchange="api://AzureADTokenExchangeChina",
            aliases=("login.partner.microsoftonline.cn",),
        ),
    )
}
"""Name in tenant.yaml → cloud. Source: Microsoft's pages on national cloud deployments."""

GRAPH_AUDIENCE = "00000003-0000-0000-c000-000000000000"
"""The application id of Microsoft Graph, in every cloud: a token may name it instead of the URL."""


def graph_url(cloud: Cloud, environment: Mapping[str, str]) -> str:
    """Return the URL of Graph that is asked: the cloud's, or a sandbox's on this computer.

    Raises UsageError("graph-url") {url, instead} where the environment names any other place: a token for
    a tenant must not leave for one that somebody slipped into a variable. `instead` is the address where
    only what stands around it is wrong.
    """
    named = environment.get(GRAPH_URL, "").strip()
    if not named:
        return cloud.graph
    try:
        parts = urlsplit(named)
        port = parts.port  # ValueError: no number
    except ValueError:
        raise UsageError("graph-url", url=named) from None
    if parts.scheme not in ("http", "https") or parts.hostname not in LOOPBACK:
        raise UsageError("graph-url", url=named)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{parts.scheme}://{host}{f':{port}' if port else ''}"
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password:
        raise UsageError("graph-url", url=named, instead=address)
    return address


def authority(cloud: Cloud, environment: Mapping[str, str]) -> str:
    """Return the URL of the authority that signs in: the cloud's own, or one on this computer.

    Raises UsageError("wrong-authority") {host, cloud, expected} for another one.
    """
    named = environment.get(AUTHORITY_HOST, "").strip().rstrip("/")
    if not named:
        return cloud.authority
    url = named if "://" in named else f"https://{named}"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        host, port = "", None
    own = urlsplit(cloud.authority).hostname
    right = host in (own, *cloud.aliases) and port in (None, 443)
    if not (url.startswith("https://") and url.count("/") == len("//") and (right or host in LOOPBACK)):
        raise UsageError("wrong-authority", host=named, cloud=cloud.name, expected=own)
    return url
