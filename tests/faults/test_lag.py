"""Reads show what was written only after a while, object by object; writes are answered truly at once."""

from reconciler.sandbox.faults import load
from tests.directory.tenants import E3, EMS, GROUP, user_id

ANNA = "/users/anna@contoso.com"


def lagging(tenant, kind="stale-reads", seconds=30.0, **more):
    return tenant({"kind": kind, "calls": ("write",), "times": None, "seconds": seconds}, **more)


def city(it, key="anna@contoso.com"):
    return it.get(f"/users/{key}?$select=city").json()["city"]


def test_a_written_object_shows_as_it_was_by_upn_and_by_id_alone_and_in_a_batch(tenant):
    it = lagging(tenant)
    assert it.client.patch(ANNA, json={"city": "Delft"}).status_code == 204
    shown = it.batch({"method": "GET", "url": f"{ANNA}?$select=city"})["0"]["body"]["city"]
    assert (city(it), shown) == (None, None)
    it.clock.sleep(29)
    assert city(it) is None
    it.clock.sleep(2)
    assert city(it) == "Delft"


def test_other_objects_show_as_they_are(tenant):
    it = tenant({"kind": "stale-reads", "calls": ("patch",)})
    it.client.patch(ANNA, json={"city": "Delft"})
    it.client.patch("/users/bram@contoso.com", json={"city": "Gouda"})
    assert (city(it), city(it, "bram@contoso.com")) == (None, "Gouda")


def test_who_was_made_a_moment_ago_is_not_there_yet(tenant):
    it = lagging(tenant)
    body = {
        "accountEnabled": True,
        "displayName": "Frank",
        "mailNickname": "frank",
        "userPrincipalName": "frank@contoso.com",
        "passwordProfile": {"password": "Correct-horse-7"},
    }
    made = it.client.post("/users", json=body).json()
    for key in (made["id"], "frank@contoso.com"):
        reply = it.get(f"/users/{key}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert "frank" not in it.get("/users").text
    it.clock.sleep(31)
    assert it.get(f"/users/{made['id']}").status_code == 200
    assert "frank" in it.get("/users").text


def test_who_was_deleted_is_still_there_and_not_in_the_bin(tenant):
    it = lagging(tenant)
    it.client.delete("/users/dirk@contoso.com")
    dirk, bin_ = user_id("dirk"), "/directory/deletedItems"
    assert it.get(f"/users/{dirk}").status_code == 404
    it.clock.sleep(31)
    it.client.delete(f"/users/{user_id('bram')}")
    bram = user_id("bram")
    assert (it.get(f"/users/{bram}").status_code, it.get(f"{bin_}/{bram}").status_code) == (200, 404)
    assert bram not in it.get(f"{bin_}/microsoft.graph.user").text
    it.clock.sleep(31)
    assert (it.get(f"/users/{bram}").status_code, it.get(f"{bin_}/{bram}").status_code) == (404, 200)


def test_who_joined_a_group_is_not_in_it_yet_seen_from_either_side(tenant):
    it = lagging(tenant)
    carla = user_id("carla")
    body = {"@odata.id": f"https://tenant.example/v1.0/directoryObjects/{carla}"}
    assert it.client.post(f"/groups/{GROUP}/members/$ref", json=body).status_code == 204
    links = (f"/groups/{GROUP}/members?$select=id", f"/users/{carla}/memberOf?$select=id")
    assert [carla in it.get(links[0]).text, GROUP in it.get(links[1]).text] == [False, False]
    it.clock.sleep(31)
    assert [carla in it.get(links[0]).text, GROUP in it.get(links[1]).text] == [True, True]


def test_seats_in_use_lag_by_themselves(tenant):
    it = lagging(tenant, "consumed-lag", 60.0)
    body = {"addLicenses": [{"skuId": EMS, "disabledPlans": []}], "removeLicenses": [E3]}

    def consumed():
        return {row["skuId"]: row["consumedUnits"] for row in it.get("/subscribedSkus").json()["value"]}

    before = consumed()
    assert it.client.post(f"{ANNA}/assignLicense", json=body).status_code == 200
    assert consumed() == before
    assert EMS in it.get(f"{ANNA}?$select=assignedLicenses").text
    it.clock.sleep(61)
    assert consumed() == {E3: before[E3] - 1, EMS: before[EMS] + 1}


def test_a_lag_that_runs_already_goes_on_from_its_own_write(tenant):
    it = lagging(tenant)
    it.client.patch(ANNA, json={"city": "Delft"})
    it.clock.sleep(20)
    it.client.patch(ANNA, json={"city": "Gouda"})
    assert city(it) is None
    it.clock.sleep(11)
    assert city(it) == "Gouda"


def test_a_group_takes_its_time_to_reach_its_members(tenant):
    it = tenant(group_delay=20.0)
    body = {"addLicenses": [{"skuId": E3, "disabledPlans": []}], "removeLicenses": []}
    assert it.client.post(f"/groups/{GROUP}/assignLicense", json=body).status_code == 202
    bram = f"/users/{user_id('bram')}?$select=assignedLicenses"
    assert E3 not in it.get(bram).text
    it.clock.sleep(21)
    assert E3 in it.get(bram).text


def test_the_preset_has_all_of_it():
    faults = load("lagging")
    assert [rule.kind for rule in faults.rules] == ["stale-reads", "consumed-lag"]
    assert faults.group_delay > 0
