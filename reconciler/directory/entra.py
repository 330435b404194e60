"""How does Microsoft Entra give a token to whoever signs in one way?

The only module that imports azure-identity: what that raises ends here as a DirectoryError, or as
Unavailable where nothing was tried. It chooses no way and keeps no token; requests are repeated twice
at most.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import azure.identity
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)

from reconciler.directory import assertions
from reconciler.directory.methods import CLIENT_ID, value
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from azure.core.credentials import AccessTokenInfo

    from reconciler.directory.clouds import Cloud

    Prompt = Callable[[str, str, datetime], None]

# What they would tell is told by our errors, once, and without a stack of azure-identity's classes.
for _name in ("azure", "msal"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

_PATIENCE: dict[str, Any] = {
    "retry_total": 2,
    "retry_backoff_factor": 0.5,
    "retry_backoff_max": 10,
    "connection_timeout": 10,
    "read_timeout": 30,
}
_CODE = re.compile(r"AADSTS(\d{4,7})")
_FIRST = re.compile(
    r"(?:Authentication failed: )?(.*?)(?:\s*(?:Trace ID|Correlation ID|Timestamp): .*)?$", re.DOTALL
)
_LONGEST = 500


class Unavailable(Exception):
    """A way to sign in turned out not to be set up; `what` is azure-identity's reason."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where somebody signs in: a tenant (id or domain) of a cloud, at an authority."""

    cloud: Cloud
    tenant: str
    authority: str
    environment: Mapping[str, str]
    prompt: Prompt | None = None


class Door:
    """One way to sign in, open until closed."""

    def __init__(self, method: str, wanted: Wanted) -> None:
        self.method = method
        self._wanted = wanted
        try:
            self._credential: Any = _BUILD[method](wanted)
        except (OSError, ValueError, TypeError) as error:  # a file that is missing, or no certificate
            raise DirectoryError("no-credential", method=method, what=_said(error)) from error

    def ask(self, claims: str | None = None) -> AccessTokenInfo:
        """Return a token, from azure-identity's memory where it has a good one and no claims are named.

        Raises Unavailable, or DirectoryError: "sign-in-refused" {method, aadsts, message, …},
        "sign-in-unreachable" {method, authority, message}, "no-credential" {method, what}.
        """
        options: dict[str, Any] = {"enable_cae": True}  # a run can answer a claims challenge
        if claims:
            options["claims"] = claims
        try:
            token: AccessTokenInfo = self._credential.get_token_info(
                self._wanted.cloud.scope, options=options
            )
        except azure.identity.CredentialUnavailableError as error:
            raise Unavailable(_said(error)) from error
        except (AzureError, OSError, ValueError) as error:
            raise _error(self.method, self._wanted, error) from error
        return token

    def close(self) -> None:
        """Close the connections."""
        close = getattr(self._credential, "close", None)
        if close is not None:
            close()


# ------------------------------------------------------------ one function per way


def _client(wanted: Wanted) -> dict[str, Any]:
    """Return what every credential of an application takes."""
    return {
        "tenant_id": wanted.tenant,
        "client_id": value(wanted.environment, (CLIENT_ID,)),
        **_authority(wanted),
    }


def _authority(wanted: Wanted) -> dict[str, Any]:
    # clouds.py has checked the authority: nobody need be asked whether it is a known one.
    return {"authority": wanted.authority, "disable_instance_discovery": True, **_PATIENCE}


def _secret(wanted: Wanted) -> object:
    secret = wanted.environment["AZURE_CLIENT_SECRET"].strip()
    return azure.identity.ClientSecretCredential(client_secret=secret, **_client(wanted))


def _certificate(wanted: Wanted) -> object:
    environment = wanted.environment
    return azure.identity.CertificateCredential(
        certificate_path=environment["AZURE_CLIENT_CERTIFICATE_PATH"].strip(),
        password=environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD") or None,
        send_certificate_chain=environment.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "").lower()
        in ("1", "true"),
        **_client(wanted),
    )


def _assertion(method: str) -> Callable[[Wanted], object]:
    def build(wanted: Wanted) -> object:
        fresh = assertions.source(method, wanted.environment, wanted.cloud.exchange)
        return azure.identity.ClientAssertionCredential(func=fresh, **_client(wanted))

    return build


def _pipelines(wanted: Wanted) -> object:
    environment = wanted.environment
    return azure.identity.AzurePipelinesCredential(
        service_connection_id=environment["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"].strip(),
        system_access_token=environment["SYSTEM_ACCESSTOKEN"].strip(),
        **{
            **_client(wanted),
            "client_id": value(environment, (CLIENT_ID, "AZURESUBSCRIPTION_CLIENT_ID")),
        },
    )


def _managed(wanted: Wanted) -> object:
    client_id = value(wanted.environment, (CLIENT_ID,))
    return azure.identity.ManagedIdentityCredential(client_id=client_id, **_PATIENCE)


def _cli(wanted: Wanted) -> object:
    return azure.identity.AzureCliCredential(tenant_id=wanted.tenant, process_timeout=30)


def _device(wanted: Wanted) -> object:
    named = value(wanted.environment, (CLIENT_ID,))
    client: dict[str, Any] = {"client_id": named} if named else {}  # else Microsoft's own for developers
    return azure.identity.DeviceCodeCredential(
        **client,
        tenant_id=wanted.tenant,
        prompt_callback=wanted.prompt,
        **_authority(wanted),
    )


_BUILD: dict[str, Callable[[Wanted], object]] = {
    "client-secret": _secret,
    "client-certificate": _certificate,
    "workload-identity": _assertion("workload-identity"),
    "github-actions": _assertion("github-actions"),
    "azure-pipelines": _pipelines,
    "gitlab": _assertion("gitlab"),
    "managed-identity": _managed,
    "azure-cli": _cli,
    "device-code": _device,
}
"""Name in methods.TABLE → what builds its credential."""


# ------------------------------------------------------------ errors


def _error(method: str, wanted: Wanted, error: Exception) -> DirectoryError:
    """Return whatever azure-identity, or the system below it, raised as one of ours."""
    known = _cause(error, DirectoryError)
    if isinstance(known, DirectoryError):
        return known
    message = _said(error)
    if _cause(error, (ServiceRequestError, ServiceResponseError)):
        return DirectoryError(
            "sign-in-unreachable", method=method, authority=wanted.authority, message=message
        )
    code = next((found for text in _texts(error) if (found := _CODE.search(text))), None)
    return DirectoryError(
        "sign-in-refused",
        method=method,
        aadsts=int(code[1]) if code else None,
        tenant=wanted.tenant,
        client=value(wanted.environment, (CLIENT_ID,)),
        cloud=wanted.cloud.name,
        message=_line(code.string[code.start() :]).rstrip("'") if code else message,
    )


def _texts(error: BaseException | None) -> Iterator[str]:
    """Yield what an error and its causes say: MSAL hides Entra's answer about a tenant behind its own."""
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


def _cause(error: BaseException | None, kind: Any) -> BaseException | None:  # noqa: ANN401  a class, or several
    """Return the first of an error and its causes that is of a kind."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def _said(error: Exception) -> str:
    """Return what an error says in one line, without the ids behind it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return _line(str(error.message if isinstance(error, ClientAuthenticationError) else error))


def _line(text: str) -> str:
    found = _FIRST.match(" ".join(text.split()))
    return (found[1] if found else text)[:_LONGEST]
