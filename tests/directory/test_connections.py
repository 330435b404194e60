"""After a 503 the next request takes another connection; what is under way is not cut off."""

import threading

import httpx
import pytest

from reconciler.directory.connections import Connections
from tests.directory import tenants

URL = httpx.URL("https://graph.example/v1.0/things")


class Client:
    """A client that answers from a script."""

    def __init__(self, *answers):
        self.answers, self.closed = list(answers), 0

    def request(self, method, url, *, headers, content):
        """Answer, or fail."""
        assert not self.closed
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    def close(self):
        """Take note."""
        self.closed += 1


def ask(connections):
    return connections.request("GET", URL, headers={}, content=None).status_code


def made_of(*clients):
    left = list(clients)
    return Connections(lambda: left.pop(0))


def test_connections_are_kept_while_the_tenant_serves():
    client = Client(200, 429, 500, 502, 504)
    with made_of(client) as connections:
        assert [ask(connections) for _ in range(5)] == [200, 429, 500, 502, 504]
        assert client.closed == 0
    assert client.closed == 1


def test_after_a_503_connections_are_made_anew():
    old, new = Client(503), Client(200)
    with made_of(old, new) as connections:
        assert [ask(connections), ask(connections)] == [503, 200]
        assert (old.closed, new.closed) == (1, 0)
    assert (old.closed, new.closed) == (1, 1)


def test_a_request_that_fails_lets_its_connection_go():
    old, new = Client(httpx.ReadTimeout("slow"), 503), Client(200)
    with made_of(old, new) as connections:
        with pytest.raises(httpx.ReadTimeout):
            ask(connections)
        assert [ask(connections), ask(connections)] == [503, 200]
        assert old.closed == 1


def test_what_is_under_way_is_not_cut_off():
    """Two requests are in flight; both are answered with 503, the one after the other."""
    first, second = threading.Event(), threading.Event()

    def slow():
        first.set()
        assert second.wait(20)
        return 503

    old, new = Client(slow, 503), Client(200)
    with made_of(old, new) as connections:
        found = []
        thread = threading.Thread(target=lambda: found.append(ask(connections)))
        thread.start()
        assert first.wait(20)
        assert (ask(connections), old.closed) == (503, 0)
        second.set()
        thread.join(20)
        assert (found, old.closed) == ([503], 1)
        assert (ask(connections), new.closed) == (200, 0)


@pytest.mark.parametrize(("timeout", "connect"), [(5.0, 5.0), (90.0, 15.0)])
def test_the_time_for_one_request_is_that_which_was_asked_for(tmp_path, timeout, connect):
    """Nobody waits as long for a connection as for an answer."""
    wire = tenants.Wire(tenants.in_process(tenants.fill(tmp_path / "home")))
    with tenants.directory(wire, timeout=timeout) as tenant:
        tenant.identity()
    (request,) = wire.requests
    assert request.extensions["timeout"] == {
        "connect": connect,
        "read": timeout,
        "write": timeout,
        "pool": timeout,
    }
