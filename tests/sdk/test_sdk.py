"""Does Microsoft's own SDK for Graph work against the sandbox? Then the sandbox speaks Graph.

`make sdk` runs this in an environment of its own, since the SDK is large; the other tests don't need it.
The sandbox is served on a port of this computer, as a process of its own.
"""

import asyncio
import subprocess
import sys

import pytest
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.assigned_license import AssignedLicense
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.user import User
from msgraph.generated.users.item.assign_license.assign_license_post_request_body import (
    AssignLicensePostRequestBody,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

PASSWORD = "Correct-horse-7-battery"  # noqa: S105  of nobody


class Named(AnonymousAuthenticationProvider):
    """Names the default administrator of the sandbox in every request."""

    async def authenticate_request(self, request, additional_authentication_context=None):
        """Put the token of the sandbox into a request."""
        request.headers.add("Authorization", "Bearer sandbox")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Serve the demo tenant; return where."""
    home = tmp_path_factory.mktemp("sdk") / "home"
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "sandbox", "serve", "--port", "0"],
        env={"RECONCILER_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as served:
        line = next(line for line in served.stdout if "http://" in line)
        yield next(word for word in line.split() if word.startswith("http://")).rstrip(".")
        served.terminate()


def told(work, url):
    """Run `work` with a client of the SDK and return what it returns."""

    async def run():
        adapter = GraphRequestAdapter(Named())
        adapter.base_url = f"{url}/v1.0"
        return await work(GraphServiceClient(request_adapter=adapter))

    return asyncio.run(run())


def pages(query):
    """Return the configuration of a request for users."""
    return RequestConfiguration(
        query_parameters=UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(**query)
    )


SELECT = ["id", "userPrincipalName", "assignedLicenses", "licenseAssignmentStates", "usageLocation"]


async def user_named(graph, upn):
    """Read a user with licences."""
    return await graph.users.by_user_id(upn).get(pages({"select": SELECT}))


async def sku_named(graph, part_number):
    """Return the id of a SKU of the tenant."""
    skus = (await graph.subscribed_skus.get()).value
    return next(sku.sku_id for sku in skus if sku.sku_part_number == part_number)


def licences(*add, remove=()):
    """Return the body of assignLicense."""
    return AssignLicensePostRequestBody(
        add_licenses=[AssignedLicense(sku_id=sku_id, disabled_plans=list(off)) for sku_id, off in add],
        remove_licenses=list(remove),
    )


def test_it_lists_all_users_page_by_page(url):
    async def work(graph):
        first = await graph.users.get(pages({"top": 7, "select": ["id", "userPrincipalName"]}))
        found = []
        iterator = PageIterator(first, graph.request_adapter)

        def keep(user):
            found.append(user.user_principal_name)
            return True

        await iterator.iterate(keep)
        return len(first.value), found

    size, found = told(work, url)
    assert size == 7
    assert len(found) == len(set(found)) > 20
    assert "anna@contoso.com" in found


def test_it_reads_skus_with_their_seats_and_plans(url):
    async def work(graph):
        return (await graph.subscribed_skus.get()).value, (await graph.directory.subscriptions.get()).value

    skus, subscriptions = told(work, url)
    e3 = next(sku for sku in skus if sku.sku_part_number == "ENTERPRISEPACK")
    assert (e3.prepaid_units.enabled, e3.consumed_units, e3.applies_to) == (25, 17, "User")
    assert "TEAMS1" in {plan.service_plan_name for plan in e3.service_plans}
    assert str(e3.sku_id) in {str(row.sku_id) for row in subscriptions}


def test_it_assigns_changes_and_removes_a_licence(url):
    async def work(graph):
        upn = "yusuf@contoso.com"
        sku_id = await sku_named(graph, "POWER_BI_PRO")
        await graph.users.by_user_id(upn).patch(User(usage_location="NL"))
        await graph.users.by_user_id(upn).assign_license.post(licences((sku_id, ())))
        held = await user_named(graph, upn)
        await graph.users.by_user_id(upn).assign_license.post(licences(remove=[sku_id]))
        return sku_id, held, await user_named(graph, upn)

    sku_id, held, after = told(work, url)
    assert [one.sku_id for one in held.assigned_licenses] == [sku_id]
    (state,) = held.license_assignment_states
    assert (state.sku_id, state.assigned_by_group, state.state) == (sku_id, None, "Active")
    assert after.assigned_licenses == []


def test_it_creates_deletes_and_restores_a_user(url):
    async def work(graph):
        made = await graph.users.post(
            User(
                account_enabled=True,
                display_name="Zora",
                mail_nickname="zora",
                user_principal_name="zora@contoso.com",
                password_profile=PasswordProfile(password=PASSWORD),
                usage_location="NL",
            )
        )
        await graph.users.by_user_id(made.id).delete()
        gone = (await graph.directory.deleted_items.graph_user.get()).value
        await graph.directory.deleted_items.by_directory_object_id(made.id).restore.post()
        return made.id, [one.id for one in gone], await user_named(graph, "zora@contoso.com")

    made, gone, back = told(work, url)
    assert made in gone
    assert back.id == made


def test_a_refusal_comes_as_the_sdk_knows_it(url):
    async def work(graph):
        sku_id = await sku_named(graph, "POWER_BI_PRO")
        await graph.users.by_user_id("breakglass@contoso.com").assign_license.post(licences(remove=[sku_id]))

    with pytest.raises(APIError) as caught:
        told(work, url)
    assert caught.value.response_status_code == 400
    assert caught.value.error.code == "Request_BadRequest"
    assert "does not have a corresponding license" in caught.value.error.message


def test_it_sends_a_batch(url):
    async def work(graph):
        calls = {
            "users": graph.users.by_user_id("anna@contoso.com").to_get_request_information(),
            "nobody": graph.users.by_user_id("nobody@contoso.com").to_get_request_information(),
        }
        content = BatchRequestContent()
        for name, call in calls.items():
            call.path_parameters["baseurl"] = graph.request_adapter.base_url
            content.add_request(name, BatchRequestItem(request_information=call, id=name))
        return (await graph.batch.post(batch_request_content=content)).get_response_status_codes()

    assert told(work, url) == {"users": 200, "nobody": 404}
