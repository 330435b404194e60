"""Plans built by hand: one of everything, and the small ones."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler import plan as p

E3, E5, EMS, F3, PBI = (f"00000000-0000-0000-0000-00000000000{n}" for n in range(1, 6))
NAMES = {
    "ENTERPRISEPACK": (E3, "Office 365 E3"),
    "SPE_E5": (E5, "Microsoft 365 E5"),
    "EMS": (EMS, "Enterprise Mobility + Security E3"),
    "DESKLESSPACK": (F3, "Office 365 F3"),
    "POWER_BI_PRO": (PBI, "Power BI Pro"),
}
LICENSE_ROLES = ("directory-writers", "global-administrator", "license-administrator", "user-administrator")
BUYERS = ("billing-administrator", "global-administrator")


def licence(sku: str, line: int | None = 21, off: tuple[str, ...] = (), *, rule: str = "users") -> p.License:
    sku_id, name = NAMES[sku]
    because = (p.Because(rule=rule, file="tenant.yaml", line=line),) if line else ()
    return p.License(sku=sku, sku_id=sku_id, name=name, disabled_plans=off, because=because)


def user(local: str, name: str | None = None, *, new: bool = False) -> p.UserRef:
    upn = f"{local}@contoso.com"
    return p.UserRef(id=None if new else f"id-{local}", upn=upn, name=local.title() if name is None else name)


def _held(*licences: p.License) -> dict[str, Any]:
    return {
        "assignments": [
            {"sku_id": x.sku_id, "disabled_plans": list(x.disabled_plans), "assigned_by": None}
            for x in licences
        ],
        "usage_location": "NL",
        "enabled": True,
    }


def licences(
    local: str,
    assign: tuple[p.License, ...] = (),
    revoke: tuple[p.License, ...] = (),
    modify: tuple[p.License, ...] = (),
    **more: Any,
) -> p.Change:
    return p.Change(
        address=f"users/{local}@contoso.com/licenses",
        kind="set-licenses",
        user=user(local),
        assign=assign,
        revoke=revoke,
        modify=modify,
        before=_held(*revoke, *(p.License(sku=m.sku, sku_id=m.sku_id, name=m.name) for m in modify)),
        after=_held(*assign, *modify),
        roles=LICENSE_ROLES,
        **more,
    )


def account(kind: p.Kind, local: str, before: dict[str, Any], after: dict[str, Any], **more: Any) -> p.Change:
    tail = {"restore-user": "/restore", "update-user": "/profile"}.get(kind, "")
    return p.Change(
        address=f"users/{local}@contoso.com{tail}",
        kind=kind,
        user=user(local, new=kind == "create-user"),
        before=before,
        after=after,
        roles=("global-administrator", "user-administrator"),
        **more,
    )


def seats(sku: str, kind: p.Kind, before: dict[str, Any], after: dict[str, Any], **more: Any) -> p.Change:
    sku_id, name = NAMES[sku]
    return p.Change(
        address=f"subscriptions/{sku}/{'seats' if kind == 'buy-seats' else 'auto-renew'}",
        kind=kind,
        sku=p.SkuRef(sku=sku, sku_id=sku_id, name=name),
        before=before,
        after=after,
        roles=BUYERS,
        **more,
    )


SALES = p.GroupRef(id="g-sales", name="Sales NL")
GROUP_ROLES = ("directory-writers", "global-administrator", "groups-administrator", "user-administrator")


def group_licences(
    assign: tuple[p.License, ...] = (),
    revoke: tuple[p.License, ...] = (),
    members: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (),
    group: p.GroupRef = SALES,
    **more: Any,
) -> p.Change:
    """Return a change of a group's licences; `members` are (local part, gains, loses)."""
    return p.Change(
        address=f"groups/{group.name}/licenses",
        kind="set-group-licenses",
        group=group,
        assign=assign,
        revoke=revoke,
        before={
            "assignments": [{"sku_id": x.sku_id, "disabled_plans": []} for x in revoke],
            "members": {f"id-{local}": "0123456789abcdef" for local, _, _ in members},
        },
        after={"assignments": [{"sku_id": x.sku_id, "disabled_plans": []} for x in assign]},
        roles=GROUP_ROLES,
        members=tuple(p.MemberEffect(user=user(local), gains=g, loses=x) for local, g, x in members),
        **more,
    )


def membership(
    kind: p.Kind,
    local: str,
    skus: tuple[str, ...] = (),
    *,
    held: tuple[str, ...] = (),
    group: p.GroupRef = SALES,
    **more: Any,
) -> p.Change:
    """Return a change by which a user joins or leaves a group that gives `skus`, who else holds `held`."""
    without = _held(*(licence(sku) for sku in held))["assignments"]
    through = [{"sku_id": NAMES[sku][0], "disabled_plans": [], "assigned_by": group.id} for sku in skus]
    inside = {"member": True, "assignments": [*without, *through]}
    outside = {"member": False, "assignments": without}
    joins = kind == "add-member"
    return p.Change(
        address=f"groups/{group.name}/members/{local}@contoso.com",
        kind=kind,
        user=user(local),
        group=group,
        before=outside if joins else inside,
        after=inside if joins else outside,
        roles=GROUP_ROLES,
        **more,
    )


def seat_row(sku: str, owned: int, before: int, after: int, short: int = 0) -> p.SeatRow:
    return p.SeatRow(
        sku=sku,
        sku_id=NAMES[sku][0],
        seats=owned,
        in_use_before=before,
        in_use_after=after,
        free_after=owned - after,
        short=short,
    )


def conflict(code: str, local: str | None = None, sku: str | None = None, **params: Any) -> p.Conflict:
    if local:
        params = {"upn": f"{local}@contoso.com", **params}
    if sku:
        params = {"sku": sku, "sku_name": NAMES[sku][1], **params}
    return p.Conflict(
        code=code,
        params=params,
        subject=f"users/{local}@contoso.com" if local else f"subscriptions/{sku}",
        sku=sku,
        blocks=local is not None,
        file="tenant.yaml" if local else None,
        line=30 if local else None,
    )


def plan(**members: Any) -> p.Plan:
    return p.Plan(
        **{
            "tool_version": "0.1.0",
            "created_at": "2026-11-24T02:00:00Z",
            "expires_at": "2026-12-01T02:00:00Z",
            "desired_digest": "sha256:" + "0" * 64,
            "tenant": p.TenantInfo(id="tenant-id", domain="contoso.com", provider="sandbox"),
            "actor": p.ActorInfo(name="admin@contoso.com", roles=("global-administrator",)),
            "guardrails": {"max_revocations": {"count": 50, "percent": 10.0, "free": 5}},
            "options": {"use_grace": False, "targets": [], "allow": []},
            **members,
        }
    )


def everything() -> p.Plan:
    """One of each kind of change, with the conflicts, purchases and refusals around them."""
    lost = p.Warning(
        code="mailbox-deletion",
        params={
            "plan_title": "Exchange Online (Plan 2)",
            "sku": "ENTERPRISEPACK",
            "sku_name": "Office 365 E3",
        },
        recoverable_until="2026-12-24",
    )
    gone = p.Warning(
        code="user-deletion",
        params={"name": "Dirk", "skus": ["ENTERPRISEPACK"], "mailbox": True, "onedrive": True},
        recoverable_until="2026-12-24",
    )
    smaller = p.Warning(
        code="mailbox-downgrade",
        params={
            "from_title": "Exchange Online (Plan 2)",
            "to_title": "Exchange Online Kiosk",
            "from_gb": 100,
            "to_gb": 2,
            "lost": ["archive", "hold"],
        },
    )
    shortage = {"seats": 25, "in_use": 25, "needed": 27, "buy": 2, "leavers": ["dirk@contoso.com"]}
    shortage |= {"disabled": ["old@contoso.com"], "covered": [{"upn": "pia@contoso.com", "by": "SPE_E5"}]}
    gives = ("Exchange Online: a mailbox of 100 GB", "Intune: devices can be managed")
    return plan(
        summary=p.Summary(
            create=1,
            restore=1,
            update=1,
            assign=5,
            revoke=3,
            modify=1,
            delete=1,
            purchase=7,
            conflicts=4,
            warnings=3,
            blocked=2,
            unlisted_users=12,
        ),
        changes=(
            seats("POWER_BI_PRO", "buy-seats", {"seats": 10}, {"seats": 15}),
            seats("SPE_E5", "set-auto-renew", {"auto_renew": False}, {"auto_renew": True}),
            account("delete-user", "dirk", {"deleted": False}, {"deleted": True}, warnings=(gone,)),
            licences("bram", revoke=(licence("ENTERPRISEPACK"),), warnings=(lost,)),
            licences("fay", (licence("DESKLESSPACK"),), (licence("ENTERPRISEPACK"),), warnings=(smaller,)),
            account("create-user", "jo", {}, {"name": "Jo", "usage_location": "NL", "department": "Sales"}),
            account("restore-user", "kim", {"deleted": True}, {"deleted": False}),
            account("update-user", "eva", {"department": "Sales"}, {"department": "Marketing"}),
            licences("anna", (licence("EMS"),), (licence("ENTERPRISEPACK"),), effects=gives[1:]),
            licences("jo", (licence("SPE_E5", 31),), depends_on=("users/jo@contoso.com",), effects=gives),
            licences("lee", modify=(licence("EMS", 33, ("plan-a", "plan-b")),)),
            licences("max", (licence("SPE_E5", 34),), status="blocked", blocked_by=("no-seats",)),
            licences("noa", (licence("EMS", 35),), status="blocked", blocked_by=("no-usage-location",)),
        ),
        purchases=(
            p.Purchase(
                sku="SPE_E5",
                sku_id=E5,
                name="Microsoft 365 E5",
                seats=25,
                in_use=25,
                needed=27,
                buy=2,
                roles=BUYERS,
                cost=p.Cost(amount="108.00", currency="EUR", per="month"),
            ),
        ),
        conflicts=(
            conflict("no-seats", "max", "SPE_E5", **shortage),
            conflict("no-usage-location", "noa"),
            conflict(
                "expiring",
                None,
                "SPE_E5",
                date="2026-12-20",
                days=26,
                users=["pia@contoso.com", "jo@contoso.com"],
                services=["Exchange Online", "Teams"],
            ),
            conflict("unknown-user", "anan", nearest="anna@contoso.com"),
        ),
        seats=(
            p.SeatRow(
                sku="EMS", sku_id=EMS, seats=10, in_use_before=4, in_use_after=5, free_after=5, short=0
            ),
            p.SeatRow(
                sku="SPE_E5", sku_id=E5, seats=25, in_use_before=25, in_use_after=25, free_after=0, short=2
            ),
        ),
        refusals=(
            p.Refusal(
                code="max-revocations",
                params={"lost": 61, "held": 400, "count": 50, "percent": 10.0, "free": 5},
                allow="--allow max-revocations",
            ),
        ),
    )


def large() -> p.Plan:
    """Return a plan of groups, rules and later days, with long and hostile names among the ordinary ones."""
    lost = p.Warning(
        code="mailbox-deletion",
        params={
            "plan_title": "Exchange Online (Plan 2)",
            "sku": "ENTERPRISEPACK",
            "sku_name": "Office 365 E3",
        },
        recoverable_until="2026-12-24",
    )
    of_members = tuple(
        msgspec.structs.replace(lost, params={**lost.params, "upn": f"old{n}@contoso.com"}) for n in range(6)
    )
    sku, sku_name = "SPE_E5", "Microsoft 365 E5"
    checklist = p.Warning(
        code="leaver-checklist",
        params={"last_day": "2026-11-23", "revoke_on": "2026-12-24", "delete_on": "2027-02-22"},
    )
    fallback = p.Warning(
        code="fallback-license",
        params={
            "sku": "ENTERPRISEPACK",
            "sku_name": "Office 365 E3",
            "wanted": sku,
            "wanted_name": sku_name,
        },
    )
    evil = p.GroupRef(
        id="g-evil",
        name="Vertrieb / Außendienst \u202eNiederlande und Belgien\x1b[2J, a name that goes on 漢字",
    )
    by_rule = licence("ENTERPRISEPACK", 40, rule="sales")
    sales = tuple((f"new{n:02}", ("EMS",), ()) for n in range(12))
    olds = tuple((f"old{n}", ("EMS",), ("ENTERPRISEPACK",)) for n in range(6))
    return plan(
        summary=p.Summary(
            update=1, assign=2, conflicts=3, warnings=8, blocked=1, group_licenses=2, members=6
        ),
        changes=(
            group_licences(
                (licence("EMS", 60, rule="groups"),),
                (licence("ENTERPRISEPACK", 60, rule="groups"),),
                (*sales, *olds),
                warnings=of_members,
                effects=("Intune: devices can be managed",),
            ),
            group_licences(
                (licence("POWER_BI_PRO", 66, rule="groups"),),
                members=(("an.extraordinarily.long.local.part.of.somebody", ("POWER_BI_PRO",), ()),),
                group=evil,
            ),
            membership("add-member", "anna", ("EMS",), depends_on=("users/anna@contoso.com",)),
            *(membership("add-member", f"mover{n}", ("EMS",), held=("EMS",)) for n in range(2)),
            membership("remove-member", "bram", ("ENTERPRISEPACK",), warnings=(lost,)),
            membership("remove-member", "carl", ("EMS",), held=("EMS",), group=evil),
            membership("add-member", "dora", ("EMS",), status="blocked", blocked_by=("no-seats",)),
            account("update-user", "lena", {"enabled": True}, {"enabled": False}, warnings=(checklist,)),
            licences("rob", (by_rule,), warnings=(fallback,)),
            licences("sam", (by_rule,), warnings=(fallback,)),
        ),
        conflicts=(
            p.Conflict(
                code="no-seats",
                params={
                    "upn": "dora@contoso.com",
                    "group": "Sales NL",
                    "sku": sku,
                    "sku_name": sku_name,
                    "seats": 5,
                    "in_use": 5,
                    "needed": 6,
                    "buy": 1,
                },
                subject="groups/Sales NL",
                sku=sku,
                file="tenant.yaml",
                line=61,
            ),
            p.Conflict(
                code="nested-group",
                params={"group": evil.name, "nested": ["Praktikanten", "Trainees \u202e"]},
                subject=f"groups/{evil.name}",
                blocks=False,
                file="tenant.yaml",
                line=66,
            ),
            p.Conflict(
                code="no-longer-matched",
                params={
                    "upn": "tom@contoso.com",
                    "rule": "sales",
                    "sku": "ENTERPRISEPACK",
                    "sku_name": "Office 365 E3",
                    "since": "2026-11-20",
                    "until": "2026-12-20",
                },
                subject="users/tom@contoso.com",
                sku="ENTERPRISEPACK",
                blocks=False,
                file="tenant.yaml",
                line=40,
            ),
        ),
        allowed=(
            p.Refusal(
                code="max-revocations",
                params={"lost": 6, "held": 40, "window": "24h", "recent": 3, "count": 8, "free": 2},
                allow="--allow max-revocations",
            ),
        ),
        seats=(
            seat_row("EMS", 25, 4, 23),
            seat_row("ENTERPRISEPACK", 40, 30, 25),
            seat_row("SPE_E5", 5, 5, 5, 1),
        ),
        rules=(
            p.RuleRow(name="sales", mode="replace", matched=1412, file="tenant.yaml", line=40),
            p.RuleRow(name="interns", mode="add", matched=0, file="tenant.yaml", line=44),
            p.RuleRow(
                name="everybody in the Netherlands \x1b[31mand in Belgium but no guest",
                mode="add",
                matched=7,
                file="teams/a folder with a long name/sales-and-marketing.yaml",
                line=1204,
            ),
        ),
        memory=(p.Topic(topic="rules/sales", count=1412, joined=("id-rob",), left=("id-tom",)),),
        horizon=(
            p.Day(
                date="2026-12-20",
                due=(
                    p.Due(
                        address="users/tom@contoso.com/licenses",
                        kind="set-licenses",
                        revoke=("ENTERPRISEPACK",),
                        warnings=("mailbox-deletion", "data-deletion"),
                    ),
                ),
                seats=(seat_row("EMS", 25, 23, 23), seat_row("SPE_E5", 5, 5, 5, 1)),
            ),
            p.Day(
                date="2027-01-01",
                due=(
                    *(
                        p.Due(
                            address=f"users/new{n}@contoso.com/licenses", kind="set-licenses", assign=("EMS",)
                        )
                        for n in range(9)
                    ),
                    p.Due(
                        address="users/zoe@contoso.com/licenses",
                        kind="set-licenses",
                        assign=("EMS",),
                        blocked_by=("no-seats",),
                    ),
                    p.Due(
                        address="groups/Sales NL/licenses",
                        kind="set-group-licenses",
                        assign=("SPE_E5",),
                        revoke=("EMS",),
                    ),
                    p.Due(address="users/lena@contoso.com", kind="delete-user", warnings=("user-deletion",)),
                ),
                seats=(seat_row("EMS", 25, 23, 25, 7), seat_row("SPE_E5", 5, 5, 5, 3)),
            ),
            p.Day(
                date="2027-02-01",
                due=(p.Due(address="groups/Sales NL/members/pia@contoso.com", kind="remove-member"),),
                seats=(seat_row("EMS", 25, 25, 20), seat_row("SPE_E5", 5, 5, 5, 3)),
            ),
        ),
    )
