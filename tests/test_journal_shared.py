"""Several computers share one journal on an object storage.

Against a real S3 server, moto's, on this computer; by `make azurite` against Microsoft's emulator as well.
"""

import base64
import email.utils
import hashlib
import hmac
import json
import logging
import os
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime, timedelta

import obstore
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from reconciler import journal, journal_lock, journal_shared
from reconciler.errors import RefusedError, UsageError
from reconciler.journal import Journal
from tests.test_journal import HEADER, NOW, a_run, intent, outcome

WALL = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server():
    """Start the server once; return its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def s3(server, monkeypatch, request):
    """Make a bucket of the test's own; return the URL of a folder in it."""
    bucket = f"b{abs(hash(request.node.nodeid))}"
    call = urllib.request.Request(f"{server}/{bucket}", method="PUT")  # noqa: S310  this computer
    urllib.request.urlopen(call).close()  # noqa: S310
    for name, value in {
        "AWS_ENDPOINT": server,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "CANARY-ID",
        "AWS_SECRET_ACCESS_KEY": "CANARY-SECRET",
    }.items():
        monkeypatch.setenv(name, value)
    return f"s3://{bucket}/contoso"


ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Those of every Azurite, as its documentation tells them: no secret."""


@pytest.fixture(scope="module")
def azurite():
    """Start Azurite, the program that AZURITE names, once; return its address. `make azurite` does."""
    command = [os.environ["AZURITE"], "--silent", "--inMemoryPersistence", "--skipApiVersionCheck"]
    command += ["--blobHost", "127.0.0.1", "--blobPort", "10017"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while "successfully listens" not in process.stdout.readline():
            assert process.poll() is None
        yield f"http://127.0.0.1:10017/{ACCOUNT}"
        process.terminate()


@pytest.fixture
def az(azurite, monkeypatch, request):
    """Make a container of the test's own; return the URL of a folder in it."""
    name, date = f"c{abs(hash(request.node.nodeid))}", email.utils.formatdate(usegmt=True)
    told = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    lines = ["PUT", *[""] * 11, *(f"{key}:{value}" for key, value in told.items())]
    text = "\n".join([*lines, f"/{ACCOUNT}/{ACCOUNT}/{name}", "restype:container"])
    signed = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    told |= {
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(signed).decode()}",
        "Content-Length": "0",
    }
    address = f"{azurite}/{name}?restype=container"
    urllib.request.urlopen(urllib.request.Request(address, method="PUT", headers=told)).close()  # noqa: S310
    for key, value in {
        "AZURE_STORAGE_ENDPOINT": azurite,
        "AZURE_ALLOW_HTTP": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": KEY,
    }.items():
        monkeypatch.setenv(key, value)
    return f"az://{name}/contoso"


@pytest.fixture(params=["s3", *(["az"] if "AZURITE" in os.environ else [])])
def url(request):
    """Return the URL of an empty folder of a storage."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def place(url):
    return journal.place_of(url)


def objects(place):
    return sorted(row["path"] for rows in obstore.list(place.store) for row in rows)


def test_a_shared_journal_is_read_as_it_was_written(url, place):
    """By path, URL or place: all the same, for every reader."""
    run = a_run(url, (intent(), outcome()), (intent("bram"), None), ended=False)
    second = a_run(place, (intent("chris"), outcome("chris")))
    assert [one.id for one in journal.runs(url)] == [run, second]
    assert [one.address for one in journal.runs(place)[0].unsettled] == ["users/bram/licenses"]
    assert {one.user_id for one in journal.removals(url)} == {"id-anna", "id-bram", "id-chris"}
    assert [one.start.fencing_token for one in journal.runs(url)] == [1, 2]
    assert objects(place) == ["journal/00000001.jsonl", "lock.json"]


def test_a_place_without_a_journal_is_empty(url, place):
    assert (journal.runs(url), objects(place)) == ((), [])
    assert place.name == url


def test_the_chain_goes_on_over_segments_and_no_segment_grows_without_end(url, place, monkeypatch):
    monkeypatch.setattr(journal_shared, "SEGMENT", 1000)
    for _ in range(3):
        a_run(url, (intent(), outcome()))
    segments = [path for path in objects(place) if path.startswith("journal")]
    assert segments == [f"journal/{number:08}.jsonl" for number in range(1, len(segments) + 1)]
    assert len(segments) > 2
    assert max(len(place.get(path).data) for path in segments) < 2000
    assert len(journal.runs(url)) == 3
    obstore.delete(place.store, segments[1])
    with pytest.raises(UsageError) as caught:
        journal.runs(url)
    assert (caught.value.code, caught.value.params["path"]) == ("journal-broken", url)


def test_what_else_lies_in_the_folder_is_no_part_of_the_journal(url, place):
    obstore.put(place.store, "journal/notes.txt", b"ours")
    a_run(url)
    assert len(journal.runs(url)) == 1


# ------------------------------------------------------------ the lock


def test_two_applies_never_run_at_once(url):
    with Journal(url) as log:
        log.begin(**HEADER)
        with pytest.raises(RefusedError) as caught, Journal(url):
            pass
        assert caught.value.code == "locked"
        assert set(caught.value.params) == {"path", "holder", "host", "process", "since", "until"}
        log.end(counts={}, exit_code=0, interrupted=False)
    a_run(url)
    assert len(journal.runs(url)) == 2


def test_the_lock_of_a_runner_that_died_is_taken_by_naming_it_or_when_its_time_is_over(url, place):
    """The token grows, so that whoever comes back finds out before anything is sent."""
    pens = [place.open()]
    first = pens[0].__enter__()
    holder = place.lock()[1]
    with pytest.raises(RefusedError), place.open(breaking="00000000"):
        pass
    with place.open(breaking=holder.id) as second:
        assert (first.token, second.token) == (1, 2)
        with pytest.raises(RefusedError) as caught:
            first.append(b"late\n")
        assert caught.value.code == "lock-lost"
        second.append(b"in time\n")
        later = replaced(place, now=lambda: journal_lock.wall() + 2 * journal_lock.LIFETIME)
        with later.open() as third:
            assert third.token == 3
            with pytest.raises(RefusedError):
                second.append(b"late\n")
    pens[0].__exit__(None, None, None)
    assert list(place.lines()) == [b"in time\n"]


def replaced(place, **changes):
    return journal_shared.SharedPlace(place.name, place.store, **changes)


def test_the_lock_is_let_go_by_its_holder_alone(url, place):
    with place.open():
        with place.open(breaking=place.lock()[1].id):
            mine = place.lock()[1]
        assert (place.lock()[1].released, place.lock()[1].id) == (True, mine.id)
    assert place.lock()[1].id == mine.id
    with place.open() as pen:
        obstore.delete(place.store, "lock.json")
        with pytest.raises(RefusedError):
            pen.append(b"x\n")


def test_the_lock_is_renewed_while_its_holder_works(url, place):
    now = WALL
    working = replaced(place, now=lambda: now)
    with working.open() as pen:
        now += journal_lock.LIFETIME * 2 / 3
        pen.append(b"{}\n")
        assert place.lock()[1].expires == now + journal_lock.LIFETIME
        assert place.lock()[1].token == 1


def test_who_loses_the_lock_while_renewing_it_writes_nothing(url, place, monkeypatch):
    now = WALL
    with replaced(place, now=lambda: now).open() as pen:
        now += journal_lock.LIFETIME * 2 / 3
        put = journal_shared.SharedPlace.put_lock

        def late(self, holder, over):
            monkeypatch.setattr(journal_shared.SharedPlace, "put_lock", put)
            other = journal_lock.Holder.next(holder, now)
            assert put(self, other, over)
            return put(self, holder, over)

        monkeypatch.setattr(journal_shared.SharedPlace, "put_lock", late)
        with pytest.raises(RefusedError) as caught:
            pen.append(b"{}\n")
    assert caught.value.code == "lock-lost"
    assert list(place.lines()) == []


def test_of_many_that_come_at_once_one_gets_the_lock(url, place):
    """Whatever the moment: the storage itself decides."""
    barrier, got, refused = threading.Barrier(8), [], []

    def come():
        barrier.wait()
        try:
            got.append(place._acquired(None))
        except RefusedError as error:
            refused.append(error.code)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), refused) == (1, ["locked"] * 7)
    assert place.lock()[1] == got[0]


def test_a_segment_that_somebody_else_wrote_meanwhile_is_not_overwritten(url, place):
    """Should ever two hold the lock, the storage still refuses the second writer."""
    with place.open() as pen:
        pen.append(b"1\n")
        obstore.put(place.store, "journal/00000001.jsonl", b"1\n2\n")
        with pytest.raises(RefusedError) as caught:
            pen.append(b"3\n")
    assert caught.value.code == "lock-lost"
    assert list(place.lines()) == [b"1\n", b"2\n"]


def test_a_write_whose_answer_was_lost_is_found_by_looking(url, place):
    """The library tries again, and is refused because its first try was carried out."""
    with place.open() as pen:
        pen.append(b"1\n")
        obstore.put(place.store, "journal/00000001.jsonl", b"1\n2\n")
        pen.append(b"2\n")
        pen.append(b"3\n")
    assert list(place.lines()) == [b"1\n", b"2\n", b"3\n"]


# ------------------------------------------------------------ plans of runs


def test_the_plan_of_a_run_is_kept_for_whoever_goes_on_with_it(place):
    assert place.kept("r") is None
    place.forget("r")
    place.keep("r", b"plan")
    place.keep("r", b"another")
    assert place.kept("r") == b"another"
    place.forget("r")
    assert objects(place) == []


# ------------------------------------------------------------ places that can't be used


@pytest.mark.parametrize(
    "wrong",
    [
        "s3://",
        "s3:///folder",
        "http://contoso.com/journal",
        "s3://key:secret@bucket/folder",
        "az://container?sv=signed",
        "file:///",
        "file://another/computer",
        "ftp://contoso.com/x",
    ],
)
def test_a_url_that_names_no_place_is_refused_without_its_secrets(wrong):
    with pytest.raises(UsageError) as caught:
        journal.place_of(wrong)
    assert caught.value.code == "journal-url"
    assert not {"secret", "signed"} & set(str(caught.value.params))


def test_a_file_url_is_a_folder_of_this_computer(tmp_path):
    assert journal.place_of(tmp_path.as_uri()) == journal.place_of(tmp_path / "journal.jsonl")


@pytest.mark.parametrize("cloud", ["az://container/folder", "gs://bucket/folder"])
def test_the_other_clouds_are_reached_by_the_same_library(cloud, monkeypatch):
    """No request is made until it is used."""
    for name, value in {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ACCOUNT_KEY": "a2V5"}.items():
        monkeypatch.setenv(name, value)
    assert journal.place_of(cloud).name == cloud


def test_an_account_that_is_not_told_is_told(monkeypatch):
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError) as caught:
        journal.place_of("az://container")
    assert caught.value.code == "journal-unreachable"


def test_a_bucket_that_is_not_there_is_told(s3):
    place = journal.place_of("s3://nothing-here/contoso")
    with pytest.raises(UsageError) as caught, Journal(place):
        pass
    assert caught.value.code == "journal-unreachable"
    assert "nothing-here" in caught.value.params["reason"]


def test_a_storage_that_does_not_answer_is_told_without_a_secret(s3, monkeypatch):
    monkeypatch.setattr(journal_shared, "PATIENCE", timedelta(seconds=0))
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UsageError) as caught:
        journal.runs(s3)
    assert caught.value.code == "journal-unreachable"
    assert "CANARY" not in str(caught.value.params)
    assert caught.value.params["path"] == s3


def test_without_the_library_it_says_how_to_install_it(url, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(UsageError) as caught:
        journal.place_of(url)
    assert (caught.value.code, caught.value.params) == ("journal-extra", {"url": url})


def test_the_library_is_imported_only_where_it_is_used(tmp_path):
    where = repr(str(tmp_path / "j"))
    code = f"import sys; from reconciler import journal; journal.runs({where}); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "obstore" not in run.stdout.split()


def test_a_representation_of_a_place_shows_nothing_of_its_store(place):
    assert "CANARY" not in repr(place)


def test_every_line_of_a_shared_journal_is_one_of_the_chain(url, place):
    a_run(url, (intent(), outcome()), clock=lambda: NOW)
    assert all(json.loads(line)["prev"] for line in place.lines())
