"""Whatever speaks Graph is read whole and written to as asked; here: the sandbox, in two ways.

Each test runs against the sandbox inside this process and against the sandbox on a port.
"""

from datetime import UTC

import msgspec
import pytest

from reconciler.directory import Directory, Write, snapshot
from reconciler.model import Actor, Assignment, Group, Mailbox, RoleAssignment, User
from reconciler.plan import observed
from tests.directory import tenants
from tests.directory.tenants import E3, EMS, EXCHANGE, NOW, PASSWORD, STATE, VISIO, user_id


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Return the home and the URL of a sandbox that is a process of its own."""
    home = tenants.fill(tmp_path_factory.mktemp("served") / "home")
    server = tenants.Server(home)
    yield home, server.url
    server.close()


@pytest.fixture(params=["in process", "over HTTP"])
def reach(request, tmp_path):
    """Return a way to open the tenant: the same one, as often as asked."""
    if request.param == "in process":
        home = tenants.fill(tmp_path / "home")
        return lambda **options: tenants.directory(tenants.in_process(home), **options)
    home, url = request.getfixturevalue("served")
    tenants.fill(home)
    return lambda **options: tenants.directory(None, url=url, **options)


@pytest.fixture
def tenant(reach):
    with reach() as directory:
        yield directory


def without_clock(state):
    return msgspec.structs.replace(state, taken_at=NOW)


def carried(tenant, *changes, ids=None):
    ids = ids or {}
    return tenant.carry_out(
        [
            Write(
                change=change,
                user_id=ids.get(change.user.upn) if change.user else None,
                password=PASSWORD if change.kind == "create-user" else None,
            )
            for change in changes
        ]
    )


def one(tenant, change, **options):
    (outcome,) = carried(tenant, change, **options)
    return outcome


def user_of(tenant, name):
    return next((user for user in tenant.read().users if user.upn == f"{name}@contoso.com"), None)


# ---------------------------------------------------------------- reading


def test_a_tenant_is_read_whole(tenant):
    assert without_clock(tenant.read()) == STATE


def test_a_snapshot_of_a_tenant_comes_back_as_it_was_read(tenant, tmp_path):
    tenant.write_snapshot(tmp_path / "state.json")
    assert without_clock(snapshot.load(tmp_path / "state.json")) == without_clock(tenant.read())


def test_the_first_global_administrator_is_the_sandboxs_default_actor(tenant):
    assert tenant.actor() == Actor(
        id=user_id("admin"), name="admin@contoso.com", roles=("global-administrator",)
    )


def test_an_actor_without_roles_has_none(reach):
    with reach(token="anna@contoso.com") as tenant:  # noqa: S106
        assert tenant.actor() == Actor(id=user_id("anna"), name="anna@contoso.com")


# ---------------------------------------------------------------- looking


def test_every_kind_of_change_sees_its_before(tenant):
    changes = [
        tenants.create(),
        tenants.restore(),
        tenants.update(),
        tenants.swap(),
        tenants.delete(),
        tenants.group_licences(),
        tenants.join(),
        tenants.leave(),
        tenants.buy(),
        tenants.renew(),
        tenants.buy(VISIO, "VISIOCLIENT", before=0, after=2),
    ]
    seen = tenant.observe(changes, {})
    assert list(seen) == [change.address for change in changes]
    for change in changes:
        assert {key: seen[change.address][key] for key in change.before} == change.before


def test_what_is_seen_has_the_shape_of_the_plan(tenant):
    changes = [tenants.update(), tenants.swap(), tenants.delete("bram")]
    seen = tenant.observe(changes, {})
    for change, name in zip(changes, ["anna", "anna", "bram"], strict=True):
        keys = dict.fromkeys((*change.before, *change.after))
        assert seen[change.address] == observed(tenants.of(name), keys)


def test_a_user_who_is_not_there_has_nothing(tenant):
    assert tenant.observe([tenants.create()], {}) == {"users/frank@contoso.com": {}}


def test_a_user_who_is_there_is_seen_before_creation(tenant):
    seen = tenant.observe([tenants.create("anna")], {})["users/anna@contoso.com"]
    assert seen == {
        "upn": "anna@contoso.com",
        "name": "Anna",
        "usage_location": "NL",
        "department": "Sales",
    }


def test_more_changes_than_one_batch_holds_are_seen(tenant):
    changes = [tenants.create(f"new{number}") for number in range(45)]
    seen = tenant.observe(changes, {})
    assert seen == {change.address: {} for change in changes}


# ---------------------------------------------------------------- writing


def test_a_user_is_created_enabled_with_profile_and_location(tenant):
    outcome = one(tenant, tenants.create("frank", given_name="Frank", employee_id="9"))
    frank = user_of(tenant, "frank")
    assert (outcome.status, outcome.user_id, outcome.http_status) == ("done", frank.id, 201)
    assert outcome.client_request_id
    assert frank == User(
        id=frank.id,
        upn="frank@contoso.com",
        name="Frank",
        mail=frank.mail,
        proxy_addresses=frank.proxy_addresses,
        enabled=True,
        user_type="Member",
        usage_location="NL",
        given_name="Frank",
        department="Sales",
        employee_id="9",
        created_at=frank.created_at,
    )
    assert frank.created_at is not None


def test_a_created_user_can_be_licensed_at_once(tenant):
    created = one(tenant, tenants.create())
    change = tenants.take("admin")
    change = msgspec.structs.replace(
        change,
        address="users/frank@contoso.com/licenses",
        user=msgspec.structs.replace(change.user, id=None, upn="frank@contoso.com"),
    )
    outcome = one(tenant, change, ids={"frank@contoso.com": created.user_id})
    assert (outcome.status, outcome.user_id) == ("done", created.user_id)
    assert user_of(tenant, "frank").assignments == (Assignment(sku_id=EMS),)


def test_a_deleted_user_is_restored(tenant):
    outcome = one(tenant, tenants.restore())
    assert (outcome.status, outcome.user_id) == ("done", user_id("eva"))
    assert user_of(tenant, "eva").id == user_id("eva")
    assert tenant.read().deleted_users == ()


def test_a_profile_is_updated_and_the_rest_kept(tenant):
    outcome = one(tenant, tenants.update("anna", department="Marketing", enabled=False))
    assert outcome.status == "done"
    assert user_of(tenant, "anna") == msgspec.structs.replace(
        tenants.of("anna"), department="Marketing", enabled=False
    )


def test_a_swap_is_one_call(tenant):
    assert one(tenant, tenants.swap()).status == "done"
    assert user_of(tenant, "anna").assignments == (Assignment(sku_id=EMS),)


def test_switching_plans_on_sends_the_whole_list(tenant):
    assert one(tenant, tenants.switch_on()).status == "done"
    assert user_of(tenant, "anna").assignments == (Assignment(sku_id=E3),)


def test_switching_one_plan_off_leaves_the_others_as_the_plan_says(tenant):
    assert one(tenant, tenants.switch_off(EXCHANGE)).status == "done"
    assert user_of(tenant, "anna").assignments == (Assignment(sku_id=E3, disabled_plans=(EXCHANGE,)),)


def test_which_tenant_answers_is_told_with_its_clock(tenant):
    organization, clock = tenant.identity()
    assert organization == STATE.organization
    assert clock.tzinfo == UTC


def test_a_user_is_deleted_and_can_be_restored(tenant):
    assert one(tenant, tenants.delete()).status == "done"
    assert user_of(tenant, "dirk") is None
    gone = next(user for user in tenant.read().deleted_users if user.id == user_id("dirk"))
    assert (gone.upn, gone.name, gone.deleted_at is not None) == ("dirk@contoso.com", "Dirk", True)


def test_seats_are_added_to_the_subscription(tenant):
    assert one(tenant, tenants.buy()).status == "done"
    state = tenant.read()
    assert [sku.enabled for sku in state.skus if sku.id == E3] == [8]
    assert [each.seats for each in state.subscriptions if each.sku_id == E3] == [8]


def test_a_sku_that_the_tenant_lacks_is_bought(tenant):
    assert one(tenant, tenants.buy(VISIO, "VISIOCLIENT", before=0, after=2)).status == "done"
    assert [sku.enabled for sku in tenant.read().skus if sku.id == VISIO] == [2]


def test_renewal_is_switched_on(tenant):
    assert one(tenant, tenants.renew()).status == "done"
    assert [each.auto_renew for each in tenant.read().subscriptions] == [True, True]


def test_every_change_holds_its_after_once_it_is_done(tenant):
    changes = [
        tenants.create(),
        tenants.restore(),
        tenants.update(),
        tenants.swap(),
        tenants.delete(),
        tenants.group_licences(),
        tenants.leave(),
        tenants.buy(),
        tenants.renew(),
    ]
    outcomes = carried(tenant, *changes)
    assert [(outcome.address, outcome.status) for outcome in outcomes] == [
        (change.address, "done") for change in changes
    ]
    seen = tenant.observe(changes, {})
    for change in changes:
        assert {key: seen[change.address][key] for key in change.after} == change.after


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (tenants.take("carla"), "no-usage-location"),
        (tenants.take("admin", VISIO), "unknown-sku"),
        (tenants.give_back("admin"), "not-held"),
        (tenants.give_back("bram", EMS), "inherited"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_licence_that_is_refused_has_a_code_and_the_tenants_text(tenant, change, code):
    outcome = one(tenant, change)
    assert (outcome.status, outcome.code, outcome.http_status) == ("failed", code, 400)
    assert outcome.message
    assert outcome.request_id


def test_a_licence_beyond_the_seats_is_refused(tenant):
    carried(tenant, tenants.create("new1"), tenants.create("new2"))
    takers = [user for user in tenant.read().users if user.upn.split("@")[0] in "admin anna dirk new1 new2"]
    outcomes = [
        one(tenant, msgspec.structs.replace(tenants.take(), user=tenants.ref(user))) for user in takers
    ]
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [("done", None)] * 4 + [
        ("failed", "no-seats")
    ]


def test_the_fault_of_one_item_is_its_own(tenant):
    outcomes = carried(tenant, tenants.update(), tenants.take("carla"), tenants.delete())
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]


def test_a_name_that_is_taken_is_refused(tenant):
    outcome = one(tenant, tenants.create("anna"))
    assert (outcome.status, outcome.code) == ("failed", "already-exists")


def test_a_user_who_is_gone_is_not_found(tenant):
    one(tenant, tenants.delete())
    assert (one(tenant, tenants.delete()).status, one(tenant, tenants.delete()).code) == (
        "failed",
        "not-found",
    )


def test_an_actor_without_the_role_is_forbidden_each_kind(reach):
    with reach(token="anna@contoso.com") as tenant:  # noqa: S106
        outcomes = carried(
            tenant,
            tenants.create(),
            tenants.restore(),
            tenants.update("carla"),
            tenants.swap(),
            tenants.delete(),
            tenants.group_licences(),
            tenants.join(),
            tenants.leave(),
            tenants.buy(),
            tenants.renew(),
        )
    assert {(outcome.status, outcome.code) for outcome in outcomes} == {("failed", "forbidden")}


def test_a_tenant_without_a_commerce_api_sells_nothing(tmp_path):
    home = tenants.fill(tmp_path / "home")
    with Directory(
        base_url="https://tenant.example/v1.0", token=lambda: "sandbox", transport=tenants.in_process(home)
    ) as tenant:
        assert [each.auto_renew for each in tenant.read().subscriptions] == [None, None]
        outcome = one(tenant, tenants.buy())
        assert (outcome.status, outcome.code) == ("failed", "not-purchasable")
        assert tenant.observe([tenants.buy()], {}) == {"subscriptions/ENTERPRISEPACK/seats": None}


def test_a_role_assignment_for_part_of_the_tenant_gives_the_actor_nothing(tmp_path):
    part = RoleAssignment(
        principal_id=user_id("anna"), role="user-administrator", scope="/administrativeUnits/x"
    )
    state = msgspec.structs.replace(STATE, role_assignments=(*STATE.role_assignments, part))
    home = tenants.fill(tmp_path / "home", state)
    with tenants.directory(tenants.in_process(home), token="anna@contoso.com") as tenant:  # noqa: S106
        assert tenant.actor().roles == ()
        assert part in tenant.read().role_assignments


# ---------------------------------------------------------------- groups that the caller names

PLAIN = "cccccccc-0000-0000-0000-00000000000a"


def test_groups_are_read_on_request_though_they_hold_no_licence(tmp_path):
    """By name in any case, or by id; a user's id and a name that nobody bears are passed over."""
    plain = Group(id=PLAIN, name="It's us", members=(user_id("anna"), user_id("dirk")))
    home = tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, groups=(*STATE.groups, plain)))

    with tenants.directory(tenants.in_process(home)) as tenant:
        assert tenant.read().groups == STATE.groups
        for names in (["it's us"], [PLAIN], [PLAIN, "it's us", "sales"]):
            assert tenant.read([*names, user_id("anna"), "nobody"]).groups == (*STATE.groups, plain)


def test_what_protects_users_now_is_read_lightly(tmp_path):
    """All role assignments, those through groups included, and the groups that are named."""
    plain = Group(id=PLAIN, name="VIPs", members=(user_id("anna"),))
    home = tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, groups=(*STATE.groups, plain)))

    with tenants.directory(tenants.in_process(home)) as tenant:
        assert tenant.protections(["vips"]) == (STATE.role_assignments, (plain,))
        assert tenant.protections() == (STATE.role_assignments, ())


def test_the_purpose_of_a_mailbox_is_told_of_those_who_have_one(tmp_path):
    """A person's where nothing else is known; no row without a mailbox, no purpose where it is unread."""
    shared = Mailbox(user_id=user_id("dirk"), purpose="shared")
    home = tenants.fill(tmp_path / "home", msgspec.structs.replace(STATE, mailboxes=(shared,)))
    asked = [user_id(name) for name in ("anna", "bram", "dirk")]

    with tenants.directory(tenants.in_process(home)) as tenant:
        assert tenant.mailboxes(asked) == (Mailbox(user_id=user_id("anna"), purpose="user"), shared)
        assert tenant.mailboxes(["00000000-dead-0000-0000-000000000000"]) == (
            Mailbox(user_id="00000000-dead-0000-0000-000000000000"),
        )
