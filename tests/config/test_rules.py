"""Rules and groups: what is declared of many users at once, as planning gets it."""

from datetime import date

import pytest

from reconciler import config
from reconciler.errors import ConfigError
from reconciler.model import (
    Choice,
    Every,
    Exclusion,
    Grant,
    Location,
    Rule,
    Scope,
    WantedGroup,
    WantedMember,
)
from reconciler.model import Test as Asks
from tests.config.samples import CATALOG, E3, E5, EMS, INTUNE, POWER_BI, SKUS

SALES = Asks(field="department", values=("sales",))
GROUP = "11111111-1111-1111-1111-11111111111a"


def place(line, column):
    return Location(file="tenant.yaml", line=line, column=column)


def rule(resolve, text, bundles="{}"):
    """Return the one rule whose keys besides name and condition are `text`."""
    (found,) = resolve(
        f"bundles: {bundles}\nrules: [{{name: sales, when: {{department: Sales}}, {text}}}]\n"
    ).rules
    return found


def test_a_whole_rule(resolve):
    (found,) = resolve("""\
rules:
  - name: sales
    when: {department: Sales, user_type: Member}
    licenses:
      - ENTERPRISEPACK
      - one_of:
          - ENTERPRISEPREMIUM
          - {sku: EMS, disable: [INTUNE_A]}
        until: 2027-03-31
    exclude: [{sku: POWER_BI_PRO, reason: too dear, owner: finance, until: 2027-01-31}]
    grace: 14d
    priority: 5
    from: 2026-12-01
    reason: they sell
""").rules
    start, until = date(2026, 12, 1), date(2027, 3, 31)
    assert found == Rule(
        name="sales",
        location=place(3, 5),
        when=Every(conditions=(SALES, Asks(field="user_type", values=("member",)))),
        grants=(Grant(sku_id=E3, rule="sales", start=start, location=place(6, 9)),),
        choices=(
            Choice(
                options=(
                    Grant(sku_id=E5, rule="sales", start=start, until=until, location=place(8, 13)),
                    Grant(
                        sku_id=EMS,
                        disabled_plans=(INTUNE,),
                        rule="sales",
                        start=start,
                        until=until,
                        location=place(9, 13),
                    ),
                ),
                location=place(7, 9),
            ),
        ),
        exclusions=(
            Exclusion(
                sku_id=POWER_BI,
                rule="sales",
                reason="too dear",
                owner="finance",
                until=date(2027, 1, 31),
                location=place(11, 15),
            ),
        ),
        grace=14,
        priority=5,
    )


@pytest.mark.parametrize(
    ("licences", "mode", "skus"),
    [
        ("[EMS]", "add", [EMS]),
        ("{add: [EMS]}", "add", [EMS]),
        ("{replace: [EMS]}", "replace", [EMS]),
        ("{replace: []}", "replace", []),
    ],
)
def test_a_rule_takes_licences_only_where_it_says_replace(resolve, licences, mode, skus):
    """Whatever `defaults.licenses` says: that is for the entries of `users`."""
    found = rule(resolve, f"licenses: {licences}")
    assert (found.mode, [grant.sku_id for grant in found.grants]) == (mode, skus)


def test_a_rule_may_do_nothing_but_exclude(resolve):
    found = rule(resolve, "exclude: [EMS]")
    assert (found.mode, found.grants, [one.sku_id for one in found.exclusions]) == ("add", (), [EMS])


@pytest.mark.parametrize(
    ("item", "bounds", "start", "until"),
    [
        ("EMS", "from: 2026-06-01, until: 2026-12-31", "2026-06-01", "2026-12-31"),
        ("{sku: EMS, from: 2026-07-01}", "from: 2026-06-01, until: 2026-12-31", "2026-07-01", "2026-12-31"),
        ("{sku: EMS, from: 2026-05-01}", "from: 2026-06-01", "2026-06-01", None),
        ("{sku: EMS, until: 2026-07-01}", "until: 2026-12-31", None, "2026-07-01"),
        ("{sku: EMS, until: 2027-07-01}", "until: 2026-12-31", None, "2026-12-31"),
        ("office", "until: 2026-12-31", None, "2026-10-31"),
        ("{bundle: office, from: 2026-02-01}", "until: 2026-09-30", "2026-02-01", "2026-09-30"),
    ],
)
def test_the_narrower_bound_holds(resolve, item, bounds, start, until):
    """Of the rule, of the item and of the bundle's own item."""
    found = rule(resolve, f"licenses: [{item}], {bounds}", "{office: [{sku: EMS, until: 2026-10-31}]}")
    (grant,) = found.grants
    assert (grant.start, grant.until) == tuple(day and date.fromisoformat(day) for day in (start, until))


def test_what_a_bundle_ceased_to_give_before_is_no_grant(resolve):
    """The rule begins when that item of the bundle is over; the others hold."""
    bundles = "{office: [{sku: EMS, until: 2026-10-31}, ENTERPRISEPACK]}"
    found = rule(resolve, "licenses: [office], from: 2027-01-01", bundles)
    assert [grant.sku_id for grant in found.grants] == [E3]


def test_bundles_of_bundles_keep_their_dates(resolve):
    bundles = (
        "{all: [{bundle: office, from: 2026-03-01}], office: [{sku: EMS, until: 2026-10-31}, ENTERPRISEPACK]}"
    )
    found = rule(resolve, "licenses: [{bundle: all, until: 2026-12-31}]", bundles)
    assert [(grant.sku_id, str(grant.start), str(grant.until), grant.bundle) for grant in found.grants] == [
        (E3, "2026-03-01", "2026-12-31", "all"),
        (EMS, "2026-03-01", "2026-10-31", "all"),
    ]


def test_rules_stand_by_name(resolve):
    rules = resolve("""\
rules:
  - {name: b, when: {city: A}, exclude: [EMS]}
  - {name: a, when: {city: A}, exclude: [EMS]}
""").rules
    assert [found.name for found in rules] == ["a", "b"]


def test_a_whole_group(resolve):
    groups = resolve(f"""\
bundles: {{office: [ENTERPRISEPACK]}}
groups:
  sales NL:
    priority: 5
    members: [bram@contoso.com, Anna@Contoso.com]
    licenses:
      replace: [office, {{sku: EMS, until: 2027-01-31}}]
  Marketing:
    id: {GROUP.upper()}
    licenses: [EMS]
  Zeta: {{members: []}}
  alpha: {{}}
""").groups
    assert groups == (
        WantedGroup(name="alpha", location=place(13, 3)),
        WantedGroup(
            name="Marketing",
            location=place(9, 3),
            id=GROUP,
            grants=(Grant(sku_id=EMS, rule="groups", location=place(11, 16)),),
        ),
        WantedGroup(
            name="sales NL",
            location=place(4, 3),
            mode="replace",
            grants=(
                Grant(sku_id=E3, rule="groups", bundle="office", location=place(8, 17)),
                Grant(sku_id=EMS, rule="groups", until=date(2027, 1, 31), location=place(8, 25)),
            ),
            members=(
                WantedMember(upn="anna@contoso.com", location=place(6, 33)),
                WantedMember(upn="bram@contoso.com", location=place(6, 15)),
            ),
            priority=5,
        ),
        WantedGroup(name="Zeta", location=place(12, 3), members=()),
    )


def test_a_scope_is_set_on_all_that_its_file_declares(resolve):
    desired = resolve("""\
owner: sales-it
scope: {department: Sales}
users: {anna@contoso.com: {}}
groups: {Sales: {}}
rules: [{name: a, when: {city: A}, exclude: [EMS]}]
""")
    scope = Scope(condition=SALES, owner="sales-it", location=place(3, 1))
    declared = (*desired.entries, *desired.groups, *desired.rules)
    assert [one.scope for one in declared] == [scope, scope, scope]


def test_a_file_with_an_owner_alone_is_bound_by_nothing(resolve):
    """The name is for people."""
    desired = resolve("owner: sales-it\nusers: {anna@contoso.com: {}}\n")
    assert desired.entries[0].scope is None


def test_a_rule_that_can_not_be_read_leaves_the_others_judged(load):
    """A mistake in a field is told, and the rest of that rule as well."""
    document = load(
        "rules: [{name: a, when: 1, licenses: [EMX]}, {name: b, when: {city: A}, licenses: [EMY], x: 1}]"
    )
    with pytest.raises(ConfigError) as caught:
        config.resolve(document, SKUS, CATALOG)
    assert [problem.code for problem in caught.value.problems] == ["wrong-type", "unknown-sku", "unknown-key"]


def test_disable_before_delete(resolve):
    assert resolve("defaults: {disable_before_delete: 7d}\n").disable_before_delete == 7
