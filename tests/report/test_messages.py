"""Every code of a plan has its own sentence, which names the thing, the meaning and the way out."""

import re

import pytest

from reconciler import catalog
from reconciler import plan as p
from reconciler.report import conflict_words, messages, rail_words, undo_words, warning_words
from tests.report.samples import NAMES, conflict, group_licences, licence, plan

ANNA = {"upn": "anna@contoso.com"}
SALES = {"group": "Sales NL"}
E5 = {"sku": "SPE_E5", "sku_name": "Microsoft 365 E5"}
SHORT = {
    **E5,
    "seats": 25,
    "in_use": 25,
    "needed": 27,
    "buy": 2,
    "leavers": ["dirk@contoso.com"],
    "disabled": ["old@contoso.com"],
    "covered": [{"upn": "pia@contoso.com", "by": "DEVELOPERPACK_E5"}],
}

CONFLICTS = {
    "guardrail-loosened": {
        "setting": "guardrails.max_revocations",
        "base": "origin/main",
        "was": {"count": 50},
        "now": {"count": 500},
    },
    "safeguard-loosened": {
        "setting": "unlisted_users",
        "base": "origin/main",
        "was": "keep",
        "now": "revoke",
    },
    "no-usage-location": ANNA,
    "restricted-location": {**ANNA, **E5, "plan": "MCOMEETADV", "country": "IN"},
    "no-seats": {**ANNA, **SHORT},
    "not-assignable": {**ANNA, **E5, "reason": "suspended"},
    "unknown-user": {**ANNA, "nearest": "ana@contoso.com"},
    "renamed-user": {**ANNA, "present_upn": "anna.bakker@contoso.com"},
    "ambiguous-user": {
        **ANNA,
        "reason": "several",
        "candidates": [
            {"id": "id-1", "name": "Anna", "deleted_at": "2026-11-01T00:00:00+00:00"},
            {"id": "id-2", "name": "Anna B", "deleted_at": None},
        ],
    },
    "synced-user": {**ANNA, "action": "update", "domain": "contoso.com"},
    "unverified-domain": {**ANNA, "domain": "contoso.org", "verified": ["contoso.com"]},
    "protected": {**ANNA, "action": "delete", "reason": "listed", "names": ["breakglass"]},
    "role-missing": {
        **ANNA,
        "action": "delete-user",
        "actor": "joe@contoso.com",
        "actor_roles": ["global-reader"],
    },
    "swap-cycle": {**ANNA, "users": ["anna@contoso.com", "bo@contoso.com"], "skus": ["EMS", "SPE_E5"]},
    "not-purchasable": {**E5, "seats": 30},
    "exclusive-plans": {
        **ANNA,
        "plan": "MCOIMP",
        "plan_title": "Skype Plan 1",
        "other": "MCOSTANDARD",
        "other_title": "Skype Plan 2",
        "skus": ["DESKLESSPACK", "SPE_E5"],
    },
    "missing-dependency": {
        **ANNA,
        "plan": "WA",
        "plan_title": "Insights",
        "needs": ["Exchange (Plan 1)"],
        "sku": "WA",
    },
    "over-allocated": {
        **{key: SHORT[key] for key in SHORT if key not in ("needed", "buy")},
        "in_use": 27,
        "over": 2,
    },
    "expiring": {**E5, "date": "2026-12-20", "days": 26, "users": ["pia@contoso.com"], "services": ["Teams"]},
    "expired": {**E5, "status": "Suspended", "date": "2027-01-20", "users": ["pia@contoso.com"]},
    "inherited": {**ANNA, **E5, "groups": ["Sales NL"]},
    "unknown-group": {**SALES, "nearest": "Sales BE"},
    "ambiguous-group": {
        **SALES,
        "candidates": [{"id": "g-1", "name": "Sales NL"}, {"id": "g-2", "name": "sales nl"}],
    },
    "dynamic-group": SALES,
    "synced-group": SALES,
    "nested-group": {**SALES, "nested": ["Interns"]},
    "not-covered": {**ANNA, **SALES, **E5, "state": "Active", "error": "None", "plans": ["TEAMS1"]},
    "changed-since": {**ANNA, "run": "20261124-020000-abcd", "what": "licence SPE_E5"},
    "not-undone": {**ANNA, "run": "20261124-020000-abcd", "reason": "purged"},
    "group-errors": {
        **SALES,
        "members": [
            {"upn": "anna@contoso.com", "error": "CountViolation"},
            {"upn": "bo@contoso.com", "error": "New"},
        ],
        "count": 2,
    },
    "out-of-scope": {**ANNA, "owner": "sales-it", "file": "sales.yaml", "users": [], "count": 0},
    "mailbox-disagreement": {"upn": "jakub@contoso.com", "tenant": "user", "told": "shared"},
    "protects-nobody": {"name": "breakglas@contoso.com", "nearest": "breakglass@contoso.com"},
    "rule-matches-nobody": {"rule": "sales"},
    "rules-disagree": {
        "rule": "sales",
        "other": "office",
        **E5,
        "plans": ["TEAMS1"],
        "users": ["anna@contoso.com"],
        "count": 1,
    },
    "exception-expired": {
        **ANNA,
        **E5,
        "until": "2026-11-01",
        "reason": "has its own",
        "owner": "it-security",
    },
    "no-longer-matched": {**ANNA, "rule": "sales", **E5, "since": "2026-11-20", "until": "2026-12-20"},
}

WARNINGS = {
    "mailbox-deletion": {
        "plan_title": "Exchange Online (Plan 2)",
        "sku": "SPE_E5",
        "sku_name": "Microsoft 365 E5",
    },
    "mailbox-downgrade": {
        "from_title": "Plan 2",
        "to_title": "Kiosk",
        "from_gb": 100,
        "to_gb": 2,
        "lost": ["hold"],
    },
    "storage-downgrade": {"from_title": "OneDrive 2", "to_title": "OneDrive 1", "from_gb": 1024, "to_gb": 2},
    "data-deletion": {
        "service": "forms",
        "title": "Forms",
        "plans": ["FORMS_PLAN_E5"],
        "days": 30,
        "known": True,
    },
    "user-deletion": {"name": "Anna", "skus": ["SPE_E5"], "mailbox": True, "onedrive": True},
    "mailbox-restored": {"removed_at": "2026-11-10T00:00:00Z", "until": "2026-12-10"},
    "near-exclusive": {
        "plan_title": "SharePoint 1",
        "other_title": "SharePoint 2",
        "skus": ["SPE_E5", "STANDARDPACK"],
    },
    "seat-from-grace": E5,
    "trial-seat": E5,
    "renewal-unknown": {**E5, "date": "2026-12-20"},
    "self-service": E5,
    "proxy-address": ANNA,
    "default-location": {"country": "NL"},
    "similar-user": {
        "upn": "lasr@contoso.com",
        "other": "lars@contoso.com",
        "name": "Lars Eklund",
        "reason": "name",
        "coming": False,
    },
    "fallback-license": {**E5, "wanted": "SPE_F1", "wanted_name": "Microsoft 365 F3"},
    "leaver-checklist": {"last_day": "2026-11-23", "revoke_on": "2026-12-24", "delete_on": "2027-02-22"},
    "deletion-later": {"date": "2026-12-01", "days": 7},
}

REFUSALS = {
    "max-revocations": {"lost": 61, "held": 400, "count": 50, "percent": 10.0, "free": 5},
    "max-deletions": {"deleted": 6, "users": 400, "count": 5},
    "auto-renew-off": E5,
    "rule-matches-nobody": {"rule": "sales"},
    "rule-shrank": {"rule": "sales", "now": 60, "was": 400, "percent": 85.0},
    "max-purchases": {"bought": 61, "count": 50, "free": 0},
    "sku-emptied": {**E5, "held": 12, "free": 5},
    "users-emptied": {"was": 40},
    "tenant-shrank": {"now": 80, "was": 100, "percent": 10},
}


def told(code, params=None):
    params = CONFLICTS[code] if params is None else params
    kinds = {"upn": "users", "group": "groups", "rule": "rules", "sku": "subscriptions"}
    subject = next(
        (f"{kind}/{params[key]}" for key, kind in kinds.items() if key in params), "subscriptions/?"
    )
    return messages.conflict(
        p.Conflict(
            code=code, params=params, subject=subject, sku=params.get("sku"), roles=("user-administrator",)
        )
    )


def warned(code, params=None, until="2026-12-24"):
    found = p.Warning(code=code, params=WARNINGS[code] if params is None else params, recoverable_until=until)
    return messages.warning(found, about="user anna@contoso.com", day="2026-11-24")


def refused(code, params=None):
    params = REFUSALS[code] if params is None else params
    return messages.refusal(p.Refusal(code=code, params=params, allow=f"--allow {code}"))


def test_each_code_of_a_conflict_has_its_own_sentence():
    assert set(CONFLICTS) == set(conflict_words.CONFLICTS)


def test_what_a_rule_asks_for_and_nobody_has_is_told_with_what_comes_near():
    values = [
        {"field": "department", "value": "slaes", "nearest": "Sales"},
        {"field": "department", "value": "legal", "nearest": None},
    ]
    assert told("rule-matches-nobody", {"rule": "sales", "values": values}).message == (
        "rule sales matches nobody in this tenant, so it gives nobody a licence: "
        'nobody has department "slaes" (did you mean "Sales"?) or department "legal".'
    )


def test_a_protection_of_nobody_says_whom_it_may_mean():
    found = told("protects-nobody")
    assert found.message.endswith('protects nobody; did you mean "breakglass@contoso.com"?')
    assert found.remedies[0] == "Correct it to breakglass@contoso.com."
    assert told("protects-nobody", {"name": "x", "nearest": None}).message.endswith("protects nobody.")


def test_a_mailbox_is_named_as_tenant_and_export_call_it():
    params = {"upn": "jakub@contoso.com", "tenant": "user", "told": "equipment"}
    assert told("mailbox-disagreement", params).message.startswith(
        "the mailbox of user jakub@contoso.com is an equipment mailbox by the export, and a user mailbox by"
    )


def test_who_may_be_somebody_else_is_asked_about():
    found = warned("similar-user")
    assert found.message.endswith(
        "has the same name as lars@contoso.com (Lars Eklund), who is there already."
    )
    assert found.prevent.startswith("Is this the same person? If it is, ")
    params = {**WARNINGS["similar-user"], "reason": "upn", "coming": True}
    assert warned("similar-user", params).message == (
        "user anna@contoso.com has nearly the UPN of lars@contoso.com (Lars Eklund), "
        "who is to be created too."
    )


def test_each_code_of_a_warning_has_its_own_sentence():
    assert set(WARNINGS) == set(warning_words.WARNINGS)


def test_each_code_of_a_refusal_has_its_own_sentence():
    assert set(REFUSALS) == set(rail_words.REFUSALS)


@pytest.mark.parametrize("code", CONFLICTS)
def test_a_conflict_names_its_subject_and_says_what_to_do(code):
    message, remedies = told(code)
    params = CONFLICTS[code]
    about = ("upn", "group", "rule", "sku", "setting", "name")
    assert next(params[key] for key in about if key in params) in message
    assert f": {code} (" not in message
    assert remedies
    for text in (message, *remedies):
        assert "?" not in re.sub(r'did you mean "[^"]+"\?$', "", text)
        assert text.endswith((".", "?"))
        assert "None" not in text


@pytest.mark.parametrize("code", WARNINGS)
def test_a_warning_names_whom_it_is_about(code):
    message, prevent = warned(code)
    assert message.startswith("user anna@contoso.com ")
    assert "?" not in message
    assert message.endswith(".")
    assert (prevent is None) == (code == "mailbox-restored")


@pytest.mark.parametrize("code", ["mailbox-deletion", "data-deletion", "user-deletion"])
def test_a_loss_says_until_when_it_can_be_undone(code):
    message = warned(code).message
    assert "if applied on 2026-11-24, recoverable until 2026-12-24" in message
    assert "then gone for good" in message


@pytest.mark.parametrize("code", ["mailbox-deletion", "data-deletion", "user-deletion"])
def test_a_loss_with_no_known_date_says_so_and_names_none(code):
    message = warned(code, until=None).message
    assert "not known how long it can be recovered" in message
    assert "None" not in message


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_names_the_flag_that_loosens_the_rail(code):
    """The flag alone: `reconciler apply --allow …` would make and apply a plan that nobody has reviewed."""
    assert f"`--allow {code}` at apply lets it pass" in refused(code)
    assert "reconciler apply" not in refused(code)


def test_the_flags_without_which_a_plan_is_refused_are_those_of_its_rails_and_those_it_was_made_with():
    rails = tuple(
        p.Refusal(code=code, allow=f"--allow {code}")
        for code in ("max-revocations", "auto-renew-off", "auto-renew-off")
    )
    made = plan(refusals=rails, options={"allow": ["protected", "max-revocations"]})
    assert messages.allowing(made) == "--allow auto-renew-off --allow max-revocations --allow protected"
    assert messages.allowing(plan()) == ""


@pytest.mark.parametrize("code", [*CONFLICTS, *WARNINGS, *REFUSALS, "of-the-future"])
def test_params_of_another_version_never_stop_a_sentence(code):
    """A plan may lack what the sentence names, or hold other types."""
    for params in ({}, {"upn": None, "seats": "many", "leavers": "x", "candidates": [1], "covered": [None]}):
        assert told(code, params).message
        assert warned(code, params).message
        assert refused(code, params)


def test_an_unknown_conflict_is_told_by_its_code_and_params():
    assert told("of-the-future", {"upn": "anna@contoso.com", "why": ["x", {"y": 1}]}) == (
        "user anna@contoso.com: of-the-future (upn: anna@contoso.com; why: x, y 1).",
        (),
    )


def test_an_unknown_warning_keeps_its_deadline():
    message, prevent = warned("of-the-future", {"plan": True})
    assert message == (
        "user anna@contoso.com: of-the-future (plan: yes). If applied on 2026-11-24, "
        "recoverable until 2026-12-24, then gone for good."
    )
    assert prevent is None


def test_an_unknown_refusal_is_told_by_its_code():
    assert refused("of-the-future", {"x": 1}).startswith(
        "the guard rail of-the-future refuses this plan (x: 1)."
    )


@pytest.mark.parametrize(
    ("seats", "used", "needed", "said"),
    [
        (4, 4, 5, "4 of 4 seats are in use, and 5 are needed."),
        (1, 1, 2, "1 of 1 seat is in use, and 2 are needed."),
        (4, 3, 6, "3 of 4 seats are in use, and 6 are needed; what is free goes to others first."),
        (1, 0, 2, "0 of 1 seat is in use, and 2 are needed; what is free goes to others first."),
        (0, 0, 1, "the tenant owns no seat of it, and 1 is needed."),
    ],
)
def test_a_shortage_says_why_this_user_gets_no_seat(seats, used, needed, said):
    short = {**ANNA, **E5, "seats": seats, "in_use": used, "needed": needed, "buy": 1}
    assert told("no-seats", short).message.endswith(said)


def test_a_shortage_of_all_that_a_one_of_names_says_so():
    """Who reads that no E5 is left asks why it is no E3 then."""
    short = {**ANNA, **E5, "seats": 1, "in_use": 1, "needed": 2, "buy": 1, "others": ["SPE_E3", "EMS"]}
    assert told("no-seats", short).message == (
        "user anna@contoso.com can't get SPE_E5 (Microsoft 365 E5), nor what else `one_of` names "
        "(SPE_E3 and EMS): 1 of 1 seat is in use, and 2 are needed."
    )


@pytest.mark.parametrize("code", ["no-seats", "over-allocated"])
def test_remedies_of_a_shortage_are_to_buy_then_to_delete_leavers_then_to_revoke(code):
    buy, delete, revoke = told(code).remedies
    assert buy == "Buy 2 seats of SPE_E5 (Microsoft 365 E5)."
    assert delete.startswith("Delete users who have left: dirk@contoso.com is declared `ensure: absent`")
    assert "To check, since the account is disabled: old@contoso.com." in delete
    assert revoke.startswith("Revoke SPE_E5")
    assert "pia@contoso.com (has DEVELOPERPACK_E5)" in revoke


def test_remedies_of_a_shortage_keep_their_order_where_nobody_can_give_a_seat():
    remedies = told("no-seats", {**ANNA, **E5, "seats": 1, "in_use": 1, "needed": 2, "buy": 1}).remedies
    assert [text.split(" ")[0] for text in remedies] == ["Buy", "Delete", "Revoke"]
    assert "nobody" in remedies[1]
    assert "nobody" in remedies[2]


def test_where_no_seat_is_owned_only_buying_helps():
    """What others give up frees nothing."""
    params = {**ANNA, **E5, "seats": 0, "in_use": 2, "needed": 3, "buy": 3, "leavers": ["bo@contoso.com"]}
    assert told("no-seats", params).remedies == ("Buy 3 seats of SPE_E5 (Microsoft 365 E5).",)


def test_who_has_left_may_be_deleted_while_the_mailbox_is_on_hold():
    """Of somebody at work nobody says so."""
    hold = {**ANNA, "action": "revoke", "reason": "mailbox-hold", "names": ["anna@contoso.com"]}
    assert not any("delete" in text for text in told("protected", hold).remedies)
    assert told("protected", {**hold, "left": True}).remedies[1].startswith("Or delete the user: ")


def test_deleting_a_user_and_losing_onedrive_say_that_sharepoint_documents_stay():
    assert "Documents on SharePoint sites stay." in warned("user-deletion").message
    lost = {"service": "sharepoint", "title": "SharePoint", "plans": ["SHAREPOINTENTERPRISE"], "known": True}
    assert "stay" in warned("data-deletion", lost).message


def test_preventing_the_loss_of_a_mailbox_names_a_plan_that_keeps_it():
    assert "EXCHANGESTANDARD (Exchange Online (Plan 1))" in warned("mailbox-deletion").prevent
    assert "shared mailbox" in warned("mailbox-deletion").prevent


def test_a_service_that_the_catalogue_does_not_know_is_unknown_never_nothing():
    message, prevent = warned(
        "data-deletion", {"service": None, "title": "NEWPLAN", "plans": ["NEWPLAN"], "known": False}
    )
    assert "what becomes of its data is unknown" in message
    assert prevent


def test_a_service_that_only_ends_access_deletes_nothing():
    service = next(service for service in catalog.load().services.values() if service.kind == "access")
    lost = {"service": service.key, "title": service.title, "plans": [], "days": None, "known": True}
    assert "nothing is deleted" in warned("data-deletion", lost, until=None).message


@pytest.mark.parametrize("reason", ["several", "other-name", "no-such-deleted", "twice", "new"])
def test_every_reason_of_an_ambiguous_user_is_told(reason):
    message, remedies = told(
        "ambiguous-user", {**CONFLICTS["ambiguous-user"], "reason": reason, "other": "b@contoso.com"}
    )
    assert "is ambiguous" in message
    assert remedies


def test_an_ambiguous_user_can_be_restored_by_id():
    assert (
        "`restore: id-1` (Anna, deleted 2026-11-01) or `restore: id-2` (Anna B)"
        in told("ambiguous-user").remedies[0]
    )


def test_an_address_of_several_users_is_told_with_each_of_them():
    rows = [
        {"id": "1", "name": "Annabel", "upn": "annabel@contoso.com"},
        {"id": "2", "name": "Annika", "upn": "annika@contoso.com"},
    ]
    message, remedies = told("ambiguous-user", {**ANNA, "reason": "several-addresses", "candidates": rows})
    assert (
        "2 users have it as an address of the mailbox: annabel@contoso.com (Annabel) and annika@" in message
    )
    assert remedies[0] == (
        "Rename the entry to the user who is meant: annabel@contoso.com or annika@contoso.com."
    )


@pytest.mark.parametrize("action", ["create", "update", "delete", "restore", None])
def test_every_action_on_a_synchronised_user_is_told(action):
    assert told("synced-user", {**ANNA, "action": action, "domain": "contoso.com"}).remedies


@pytest.mark.parametrize("action", ["delete", "disable", "revoke", "modify", "new"])
@pytest.mark.parametrize("reason", ["listed", "sku", "role", "actor", "last-global-administrator", "new"])
def test_every_protection_is_told(action, reason):
    message, remedies = told(
        "protected", {**ANNA, "action": action, "reason": reason, "names": ["global-reader"]}
    )
    assert "is protected and must not" in message
    assert remedies


def test_only_licences_of_role_holders_can_be_let_through():
    with_flag = [
        reason
        for reason in ("listed", "sku", "role", "actor", "last-global-administrator")
        if any("--allow protected" in r for r in protected(reason, "revoke").remedies)
    ]
    assert with_flag == ["role"]
    assert not any("--allow" in remedy for remedy in protected("role", "delete").remedies)


def protected(reason, action):
    return told("protected", {**ANNA, "reason": reason, "action": action})


def test_an_entry_whose_id_nobody_has_is_told_of_the_id():
    message, remedies = told("unknown-user", {**ANNA, "id": "42"})
    assert "nor does anybody with the id 42; an entry with an `id` never creates an account" in message
    assert "Take the `id` out of the entry and give it a `name`" in remedies[1]


def test_where_nobody_was_deleted_no_old_account_is_spoken_of():
    assert told("ambiguous-user", {**ANNA, "reason": "no-such-deleted", "candidates": []}).remedies == (
        "Correct or leave out `restore`.",
    )


def test_a_renewal_that_is_declared_is_not_to_be_declared_again():
    ends = {**E5, "date": "2026-12-20", "days": 26, "users": [], "services": []}
    assert "declare `SPE_E5: {auto_renew: true}`" in told("expiring", ends).remedies[0]
    declared = told("expiring", {**ends, "declared": True}).remedies[0]
    assert declared.endswith("or `reconciler apply --buy` does, as declared.")


def test_a_plan_that_is_the_whole_sku_is_not_proposed_to_be_switched_off():
    params = {**ANNA, "sku": "MCOMEETADV", "plan": "MCOMEETADV", "country": "IN", "needs": ["X"]}
    for code in ("restricted-location", "missing-dependency"):
        assert not any("disable" in remedy for remedy in told(code, params).remedies)
        assert any("disable: [P]" in remedy for remedy in told(code, {**params, "plan": "P"}).remedies)


@pytest.mark.parametrize("reason", ["company", "suspended", "self-service", "new"])
def test_every_reason_why_a_sku_is_not_assignable_is_told(reason):
    assert (
        "can't get SPE_E5 (Microsoft 365 E5)"
        in told("not-assignable", {**ANNA, **E5, "reason": reason}).message
    )


@pytest.mark.parametrize(
    "kind",
    [
        "create-user",
        "restore-user",
        "update-user",
        "set-licenses",
        "delete-user",
        "buy-seats",
        "set-auto-renew",
        "new",
    ],
)
def test_a_missing_role_is_told_for_every_kind_of_change(kind):
    message, remedies = told(
        "role-missing", {**ANNA, "action": kind, "actor": "joe@contoso.com", "actor_roles": []}
    )
    assert "joe@contoso.com may not" in message
    assert "that takes the role User Administrator, and joe@contoso.com has no directory role" in message
    assert "User Administrator" in remedies[0]


def test_a_restricted_sku_is_told_without_a_plan():
    message, remedies = told("restricted-location", {**ANNA, **E5, "plan": None, "country": "IN"})
    assert "forbids SPE_E5 (Microsoft 365 E5)." in message
    assert not any("disable" in remedy for remedy in remedies)


@pytest.mark.parametrize("status", ["Warning", "Suspended", "LockedOut", "Deleted", "New"])
def test_an_expired_subscription_says_in_which_state_it_is(status):
    assert status in told("expired", {**E5, "status": status, "date": None, "users": []}).message


def test_a_downgrade_says_what_is_smaller_and_what_is_lost():
    both = warned(
        "mailbox-downgrade", {**WARNINGS["mailbox-downgrade"], "lost": ["archive", "hold"]}, until=None
    )
    assert "100 GB to 2 GB" in both.message
    assert "the archive mailbox and holds are lost" in both.message
    same = warned(
        "mailbox-downgrade",
        {"from_title": "A", "to_title": "B", "from_gb": 50, "to_gb": 50, "lost": ["archive"]},
    )
    assert "GB" not in same.message
    assert "the archive mailbox is lost" in same.message
    only = warned(
        "mailbox-downgrade", {"from_title": "A", "to_title": "B", "from_gb": 50, "to_gb": 2, "lost": []}
    )
    assert "lost" not in only.message


def test_a_long_list_of_names_is_cut_and_counted():
    users = [f"u{n}@contoso.com" for n in range(20)]
    message = told("swap-cycle", {**ANNA, "users": users, "skus": ["EMS"]}).message
    assert (
        "u0@contoso.com, u1@contoso.com, u2@contoso.com, u3@contoso.com, u4@contoso.com and 15 more"
        in message
    )


# ------------------------------------------------------------ purchases


def buying(**more):
    members = {
        "sku": "SPE_E5",
        "sku_id": NAMES["SPE_E5"][0],
        "name": "Microsoft 365 E5",
        "seats": 25,
        "in_use": 25,
    }
    members |= {"needed": 27, "buy": 2, "roles": ("billing-administrator", "global-administrator")}
    return p.Purchase(**members, **more)


def test_a_purchase_says_who_may_buy_and_where():
    how = messages.purchase(buying(), "graph")
    assert how.startswith(
        "Billing Administrator or Global Administrator: buy 2 seats of SPE_E5 (Microsoft 365 E5)"
    )
    assert "Microsoft 365 admin center" in how
    assert "apply --buy" not in how


def test_a_purchase_in_the_sandbox_names_the_declaration_that_buys():
    assert "`SPE_E5: {seats: 27}` under `subscriptions`" in messages.purchase(buying(), "sandbox")


def test_a_purchase_with_a_declared_price_says_what_it_costs():
    how = messages.purchase(buying(cost=p.Cost(amount="108.00", currency="EUR", per="month")), "graph")
    assert "It costs 108.00 EUR per month." in how
    assert "No price is declared" in messages.purchase(buying(), "graph")


def test_every_purchase_says_that_other_contracts_lie_outside_the_roles():
    sentence = "Buying under a customer agreement or through a partner lies outside Entra's roles"
    assert sentence in messages.purchase(buying(), "sandbox")
    assert sentence in messages.purchase(buying(), "graph")
    assert sentence in " ".join(told("not-purchasable").remedies)


def test_a_purchase_that_graph_cannot_make_says_which():
    seats = told("not-purchasable", {**E5, "action": "buy-seats", "seats": 30})
    renewal = told("not-purchasable", {**E5, "action": "set-auto-renew"})
    old = told("not-purchasable", {**E5, "seats": 30})  # of a plan made before the action was told
    assert seats.message.startswith("seats of SPE_E5 (Microsoft 365 E5) can't be bought from here")
    assert renewal.message.startswith("the automatic renewal of SPE_E5 (Microsoft 365 E5) can't be changed")
    assert "until there are 30 seats" in seats.remedies[0]
    assert "until" not in renewal.remedies[0]
    assert old.message.startswith("SPE_E5 (Microsoft 365 E5) can't be bought or renewed from here")


# ------------------------------------------------------------ refusals


def test_a_refusal_gives_the_figures_and_the_limits():
    assert "the ready changes take 61 licences of 400 held (15.2 %) away" in refused("max-revocations")
    assert "allows at most 50 and at most 10 % (up to 5 always pass)" in refused("max-revocations")
    assert "the ready changes delete 6 users of 400 (1.5 %)" in refused("max-deletions")


def test_a_refusal_over_a_day_or_a_week_gives_the_figures_of_both():
    """What the plan takes now, what was taken before, and both together."""
    window = {"window": "24h", "recent": 30, "count": 40, "free": 0}
    assert (
        "take 12 licences of 400 held (3 %) away from users: 12 now and 30 in the last 24 hours, 42 in all "
        "(9.8 % of those held before); the guard rail max_revocations allows at most 40."
    ) in refused("max-revocations", {"lost": 12, "held": 400, **window})
    week = {**window, "window": "7d", "count": 5}
    assert (
        "the ready changes delete 2 users of 70 (2.9 %): 2 now and 30 in the last 7 days, 32 in all"
    ) in refused("max-deletions", {"deleted": 2, "users": 70, **week})
    assert (
        "the ready changes buy 12 seats: 12 now and 30 in the last 24 hours, 42 in all; the guard rail "
        "max_purchases allows at most 40. With `--buy`, apply refuses the whole plan."
    ) in refused("max-purchases", {"bought": 12, **window})


def test_what_needs_no_setting_says_what_it_compares_with():
    assert "away from all of its 12 holders: nobody holds it afterwards; up to 5 always pass." in refused(
        "sku-emptied"
    )
    last = refused("sku-emptied", {**E5, "held": 1, "free": 0, "recent": 6})
    assert "away from its last holder (6 more lost it in the last 7 days): nobody holds it" in last
    assert "had 40 entries at the last applied run" in refused("users-emptied")
    assert "had 1 entry in origin/main." in refused("users-emptied", {"was": 1, "base": "origin/main"})
    assert "shows 80 users, and the last applied run left 100: 20 % fewer, where up to 10 % pass." in refused(
        "tenant-shrank"
    )


def test_what_is_allowed_by_name_is_told_with_its_numbers():
    passed = p.Refusal(
        code="max-revocations", params=REFUSALS["max-revocations"], allow="--allow max-revocations"
    )
    assert messages.allowed(passed) == (
        "the ready changes take 61 licences of 400 held (15.2 %) away from users; the guard rail "
        "max_revocations allows at most 50 and at most 10 % (up to 5 always pass). "
        "The plan was made with `--allow max-revocations`; apply must be told so too."
    )


def test_what_is_loosened_is_told_with_what_it_was():
    assert told("guardrail-loosened").message == (
        "`guardrails.max_revocations` is looser in these files than in origin/main: at most 50 there, "
        "at most 500 here. This plan keeps to the stricter."
    )
    unbound = {
        **CONFLICTS["guardrail-loosened"],
        "was": {"count": 5, "percent": 10.0, "free": 1},
        "now": {"free": 0},
    }
    assert (
        "at most 5 and at most 10 % (up to 1 always pass) there, no limit here."
        in told("guardrail-loosened", unbound).message
    )
    gone = {"setting": "restrictions", "base": "origin/main", "was": ["EMS in IN"], "now": []}
    assert "EMS in IN is missing. This plan follows these files." in told("safeguard-loosened", gone).message
    wait = {"setting": "defaults.disable_before_delete", "base": "origin/main", "was": "7d", "now": None}
    assert "7d there, nothing here" in told("safeguard-loosened", wait).message
    held = {**gone, "setting": "mailboxes_from", "was": ["hold on anna@contoso.com"]}
    assert "hold on anna@contoso.com is missing." in told("safeguard-loosened", held).message
    grace = {**wait, "setting": "rules.Sales staff.grace", "was": "30d", "now": "7d"}
    assert told("safeguard-loosened", grace).message.startswith(
        "`rules.Sales staff.grace` protects less in these files than in origin/main: 30d there, 7d here."
    )


@pytest.mark.parametrize(
    ("lost", "held", "percent", "shown"),
    [
        (3, 36, 5, "8.3"),
        (10_001, 100_000, 10, "10.001"),
        (10_001, 100_000, 2.5, "10"),
        (26, 1000, 2.5, "2.6"),
        (25_001, 1_000_000, 2.5, "2.5001"),
        (9, 90, 12, "10"),
        (3, 100_000, None, "0.003"),
        (0, 0, 10, "100"),
    ],
)
def test_a_share_is_as_exact_as_it_must_be(lost, held, percent, shown):
    """What exceeds a limit must not be shown as the limit."""
    params = {"lost": lost, "held": held, "percent": percent}
    assert f"({shown} %)" in refused("max-revocations", params)


# ------------------------------------------------------------ hostile text


@pytest.mark.parametrize("code", CONFLICTS)
def test_hostile_params_come_out_harmless_in_every_conflict(code):
    assert harmless(told(code, _poisoned(CONFLICTS[code])))


@pytest.mark.parametrize("code", WARNINGS)
def test_hostile_params_come_out_harmless_in_every_warning(code):
    assert harmless(warned(code, _poisoned(WARNINGS[code]), until="\x1b[2J"))


def test_hostile_names_come_out_harmless_everywhere_else():
    evil = conflict("of-the\nfuture", "x\x1b[2J")
    assert harmless(messages.conflict(evil))
    change = p.Change(address="users/\x1b", kind="delete-user")
    assert harmless((messages.who(change), ()))
    bought = p.Purchase(sku="\x1b", sku_id="", name="\u202e", seats=0, in_use=0, needed=1, buy=1)
    assert harmless((messages.purchase(bought, "sandbox"), ()))
    assert harmless((refused("\x1b", {"\x1b": "\u202e"}), ()))
    assert plan().actor.name == "admin@contoso.com"


def harmless(texts):
    message, rest = texts
    everything = " ".join([message, *([rest] if isinstance(rest, str) else rest or ())])
    return not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2028]", everything)


def _poisoned(value):
    if isinstance(value, dict):
        return {
            key: item if key in ("reason", "action", "service") else _poisoned(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_poisoned(item) for item in value]
    return f"\x1b]0;{value}\x07\n::error::\u202e" if isinstance(value, str) else value


# ------------------------------------------------------------ groups, rules, scopes


def test_a_member_of_a_group_is_told_with_the_group():
    message, remedies = told("no-usage-location", {**ANNA, **SALES})
    assert message.startswith("user anna@contoso.com (group Sales NL) has no usage location")
    assert remedies[0] == "Set `usage_location` in the user's entry."


def test_what_a_group_gives_is_left_out_of_the_groups_licences():
    params = {**ANNA, **SALES, **E5, "reason": "company", "country": "IN", "plan": "P", "needs": ["X"]}
    for code in ("restricted-location", "not-assignable"):
        assert "Leave SPE_E5 out of the licences of group Sales NL." in told(code, params).remedies
    restricted = told("restricted-location", params).remedies
    assert restricted[0] == "Switch the plan off for this group: `{sku: SPE_E5, disable: [P]}`."
    assert "Or take the user out of the group." in restricted


def test_a_group_as_a_whole_can_be_short_of_seats():
    """Its licences are one change: what is free is too little for it, and goes to nobody."""
    message = told("no-seats", {**SALES, **SHORT, "seats": 2, "in_use": 1, "needed": 3}).message
    assert message == (
        "group Sales NL can't get SPE_E5 (Microsoft 365 E5): 1 of 2 seats is in use, and 3 are needed; all "
        "its members get it together, or none does."
    )


def test_a_member_who_does_not_exist_is_told_of_the_group():
    message, remedies = told("unknown-user", {**ANNA, **SALES, "nearest": None})
    assert message == (
        "user anna@contoso.com, whom group Sales NL names as a member, does not exist, and no entry of that "
        "name creates an account."
    )
    assert "Take the user out of `members`, if it has left." in remedies
    near = told("unknown-user", {**ANNA, **SALES, "nearest": "ana@contoso.com"})
    assert near.message.endswith('; did you mean "ana@contoso.com"?')
    assert near.remedies[0] == "Correct the member to ana@contoso.com."


def test_a_group_that_nobody_knows_is_never_created():
    message, remedies = told("unknown-group", {**SALES, "nearest": None})
    assert message == "group Sales NL does not exist in this tenant, and no group is created."
    assert remedies[0] == "Correct the name, if it is mistyped."


@pytest.mark.parametrize("code", ["unknown-group", "ambiguous-group"])
def test_a_rule_that_names_a_group_wrongly_is_told_that_it_is_not_followed(code):
    params = {**CONFLICTS[code], "rule": "sales"}
    message, remedies = told(code, params)
    assert message.startswith(
        'rule sales is not followed: it asks who is a member of group "Sales NL", which '
    )
    assert "by its id in `member_of`" in remedies[-1]


def test_two_entries_of_one_group_are_to_be_put_together():
    message, remedies = told("ambiguous-group", {**SALES, "candidates": [{"id": "g-1", "name": "Sales NL"}]})
    assert message == "group Sales NL is declared twice: another entry means the same group."
    assert remedies == ("Put both entries together: a group has one.",)


def test_a_direct_licence_stays_where_the_groups_does_not_cover_it():
    message, remedies = told("not-covered")
    assert message == (
        "user anna@contoso.com (group Sales NL) keeps the direct licence SPE_E5 (Microsoft 365 E5): the "
        "same one through the group lacks TEAMS1, which the direct one has on."
    )
    assert remedies[0] == "Turn it on for the group, under `groups`, and plan the move again."
    failed = {**CONFLICTS["not-covered"], "state": "Error", "error": "CountViolation", "plans": []}
    message, remedies = told("not-covered", failed)
    assert "the same one through the group is not active there (no seat was free: " in message
    assert remedies[0].startswith("Mend the cause")
    both = told("not-covered", {**failed, "plans": ["A", "B"]})
    assert " and lacks A and B, which the direct one has on." in both.message
    assert both.remedies[0].startswith("Turn them on")


def test_each_reason_why_something_does_not_come_back_is_told():
    """With the field, and the member of a group, that it is about."""
    for reason, (why, remedy) in undo_words._REASONS.items():
        found = told("not-undone", {**CONFLICTS["not-undone"], "reason": reason})
        assert (why in found.message, found.remedies) == (True, (remedy,))
    field = told(
        "not-undone", {**CONFLICTS["not-undone"], "reason": "never-empty", "field": "usage location"}
    )
    assert "is not as before run 20261124-020000-abcd: usage location: it was empty before" in field.message
    member = told("not-undone", {**CONFLICTS["not-undone"], **SALES, "reason": "user-gone"})
    assert "(user anna@contoso.com)" in member.message
    assert told("not-undone", {**CONFLICTS["not-undone"], "reason": "later"}).remedies


def test_several_nested_groups_are_told_in_the_plural():
    message, remedies = told("nested-group", {**SALES, "nested": ["Interns", "Temps"]})
    assert message.startswith(
        "group Sales NL holds group Interns and group Temps: their members get no licence"
    )
    assert remedies[0].startswith("If their members")


def test_members_whom_a_groups_licences_do_not_reach_are_told_with_what_each_error_means():
    rows = [
        *({"upn": f"u{n}@contoso.com", "error": "CountViolation"} for n in range(19)),
        {"upn": "zoe@contoso.com", "error": "DependencyViolation"},
    ]
    message, remedies = told("group-errors", {**SALES, "members": rows, "count": 30})
    assert "do not reach 30 members: u0@contoso.com, " in message
    assert "u4@contoso.com and 25 more. A group gives a member all of its licences or none." in message
    assert remedies[0].startswith("CountViolation (u0@contoso.com, ")
    assert "no seat was free" in remedies[0]
    assert remedies[1].startswith("DependencyViolation (zoe@contoso.com): ")
    assert remedies[2].endswith("reprocess the users in the admin center.")


@pytest.mark.parametrize(("action", "what"), [("licenses", "its licences"), ("members", "its members")])
def test_a_role_assignable_group_is_left_alone(action, what):
    message, remedies = told(
        "protected", {**SALES, "reason": "role-assignable", "action": action, "names": []}
    )
    assert message.startswith("group Sales NL is protected: it is role-assignable")
    assert f"{what} must not be changed" in message
    assert "Privileged Role Administrator" in remedies[0]


def test_a_group_with_protected_members_keeps_its_licences():
    params = {**SALES, "reason": "members", "action": "revoke", "names": ["breakglass@contoso.com"]}
    message, _ = told("protected", params)
    assert message == (
        "group Sales NL must not lose a licence: breakglass@contoso.com would lose it too, and is protected."
    )
    assert (
        "are protected" in told("protected", {**params, "names": ["a@contoso.com", "b@contoso.com"]}).message
    )


@pytest.mark.parametrize(
    ("action", "params", "deed"),
    [
        ("set-group-licenses", SALES, "change the licences of group Sales NL"),
        ("add-member", {**ANNA, **SALES}, "add user anna@contoso.com to group Sales NL"),
        ("remove-member", {**ANNA, **SALES}, "remove user anna@contoso.com from group Sales NL"),
    ],
)
def test_who_may_not_change_a_group_is_told_what_that_is(action, params, deed):
    params = {**params, "action": action, "actor": "joe@contoso.com", "actor_roles": []}
    assert told("role-missing", params).message.startswith(f"joe@contoso.com may not {deed}: ")


def test_a_licence_of_somebody_who_no_longer_matches_is_kept_for_the_grace_of_the_rule():
    assert told("no-longer-matched").message == (
        "user anna@contoso.com no longer matches rule sales since 2026-11-20, and keeps SPE_E5 (Microsoft "
        "365 E5) until 2026-12-20, for the rule's `grace`; a plan of that day or later revokes it."
    )


def test_a_licence_is_not_taken_because_somebody_cannot_sign_in():
    """No time runs against such a user, so no day is told from which it would."""
    params = {**CONFLICTS["no-longer-matched"], "until": None}
    message, remedies = told("no-longer-matched", params)
    assert "no longer matches rule sales, and keeps SPE_E5" in message
    assert "as long as the account is disabled" in message
    assert "`leaver`" in remedies[0]


def test_an_exception_that_has_ended_names_whom_to_ask():
    message, remedies = told("exception-expired")
    assert message == (
        "user anna@contoso.com: the exception from SPE_E5 (Microsoft 365 E5) ended on 2026-11-01 (reason: "
        "has its own; owner: it-security), and excludes nothing any more."
    )
    assert remedies[0].startswith("Ask it-security whether")
    of_rule = {**CONFLICTS["exception-expired"], "rule": "sales", "owner": None, "reason": None}
    del of_rule["upn"]
    message, remedies = told("exception-expired", of_rule)
    assert message.startswith(
        "rule sales: the exception from SPE_E5 (Microsoft 365 E5) ended on 2026-11-01, and"
    )
    assert remedies[0].startswith("Find out whether")


def test_rules_that_disagree_leave_a_plan_on():
    message, _ = told("rules-disagree")
    assert message == (
        "rule sales and rule office disagree on TEAMS1 of SPE_E5 (Microsoft 365 E5): one turns it off, the "
        "other does not. For 1 user (anna@contoso.com), who matches both, it stays on: a plan is off only if "
        "all that gives the licence turns it off."
    )
    users = [f"u{n}@contoso.com" for n in range(20)]
    several = {**CONFLICTS["rules-disagree"], "plans": ["A", "B"], "users": users, "count": 1412}
    message, _ = told("rules-disagree", several)
    assert "one turns them off" in message
    assert "u4@contoso.com and 1,407 more), who match both, they stay on" in message


def test_what_is_outside_the_scope_of_a_file_is_told_with_its_owner():
    assert told("out-of-scope").message == (
        "user anna@contoso.com is outside the scope of sales.yaml, which sales-it owns: it may declare "
        "nothing of this user."
    )
    group = {**SALES, "owner": None, "file": "sales.yaml", "users": ["anna@contoso.com"], "count": 1}
    assert told("out-of-scope", group).message == (
        "group Sales NL can't be declared in sales.yaml: 1 user of it is outside the scope of that file: "
        "anna@contoso.com."
    )


def test_a_rule_leaves_out_whom_its_file_may_not_declare():
    params = {"rule": "sales", "owner": None, "file": "sales.yaml", "users": ["a@contoso.com"], "count": 1}
    message, remedies = told("out-of-scope", params)
    assert message == (
        "rule sales matches 1 user outside the scope of sales.yaml: a@contoso.com. Nothing is planned for "
        "this user by it."
    )
    assert remedies[0].startswith("Do nothing")
    many = told("out-of-scope", {**params, "users": ["a@contoso.com", "b@contoso.com"], "count": 2})
    assert many.message.endswith(" Nothing is planned for these users by it.")


def test_a_leaver_who_is_never_deleted_is_told_no_day_of_it():
    params = {**WARNINGS["leaver-checklist"], "delete_on": None}
    assert "deleted" not in warned("leaver-checklist", params).message
    assert "the account is deleted on 2027-02-22" in warned("leaver-checklist").message


def test_a_rule_that_shrank_is_told_by_how_much():
    assert "matches 60 users now and 400 at the last applied run, 85 % fewer" in refused("rule-shrank")


def test_a_change_of_a_group_is_about_the_group_and_a_warning_about_its_member():
    change = group_licences((licence("EMS"),))
    assert messages.who(change) == "group Sales NL"
    of_member, of_group = (p.Warning(code="trial-seat", params=params) for params in (ANNA, {}))
    assert messages.whom(change, of_member) == "user anna@contoso.com"
    assert messages.whom(change, of_group) == "group Sales NL"


# ------------------------------------------------------------ the reference


@pytest.mark.parametrize(
    ("section", "codes"), [("Conflicts", CONFLICTS), ("Warnings", WARNINGS), ("Refusals", REFUSALS)]
)
def test_the_reference_lists_every_code_with_its_params(section, codes, request):
    page = (request.config.rootpath / "docs/reference/plan-json.md").read_text(encoding="utf-8")
    part = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = {
        line.split("`")[1]: line
        for line in part.splitlines()
        if line.startswith("| `") and "code" not in line[:8]
    }
    assert list(rows) == sorted(codes)
    missing = {
        (code, key) for code, params in codes.items() for key in params if f"`{key}`" not in rows[code]
    }
    assert missing == set()


def test_a_service_whose_data_is_said_to_be_unknown_is_told_so_though_the_catalogue_knows_it():
    lost = {"service": "forms", "title": "Forms", "plans": [], "days": None, "known": False}
    assert "what becomes of its data is unknown" in warned("data-deletion", lost, until=None).message
