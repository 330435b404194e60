"""Which changes there are beside licences: creation, profile, location, deletion, purchases."""

from reconciler.model import Price, Subscription, TenantRef, WantedSubscription
from reconciler.plan import Cost
from tests.planning.world import change, codes, conflict, entry, held, line, parts, planned, sid, sku, user


def test_a_created_user_has_what_the_entry_names():
    """Nothing else is sent; sign-in is allowed unless the entry says otherwise."""
    profile = (("department", "Sales"), ("enabled", False), ("name", "Anna"))

    plan = planned(entry("anna", profile=profile, usage_location="BE"))

    assert plan.changes[0].after == {
        "upn": "anna@contoso.com",
        "name": "Anna",
        "department": "Sales",
        "enabled": False,
        "usage_location": "BE",
    }
    assert plan.changes[0].user.id is None
    assert plan.changes[0].before == {}


def test_the_default_location_is_given_at_creation_and_told():
    """Only to a user who gets a licence, and only where the entry names no location."""
    profile = (("name", "Anna"),)
    default = {"default_location": "NL"}

    licensed = planned(entry("anna", "EMS", profile=profile), desired=default).changes
    bare = planned(entry("anna", profile=profile), desired=default).changes
    own = planned(entry("anna", "EMS", profile=profile, usage_location="BE"), desired=default).changes

    assert (licensed[0].after["usage_location"], codes(licensed[0].warnings)) == ("NL", ["default-location"])
    assert licensed[1].after["usage_location"] == "NL"
    assert "usage_location" not in bare[0].after
    assert (own[0].after["usage_location"], own[0].warnings) == ("BE", ())


def test_only_named_fields_that_differ_are_updated():
    """`before` and `after` hold those alone."""
    profile = (("department", "Sales"), ("job_title", "Buyer"))

    plan = planned(
        entry("anna", grants=None, profile=profile),
        users=(user("anna", department="Sales", job_title="Clerk", city="Delft"),),
    )
    (update,) = plan.changes

    assert (update.kind, update.address) == ("update-user", "users/anna@contoso.com/profile")
    assert (update.before, update.after) == ({"job_title": "Clerk"}, {"job_title": "Buyer"})
    assert plan.summary.update == 1


def test_a_user_without_location_gets_the_default_before_the_first_licence():
    """The licence waits for it."""
    plan = planned(
        entry("anna", "EMS"), users=(user("anna", usage_location=None),), desired={"default_location": "NL"}
    )
    update, licenses = plan.changes

    assert (update.before, update.after) == ({"usage_location": None}, {"usage_location": "NL"})
    assert codes(update.warnings) == ["default-location"]
    assert licenses.depends_on == (update.address,)
    assert (licenses.before["usage_location"], licenses.after["usage_location"]) == (None, "NL")


def test_the_default_location_never_overwrites():
    """Whoever has a location keeps it."""
    plan = planned(entry("anna", "EMS"), users=(user("anna"),), desired={"default_location": "BE"})

    assert [c.kind for c in plan.changes] == ["set-licenses"]


def test_a_revocation_needs_no_location():
    """Nothing is set that nobody asked for."""
    plan = planned(
        entry("anna"), users=(user("anna", "EMS", usage_location=None),), desired={"default_location": "BE"}
    )

    assert [c.kind for c in plan.changes] == ["set-licenses"]


def test_the_location_of_the_entry_is_managed():
    """It is set where it differs; licences that follow wait for it."""
    plan = planned(entry("anna", "EMS", usage_location="BE"), users=(user("anna"),))

    assert [c.kind for c in plan.changes] == ["update-user", "set-licenses"]
    assert plan.changes[0].after == {"usage_location": "BE"}


def test_an_absent_entry_deletes_the_user_and_frees_every_seat():
    """Inherited licences go with the account."""
    plan = planned(entry("dirk", present=False), users=(user("dirk", "EMS", held("VISIOCLIENT", group="g")),))
    (delete,) = plan.changes

    assert (delete.kind, delete.address) == ("delete-user", "users/dirk@contoso.com")
    assert delete.after == {"deleted": True}
    assert [(row.sku, row.in_use_after) for row in plan.seats] == [("EMS", 0), ("VISIOCLIENT", 0)]


def wanted(**fields) -> WantedSubscription:
    """Return a row of `subscriptions` for EMS."""
    return WantedSubscription(sku_id=sid("EMS"), location=line(2), **fields)


def test_more_seats_than_owned_are_one_purchase():
    """A licence that needs one of them waits for it."""
    plan = planned(
        entry("anna", "EMS"),
        users=(user("anna"), user("bram", "EMS")),
        skus=(sku("EMS", 1),),
        desired={"subscriptions": (wanted(seats=3),)},
    )
    buy, take = plan.changes

    assert (buy.address, buy.kind, buy.before, buy.after) == (
        "subscriptions/EMS/seats",
        "buy-seats",
        {"seats": 1},
        {"seats": 3},
    )
    assert take.depends_on == (buy.address,)
    assert plan.summary.purchase == 2
    assert [(row.seats, row.in_use_after, row.free_after, row.short) for row in plan.seats] == [(1, 2, 1, 0)]


def test_a_purchase_tells_its_cost_where_a_price_is_declared():
    """Whoever reviews it sees the sum."""
    price = Price(amount="8.80", currency="EUR", per="month")

    def effects(**fields) -> tuple[str, ...]:
        return (
            planned(skus=(sku("EMS", 1),), desired={"subscriptions": (wanted(seats=3, **fields),)})
            .changes[0]
            .effects
        )

    assert effects(price=price) == ("2 x 8.80 = 17.60 EUR per month",)
    assert effects() == ()


def test_a_purchase_of_any_size_is_planned_at_once():
    """Only the seats that somebody wants matter to the order."""
    plan = planned(
        entry("anna", "EMS"),
        users=(user("anna"),),
        skus=(sku("EMS", 0),),
        desired={"subscriptions": (wanted(seats=2_000_000_000),)},
    )

    assert plan.summary.purchase == 2_000_000_000
    assert [c.status for c in plan.changes] == ["ready", "ready"]
    assert [row.free_after for row in plan.seats] == [1_999_999_999]


def test_a_purchase_makes_up_for_what_is_overused_first():
    """Two too many in use, three bought: one is left to take."""
    people = (user("anna"), user("bram", "EMS"), user("cees", "EMS"))

    plan = planned(
        entry("anna", "EMS"),
        users=people,
        skus=(sku("EMS", 0),),
        desired={"subscriptions": (wanted(seats=3),)},
    )

    assert change(plan, "anna").depends_on == ("subscriptions/EMS/seats",)


def test_fewer_seats_than_owned_are_told_and_never_a_change():
    """Nobody cancels seats by a pull request."""
    plan = planned(skus=(sku("EMS", 5),), desired={"subscriptions": (wanted(seats=3),)})

    assert plan.changes == ()
    assert plan.options["fewer_seats_declared"] == [{"sku": "EMS", "declared": 3, "owned": 5}]


def test_renewal_is_set_where_it_differs():
    """`auto_renew` omitted is not managed."""
    rows = (Subscription(id="s", sku_id=sid("EMS"), auto_renew=False),)

    plan = planned(
        skus=(sku("EMS"),),
        current={"subscriptions": rows},
        desired={"subscriptions": (wanted(auto_renew=True),)},
    )
    same = planned(
        skus=(sku("EMS"),),
        current={"subscriptions": rows},
        desired={"subscriptions": (wanted(auto_renew=False), wanted())},
    )

    assert [(c.address, c.before, c.after) for c in plan.changes] == [
        ("subscriptions/EMS/auto-renew", {"auto_renew": False}, {"auto_renew": True})
    ]
    assert (same.changes, same.refusals) == ((), ())


def test_turning_renewal_off_is_refused():
    """Unless it is allowed by name."""
    rows = (Subscription(id="s", sku_id=sid("EMS"), auto_renew=True),)

    plan = planned(
        skus=(sku("EMS"),),
        current={"subscriptions": rows},
        desired={"subscriptions": (wanted(auto_renew=False),)},
    )

    assert [(row.code, row.allow) for row in plan.refusals] == [("auto-renew-off", "--allow auto-renew-off")]


def test_graph_cannot_buy():
    """The purchase is told, blocked, and nobody gets its seats."""
    graph = {
        "tenant": TenantRef(domain="contoso.com", provider="graph"),
        "subscriptions": (wanted(seats=2),),
    }
    plan = planned(
        entry("anna", "EMS"), users=(user("anna"), user("bram", "EMS")), skus=(sku("EMS", 1),), desired=graph
    )

    assert [(c.kind, c.blocked_by) for c in plan.changes] == [
        ("buy-seats", ("not-purchasable",)),
        ("set-licenses", ("no-seats",)),
    ]


def test_what_graph_cannot_buy_tells_seats_from_renewal():
    """Both may stand in the way of one SKU: a program and a reader must know which is which."""
    graph = {
        "tenant": TenantRef(domain="contoso.com", provider="graph"),
        "subscriptions": (wanted(seats=2, auto_renew=True),),
    }
    rows = (Subscription(id="s", sku_id=sid("EMS")),)
    plan = planned(skus=(sku("EMS", 1),), desired=graph, current={"subscriptions": rows})

    assert [(c.code, c.params["action"], c.params["seats"]) for c in plan.conflicts] == [
        ("not-purchasable", "buy-seats", 2),
        ("not-purchasable", "set-auto-renew", None),
    ]


def test_a_declared_price_is_the_cost_of_what_is_short():
    """Exact decimals, in the declared currency."""
    price = Price(amount="8.30", currency="EUR", per="month")

    plan = planned(
        *(entry(name, "EMS") for name in ("anna", "bram", "cees")),
        users=(user("anna"), user("bram"), user("cees")),
        skus=(sku("EMS", 0),),
        desired={"subscriptions": (wanted(price=price),)},
    )
    (row,) = plan.purchases

    assert (row.buy, row.needed, row.seats, row.in_use) == (3, 3, 0, 0)
    assert row.cost == Cost(amount="24.90", currency="EUR", per="month")
    assert plan.summary.purchase == 3


def test_a_sku_that_the_tenant_lacks_has_no_seats():
    """The catalogue knows its name."""
    plan = planned(entry("anna", "VISIOCLIENT"), users=(user("anna"),), skus=(sku("EMS"),))

    assert conflict(plan, "no-seats").sku == "VISIOCLIENT"
    assert [row.sku for row in plan.purchases] == ["VISIOCLIENT"]
    assert parts(change(plan, "anna").assign) == ["VISIOCLIENT"]
