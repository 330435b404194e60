"""Is a licence that stops matching kept as long as it shall be, whatever happens from day to day?

Random histories of a small tenant with one replacing rule, planned on some days and applied on some of
these. What must be held after each plan is told from the definitions alone, by `Diary`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler import model
from reconciler.model import Every, Options, Rule, User
from reconciler.model import Test as Check
from reconciler.planning import make_plan, simulation
from tests.planning.test_matching import rule
from tests.planning.world import CATALOG, CHIEF, NOW, World, sid, sku, user

SALES = Check(field="department", values=("sales",))
AT_WORK = Every(conditions=(SALES, Check(field="enabled", values=(True,))))
NAMES = ("anna", "bram", "cees", "dora")
GRANTED, OTHER = "EMS", "VISIOCLIENT"


class Day(model.Value, frozen=True, kw_only=True):
    """What happens before a plan, and whether it is applied."""

    later: int
    moves: dict[str, str]
    switches: frozenset[str]
    applied: bool


DAYS = st.builds(
    Day,
    later=st.integers(0, 3),
    moves=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("Sales", "IT")), max_size=2),
    switches=st.frozensets(st.sampled_from(NAMES), max_size=1),
    applied=st.booleans(),
)


@dataclass
class Diary:
    """What applied runs saw: since when each user no longer matches, and how many matched at the last."""

    rule: Rule
    matched: set[str] = field(default_factory=set)
    left: dict[str, date] = field(default_factory=dict)
    count: int | None = None

    def matches(self, one: User) -> bool:
        """Tell whether the rule means a user."""
        return one.department == "Sales" and (self.rule.when == SALES or one.enabled is True)

    def expected(self, one: User, today: date) -> set[str]:
        """Return what a user holds after a plan of `today`."""
        held = {a.sku_id for a in one.assignments}
        if self.matches(one):
            return {sid(GRANTED)} if one.enabled else held & {sid(GRANTED)}
        if one.department == "Sales":  # only the account was disabled
            return held
        gone = one.id in self.left or one.id in self.matched
        over = gone and self.left.get(one.id, today) + timedelta(days=self.rule.grace) <= today
        return held - {sid(GRANTED)} if over else held

    def refusals(self, users: tuple[User, ...]) -> list[str]:
        """Return which rails a plan refuses for the rule's sake."""
        now = sum(map(self.matches, users))
        if now == 0:
            return ["rule-matches-nobody"]
        shrank = self.count is not None and (self.count - now) * 100 >= 30 * self.count > 0
        return ["rule-shrank"] if shrank else []

    def note(self, users: tuple[User, ...], today: date) -> None:
        """Take note of an applied run."""
        for one in users:
            if self.matches(one):
                self.matched.add(one.id)
            if one.department == "Sales":
                self.left.pop(one.id, None)  # who only can't sign in has not left
            elif one.id in self.matched:
                self.left.setdefault(one.id, today)
        self.count = sum(map(self.matches, users))


ON_LEAVE = (
    Day(later=0, moves={}, switches=frozenset(), applied=True),
    Day(later=0, moves={}, switches=frozenset(["anna"]), applied=True),
    Day(later=2, moves={"anna": "IT"}, switches=frozenset(), applied=False),
)
"""Anna is seen, seen again while her account is disabled, and only then leaves."""


@example(AT_WORK, 2, ON_LEAVE)
@given(
    st.sampled_from((SALES, AT_WORK)),
    st.sampled_from((0, 2, 5)),
    st.lists(DAYS, min_size=1, max_size=8),
)
def test_a_licence_is_kept_for_the_grace_of_the_rule_and_not_a_day_less(when, grace, days):
    """Counted from the applied run that first sees that the user left; a disabled account loses nothing."""
    made = rule("r", when, GRANTED, mode="replace", grace=grace)
    diary = Diary(made)
    world = World(
        users=tuple(user(name, GRANTED, OTHER, department="Sales") for name in NAMES),
        skus=tuple(sku(part, 20) for part in (GRANTED, OTHER)),
        desired={"rules": (made,)},
    )
    (desired, state), now = world.states(), NOW
    for day in days:
        now += timedelta(days=day.later)
        state = _happened(state, day)
        plan = make_plan(desired, state, CHIEF, CATALOG, Options(now=now))
        people = tuple(one for one in state.users if one.upn.partition("@")[0] in NAMES)
        after = {one.id: one for one in simulation.applied(state, plan, now).users}

        assert {one.upn: {a.sku_id for a in after[one.id].assignments} for one in people} == {
            one.upn: diary.expected(one, now.date()) for one in people
        }
        assert [refusal.code for refusal in plan.refusals if "rule" in refusal.code] == diary.refusals(people)
        if day.applied and not plan.refusals:
            state = simulation.applied(state, plan, now)
            diary.note(people, now.date())


def _happened(state, day):
    """Return the tenant after what people did to it."""
    users = []
    for one in state.users:
        name = one.upn.partition("@")[0]
        users.append(
            msgspec.structs.replace(
                one,
                department=day.moves.get(name, one.department),
                enabled=one.enabled != (name in day.switches),
            )
        )
    return msgspec.structs.replace(state, users=tuple(users))
