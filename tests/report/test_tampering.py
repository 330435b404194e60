"""A plan file is what was written, to the bit, or it is refused with a sentence that says why.

`make torture` (TORTURE=all) flips every bit of five plans, some 200,000; here it is a sample of them.
"""

import contextlib
import copy
import io
import json
import os
import random
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from reconciler import __version__
from reconciler.apply import Consent, Live, approve
from reconciler.errors import ReconcilerError, RefusedError, UsageError
from reconciler.model import Actor
from reconciler.plan import digest_of, from_document
from reconciler.report import document, errors
from reconciler.report.text import render
from tests.report.samples import everything, large, plan

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
PLANS = ("02-one-user", "12-delete-and-restore", "47-hostile-names", "71-group-licences", "82-horizon")
STEP = 1 if os.environ.get("TORTURE") == "all" else 67
FILE = Path("plan.json")


def written(made):
    """Return the text of the file that holds a plan."""
    return document.dumps(document.to_document(made))


def of_scenario(name):
    """Return the text of a scenario's plan as this version writes it."""
    made = from_document(json.loads((SCENARIOS / name / "plan.json").read_text(encoding="utf-8")))
    return written(msgspec.structs.replace(made, tool_version=__version__))


def refusal(content):
    """Return what is said of a file with this content; None where it is taken for a plan as written."""
    try:
        saved = document.parse(content if isinstance(content, str) else content.decode(), FILE)
    except UnicodeDecodeError:
        return "not UTF-8"
    except UsageError as error:
        return errors.sentence(error)
    fault = document.fault(saved)
    return fault and errors.sentence(RefusedError("altered-plan", path="plan.json", fault=fault))


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_with_one_bit_flipped_is_refused(name):
    data = of_scenario(name).encode()
    assert refusal(data) is None
    taken = []
    for bit in range(0, 8 * len(data), STEP):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        if not refusal(bytes(flipped)):
            taken.append(bit)
    assert taken == []


def test_a_capital_in_an_escape_is_a_flipped_bit_too():
    r"""`\u202E` is the same character as `\u202e`: only the text of the file tells them apart."""
    text = of_scenario("47-hostile-names")
    assert r"\u202e" in text
    assert "written anew" in refusal(text.replace(r"\u202e", r"\u202E", 1))


@pytest.mark.parametrize("path", ["plan.json", "./~plan.json"])
def test_a_file_that_is_not_utf8_is_refused_when_it_is_read(tmp_path, path):
    file = tmp_path / path
    file.write_bytes(of_scenario(PLANS[0]).encode().replace(b"contoso", b"conto\xffo", 1))
    with pytest.raises(UsageError, match="not UTF-8"):
        document.read(file)


# ------------------------------------------------------------ members


def places(value, at=()):
    """Yield the path of every member of every object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key)
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*at, number))


def inside(value, path):
    """Return what lies at a path."""
    for step in path:
        value = value[step]
    return value


MADE = {"everything": everything(), "large": large()}
EVERY = [(name, path) for name, made in MADE.items() for path in places(document.to_document(made))]
SAMPLE = EVERY[:: 1 if STEP == 1 else 29]


def spoiled(name, path, spoil):
    """Return a plan's text after `spoil` had an object and the name of a member, and the object's size."""
    found = document.to_document(MADE[name])
    members = inside(found, path[:-1])
    size = len(members)
    spoil(members, path[-1])
    return document.dumps(found), size


def reorder(members, name):
    """Let the member stand last, or first where it is the last."""
    if list(members)[-1] != name:
        members[name] = members.pop(name)
        return
    kept = dict(members)
    members.clear()
    members[name] = kept.pop(name)
    members.update(kept)


def drop(members, name):
    del members[name]


def test_every_member_that_is_taken_out_is_missed():
    assert [each for each in SAMPLE if refusal(spoiled(*each, drop)[0]) is None] == []


def test_every_member_that_is_moved_is_seen():
    """No digest over sorted keys tells that; a reviewer reads from top to bottom."""
    moved = [(spoiled(*each, reorder), each) for each in SAMPLE]
    real = [(text, each) for (text, members), each in moved if members > 1]
    assert len(real) > len(moved) / 2
    assert [each for text, each in real if refusal(text) is None] == []


def test_a_member_that_stands_twice_is_refused_by_name():
    """With the same value too: which of them would count?"""
    text = written(everything())
    for line in sorted({line for line in text.split("\n") if line.endswith(",") and '": ' in line}):
        said = refusal(text.replace(line, f"{line}\n{line}", 1))
        assert "stands twice in one object" in said


def test_a_digest_made_anew_does_not_help():
    """Whoever can write the file can write a digest too, but not what no plan says."""
    for spoil in (
        lambda d: d.update(note="x"),
        lambda d: d["changes"][0].update(note="x"),
        lambda d: d["changes"][3]["warnings"][0].update(message="nothing is lost"),
        lambda d: d["changes"][3]["warnings"].append({}),
        lambda d: d["changes"][0].pop("effects"),
        lambda d: d.update(expires_at="tomorrow"),
        lambda d: d["conflicts"][0].update(message="all is well"),
        lambda d: d.update(horizon=None),
    ):
        found = document.to_document(everything())
        spoil(found)
        found["digest"] = digest_of(found)
        assert refusal(document.dumps(found)), spoil


def test_a_plan_of_another_tenant_is_refused_for_its_digest():
    for member, other in (("id", "other"), ("domain", "fabrikam.com"), ("cloud", "china")):
        found = document.to_document(everything())
        found["tenant"][member] = other
        assert "digest does not fit" in refusal(document.dumps(found))


@pytest.mark.parametrize("found", ["0.9", "2.0", "", "1.", 1, None])
def test_a_plan_of_another_format_is_refused(found):
    """The digest made anew: an older format may lack what this one relies on."""
    changed = document.to_document(everything()) | {"format_version": found}
    changed["digest"] = digest_of(changed)
    assert refusal(document.dumps(changed))


def test_a_plan_that_another_version_made_is_refused():
    changed = document.to_document(everything()) | {"tool_version": "0.0.9"}
    changed["digest"] = digest_of(changed)
    saved = document.parse(document.dumps(changed), FILE)
    assert document.fault(saved) == "version"
    said = errors.sentence(RefusedError("altered-plan", path="p", fault="version", version="0.0.9"))
    assert said.startswith(f"p was made by reconciler 0.0.9, and this is {__version__}. Nothing was written.")


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "9" * 19, "9" * 5000, "NaN", "Infinity"], ids=lambda text: text[:20]
)
def test_a_number_that_not_every_reader_takes_for_the_same_is_refused(number):
    text = written(everything()).replace('"free": 5', f'"free": {number}', 1)
    assert "is not a plan of reconciler" in refusal(text)


# ------------------------------------------------------------ what carries a file from place to place


@pytest.mark.parametrize("made", [plan(), everything(), large()], ids=["empty", "everything", "large"])
def test_what_was_written_is_taken(made):
    assert refusal(written(made)) is None
    assert refusal(written(copy.deepcopy(made))) is None


@pytest.mark.parametrize(
    "carried",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.rstrip("\n").encode(),
    ],
    ids=["crlf", "bom", "no-line-end"],
)
def test_line_ends_and_a_mark_at_the_start_are_nobodys_change(tmp_path, carried):
    path = tmp_path / "plan.json"
    path.write_bytes(carried(of_scenario("47-hostile-names")))
    assert document.fault(document.read(path)) is None


@pytest.mark.parametrize(
    "anew",
    [json.dumps, lambda found: json.dumps(found, indent=2, sort_keys=True)],
    ids=["formatted", "sorted"],
)
def test_a_plan_that_was_written_anew_is_refused(anew):
    assert "was written anew" in refusal(anew(document.to_document(everything())))


# ------------------------------------------------------------ what no plan says


VALUES = (None, True, 0, -1, 1.5, 10**17, "", "x", "a@b", [], [1], ["x"], [[]], {}, {"a": 1}, [{"sku_id": 1}])
LIVE = Live(
    tenant_id="tenant-id",
    provider="sandbox",
    actor=Actor(id="a", name="admin@contoso.com", roles=("global-administrator",)),
    now=datetime(2026, 11, 24, 3, tzinfo=UTC),
)


@pytest.mark.parametrize("start", range(0, 20_000, 100))
def test_a_malformed_plan_with_a_digest_of_its_own_ends_in_a_sentence(start):
    """Whatever stands in it: it is shown, approved or refused, and nothing fails."""
    for seed in range(start, start + 100 if STEP == 1 else start + 1):
        with contextlib.suppress(ReconcilerError):
            saved = document.parse(malformed(seed), FILE)
            render(saved.plan, Console(file=io.StringIO(), width=80))
            if document.fault(saved) is None:
                approve(saved.plan, LIVE, Consent(partial=True))


def malformed(seed):
    """Return a plan with one member taken out, or with another value than any plan has there."""
    chance = random.Random(seed)  # noqa: S311  the same plans in each run
    name, path = chance.choice(EVERY)
    found = document.to_document(MADE[name])
    members = inside(found, path[:-1])
    if chance.random() < 0.2:
        del members[path[-1]]
    else:
        members[path[-1]] = chance.choice(VALUES)
    return document.dumps(found | {"digest": digest_of(found)})
