"""When an object is as the plan expects it, and how it is told what moved."""

from reconciler.apply.expectation import MOST_MEMBERS, alone, carried, judge, moved, shows
from tests.apply.bench import creation, group_licences, held, licences, membership, profile, replace

ANNA = licences("anna", ["e1"], ["e3"])


def holding(*skus, **more):
    return {"assignments": held(*skus), "usage_location": "NL", "enabled": True} | more


def test_an_object_as_before_is_written_one_as_wanted_is_left_any_other_moved():
    assert judge(ANNA, holding("e1")) == "write"
    assert judge(ANNA, holding("e3")) == "already"
    assert judge(ANNA, holding("e1", "e3")) == "moved"
    assert judge(ANNA, {}) == "moved"


def test_what_the_change_does_not_touch_may_have_moved_where_the_wanted_is_there():
    assert judge(ANNA, holding("e3", usage_location="BE")) == "already"
    assert judge(ANNA, holding("e1", usage_location="BE")) == "moved"


def test_the_order_in_which_the_tenant_lists_licences_and_plans_is_no_move():
    change = licences("anna", ["a", "b"], ["c"])
    seen = holding("b", "a")
    assert judge(change, seen) == "write"
    one = [{"sku_id": "a", "disabled_plans": ["p", "q"], "assigned_by": None}]
    other = [{"sku_id": "a", "disabled_plans": ["q", "p"], "assigned_by": None}]
    change = replace(change, before={"assignments": one})
    assert judge(change, {"assignments": other}) == "write"


def test_a_licence_from_a_group_is_another_one_than_the_same_directly():
    assert judge(ANNA, holding("e1") | {"assignments": held("e1", group_id="g1")}) == "moved"


def test_a_user_is_created_only_where_there_is_none():
    change = creation("eva")
    assert judge(change, {}) == "write"
    assert judge(change, change.after) == "already"
    assert judge(change, {**change.after, "name": "Another"}) == "moved"


def test_a_change_that_wants_what_is_there_is_written_once_and_never_taken_for_done():
    """It can't be told from one that was carried out; the write does no harm."""
    change = replace(ANNA, after=ANNA.before)
    assert judge(change, ANNA.before) == "write"
    assert judge(change, holding("e3")) == "moved"


def test_a_write_answers_for_its_own_part_on_top_of_what_the_run_did_before():
    planned = licences("anna", [], ["e3"], location=None, planned={"usage_location": "NL"})
    now = alone(planned, {"usage_location": "BE", "city": "Gent"})
    assert now.before == {"assignments": [], "usage_location": "BE", "enabled": True}
    assert now.after == {"assignments": held("e3"), "usage_location": "BE", "enabled": True}
    assert alone(creation("eva"), {}) == creation("eva")


def test_no_licence_is_carried_over_to_a_users_next_change():
    """Each change tells which licences are expected when its turn comes; what else happened is expected."""
    assert carried(ANNA) == {"usage_location": "NL", "enabled": True}
    assert carried(membership("add-member", "anna", "g", [], ["e1"])) == {}
    assert carried(profile("anna", {}, {"usage_location": "NL"})) == {"usage_location": "NL"}


def test_a_group_is_as_expected_only_with_its_members_and_what_they_hold():
    change = group_licences("g", ["e1"], ["e3"], ["anna", "bram"])
    before, after = change.before, change.after["assignments"]
    assert judge(change, before) == "write"
    assert judge(change, {**before, "assignments": after}) == "already"
    for members in (
        {"id-anna": "anna"},
        {**before["members"], "x": "y"},
        {**before["members"], "id-anna": "z"},
    ):
        assert judge(change, {**before, "members": members}) == "moved"
    assert judge(change, {}) == "moved"


def test_whether_an_account_is_on_is_not_expected_where_the_plan_could_not_know():
    """A snapshot need not tell; a usage location, on the other hand, may really be none."""
    untold = replace(ANNA, before=holding("e1", enabled=None))
    assert judge(untold, holding("e1")) == "write"
    assert judge(untold, holding("e1", enabled=False)) == "write"
    assert judge(replace(ANNA, before=holding("e1", usage_location=None)), holding("e1")) == "moved"
    assert moved(untold.before, holding("e1", usage_location="BE")) == [
        {"path": ["usage_location"], "expected": "NL", "found": "BE"}
    ]


# ------------------------------------------------------------ deepdiff's account


def test_what_moved_is_told_by_field_and_by_licence():
    before = holding("e1", "ems", "visio")
    seen = holding("e1", "visio", "bi", usage_location=None, enabled=True)
    seen["assignments"][1] = {"sku_id": "visio", "disabled_plans": ["p"], "assigned_by": None}
    seen["assignments"].append({"sku_id": "e1", "disabled_plans": [], "assigned_by": "g1"})
    assert moved(before, seen) == [
        {"path": ["assignments", "bi"], "expected": None, "found": []},
        {"path": ["assignments", "e1 by g1"], "expected": None, "found": []},
        {"path": ["assignments", "ems"], "expected": [], "found": None},
        {"path": ["assignments", "visio"], "expected": [], "found": ["p"]},
        {"path": ["usage_location"], "expected": "NL", "found": None},
    ]


def test_members_that_moved_are_told_by_name_and_many_by_their_number():
    want = {"assignments": held("e1"), "members": {"id-1": "a", "id-2": "b", "id-3": "c"}}
    seen = {"assignments": [], "members": {"id-2": "x", "id-3": "c", "id-4": "d"}, "upns": {}}
    assert moved(want, seen, {"id-1": "zoe", "id-2": "anna"}) == [
        {"path": ["assignments", "e1"], "expected": [], "found": None},
        {"path": ["members", "anna"], "expected": "b", "found": "x"},
        {"path": ["members", "id-4"], "expected": None, "found": "d"},
        {"path": ["members", "zoe"], "expected": "a", "found": None},
    ]
    many = {"members": {f"id-{n:02}": "a" for n in range(MOST_MEMBERS + 3)}}
    told = moved({"members": {}}, many)
    assert len(told) == MOST_MEMBERS + 1
    assert told[-1] == {"path": ["members"], "expected": None, "found": 3}


def test_everything_that_was_expected_of_an_object_that_is_gone_is_told():
    assert moved({"deleted": False, "assignments": held("e1")}, {}) == [
        {"path": ["assignments"], "expected": {"e1": []}, "found": None},
        {"path": ["deleted"], "expected": False, "found": None},
    ]


def test_fields_that_nobody_expected_anything_of_are_not_told():
    assert moved({"city": "Delft"}, {"city": "Gent", "country": "BE"}) == [
        {"path": ["city"], "expected": "Delft", "found": "Gent"}
    ]
    assert moved({}, {"name": "Somebody"}) == [{"path": ["name"], "expected": None, "found": "Somebody"}]


def test_an_object_shows_a_change_by_the_part_that_was_its_own():
    assert shows(ANNA, holding("e3"))
    assert shows(ANNA, holding("e3", usage_location="BE", enabled=False))
    assert not shows(ANNA, holding("e1"))
    assert not shows(ANNA, holding("e1", "e3"))
    assert not shows(ANNA, {})
    assert not shows(ANNA, None)


def test_an_object_shows_nothing_of_what_comes_from_groups():
    inherited = held("ems", "e1", group_id="g")
    assert shows(ANNA, holding() | {"assignments": [*inherited, *held("e3")]})
    assert not shows(ANNA, holding() | {"assignments": [*inherited, *held("e1")]})


def test_an_object_shows_licences_with_their_plans_in_any_order():
    def rows(*plans):
        return [{"sku_id": "e3", "disabled_plans": list(plans), "assigned_by": None}]

    change = replace(ANNA, after={**ANNA.after, "assignments": rows("p", "q")})
    assert shows(change, {"assignments": rows("q", "p")})
    assert not shows(change, {"assignments": rows("p")})


def test_a_change_that_brings_nothing_is_shown_by_any_object():
    assert shows(profile("anna", {"city": "Delft"}, {"city": "Delft"}), {})
