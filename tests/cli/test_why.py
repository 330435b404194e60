"""`reconciler why`: for each licence of a user its source, who wants it, and what apply would do."""

import json
from datetime import UTC, datetime

import pytest
from msgspec import structs

from reconciler.journal import Intent, Result, Run, RunStart
from reconciler.looking.why import nearest, since_of
from reconciler.model import DeletedUser, Group, Subscription
from reconciler.plan import ActorInfo, TenantInfo, UserRef
from tests.cli import states

FILE = """\
version: 1
tenant: {domain: contoso.com}
bundles:
  office: [ENTERPRISEPACK, {sku: EMS, disable: [INTUNE_A]}]
users:
  anna@contoso.com:
    licenses: [office, SPE_F1]
    exclude: [EMS]
    reason: "works\\tat \\e[2J the front desk"
  bram@contoso.com: {licenses: {add: [{sku: EMS, disable: [INTUNE_A]}]}}
  dora@contoso.com: {licenses: []}
  olga@contoso.com: {ensure: absent}
  oscar@contoso.com: {enabled: false}
  una@contoso.com: {id: 99999999-2222-3333-4444-555555555555, licenses: [EMS]}
  vera@contoso.com: {name: Vera, licenses: [ENTERPRISEPACK]}
  newcomer@contoso.com: {name: New Comer, usage_location: NL, licenses: [EMS]}
"""
VERA = DeletedUser(
    id="id-vera",
    upn="vera@contoso.com",
    name="Vera",
    usage_location="NL",
    deleted_at=datetime(2026, 11, 20, tzinfo=UTC),
    assignments=(states.held("ENTERPRISEPACK"),),
)
WILL = structs.replace(VERA, id="id-will", upn="will@contoso.com", name="Will", deleted_at=None)
AT = ("--at", "2026-11-24")


@pytest.fixture
def state(workdir):
    (workdir / "tenant.yaml").write_text(FILE)
    return states.save(workdir, states.tenant(deleted_users=(VERA, WILL)))


@pytest.fixture
def why(run, state):
    """Return what is said of a user, as data."""

    def why(name):
        ran = run("why", name if "@" in name else f"{name}@contoso.com", "--snapshot", state, "--json", *AT)
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)

    return why


@pytest.fixture
def told(run, state):
    """Return what is said of a user, as text."""

    def told(name, *options):
        ran = run("why", f"{name}@contoso.com", "--snapshot", state, *AT, *options)
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    return told


def line_of(found, sku):
    (line,) = (one for one in found["licenses"] if one["sku"] == sku)
    return line


# ------------------------------------------------------------ licences


def test_each_licence_has_its_source_its_line_and_its_fate(told):
    assert told("anna") == (
        "anna@contoso.com Anna\n"
        "  account    enabled member, usage location NL, department Sales\n"
        "  entry      tenant.yaml:6 means this user by its UPN; its list is all that the\n"
        "             user may hold directly\n"
        "  reason     works\\u{9}at \\u{1b}[2J the front desk\n"
        "\n"
        "Licences\n"
        "  EMS (Enterprise Mobility + Security E3)\n"
        "      held       through group Sales\n"
        "      wanted     no: excluded by tenant.yaml:8\n"
        "      apply      leaves it as it is\n"
        "  ENTERPRISEPACK (Office 365 E3)\n"
        "      held       directly\n"
        "      wanted     by the entry, bundle office, tenant.yaml:7\n"
        "      apply      leaves it as it is\n"
        "  \u00d7 SPE_F1 (Microsoft 365 F3)\n"
        "      held       no\n"
        "      wanted     by the entry, tenant.yaml:7\n"
        "      apply      would do nothing now, since it is blocked; else it assigns it\n"
        "\n" + told("anna").partition("it assigns it\n\n")[2]
    )
    assert "inherited: " in told("anna")
    assert told("anna").splitlines()[-1].startswith("Apply can't assign SPE_F1 now (exclusive-plans)")


def test_the_data_says_the_same(why):
    found = why("anna")
    ems = line_of(found, "EMS")
    assert [(one["source"], one["group"]) for one in ems["held"]] == [("group", "Sales")]
    assert ems["excluded"] == exception(8)
    assert line_of(found, "ENTERPRISEPACK")["wanted"] == [
        {
            "rule": "users",
            "group": None,
            "bundle": "office",
            "until": None,
            "file": "tenant.yaml",
            "line": 7,
        },
    ]
    spe = line_of(found, "SPE_F1")
    assert (spe["held"], spe["apply"], spe["blocked"]) == ([], "assign", True)
    assert found["entry"]["found_by"] == "upn"
    assert found["entry"]["line"] == 6
    assert [one["code"] for one in found["conflicts"]] == ["exclusive-plans", "exclusive-plans", "inherited"]
    assert found["verdict"].startswith("Apply can't assign SPE_F1 now")


def test_plans_that_are_off_are_named_now_and_afterwards(why, told):
    assert "then off   INTUNE_A" in told("bram")
    ems = line_of(why("bram"), "EMS")
    assert (ems["plans_off"], ems["plans_off_after"], ems["apply"]) == ([], ["INTUNE_A"], "assign")


def test_a_plan_is_off_only_where_every_source_turns_it_off(run, workdir):
    user = states.user(
        "anna",
        states.held("EMS", off=("INTUNE_A", "RMS_S_PREMIUM")),
        states.held("EMS", off=("INTUNE_A",), group="g-sales"),
    )
    state = states.save(workdir, states.tenant((states.ADMIN, user)))
    ran = run("why", "anna@contoso.com", "--snapshot", state)
    assert "plans off  INTUNE_A\n" in ran.out


def test_plans_that_are_switched_on_again_are_told(run, workdir):
    (workdir / "tenant.yaml").write_text(
        "version: 1\nusers: {anna@contoso.com: {licenses: [{sku: EMS, disable: []}]}}\n"
    )
    user = states.user("anna", states.held("EMS", off=("INTUNE_A",)))
    state = states.save(workdir, states.tenant((states.ADMIN, user)))
    out = run("why", "anna@contoso.com", "--snapshot", state).out
    assert "~ EMS" in out
    assert "then off   none: all are on" in out
    assert out.endswith("Apply would change EMS.\n")


def test_what_is_lost_is_told_with_its_deadline(told):
    out = told("olga")
    assert "What apply would destroy or risk" in out
    assert "To prevent it: " in out
    assert "recoverable until 2026-12-24" in " ".join(out.split())
    assert out.endswith("Apply would delete the user, with all licences.\n")


def test_a_licence_in_error_says_what_the_error_means(told):
    assert "held       through group Sales, in error: CountViolation: no seat was" in told("fay")


def test_an_address_that_several_users_have_names_nobody(run, workdir):
    """To show one of them would answer another question than was asked."""
    people = [states.user(name, mail="sales@contoso.com") for name in ("anna", "bram")]
    state = states.save(workdir, states.tenant((states.ADMIN, *people)))
    ran = run("why", "sales@contoso.com", "--snapshot", state)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: sales@contoso.com is an address of 2 users; name one by UPN: "
        "anna@contoso.com or bram@contoso.com.\n"
    )


def test_a_state_of_the_future_is_shown_as_it_is(run, workdir):
    odd = states.user("anna", states.held("EMS", state="Dormant"))
    state = states.save(workdir, states.tenant((states.ADMIN, odd)))
    assert "held       directly, state Dormant" in run("why", "anna@contoso.com", "--snapshot", state).out


def test_ignored_skus_are_marked(told):
    assert "is not counted as a licence (`ignore_skus`)" in told("freya")


def test_a_role_holder_is_told_with_the_role(told):
    assert "  roles      Global Administrator\n" in told("admin")


# ------------------------------------------------------------ who is meant


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bram", "means this user by its UPN; licences are only added"),
        ("dora", "means this user by its UPN; no direct licence"),
        ("olga", "means this user by its UPN; shall be deleted"),
        ("oscar", "means this user by its UPN; licences are not managed"),
        ("freya", "none: not listed, so licences stay as they are"),
        ("newcomer", "means a user who does not exist yet"),
        ("vera", "means the deleted user"),
    ],
)
def test_the_entry_says_whom_it_means_and_what_it_wants(told, name, says):
    assert says in " ".join(told(name).split())


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("freya", "Apply would change nothing for this user."),
        ("newcomer", "Apply would create the user and assign EMS."),
        ("vera", "Apply would restore the user."),
        ("dora", "Apply would revoke EMS."),
    ],
)
def test_a_sentence_says_what_apply_would_do(told, name, verdict):
    assert told(name, "--use-grace").splitlines()[-1] == verdict or name == "newcomer"


def test_a_user_who_comes_back_gets_the_licences_back(why):
    found = why("vera")
    assert (found["exists"], found["deleted_at"]) == (False, "2026-11-20T00:00:00Z")
    assert line_of(found, "ENTERPRISEPACK")["apply"] == "restore"


def test_a_deleted_user_whom_no_entry_names_is_known(told, why):
    assert "account    deleted; `reconciler recoverable` says" in told("will")
    assert why("will")["entry"] is None


def test_a_user_is_found_by_id_and_by_any_address(run, workdir):
    user = states.user("anna", mail="anna.devries@contoso.com", proxy_addresses=("sales@contoso.com",))
    state = states.save(workdir, states.tenant((states.ADMIN, user)))
    for name in ("ID-ANNA", "Anna.DeVries@contoso.com", "sales@contoso.com"):
        ran = run("why", name, "--snapshot", state)
        assert ran.out.startswith("anna@contoso.com Anna\n")


def test_an_entry_that_means_a_user_by_its_id_is_shown_with_its_upn(run, workdir):
    key = "99999999-2222-3333-4444-555555555555"
    (workdir / "tenant.yaml").write_text(
        f"version: 1\nusers: {{old@contoso.com: {{id: {key}, licenses: [EMS]}}}}\n"
    )
    state = states.save(workdir, states.tenant((states.ADMIN, states.user("anna", id=key))))
    out = run("why", "anna@contoso.com", "--snapshot", state).out
    assert "tenant.yaml:2 (old@contoso.com) means this user by its id" in out


def test_an_entry_that_is_in_conflict_says_that_nothing_happens(run, workdir):
    """A typing error in a UPN: the entry means nobody, and creates nobody."""
    (workdir / "tenant.yaml").write_text("version: 1\nusers: {bramm@contoso.com: {licenses: [EMS]}}\n")
    state = states.save(workdir)
    out = run("why", "bramm@contoso.com", "--snapshot", state).out
    assert "account    does not exist in the tenant" in out
    assert "has this UPN, but it is not certain whom it means" in " ".join(out.split())
    assert out.endswith("Apply would do nothing for this user: the conflict stands in the way.\n")


def test_a_conflict_that_will_hit_the_user_is_told(run, workdir):
    ending = Subscription(
        id="s", sku_id=states.sid("EMS"), seats=4, auto_renew=False, next_lifecycle=states.soon(10)
    )
    state = states.save(workdir, states.tenant(subscriptions=(ending,)))
    assert "! expiring: EMS" in run("why", "anna@contoso.com", "--snapshot", state).out
    assert "! expiring: EMS" not in run("why", "bram@contoso.com", "--snapshot", state).out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ana@contoso.com", "Did you mean anna@contoso.com"),
        ("newcommer@contoso.com", "Did you mean newcomer@contoso.com?"),
        ("anna", "Did you mean anna@contoso.com?"),
        ("zzzzzzzz@fabrikam.example", "no entry names such a user.\n"),
    ],
)
def test_an_unknown_user_is_told_with_the_nearest(run, state, name, hint):
    ran = run("why", name, "--snapshot", state)
    assert (ran.code, ran.out) == (1, "")
    assert hint in ran.err


def test_the_nearest_of_very_many_is_found_by_its_beginning_or_end():
    many = [f"user{number:05}@contoso.com" for number in range(6000)]
    assert nearest("xsr00042@contoso.com", many)[0].endswith("042@contoso.com")
    assert nearest("nothing-like-it", many) == []


# ------------------------------------------------------------ since when


def test_a_licence_that_apply_assigned_has_a_date_until_it_is_taken_away(run, workdir):
    run("sandbox", "reset")
    tenant = "version: 1\nusers:\n  anna@contoso.com: {licenses: [ENTERPRISEPACK, %s]}\n"
    (workdir / "tenant.yaml").write_text(tenant % "POWER_BI_PRO, EMS")
    assert run("apply", "--auto-approve").code == 0
    power_bi = line_of(json.loads(run("why", "anna@contoso.com", "--json").out), "POWER_BI_PRO")
    assert power_bi["since"]["at"][:10] == datetime.now(UTC).date().isoformat()
    assert f"directly, since {power_bi['since']['at'][:10]} (run {power_bi['since']['run']})" in " ".join(
        run("why", "anna@contoso.com").out.split()
    )
    assert line_of(json.loads(run("why", "anna@contoso.com", "--json").out), "EMS")["since"] is None
    (workdir / "tenant.yaml").write_text(tenant % "EMS")
    assert run("apply", "--auto-approve", "--accept-data-loss").code == 0
    skus = [one["sku"] for one in json.loads(run("why", "anna@contoso.com", "--json").out)["licenses"]]
    assert skus == ["EMS", "ENTERPRISEPACK"]


def test_without_a_file_the_licences_are_explained_all_the_same(run, workdir):
    ran = run("why", "anna@contoso.com", "--snapshot", states.save(workdir))
    assert (ran.code, ran.err) == (0, "")
    assert "entry      none: not listed" in ran.out


def test_who_acts_must_be_known(run, workdir):
    state = states.save(workdir, states.tenant(role_assignments=()))
    assert run("why", "anna@contoso.com", "--snapshot", state).code == 1


E3, EMS = states.sid("ENTERPRISEPACK"), states.sid("EMS")
TENANT = TenantInfo(id="t", domain="contoso.com", provider="sandbox")
HEAD = {
    "tool_version": "0",
    "plan_digest": "p",
    "desired_digest": "d",
    "tenant": TENANT,
    "actor": ActorInfo(name="admin@contoso.com", roles=()),
    "options": {},
    "changes": 1,
}


def ran(day, before, after, *, status="done", user="id-anna", kind="set-licenses"):
    """Return a run that brought a user from one set of direct licences to another."""
    moment = datetime(2026, 11, day, tzinfo=UTC)
    name = f"run-{day}"
    about = {"run": name, "time": moment, "address": "users/anna@contoso.com/licenses", "kind": kind}
    states_ = [
        {"assignments": [{"sku_id": one, "assigned_by": by} for one, by in rows]} for rows in (before, after)
    ]
    intent = Intent(
        **about,
        user=UserRef(id=user, upn="anna@contoso.com", name="Anna"),
        before=states_[0],
        after=states_[1],
    )
    results = (Result(**about, status=status),) if status else ()
    start = RunStart(run=name, time=moment, **HEAD)
    return Run(id=name, start=start, intents=(intent,), results=results)


OWN_E3, OWN_EMS, GROUP_EMS = (E3, None), (EMS, None), (EMS, "g-sales")


@pytest.mark.parametrize(
    ("runs", "known"),
    [
        ([ran(1, [], [OWN_E3])], {E3: 1}),
        ([ran(1, [], [OWN_E3]), ran(2, [OWN_E3], [OWN_E3, OWN_EMS])], {E3: 1, EMS: 2}),
        ([ran(1, [], [OWN_E3]), ran(2, [OWN_E3], [])], {}),
        ([ran(1, [], [OWN_E3]), ran(2, [OWN_E3], []), ran(3, [], [OWN_E3])], {E3: 3}),
        ([ran(1, [GROUP_EMS], [GROUP_EMS, OWN_EMS])], {EMS: 1}),
        ([ran(1, [], [OWN_E3], status="failed")], {}),
        ([ran(1, [], [OWN_E3], status="unknown")], {}),
        ([ran(1, [], [OWN_E3], status=None)], {}),
        ([ran(1, [], [OWN_E3], user="id-bram")], {}),
        ([ran(1, [], [OWN_E3], kind="restore-user")], {}),
    ],
)
def test_since_when_is_what_the_journal_is_certain_of(runs, known):
    assert {sku: since.at.day for sku, since in since_of(runs, "id-anna").items()} == known


# ------------------------------------------------------------ groups, rules and dates


def sales(*members, gives=()):
    """Return the group Sales with its members, who may be none."""
    ids = tuple(sorted(f"id-{name}" for name in members))
    return Group(id="g-sales", name="Sales", assignments=tuple(map(states.held, gives)), members=ids)


@pytest.fixture
def declared(run, workdir):
    """Return what is said of a user, as text or data, given a file, users and groups."""

    def declared(file, *people, name="anna", groups=(), as_json=True):
        (workdir / "tenant.yaml").write_text("version: 1\ntenant: {domain: contoso.com}\n" + file)
        state = states.save(workdir, states.tenant((states.ADMIN, *people), groups=groups))
        options = ("--json",) if as_json else ()
        ran = run("why", f"{name}@contoso.com", "--snapshot", state, *AT, *options)
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out) if as_json else ran.out

    return declared


def wish(line, **fields):
    """Return a line that asks for a licence."""
    empty = {"rule": "groups", "group": None, "bundle": None, "until": None}
    return {**empty, "file": "tenant.yaml", "line": line, **fields}


def test_a_member_is_told_what_the_groups_licences_give_and_take(declared):
    file = "groups:\n  Sales: {licenses: {replace: [EMS, {sku: SPE_F1, until: 2027-03-31}]}}\n"
    anna, bram = (
        states.user(name, states.held("ENTERPRISEPACK", group="g-sales"), states.held("EMS", group="g-sales"))
        for name in ("anna", "bram")
    )
    groups = (sales("anna", "bram", gives=("EMS", "ENTERPRISEPACK")),)
    found = declared(file, anna, bram, groups=groups)
    assert [(one["sku"], one["apply"], one["blocked"], one["wanted"]) for one in found["licenses"]] == [
        ("EMS", "keep", False, [wish(4, group="Sales")]),
        ("ENTERPRISEPACK", "revoke", True, []),
        ("SPE_F1", "assign", True, [wish(4, group="Sales", until="2027-03-31")]),
    ]
    assert [one["address"] for one in found["changes"]] == ["groups/Sales/licenses"]


def test_of_a_groups_change_only_what_it_does_to_the_user_is_told(declared):
    """Bram loses a service with it, Anna does not: another's loss is not hers."""
    file = "groups:\n  Sales: {licenses: {replace: []}}\n"
    anna = states.user("anna", "EMS", states.held("EMS", group="g-sales"))
    bram = states.user("bram", states.held("EMS", group="g-sales"))
    groups = (sales("anna", "bram", gives=("EMS",)),)
    cees = states.user("cees")
    assert declared(file, anna, bram, groups=groups)["changes"] == []
    assert declared(file, anna, bram, cees, groups=groups, name="cees")["changes"] == []
    (change,) = declared(file, anna, bram, groups=groups, name="bram")["changes"]
    assert change["address"] == "groups/Sales/licenses"
    text = declared(file, anna, bram, groups=groups, name="bram", as_json=False)
    assert "anna@contoso.com" not in text
    assert text.endswith("Apply would take EMS through group Sales.\n")


def test_who_joins_and_who_leaves_a_group_gets_and_loses_its_licences(declared):
    file = "groups:\n  SALES: {licenses: [EMS], members: [anna@contoso.com]}\n"
    people = (states.user("anna"), states.user("bram", states.held("EMS", group="g-sales")))
    groups = (sales("bram", gives=("EMS",)),)
    joins = declared(file, *people, groups=groups)
    assert [(one["sku"], one["apply"], one["wanted"]) for one in joins["licenses"]] == [
        ("EMS", "assign", [wish(4, group="Sales")])
    ]
    assert joins["verdict"] == "Apply would add the user to group Sales."
    leaves = declared(file, *people, groups=groups, name="bram")
    assert [(one["sku"], one["apply"], one["wanted"]) for one in leaves["licenses"]] == [
        ("EMS", "revoke", [])
    ]
    assert leaves["verdict"] == "Apply would take the user out of group Sales."


def test_who_is_created_into_a_group_gets_its_licences(declared):
    file = (
        "users: {nora@contoso.com: {name: Nora, usage_location: NL}}\n"
        "groups:\n  Sales: {licenses: [EMS], members: [nora@contoso.com]}\n"
    )
    found = declared(file, groups=(sales(),), name="nora")
    assert [(one["sku"], one["apply"], one["wanted"]) for one in found["licenses"]] == [
        ("EMS", "assign", [wish(5, group="Sales")])
    ]
    assert found["verdict"] == "Apply would create the user and add the user to group Sales."


def test_what_one_change_gives_and_the_next_takes_comes_to_nothing(declared):
    """Anna leaves the group in the run in which it gets a licence."""
    file = "groups:\n  Sales: {licenses: [EMS], members: [bram@contoso.com]}\n"
    people = (states.user("anna"), states.user("bram"))
    found = declared(file, *people, groups=(sales("anna"),))
    assert [(one["address"]) for one in found["changes"]] == [
        "groups/Sales/licenses",
        "groups/Sales/members/anna@contoso.com",
    ]
    assert found["licenses"] == []


def test_plans_that_a_group_turns_off_are_told_as_they_will_be(declared):
    file = "groups:\n  Sales: {licenses: [{sku: EMS, disable: [INTUNE_A]}], members: [anna@contoso.com]}\n"
    (ems,) = declared(file, states.user("anna"), groups=(sales(),))["licenses"]
    assert (ems["plans_off"], ems["plans_off_after"]) == ([], ["INTUNE_A"])


def test_a_group_whose_name_is_not_certain_asks_for_nothing(declared):
    file = "groups:\n  Sales: {licenses: [EMS]}\n"
    twin = structs.replace(sales(), id="g-twin", name="SALES")
    anna = states.user("anna", states.held("EMS", group="g-sales"))
    (ems,) = declared(file, anna, groups=(sales("anna", gives=("EMS",)), twin))["licenses"]
    assert (ems["wanted"], ems["apply"]) == ([], "keep")


RULE = """\
rules:
  - {name: sales, when: {department: Sales}, licenses: [{sku: EMS, until: 2027-03-31}], exclude: [SPE_F1]}
"""


def test_a_rule_that_matches_is_told_with_its_line_and_its_last_day(declared):
    anna = states.user("anna", states.held("SPE_F1"), department="Sales")
    text = declared(RULE, anna, as_json=False)
    assert "entry      none; rule sales asks for licences" in text
    assert "wanted     by rule sales, until 2027-03-31, tenant.yaml:4" in text
    assert "wanted     no: excluded by rule sales, tenant.yaml:4" in text
    ems, spe = declared(RULE, anna)["licenses"]
    assert (ems["wanted"], ems["apply"]) == ([wish(4, rule="sales", until="2027-03-31")], "assign")
    assert (spe["excluded"], spe["apply"]) == (exception(4, rule="sales"), "revoke")


def exception(line, **facts):
    """Return an exception as JSON tells it."""
    none = {"rule": "users", "reason": None, "owner": None, "until": None}
    return {**none, "file": "tenant.yaml", "line": line, **facts}


def test_an_exception_is_told_with_its_reason_its_owner_and_its_end(declared):
    file = (
        "users:\n  anna@contoso.com:\n    exclude:\n"
        "      - {sku: EMS, reason: has her own, owner: it-security, until: 2027-01-31}\n"
    )
    anna = states.user("anna", states.held("EMS"))
    text = " ".join(declared(file, anna, as_json=False).split())
    assert (
        "wanted no: excluded by tenant.yaml:6 (reason: has her own; owner: it-security; until 2027-01-31)"
        in text
    )
    (ems,) = declared(file, anna)["licenses"]
    assert ems["excluded"] == exception(6, reason="has her own", owner="it-security", until="2027-01-31")


def test_whom_no_rule_matches_is_asked_nothing_by_it(declared):
    assert declared(RULE, states.user("anna", department="Support"))["licenses"] == []


def test_an_ended_licence_is_taken_and_no_longer_wanted(declared):
    file = "users: {anna@contoso.com: {licenses: {add: [{sku: EMS, until: 2026-11-23}]}}}\n"
    (ems,) = declared(file, states.user("anna", "EMS"))["licenses"]
    assert (ems["wanted"], ems["apply"]) == ([], "revoke")
