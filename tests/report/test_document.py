"""The published JSON of a plan: its members, their order, its digest, its schema, and reading it back."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler import plan as p
from reconciler import schemas
from reconciler.errors import UsageError
from reconciler.report import document
from tests.report.samples import EMS, account, everything, large, licence, licences, plan

SCHEMA = schemas.load("plan")


def validator():
    return Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("of", [everything(), large()], ids=["everything", "large"])
def test_a_plan_with_one_of_everything_fits_the_schema(of):
    assert [error.message for error in validator().iter_errors(document.to_document(of))] == []


def test_an_empty_plan_fits_the_schema():
    assert validator().is_valid(document.to_document(plan()))


def test_the_schema_is_strict_and_describes_every_member():
    Draft202012Validator.check_schema(SCHEMA)
    for name, part in [("plan", SCHEMA), *SCHEMA["$defs"].items()]:
        assert part.get("title"), name
        if part.get("type") == "object" and "properties" in part:
            assert part["additionalProperties"] is False, name
            assert all("description" in item or "$ref" in item for item in part["properties"].values()), name


def test_the_schema_has_the_kinds_and_states_that_the_code_has():
    change = SCHEMA["$defs"]["change"]["properties"]
    assert change["kind"]["enum"] == list(p.Kind.__args__)
    assert change["status"]["enum"] == list(p.Status.__args__)


@pytest.mark.parametrize(
    ("struct", "part"),
    [
        (p.Summary, "summary"),
        (p.License, "license"),
        (p.UserRef, "user"),
        (p.SkuRef, "sku"),
        (p.SeatRow, "seats"),
        (p.GroupRef, "group"),
        (p.MemberEffect, "member"),
        (p.RuleRow, "rule"),
        (p.Topic, "topic"),
        (p.Day, "day"),
        (p.Due, "due"),
        (p.Change, "change"),
    ],
)
def test_the_schema_has_the_members_that_the_structs_have(struct, part):
    assert list(SCHEMA["$defs"][part]["properties"]) == list(struct.__struct_fields__)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(extra=1),
        lambda d: d["changes"][0].update(user={"id": None, "upn": "x", "name": ""}),
        lambda d: d["changes"][2].update(sku={"sku": "EMS", "sku_id": EMS, "name": "EMS"}),
        lambda d: d["changes"][2].update(assign=[d["changes"][4]["assign"][0]]),
        lambda d: d["changes"][3]["before"].pop("enabled"),
        lambda d: d["changes"][3].update(kind="delete-everything"),
        lambda d: d["conflicts"][0].pop("message"),
        lambda d: d.update(digest="sha256:0"),
        lambda d: d.update(format_version="2.0"),
        lambda d: d["changes"][3]["warnings"][0].update(recoverable_until="soon"),
    ],
)
def test_the_schema_refuses_what_is_no_plan(spoil):
    found = document.to_document(everything())
    spoil(found)
    assert not validator().is_valid(found)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["changes"][0].pop("group"),
        lambda d: d["changes"][0].update(user={"id": "1", "upn": "x", "name": ""}),
        lambda d: d["changes"][0]["before"]["members"].update(x="not a fingerprint"),
        lambda d: d["changes"][2].update(members=d["changes"][0]["members"]),
        lambda d: d["changes"][2].update(user=None),
        lambda d: d["changes"][2]["before"].pop("member"),
        lambda d: d["changes"][2].update(assign=d["changes"][0]["assign"]),
        lambda d: d["changes"][8].update(group=d["changes"][0]["group"]),
        lambda d: d["rules"][0].update(mode="never"),
        lambda d: d["horizon"][0].update(date="soon"),
        lambda d: d["summary"].update(members=0),
    ],
)
def test_the_schema_refuses_what_is_no_change_of_a_group(spoil):
    found = document.to_document(large())
    spoil(found)
    assert not validator().is_valid(found)


# ------------------------------------------------------------ members and their order


def test_the_members_stand_in_their_published_order():
    """The schema lists them in that order; what says nothing, of the later ones, is left out."""
    found, later = document.to_document(everything()), document.to_document(large())
    optional = {"sku", "group", "members", "because"}
    parts = {
        "change": found["changes"][0],
        "warning": found["changes"][3]["warnings"][0],
        "conflict": found["conflicts"][0],
        "purchase": found["purchases"][0],
        "refusal": found["refusals"][0],
        "summary": later["summary"],
        "rule": later["rules"][0],
        "topic": later["memory"][0],
        "day": later["horizon"][0],
        "due": later["horizon"][0]["due"][0],
        "member": later["changes"][0]["members"][0],
        "group": later["changes"][0]["group"],
    }
    assert list(later) == list(SCHEMA["properties"])
    for name, part in parts.items():
        properties = list(SCHEMA["$defs"][name]["properties"])
        assert list(part) == [key for key in properties if key in part or key not in optional], name
    assert list(found["changes"][3]) == [name for name in parts["change"] if name not in optional]


def test_what_rules_groups_and_dates_add_is_left_out_where_it_says_nothing():
    found = document.to_document(everything())
    assert found.keys().isdisjoint({"rules", "memory", "horizon"})
    assert found["summary"].keys().isdisjoint({"group_licenses", "members"})
    assert all(change.keys().isdisjoint({"group", "members"}) for change in found["changes"])


def test_a_horizon_in_which_nothing_falls_due_is_none_that_nobody_asked_for(tmp_path):
    path = tmp_path / "plan.json"
    written = document.to_document(plan(horizon=()))
    path.write_text(document.dumps(written), encoding="utf-8")
    assert written["horizon"] == []
    assert document.read(path)[0].horizon == ()


def test_a_warning_of_a_groups_licences_names_its_member():
    warning = document.to_document(large())["changes"][0]["warnings"][0]
    assert warning["message"].startswith("user old0@contoso.com loses the mailbox")


def test_a_change_of_a_subscription_has_a_sku_and_no_user():
    bought = document.to_document(everything())["changes"][0]
    assert bought["user"] is None
    assert bought["sku"]["sku"] == "POWER_BI_PRO"


def test_a_user_to_be_created_has_no_id():
    found = document.to_document(plan(changes=(account("create-user", "jo", {}, {"name": "Jo"}),)))
    assert found["changes"][0]["user"] == {"id": None, "upn": "jo@contoso.com", "name": "Jo"}


def test_sentences_name_the_user_of_their_change():
    found = document.to_document(everything())
    assert found["changes"][3]["warnings"][0]["message"].startswith("user bram@contoso.com loses the mailbox")


def test_a_document_holds_only_what_json_has():
    found = document.to_document(everything())
    assert json.loads(json.dumps(found)) == found


# ------------------------------------------------------------ bytes and digest


def test_equal_plans_give_the_same_bytes():
    assert document.dumps(document.to_document(everything())) == document.dumps(
        document.to_document(everything())
    )


def test_the_text_is_indented_utf8_with_a_line_end():
    text = document.dumps(document.to_document(plan(actor=p.ActorInfo(name="zoë@contoso.com", roles=()))))
    assert text.startswith('{\n  "format_version": "1.0",\n')
    assert text.endswith("}\n")
    assert "zoë@contoso.com" in text


def test_the_digest_is_that_of_the_rest():
    found = document.to_document(everything())
    assert found["digest"] == p.digest_of(found)
    assert document.verify(found)


@pytest.mark.parametrize(
    "alter",
    [
        lambda d: d["changes"].pop(),
        lambda d: d["changes"][0].update(status="blocked"),
        lambda d: d["conflicts"][0].update(message="all is well"),
        lambda d: d.update(note="x"),
        lambda d: d.pop("digest"),
    ],
)
def test_an_altered_document_is_told_apart(alter):
    found = document.to_document(everything())
    alter(found)
    assert not document.verify(found)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_hostile_names_survive_in_the_data_and_never_stand_raw_in_the_text(name):
    evil = f"{name}\x9b31m\u202e##[add-path]"
    found = document.to_document(plan(changes=(licences("anna", (licence("EMS"),), effects=(evil,)),)))
    text = document.dumps(found)
    assert json.loads(text)["changes"][0]["effects"] == [evil]
    assert not set(text) & set("\x7f\x9b\u202e\u2028\u2029\r\x1b")
    assert "##[" not in text


# ------------------------------------------------------------ reading


def test_what_was_written_is_read_back(tmp_path):
    made = everything()
    written = document.to_document(made)
    path = tmp_path / "plan.json"
    path.write_text(document.dumps(written), encoding="utf-8")
    found, read, text = document.read(path)
    assert (read, text) == (written, path.read_text(encoding="utf-8"))
    assert msgspec.to_builtins(found) == msgspec.to_builtins(made)
    assert document.to_document(found) == written


def refused(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        document.read(path)
    assert caught.value.params.pop("path") == str(path)
    return caught.value.code, caught.value.params


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError) as caught:
        document.read(tmp_path / "none.json")
    assert caught.value.code == "unreadable-file"
    assert caught.value.params["reason"] == "No such file or directory"


def test_broken_json_is_told_with_its_position(tmp_path):
    code, params = refused(tmp_path, '{\n  "format_version": }')
    assert (code, params["line"], params["column"]) == ("bad-plan", 2, 21)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "the file is not UTF-8"),
        ("[]", "it is not a JSON object"),
        (r'{"a": "\ud800"}', "a text in it holds half a character"),
        ('{"a": 1, "a": 2}', 'the member "a" stands twice in one object'),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_plan_is_told(tmp_path, content, reason):
    assert refused(tmp_path, content) == ("bad-plan", {"reason": reason})


def test_a_member_of_the_wrong_type_is_told_with_its_place(tmp_path):
    written = document.to_document(everything())
    written["changes"][1]["roles"] = 1
    assert refused(tmp_path, json.dumps(written)) == (
        "bad-plan",
        {"reason": "Expected `array`, got `int`", "at": "$.changes[1].roles"},
    )


def test_a_state_that_no_change_has_is_told_with_its_place(tmp_path):
    written = document.to_document(everything())
    written["changes"][3]["before"]["assignments"] = [{"sku_id": 1}]
    assert refused(tmp_path, json.dumps(written)) == (
        "bad-plan",
        {"reason": "no change looks like that", "at": "$.changes[3].before.assignments[0]"},
    )


def test_a_missing_member_is_told(tmp_path):
    code, params = refused(tmp_path, '{"format_version": "1.0"}')
    assert (code, params["at"]) == ("bad-plan", "$")


def test_a_plan_of_another_major_version_is_refused(tmp_path):
    assert refused(tmp_path, '{"format_version": "2.0"}') == (
        "unsupported-plan-version",
        {"found": "2.0", "supported": "1.0"},
    )


def test_a_plan_of_a_later_minor_version_is_read(tmp_path):
    written = document.to_document(everything())
    written["format_version"] = "1.7"
    written["new"] = True
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(written), encoding="utf-8")
    assert document.read(path)[0].changes == everything().changes


def test_a_file_too_large_to_review_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(document, "MAX_BYTES", 1)
    assert refused(tmp_path, "{}") == ("bad-plan", {"reason": "the file is larger than 1 GB"})


def test_characters_beyond_the_first_plane_are_read_back(tmp_path):
    """They stand in the file as two escapes where they are hidden, such as tags."""
    made = plan(actor=p.ActorInfo(name="a\U000e0041\N{GRINNING FACE}", roles=()))
    path = tmp_path / "plan.json"
    path.write_text(document.dumps(document.to_document(made)), encoding="utf-8")
    assert r"a\udb40\udc41" in path.read_text(encoding="utf-8")
    assert document.read(path)[0].actor == made.actor
