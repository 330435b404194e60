"""A snapshot is read whatever its layout, written so that it comes back, and refused with its place."""

import gc
import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from reconciler.directory import snapshot
from reconciler.errors import UsageError
from reconciler.model import (
    Actor,
    Assignment,
    Current,
    DeletedUser,
    Domain,
    Group,
    Mailbox,
    Organization,
    Removal,
    RoleAssignment,
    ServicePlan,
    Sku,
    Subscription,
    User,
)

E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
PLAN = "efb87545-963c-4e0d-99df-69c6916d9eb0"
ANNA = "00000000-0000-0000-0000-00000000000a"
BRAM = "00000000-0000-0000-0000-00000000000b"
CHRIS = "00000000-0000-0000-0000-00000000000c"
GROUP = "00000000-0000-0000-0000-0000000000ff"
GLOBAL = "62e90394-69f5-4237-9190-012177145e10"
TAKEN = datetime(2026, 11, 24, 2, tzinfo=UTC)

STATE = Current(
    taken_at=TAKEN,
    organization=Organization(
        id="11111111-0000-0000-0000-000000000000",
        name="Contoso",
        country="NL",
        domains=(Domain(name="contoso.com", is_default=True), Domain(name="fabrikam.com", kind="Federated")),
    ),
    users=(
        User(
            id=ANNA,
            upn="anna@contoso.com",
            name="Anna de Vries",
            mail="anna@contoso.com",
            proxy_addresses=("a.devries@contoso.com", "anna@contoso.com"),
            enabled=True,
            user_type="Member",
            usage_location="NL",
            given_name="Anna",
            surname="de Vries",
            department="Sales",
            job_title="Seller",
            company="Contoso",
            office="1.01",
            city="Delft",
            country="Netherlands",
            employee_id="7",
            synced=True,
            resource_account=True,
            assignments=(
                Assignment(sku_id=E3, disabled_plans=(PLAN,)),
                Assignment(sku_id=E3, assigned_by=GROUP),
                Assignment(sku_id=EMS, assigned_by=GROUP, state="Error", error="CountViolation"),
            ),
        ),
        User(id=BRAM, upn="bram@contoso.com"),
    ),
    deleted_users=(
        DeletedUser(
            id=CHRIS,
            upn="chris@contoso.com",
            name="Chris",
            mail="chris@contoso.com",
            usage_location="NL",
            department="Sales",
            enabled=False,
            proxy_addresses=("chris@contoso.com",),
            synced=True,
            deleted_at=datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
            assignments=(Assignment(sku_id=E3),),
        ),
    ),
    groups=(Group(id=GROUP, name="Sales", assignments=(Assignment(sku_id=E3),), members=(ANNA, BRAM)),),
    skus=(
        Sku(
            id=E3,
            part_number="ENTERPRISEPACK",
            consumed=2,
            enabled=25,
            warning=1,
            suspended=2,
            locked_out=3,
            plans=(
                ServicePlan(id=PLAN, name="EXCHANGE_S_ENTERPRISE", applies_to="Company", status="Disabled"),
            ),
        ),
    ),
    subscriptions=(
        Subscription(
            id="s1",
            sku_id=E3,
            status="Warning",
            seats=25,
            next_lifecycle=datetime(2027, 1, 1, tzinfo=UTC),
            is_trial=True,
            auto_renew=False,
            owner_type="User",
        ),
        Subscription(id="s2", sku_id=EMS),
    ),
    role_assignments=(
        RoleAssignment(principal_id=ANNA, role="global-administrator"),
        RoleAssignment(
            principal_id=BRAM, role="00000000-1111-0000-0000-000000000000", scope="/administrativeUnits/x"
        ),
    ),
    mailboxes=(Mailbox(user_id=ANNA, purpose="user", bytes=1234, has_archive=False, on_hold=None),),
    removals=(Removal(user_id=BRAM, sku_id=E3, removed_at=datetime(2026, 11, 1, tzinfo=UTC)),),
)


def written(tmp_path, state=STATE):
    path = tmp_path / "state.json"
    snapshot.write(state, path)
    return path


@pytest.mark.parametrize("mailboxes", [None, (), (Mailbox(user_id=ANNA),)], ids=["nobody", "none", "unread"])
def test_what_was_not_asked_of_mailboxes_is_not_what_was_not_there(tmp_path, mailboxes):
    state = msgspec.structs.replace(STATE, mailboxes=mailboxes)
    assert snapshot.load(written(tmp_path, state)).mailboxes == mailboxes


def document(tmp_path):
    return json.loads(written(tmp_path).read_text(encoding="utf-8"))


def load_of(tmp_path, content):
    path = tmp_path / "made.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    return snapshot.load(path)


def refusal(tmp_path, content):
    with pytest.raises(UsageError) as caught:
        load_of(tmp_path, content)
    assert caught.value.code == "bad-snapshot"
    assert caught.value.params["file"].endswith("made.json")
    return caught.value.params


# ---------------------------------------------------------------- there and back


def test_what_was_written_comes_back_equal(tmp_path):
    assert snapshot.load(written(tmp_path)) == STATE


def test_an_empty_tenant_comes_back_equal(tmp_path):
    state = Current(taken_at=TAKEN, organization=Organization(id="t"))
    assert snapshot.load(written(tmp_path, state)) == state


def test_a_tenant_of_many_pieces_comes_back_equal(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot, "CHUNK", 700)
    users = tuple(User(id=f"u{n:05}", upn=f"u{n:05}@contoso.com", name="é" * (n % 7)) for n in range(2500))
    state = Current(taken_at=TAKEN, organization=Organization(id="t"), users=users)
    assert snapshot.load(written(tmp_path, state)) == state


def test_equal_states_give_equal_bytes(tmp_path):
    first = written(tmp_path).read_bytes()
    assert written(tmp_path).read_bytes() == first


def test_a_snapshot_is_what_its_schema_says(tmp_path):
    schema = json.loads(
        (Path(__file__).parents[2] / "schemas/snapshot.schema.json").read_text(encoding="utf-8")
    )
    validator = jsonschema_rs.validator_for(schema)
    validator.validate(document(tmp_path))
    broken = document(tmp_path)
    del broken["users"][0]["assignedLicenses"]
    assert not validator.is_valid(broken)


def test_every_member_that_is_written_is_described_by_the_schema(tmp_path):
    schema = json.loads(
        (Path(__file__).parents[2] / "schemas/snapshot.schema.json").read_text(encoding="utf-8")
    )
    content = document(tmp_path)
    assert list(content) == list(schema["properties"])
    for name, rows in content.items():
        if isinstance(rows, list):
            part = schema["$defs"][schema["properties"][name]["items"]["$ref"].removeprefix("#/$defs/")]
            assert {key for row in rows for key in row} <= set(part["properties"]), name


def test_each_resource_has_a_line_of_its_own(tmp_path):
    lines = written(tmp_path).read_text(encoding="utf-8").splitlines()
    start = lines.index('"users":[')
    assert lines[start + 3] == "],"
    assert [
        json.loads(line.removesuffix(","))["userPrincipalName"] for line in lines[start + 1 : start + 3]
    ] == [
        "anna@contoso.com",
        "bram@contoso.com",
    ]


def test_graph_spells_the_resources(tmp_path):
    content = document(tmp_path)
    anna = content["users"][0]
    assert anna["proxyAddresses"] == ["smtp:a.devries@contoso.com", "SMTP:anna@contoso.com"]
    # Merged over the sources that give service: a plan is off only where every source has it off.
    assert anna["assignedLicenses"] == [{"skuId": E3, "disabledPlans": []}]
    assert content["deletedUsers"][0]["userPrincipalName"] == f"{CHRIS.replace('-', '')}chris@contoso.com"
    assert content["subscribedSkus"][0]["subscriptionIds"] == ["s1"]
    assert "autoRenew" not in content["subscriptions"][1]
    assert content["roleAssignments"][0]["roleTemplateId"] == GLOBAL
    assert content["taken_at"] == "2026-11-24T02:00:00Z"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = written(tmp_path)
    before = path.read_bytes()

    def fail(*_):
        yield b"{"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(snapshot, "lines", fail)
    with pytest.raises(UsageError) as caught:
        snapshot.write(STATE, path)
    assert caught.value.code == "cannot-write"
    assert caught.value.params == {"file": str(path), "what": "No space left on device"}
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_snapshot_is_for_its_owner_only(tmp_path):
    assert stat.S_IMODE(written(tmp_path).stat().st_mode) == 0o600


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(UsageError) as caught:
        snapshot.write(STATE, tmp_path / "no" / "state.json")
    assert caught.value.code == "cannot-write"


# ---------------------------------------------------------------- any layout

LAYOUTS = {
    "one line": lambda content: json.dumps(content).encode(),
    "indented": lambda content: json.dumps(content, indent=2).encode(),
    "not indented, many lines": lambda content: json.dumps(content, indent=0).encode(),
    "byte order mark": lambda content: b"\xef\xbb\xbf" + json.dumps(content, indent=1).encode(),
    "Windows line ends": lambda content: json.dumps(content, indent=1).replace("\n", "\r\n").encode(),
    "unknown members": lambda content: json.dumps(
        {"more": {"users": [{"id": 1}]}, **content, "x": None}, indent=0
    ).encode(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_another_layout_is_read_the_same(tmp_path, layout):
    assert load_of(tmp_path, LAYOUTS[layout](document(tmp_path))) == STATE


@pytest.mark.parametrize("change", [b"\xef\xbb\xbf", b"\n \n"])
def test_the_usual_layout_may_begin_oddly(tmp_path, change):
    assert load_of(tmp_path, change + written(tmp_path).read_bytes()) == STATE


def test_the_usual_layout_with_windows_line_ends_is_read_the_same(tmp_path):
    assert load_of(tmp_path, written(tmp_path).read_bytes().replace(b"\n", b"\r\n")) == STATE


def test_members_called_users_elsewhere_are_not_the_users(tmp_path):
    usual = written(tmp_path).read_bytes()
    stray = b'{"more":{\n"users":[\n{"id":"x","userPrincipalName":"x","assignedLicenses":[]}\n]},\n'
    assert load_of(tmp_path, stray + usual[1:]) == STATE


def test_a_head_without_end_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot, "_HEAD", 10)
    assert snapshot.load(written(tmp_path)) == STATE


def test_rows_that_break_off_inside_a_piece_are_read_whole(tmp_path, monkeypatch):
    """A row over two lines is no row of its own line; the file is a good one all the same."""
    content = written(tmp_path).read_bytes().replace(b',"displayName"', b'\n,"displayName"')
    monkeypatch.setattr(snapshot, "CHUNK", 100)
    assert load_of(tmp_path, content) == STATE


def test_the_collector_is_on_again_after_a_load(tmp_path):
    path = written(tmp_path)
    snapshot.load(path)
    assert gc.isenabled()
    with pytest.raises(UsageError):
        load_of(tmp_path, b"{")
    assert gc.isenabled()


# ---------------------------------------------------------------- what Graph's own answers look like


def minimal(**user):
    return {
        "format_version": "1.0",
        "taken_at": "2026-11-24T03:00:00+01:00",
        "organization": {"id": "T-1"},
        "users": [{"id": "U-1", "userPrincipalName": "Anna@Contoso.com", "assignedLicenses": [], **user}],
    }


def user_of(tmp_path, **user):
    return load_of(tmp_path, minimal(**user)).users[0]


def test_few_members_are_needed(tmp_path):
    assert load_of(tmp_path, minimal()) == Current(
        taken_at=TAKEN, organization=Organization(id="t-1"), users=(User(id="u-1", upn="anna@contoso.com"),)
    )


def test_everything_arrives_in_canonical_form(tmp_path):
    user = user_of(
        tmp_path,
        mail="Anna@Contoso.COM",
        proxyAddresses=[
            "smtp:B@x.com",
            "SMTP:Anna@Contoso.com",
            "sip:anna@contoso.com",
            "X500:/o=x",
            "c@x.com",
        ],
        usageLocation="nl",
        department="",
        displayName=None,
        assignedLicenses=[{"skuId": E3.upper(), "disabledPlans": [PLAN.upper()]}],
    )
    assert user == User(
        id="u-1",
        upn="anna@contoso.com",
        mail="anna@contoso.com",
        proxy_addresses=("anna@contoso.com", "b@x.com", "c@x.com"),
        usage_location="NL",
        assignments=(Assignment(sku_id=E3, disabled_plans=(PLAN,)),),
    )


def test_without_states_every_licence_is_direct(tmp_path):
    licences = [{"skuId": EMS}, {"skuId": E3}]
    assert user_of(tmp_path, assignedLicenses=licences).assignments == (
        Assignment(sku_id=E3),
        Assignment(sku_id=EMS),
    )


def test_a_licence_that_no_state_tells_of_is_direct(tmp_path):
    user = user_of(
        tmp_path,
        assignedLicenses=[{"skuId": E3, "disabledPlans": []}, {"skuId": EMS, "disabledPlans": [PLAN]}],
        licenseAssignmentStates=[{"skuId": E3, "assignedByGroup": GROUP, "state": "Active", "error": None}],
    )
    assert user.assignments == (
        Assignment(sku_id=E3, assigned_by=GROUP),
        Assignment(sku_id=EMS, disabled_plans=(PLAN,)),
    )


def test_unknown_states_and_errors_are_kept(tmp_path):
    state = {"skuId": E3, "state": "Odd", "error": "Strange", "assignedByGroup": ""}
    user = user_of(tmp_path, licenseAssignmentStates=[state])
    assert user.assignments == (Assignment(sku_id=E3, state="Odd", error="Strange"),)


def test_the_order_of_the_tenants_answers_does_not_matter(tmp_path):
    content = document(tmp_path)
    for rows in content.values():
        if isinstance(rows, list):
            rows.reverse()
    for user in content["users"]:
        user["licenseAssignmentStates"].reverse()
    assert load_of(tmp_path, content) == STATE


def test_users_with_the_same_licences_share_them(tmp_path):
    content = minimal()
    licence = [{"skuId": E3, "disabledPlans": []}]
    content["users"] = [
        {
            "id": f"u{n}",
            "userPrincipalName": f"u{n}@x.com",
            "department": "Sales",
            "assignedLicenses": licence,
        }
        for n in range(2)
    ]
    first, second = load_of(tmp_path, content).users
    assert first.assignments is second.assignments
    assert first.department is second.department


@pytest.mark.parametrize("prefix", [CHRIS.replace("-", ""), CHRIS.replace("-", "").upper(), ""])
def test_a_deleted_users_upn_is_the_one_it_had(tmp_path, prefix):
    content = minimal()
    content["deletedUsers"] = [{"id": CHRIS.upper(), "userPrincipalName": f"{prefix}Chris@Contoso.com"}]
    assert load_of(tmp_path, content).deleted_users == (DeletedUser(id=CHRIS, upn="chris@contoso.com"),)


def test_a_role_is_known_by_either_of_graphs_names(tmp_path):
    content = minimal()
    content["roleAssignments"] = [
        {"principalId": "b", "roleDefinitionId": GLOBAL.upper(), "directoryScopeId": "/"},
        {"principalId": "a", "roleTemplateId": GLOBAL},
    ]
    assert load_of(tmp_path, content).role_assignments == (
        RoleAssignment(principal_id="a", role="global-administrator"),
        RoleAssignment(principal_id="b", role="global-administrator"),
    )


# ---------------------------------------------------------------- what can't be read


@pytest.mark.parametrize("missing", ["id", "userPrincipalName", "assignedLicenses"])
def test_a_user_must_have(tmp_path, missing):
    content = minimal()
    content["users"].insert(0, {"id": "x", "userPrincipalName": "x@x.com", "assignedLicenses": []})
    del content["users"][1][missing]
    params = refusal(tmp_path, json.dumps(content, indent=2).encode())
    assert params["path"] == "users[1]"
    assert params["what"] == f"Object missing required field `{missing}`"
    assert params["line"] == 13


def test_the_place_of_a_bad_row_is_told_in_the_usual_layout_too(tmp_path):
    content = written(tmp_path).read_bytes().replace(b'"usageLocation":null', b'"usageLocation":7')
    params = refusal(tmp_path, content)
    assert (params["path"], params["line"]) == ("users[1].usageLocation", 6)


@pytest.mark.parametrize(
    ("member", "row", "path"),
    [
        (
            "users",
            {"id": "x", "userPrincipalName": "x", "assignedLicenses": [{"skuId": 1}]},
            "users[0][0].skuId",
        ),
        ("users", {"id": "", "userPrincipalName": "x", "assignedLicenses": []}, "users[0].id"),
        ("deletedUsers", {"id": "x", "userPrincipalName": "y", "assignedLicenses": 3}, "deletedUsers[0]"),
        (
            "subscribedSkus",
            {"skuId": "x", "skuPartNumber": "y", "consumedUnits": "2"},
            "subscribedSkus[0].consumedUnits",
        ),
        (
            "subscriptions",
            {"id": "x", "skuId": "y", "nextLifecycleDateTime": "soon"},
            "subscriptions[0].nextLifecycleDateTime",
        ),
        ("removals", {"userId": "x", "skuId": "y"}, "removals[0]"),
        ("groups", "Sales", "groups[0]"),
    ],
)
def test_a_bad_row_is_placed(tmp_path, member, row, path):
    assert refusal(tmp_path, {**minimal(), member: [row]})["path"] == path


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"{", 1),
        (b'{"users": [}', 1),
        (b"{\n\n x", 3),
        (b'{"format_version": "1.0",\n"users": [1, 2', 2),
    ],
)
def test_what_is_no_json_is_placed_by_its_line(tmp_path, content, line):
    assert refusal(tmp_path, content)["line"] == line


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    refusal(tmp_path, json.dumps(minimal()).encode("utf-16"))
    refusal(tmp_path, json.dumps(minimal(displayName="é"), ensure_ascii=False).encode("latin-1"))


@pytest.mark.parametrize("content", [b"[]", b"7", b'{"users": 3, "format_version": "1.0"}'])
def test_json_of_another_kind_is_refused(tmp_path, content):
    assert "Expected" in refusal(tmp_path, content)["what"]


def test_a_deleted_user_whose_licences_make_no_sense_is_placed(tmp_path):
    content = minimal()
    content["deletedUsers"] = [
        {"id": "x", "userPrincipalName": "y", "licenseAssignmentStates": [{"no": "sku"}]}
    ]
    params = refusal(tmp_path, content)
    assert (params["path"], params["what"]) == ("deletedUsers[0][0]", "Object missing required field `skuId`")


@pytest.mark.parametrize("member", ["format_version", "taken_at", "organization", "users"])
def test_a_snapshot_must_have(tmp_path, member):
    content = minimal()
    del content[member]
    assert member in refusal(tmp_path, content)["what"]


@pytest.mark.parametrize(("version", "good"), [("1.0", True), ("1.7", True), ("2.0", False), ("", False)])
def test_only_a_major_version_that_is_known_is_read(tmp_path, version, good):
    content = {**minimal(), "format_version": version}
    if good:
        assert load_of(tmp_path, content).users
    else:
        assert refusal(tmp_path, content)["path"] == "format_version"


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ({"id": "u-2", "userPrincipalName": "ANNA@contoso.com"}, "two users are anna@contoso.com"),
        ({"id": "u-1", "userPrincipalName": "bram@contoso.com"}, "two users have the same id"),
    ],
)
def test_two_users_can_not_be_one(tmp_path, second, what):
    content = minimal()
    content["users"].append({**second, "assignedLicenses": []})
    assert refusal(tmp_path, content)["what"] == what


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError) as caught:
        snapshot.load(tmp_path / "none.json")
    assert caught.value.code == "bad-snapshot"
    assert caught.value.params == {"file": str(tmp_path / "none.json"), "what": "No such file or directory"}


# ---------------------------------------------------------------- who acts


def test_the_first_global_administrator_acts_where_nobody_is_named():
    roles = [RoleAssignment(principal_id=BRAM, role="global-administrator"), *STATE.role_assignments]
    state = Current(
        taken_at=TAKEN, organization=STATE.organization, users=STATE.users, role_assignments=tuple(roles)
    )
    assert snapshot.default_actor(state) == Actor(
        id=ANNA, name="anna@contoso.com", roles=("global-administrator",)
    )


def test_the_named_user_acts_with_the_roles_that_hold_everywhere():
    assert snapshot.default_actor(STATE, "Bram@contoso.com") == Actor(id=BRAM, name="bram@contoso.com")


@pytest.mark.parametrize("upn", ["nobody@contoso.com", "chris@contoso.com"])
def test_a_user_who_is_not_there_can_not_act(upn):
    with pytest.raises(UsageError) as caught:
        snapshot.default_actor(STATE, upn)
    assert (caught.value.code, caught.value.params) == ("unknown-actor", {"upn": upn})


def test_a_tenant_without_a_global_administrator_needs_a_name():
    state = Current(taken_at=TAKEN, organization=STATE.organization, users=STATE.users)
    with pytest.raises(UsageError) as caught:
        snapshot.default_actor(state)
    assert (caught.value.code, caught.value.params) == ("unknown-actor", {"upn": None})


def test_reading_a_snapshot_loads_no_http_client(tmp_path):
    code = (
        "import sys; from pathlib import Path; from reconciler.directory import snapshot;"
        "snapshot.load(Path(sys.argv[1])); sys.exit('httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(written(tmp_path))], check=False).returncode == 0
