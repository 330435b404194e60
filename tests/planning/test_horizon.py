"""What falls due on the days to come, as if everything due until then had been applied."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from reconciler.model import (
    Choice,
    Current,
    DeletedUser,
    Desired,
    Domain,
    Entry,
    Exclusion,
    Group,
    Leaver,
    Organization,
    Remembered,
    Rule,
    Subscription,
    TenantRef,
    User,
    WantedGroup,
    WantedMember,
    WantedSubscription,
)
from reconciler.model import (
    Test as Where,
)
from reconciler.plan import Day, Due, Plan
from reconciler.planning import look_ahead, make_plan
from tests.planning.world import (
    ADMINISTRATOR,
    CATALOG,
    CHIEF,
    GLOBAL,
    NOW,
    PLAIN,
    entry,
    grant,
    held,
    line,
    sid,
    sku,
    user,
)

ANNA = "users/anna@contoso.com/licenses"


@dataclass
class Future:
    """A tenant, what is declared, and a look ahead from 2026-11-24."""

    users: tuple[User, ...] = ()
    entries: tuple[Entry, ...] = ()
    current: dict[str, Any] = field(default_factory=dict)
    desired: dict[str, Any] = field(default_factory=dict)

    def plan(self, days: int = 90, **options: Any) -> Plan:
        """Return the plan of today with its horizon."""
        current = Current(
            **{
                "taken_at": NOW,
                "organization": Organization(
                    id="tenant", domains=(Domain(name="contoso.com", is_default=True),)
                ),
                "users": tuple(sorted((*self.users, ADMINISTRATOR), key=lambda one: one.upn)),
                "skus": (sku("EMS"), sku("ENTERPRISEPACK"), sku("POWER_BI_PRO")),
                "role_assignments": (GLOBAL,),
                **self.current,
            }
        )
        desired = Desired(
            **{
                "tenant": TenantRef(domain="contoso.com"),
                "digest": "sha256:0",
                "entries": tuple(sorted(self.entries, key=lambda one: one.upn)),
                **self.desired,
            }
        )
        chosen = structs.replace(PLAIN, **options)
        plan = make_plan(desired, current, CHIEF, CATALOG, chosen)
        return look_ahead(plan, desired, current, CHIEF, CATALOG, chosen, days)

    def days(self, days: int = 90, **options: Any) -> list[Day]:
        """Return the days of the horizon."""
        return list(self.plan(days, **options).horizon or ())

    def due(self, days: int = 90, **options: Any) -> list[tuple[str, str, str]]:
        """Return (date, kind, address) of everything that falls due."""
        return [(day.date, one.kind, one.address) for day in self.days(days, **options) for one in day.due]


def dated(part_number: str, start: date | None = None, until: date | None = None):
    """Return a grant with dates."""
    return structs.replace(grant(part_number), start=start, until=until)


def adds(name: str, *licences, **fields: Any) -> Entry:
    """Return an entry that only adds."""
    return entry(name, *licences, mode="add", **fields)


def seats(day: Day, part_number: str) -> tuple[int, int, int]:
    """Return seats, those in use afterwards and those that are short of a SKU at the end of a day."""
    (row,) = (one for one in day.seats if one.sku == part_number)
    return row.seats, row.in_use_after, row.short


# ------------------------------------------------------------ what the files say


def test_a_licence_falls_due_on_its_first_day_and_goes_on_the_day_after_its_last():
    future = Future(
        users=(user("anna"),),
        entries=(adds("anna", dated("EMS", date(2026, 12, 1), date(2026, 12, 31))),),
    )
    days = future.days()
    assert [(day.date, day.due) for day in days] == [
        ("2026-12-01", (Due(address=ANNA, kind="set-licenses", assign=("EMS",)),)),
        (
            "2027-01-01",
            (Due(address=ANNA, kind="set-licenses", revoke=("EMS",), warnings=("data-deletion",)),),
        ),
    ]
    assert [seats(day, "EMS")[1] for day in days] == [1, 0]


def test_the_plan_of_today_is_as_it_is_without_a_horizon():
    future = Future(
        users=(user("anna"),), entries=(adds("anna", "ENTERPRISEPACK", dated("EMS", date(2026, 12, 1))),)
    )
    plan = future.plan()
    assert [one.sku for one in plan.changes[0].assign] == ["ENTERPRISEPACK"]
    assert structs.replace(plan, horizon=None) == structs.replace(future.plan(1), horizon=None)


@pytest.mark.parametrize(("days", "found"), [(6, []), (7, ["2026-12-01"])])
def test_the_last_day_of_the_horizon_belongs_to_it(days, found):
    future = Future(users=(user("anna"),), entries=(adds("anna", dated("EMS", date(2026, 12, 1))),))
    assert [day.date for day in future.days(days)] == found


def test_what_begins_or_ends_today_or_before_is_no_matter_of_the_horizon():
    future = Future(
        users=(user("anna"),), entries=(adds("anna", dated("EMS", NOW.date(), NOW.date() - timedelta(1))),)
    )
    assert future.days() == []


def test_what_is_blocked_today_and_stays_so_is_not_told_again():
    """Each day tells only what is new on it."""
    future = Future(
        users=(user("anna", usage_location=None), user("bram")),
        entries=(adds("anna", "EMS"), adds("bram", dated("EMS", date(2026, 12, 1)))),
    )
    assert future.plan().blocked
    assert future.due() == [("2026-12-01", "set-licenses", "users/bram@contoso.com/licenses")]


def test_what_is_blocked_from_a_later_day_on_is_told_on_that_day_alone():
    later = (adds("anna", dated("EMS", date(2026, 12, 1))), adds("bram", dated("EMS", date(2026, 12, 5))))
    future = Future(users=(user("anna", usage_location=None), user("bram")), entries=later)
    assert future.due() == [
        ("2026-12-01", "set-licenses", ANNA),
        ("2026-12-05", "set-licenses", "users/bram@contoso.com/licenses"),
    ]


def test_a_day_on_which_seats_run_short_says_who_gets_none_and_how_many_are_missing():
    future = Future(
        users=(user("anna"), user("bram")),
        entries=(adds("anna", "EMS"), adds("bram", dated("EMS", date(2026, 12, 1)))),
        current={"skus": (sku("EMS", 1),)},
    )
    (day,) = future.days()
    assert day.due == (
        Due(
            address="users/bram@contoso.com/licenses",
            kind="set-licenses",
            assign=("EMS",),
            blocked_by=("no-seats",),
        ),
    )
    assert seats(day, "EMS") == (1, 1, 1)


def test_the_dates_of_the_options_of_a_choice_count():
    choice = Choice(
        options=(dated("EMS", until=date(2026, 12, 10)), grant("ENTERPRISEPACK")), location=line(1)
    )
    future = Future(users=(user("anna", "EMS"),), entries=(adds("anna", choices=(choice,)),))
    (day,) = future.days()
    assert (day.date, day.due[0].assign, day.due[0].revoke) == ("2026-12-11", ("ENTERPRISEPACK",), ("EMS",))


def test_an_exception_that_ends_gives_the_licence_back():
    exclusion = Exclusion(sku_id=sid("EMS"), until=date(2026, 12, 10), location=line(1))
    forever = Exclusion(sku_id=sid("POWER_BI_PRO"), location=line(1))
    future = Future(users=(user("anna"),), entries=(adds("anna", "EMS", exclusions=(exclusion, forever)),))
    assert future.due() == [("2026-12-11", "set-licenses", ANNA)]


def test_whom_the_entry_manages_no_licences_of_has_no_dates():
    assert Future(users=(user("anna"),), entries=(entry("anna", grants=None),)).days() == []


def test_a_leaver_is_signed_out_then_loses_the_licences_then_is_deleted():
    leaver = Leaver(last_day=date(2026, 11, 30), keep_licenses=10, delete_after=20, location=line(1))
    future = Future(users=(user("anna", "EMS"),), entries=(entry("anna", "EMS", leaver=leaver),))
    assert future.due() == [
        ("2026-12-01", "update-user", "users/anna@contoso.com/profile"),
        ("2026-12-11", "set-licenses", ANNA),
        ("2026-12-21", "delete-user", "users/anna@contoso.com"),
    ]


def test_a_leaver_who_is_never_deleted_has_no_day_of_it():
    leaver = Leaver(last_day=date(2026, 11, 30), location=line(1))
    future = Future(users=(user("anna"),), entries=(entry("anna", leaver=leaver),))
    assert future.due() == [("2026-12-01", "update-user", "users/anna@contoso.com/profile")]


# ------------------------------------------------------------ terms that are running


def in_sales(mode: str = "replace", **fields: Any) -> Rule:
    """Return a rule that gives Sales EMS."""
    return Rule(
        **{
            "name": "sales",
            "location": line(9),
            "when": Where(field="department", values=("sales",)),
            "mode": mode,
            "grants": (grant("EMS", rule="sales"),),
            **fields,
        }
    )


SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def test_the_grace_of_a_rule_that_no_longer_matches_ends_within_the_horizon():
    left = Remembered(topic="rules/sales", count=1, left={"id-anna": datetime(2026, 11, 20, tzinfo=UTC)})
    future = Future(
        users=(user("anna", "EMS"), user("bram", "EMS", department="Sales")),
        current={"remembered": (left,)},
        desired={"rules": (in_sales(),)},
    )
    assert future.due() == [("2026-12-20", "set-licenses", ANNA)]


def test_grace_counts_from_today_where_the_run_of_today_is_the_first_to_miss_somebody():
    seen = Remembered(topic="rules/sales", count=2, since={"id-anna": SINCE, "id-bram": SINCE})
    future = Future(
        users=(user("anna", "EMS"), user("bram", "EMS", department="Sales")),
        current={"remembered": (seen,)},
        desired={"rules": (in_sales(grace=10),)},
    )
    assert future.due() == [("2026-12-04", "set-licenses", ANNA)]


def test_who_matches_again_has_no_grace_running():
    left = Remembered(topic="rules/sales", count=1, left={"id-anna": datetime(2026, 11, 20, tzinfo=UTC)})
    future = Future(
        users=(user("anna", "EMS", department="Sales"),),
        current={"remembered": (left,)},
        desired={"rules": (in_sales(),)},
    )
    assert future.days() == []


def test_a_rule_has_dates_of_its_own():
    first, second = dated("EMS", date(2026, 12, 1)), dated("POWER_BI_PRO", until=date(2026, 12, 31))
    choice = Choice(options=(dated("ENTERPRISEPACK", date(2026, 12, 5)),), location=line(9))
    rule = in_sales("add", grants=(first, second), choices=(choice,))
    future = Future(users=(user("anna", "POWER_BI_PRO", department="Sales"),), desired={"rules": (rule,)})
    assert [(day.date, day.due[0].assign, day.due[0].revoke) for day in future.days()] == [
        ("2026-12-01", ("EMS",), ()),
        ("2026-12-05", ("ENTERPRISEPACK",), ()),
        ("2027-01-01", (), ("POWER_BI_PRO",)),
    ]


def test_an_account_rests_disabled_before_it_is_deleted():
    """The run of today disables it; the rest counts from then."""
    future = Future(
        users=(user("anna"),),
        entries=(entry("anna", present=False, grants=None),),
        desired={"disable_before_delete": 7},
    )
    assert [change.kind for change in future.plan().changes] == ["update-user"]
    assert future.due() == [("2026-12-01", "delete-user", "users/anna@contoso.com")]


def test_a_leaver_rests_from_the_day_on_which_sign_in_was_blocked():
    """The account is deleted on the day that the entry says, not a rest later."""
    leaver = Leaver(last_day=date(2026, 11, 30), delete_after=20, location=line(1))
    ahead = Future(
        users=(user("anna"),),
        entries=(entry("anna", grants=None, leaver=leaver),),
        desired={"disable_before_delete": 7},
    ).plan()

    assert [(day.date, due.kind) for day in ahead.horizon or () for due in day.due] == [
        ("2026-12-01", "update-user"),
        ("2026-12-21", "delete-user"),
    ]


def test_a_rest_that_began_at_an_earlier_run_ends_where_it_would():
    resting = Remembered(topic="disabled", count=1, since={"id-anna": datetime(2026, 11, 20, tzinfo=UTC)})
    future = Future(
        users=(user("anna", enabled=False),),
        entries=(entry("anna", present=False, grants=None),),
        current={"remembered": (resting,)},
        desired={"disable_before_delete": 7},
    )
    assert future.due() == [("2026-11-27", "delete-user", "users/anna@contoso.com")]


def test_a_rest_that_was_interrupted_begins_anew():
    """Somebody switched the account on again: what was remembered before says nothing."""
    resting = Remembered(topic="disabled", count=1, since={"id-anna": SINCE})
    future = Future(
        users=(user("anna"),),
        entries=(entry("anna", present=False, grants=None),),
        current={"remembered": (resting,)},
        desired={"disable_before_delete": 7},
    )
    assert future.due() == [("2026-12-01", "delete-user", "users/anna@contoso.com")]


def test_an_account_that_shall_stay_after_all_has_no_rest_running():
    resting = Remembered(topic="disabled", count=1, since={"id-anna": NOW})
    future = Future(
        users=(user("anna"),),
        current={"remembered": (resting,)},
        desired={"disable_before_delete": 7},
    )
    assert future.days() == []


# ------------------------------------------------------------ subscriptions


def ending(at: datetime | None, **fields: Any) -> Subscription:
    """Return a subscription of ten seats of EMS that is not renewed."""
    return Subscription(
        **{
            "id": "s",
            "sku_id": sid("EMS"),
            "seats": 10,
            "next_lifecycle": at,
            "auto_renew": False,
            **fields,
        }
    )


MIDNIGHT = datetime(2026, 12, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "day"), [(MIDNIGHT, "2026-12-10"), (MIDNIGHT + timedelta(hours=9), "2026-12-11")]
)
def test_seats_of_a_subscription_that_ends_are_in_grace_from_the_next_midnight(at, day):
    other = ending(None, id="t", sku_id=sid("ENTERPRISEPACK"), auto_renew=True)
    future = Future(users=(user("anna", "EMS"),), current={"subscriptions": (ending(at), other)})
    assert [(one.date, one.due, seats(one, "EMS")[0]) for one in future.days()] == [(day, (), 0)]
    assert [seats(one, "EMS")[0] for one in future.days(use_grace=True)] == [10]


@pytest.mark.parametrize(
    "row",
    [
        ending(MIDNIGHT, auto_renew=True),
        ending(MIDNIGHT, auto_renew=None),
        ending(MIDNIGHT, status="Warning"),
        ending(None),
    ],
)
def test_a_subscription_that_renews_or_that_nobody_knows_of_keeps_its_seats(row):
    later = adds("anna", dated("EMS", date(2026, 12, 20)))
    future = Future(users=(user("anna"),), entries=(later,), current={"subscriptions": (row,)})
    assert [(day.date, seats(day, "EMS")) for day in future.days()] == [("2026-12-20", (10, 1, 0))]


def test_a_subscription_ends_once():
    later = adds("anna", dated("EMS", date(2026, 12, 20)))
    future = Future(
        users=(user("anna"), user("bram", "EMS")),
        entries=(later,),
        current={"skus": (sku("EMS", 15),), "subscriptions": (ending(MIDNIGHT),)},
    )
    assert [(day.date, seats(day, "EMS")) for day in future.days()] == [
        ("2026-12-10", (5, 1, 0)),
        ("2026-12-20", (5, 2, 0)),
    ]


def test_who_needs_a_seat_after_its_subscription_ended_gets_none():
    later = adds("anna", dated("EMS", date(2026, 12, 20)))
    future = Future(users=(user("anna"),), entries=(later,), current={"subscriptions": (ending(MIDNIGHT),)})
    first, second = future.days()
    assert (first.date, first.due) == ("2026-12-10", ())
    assert (second.date, second.due[0].blocked_by) == ("2026-12-20", ("no-seats",))


def test_what_is_set_to_renew_today_does_not_end():
    wanted = WantedSubscription(sku_id=sid("EMS"), location=line(3), auto_renew=True)
    other = ending(MIDNIGHT, id="t", sku_id=sid("ENTERPRISEPACK"))
    future = Future(
        users=(user("anna", "EMS", "ENTERPRISEPACK"),),
        current={"subscriptions": (ending(MIDNIGHT), other)},
        desired={"subscriptions": (wanted,)},
    )
    assert [change.kind for change in future.plan().ready] == ["set-auto-renew"]
    (day,) = future.days()
    assert (seats(day, "EMS")[0], seats(day, "ENTERPRISEPACK")[0]) == (10, 0)


@pytest.mark.parametrize("owned", [(), (sku("EMS", 0),)])
def test_seats_that_are_bought_today_are_there_later(owned):
    wanted = WantedSubscription(sku_id=sid("EMS"), location=line(3), seats=5)
    later = adds("anna", dated("EMS", date(2026, 12, 20)))
    future = Future(
        users=(user("anna"),),
        entries=(later,),
        current={"skus": owned},
        desired={"subscriptions": (wanted,)},
    )
    (day,) = future.days()
    assert [(one.address, one.blocked_by) for one in day.due] == [(ANNA, ())]
    assert seats(day, "EMS") == (5, 1, 0)


# ------------------------------------------------------------ as if what was due had been applied


def test_who_is_created_today_is_a_user_like_others_later():
    new = adds(
        "nora", dated("EMS", until=date(2026, 12, 10)), profile=(("name", "Nora"),), usage_location="NL"
    )
    future = Future(entries=(new,))
    assert [change.kind for change in future.plan().ready] == ["create-user", "set-licenses"]
    assert future.due() == [("2026-12-11", "set-licenses", "users/nora@contoso.com/licenses")]


def test_who_is_restored_today_comes_back_with_direct_licences_alone():
    """What a group gave stays away; what is no longer wanted is taken later."""
    gone = user("vera", "EMS", held("ENTERPRISEPACK", group="g"), upn="vera@contoso.com")
    fields = {name: getattr(gone, name) for name in User.__struct_fields__}
    deleted = DeletedUser(**fields, deleted_at=NOW - timedelta(days=3))
    back = adds("vera", dated("EMS", until=date(2026, 12, 10)), restore="id-vera")
    future = Future(entries=(back,), current={"deleted_users": (deleted,)})
    assert [change.kind for change in future.plan().ready] == ["restore-user"]
    (day,) = future.days()
    assert [(one.address, one.revoke) for one in day.due] == [("users/vera@contoso.com/licenses", ("EMS",))]
    assert (seats(day, "EMS")[1], seats(day, "ENTERPRISEPACK")[1]) == (0, 0)


def test_who_is_deleted_today_leaves_the_seats_to_others():
    future = Future(
        users=(user("anna", "EMS"), user("bram")),
        entries=(
            entry("anna", present=False, grants=None),
            adds("bram", dated("EMS", date(2026, 12, 1))),
        ),
        current={"skus": (sku("EMS", 1, consumed=1),)},
    )
    (day,) = future.days()
    assert [(one.address, one.blocked_by) for one in day.due] == [("users/bram@contoso.com/licenses", ())]
    assert seats(day, "EMS") == (1, 1, 0)


SALES = Group(id="g", name="Sales NL", assignments=(held("EMS"),), members=("id-anna", "id-unread"))
MEMBER = user("anna", held("EMS", group="g"))


def wanted(*members: str, grants=None) -> WantedGroup:
    """Return what is declared of the group."""
    rows = tuple(WantedMember(upn=f"{name}@contoso.com", location=line(7)) for name in members)
    return WantedGroup(name="Sales NL", location=line(6), grants=grants, members=rows or None)


def test_a_group_has_dates_and_its_members_get_and_lose_with_them():
    """A member who could not be read is none of whom anything is known."""
    grants = (dated("ENTERPRISEPACK", date(2026, 12, 1), date(2026, 12, 31)), dated("EMS"))
    future = Future(
        users=(MEMBER,),
        current={"groups": (SALES,)},
        desired={"groups": (wanted(grants=tuple(sorted(grants, key=lambda one: one.sku_id))),)},
    )
    days = future.days()
    assert [(day.date, one.kind, one.assign, one.revoke) for day in days for one in day.due] == [
        ("2026-12-01", "set-group-licenses", ("ENTERPRISEPACK",), ()),
        ("2027-01-01", "set-group-licenses", (), ("ENTERPRISEPACK",)),
    ]
    assert [seats(day, "ENTERPRISEPACK")[1] for day in days] == [1, 0]
    assert [seats(day, "EMS")[1] for day in days] == [1, 1]


def test_who_joins_and_leaves_a_group_today_is_there_and_gone_later():
    grants = (dated("EMS", until=date(2026, 12, 10)),)
    future = Future(
        users=(MEMBER, user("bram"), user("cees")),
        current={"groups": (SALES,)},
        desired={"groups": (wanted("bram", "cees", grants=grants),)},
    )
    assert sorted(change.kind for change in future.plan().ready) == [
        "add-member",
        "add-member",
        "remove-member",
    ]
    (day,) = future.days()
    assert [(one.kind, one.revoke) for one in day.due] == [("set-group-licenses", ("EMS",))]
    assert {row.sku: (row.in_use_before, row.in_use_after) for row in day.seats}["EMS"] == (2, 0)


def test_whom_the_plan_creates_joins_the_group_with_what_it_gives():
    new = entry("nora", profile=(("name", "Nora"),), usage_location="NL", grants=None)
    grants = (dated("EMS", until=date(2026, 12, 10)),)
    future = Future(
        users=(MEMBER,),
        entries=(new,),
        current={"groups": (SALES,)},
        desired={"groups": (wanted("anna", "nora", grants=grants),)},
    )
    (day,) = future.days()
    assert {row.sku: (row.in_use_before, row.in_use_after) for row in day.seats}["EMS"] == (2, 0)


def test_what_is_blocked_today_is_not_counted_as_done():
    """Anna gets no licence today, so that there is none to take on the day on which it ends."""
    future = Future(
        users=(user("anna", usage_location=None),),
        entries=(adds("anna", dated("EMS", until=date(2026, 12, 10))),),
    )
    (day,) = future.days()
    assert (day.date, day.due, seats(day, "EMS")[1]) == ("2026-12-11", (), 0)


def test_a_rule_that_begins_later_sees_the_profile_that_the_plan_of_today_gives():
    rule = in_sales("add", grants=(dated("EMS", date(2026, 12, 1)),))
    future = Future(
        users=(user("anna", department="Support"),),
        entries=(entry("anna", grants=None, profile=(("department", "Sales"),)),),
        desired={"rules": (rule,)},
    )
    assert [change.kind for change in future.plan().ready] == ["update-user"]
    assert future.due() == [("2026-12-01", "set-licenses", ANNA)]


def test_what_a_group_gives_stays_beside_a_change_of_direct_licences():
    future = Future(
        users=(MEMBER,),
        entries=(entry("anna", "ENTERPRISEPACK", dated("POWER_BI_PRO", until=date(2026, 12, 10))),),
        current={"groups": (SALES,)},
    )
    (day,) = future.days()
    assert [(one.address, one.revoke) for one in day.due] == [(ANNA, ("POWER_BI_PRO",))]
    assert seats(day, "EMS")[1] == 1
