"""What is said where nobody could sign in to a live tenant?

Which ways were looked at and why each is not used; what Microsoft Entra answered, what that means, and
what to do. One function per code, one table at the end; Entra's own codes (AADSTS…) have a table too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.report.phrases import UNKNOWN, Facts, listing

if TYPE_CHECKING:
    from collections.abc import Callable

GUIDE = "docs/how-to/sign-in.md tells how each is set up."

# ------------------------------------------------------------ where one signs in


def _graph_url(f: Facts) -> str:
    if f.has("instead"):
        return (
            f"RECONCILER_GRAPH_URL is {f.text('url')}, and takes an address alone, with no path or user: "
            f"write {f.text('instead')}."
        )
    return (
        f"RECONCILER_GRAPH_URL is {f.text('url')}, and may only name this computer: it takes the place of "
        "Microsoft Graph for trying things out. Give the address that `reconciler sandbox serve` prints, or "
        "unset the variable to reach the live tenant."
    )


def _wrong_authority(f: Facts) -> str:
    return (
        f"AZURE_AUTHORITY_HOST is {f.text('host')}, and the cloud {f.text('cloud')} of tenant.yaml signs in "
        f"at {f.text('expected')}. Correct `tenant.cloud`, or unset the variable."
    )


def _as_is_for_the_sandbox(f: Facts) -> str:
    return (
        f"--as {f.text('upn')} means a user of the sandbox or of a snapshot; in a live tenant whoever signed "
        "in acts. Leave `--as` out, and sign in as that user (`az login`), or name a way with `--auth`."
    )


def _no_sign_in(f: Facts) -> str:
    ways = "; ".join(f"{way.text('method')} ({why_not(way)})" for way in f.rows("tried"))
    return nobody(f, f": {ways or UNKNOWN}")


def nobody(f: Facts, why: str = "") -> str:
    """Return that nobody is signed in, with `why` or, where that stands elsewhere, without."""
    if f.has("pinned"):
        return f"nobody can be signed in by `--auth {f.text('pinned')}`{why}. {GUIDE}"
    return (
        f"nobody is signed in, and no way to sign in is set up{why}. Set one of them up; the simplest for a "
        f"person is `az login`. {GUIDE}"
    )


def why_not(way: Facts) -> str:
    """Return why one way to sign in is not used."""
    names = way.names("names")
    are = "is" if len(names) == 1 else "are"
    reasons = {
        "unset": f"{listing(names)} {are} not set",
        "no-managed-identity": "this machine has no managed identity",
        "no-azure-cli": "the Azure CLI (az) is not installed here",
        "no-terminal": "it needs a person at a terminal",
        "unavailable": way.text("what").rstrip("."),
    }
    return reasons.get(way.text("reason"), way.text("reason"))


# ------------------------------------------------------------ what Entra answers

_RENEW = "Make a new secret in the app registration and set AZURE_CLIENT_SECRET to its value (not its id)."
_CONSENT = "Let an administrator grant the permissions and their consent; `reconciler doctor` lists them."
_TRUST = (
    "Compare issuer, subject and audience of the federated credential in the app registration with those "
    "of this pipeline."
)
_CLOCK = "Check the clock of this machine; in a pipeline, sign in later in the job."
_AGAIN = "Sign in again (`az login`)."

ENTRA: dict[int, tuple[str, str]] = {
    7000215: ("the client secret is wrong", _RENEW),
    7000222: ("the client secret has expired", _RENEW),
    90002: ("there is no such tenant", "Check AZURE_TENANT_ID, `tenant` and `tenant.cloud` in tenant.yaml."),
    900023: ("there is no such tenant", "Check AZURE_TENANT_ID and `tenant` in tenant.yaml."),
    700016: (
        "the tenant does not know the application",
        "Check AZURE_CLIENT_ID, and that the application was registered in, or consented to by, this tenant.",
    ),
    700027: (
        "the certificate is not one of the application's, or has expired",
        "Upload its public part to the app registration (Certificates & secrets), or use the right file.",
    ),
    700024: ("the assertion is not valid at this time: expired, or not yet valid", _CLOCK),
    70021: ("the application trusts no such federated token", _TRUST),
    700211: ("the application trusts no federated token of this issuer", _TRUST),
    700212: ("the application trusts no federated token for this audience", _TRUST),
    700213: ("the application trusts no federated token of this subject", _TRUST),
    500011: (
        "this tenant has no Microsoft Graph of that cloud",
        "Check `tenant.cloud` in tenant.yaml: global, usgov, dod or china.",
    ),
    900382: ("the application belongs to another cloud", "Check `tenant.cloud` in tenant.yaml."),
    65001: ("nobody has consented to the permissions of the application", _CONSENT),
    50105: ("the user is not assigned to the application", "Assign the user to the enterprise application."),
    50076: ("multi-factor authentication is demanded", _AGAIN),
    50079: ("multi-factor authentication has to be set up first", _AGAIN),
    50158: ("a further step of the sign-in is demanded", _AGAIN),
    53003: (
        "a Conditional Access policy blocks the sign-in",
        "Sign in from where the policy allows it, or let its owner make room for this identity.",
    ),
    700082: ("the sign-in is too old", _AGAIN),
    70043: ("the sign-in is too old for a policy of the tenant", _AGAIN),
    50173: ("the sign-in was revoked", _AGAIN),
    50020: ("the user is not known in this tenant", "Sign in with an account of this tenant."),
    7000218: (
        "the application may not sign in a person by device code",
        "Turn on `Allow public client flows` in the app registration, or use another application.",
    ),
    7000112: ("the application is disabled in this tenant", "Enable it under Enterprise applications."),
    70020: ("the device code was not used in time", "Try again, and enter the code within 15 minutes."),
}
"""Entra's code → what it means, and what to do. Source: Microsoft's list of AADSTS error codes."""


def _refused(f: Facts) -> str:
    code = f.number("aadsts")
    means, todo = ENTRA.get(code, ("", f"`reconciler doctor` shows what is set up. {GUIDE}"))
    who = f", application {f.text('client')}" if f.has("client") and f.text("method") != "azure-cli" else ""
    where = f" to tenant {f.text('tenant')}" if f.has("tenant") else ""
    said = f.text("message").rstrip(".")
    head = f"the sign-in{where} by {f.text('method')}{who} is refused: "
    return f"{head}{means} ({said}). {todo}" if means else f"{head}{said}. {todo}"


def _unreachable(f: Facts) -> str:
    return (
        f"nobody can be signed in by {f.text('method')}: {f.text('authority')} can't be reached, after "
        f"several tries ({f.text('message').rstrip('.')}). Check the network, and the proxy if there is one "
        "(HTTPS_PROXY; its certificates in REQUESTS_CA_BUNDLE). Try again later."
    )


def _no_credential(f: Facts) -> str:
    hints = {
        "client-certificate": "AZURE_CLIENT_CERTIFICATE_PATH has to name a PEM or PKCS#12 file that holds "
        "the certificate and its RSA key; AZURE_CLIENT_CERTIFICATE_PASSWORD opens it.",
        "workload-identity": "AZURE_FEDERATED_TOKEN_FILE has to name the file that the platform keeps.",
        "github-actions": "The job needs `permissions: {id-token: write}`.",
    }
    return (
        f"nobody can be signed in by {f.text('method')}: {f.text('what').rstrip('.')}. "
        f"{hints.get(f.text('method'), GUIDE)}"
    )


def _wrong_audience(f: Facts) -> str:
    return (
        f"the token is for {f.text('audience')}, and {f.text('expected')} is asked. Check `tenant.cloud` in "
        "tenant.yaml, and sign in again for Microsoft Graph."
    )


USAGE: dict[str, Callable[[Facts], str]] = {
    "as-is-for-the-sandbox": _as_is_for_the_sandbox,
    "graph-url": _graph_url,
    "no-sign-in": _no_sign_in,
    "wrong-authority": _wrong_authority,
}
"""Code of a UsageError → what is said of it."""

DIRECTORY: dict[str, Callable[[Facts], str]] = {
    "no-credential": _no_credential,
    "sign-in-refused": _refused,
    "sign-in-unreachable": _unreachable,
    "wrong-audience": _wrong_audience,
}
"""Code of a DirectoryError → what is said of it."""
