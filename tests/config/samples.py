"""Which tenant and which catalogue do the tests of config speak of? Small ones, so that they stand still."""

from reconciler.catalog import Catalog, PlanFacts, SkuFacts
from reconciler.model import ServicePlan, Sku

E3 = "6fd2c87f-b296-42f0-b197-1e91e994b900"
EMS = "efccb6f7-5641-4e0e-bd10-b4976e1bf68e"
FLOW = "f30db892-07e9-47e9-837c-80727f46fd3d"
E5 = "c7df2760-2c81-4ef7-b578-5b5392b571df"
POWER_BI = "f8a1db68-be16-40ed-86d5-cb42ce701560"
DOUBLES = ("00000000-0000-0000-0000-00000000000d", "00000000-0000-0000-0000-00000000000e")

EXCHANGE = "efb87545-963c-4e0d-99df-69c6916d9eb0"
SHAREPOINT = "5dbe027f-2339-4123-9542-606e4d348a72"
INTUNE = "c1ec4a95-1f05-45b3-a911-aa3fa01094f5"
ENTRA = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
COMPANY = "00000000-0000-0000-0000-00000000000c"
MEETING = "3e26ee1f-8a5f-4d52-aee2-b81ce45c8f40"

SKUS = (
    Sku(
        id=E3,
        part_number="ENTERPRISEPACK",
        plans=(
            ServicePlan(id=EXCHANGE, name="EXCHANGE_S_ENTERPRISE"),
            ServicePlan(id=SHAREPOINT, name="SHAREPOINTENTERPRISE"),
        ),
    ),
    Sku(
        id=EMS,
        part_number="EMS",
        plans=(
            ServicePlan(id=INTUNE, name="INTUNE_A"),
            ServicePlan(id=ENTRA, name="AAD_PREMIUM"),
            ServicePlan(id=COMPANY, name="COMPANY_WIDE", applies_to="Company"),
        ),
    ),
    *(Sku(id=id_, part_number="DOUBLE") for id_ in DOUBLES),
)
"""What the tenant owns: no Power BI, no Office 365 E5."""

CATALOG = Catalog(
    skus={
        facts.id: facts
        for facts in (
            SkuFacts(id=E3, part_number="ENTERPRISEPACK", name="Office 365 E3", plans=(EXCHANGE, SHAREPOINT)),
            SkuFacts(
                id=EMS, part_number="EMS", name="Enterprise Mobility + Security E3", plans=(INTUNE, ENTRA)
            ),
            SkuFacts(
                id=E5,
                part_number="ENTERPRISEPREMIUM",
                name="Office 365 E5",
                plans=(MEETING, SHAREPOINT, "00000000-0000-0000-0000-0000000000ff"),
            ),
            SkuFacts(id=FLOW, part_number="FLOW_FREE", name="Power Automate Free", free=True),
            SkuFacts(id=POWER_BI, part_number="POWER_BI_PRO", name="Power BI Pro"),
        )
    },
    plans={
        facts.id: facts
        for facts in (
            PlanFacts(id=EXCHANGE, name="EXCHANGE_S_ENTERPRISE", title="Exchange Online (Plan 2)"),
            PlanFacts(id=SHAREPOINT, name="SHAREPOINTENTERPRISE", title="SharePoint (Plan 2)"),
            PlanFacts(id=INTUNE, name="INTUNE_A", title="Intune"),
            PlanFacts(id=ENTRA, name="AAD_PREMIUM", title="Entra ID P1"),
            PlanFacts(id=MEETING, name="MCOMEETADV", title="Audio Conferencing"),
        )
    },
    services={},
)
