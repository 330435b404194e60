"""Can another program speak to the tenant over a port of this computer, and nobody else?"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from reconciler import sandbox
from reconciler.errors import UsageError

PROGRAM = """
import sys, pathlib
from reconciler import sandbox
sandbox.serve(pathlib.Path(sys.argv[1]), 0, on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


@contextmanager
def serving(home):
    """Serve a tenant from a process of its own; yield its URL and the process."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def test_the_whole_way_over_http(tenant, build):
    it = tenant(users=[build.user("anna")], subscribedSkus=[build.sku("EMS", 1)])
    with (
        serving(it.home) as (url, _),
        httpx.Client(base_url=url, headers={"Authorization": "Bearer sandbox"}) as client,
    ):
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
        first = client.get("/v1.0/users?$top=1").json()
        assert first["@odata.nextLink"].startswith(f"{url}/v1.0/users?")
        assert len(client.get(first["@odata.nextLink"]).json()["value"]) == 1
        body = {"addLicenses": [{"skuId": build.sku_id("EMS")}], "removeLicenses": []}
        reply = client.post("/v1.0/users/anna@contoso.com/assignLicense", json=body)
        assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (
            200,
            "application/json",
        )
        assert client.patch("/v1.0/users/anna@contoso.com", json={"city": "Delft"}).status_code == 204
        assert client.get("/commerce/v1/subscriptions").json()["value"][0]["totalLicenses"] == 1
        assert client.patch("/v1.0/users/anna@contoso.com", content=b"x" * 5_000_000).status_code == 413
        assert client.head("/v1.0/me").content == b""
        sandbox.advance(it.home, 40)
        (date,) = client.get("/v1.0/me").headers.get_list("date")  # the tenant's, and not the server's too
        assert parsedate_to_datetime(date) > datetime.now(UTC) + timedelta(days=39)
    assert it.in_use("EMS") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could handle")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_it_stops_cleanly_when_told(tenant, name):
    with serving(tenant().home) as (_, process):
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "stopped\n", "")


@pytest.mark.parametrize("in_a_thread", [False, True])
def test_an_interrupt_before_the_first_request_ends_it_too(tenant, in_a_thread):
    """Signals are left alone where another thread than the main one serves."""
    home, ended = tenant().home, []
    before = signal.getsignal(signal.SIGTERM)

    def interrupt(url):
        raise KeyboardInterrupt

    def serve():
        sandbox.serve(home, 0, on_ready=interrupt)
        ended.append(True)

    if in_a_thread:
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
    else:
        serve()
    assert ended == [True]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_port_in_use_is_told(tenant):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            sandbox.serve(tenant().home, port, on_ready=lambda url: pytest.fail(f"served on {url}"))
    assert (caught.value.code, caught.value.params["port"]) == ("port-in-use", port)
