"""A tenant is read whole or not at all, in few requests, whatever comes back on the way."""

import contextlib
import json
import re
import shutil

import httpx
import msgspec
import pytest

from reconciler.errors import DirectoryError
from reconciler.model import Actor, Assignment, Group, Mailbox, RoleAssignment, User
from reconciler.roles import TEMPLATE_IDS
from tests.directory import tenants
from tests.directory.tenants import EMS, GROUP, STATE, user_id
from tests.signin.authority import jwt

BATCH = "/v1.0/$batch"


class Scene:
    """A tenant behind a wire on which things go wrong."""

    def __init__(self, home, **options):
        self.wire = tenants.Wire(tenants.in_process(home))
        self.tenant = tenants.directory(self.wire, **options)

    @property
    def asked(self):
        """Return the links of everything that was read, in batches or alone."""
        return [link for request in self.wire.requests for link in asked_of(request)]

    def spoil(self, part, answer, times=-1):
        """Have the tenant answer `answer` (status, body) where the link has `part`, so many times."""
        left = [times]

        def spoiled(request, response):
            links = asked_of(request)
            hits = [number for number, link in enumerate(links) if part in link]
            if not hits or not left[0]:
                return response
            left[0] -= 1
            status, body = answer
            if not request.url.path.endswith("/$batch"):
                return httpx.Response(status, json=body)
            answers = response.json()["responses"]
            for each in answers:
                if int(each["id"]) in hits:
                    each |= {"status": status, "body": body}
            return httpx.Response(200, json={"responses": answers})

        self.wire.after = spoiled


def asked_of(request):
    """Return the links that a request asks for."""
    if request.url.path.endswith("/$batch"):
        return [each["url"] for each in json.loads(request.content)["requests"]]
    return [str(request.url).removeprefix("https://tenant.example/v1.0")]


@pytest.fixture(scope="session")
def prepared_to_read(tmp_path_factory):
    return tenants.fill(tmp_path_factory.mktemp("prepared") / "home")


@pytest.fixture
def scene(prepared_to_read, tmp_path):
    made = Scene(shutil.copytree(prepared_to_read, tmp_path / "home"))
    yield made
    made.tenant.close()


def error(code="Forbidden"):
    return {"error": {"code": code, "message": "said the tenant"}}


def refused(tenant):
    with pytest.raises(DirectoryError) as caught:
        tenant.read()
    return caught.value


def many(count):
    users = [User(id=f"{n:032x}", upn=f"u{n:05}@contoso.com", enabled=True) for n in range(count)]
    return msgspec.structs.replace(STATE, users=(*STATE.users, *users))


# ---------------------------------------------------------------- how many requests


@pytest.mark.parametrize(("users", "pages"), [(1, 1), (994, 1), (995, 2), (2500, 3)])
def test_a_read_takes_one_request_for_999_users_and_three_others(tmp_path, users, pages):
    """A batch with everything that is short, one with the members of groups, and renewals from commerce."""
    scene = Scene(tenants.fill(tmp_path / "home", many(users)))
    assert len(scene.tenant.read().users) == len(STATE.users) + users
    assert len(scene.wire.requests) == pages + 3


def test_what_is_read_in_one_batch_is_all_that_is_short(scene):
    scene.tenant.read(["staff", GROUP])
    (first,) = [each for each in scene.wire.requests if b"/organization" in each.content]
    paths = [link.partition("?")[0] for link in asked_of(first)]
    assert paths == [
        "/organization",
        "/directory/deletedItems/microsoft.graph.user",
        "/subscribedSkus",
        "/directory/subscriptions",
        "/roleManagement/directory/roleAssignments",
        "/groups",
        "/groups",
        "/groups",
    ]


def test_large_groups_are_read_page_by_page_together(tmp_path):
    """Three groups of two pages each: one more batch, not three requests."""
    state = many(1500)
    everybody = tuple(sorted(user.id for user in state.users))
    groups = tuple(
        Group(
            id=f"aaaaaaaa-0000-0000-0000-{n:012}",
            name=f"G{n}",
            assignments=(Assignment(sku_id=EMS),),
            members=everybody,
        )
        for n in range(3)
    )
    scene = Scene(tenants.fill(tmp_path / "home", msgspec.structs.replace(state, groups=groups)))
    assert [len(group.members) for group in scene.tenant.read().groups] == [1505] * 3
    assert len([each for each in scene.wire.requests if each.url.path == BATCH]) == 3


# ---------------------------------------------------------------- what is asked for

LICENCES = ("assignedLicenses", "licenseAssignmentStates")
ALWAYS = (
    "id",
    "userPrincipalName",
    "displayName",
    "accountEnabled",
    "usageLocation",
    "mail",
    "proxyAddresses",
    "userType",
    "onPremisesSyncEnabled",
    "isResourceAccount",
    *LICENCES,
)


@pytest.mark.parametrize(
    ("fields", "more"),
    [((), ()), (("department", "created_at", "member_of"), ("createdDateTime", "department"))],
)
def test_of_users_exactly_what_is_used_is_asked_for(scene, fields, more):
    """Graph's default is a set of names without licences, and what is not selected is not there."""
    scene.tenant.read(fields=fields)
    (link,) = [each for each in scene.asked if each.startswith("/users")]
    params = httpx.URL(link).params
    assert tuple(params["$select"].split(",")) == (*ALWAYS, *more)
    assert (params["$top"], set(params)) == ("999", {"$select", "$top"})


def test_only_what_needs_the_index_that_lags_asks_it(scene):
    scene.tenant.read()
    items = [
        each
        for request in scene.wire.requests
        if request.url.path == BATCH
        for each in json.loads(request.content)["requests"]
    ]
    eventual = [each["url"] for each in items if "ConsistencyLevel" in each["headers"]]
    assert [link.partition("&")[0] for link in eventual] == ["/groups?$filter=assignedLicenses/$count ne 0"]
    assert not [each for each in scene.wire.requests if "consistencylevel" in each.headers]


# ---------------------------------------------------------------- whole or not at all

PARTS = [
    "/organization",
    "/directory/deletedItems/microsoft.graph.user",
    "/groups?",
    "/subscribedSkus",
    "/directory/subscriptions",
    "/roleManagement/directory/roleAssignments",
    f"/groups/{GROUP}/members",
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("status", "code"), [(403, "forbidden"), (503, "unreachable")])
def test_a_read_of_which_any_part_is_refused_is_an_error(scene, part, status, code):
    scene.spoil(part, (status, error()))
    found = refused(scene.tenant)
    assert found.code == code
    assert found.params["url"] == part.partition("?")[0]


@pytest.mark.parametrize("path", ["/v1.0/users", "/commerce/v1/subscriptions", BATCH])
@pytest.mark.parametrize("trouble", [403, 503, httpx.ReadTimeout("slow")], ids=str)
def test_a_read_of_which_a_request_fails_is_an_error(scene, path, trouble):
    def before(request):
        if request.url.path != path:
            return None
        if isinstance(trouble, Exception):
            raise trouble
        return httpx.Response(trouble, json=error())

    scene.wire.before = before
    assert refused(scene.tenant).code in ("forbidden", "unreachable")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("body", [{"value": 3}, {"no": "value"}, "<html>"])
def test_a_part_that_makes_no_sense_is_an_error(scene, part, body):
    scene.spoil(part, (200, body))
    assert refused(scene.tenant).code == "bad-answer"


def test_an_item_that_is_busy_is_asked_again(scene):
    whole = scene.tenant.read()
    scene.spoil("/subscribedSkus", (429, error("TooManyRequests")), times=2)
    assert msgspec.structs.replace(scene.tenant.read(), taken_at=whole.taken_at) == whole


def test_a_group_that_goes_away_while_it_is_read_is_an_error(scene):
    scene.spoil(f"/groups/{GROUP}/members", (404, error("Request_ResourceNotFound")))
    assert refused(scene.tenant).code == "incomplete-read"


def test_a_listing_that_is_not_there_is_an_error(scene):
    scene.spoil("/subscribedSkus", (404, error("Request_ResourceNotFound")))
    assert refused(scene.tenant).code == "not-found"


def test_a_tenant_without_an_organization_is_no_tenant(scene):
    scene.spoil("/organization", (200, {"value": []}))
    assert refused(scene.tenant).code == "bad-answer"


def test_fewer_groups_than_were_counted_are_no_listing(scene):
    """What is missing would look like a group without licences."""
    scene.spoil("/groups?", (200, {"@odata.count": 3, "value": [{"id": GROUP}]}))
    found = refused(scene.tenant)
    assert (found.code, found.params["message"]) == ("incomplete-read", "1 of 3 arrived")


@pytest.mark.parametrize("page", [1, 2])
def test_pages_that_run_in_a_circle_are_no_listing(scene, page):
    first = "https://tenant.example/v1.0/directory/deletedItems/microsoft.graph.user?$skiptoken="
    links = iter([f"{first}a", f"{first}b", f"{first}{'ab'[page - 1]}"])

    def circle(request, response):
        if not any("deletedItems" in link for link in asked_of(request)):
            return response
        answers = response.json()["responses"]
        body = {"value": [], "@odata.nextLink": next(links)}
        for each in answers:
            if "deletedItems" in asked_of(request)[int(each["id"])]:
                each |= {"status": 200, "body": body}
        return httpx.Response(200, json={"responses": answers})

    scene.wire.after = circle
    assert refused(scene.tenant).code == "incomplete-read"


def test_a_page_of_another_host_is_never_asked_for(scene):
    body = {"value": [], "@odata.nextLink": "https://elsewhere.example/v1.0/subscribedSkus?$skiptoken=x"}
    scene.spoil("/subscribedSkus", (200, body))
    assert refused(scene.tenant).code == "foreign-link"
    assert {request.url.host for request in scene.wire.requests} == {"tenant.example"}


def test_pages_in_a_batch_whose_token_expires_are_read_anew(tmp_path):
    state = many(1500)
    everybody = tuple(sorted(user.id for user in state.users))
    group = msgspec.structs.replace(STATE.groups[0], members=everybody)
    scene = Scene(tenants.fill(tmp_path / "home", msgspec.structs.replace(state, groups=(group,))))
    scene.spoil("=id&$top=999&$skiptoken", (400, error("Directory_ExpiredPageToken")), times=1)
    assert len(scene.tenant.read().groups[0].members) == 1505


# ---------------------------------------------------------------- groups in groups

INNER, DEVICE = "aaaaaaaa-0000-0000-0000-000000000003", "dddddddd-0000-0000-0000-000000000001"


def nested(home):
    inner = Group(id=INNER, name="Inner", members=(user_id("dirk"),))
    outer = msgspec.structs.replace(STATE.groups[0], nested=("Inner",))
    return tenants.fill(home, msgspec.structs.replace(STATE, groups=(outer, inner)))


def test_a_nested_group_that_goes_away_is_an_error(tmp_path):
    scene = Scene(nested(tmp_path / "home"))
    scene.spoil(f"$filter=id eq '{INNER}'", (200, {"value": []}))
    assert refused(scene.tenant).code == "incomplete-read"


def test_of_a_groups_members_users_and_groups_count(scene):
    """A device is nobody; what has no type is a user: Graph leaves out what may not be looked at."""
    rows = [
        {"@odata.type": "#microsoft.graph.device", "id": DEVICE},
        {"@odata.type": "#microsoft.graph.user", "id": user_id("anna")},
        {"@odata.type": None, "id": user_id("bram")},
        {"id": user_id("dirk")},
    ]
    scene.spoil(f"/groups/{GROUP}/members", (200, {"value": rows}))
    (group,) = scene.tenant.read().groups
    assert (group.members, group.nested) == (tuple(sorted(map(user_id, ("anna", "bram", "dirk")))), ())


# ---------------------------------------------------------------- users, roles, mailboxes


def test_the_purposes_of_mailboxes_take_one_request_for_20_users(tmp_path):
    scene = Scene(tenants.fill(tmp_path / "home", many(50)))
    ids = [user.id for user in many(50).users]
    assert [each.user_id for each in scene.tenant.mailboxes(ids)] == [user_id("anna"), user_id("dirk")]
    assert len(scene.wire.requests) == 3
    assert scene.tenant.mailboxes(()) == ()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"error": {"code": "ErrorAccessDenied", "message": "Access is denied."}}),
        (404, {"error": {"code": "MailboxNotSupportedForRESTAPI", "message": "…"}}),
        (200, {"mailboxSettings": {"userPurpose": None}}),
        (200, {"mailboxSettings": None}),
        (200, {"mailboxSettings": "user"}),
        (200, {}),
        (500, None),
    ],
)
def test_a_purpose_that_is_not_told_is_unknown_and_spoils_no_others(scene, status, body):
    """Only the answer that there is no mailbox means that there is none."""
    dirk = f"/users/{user_id('dirk')}"

    def spoiled(request, response):
        asked = {each["id"]: each["url"] for each in json.loads(request.content)["requests"]}
        answers = response.json()["responses"]
        for each in answers:
            if asked[each["id"]].startswith(dirk):
                each |= {"status": status, "body": body}
        return httpx.Response(200, json={"responses": answers})

    scene.wire.after = spoiled
    assert scene.tenant.mailboxes([user_id("dirk"), user_id("anna")]) == (
        Mailbox(user_id=user_id("anna"), purpose="user"),
        Mailbox(user_id=user_id("dirk"), purpose=None),
    )


def test_a_page_of_users_that_fails_is_an_error(tmp_path):
    scene = Scene(tenants.fill(tmp_path / "home", many(1000)))
    scene.spoil("skiptoken", (403, error()))
    with pytest.raises(DirectoryError) as caught:
        scene.tenant.read()
    assert caught.value.code == "forbidden"


def test_the_members_of_a_group_are_read_to_the_end(tmp_path):
    state = many(1500)
    everybody = tuple(sorted(user.id for user in state.users))
    group = msgspec.structs.replace(STATE.groups[0], members=everybody)
    scene = Scene(tenants.fill(tmp_path / "home", msgspec.structs.replace(state, groups=(group,))))
    assert len(scene.tenant.read().groups[0].members) == 1505


def test_who_holds_a_role_through_a_group_holds_it(tmp_path):
    held = RoleAssignment(principal_id=GROUP, role="user-administrator")
    state = msgspec.structs.replace(STATE, role_assignments=(*STATE.role_assignments, held))
    scene = Scene(tenants.fill(tmp_path / "home", state))
    assert RoleAssignment(principal_id=user_id("bram"), role="user-administrator") in (
        scene.tenant.read().role_assignments
    )


@pytest.mark.parametrize("read", [lambda tenant: tenant.read(), lambda tenant: tenant.protections()])
def test_that_nobody_holds_a_role_is_not_believed_by_whoever_does(scene, read):
    """Else a lost listing would leave the holders of roles without protection."""
    scene.spoil("/roleManagement/", (200, {"value": []}))
    with pytest.raises(DirectoryError) as caught:
        read(scene.tenant)
    assert (caught.value.code, caught.value.params["message"]) == (
        "incomplete-read",
        "it lists nobody, and admin@contoso.com is global-administrator",
    )


def test_that_nobody_holds_a_role_is_not_believed_where_the_token_says_otherwise(prepared_to_read):
    claims = {"idtyp": "app", "oid": user_id("app"), "appid": "a", "wids": [TEMPLATE_IDS["global-reader"]]}
    scene = Scene(prepared_to_read, token=jwt(claims))
    scene.spoil("/roleManagement/", (200, {"value": []}))
    with contextlib.closing(scene.tenant):
        problem = refused(scene.tenant)
    assert (problem.code, problem.params["message"]) == (
        "incomplete-read",
        "it lists nobody, and application a is global-reader",
    )


def test_nobody_need_hold_a_role(tmp_path):
    state = msgspec.structs.replace(STATE, role_assignments=())
    wire = tenants.in_process(tenants.fill(tmp_path / "home", state))
    with tenants.directory(wire, token=lambda: "anna@contoso.com") as tenant:
        assert tenant.read().role_assignments == ()
        assert tenant.protections() == ((), ())


def test_a_role_that_holds_only_in_part_of_the_tenant_gives_the_actor_nothing(scene):
    """The directory role is told all the same; only its assignment tells that it is for a part."""
    admin, mine = user_id("admin"), tenants.user_id("x")
    roles = ["fe930be7-5e62-47db-91af-98c3a49a38b1", "fdd7a751-b60b-444a-984c-02652fe8fa1c", "Unknown-Role"]
    answers = {
        "/v1.0/me": {"id": admin, "userPrincipalName": "Admin@contoso.com"},
        "/v1.0/me/transitiveMemberOf/microsoft.graph.directoryRole": {
            "value": [{"id": mine, "roleTemplateId": role} for role in roles]
        },
        "/v1.0/roleManagement/directory/roleAssignments": {
            "value": [
                {
                    "principalId": admin,
                    "roleDefinitionId": roles[0],
                    "directoryScopeId": "/administrativeUnits/x",
                },
                {
                    "principalId": admin,
                    "roleDefinitionId": roles[1],
                    "directoryScopeId": "/administrativeUnits/x",
                },
                {"principalId": admin, "roleDefinitionId": roles[1], "directoryScopeId": "/"},
            ]
        },
    }
    scene.wire.before = lambda request: httpx.Response(200, json=answers[request.url.path])
    assert scene.tenant.actor() == Actor(
        id=admin, name="admin@contoso.com", roles=("groups-administrator", "unknown-role")
    )


def test_a_role_of_an_application_is_no_error(tmp_path):
    held = RoleAssignment(principal_id="99999999-0000-0000-0000-000000000000", role="user-administrator")
    state = msgspec.structs.replace(STATE, role_assignments=(*STATE.role_assignments, held))
    scene = Scene(tenants.fill(tmp_path / "home", state))
    assert held in scene.tenant.read().role_assignments


def test_a_user_on_two_pages_counts_once(scene):
    def twice(request, response):
        if request.url.path != "/v1.0/users":
            return response
        rows = response.json()["value"]
        return httpx.Response(200, json={"value": [*rows, *rows]})

    scene.wire.after = twice
    assert [user.upn for user in scene.tenant.read().users] == [user.upn for user in STATE.users]


def test_the_tenants_clock_is_that_of_its_first_answer(scene):
    scene.wire.after = lambda request, response: httpx.Response(
        response.status_code, content=response.content, headers={"date": "Fri, 01 Jan 2027 05:06:07 GMT"}
    )
    assert scene.tenant.read().taken_at.isoformat() == "2027-01-01T05:06:07+00:00"


def test_inherited_licences_are_told_from_direct_ones(scene):
    (bram,) = [user for user in scene.tenant.read().users if user.upn == "bram@contoso.com"]
    assert bram.assignments == (Assignment(sku_id=EMS, assigned_by=GROUP),)


def without_sources(request, response):
    """Take out of an answer where the licences of users come from, and their comma."""
    text = re.sub(rb',"licenseAssignmentStates": ?\[[^]]*\]', b"", response.content)
    assert b"licenseAssignmentStates" not in text
    return httpx.Response(response.status_code, content=text, request=request)


def test_a_user_whose_licences_come_from_nowhere_is_a_bad_answer(scene):
    """What a group gives would else count as direct, and be taken away."""
    scene.wire.after = without_sources
    problem = refused(scene.tenant)
    assert problem.code == "bad-answer"
    assert "licenseAssignmentStates" in problem.params["message"]
    change = tenants.give_back()
    assert scene.tenant.observe([change], {}) == {change.address: None}


def test_licences_of_a_user_that_are_no_list_are_a_bad_answer(tmp_path):
    wire = tenants.Wire(tenants.in_process(tenants.fill(tmp_path / "home")))

    def after(request, response):
        text = re.sub(rb'"assignedLicenses": ?\[[^]]*\]', b'"assignedLicenses":{}', response.content)
        return httpx.Response(response.status_code, content=text, request=request)

    wire.after = after
    with (
        contextlib.closing(tenants.directory(wire, parallelism=1)) as directory,
        pytest.raises(DirectoryError) as refused,
    ):
        directory.read(())
    assert refused.value.code == "bad-answer"
