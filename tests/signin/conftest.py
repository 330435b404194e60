"""What do the tests of the sign-in share? One authority, and an environment with nothing in it."""

import os

import pytest

from reconciler.directory.clouds import CLOUDS
from reconciler.directory.entra import Wanted
from tests.signin.authority import CLIENT, SECRET, TENANT, Authority

AZURE = ("AZURE_", "ACTIONS_", "AZURESUBSCRIPTION_", "SYSTEM_", "GITLAB_", "IDENTITY_", "MSI_", "RECONCILER_")


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    yield authority
    authority.close()


@pytest.fixture
def authority(one_authority, monkeypatch):
    """Return the authority as at first; whoever asks it here trusts its certificate authority."""
    one_authority.reset()
    for name in os.environ:
        if name.startswith(AZURE):
            monkeypatch.delenv(name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(one_authority.ca_file))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", one_authority.url)
    # No test looks for a virtual machine's metadata outside this computer.
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    return one_authority


@pytest.fixture
def wanted(authority, monkeypatch):
    """Return where one signs in, with these variables set."""

    def wanted(prompt=None, *, tenant=TENANT, **variables):
        for name, text in variables.items():
            monkeypatch.setenv(name, str(text))
        environment = dict(os.environ) | {"PATH": os.environ["PATH"] if "PATH" in variables else ""}
        return Wanted(
            cloud=CLOUDS["global"],
            tenant=tenant,
            authority=authority.url,
            environment=environment,
            prompt=prompt,
        )

    return wanted


@pytest.fixture
def with_secret(wanted):
    """Return where an application signs in by its secret."""

    def with_secret(secret=SECRET, **variables):
        return wanted(**{"AZURE_CLIENT_ID": CLIENT, "AZURE_CLIENT_SECRET": secret, **variables})

    return with_secret
