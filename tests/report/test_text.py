"""A plan for people: what is shown, in which order, at which width, and never obeyed by a terminal."""

import io
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from reconciler import catalog
from reconciler import plan as p
from reconciler.report import text
from tests.report.samples import (
    SALES,
    account,
    conflict,
    everything,
    group_licences,
    large,
    licence,
    licences,
    membership,
    plan,
    seat_row,
    seats,
)

GOLDEN = Path(__file__).parent / "golden"


def shown(of, width=80, *, encoding="utf-8", **options):
    """Return what a pipe gets."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, write_through=True) as file:
        text.render(of, Console(file=file, width=width), **options)
        return raw.getvalue().decode(encoding)


def on_terminal(of, **environment):
    file = io.StringIO()
    console = Console(
        file=file, width=80, force_terminal=True, _environ={"TERM": "xterm-256color", **environment}
    )
    text.render(of, console)
    return file.getvalue()


def many(number):
    return tuple(
        licences(f"user{n:03}", (licence("SPE_E5", n + 1),), (licence("ENTERPRISEPACK", n + 1),))
        for n in range(number)
    )


# ------------------------------------------------------------ the whole page


@pytest.mark.parametrize(
    ("name", "of", "options"),
    [
        ("everything-80", everything(), {}),
        ("everything-120", everything(), {"width": 120}),
        ("everything-ascii", everything(), {"encoding": "ascii"}),
        ("large-80", large(), {}),
        ("large-120", large(), {"width": 200}),
        ("large-ascii", large(), {"encoding": "ascii", "everything": True}),
        ("many", plan(summary=p.Summary(assign=412, revoke=412), changes=many(412)), {}),
        ("nothing", plan(summary=p.Summary(unlisted_users=3)), {}),
    ],
)
def test_a_plan_is_shown_exactly_like_this(name, of, options):
    assert shown(of, **options) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_what_stops_or_costs_or_destroys_stands_before_the_rest():
    titles = [line for line in shown(everything()).splitlines() if line and line[0] != " "]
    assert titles == [
        "Plan for contoso.com (sandbox)",
        "Refused by guard rails",
        "Purchases",
        "Conflicts",
        "Removals",
        "Other changes",
        "Seats",
        "A guard rail refuses the plan as a whole: apply changes nothing without",
        "`--allow max-revocations`.",
        "With that, 11 changes are ready to apply; 2 are blocked (`apply --partial`",
        "leaves them out).",
        "What costs money is left out, unless applied with `--buy`.",
    ]


def test_where_a_rail_refuses_beside_blocked_changes_the_page_says_which_of_them_it_counted():
    """The figures of the header count blocked changes too, so the two differ."""
    told = "Guard rails count what is ready; the figures above count what is blocked, too."
    found = everything()
    alone = msgspec.structs.replace(found, changes=found.ready)
    assert [told in " ".join(shown(of).split()) for of in (found, alone)] == [True, False]


def test_of_several_refusing_rails_the_last_lines_name_every_flag():
    rails = tuple(
        p.Refusal(code=code, allow=f"--allow {code}") for code in ("max-deletions", "max-revocations")
    )
    assert (
        "Guard rails refuse the plan as a whole: apply changes nothing without "
        "`--allow max-deletions --allow max-revocations`. With that, "
    ) in " ".join(shown(msgspec.structs.replace(everything(), refusals=rails)).split())


@pytest.mark.parametrize("of", [everything(), large()], ids=["everything", "large"])
@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_page_but_where_a_word_is(width, of):
    page = max(40, min(width, 120))
    for line in shown(of, width).splitlines():
        words = [cell_len(word) for word in re.findall(r"(?:`[^`]*`|\S)+", line)]
        assert cell_len(line) <= page or len(words) == 1 or cell_len(line) - max(words) <= page // 2, line


def test_equal_plans_give_the_same_text():
    assert shown(everything()) == shown(everything())


# ------------------------------------------------------------ nothing to do


def test_a_plan_with_nothing_to_do_says_so():
    assert shown(plan()).endswith("\nNothing to do: the tenant is as declared.\n")


@pytest.mark.parametrize(("number", "told"), [(1, "1 change is blocked."), (3, "3 changes are blocked.")])
def test_a_plan_with_only_blocked_changes_counts_them(number, told):
    stuck = tuple(
        licences(f"u{n}", (licence("EMS"),), status="blocked", blocked_by=("no-seats",))
        for n in range(number)
    )
    assert shown(plan(changes=stuck)).endswith(f"\nNothing to do: {told}\n")


def test_a_plan_whose_changes_were_not_even_made_points_to_the_conflicts():
    assert "Nothing to do: conflicts stand in the way" in shown(
        plan(conflicts=(conflict("unknown-user", "anan"),))
    )


def test_one_ready_change_is_told_in_the_singular():
    assert "\n1 change is ready to apply.\n" in shown(plan(changes=many(1)))


# ------------------------------------------------------------ grouping


def test_equal_changes_of_many_users_are_one_row_with_the_first_names():
    page = shown(plan(changes=many(412)), 120)
    assert "412 users  ENTERPRISEPACK (Office 365 E3) → SPE_E5 (Microsoft 365 E5)" in page
    assert "user000@contoso.com, user001@contoso.com, user002@contoso.com … and 409" in page
    assert "`show --all` and `--json`" in page


def test_nothing_is_cut_where_everything_is_asked_for():
    page = shown(plan(changes=many(412)), everything=True)
    assert all(f"user{n:03}@contoso.com" in page for n in range(412))
    assert "--all" not in page


def test_a_list_is_not_cut_for_the_sake_of_one_item():
    assert "more" not in shown(plan(changes=many(4)))
    assert "… and 2 more" in shown(plan(changes=many(5)), 120)


@pytest.mark.parametrize(
    "other",
    [
        licences("zoe", (licence("SPE_E5"),)),
        licences("zoe", (licence("SPE_E5", off=("plan-a",)),), (licence("ENTERPRISEPACK"),)),
        licences("zoe", (licence("SPE_E5"),), (licence("ENTERPRISEPACK"),), effects=("Teams: chats",)),
        licences(
            "zoe",
            (licence("SPE_E5"),),
            (licence("ENTERPRISEPACK"),),
            status="blocked",
            blocked_by=("no-seats",),
        ),
        licences("zoe", (licence("SPE_E5"),), (licence("ENTERPRISEPACK"),), permitted=False),
        licences(
            "zoe",
            (licence("SPE_E5"),),
            (licence("ENTERPRISEPACK"),),
            warnings=(p.Warning(code="mailbox-deletion", recoverable_until="2026-12-24"),),
        ),
    ],
)
def test_a_change_that_differs_in_anything_that_matters_stands_alone(other):
    page = shown(plan(changes=(*many(3), other)))
    assert "3 users" in page
    assert "4 users" not in page


def test_conflicts_with_the_same_way_out_are_told_together():
    page = shown(plan(conflicts=tuple(conflict("no-usage-location", f"u{n}") for n in range(9))))
    assert "! no-usage-location (9)" in page
    assert "… and 6 more" in page
    assert page.count("Set `usage_location` in the user's entry.") == 1


def test_services_lost_with_one_deadline_are_told_together_until_all_is_asked_for():
    lost = tuple(
        p.Warning(
            code="data-deletion",
            params={"service": key, "title": title, "plans": [], "days": days, "known": known},
            recoverable_until="2026-12-24" if days else None,
        )
        for key, title, days, known in [
            ("forms", "Forms", 30, True),
            ("sway", "Sway", 30, True),
            (None, "NEW_A", None, False),
            (None, "NEW_B", None, False),
        ]
    )
    page = shown(plan(changes=(licences("bram", revoke=(licence("EMS"),), warnings=lost),)), 120)
    assert page.count("data-deletion:") == 2
    assert "until 2026-12-24  data-deletion: the user loses Forms and Sway" in page
    assert "date unknown      data-deletion: the user loses NEW_A and NEW_B: what becomes of" in page
    whole = shown(plan(changes=(licences("bram", revoke=(licence("EMS"),), warnings=lost),)), everything=True)
    assert whole.count("data-deletion:") == 4


# ------------------------------------------------------------ single facts


def test_the_deadline_stands_in_the_margin_and_the_first_one_in_the_summary():
    page = shown(everything())
    assert "\n    until 2026-12-24  mailbox-deletion: " in page
    assert "first deadline 2026-12-24" in page


def test_the_earliest_deadline_is_shown_first():
    def lost(local, until):
        gone = p.Warning(code="mailbox-deletion", recoverable_until=until)
        return licences(local, revoke=(licence("EMS"),), warnings=(gone,))

    page = shown(plan(changes=(lost("late", "2026-12-30"), lost("soon", "2026-12-24"), lost("never", None))))
    assert page.index("soon@") < page.index("late@") < page.index("never@")


def test_a_blocked_change_is_marked_and_says_why():
    stuck = licences(
        "max",
        (licence("EMS"),),
        status="blocked",
        blocked_by=("no-seats", "users/anna@contoso.com/licenses"),
        effects=("Intune: devices can be managed",),
    )
    page = shown(plan(changes=(stuck,)), 120)
    assert "  \N{MULTIPLICATION SIGN} assign   max@contoso.com" in page
    assert "blocked by no-seats; waits for users/anna@contoso.com/licenses, which is blocked" in page
    assert "sets up" not in page


def test_a_change_that_the_actor_may_not_make_names_the_roles():
    page = shown(plan(changes=(account("delete-user", "dirk", {}, {}, permitted=False, status="blocked"),)))
    assert "takes Global Administrator or User Administrator" in page


def test_a_change_says_which_change_of_another_it_waits_for():
    waiting = licences(
        "isabel", (licence("EMS"),), depends_on=("users/victor@contoso.com", "users/isabel@contoso.com")
    )
    assert "after users/victor@contoso.com\n" in shown(plan(changes=(waiting,)))


def test_declared_purchases_stand_with_the_purchases():
    page = shown(everything())
    assert page.index("10 → 15 seats") < page.index("Conflicts")
    assert "automatic renewal off → on" in page


def test_loosened_rails_and_targets_are_shown():
    options = {"allow": ["max-revocations"], "targets": ["anna@contoso.com"], "use_grace": True}
    page = shown(plan(options=options))
    assert "allows   max-revocations" in page
    assert "targets  anna@contoso.com" in page
    assert "grace period" in page


def test_unlisted_users_who_are_kept_are_counted_by_class():
    options = {"unlisted_kept": {"guest": 3, "role-holder": 1}}
    page = shown(plan(options=options, summary=p.Summary(unlisted_users=9)), 120)
    assert "9 unlisted users; licences are revoked, but not of: 3 guest, 1 role-holder" in page
    page = shown(plan(options={"unlisted_kept": {}}, summary=p.Summary(unlisted_users=9)))
    assert "9 unlisted users; licences are revoked" in page
    blind = {"unlisted_kept": {}, "mailboxes_unknown": True}
    page = shown(plan(options=blind, summary=p.Summary(unlisted_users=9)), 120)
    assert "licences are revoked; nobody told which accounts are shared" in page


def test_of_an_export_it_is_told_how_much_is_about_users_here():
    told = {"rows": 30, "matched": 28, "unmatched": ["gone@contoso.com", "x@contoso.com"]}
    page = shown(plan(options={"mailboxes_told": told}), 120)
    assert "Mailboxes\n  30 mailboxes in the export, 28 matched with a user here\n" in page
    assert "    of nobody here: gone@contoso.com and x@contoso.com\n" in page
    whole = shown(plan(options={"mailboxes_told": {"rows": 1, "matched": 1, "unmatched": []}}), 120)
    assert "1 mailbox in the export, 1 matched with a user here\n" in whole
    assert "nobody here" not in whole


def test_fewer_seats_than_owned_are_told():
    fewer = [{"sku": "EMS", "declared": 10, "owned": 20}]
    assert "! EMS: 10 declared, 20 owned; a plan gives no seats back." in shown(
        plan(options={"fewer_seats_declared": fewer})
    )


def test_licences_that_users_bought_are_told():
    kept = [{"upn": "anna@contoso.com", "sku": "POWER_BI_PRO"}]
    page = shown(plan(options={"self_service_kept": kept}), 120)
    assert "! anna@contoso.com: bought POWER_BI_PRO by self-service and keeps it" in page


def test_seats_without_change_are_only_counted_unless_all_is_asked_for():
    row = {"sku_id": "x", "seats": 10, "in_use_before": 4, "in_use_after": 4, "free_after": 6, "short": 0}
    still = plan(seats=(p.SeatRow(sku="EMS", **row), p.SeatRow(sku="EMS_E5", **{**row, "short": 2})))
    assert "1 other SKU without change" in shown(still)
    assert "  EMS  " in shown(still, everything=True)


def test_a_change_without_reason_or_sku_is_shown_too():
    """A plan of another version may hold what this one never makes."""
    odd = p.Change(address="subscriptions/X/auto-renew", kind="set-auto-renew")
    bare = account("update-user", "eva", {"department": None}, {"department": "", "enabled": False})
    page = shown(plan(changes=(odd, bare, seats("EMS", "buy-seats", {}, {"seats": 5}))), 120)
    assert "automatic renewal unknown → unknown" in page
    assert "department: empty; enabled: no" in page
    assert "unknown → 5 seats" in page


def test_a_warning_with_nothing_to_prevent_says_only_what_to_know():
    back = p.Warning(code="mailbox-restored", params={"removed_at": "2026-11-10", "until": "2026-12-10"})
    page = shown(plan(changes=(account("restore-user", "kim", {}, {}, warnings=(back,)),)))
    assert "note              mailbox-restored: the user gets the former mailbox back" in page
    assert "To prevent it" not in page


def test_a_warning_about_a_subscription_names_it():
    trial = p.Warning(code="trial-seat", params={"sku": "EMS"})
    page = shown(
        plan(changes=(seats("EMS", "buy-seats", {"seats": 1}, {"seats": 2}, warnings=(trial,)),)), 120
    )
    assert "trial-seat: EMS (Enterprise Mobility + Security E3) takes a seat" in page


def test_a_warning_of_many_users_is_told_once_of_each_of_them():
    lost = p.Warning(code="mailbox-deletion", params={"sku": "EMS"}, recoverable_until="2026-12-24")
    changes = tuple(licences(local, revoke=(licence("EMS"),), warnings=(lost,)) for local in ("ann", "bob"))
    page = shown(plan(changes=changes), 120)
    assert page.count("mailbox-deletion") == 1
    assert "mailbox-deletion: each of these 2 users loses the mailbox" in page


@pytest.mark.parametrize("instant", ["2026-11-24T02:00:00+01:00", "soon"])
def test_an_instant_that_is_not_utc_is_shown_as_it_is(instant):
    assert instant in shown(plan(expires_at=instant))


# ------------------------------------------------------------ terminal and pipe


def test_a_pipe_gets_plain_text():
    assert "\x1b" not in shown(everything())


def test_a_terminal_gets_colours_and_the_same_words():
    coloured = on_terminal(everything())
    assert "\x1b[1;31m" in coloured
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == shown(everything()).splitlines()


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour_gets_plain_text(environment):
    assert "\x1b" not in on_terminal(everything(), **environment)


def test_without_a_console_standard_output_is_taken(capsys):
    text.render(plan())
    assert "Nothing to do" in capsys.readouterr().out


def test_an_encoding_without_our_signs_gets_ascii():
    page = shown(everything(), encoding="ascii")
    assert "  - revoke   bram@contoso.com" in page
    assert "ENTERPRISEPACK -> EMS" in page


def test_a_name_that_an_encoding_lacks_is_escaped():
    update = account("update-user", "eva", {}, {"department": "Vertrieb é 漢"})
    assert r"department: Vertrieb é \u{6f22}" in shown(plan(changes=(update,)), encoding="latin-1")


def test_wide_characters_keep_the_columns():
    changes = (licences("漢字", (licence("EMS"),)), licences("ab", (licence("SPE_E5"),)))
    rows = [line for line in shown(plan(changes=changes)).splitlines() if line.startswith("  +")]
    assert len({cell_len(row[: re.search("EMS|SPE_E5", row).start()]) for row in rows}) == 1


# ------------------------------------------------------------ hostile text

EVIL = "\x1b[2J\x9b1A\u202e\u2066\r\n::error::owned\n##[add-path]/tmp [red]x[/red] :smile:"


def poisoned(value):
    if isinstance(value, dict):
        return {key: poisoned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return EVIL + value if isinstance(value, str) else value


FIXED = ("format_version", "kind", "status", "code", "provider", "reason", "action")


def poisoned_plan(of):
    """Return a plan with hostile text in every field that isn't from a closed set."""

    def spoil(value, key=""):
        if isinstance(value, dict):
            return {k: spoil(item, k) for k, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [spoil(item, key) for item in value]
        return EVIL + value if isinstance(value, str) and key not in FIXED else value

    return p.from_document(spoil(json.loads(json.dumps(_builtins(of)))))


def _builtins(of):
    return msgspec.to_builtins(of)


@pytest.mark.parametrize("of", [everything, large])
@pytest.mark.parametrize("options", [{}, {"everything": True}, {"encoding": "ascii"}])
def test_hostile_text_in_every_field_comes_out_harmless(options, of):
    page = shown(poisoned_plan(of()), **options)
    assert not set(page) & set("\x1b\x9b\u202e\u2066\r")
    assert not any(line.lstrip().startswith("::") for line in page.splitlines())
    assert "##[" not in page
    assert "[red]x[/red] :smile:" in page


def test_hostile_text_brings_no_escape_of_its_own_to_a_terminal():
    ours = set(re.findall(r"\x1b\[[0-9;]*[A-Za-z]", on_terminal(everything())))
    assert set(re.findall(r"\x1b.{0,8}?[A-Za-z]", on_terminal(poisoned_plan(everything())))) <= ours


@given(st.text(max_size=60), st.integers(20, 130))
def test_any_name_makes_a_page(name, width):
    update = account("update-user", "eva", {"department": name}, {"department": name + "x"})
    page = shown(plan(changes=(update,), actor=p.ActorInfo(name=name, roles=(name,))), width)
    assert not any(line.lstrip().startswith("::") for line in page.splitlines())


# ------------------------------------------------------------ which plans, which licences


def plan_id(name):
    return catalog.load().find_plan(name).id


def modified(before, after):
    """Return a plan that changes which service plans of EMS are off for one user."""
    held = {"sku_id": "sku-ems", "assigned_by": None, "disabled_plans": [plan_id(name) for name in before]}
    of = licence("EMS", off=tuple(plan_id(name) for name in after))
    change = licences("anna", modify=(msgspec.structs.replace(of, sku_id="sku-ems"),))
    return plan(changes=(msgspec.structs.replace(change, before={"assignments": [held]}),))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ((), ("INTUNE_A",), "INTUNE_A off"),
        (("INTUNE_A", "AAD_PREMIUM"), (), "AAD_PREMIUM and INTUNE_A on"),
        (("INTUNE_A",), ("AAD_PREMIUM",), "INTUNE_A on, AAD_PREMIUM off"),
        ((), ("INTUNE_A", "AAD_PREMIUM", "TEAMS1", "SWAY"), "4 plans off"),
    ],
)
def test_a_reviewer_sees_which_service_plans_go_on_and_off(before, after, told):
    assert f"EMS (Enterprise Mobility + Security E3): {told} [" in shown(modified(before, after), 120)


def test_an_assignment_names_the_service_plans_that_it_leaves_out():
    page = shown(plan(changes=(licences("anna", (licence("EMS", off=(plan_id("INTUNE_A"), "x")),)),)), 120)
    assert "without INTUNE_A and x [" in page


def test_a_restored_user_is_shown_with_the_licences_that_come_back():
    e3 = catalog.load().find_sku("ENTERPRISEPACK").id
    back = [
        {"sku_id": sku_id, "assigned_by": group, "disabled_plans": []}
        for sku_id, group in ((e3, None), ("unknown-sku", None), ("inherited", "g"))
    ]
    change = p.Change(
        address="users/anna@contoso.com/restore",
        kind="restore-user",
        user=p.UserRef(id="1", upn="anna@contoso.com", name="Anna"),
        before={"deleted": True, "assignments": back},
        after={"deleted": False},
    )
    assert "(Anna) gets back ENTERPRISEPACK and unknown-sku\n" in shown(plan(changes=(change,)), 120)


def test_seats_of_a_sku_that_no_change_names_have_its_product_name():
    e3 = catalog.load().find_sku("ENTERPRISEPACK").id
    row = p.SeatRow(
        sku="ENTERPRISEPACK", sku_id=e3, seats=1, in_use_before=1, in_use_after=0, free_after=1, short=0
    )
    assert "ENTERPRISEPACK (Office 365 E3)" in shown(plan(seats=(row,)))


def test_a_long_piece_of_code_does_not_glue_together_what_follows_it():
    long = f"`{'long ' * 10}code`"
    of = conflict("new", params={"a": f"{long} and some words between the pieces, and {long} at the end"})
    assert max(map(len, shown(plan(conflicts=(of,))).splitlines())) <= 80


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1 is blocked (`apply --partial` leaves it out)"), (2, "them")]
)
def test_what_partial_leaves_out_is_counted(number, said):
    blocked = [
        licences(f"no{n}", (licence("EMS"),), status="blocked", blocked_by=("no-seats",))
        for n in range(number)
    ]
    assert said in shown(plan(changes=(licences("anna", (licence("EMS"),)), *blocked)), 120)


# ------------------------------------------------------------ groups


def test_a_change_of_a_groups_licences_says_what_each_member_gets_and_loses():
    members = (
        ("anna", ("EMS",), ("ENTERPRISEPACK",)),
        ("bram", ("EMS",), ()),
        ("carl", ("EMS",), ("ENTERPRISEPACK",)),
    )
    change = group_licences((licence("EMS"),), (licence("ENTERPRISEPACK"),), members)
    page = shown(plan(changes=(change,)), 120)
    assert "  ± swap     group Sales NL  ENTERPRISEPACK (Office 365 E3) → EMS (Enterprise Mob" in page
    assert "2 members get EMS and lose ENTERPRISEPACK: anna@contoso.com, carl@contoso.com\n" in page
    assert "1 member gets EMS: bram@contoso.com\n" in page


def test_a_change_of_a_group_that_moves_nobody_says_so():
    page = shown(plan(changes=(group_licences((licence("EMS"),)),)))
    assert "no member gets or loses a licence by it" in page


def test_a_warning_that_many_members_share_stands_once_with_their_names():
    def lost(upn, sku="ENTERPRISEPACK"):
        params = {"upn": f"{upn}@contoso.com", "sku": sku}
        return p.Warning(code="mailbox-deletion", params=params, recoverable_until="2026-12-24")

    warnings = (lost("anna"), lost("bram"), lost("carl", "SPE_E5"), p.Warning(code="trial-seat", params={}))
    change = group_licences(revoke=(licence("ENTERPRISEPACK"),), warnings=warnings)
    page = shown(plan(changes=(change,)), 120)
    assert page.count("mailbox-deletion:") == 2
    assert "each of these 2 members loses the mailbox" in page
    assert "\n                      anna@contoso.com, bram@contoso.com\n" in page
    assert "mailbox-deletion: user carl@contoso.com loses the mailbox" in page
    assert "trial-seat: group Sales NL takes a seat" in page


def test_who_joins_and_who_leaves_a_group_says_what_that_gives_and_takes():
    changes = (
        membership("add-member", "anna", ("EMS", "SPE_E5"), held=("SPE_E5",)),
        membership("remove-member", "bram", ("POWER_BI_PRO",)),
        membership("add-member", "carl"),
    )
    rows = (seat_row("EMS", 5, 0, 1), seat_row("POWER_BI_PRO", 5, 1, 0))
    page = shown(plan(changes=changes, seats=rows), encoding="ascii")
    assert "  + add      anna@contoso.com  to group Sales NL: gets EMS\n" in page
    assert "  + add      carl@contoso.com  to group Sales NL\n" in page
    assert "  - remove   bram@contoso.com  from group Sales NL: loses POWER_BI_PRO\n" in page
    assert page.index("Removals") < page.index("bram@") < page.index("Other changes") < page.index("anna@")


def test_alike_joins_of_one_group_are_one_row_and_of_two_groups_two():
    other = p.GroupRef(id="g-2", name="Sales BE")
    changes = (
        *(membership("add-member", f"u{n}", ("EMS",)) for n in range(3)),
        membership("add-member", "zoe", ("EMS",), group=other),
        membership("add-member", "held", ("EMS",), held=("EMS",)),
    )
    page = shown(plan(changes=changes), 120)
    assert "  + add      3 users           to group Sales NL: gets" in page
    assert "  + add      zoe@contoso.com   to group Sales BE: gets" in page
    assert "  + add      held@contoso.com  to group Sales NL\n" in page


def test_alike_joins_are_one_row_though_they_set_up_different_things():
    changes = [membership("add-member", f"u{n}", effects=(f"goes on: {n} services",)) for n in range(3)]
    assert "3 users" in shown(plan(changes=tuple(changes)))
    assert "sets up" not in shown(plan(changes=tuple(changes)))
    assert "sets up: goes on: 0 services" in shown(plan(changes=(changes[0],)))


def test_a_sku_that_a_plan_names_only_by_its_id_has_the_name_of_the_catalogue():
    e3 = catalog.load().find_sku("ENTERPRISEPACK").id
    gains = {"member": True, "assignments": [{"sku_id": e3}, {"sku_id": "unheard-of"}]}
    change = p.Change(
        address="groups/Sales NL/members/anna@contoso.com",
        kind="add-member",
        user=p.UserRef(id="1", upn="anna@contoso.com", name="Anna"),
        before={"member": False, "assignments": []},
        after=gains,
    )
    assert "to group ?: gets ENTERPRISEPACK and unheard-of\n" in shown(plan(changes=(change,)), 120)
    known = msgspec.structs.replace(change, group=SALES)
    assert "to group Sales NL: gets" in shown(plan(changes=(known,)), 120)


def test_a_join_does_not_say_that_it_waits_for_its_own_user_or_group():
    depends_on = (
        "users/anna@contoso.com",
        "groups/Sales NL/licenses",
        "groups/Sales BE/members/bo@contoso.com",
    )
    page = shown(plan(changes=(membership("add-member", "anna", depends_on=depends_on),)), 120)
    assert "after groups/Sales BE/members/bo@contoso.com\n" in page


def test_what_all_of_a_row_wait_for_is_told_of_the_row():
    def moved(n, *more):
        waits = ("groups/Sales NL/licenses", f"groups/Sales NL/members/u{n}@contoso.com", *more)
        return licences(f"u{n}", revoke=(licence("EMS"),), depends_on=waits)

    page = shown(plan(changes=tuple(moved(n, f"users/other{n}") for n in range(9))), 120)
    assert "after groups/Sales NL/licenses and membership of group Sales NL\n" in page
    assert "after" not in shown(plan(changes=(*many(3), licences("zoe")))).split("Other changes")[1]


def test_groups_are_counted_in_the_summary_by_themselves():
    page = shown(plan(summary=p.Summary(group_licenses=1, members=2)))
    assert "  ~ 1 group to relicense" in page
    assert "  ~ 2 members to add or remove" in page


def test_a_checklist_is_something_to_do_not_to_prevent():
    params = {"last_day": "2026-11-23", "revoke_on": "2026-12-24", "delete_on": None}
    left = p.Warning(code="leaver-checklist", params=params)
    page = shown(plan(changes=(account("update-user", "lena", {}, {"enabled": False}, warnings=(left,)),)))
    assert "To do: Put the mailbox on hold" in page
    assert "To prevent it" not in page


def test_the_place_of_a_licence_that_a_rule_gives_names_the_rule():
    rule, group = (licence("EMS", 40, rule=name) for name in ("sales", "groups"))
    assert "[rule sales, tenant.yaml:40]" in shown(plan(changes=(licences("anna", (rule,)),)), 120)
    assert "[tenant.yaml:40]" in shown(plan(changes=(group_licences((group,)),)), 120)


def test_a_rule_that_gives_one_licence_and_takes_another_is_named_once():
    """Its place is that of the licence that it gives."""
    swap = licences("anna", (licence("EMS", 40, rule="sales"),), (licence("SPE_E5", 38, rule="sales"),))
    assert "[rule sales, tenant.yaml:40]" in shown(plan(changes=(swap,)), 120)


def test_alike_changes_of_different_rules_name_these_rules():
    """What several entries give is found by their names; what rules give is found only here."""
    rules = [licences(n, (licence("EMS", 40 + i, rule=n),)) for i, n in enumerate(("north", "south"))]
    page = " ".join(shown(plan(changes=tuple(rules)), 120).split())
    assert "2 users" in page
    assert "[rule north, tenant.yaml:40 and rule south, tenant.yaml:41]" in page
    entry = licences("anna", (licence("EMS", 20),))
    page = shown(plan(changes=(*rules, entry)), 120)
    assert "3 users" in page
    assert "[" not in page


# ------------------------------------------------------------ rules


def rule(name="sales", matched=3, **more):
    return p.RuleRow(
        **{"name": name, "mode": "add", "matched": matched, "file": "tenant.yaml", "line": 7, **more}
    )


def test_rules_are_shown_with_how_many_users_each_matches():
    page = shown(plan(rules=(rule(matched=1412, mode="replace"), rule("interns", 1), rule("nobody's", 0))))
    assert (
        "\nRules\n"
        "  sales     replace  1,412 users  [tenant.yaml:7]\n"
        "  interns   add           1 user  [tenant.yaml:7]\n"
        "  nobody's  add           nobody  [tenant.yaml:7]\n"
    ) in page


def test_of_very_many_rules_the_first_ten_are_shown():
    page = shown(plan(rules=tuple(rule(f"rule-{n:02}") for n in range(50))))
    assert page.count("[tenant.yaml:7]") == 10
    assert "… and 40 more\n" in page
    assert "Lists are cut short" in page
    assert shown(plan(rules=(rule(),) * 11)).count("[tenant.yaml:7]") == 11


# ------------------------------------------------------------ horizon


def due(local="anna", kind="set-licenses", **more):
    return p.Due(address=f"users/{local}@contoso.com/licenses", kind=kind, **more)


def after_falling_due(page):
    return page.partition("\nFalling due\n")[2]


def test_without_a_horizon_nothing_is_said_of_later_days():
    assert "Falling due" not in shown(plan())


def test_a_horizon_in_which_nothing_happens_says_so():
    page = after_falling_due(shown(plan(horizon=())))
    assert page.startswith("  Nothing falls due within the horizon.\n  No SKU runs short of seats.\n")


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (due(assign=("EMS",)), "+ assign   anna@contoso.com: EMS"),
        (due(revoke=("EMS",)), "- revoke   anna@contoso.com: EMS"),
        (due(assign=("SPE_E5",), revoke=("EMS",)), "* swap     anna@contoso.com: EMS -> SPE_E5"),
        (due(), "~ modify   anna@contoso.com"),
        (due(kind="delete-user", warnings=("user-deletion",)), "- delete   anna@contoso.com (user-deletion)"),
        (
            due(assign=("EMS",), blocked_by=("no-seats",)),
            "x assign   anna@contoso.com: EMS; blocked by no-seats",
        ),
        (
            p.Due(address="groups/A / B/members/anna@contoso.com", kind="add-member"),
            "+ add      anna@contoso.com to group A / B",
        ),
        (
            p.Due(address="groups/A / B/licenses", kind="set-group-licenses", assign=("EMS",)),
            "+ assign   group A / B: EMS",
        ),
        (p.Due(address="subscriptions/EMS/seats", kind="buy-seats"), "+ buy      EMS"),
    ],
)
def test_what_falls_due_stands_with_its_day(one, told):
    page = after_falling_due(
        shown(plan(horizon=(p.Day(date="2027-01-01", due=(one,)),)), 120, encoding="ascii")
    )
    assert page.startswith(f"  2027-01-01  {told}\n")


def test_what_falls_due_for_many_users_is_one_row_with_the_first_names():
    days = (p.Day(date="2027-01-01", due=tuple(due(f"u{n}", assign=("EMS",)) for n in range(9))),)
    page = after_falling_due(shown(plan(horizon=days), 120))
    assert page.startswith("  2027-01-01  + assign   9 users: EMS\n")
    assert "u0@contoso.com, u1@contoso.com, u2@contoso.com … and 6 more\n" in page
    assert "u8@contoso.com" in shown(plan(horizon=days), everything=True)


def test_changes_of_two_groups_on_one_day_are_two_rows():
    groups = tuple(p.Due(address=f"groups/G{n}/licenses", kind="set-group-licenses") for n in range(2))
    page = after_falling_due(shown(plan(horizon=(p.Day(date="2027-01-01", due=groups),))))
    assert page.startswith("  2027-01-01  ~ modify   group G0\n              ~ modify   group G1\n")


def test_of_very_many_days_the_first_ten_are_shown():
    days = tuple(p.Day(date=f"2027-01-{n:02}", due=(due(),)) for n in range(1, 31))
    page = after_falling_due(shown(plan(horizon=days)))
    assert "2027-01-10" in page
    assert "2027-01-11" not in page
    assert "… and 20 more days\n" in page


def test_seats_over_time_say_from_when_and_by_how_many_a_sku_is_short():
    days = (
        p.Day(date="2027-01-01", seats=(seat_row("EMS", 5, 5, 5, 2), seat_row("SPE_E5", 5, 5, 5, 1))),
        p.Day(date="2027-02-01", seats=(seat_row("EMS", 5, 5, 5, 2), seat_row("SPE_E5", 5, 5, 5, 4))),
        p.Day(date="2027-03-01", seats=(seat_row("EMS", 5, 5, 3), seat_row("POWER_BI_PRO", 5, 5, 5))),
    )
    page = after_falling_due(shown(plan(seats=(seat_row("SPE_E5", 5, 5, 5, 1),), horizon=days), 120))
    assert "  ! SPE_E5: 1 seat short now, 4 seats short from 2027-02-01.\n" in page
    assert "  ! EMS: 2 seats short from 2027-01-01, none short from 2027-03-01.\n" in page
    assert "POWER_BI_PRO" not in page


def test_seats_in_use_beyond_what_is_owned_are_short_though_nobody_waits_for_one():
    """As where a subscription ends and its users go on."""
    days = (p.Day(date="2027-01-04", seats=(seat_row("EMS", 0, 2, 2),)),)
    page = after_falling_due(shown(plan(horizon=days), 120))
    assert "  ! EMS: 2 seats short from 2027-01-04.\n" in page
