"""Does the planner agree with the definitions, for whatever entry and rules?"""

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reconciler import model
from reconciler.model import Choice, Entry, Every, Exclusion, Grant, Not, Rule, Some
from reconciler.plan import assignments_of
from tests.planning.reference import holds
from tests.planning.world import NOW, World, held, line, pid, sid, sku, user

TODAY = NOW.date()
PARTS = ("EMS", "POWER_BI_PRO", "VISIOCLIENT", "PROJECTPROFESSIONAL")
DAYS = st.one_of(st.none(), st.integers(-2, 2).map(lambda days: TODAY + timedelta(days=days)))
PLANS = st.one_of(
    st.none(),
    st.just(()),
    st.just((pid("INTUNE_A"),)),
    st.just(tuple(sorted(map(pid, ("INTUNE_A", "MFA_PREMIUM"))))),
)


@st.composite
def grants(draw, rule):
    """Draw a grant of any SKU, with any dates."""
    part = draw(st.sampled_from(PARTS))
    off = draw(PLANS) if part == "EMS" else None
    return Grant(
        sku_id=sid(part), disabled_plans=off, start=draw(DAYS), until=draw(DAYS), rule=rule, location=line(1)
    )


def sorted_grants(rule):
    """Draw the grants of one entry or rule, as config sorts them."""
    return st.lists(grants(rule), max_size=3).map(
        lambda found: tuple(sorted(found, key=lambda one: one.sku_id))
    )


@st.composite
def choices(draw, rule):
    """Draw at most one choice, of different SKUs."""
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=2, max_size=3, unique=True))
    options = tuple(
        Grant(sku_id=sid(part), start=draw(DAYS), until=draw(DAYS), rule=rule, location=line(2))
        for part in parts
    )
    return draw(st.sampled_from(((), (Choice(options=options, location=line(2)),))))


def exclusions(rule):
    """Draw exceptions, some of which have run out."""
    one = st.builds(
        Exclusion,
        sku_id=st.sampled_from(PARTS).map(sid),
        rule=st.just(rule),
        until=DAYS,
        location=st.just(line(3)),
    )
    return st.lists(one, max_size=2).map(tuple)


TESTS = st.one_of(
    st.builds(
        model.Test,
        field=st.just("department"),
        values=st.sampled_from([("sales",), ("sales", "it"), ("hr",)]),
    ),
    st.builds(model.Test, field=st.just("department"), operator=st.just("present")),
    st.builds(model.Test, field=st.just("enabled"), values=st.sampled_from([(True,), (False,)])),
    st.builds(model.Test, field=st.just("user_type"), values=st.just(("member",))),
    st.builds(
        model.Test, field=st.just("domain"), values=st.sampled_from([("contoso.com",), ("other.com",)])
    ),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(Not, condition=inner),
        st.builds(Every, conditions=st.lists(inner, max_size=2).map(tuple)),
        st.builds(Some, conditions=st.lists(inner, max_size=2).map(tuple)),
    ),
    max_leaves=4,
)
MODES = st.sampled_from(("add", "replace"))


@st.composite
def entries(draw):
    """Draw an entry of anna, or none."""
    if draw(st.booleans()):
        return None
    managed = draw(st.booleans())
    return Entry(
        upn="anna@contoso.com",
        location=line(1),
        mode=draw(MODES),
        grants=draw(sorted_grants("users")) if managed else None,
        choices=draw(choices("users")) if managed else (),
        exclusions=draw(exclusions("users")),
    )


@st.composite
def rules(draw):
    """Draw up to three rules."""
    return tuple(
        Rule(
            name=f"rule-{number}",
            location=line(10 + number),
            when=draw(CONDITIONS),
            mode=draw(MODES),
            grants=draw(sorted_grants(f"rule-{number}")),
            choices=draw(choices(f"rule-{number}")),
            exclusions=draw(exclusions(f"rule-{number}")),
        )
        for number in range(draw(st.integers(0, 3)))
    )


@st.composite
def inherited(draw):
    """Draw what two groups give, each some plans, one perhaps in error."""
    found = []
    for group in ("group-1", "group-2"):
        for part in sorted(draw(st.sets(st.sampled_from(PARTS[:2]), max_size=2))):
            off = draw(st.sampled_from(((), ("INTUNE_A",), ("INTUNE_A", "MFA_PREMIUM"))))
            state = draw(st.sampled_from(("Active", "Active", "Error")))
            found.append(held(part, off=off if part == "EMS" else (), group=group, state=state))
    return tuple(found)


@given(
    entries(),
    rules(),
    st.sets(st.sampled_from(PARTS)),
    st.one_of(st.just(()), inherited()),
    st.sampled_from(("Sales", "IT", None)),
    st.sampled_from((True, False, None)),
    st.sampled_from(("Member", "Guest", None)),
)
def test_the_planner_agrees_with_the_definitions(entry, made, parts, through, department, enabled, kind):
    """Whatever entry and rules ask, with seats for everybody."""
    anna = user(
        "anna",
        *(held(part) for part in sorted(parts)),
        *through,
        department=department,
        enabled=enabled,
        user_type=kind,
    )
    plan = World(
        users=(anna,),
        skus=tuple(sku(part) for part in PARTS),
        entries=(entry,) if entry else (),
        desired={"rules": made},
    ).plan()
    mine = [one for one in plan.changes if one.kind == "set-licenses" and one.user and one.user.id == anna.id]
    rows = mine[0].after["assignments"] if mine else assignments_of(anna)
    direct = [row for row in rows if row["assigned_by"] is None]
    found = {row["sku_id"]: tuple(row["disabled_plans"]) for row in direct}
    assert found == holds(anna, entry, made, TODAY)


def test_the_reference_fits_on_a_page():
    """It is read, not trusted."""
    page = Path(__file__).with_name("reference.py").read_text(encoding="utf-8")
    assert len(page.splitlines()) < 100
