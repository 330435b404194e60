from itertools import pairwise
from pathlib import Path

import pytest

from reconciler import config
from reconciler.catalog import Catalog, PlanFacts
from reconciler.errors import ConfigError
from reconciler.model import (
    Desired,
    Entry,
    Exclusion,
    Grant,
    Guardrails,
    Location,
    Price,
    Rail,
    Restriction,
    Sku,
    TenantRef,
    WantedSubscription,
)
from tests.config.samples import (
    CATALOG,
    E3,
    E5,
    EMS,
    ENTRA,
    EXCHANGE,
    FLOW,
    INTUNE,
    MEETING,
    POWER_BI,
    SHAREPOINT,
    SKUS,
)


@pytest.fixture
def grants(resolve):
    """Return a function that gives the grants of one user with these licences."""

    def grants(licences, bundles="{}"):
        desired = resolve(f"bundles: {bundles}\nusers:\n  anna@contoso.com: {{licenses: {licences}}}\n")
        return [(grant.sku_id, grant.disabled_plans, grant.bundle) for grant in desired.entries[0].grants]

    return grants


def place(line, column):
    return Location(file="tenant.yaml", line=line, column=column)


def test_a_whole_file(resolve):
    """Every section, as planning gets it."""
    desired = resolve("""\
tenant: {domain: Contoso.com}
defaults: {usage_location: NL, licenses: add}
unlisted_users: revoke
ignore_skus: [flow_free, 6FD2C87F-B296-42F0-B197-1E91E994B900]
subscriptions:
  ENTERPRISEPACK: {seats: 25, auto_renew: true, price: {amount: "23.10", currency: EUR}}
  EMS: {}
bundles:
  office:
    - enterprisepack
    - {sku: EMS, disable: [INTUNE_A]}
users:
  Bram@Contoso.com: {ensure: absent, reason: left}
  anna@contoso.com:
    id: AAAAAAAA-1111-1111-1111-111111111111
    name: Anna
    enabled: false
    department: Sales
    usage_location: BE
    licenses:
      - POWER_BI_PRO
      - office
    exclude: [EMS]
restrictions:
  - {plan: mcomeetadv, countries: [IN, AE]}
  - {sku: EMS, countries: [IN]}
guardrails:
  max_revocations: {count: 5.0}
  max_deletions: {percent: 2.5, free: 1}
  max_purchases: {count: 7}
  protected_users: [Boss@Contoso.com, VIPs, boss@contoso.com]
  protected_skus: [EMS, ENTERPRISEPACK]
""")
    assert desired == Desired(
        tenant=TenantRef(domain="contoso.com", location=place(2, 1)),
        digest=desired.digest,
        default_location="NL",
        default_mode="add",
        unlisted_users="revoke",
        ignored_skus=frozenset({FLOW, E3}),
        unlisted_location=place(4, 1),
        subscriptions=(
            WantedSubscription(
                sku_id=E3,
                location=place(7, 3),
                seats=25,
                auto_renew=True,
                price=Price(amount="23.10", currency="EUR", per="month"),
            ),
            WantedSubscription(sku_id=EMS, location=place(8, 3)),
        ),
        entries=(
            Entry(
                upn="anna@contoso.com",
                location=place(15, 3),
                id="aaaaaaaa-1111-1111-1111-111111111111",
                profile=(("department", "Sales"), ("enabled", False), ("name", "Anna")),
                usage_location="BE",
                mode="add",
                grants=(
                    Grant(sku_id=E3, bundle="office", location=place(23, 9)),
                    Grant(sku_id=EMS, disabled_plans=(INTUNE,), bundle="office", location=place(23, 9)),
                    Grant(sku_id=POWER_BI, location=place(22, 9)),
                ),
                exclusions=(Exclusion(sku_id=EMS, location=place(24, 15)),),
            ),
            Entry(upn="bram@contoso.com", location=place(14, 3), mode="add", present=False, reason="left"),
        ),
        restrictions=(
            Restriction(location=place(26, 5), plan_id=MEETING, countries=("AE", "IN")),
            Restriction(location=place(27, 5), sku_id=EMS, countries=("IN",)),
        ),
        guardrails=Guardrails(
            max_revocations=Rail(count=5, percent=10, free=5),
            max_deletions=Rail(count=5, percent=2.5, free=1),
            max_purchases=Rail(count=7),
            protected_users=("boss@contoso.com", "vips"),
            protected_skus=(E3, EMS),
        ),
        guardrails_location=place(28, 1),
        protected_places=(place(32, 21), place(32, 39)),
    )


def test_the_least_file(resolve):
    desired = resolve("")
    assert desired == Desired(
        tenant=TenantRef(), digest=desired.digest, ignored_skus=CATALOG.free_skus, guardrails=Guardrails()
    )


def test_omitted_empty_and_added_licences_differ(resolve):
    """Not managed; none; all of these; these too."""
    entries = resolve("""\
users:
  a@contoso.com: {}
  b@contoso.com: {department: Sales}
  c@contoso.com: {licenses: []}
  d@contoso.com: {licenses: [EMS]}
  e@contoso.com: {licenses: {add: [EMS]}}
  f@contoso.com: {licenses: {replace: []}}
""").entries
    found = [(entry.mode, entry.grants and [grant.sku_id for grant in entry.grants]) for entry in entries]
    assert found == [
        ("replace", None),
        ("replace", None),
        ("replace", ()),
        ("replace", [EMS]),
        ("add", [EMS]),
        ("replace", ()),
    ]


def test_nothing_ignored_is_not_the_default(resolve):
    assert resolve("ignore_skus: []\n").ignored_skus == frozenset()


@pytest.mark.parametrize(
    ("item", "sku"),
    [
        ("ENTERPRISEPACK", E3),
        ("EnterprisePack", E3),
        (E3, E3),
        (E3.upper(), E3),
        ("ENTERPRISEPREMIUM", E5),
        (E5.upper(), E5),
    ],
)
def test_a_sku_is_named_by_part_number_or_id(grants, item, sku):
    """In any case; one that the tenant lacks but the catalogue knows has no seats, which is no mistake."""
    assert grants(f"[{item}]") == [(sku, None, None)]


@pytest.mark.parametrize(
    ("item", "disabled"),
    [
        ("EMS", None),
        ("{sku: EMS}", None),
        ("{sku: EMS, disable: []}", ()),
        ("{sku: EMS, disable: [INTUNE_A]}", (INTUNE,)),
        ("{sku: EMS, disable: [intune_a, AAD_PREMIUM, INTUNE_A]}", tuple(sorted([INTUNE, ENTRA]))),
        (f"{{sku: EMS, disable: [{INTUNE.upper()}]}}", (INTUNE,)),
        ("{sku: EMS, enable: [INTUNE_A]}", (ENTRA,)),
        ("{sku: EMS, enable: [INTUNE_A, AAD_PREMIUM]}", ()),
    ],
)
def test_plans_become_the_list_of_disabled_ids(grants, item, disabled):
    """Sorted. `enable` leaves on what it names; a plan of the whole tenant is never switched."""
    assert grants(f"[{item}]") == [(EMS, disabled, None)]


def test_plans_of_a_sku_that_the_tenant_lacks_come_from_the_catalogue(grants):
    """A plan that the catalogue knows by id only has that for a name."""
    unnamed = "00000000-0000-0000-0000-0000000000ff"
    assert grants("[{sku: ENTERPRISEPREMIUM, enable: [MCOMEETADV]}]") == [(E5, (unnamed, SHAREPOINT), None)]
    assert grants(f"[{{sku: ENTERPRISEPREMIUM, disable: [{unnamed}]}}]") == [(E5, (unnamed,), None)]


def test_the_same_sku_may_come_twice(grants):
    """Grants add up: planning makes one licence of them."""
    assert grants("[EMS, {sku: EMS, disable: [INTUNE_A]}, office]", "{office: [EMS]}") == [
        (EMS, None, None),
        (EMS, (INTUNE,), None),
        (EMS, None, "office"),
    ]


def test_a_bundle_in_a_bundle_counts_as_the_one_that_the_user_has(grants):
    bundles = "{all: [office, EMS, office], office: [ENTERPRISEPACK, {sku: EMS, disable: []}]}"
    assert grants("[all]", bundles) == [(E3, None, "all"), (EMS, (), "all"), (EMS, None, "all")]


def test_a_bundle_is_worked_out_once(grants):
    """Ten to the fiftieth grants, if each were followed: it takes no time."""
    names = ["EMS", *(f"b{n}" for n in range(50))]
    levels = ", ".join(f"{name}: [{', '.join([below] * 10)}]" for below, name in pairwise(names))
    assert grants("[b49]", f"{{{levels}}}") == [(EMS, None, "b49")]


def test_bundles_may_be_nested_deeply(grants):
    """Deeper than Python's stack."""
    levels = "".join(f"\n  b{n}: [b{n + 1}]" for n in range(5000))
    assert grants("[b0]", f"{levels}\n  b5000: [EMS]") == [(EMS, None, "b0")]


def test_bundles_that_name_each_other_grant_what_can_be_told(load):
    """It is a problem; the rest is still judged."""
    with pytest.raises(ConfigError) as caught:
        config.resolve(load("bundles: {a: [b, EMS], b: [a, EMX]}\n"), SKUS, CATALOG)
    assert [problem.code for problem in caught.value.problems] == ["bundle-cycle", "unknown-sku"]


def test_a_bundle_with_a_mistake_is_still_a_bundle(load):
    """Users who name it have made none."""
    document = load("bundles: {office: [1]}\nusers: {anna@contoso.com: {licenses: [office]}}\n")
    with pytest.raises(ConfigError) as caught:
        config.resolve(document, SKUS, CATALOG)
    assert [problem.code for problem in caught.value.problems] == ["wrong-type"]


def test_a_licence_stands_where_the_users_item_stands(resolve):
    """Not where the bundle does: the reviewer looks for the user."""
    entries = resolve("""\
users:
  a@contoso.com: {department: Sales, exclude: [FLOW_FREE], licenses: {add: [{sku: EMS, disable: []}, EMS]}}
  b@contoso.com:
    licenses:
      - sku: EMS
        enable: [INTUNE_A]
      - EMS
""").entries
    places = [[(grant.location.line, grant.location.column) for grant in entry.grants] for entry in entries]
    assert places == [[(3, 77), (3, 102)], [(6, 9), (8, 9)]]


def test_a_plan_with_several_ids_is_restricted_in_each(load):
    """Microsoft has given one name to two plans."""
    twin = PlanFacts(id="ffffffff-0000-0000-0000-000000000000", name="MCOMEETADV", title="Its twin")
    catalog = Catalog(skus=CATALOG.skus, plans={**CATALOG.plans, twin.id: twin}, services={})
    desired = config.resolve(load("restrictions: [{plan: MCOMEETADV, countries: [IN]}]\n"), SKUS, catalog)
    assert [row.plan_id for row in desired.restrictions] == [MEETING, twin.id]


def test_restrictions_take_any_plan_of_the_tenant(resolve):
    (row,) = resolve("restrictions: [{plan: EXCHANGE_S_ENTERPRISE, countries: [NL, NL]}]\n").restrictions
    assert (row.plan_id, row.countries) == (EXCHANGE, ("NL",))


def test_without_a_tenant_an_unknown_name_is_a_warning(load):
    """The tenant may well know it; all other problems are none the less errors."""
    document = load("""\
ignore_skus: [SOMETHING_NEW]
bundles: {EMS: [FLOW_FREE], office: [ENTERPRISEPACK]}
users:
  anna@contoso.com: {licenses: [{sku: ENTERPRISEPREMIUM, disable: [NEW_PLAN, INTUNE_A]}, ofice, office]}
restrictions: [{plan: ANOTHER_PLAN, countries: [IN]}]
""")
    found = config.check_names(document, CATALOG)
    assert [(problem.location.line, problem.severity, problem.code) for problem in found] == [
        (2, "warning", "unknown-sku"),
        (3, "warning", "bundle-is-sku"),
        (5, "warning", "unknown-plan"),
        (5, "warning", "plan-not-in-sku"),
        (5, "warning", "unknown-bundle"),
        (6, "warning", "unknown-plan"),
    ]


def test_without_a_tenant_what_no_tenant_can_mend_is_an_error(load):
    """Told together with the warnings, sorted."""
    document = load("users: {anna@contoso.com: {licenses: [EMS, NEW], exclude: [EMS], x: 1}}\n")
    with pytest.raises(ConfigError) as caught:
        config.check_names(document, CATALOG)
    assert [(problem.severity, problem.code) for problem in caught.value.problems] == [
        ("warning", "unknown-sku"),
        ("error", "excluded-and-listed"),
        ("error", "unknown-key"),
    ]


def test_a_small_file_can_not_fill_the_memory(load, monkeypatch):
    """Told once, at the licence with which it is enough."""
    monkeypatch.setattr("reconciler.config.licences.MAX_GRANTS", 4)
    users = "".join(f"  u{n}@contoso.com: {{licenses: [EMS, EMS]}}\n" for n in range(5))
    with pytest.raises(ConfigError) as caught:
        config.resolve(load(f"users:\n{users}"), SKUS, CATALOG)
    (problem,) = caught.value.problems
    assert (problem.code, problem.location) == ("too-many-licences", place(5, 31))


def test_the_search_for_what_was_meant_ends_somewhere(load, monkeypatch):
    """A generator that gets every SKU wrong must not make the user wait for suggestions."""
    monkeypatch.setattr("reconciler.config.names._MAX_SUGGESTIONS", 1)
    with pytest.raises(ConfigError) as caught:
        config.resolve(load("ignore_skus: [EMZ, EMY, EMZ]\n"), SKUS, CATALOG)
    assert [problem.params["nearest"] for problem in caught.value.problems] == ["EMS", None, "EMS"]


def test_the_table_of_shared_values_is_bounded(resolve, monkeypatch):
    monkeypatch.setattr("reconciler.config.entries._MAX_PAIRS", 1)
    entries = resolve("users: {a@x.nl: {city: A}, b@x.nl: {city: B}, c@x.nl: {city: A}}\n").entries
    assert [entry.profile for entry in entries] == [(("city", "A"),), (("city", "B"),), (("city", "A"),)]
    assert entries[0].profile[0] is entries[2].profile[0]


@pytest.mark.parametrize(
    "lost",
    [
        "bundles: {office: [EMS]}\nbundles: {sales: [EMS]}\n",
        "bundles: {sales: !list [EMS]}\n",
        "bundles: *shared\n",
        "bundles: {sales: [EMS]\n",
        "bundels: {sales: [EMS]}\n",
        "bundles: [sales]\n",
        "- bundles\n",
    ],
)
def test_a_name_is_not_unknown_that_may_stand_in_what_was_not_read(tmp_path, monkeypatch, lost):
    """One mistake in a file of bundles must not be told as one for each user."""
    monkeypatch.chdir(tmp_path)
    Path("users.yaml").write_text(
        "version: 1\nusers: {anna@contoso.com: {licenses: [sales]}}\n", encoding="utf-8"
    )
    Path("tenant.yaml").write_text(lost if lost.startswith("-") else f"version: 1\n{lost}", encoding="utf-8")
    document = config.load([Path("tenant.yaml"), Path("users.yaml")])
    with pytest.raises(ConfigError) as caught:
        config.resolve(document, SKUS, CATALOG)
    assert {problem.location.file for problem in caught.value.problems} == {"tenant.yaml"}


def test_a_name_is_unknown_where_only_an_item_was_left_out(load):
    """All names are there; every mistake is told."""
    document = load(
        "bundles: {office: [!x EMS, EMZ]}\nusers: {anna@contoso.com: {id: !x 1, licenses: [ofice]}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.resolve(document, SKUS, CATALOG)
    assert [problem.code for problem in caught.value.problems] == [
        "tag",
        "unknown-sku",
        "tag",
        "unknown-bundle",
    ]


def test_the_tenants_own_sku_comes_before_the_catalogues(load):
    """Microsoft's list is old at times; what the tenant says of itself is right."""
    own = Sku(id="00000000-0000-0000-0000-0000000000aa", part_number="POWER_BI_PRO")
    desired = config.resolve(load("ignore_skus: [POWER_BI_PRO]\n"), [own], CATALOG)
    assert desired.ignored_skus == {own.id}


def test_what_was_left_out_of_an_entry_moves_no_place(load):
    """The line of a licence is right, though a field before it is refused."""
    text = "users:\n  a@x.nl:\n    x: [1, 2]\n    name: 1\n    licenses:\n      - EMS\n    exclude: [EMS]\n"
    with pytest.raises(ConfigError) as caught:
        config.resolve(load(text), SKUS, CATALOG)
    (problem,) = [found for found in caught.value.problems if found.code == "excluded-and-listed"]
    assert problem.params["line"] == 7


def test_an_exception_may_end_before_the_licence_begins(resolve):
    """That is no contradiction: there is no day on which both hold."""
    (entry,) = resolve(
        "users:\n"
        "  a@x.nl: {licenses: [{sku: EMS, from: 2027-02-01}], exclude: [{sku: EMS, until: 2027-01-31}]}\n"
    ).entries
    assert [grant.sku_id for grant in entry.grants] == [one.sku_id for one in entry.exclusions] == [EMS]


def test_a_licence_and_its_exception_on_one_day_contradict_each_other(load):
    """Also where the licence is one of several that would do."""
    users = (
        "users:\n"
        "  a@x.nl: {licenses: [{sku: EMS, from: 2027-01-31}], exclude: [{sku: EMS, until: 2027-01-31}]}\n"
        "  b@x.nl: {licenses: [{one_of: [EMS, FLOW_FREE]}], exclude: [EMS]}\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.resolve(load(users), SKUS, CATALOG)
    assert [(one.code, one.location.line) for one in caught.value.problems] == [
        ("excluded-and-listed", 3),
        ("excluded-and-listed", 4),
    ]
