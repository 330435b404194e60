"""The catalogue's facts hold together, agree with Microsoft's list, and can be extended."""

import csv
import re
import time
from pathlib import Path

import pytest

from reconciler import catalog
from reconciler.catalog import Dependency, PlanFacts, SkuFacts
from reconciler.errors import UsageError

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEADER = (
    "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,"
    "Service_Plans_Included_Friendly_Names\n"
)
SKU = "aaaaaaaa-0000-0000-0000-000000000001"
PLAN = "bbbbbbbb-0000-0000-0000-000000000001"

BUILT_IN = catalog.load()

COMMON = """
    STANDARDPACK ENTERPRISEPACK ENTERPRISEPREMIUM DESKLESSPACK SPE_E3 SPE_E5 SPE_F1 M365_F1_COMM
    O365_BUSINESS_ESSENTIALS O365_BUSINESS_PREMIUM SPB O365_BUSINESS OFFICESUBSCRIPTION
    EXCHANGESTANDARD EXCHANGEENTERPRISE EXCHANGEDESKLESS EXCHANGEARCHIVE_ADDON EMS EMSPREMIUM
    AAD_PREMIUM AAD_PREMIUM_P2 INTUNE_A PROJECT_P1 PROJECTPROFESSIONAL PROJECTPREMIUM
    VISIOONLINE_PLAN1 VISIOCLIENT POWER_BI_PRO PBI_PREMIUM_PER_USER POWER_BI_STANDARD
    POWERAPPS_PER_USER FLOW_PER_USER TEAMS_ESSENTIALS_AAD MICROSOFT_TEAMS_ENTERPRISE_NEW MCOEV
    MCOMEETADV MCOPSTN1 MCOPSTN2 MCOPSTN5 MICROSOFT_TEAMS_ROOMS_PRO MICROSOFT_365_COPILOT
    ATP_ENTERPRISE THREAT_INTELLIGENCE WIN_DEF_ATP WIN10_VDA_E3 DYN365_ENTERPRISE_SALES FLOW_FREE
    POWERAPPS_VIRAL TEAMS_EXPLORATORY STREAM WINDOWS_STORE RIGHTSMANAGEMENT_ADHOC MCOPSTNC
    SHAREPOINTSTORAGE
"""

UPGRADES = [
    ("STANDARDPACK", "ENTERPRISEPACK"),
    ("ENTERPRISEPACK", "ENTERPRISEPREMIUM"),
    ("DESKLESSPACK", "ENTERPRISEPACK"),
    ("DESKLESSPACK", "SPE_F1"),
    ("ENTERPRISEPACK", "SPE_E3"),
    ("ENTERPRISEPREMIUM", "SPE_E5"),
    ("Office_365_E1_(no_Teams)", "Office_365_E3_(no_Teams)"),
    ("M365_F1", "SPE_F1"),
    ("M365_F1_COMM", "SPE_F1"),
    ("SPE_F1", "SPE_E3"),
    ("SPE_E3", "SPE_E5"),
    ("Microsoft_365_E3_(no_Teams)", "Microsoft_365_E5_(no_Teams)"),
    ("O365_BUSINESS_ESSENTIALS", "O365_BUSINESS_PREMIUM"),
    ("O365_BUSINESS_PREMIUM", "SPB"),
    ("O365_BUSINESS", "OFFICESUBSCRIPTION"),
    ("EMS", "EMSPREMIUM"),
    ("EMS", "SPE_E3"),
    ("EMSPREMIUM", "SPE_E5"),
    ("AAD_PREMIUM", "AAD_PREMIUM_P2"),
    ("ATP_ENTERPRISE", "THREAT_INTELLIGENCE"),
    ("DEFENDER_ENDPOINT_P1", "WIN_DEF_ATP"),
    ("PROJECT_P1", "PROJECTPROFESSIONAL"),
    ("PROJECTPROFESSIONAL", "PROJECTPREMIUM"),
    ("VISIOONLINE_PLAN1", "VISIOCLIENT"),
    ("POWER_BI_STANDARD", "POWER_BI_PRO"),
    ("POWER_BI_PRO", "PBI_PREMIUM_PER_USER"),
    ("FLOW_FREE", "FLOW_PER_USER"),
]


def sku(part_number):
    found = BUILT_IN.find_sku(part_number)
    assert found, part_number
    return found


def plan(name):
    found = BUILT_IN.find_plan(name)
    assert found, name
    return found


def ids(*names):
    return {plan(name).id for name in names}


def plans_of(*part_numbers):
    return {plan_id for part_number in part_numbers for plan_id in sku(part_number).plans}


def quota(part_number, service):
    """Return the highest quota, and all features, that a SKU gives for a service."""
    plans = [BUILT_IN.plans[i] for i in sku(part_number).plans if BUILT_IN.plans[i].service == service]
    return max((p.level for p in plans), default=0), {f for p in plans for f in p.features}


# ------------------------------------------------------------ the data


def test_the_catalogue_holds_the_skus_that_most_tenants_hold():
    assert [name for name in COMMON.split() if not BUILT_IN.find_sku(name)] == []


def test_every_id_is_a_guid_in_lower_case():
    grouped = [plan_id for group in BUILT_IN.exclusions for plan_id in group.plans]
    every = [*BUILT_IN.skus, *BUILT_IN.plans, *grouped]
    assert [value for value in every if not GUID.fullmatch(value)] == []


def test_ids_names_and_product_names_are_unique():
    skus, plans = BUILT_IN.skus.values(), BUILT_IN.plans.values()
    text = catalog.BUILT_IN.read_text(encoding="utf-8")
    listed = text[text.index("\nplans:") : text.index("\nskus:")].count("{id:")
    assert len(BUILT_IN.plans) == listed == len({p.name.lower() for p in plans})
    assert len(BUILT_IN.skus) == len({s.part_number.lower() for s in skus}) == len({s.name for s in skus})
    assert len(BUILT_IN.skus) == text[text.index("\nskus:") :].count("\n    id:")


def test_every_plan_of_a_sku_is_known_and_listed_once():
    for facts in BUILT_IN.skus.values():
        assert facts.plans, facts.part_number
        assert set(facts.plans) <= set(BUILT_IN.plans), facts.part_number
        assert facts.plans == tuple(sorted(set(facts.plans))), facts.part_number


def test_every_service_of_a_plan_exists_and_every_service_has_a_plan():
    used = {facts.service for facts in BUILT_IN.plans.values()} - {None}
    assert used == set(BUILT_IN.services)
    assert {key for s in BUILT_IN.services.values() for key in s.covers} <= used


@pytest.mark.parametrize("service", BUILT_IN.services.values(), ids=lambda service: service.key)
def test_the_texts_of_a_service_are_clauses(service):
    """They stand after a title and a colon, and report puts the full stop."""
    assert service.title
    assert service.gives
    assert service.loses
    for text in (service.gives, service.loses, service.keeps, service.prevent):
        assert not text.endswith(".")
        assert text == " ".join(text.split())


def test_a_quota_marks_plans_of_mailbox_and_storage_only():
    """An archive add-on is of the mailbox's service, but makes no mailbox."""
    kinds = {BUILT_IN.services[p.service].kind for p in BUILT_IN.plans.values() if p.level}
    without = {
        p.name
        for p in BUILT_IN.plans.values()
        if not p.level and p.service and BUILT_IN.services[p.service].kind in {"mailbox", "storage"}
    }
    assert kinds == {"mailbox", "storage"}
    assert without == {"EXCHANGE_S_ARCHIVE", "EXCHANGE_S_ARCHIVE_ADDON"}


@pytest.mark.parametrize(
    ("name", "level", "features"),
    [
        ("EXCHANGE_S_ENTERPRISE", 100, ("archive", "hold")),
        ("EXCHANGE_S_STANDARD", 50, ()),
        ("EXCHANGE_S_DESKLESS", 2, ()),
        ("EXCHANGE_S_ARCHIVE_ADDON", 0, ("archive", "hold")),
        ("SHAREPOINTENTERPRISE", 5120, ()),
        ("SHAREPOINTSTANDARD", 1024, ()),
        ("SHAREPOINTDESKLESS", 2, ()),
    ],
)
def test_quotas_and_rights_are_microsofts(name, level, features):
    assert (plan(name).level, plan(name).features) == (level, features)


def test_a_deleted_mailbox_can_be_recovered_for_30_days():
    assert (BUILT_IN.services["exchange"].kind, BUILT_IN.services["exchange"].days) == ("mailbox", 30)


@pytest.mark.parametrize(
    ("service", "kind", "days"),
    [
        ("sharepoint", "storage", 93),
        ("teams", "data", 30),
        ("skype", "data", 30),
        ("calling-plan", "data", None),
        ("power-automate", "data", None),
        ("dynamics", "data", None),
        ("office", "access", None),
    ],
)
def test_a_date_is_given_only_where_microsoft_gives_one(service, kind, days):
    assert (BUILT_IN.services[service].kind, BUILT_IN.services[service].days) == (kind, days)


def test_where_only_access_ends_there_is_no_date():
    assert not [s.key for s in BUILT_IN.services.values() if s.kind == "access" and s.days is not None]


def test_a_foundation_plan_is_of_no_account():
    assert plan("EXCHANGE_S_FOUNDATION").service is None


def test_no_sku_contradicts_the_exclusions_or_lacks_a_dependency():
    """Only Workplace Analytics needs a mailbox that it does not bring."""
    clashing = {s.part_number for s in BUILT_IN.skus.values() if BUILT_IN.exclusive(s.plans)}
    needy = {s.part_number for s in BUILT_IN.skus.values() if BUILT_IN.missing(s.plans)}
    assert (clashing, needy) == (set(), {"WORKPLACE_ANALYTICS"})


def test_free_skus_are_the_free_and_viral_ones():
    names = {BUILT_IN.skus[sku_id].part_number for sku_id in BUILT_IN.free_skus}
    assert {"FLOW_FREE", "POWER_BI_STANDARD", "POWERAPPS_VIRAL", "TEAMS_EXPLORATORY", "MCOPSTNC"} <= names
    assert not names & {"ENTERPRISEPACK", "EMS", "POWER_BI_PRO", "MCOEV", "PHONESYSTEM_VIRTUALUSER"}


def test_extra_storage_is_for_the_company():
    company = {s.part_number for s in BUILT_IN.skus.values() if s.applies_to == "Company"}
    assert company == {"SHAREPOINTSTORAGE"}


# ------------------------------------------------------------ what a swap keeps and loses


@pytest.mark.parametrize(("lower", "higher"), UPGRADES)
def test_an_upgrade_loses_nothing(lower, higher):
    assert BUILT_IN.held(sku(lower).plans) <= BUILT_IN.held(sku(higher).plans)
    for service in ("exchange", "sharepoint"):
        level, features = quota(lower, service)
        higher_level, higher_features = quota(higher, service)
        assert level <= higher_level
        assert features <= higher_features


def test_e3_to_f3_keeps_a_smaller_mailbox_without_archive_and_hold():
    assert quota("ENTERPRISEPACK", "exchange") == (100, {"archive", "hold"})
    assert quota("DESKLESSPACK", "exchange") == (2, set())
    assert "office" in BUILT_IN.held(plans_of("ENTERPRISEPACK")) - BUILT_IN.held(plans_of("DESKLESSPACK"))


def test_e1_to_ems_loses_the_mailbox():
    lost = BUILT_IN.held(plans_of("STANDARDPACK")) - BUILT_IN.held(plans_of("EMS"))
    assert {"exchange", "sharepoint", "teams", "skype"} <= lost


def test_foundations_and_archive_add_ons_make_no_mailbox():
    assert BUILT_IN.held(ids("EXCHANGE_S_FOUNDATION", "EXCHANGE_S_ARCHIVE_ADDON", "SWAY")) == {"sway"}


def test_a_covered_service_is_held_without_its_own_plan():
    assert BUILT_IN.held(ids("BI_AZURE_P2")) == {"power-bi", "power-bi-pro"}
    assert BUILT_IN.held(ids("BI_AZURE_P0")) == {"power-bi"}


def test_an_unknown_plan_gives_nothing():
    assert BUILT_IN.held([PLAN]) == frozenset()


# ------------------------------------------------------------ exclusions and dependencies


def clash(a, b, *, certain):
    first, second = sorted(ids(a, b))
    return (first, second, certain)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("STANDARDPACK", "ENTERPRISEPACK", {("SHAREPOINTSTANDARD", "SHAREPOINTENTERPRISE", False),
                                            ("EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE", False)}),
        ("DESKLESSPACK", "ENTERPRISEPACK", {("SHAREPOINTDESKLESS", "SHAREPOINTENTERPRISE", True),
                                            ("MCOIMP", "MCOSTANDARD", True)}),
        ("DESKLESSPACK", "STANDARDPACK", {("EXCHANGE_S_DESKLESS", "EXCHANGE_S_STANDARD", True),
                                          ("SHAREPOINTDESKLESS", "SHAREPOINTSTANDARD", True),
                                          ("MCOIMP", "MCOSTANDARD", True)}),
        ("SPB", "ENTERPRISEPACK", {("SHAREPOINTSTANDARD", "SHAREPOINTENTERPRISE", False),
                                   ("EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE", False)}),
        ("MCOPSTN1", "MCOPSTN2", {("MCOPSTN1", "MCOPSTN2", True)}),
        ("ENTERPRISEPACK", "ENTERPRISEPREMIUM", set()),
        ("ENTERPRISEPACK", "EMS", set()),
        ("EMS", "SPE_E3", set()),
    ],
)  # fmt: skip
def test_skus_clash_where_the_service_refuses_the_pair_or_is_disputed(first, second, expected):
    found = BUILT_IN.exclusive(plans_of(first, second))
    assert set(found) == {clash(a, b, certain=certain) for a, b, certain in expected}
    assert list(found) == sorted(found)


def test_one_plan_through_two_skus_is_no_clash():
    plans = [*sku("EMS").plans, *sku("SPE_E3").plans]
    assert BUILT_IN.exclusive(plans) == ()


def test_a_pair_that_any_group_is_certain_of_is_certain():
    pair = ids("MCOPSTN1", "MCOPSTN2")
    groups = tuple(
        catalog.ExclusionGroup(name=name, plans=frozenset(pair), certain=certain)
        for name, certain in (("a", True), ("b", False))
    )
    for exclusions in (groups, groups[::-1]):
        made = catalog.Catalog(skus={}, plans={}, services={}, exclusions=exclusions)
        assert made.exclusive(pair) == (clash("MCOPSTN1", "MCOPSTN2", certain=True),)


def test_workplace_analytics_needs_a_mailbox_of_plan_1_or_2():
    needs = tuple(sorted(ids("EXCHANGE_S_STANDARD", "EXCHANGE_S_ENTERPRISE")))
    rule = Dependency(plan=plan("WORKPLACE_ANALYTICS").id, needs=needs)
    assert BUILT_IN.missing(ids("WORKPLACE_ANALYTICS", "EXCHANGE_S_DESKLESS")) == (rule,)
    assert BUILT_IN.missing(ids("WORKPLACE_ANALYTICS", "EXCHANGE_S_STANDARD")) == ()
    assert BUILT_IN.missing(ids("WORKPLACE_ANALYTICS", "EXCHANGE_S_ENTERPRISE")) == ()
    assert BUILT_IN.missing(ids("EXCHANGE_S_DESKLESS")) == ()


# ------------------------------------------------------------ finding


@pytest.mark.parametrize(
    "text",
    [
        "Microsoft_365_Copilot",
        "MICROSOFT_365_COPILOT",
        " microsoft_365_copilot ",
        sku("Microsoft_365_Copilot").id.upper(),
    ],
)
def test_a_sku_is_found_by_part_number_and_id_in_any_case(text):
    found = BUILT_IN.find_sku(text)
    assert found
    assert found.part_number == "Microsoft_365_Copilot"


def test_a_plan_is_found_by_name_and_id_in_any_case():
    teams = plan("TEAMS1")
    assert BUILT_IN.find_plan("teams1") == BUILT_IN.find_plan(teams.id.upper()) == teams


def test_what_nobody_knows_is_not_found():
    assert BUILT_IN.find_sku("ENTERPRISPACK") is None
    assert BUILT_IN.find_plan("TEAMS") is None


def test_words_for_a_sku_are_its_part_number_and_its_product_name():
    assert BUILT_IN.sku_words["ENTERPRISEPACK"] == "ENTERPRISEPACK"
    assert BUILT_IN.sku_words["Office 365 E3"] == "ENTERPRISEPACK"


def test_a_sku_is_named_by_product_then_part_number_then_id():
    assert BUILT_IN.sku_name(sku("ENTERPRISEPACK").id, "ENTERPRISEPACK") == "Office 365 E3"
    assert BUILT_IN.sku_name(SKU, "CONTOSO") == "CONTOSO"
    assert BUILT_IN.sku_name(SKU) == SKU


# ------------------------------------------------------------ against Microsoft's list


def shared(name):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside the repository")
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_skus_and_their_plans_are_microsofts():
    members, parts, names = {}, {}, {}
    for row in shared("sku_catalog.csv"):
        members.setdefault(row["sku_id"], set()).add(row["service_plan_id"])
        parts[row["sku_id"]] = row["sku_part_number"]
        names[row["service_plan_id"]] = row["service_plan_name"]
    for sku_id, facts in BUILT_IN.skus.items():
        assert parts[sku_id] == facts.part_number
        assert members[sku_id] == set(facts.plans), facts.part_number
    for plan_id, facts in BUILT_IN.plans.items():
        assert names[plan_id] == facts.name


def test_exclusion_groups_are_microsofts():
    groups = {}
    for row in shared("exclusion_groups.csv"):
        groups.setdefault(row["group"], set()).add(row["service_plan_id"])
    ours = {group.name: set(group.plans) for group in BUILT_IN.exclusions if group.certain}
    assert ours == groups


def test_microsofts_whole_list_extends_the_catalogue(tmp_path):
    """The file holds more than 600 SKUs, and plan names that two plans share."""
    rows = shared("sku_catalog.csv")
    path = tmp_path / "published.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        csv.writer(file).writerows(
            (r["product_name"], r["sku_part_number"], r["sku_id"], r["service_plan_name"],
             r["service_plan_id"], r["service_plan_friendly_name"])
            for r in rows
        )  # fmt: skip
    extended = catalog.load(path)
    assert set(extended.skus) == {row["sku_id"] for row in rows}
    assert set(extended.plans) | set(extended.named) == {row["service_plan_id"] for row in rows}
    assert extended.plans == BUILT_IN.plans
    essentials = {p.id for p in extended.named.values() if p.name == "PROJECT_ESSENTIALS"}
    assert essentials
    assert extended.find_plan("PROJECT_ESSENTIALS") == plan("PROJECT_ESSENTIALS")


# ------------------------------------------------------------ extension


@pytest.fixture
def extend(tmp_path):
    """Return the catalogue extended by a CSV of `body` below `header`."""

    def run(body, header=HEADER, encoding="utf-8"):
        path = tmp_path / "more.csv"
        path.write_bytes((header + body).encode(encoding))
        return catalog.load(path)

    return run


ROW = f"Contoso Suite,CONTOSO_Suite,{SKU},CONTOSO_MAIL,{PLAN},Contoso Mail\n"


def test_a_csv_adds_skus_and_the_names_of_plans(extend):
    extended = extend(f"{ROW}Contoso Suite,CONTOSO_Suite,{SKU.upper()},TEAMS1,{plan('TEAMS1').id},x\n")
    expected = tuple(sorted((PLAN, plan("TEAMS1").id)))
    assert extended.find_sku("contoso_suite") == SkuFacts(
        id=SKU, part_number="CONTOSO_Suite", name="Contoso Suite", plans=expected
    )
    named = PlanFacts(id=PLAN, name="CONTOSO_MAIL", title="Contoso Mail")
    assert extended.find_plan("contoso_mail") == extended.find_plan(PLAN) == named


def test_a_plan_of_a_csv_stays_unknown(extend):
    """Its name says nothing of what a removal destroys, so it must not look harmless."""
    extended = extend(ROW)
    assert PLAN not in extended.plans
    assert set(extended.named) == {PLAN}


def test_built_in_facts_win(extend):
    e3, teams = sku("ENTERPRISEPACK"), plan("TEAMS1")
    extended = extend(f"Renamed,OTHER,{e3.id},OTHER,{teams.id},Other\n")
    assert extended.skus == BUILT_IN.skus
    assert extended.find_plan(teams.id) == teams
    assert extended.named == {}


def test_an_extension_leaves_the_built_in_catalogue_alone(extend):
    extend(ROW)
    assert catalog.load() is BUILT_IN
    assert BUILT_IN.find_sku("CONTOSO_SUITE") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_a_csv_may_be_utf8_with_or_without_mark_or_windows_1252(extend, encoding):
    extended = extend(ROW.replace("Contoso Suite", "Café €uro"), encoding=encoding)
    assert extended.sku_name(SKU) == "Café €uro"


def test_columns_may_stand_in_any_order_and_case_and_among_others(extend):
    extended = extend(
        f"x,{PLAN},CONTOSO_MAIL,{SKU},Contoso_Suite, Contoso Suite ,\n\n",
        header="Other,SERVICE_PLAN_ID,service_plan_name,guid,String_Id,Product_Display_Name,"
        "Service_Plans_Included_Friendly_Names\n",
    )
    assert extended.sku_name(SKU) == "Contoso Suite"
    assert extended.named[PLAN].title == "CONTOSO_MAIL"


def test_a_line_ends_only_where_the_file_says_so(extend):
    """A line separator inside a title is a character like any other."""
    assert extend(ROW.replace("Contoso Mail", "Contoso\u2028Mail")).named[PLAN].title == "Contoso\u2028Mail"


def refusal(run, *arguments, **options):
    with pytest.raises(UsageError) as caught:
        run(*arguments, **options)
    assert caught.value.code == "bad-catalog"
    return {key: value for key, value in caught.value.params.items() if key != "file"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"{ROW}Contoso,CONTOSO,not-a-guid,P,{PLAN},t\n",
         {"reason": "guid", "line": 3, "column": "guid", "value": "not-a-guid"}),
        (f"Contoso,CONTOSO,{SKU},P,1234,t\n",
         {"reason": "guid", "line": 2, "column": "service_plan_id", "value": "1234"}),
        (f"Contoso,,{SKU},P,{PLAN},t\n", {"reason": "row", "line": 2, "column": "string_id"}),
        (f"{ROW}Contoso,CONTOSO,{SKU}\n", {"reason": "row", "line": 3, "column": "service_plan_name"}),
        (f'{ROW}"Contoso" Suite,CONTOSO,{SKU},P,{PLAN},t\n', {"reason": "csv", "line": 3}),
        (f'{ROW}"Contoso,CONTOSO,{SKU},P,{PLAN},t\n', {"reason": "csv", "line": 3}),
    ],
)  # fmt: skip
def test_a_malformed_row_is_refused_with_its_line(extend, body, expected):
    assert refusal(extend, body) == expected


def test_other_columns_are_refused(extend):
    found = refusal(extend, "a,b\n", header="sku_part_number,GUID\n")
    assert found == {
        "reason": "columns",
        "line": 1,
        "missing": [
            "product_display_name",
            "string_id",
            "service_plan_name",
            "service_plan_id",
            "service_plans_included_friendly_names",
        ],
    }


def test_an_empty_file_is_refused(extend):
    assert refusal(extend, "", header="")["reason"] == "columns"


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "more.csv"
    path.write_bytes(b"\x81\x8d\x8f")
    assert refusal(catalog.load, path) == {"reason": "encoding"}


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    assert refusal(catalog.load, tmp_path / "none.csv")["reason"] == "unreadable"


# ------------------------------------------------------------ loading


def test_a_key_that_stands_twice_in_the_data_file_is_refused():
    text = catalog.BUILT_IN.read_text(encoding="utf-8") + "  ENTERPRISEPACK: {}\n"
    found = refusal(catalog.from_yaml, text)
    assert found == {"reason": "twice", "line": len(text.splitlines()), "value": "ENTERPRISEPACK"}


def test_the_built_in_catalogue_is_read_once():
    assert catalog.load() is catalog.load()


def test_loading_is_fast():
    """It takes some 7 ms; every plan pays for it."""
    text = catalog.BUILT_IN.read_text(encoding="utf-8")

    def seconds():
        start = time.perf_counter()
        catalog.from_yaml(text)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.1
