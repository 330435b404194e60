"""How does a pipeline prove to Microsoft who it is, without a secret?

By a token of its own service, which lives for some minutes: every sign-in takes a fresh one. This
module fetches it and signs in nowhere. What it fetches is a secret: it is in no message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec

from reconciler.directory.clouds import LOOPBACK
from reconciler.errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECONDS = 30.0
_TRIES = 3


class _Issued(msgspec.Struct):
    value: str


def source(method: str, environment: Mapping[str, str], audience: str) -> Callable[[], str]:
    """Return what gives a fresh assertion for one of workload-identity, github-actions and gitlab.

    `audience` is what GitHub is asked to issue the token for. Each call raises DirectoryError
    ("no-credential") {method, what} where there is none.
    """
    if method == "github-actions":
        return lambda: _of_github(environment, audience)
    if method == "gitlab":
        return environment["GITLAB_OIDC_TOKEN"].strip
    return lambda: _of_file(environment["AZURE_FEDERATED_TOKEN_FILE"])


def _of_file(path: str) -> str:
    """Return the token that the platform keeps fresh in a file."""
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is not text"
        raise DirectoryError("no-credential", method="workload-identity", what=f"{path}: {what}") from error
    if not text:
        raise DirectoryError("no-credential", method="workload-identity", what=f"{path}: it is empty")
    return text


def _of_github(environment: Mapping[str, str], audience: str) -> str:
    """Ask GitHub for a token of this job."""
    failure = DirectoryError("no-credential", method="github-actions")
    try:
        url = httpx.URL(environment["ACTIONS_ID_TOKEN_REQUEST_URL"].strip())
    except httpx.InvalidURL as error:
        failure.params["what"] = "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL"
        raise failure from error
    if url.scheme != "https" and url.host not in LOOPBACK:
        failure.params["what"] = "ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL"
        raise failure
    asked = url.copy_merge_params({"audience": audience})
    headers = {"Authorization": f"Bearer {environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'].strip()}"}
    with httpx.Client(timeout=_SECONDS, trust_env=url.host not in LOOPBACK) as client:
        for _ in range(_TRIES):
            try:
                answer = client.get(asked, headers=headers)
            except httpx.HTTPError as error:
                failure.params["what"] = str(error) or type(error).__name__
                failure.__cause__ = error
                continue
            if answer.is_success:
                return _issued(answer.content, failure)
            failure.params["what"] = f"GitHub answers with status {answer.status_code}"
            if answer.is_client_error:
                break
    raise failure


def _issued(content: bytes, failure: DirectoryError) -> str:
    """Return the token in GitHub's answer."""
    try:
        return msgspec.json.decode(content, type=_Issued).value
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        failure.params["what"] = "GitHub's answer can't be understood"
        raise failure from error
