"""Faults reach another program over a port: `reconciler sandbox serve --faults`."""

import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

from reconciler.cli import main

ANNA = "/v1.0/users/anna@contoso.com"


@contextmanager
def serving(home, faults):
    """Serve a tenant from a process of its own; yield a client of it."""
    command = [sys.executable, "-m", "reconciler", "sandbox", "serve", "--port", "0", "--faults", str(faults)]
    with subprocess.Popen(
        command, cwd=home.parent, env={"RECONCILER_HOME": str(home)}, stderr=subprocess.PIPE, text=True
    ) as process:
        url = process.stderr.readline().strip().removeprefix("Serving on ")
        headers = {"Authorization": "Bearer sandbox"}
        try:
            with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20) as client:
                yield client
        finally:
            process.terminate()
            process.communicate(timeout=20)


def test_faults_over_http(filled, tmp_path):
    path = tmp_path / "faults.yaml"
    path.write_text(
        """
        page_size: 2
        faults:
          - {kind: 429, calls: me, retry_after: 7}
          - {kind: reset, calls: patch, committed: true}
          - {kind: cut, calls: skus}
          - {kind: timeout, calls: organization, seconds: 0.1}
          - {kind: dns, calls: subscriptions}
          - {kind: truncated, calls: list}
        """
    )
    with serving(filled, path) as client:
        assert client.get("/v1.0/me").headers["retry-after"] == "7"
        for link in ("/subscribedSkus", "/organization", "/directory/subscriptions"):
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(f"/v1.0{link}")
            assert client.get(f"/v1.0{link}").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            client.patch(ANNA, json={"city": "Delft"})
        assert client.get(f"{ANNA}?$select=city").json()["city"] == "Delft"
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            client.get("/v1.0/users").json()
        following = client.get("/v1.0/users?$top=999").json()["@odata.nextLink"]
        assert len(client.get(following).json()["value"]) == 2


def test_a_preset_over_http(filled):
    with serving(filled, "documented-limits") as client:
        assert client.get("/v1.0/me").headers["x-ms-resource-unit"] == "1"


def test_a_bad_file_of_faults_is_told_before_anything_is_served(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faults.yaml").write_text("faults:\n  - {kind: latecy}\n")
    assert main(["sandbox", "serve", "--faults", "faults.yaml"]) == 1
    assert capsys.readouterr().err == (
        'error: faults.yaml:2:12: "latecy" is no kind; did you mean "latency"?\n'
    )
    assert not (tmp_path / ".reconciler").exists()
    assert main(["sandbox", "serve", "--faults", "laging"]) == 1
    assert "Did you mean lagging?" in capsys.readouterr().err
