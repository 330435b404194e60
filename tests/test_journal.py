"""The journal tells what every run intended and did, however the run ended."""

import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import jsonschema
import msgspec
import pytest

from reconciler import journal, journal_lock, schemas
from reconciler.errors import RefusedError, UsageError
from reconciler.journal import Intent, Journal, Member, Result, RunEnd, RunStart
from reconciler.journal_chain import Chain
from reconciler.model import Remembered, Removal
from reconciler.plan import ActorInfo, GroupRef, TenantInfo, Topic, UserRef

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TENANT = TenantInfo(id="t-1", domain="contoso.com", provider="sandbox")
LATER = ("memory", "group", "members", "prev", "fencing_token")
"""Members of a line that journals of older versions lack."""
HEADER = {
    "tool_version": "0.1.0",
    "plan_digest": "sha256:p",
    "desired_digest": "sha256:d",
    "tenant": TENANT,
    "actor": ActorInfo(name="admin@contoso.com", roles=("global-administrator",)),
    "options": {"buy": False},
    "changes": 1,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "journal.jsonl"


class Clock:
    """A clock that goes a minute on each time it is read."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        """Return the time, a minute later."""
        self.now += timedelta(minutes=1)
        return self.now


def opened(path, clock=lambda: NOW):
    return Journal(path, clock=clock)


def held(*skus):
    return [{"sku_id": sku, "disabled_plans": [], "assigned_by": None} for sku in skus]


def intent(upn="anna", before=("e1",), after=("e3",), kind="set-licenses", **more):
    return {
        "address": f"users/{upn}/licenses",
        "kind": kind,
        "user": UserRef(id=f"id-{upn}", upn=upn, name=upn),
        "before": {"assignments": held(*before)},
        "after": {"assignments": held(*after)} if kind == "set-licenses" else {},
    } | more


def outcome(upn="anna", status="done", kind="set-licenses", **more):
    return {"address": f"users/{upn}/licenses", "kind": kind, "status": status} | more


def a_run(path, *pairs, clock=lambda: NOW, tenant=TENANT, memory=(), ended=True):
    """Write a run: an intent each, and a result where there is one."""
    with opened(path, clock) as log:
        log.begin(**{**HEADER, "tenant": tenant, "memory": memory})
        for wanted, result in pairs:
            log.intend([wanted])
            if result is not None:
                log.record([result])
        if ended:
            log.end(counts={"done": len(pairs)}, exit_code=0, interrupted=False)
        return log.run


def unlinked(path):
    """Return the text of a journal as older versions wrote it, without a chain."""
    return re.sub(rb',"prev":"[0-9a-f]{64}"', b"", path.read_bytes())


# ------------------------------------------------------------ writing and reading


def test_a_run_is_read_as_it_was_written(path):
    wanted, result = intent(), outcome(user_id="id-anna", request_id="r-1", http_status=200)
    run = a_run(path, (wanted, result))
    assert journal.runs(path) == (
        journal.Run(
            id=run,
            start=RunStart(run=run, time=NOW, fencing_token=1, **HEADER),
            intents=(Intent(run=run, time=NOW, **wanted),),
            results=(Result(run=run, time=NOW, **result),),
            end=RunEnd(run=run, time=NOW, counts={"done": 1}, exit_code=0),
        ),
    )


def test_runs_stand_one_after_the_other_and_their_ids_sort_by_time(path):
    clock = Clock()
    ids = [a_run(path, clock=clock) for _ in range(3)]
    assert [run.id for run in journal.runs(path)] == ids == sorted(ids)
    assert ids[0].startswith("20261124-0201")


def test_every_line_keeps_the_published_schema(path):
    a_run(
        path,
        (intent(), outcome(code="password-kept", params={"a": 1})),
        (of_group(user=None), None),
        memory=(Topic(topic="rules/sales", count=2, joined=("id-anna",), left=("id-bram",)),),
    )
    schema = schemas.load("journal")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    with opened(path) as log:
        log.resume(lines[0]["run"], tool_version="0.1.0", actor=HEADER["actor"])
        log.verify([])
        log.verify(["users/anna/licenses"])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = ["run-start", "intent", "result", "intent", "run-end", "run-resume", "verified"]
    assert [line["type"] for line in lines] == told
    for line in lines:
        validator.validate(line)
        optional = LATER[:-1] if line["type"] == "run-resume" else LATER
        for member in set(line) - {"type", *optional}:
            with pytest.raises(jsonschema.ValidationError):
                validator.validate({key: value for key, value in line.items() if key != member})


def test_a_journal_that_does_not_exist_is_empty(tmp_path):
    path = journal.path_in(tmp_path)
    assert path == tmp_path / "journal.jsonl"
    assert journal.read(path) == journal.Reading()
    assert journal.runs(path) == ()
    assert journal.removals(path) == ()


def test_a_journal_that_is_none_is_told_from_one_with_a_torn_line(path):
    assert journal.unread(path) is None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\nno\nrecord\n")
    assert journal.unread(path).line == 2
    path.unlink()
    with Journal(path, clock=lambda: NOW) as log:
        log.end(counts={}, exit_code=0, interrupted=False)
    with path.open("ab") as file:
        file.write(b"torn")
    assert journal.unread(path) is None


def test_a_journal_that_can_not_be_read_is_told(tmp_path):
    with pytest.raises(UsageError) as caught:
        journal.read(tmp_path)
    assert caught.value.code == "journal-unreadable"


def test_a_journal_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "home").write_text("a file, not a folder")
    (tmp_path / "journal.jsonl").mkdir()
    for path, code in (
        (tmp_path / "home" / "journal.jsonl", "home-unusable"),
        (tmp_path / "journal.jsonl", "journal-unwritable"),
    ):
        with pytest.raises(UsageError) as caught, opened(path):
            pass
        assert caught.value.code == code


def test_only_its_owner_reads_the_journal(path):
    a_run(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_that_a_journal_makes_is_its_owners_alone(tmp_path):
    """A folder that somebody made stays as it is."""
    a_run(tmp_path / "made" / "home" / "journal.jsonl")
    assert stat.S_IMODE((tmp_path / "made" / "home").stat().st_mode) == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    before = (tmp_path / "open").stat().st_mode
    a_run(tmp_path / "open" / "journal.jsonl")
    assert (tmp_path / "open").stat().st_mode == before


def test_lines_of_several_threads_do_not_mix(path):
    with opened(path) as log:
        log.begin(**HEADER)
        writers = [
            threading.Thread(target=lambda n=n: log.intend([intent(f"u{n}-{i}") for i in range(20)]))
            for n in range(8)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    reading = journal.read(path)
    assert (len(reading.lines), reading.damage) == (161, ())


def test_a_write_is_on_the_disk_when_it_returns_with_one_fsync_a_batch(path, monkeypatch):
    synced = []
    with opened(path) as log:
        log.begin(**HEADER)
        real = os.fsync
        monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), real(fd)))
        log.intend([intent(f"u{n}") for n in range(20)])
    assert len(synced) == 1


def test_a_short_write_is_completed(path, monkeypatch):
    real = os.write
    with opened(path) as log:
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
        log.begin(**HEADER)
    assert len(journal.runs(path)) == 1


def test_a_full_disk_is_told(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with opened(path) as log:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(UsageError) as caught:
            log.begin(**HEADER)
    assert caught.value.params["reason"] == "No space left on device"


# ------------------------------------------------------------ damage


def test_a_line_torn_by_a_kill_is_told_and_the_next_run_begins_on_a_line_of_its_own(path):
    first = a_run(path, (intent(), outcome()))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"result","run":"' + first.encode())
    with opened(path) as log:
        assert log.torn
        log.begin(**HEADER)
        second = log.run
    reading = journal.read(path)
    assert [damage.line for damage in reading.damage] == [whole.count(b"\n") + 1]
    assert [run.id for run in journal.group(reading.lines)] == [first, second]
    with opened(path) as log:
        assert not log.torn


@pytest.mark.parametrize("cut", range(0, 1200, 37))
def test_a_journal_cut_anywhere_is_read_up_to_the_cut(path, cut):
    a_run(path, (intent(), outcome()), (intent("bram"), outcome("bram")))
    whole = path.read_bytes()
    lines = journal.read(path).lines
    path.write_bytes(whole[:cut])
    reading = journal.read(path)
    assert reading.lines == lines[: len(reading.lines)]
    assert len(reading.lines) >= whole[:cut].count(b"\n")
    assert len(reading.damage) <= 1


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"type":"later-kind"}',
        b'{"type":"result","run":1}',
        b'{"type":"intent","run":"x","time":"never","address":"a","kind":"k","before":{},"after":{}}',
        b"[" * 5000,
        b'"\xc3"',
    ],
)
def test_garbage_is_told_by_its_line_and_never_ends_the_reading(path, garbage):
    a_run(path)
    lines = unlinked(path).split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"", garbage, *lines[1:]]))
    reading = journal.read(path)
    assert [damage.line for damage in reading.damage] == [3]
    assert reading.damage[0].reason
    assert len(reading.lines) == 2


def test_lines_of_a_run_whose_start_is_lost_are_left_out(path):
    a_run(path, (intent(), outcome()))
    path.write_bytes(b"".join(unlinked(path).splitlines(keepends=True)[1:]))
    assert (journal.runs(path), journal.removals(path)) == ((), ())


def test_intents_without_a_result_are_unsettled(path):
    a_run(path, (intent(), outcome()), (intent("bram"), None), ended=False)
    (run,) = journal.runs(path)
    assert [each.address for each in run.unsettled] == ["users/bram/licenses"]
    assert run.end is None


# ------------------------------------------------------------ the chain


def three_runs(path):
    """Write three runs and return the lines."""
    for upn in ("anna", "bram", "chris"):
        a_run(path, (intent(upn), outcome(upn)))
    return path.read_bytes().splitlines(keepends=True)


def test_each_line_tells_the_digest_of_the_line_before(path):
    lines = three_runs(path)
    before = b""
    for line in lines:
        assert json.loads(line)["prev"] == hashlib.sha256(before).hexdigest()
        before = line.rstrip(b"\n")


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (lambda lines: [*lines[:3], lines[3].replace(b"done", b"died"), *lines[4:]], 5),
        (lambda lines: [*lines[:3], *lines[4:]], 4),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], 4),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
        (lambda lines: [*lines[:3], b"\n", *lines[3:]], 5),
        (lambda lines: [*lines[:3], b"garbage\n", *lines[4:]], 5),
        (lambda lines: [*lines[:3], re.sub(rb',"prev":"\w+"', b"", lines[3]), *lines[4:]], 4),
        (lambda lines: lines[4:], 1),
    ],
    ids=["changed", "taken out", "swapped", "doubled", "empty line", "overwritten", "unlinked", "beheaded"],
)
def test_who_relies_on_a_journal_that_was_tampered_with_is_stopped(path, tamper, line):
    """The error names the first line that does not follow; reading for show goes on behind it."""
    lines = three_runs(path)
    path.write_bytes(b"".join(tamper(lines)))
    for rely in (journal.runs, journal.removals, journal.remembered, lambda p: opened(p).__enter__()):
        with pytest.raises(UsageError) as caught:
            rely(path)
        assert caught.value.code == "journal-broken"
        assert caught.value.params["line"] == line
        assert caught.value.params["path"] == str(path)
    reading = journal.read(path)
    assert next(each for each in reading.damage if each.broken).line == line
    assert reading.lines[-1] == journal.read(path).lines[-1]
    with opened(path.with_name("other.jsonl")) as log:  # a lock that was taken is let go
        log.begin(**HEADER)


def test_every_bit_of_a_journal_that_is_turned_shows(path):
    """But the last line's, of which nothing tells yet."""
    text = b"".join(three_runs(path)[:5])
    for place in range(0, text.rindex(b"\n", 0, -1) * 8, 41):
        turned = bytearray(text)
        turned[place // 8] ^= 1 << place % 8
        path.write_bytes(turned)
        with pytest.raises(UsageError):
            journal.runs(path)


def test_a_torn_line_is_part_of_the_chain(path):
    """Runs may be killed one after the other: what stands between sound lines can't be exchanged."""
    a_run(path, (intent(), None), ended=False)
    for torn in (b'{"type":"result","ru', b'{"typ'):
        with path.open("ab") as file:
            file.write(torn)
        with opened(path) as log:
            assert log.torn
    a_run(path, (intent(), outcome()))
    assert len(journal.runs(path)) == 2
    assert [damage.broken for damage in journal.read(path).damage] == [False, False]
    whole = path.read_bytes()
    for changed in (
        whole.replace(b"ru\n", b"rx\n"),
        whole.replace(b'{"typ\n', b""),
        whole.replace(b'"ru\n', b"\n"),
    ):
        path.write_bytes(changed)
        with pytest.raises(UsageError):
            journal.runs(path)


def test_a_run_killed_before_its_newline_left_a_whole_line(path):
    a_run(path, (intent(), outcome()))
    path.write_bytes(path.read_bytes()[:-1])
    with opened(path) as log:
        assert log.torn
        log.begin(**HEADER)
    assert len(journal.runs(path)) == 2
    assert journal.read(path).damage == ()


def test_a_journal_of_an_older_version_goes_on_as_a_chain(path):
    a_run(path, (intent(), outcome()))
    path.write_bytes(unlinked(path))
    a_run(path, (intent("bram"), outcome("bram")))
    assert len(journal.runs(path)) == 2
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))  # the last line without a link, of which one tells
    with pytest.raises(UsageError):
        journal.runs(path)


def test_lines_of_a_later_version_do_not_break_the_chain(path):
    chain = Chain()
    a_run(path)
    for line in path.read_bytes().splitlines():
        chain.take(line, sound=True)
    with path.open("ab") as file:
        file.write(chain.link(b'{"type":"later-kind"}') + b"\n")
    a_run(path)
    assert len(journal.runs(path)) == 2


def test_after_a_failed_write_nothing_more_is_written(path, monkeypatch):
    """What is on the disk may end in the middle of a line; another behind it would be lost in it."""

    def half(descriptor, data):
        real(descriptor, data[: len(data) // 2])
        raise OSError(5, "Input/output error")

    real = os.write
    with opened(path) as log:
        log.begin(**HEADER)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            with pytest.raises(UsageError):
                log.intend([intent()])
        with pytest.raises(UsageError):
            log.end(counts={}, exit_code=0, interrupted=False)
    a_run(path)
    assert len(journal.runs(path)) == 2


# ------------------------------------------------------------ a run that goes on


def test_a_run_that_goes_on_is_one_run(path):
    """The last that is said of a change counts, and the run has its second end only."""
    run = a_run(path, (intent(), outcome(status="failed")), (intent("bram"), None))
    with opened(path, lambda: NOW + timedelta(hours=1)) as log:
        log.resume(run, tool_version="0.1.0", actor=HEADER["actor"])
        log.intend([intent(after=("e5",))])
    (told,) = journal.runs(path)
    assert (told.end, told.resumed) == (None, (NOW + timedelta(hours=1),))
    assert [each.address for each in told.unsettled] == ["users/bram/licenses", "users/anna/licenses"]
    with opened(path) as log:
        log.resume(run, tool_version="0.1.0", actor=HEADER["actor"])
        log.record([outcome(), outcome("bram")])
        log.verify(["users/anna/licenses"])
        log.end(counts={}, exit_code=0, interrupted=False)
    (told,) = journal.runs(path)
    assert (told.unsettled, told.verified) == ((), {"users/anna/licenses"})
    assert told.end
    assert told.intents[-1].after == {"assignments": held("e5")}
    assert set(removed(path)) == {("id-anna", "e1"), ("id-bram", "e1")}


# ------------------------------------------------------------ what was taken away


def removed(path, **more):
    return {(each.user_id, each.sku_id): each.removed_at for each in journal.removals(path, **more)}


def test_licences_that_were_taken_are_removals_from_the_moment_of_the_result(path):
    run = (intent(before=("e1", "ems", "visio"), after=("e3", "visio")), outcome())
    a_run(path, run, clock=Clock())
    moment = journal.runs(path)[0].results[0].time
    assert journal.removals(path) == (
        Removal(user_id="id-anna", sku_id="e1", removed_at=moment),
        Removal(user_id="id-anna", sku_id="ems", removed_at=moment),
    )


def test_a_licence_that_another_source_still_gives_is_no_removal(path):
    both = [*held("e1"), {"sku_id": "e1", "disabled_plans": [], "assigned_by": "g1"}]
    run = intent(before=(), after=())
    a_run(path, ({**run, "before": {"assignments": both}, "after": {"assignments": both[1:]}}, outcome()))
    assert removed(path) == {}


@pytest.mark.parametrize("status", ["failed", "stale"])
def test_what_was_not_written_is_no_removal(path, status):
    a_run(path, (intent(), outcome(status=status)))
    assert removed(path) == {}


def test_what_may_have_been_written_counts_as_written(path):
    """Killed in flight, or answered with silence: a deadline that may be real must not be missed."""
    a_run(path, (intent("anna"), outcome("anna", "unknown")), (intent("bram"), None), ended=False)
    assert set(removed(path)) == {("id-anna", "e1"), ("id-bram", "e1")}


def test_what_a_killed_run_may_have_written_comes_before_what_the_next_run_wrote(path):
    a_run(path, (intent(before=("e1",), after=()), None), ended=False)
    again = {"address": "users/anna/again"}
    a_run(path, ({**intent(before=(), after=("e1",)), **again}, {**outcome(), **again}))
    assert removed(path) == {}


def test_a_deleted_user_loses_every_licence_and_a_restored_one_has_them_back(path):
    gone = (intent(before=("e1", "ems"), kind="delete-user"), outcome(kind="delete-user"))
    a_run(path, (intent(before=("visio", "e1", "ems"), after=("e1", "ems")), outcome()), gone)
    assert set(removed(path)) == {("id-anna", "visio"), ("id-anna", "e1"), ("id-anna", "ems")}
    back = (intent(kind="restore-user"), outcome(kind="restore-user"))
    a_run(path, back)
    assert set(removed(path)) == {("id-anna", "visio")}


def test_a_licence_that_was_given_back_is_no_removal_any_more(path):
    a_run(path, (intent(before=("e1",), after=()), outcome()))
    a_run(path, (intent(before=(), after=("e1",)), outcome()))
    assert removed(path) == {}


def test_of_two_removals_of_a_licence_the_later_counts(path):
    clock = Clock()
    for before, after in [(("e1",), ()), ((), ("e1",)), (("e1",), ())]:
        a_run(path, (intent(before=before, after=after), outcome()), clock=clock)
    assert removed(path) == {("id-anna", "e1"): journal.runs(path)[2].results[0].time}


def test_removals_are_those_of_one_tenant(path):
    a_run(path, (intent(), outcome()))
    a_run(path, (intent("bram"), outcome("bram")), tenant=TenantInfo(id="t-2", domain="d", provider="graph"))
    assert set(removed(path, tenant_id="t-2")) == {("id-bram", "e1")}
    assert set(removed(path)) == {("id-anna", "e1"), ("id-bram", "e1")}


def test_a_users_id_may_be_told_by_the_result_alone(path):
    created = intent(user=UserRef(id=None, upn="anna", name="anna"))
    a_run(path, (created, outcome(user_id="id-new")))
    assert set(removed(path)) == {("id-new", "e1")}


def test_changes_of_nobody_and_of_profiles_and_senseless_states_take_nothing(path):
    a_run(
        path,
        (intent(user=None), outcome()),
        (intent("b", kind="update-user"), outcome("b")),
        ({**intent("c"), "before": {"assignments": {"e1": 1}}, "after": {}}, outcome("c")),
        ({**intent("d"), "before": {"assignments": ["e1", {}]}, "after": {}}, outcome("d")),
    )
    assert removed(path) == {}


# ------------------------------------------------------------ what groups took away


def of_group(**more):
    """Return the intent to swap a group's e1 for e3: Anna loses the one, Chris gains the other."""
    return {
        "address": "groups/Sales/licenses",
        "kind": "set-group-licenses",
        "group": GroupRef(id="g-1", name="Sales"),
        "members": (
            Member(id="id-anna", upn="anna", loses=("e1",)),
            Member(id="id-chris", upn="chris", gains=("e3",)),
        ),
        "before": {"assignments": [{"sku_id": "e1", "disabled_plans": []}]},
        "after": {"assignments": [{"sku_id": "e3", "disabled_plans": []}]},
    } | more


def of_group_ended(status="done", **more):
    return {"address": "groups/Sales/licenses", "kind": "set-group-licenses", "status": status} | more


@pytest.mark.parametrize(
    "ended",
    [
        of_group_ended(),
        of_group_ended("unsettled", code="group-not-settled"),
        of_group_ended("unknown", code="unread"),
        of_group_ended("failed", code="member-errors"),
        None,
    ],
    ids=["done", "not settled", "unknown", "member errors", "killed"],
)
def test_licences_that_members_lose_with_their_group_are_removals(path, ended):
    """Also where some members are in error: the group was changed all the same."""
    a_run(path, (intent("chris", before=("e3",), after=()), outcome("chris")))
    assert set(removed(path)) == {("id-chris", "e3")}
    a_run(path, (of_group(), ended))
    assert set(removed(path)) == {("id-anna", "e1")}


def test_a_groups_change_that_was_refused_took_nothing(path):
    a_run(path, (of_group(), of_group_ended("failed", code="forbidden")))
    assert removed(path) == {}


def test_whoever_leaves_a_group_loses_what_no_other_source_gives(path):
    rows = [
        *held("ems"),
        *({"sku_id": sku, "disabled_plans": [], "assigned_by": "g-1"} for sku in ("e1", "ems")),
    ]
    leaves = intent(kind="remove-member", before=(), after=()) | {
        "before": {"member": True, "assignments": rows},
        "after": {"member": False, "assignments": held("ems")},
    }
    a_run(path, (leaves, outcome(kind="remove-member")))
    assert set(removed(path)) == {("id-anna", "e1")}
    joins = {**leaves, "kind": "add-member", "before": leaves["after"], "after": leaves["before"]}
    a_run(path, (joins, outcome(kind="add-member")))
    assert removed(path) == {}


# ------------------------------------------------------------ what is remembered


SALES = "rules/sales"
OTHER_TENANT = TenantInfo(id="t-2", domain="d", provider="graph")


def told(count, joined=(), left=(), topic=SALES):
    return (Topic(topic=topic, count=count, joined=tuple(joined), left=tuple(left)),)


def memory(path, **more):
    return {each.topic: each for each in journal.remembered(path, **more)}


def test_a_journal_without_memory_remembers_nothing(path):
    assert journal.remembered(path) == ()
    a_run(path, (intent(), outcome()))
    assert journal.remembered(path) == ()


def test_users_are_remembered_from_the_run_that_first_told_of_them(path):
    """The count is that of the last run that told of the topic, whoever else ran since."""
    clock = Clock()
    a_run(path, memory=told(2, ["a", "b"]), clock=clock)
    a_run(path, memory=told(2, ["c"], ["a"]), clock=clock)
    a_run(path, clock=clock)
    first, second, _ = (run.start.time for run in journal.runs(path))
    assert journal.remembered(path) == (
        Remembered(topic=SALES, count=2, since={"b": first, "c": second}, left={"a": second}),
    )


def test_whoever_comes_back_has_not_left_and_is_there_since_then(path):
    clock = Clock()
    for joined, left in [(["a"], []), ([], ["a"]), (["a"], [])]:
        a_run(path, memory=told(1, joined, left), clock=clock)
    last = journal.runs(path)[-1].start.time
    assert memory(path)[SALES] == Remembered(topic=SALES, count=1, since={"a": last})


def test_a_user_who_was_never_seen_to_join_may_leave(path):
    a_run(path, memory=told(0, [], ["a"]))
    assert memory(path)[SALES] == Remembered(topic=SALES, count=0, left={"a": NOW})


def test_what_is_remembered_is_that_of_one_tenant(path):
    a_run(path, memory=told(1, ["a"]))
    a_run(path, (switch(on=False), switched()), memory=told(5, ["b"]), tenant=OTHER_TENANT)
    assert set(memory(path, tenant_id="t-1")[SALES].since) == {"a"}
    assert set(memory(path, tenant_id="t-2")) == {"disabled", SALES}
    assert set(memory(path)[SALES].since) == {"a", "b"}


def switch(*, on, upn="anna"):
    """Return the intent to switch an account on or off."""
    return intent(upn, kind="update-user", before=(), after=()) | {
        "before": {"enabled": not on},
        "after": {"enabled": on},
    }


def switched(status="done", upn="anna"):
    return outcome(upn, status, kind="update-user", user_id=f"id-{upn}")


def test_an_account_is_disabled_since_a_run_switched_it_off(path):
    clock = Clock()
    a_run(path, (switch(on=False), switched()), memory=told(1, ["id-x"], topic="disabled"), clock=clock)
    (run,) = journal.runs(path)
    assert memory(path)["disabled"] == Remembered(
        topic="disabled", count=1, since={"id-x": run.start.time, "id-anna": run.results[0].time}
    )
    a_run(path, (switch(on=True), switched()), clock=clock)
    assert set(memory(path)["disabled"].since) == {"id-x"}


@pytest.mark.parametrize("status", ["failed", "unknown", "stale", None])
def test_an_account_of_which_nobody_knows_that_it_was_switched_off_is_not_disabled(path, status):
    """It is not deleted sooner for it; the next plan sees that the account is off, and begins to count."""
    a_run(path, (switch(on=False), status and switched(status)), ended=False)
    a_run(path, (intent(), switched()))
    assert memory(path) == {}


def test_other_changes_of_a_profile_switch_nothing(path):
    wanted = switch(on=False)
    for after in ({"city": "Delft"}, {"enabled": None}):
        a_run(path, ({**wanted, "after": after}, switched()))
    a_run(path, (wanted, outcome(kind="update-user")))  # a result that names nobody
    assert memory(path) == {}


@pytest.mark.parametrize("cut", [2, 40])
def test_a_torn_line_takes_no_more_with_it_than_itself(path, cut):
    a_run(path, memory=told(1, ["a"]))
    a_run(path, memory=told(2, ["b"]), ended=False)
    path.write_bytes(path.read_bytes()[:-cut])
    a_run(path, memory=told(1, ["c"]))
    assert set(memory(path)[SALES].since) == {"a", "c"}


def test_a_journal_of_an_older_version_is_read(path):
    """Before there were groups and memory: neither is missed."""
    a_run(path, (intent(), outcome()))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    older = [{key: value for key, value in line.items() if key not in LATER} for line in lines]
    start, *rest = journal.read(path).lines
    lines_now = (msgspec.structs.replace(start, fencing_token=None), *rest)
    path.write_text("".join(json.dumps(line) + "\n" for line in older))
    assert journal.read(path) == journal.Reading(lines=lines_now)
    assert set(removed(path)) == {("id-anna", "e1")}
    assert journal.remembered(path) == ()


# ------------------------------------------------------------ what may be undone


def test_what_may_be_undone_is_what_was_written_or_may_have_been(path):
    """With the id under which a user was created; what was refused was never there."""
    created = intent("dora", before=(), kind="create-user") | {
        "user": UserRef(id=None, upn="dora", name="dora")
    }
    run = a_run(
        path,
        (intent("anna"), outcome("anna")),
        (intent("bram"), outcome("bram", "failed")),
        (created, outcome("dora", kind="create-user", user_id="id-new")),
        (of_group(), of_group_ended("failed", code="member-errors")),
        (intent("chris"), None),
        ended=False,
    )
    told = journal.past(journal.runs(path)[0])
    assert (told.run, told.moment) == (run, NOW)
    assert [(one.address, one.user and one.user.id) for one in told.changes] == [
        ("users/anna/licenses", "id-anna"),
        ("users/dora/licenses", "id-new"),
        (of_group()["address"], None),
        ("users/chris/licenses", "id-chris"),
    ]
    assert told.changes[0].before == {"assignments": held("e1")}
    assert told.changes[0].after == {"assignments": held("e3")}
    assert told.changes[2].group == of_group()["group"]


# ------------------------------------------------------------ one apply at a time


HOLD = """
import sys, time
from pathlib import Path
from reconciler.journal import Journal
with Journal(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(path):
    """Another process that holds the journal."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_two_applies_never_run_in_one_home_at_once(path, holder):
    with pytest.raises(RefusedError) as caught, opened(path):
        pass
    assert caught.value.code == "locked"
    assert caught.value.params["process"] == str(holder.pid)


def test_the_lock_of_a_killed_process_is_free(path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with opened(path) as log:
        log.begin(**HEADER)


def test_who_is_refused_learns_who_holds_the_lock_since_when_and_until_when(path, holder):
    with pytest.raises(RefusedError) as caught, opened(path):
        pass
    told = caught.value.params
    assert re.fullmatch("[0-9a-f]{8}", told["holder"])
    assert told["host"] == socket.gethostname()
    since, until = (datetime.fromisoformat(told[key]) for key in ("since", "until"))
    assert until - since == journal_lock.LIFETIME
    assert told["path"] == str(path.with_suffix(".lock"))


def test_a_lock_is_taken_from_the_holder_that_is_named_and_from_no_other(path, holder):
    """The former holder finds out before its next batch, and writes nothing more."""
    with pytest.raises(RefusedError) as caught, Journal(path, breaking="00000000"):
        pass
    with Journal(path, breaking=caught.value.params["holder"]) as log:
        log.begin(**HEADER)
        with pytest.raises(RefusedError) as second, opened(path):
            pass
        assert second.value.params["process"] == str(os.getpid())


def test_who_lost_the_lock_sends_nothing_and_writes_nothing_more(path):
    with opened(path) as former:
        former.begin(**HEADER)
        with Journal(path, breaking=former_id(path)) as log:
            log.begin(**HEADER)
            for write in (
                lambda: former.intend([intent()]),
                lambda: former.record([outcome()]),
                lambda: former.end(counts={}, exit_code=0, interrupted=False),
            ):
                with pytest.raises(RefusedError) as caught:
                    write()
                assert caught.value.code == "lock-lost"
                assert caught.value.params["holder"] == former_id(path)
            log.intend([intent()])
    assert [len(run.intents) for run in journal.runs(path)] == [0, 1]
    tokens = [run.start.fencing_token for run in journal.runs(path)]
    assert tokens == [1, 2]


def former_id(path):
    return json.loads(path.with_suffix(".lock").read_bytes())["id"]


def test_a_lock_file_that_was_removed_is_no_lock(path):
    with opened(path) as log:
        path.with_suffix(".lock").unlink()
        with pytest.raises(RefusedError) as caught:
            log.begin(**HEADER)
    assert (caught.value.code, caught.value.params["path"]) == ("lock-lost", str(path.with_suffix(".lock")))


def test_a_lock_whose_time_is_over_may_be_taken(tmp_path):
    """Its holder may sleep, or wait for an answer: what it would send next it does not send."""
    path, now = tmp_path / "lock", NOW
    with journal_lock.locked(path, now=lambda: now) as first:
        now = NOW + journal_lock.LIFETIME
        with pytest.raises(RefusedError), journal_lock.locked(path, now=lambda: now):
            pass
        now += timedelta(seconds=1)
        with journal_lock.locked(path, now=lambda: now) as second:
            assert second.holder.token == 2
            with pytest.raises(RefusedError):
                first.check()
            second.check()


def test_a_lock_is_renewed_while_its_holder_works(tmp_path):
    path, now = tmp_path / "lock", NOW
    with journal_lock.locked(path, now=lambda: now) as lock:
        now += journal_lock.LIFETIME / 3
        lock.check()
        assert lock.holder.expires == NOW + journal_lock.LIFETIME
        now += journal_lock.LIFETIME / 3
        lock.check()
        assert lock.holder.expires == now + journal_lock.LIFETIME
        assert json.loads(path.read_bytes())["expires"] == lock.holder.expires.isoformat().replace(
            "+00:00", "Z"
        )


def test_a_lock_that_is_replaced_while_it_is_taken_counts_in_its_new_place(tmp_path, monkeypatch):
    path, take = tmp_path / "lock", journal_lock._take

    def late(descriptor):
        monkeypatch.setattr(journal_lock, "_take", take)
        path.unlink()
        return take(descriptor)

    monkeypatch.setattr(journal_lock, "_take", late)
    with journal_lock.locked(path) as lock:
        lock.check()


@pytest.mark.parametrize("text", [b"", b"4711\n", b"\xff", b"{}"])
def test_a_lock_of_another_version_tells_nobody_and_is_no_hindrance(path, text):
    path.parent.mkdir()
    path.with_suffix(".lock").write_bytes(text)
    a_run(path)
    assert journal.runs(path)[0].start.fencing_token == 1


def test_a_lock_of_another_version_that_is_held_is_respected(tmp_path):
    path = tmp_path / "lock"
    with journal_lock.locked(path):
        path.write_bytes(b"4711\n")
        with pytest.raises(RefusedError) as caught, journal_lock.locked(path):
            pass
    assert caught.value.params == {"path": str(path)}


def test_the_lock_is_free_after_a_run_and_after_a_failure_to_open(path, monkeypatch):
    a_run(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(UsageError), opened(path):
            pass
    a_run(path)
    assert len(journal.runs(path)) == 2


def test_the_journal_is_read_while_a_run_writes(path, holder):
    assert journal.read(path) == journal.Reading()


# ------------------------------------------------------------ places


def test_a_path_names_a_file_or_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "folder").mkdir()
    names = {
        "~/other.jsonl": tmp_path / "other.jsonl",
        str(tmp_path / "folder"): tmp_path / "folder" / "journal.jsonl",
        str(tmp_path / "j"): tmp_path / "j",
    }
    for typed, path in names.items():
        assert journal.place_of(typed) == journal.place_of(path)
        assert journal.place_of(typed).name == str(path)


def test_the_plan_of_a_run_is_kept_beside_the_journal_for_its_owner_alone(path):
    place = journal.place_of(path)
    assert place.kept("20261124-020000-0000") is None
    place.forget("20261124-020000-0000")
    for plan in (b"a longer plan", b"a plan"):
        place.keep("20261124-020000-0000", plan)
        assert place.kept("20261124-020000-0000") == plan
    (kept,) = (path.parent / "runs").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    place.forget("20261124-020000-0000")
    assert list((path.parent / "runs").iterdir()) == []


def test_a_plan_that_can_not_be_kept_or_read_is_told(path):
    place = journal.place_of(path)
    (path.parent / "runs" / "r.plan.json").mkdir(parents=True)
    for failing, code in (
        (lambda: place.keep("r", b""), "journal-unwritable"),
        (lambda: place.kept("r"), "unreadable-file"),
        (lambda: place.forget("r"), "journal-unwritable"),
    ):
        with pytest.raises(UsageError) as caught:
            failing()
        assert caught.value.code == code
