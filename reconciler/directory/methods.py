"""Which ways are there to sign in, in which order, and which of them is set up here?

One table, in the order in which they are tried. It looks at the environment, under Azure's own names,
and at what the machine offers; it signs in nowhere and never returns the value of a secret.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TENANT_ID = "AZURE_TENANT_ID"
CLIENT_ID = "AZURE_CLIENT_ID"
IMDS = "AZURE_POD_IDENTITY_AUTHORITY_HOST"

_IMDS_URL = "http://169.254.169.254"
_IMDS_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why a way to sign in is not set up: a reason, and the names that it is about."""

    reason: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to sign in. `needs` are variables without which it is not set up, each with those that
    may stand in its place; `is_person` tells that somebody has to answer.
    """

    name: str
    needs: tuple[tuple[str, ...], ...] = ()
    is_person: bool = False


_CLIENT = (CLIENT_ID,)

TABLE = (
    Method(name="client-secret", needs=(_CLIENT, ("AZURE_CLIENT_SECRET",))),
    Method(name="client-certificate", needs=(_CLIENT, ("AZURE_CLIENT_CERTIFICATE_PATH",))),
    Method(name="workload-identity", needs=(_CLIENT, ("AZURE_FEDERATED_TOKEN_FILE",))),
    Method(
        name="github-actions",
        needs=(_CLIENT, ("ACTIONS_ID_TOKEN_REQUEST_URL",), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN",)),
    ),
    Method(
        name="azure-pipelines",
        needs=(
            (CLIENT_ID, "AZURESUBSCRIPTION_CLIENT_ID"),
            ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",),
            ("SYSTEM_ACCESSTOKEN",),
            ("SYSTEM_OIDCREQUESTURI",),
        ),
    ),
    Method(name="gitlab", needs=(_CLIENT, ("GITLAB_OIDC_TOKEN",))),
    Method(name="managed-identity"),
    Method(name="azure-cli"),
    Method(name="device-code", is_person=True),
)
"""Every way to sign in, in the order in which they are tried; docs/how-to/sign-in.md tells of each."""

BY_NAME = {method.name: method for method in TABLE}


def value(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """Return the first of several variables that is set and not blank."""
    return next((text for name in names if (text := environment.get(name, "").strip())), None)


def missing(method: Method, environment: Mapping[str, str], *, person: bool) -> Missing | None:
    """Return why a way to sign in is not set up, or None where it is. `person`: somebody can be asked."""
    unset = tuple(names[0] for names in method.needs if value(environment, names) is None)
    if unset:
        return Missing(reason="unset", names=unset)
    if method.name == "managed-identity" and not _has_identity(environment):
        return Missing(reason="no-managed-identity")
    if method.name == "azure-cli" and shutil.which("az", path=environment.get("PATH")) is None:
        return Missing(reason="no-azure-cli")
    if method.is_person and not person:
        return Missing(reason="no-terminal")
    return None


def _has_identity(environment: Mapping[str, str]) -> bool:
    """Tell whether this machine has a service that gives out tokens of a managed identity.

    Azure's hosts say so in the environment; a virtual machine has to be asked, at an address that no
    network routes.
    """
    if value(environment, ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")):
        return True
    import httpx  # noqa: PLC0415  the command line reads the table at every start

    root = value(environment, (IMDS,)) or _IMDS_URL
    try:
        url = f"{root.rstrip('/')}/metadata/instance?api-version=2021-02-01"
        # trust_env: a proxy would answer in the place of a service that is not there.
        answer = httpx.get(url, headers={"Metadata": "true"}, timeout=_IMDS_SECONDS, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    # Other clouds have something else at this address.
    return answer.is_success and "json" in answer.headers.get("content-type", "")
