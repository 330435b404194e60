"""A token leaves for the chosen cloud's own hosts, and for no address that anybody slipped in."""

import pytest

from reconciler.directory.clouds import CLOUDS, authority, graph_url
from reconciler.errors import UsageError

GLOBAL = CLOUDS["global"]


@pytest.mark.parametrize(
    ("cloud", "graph", "scope", "signs_in"),
    [
        ("global", "https://graph.microsoft.com", "/.default", "https://login.microsoftonline.com"),
        ("usgov", "https://graph.microsoft.us", "/.default", "https://login.microsoftonline.us"),
        ("dod", "https://dod-graph.microsoft.us", "/.default", "https://login.microsoftonline.us"),
        ("china", "https://microsoftgraph.chinacloudapi.cn", "/.default", "https://login.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_hosts_of_its_own(cloud, graph, scope, signs_in):
    chosen = CLOUDS[cloud]
    assert (graph_url(chosen, {}), chosen.scope, authority(chosen, {})) == (graph, graph + scope, signs_in)


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("http://127.0.0.1:8365", "http://127.0.0.1:8365"),
        ("http://localhost:8365/", "http://localhost:8365"),
        ("https://[::1]:8365", "https://[::1]:8365"),
        (" http://127.0.0.1 ", "http://127.0.0.1"),
        ("", "https://graph.microsoft.com"),
    ],
)
def test_graph_may_be_on_this_computer(named, url):
    assert graph_url(GLOBAL, {"RECONCILER_GRAPH_URL": named}) == url


@pytest.mark.parametrize(
    "named",
    [
        "http://graph.microsoft.com",
        "https://graph.microsoft.com.evil.example",
        "https://127.0.0.1.evil.example",
        "https://127.0.0.1@evil.example",
        "http://localhost:port",
        "http://[::1",
        "ftp://localhost",
        "localhost:8365",
        "//localhost",
        "http://2130706433",
        "http://0.0.0.0:8365",
    ],
)
def test_graph_is_nowhere_else(named):
    with pytest.raises(UsageError) as caught:
        graph_url(GLOBAL, {"RECONCILER_GRAPH_URL": named})
    assert (caught.value.code, caught.value.params) == ("graph-url", {"url": named})


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("http://127.0.0.1:8123/v1.0", "http://127.0.0.1:8123"),
        ("http://user@127.0.0.1:8365", "http://127.0.0.1:8365"),
        ("https://[::1]:8365/?x=1", "https://[::1]:8365"),
        ("http://localhost#top", "http://localhost"),
    ],
)
def test_of_an_address_with_a_path_the_right_part_is_told(named, address):
    with pytest.raises(UsageError) as caught:
        graph_url(GLOBAL, {"RECONCILER_GRAPH_URL": named})
    assert (caught.value.code, caught.value.params) == ("graph-url", {"url": named, "instead": address})


@pytest.mark.parametrize(
    ("cloud", "named", "url"),
    [
        ("global", "login.microsoftonline.com", "https://login.microsoftonline.com"),
        ("global", "https://login.microsoftonline.com/", "https://login.microsoftonline.com"),
        ("china", "https://login.partner.microsoftonline.cn", "https://login.partner.microsoftonline.cn"),
        ("usgov", "https://login.microsoftonline.us:443", "https://login.microsoftonline.us:443"),
        ("global", "https://localhost:8443", "https://localhost:8443"),
        ("dod", "127.0.0.1:8443", "https://127.0.0.1:8443"),
    ],
)
def test_the_authority_is_the_clouds_own_or_on_this_computer(cloud, named, url):
    assert authority(CLOUDS[cloud], {"AZURE_AUTHORITY_HOST": named}) == url


@pytest.mark.parametrize(
    "named",
    [
        "login.microsoftonline.us",
        "http://login.microsoftonline.com",
        "http://localhost:8443",
        "https://login.microsoftonline.com:8443",
        "https://login.microsoftonline.com.evil.example",
        "https://evil.example/login.microsoftonline.com",
        "https://login.microsoftonline.com@evil.example",
        "https://login.microsoftonline.com/tenant",
        "https://[login",
        "https://localhost:no",
    ],
)
def test_another_authority_is_refused_before_anything_is_sent(named):
    with pytest.raises(UsageError) as caught:
        authority(GLOBAL, {"AZURE_AUTHORITY_HOST": named})
    expected = {"host": named, "cloud": "global", "expected": "login.microsoftonline.com"}
    assert (caught.value.code, caught.value.params) == ("wrong-authority", expected)
