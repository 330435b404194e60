"""Any order that the schedule allows respects what waits for what; nothing is lost or done twice."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.schedule import Schedule
from tests.apply.bench import group_licences, licences, membership, purchase, replace


@st.composite
def plans(draw):
    """Draw changes of few users, each waiting for some of those before it, in a shuffled order."""
    size = draw(st.integers(1, 12))
    changes = []
    for number in range(size):
        user = draw(st.sampled_from("abc"))
        waits = draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []
        change = replace(
            licences(user, [], ["e3"]),
            address=f"users/{user}/{number}",
            depends_on=tuple(changes[each].address for each in waits),
        )
        changes.append(change)
    return draw(st.permutations(changes))


@given(plans(), st.data())
def test_every_change_is_offered_once_after_what_it_waits_for_or_falls_with_it(changes, data):
    schedule = Schedule(changes)
    offered, carried, lost, flying = [], set(), set(), []
    while True:
        batch = schedule.take(data.draw(st.integers(1, 4)))
        for change in batch:
            assert carried.issuperset(change.depends_on)
            assert change.user.upn not in {other.user.upn for other in flying}
            flying.append(change)
            offered.append(change.address)
        if not flying:
            break
        change = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
        if data.draw(st.booleans()):
            carried.add(change.address)
            assert schedule.settle(change.address, carried=True) == []
        else:
            fallen = schedule.settle(change.address, carried=False)
            assert not lost & {each.address for each in fallen}
            assert all(
                set(each.depends_on) & (lost | {change.address, *(f.address for f in fallen)})
                for each in fallen
            )
            lost |= {each.address for each in fallen}
    assert schedule.left() == []
    assert len(offered) == len(set(offered))
    assert set(offered) | lost == {change.address for change in changes}
    assert not set(offered) & lost


def test_what_is_dropped_is_never_offered():
    change = licences("anna", [], ["e3"])
    schedule = Schedule([change])
    assert schedule.drop(change.address) == []
    assert (schedule.take(20), schedule.left()) == ([], [])


def test_a_parked_change_is_offered_when_its_object_is_free_again():
    one, two = purchase("e5", 1, 2), replace(purchase("e5", 1, 2), address="subscriptions/e5/auto-renew")
    schedule = Schedule([one, two])
    assert schedule.take(20) == [one]
    assert schedule.take(20) == []
    assert schedule.left() == [two]
    schedule.settle(one.address, carried=False)
    assert schedule.take(20) == [two]


def test_a_change_that_names_no_object_is_an_object_of_its_own():
    change = replace(licences("anna", [], ["e3"]), user=None)
    assert Schedule([change]).take(1) == [change]


def test_changes_of_groups_travel_by_themselves():
    """Their members are waited for; a group's licences are written once at a time, as a user's are."""
    group, again = group_licences("g", [], ["e3"]), replace(group_licences("g", ["e3"], []), address="again")
    one, two = licences("anna", [], ["e3"]), licences("bram", [], ["e3"])
    joins, parked = membership("add-member", "chris", "h"), membership("add-member", "anna", "h")
    schedule = Schedule([one, group, joins, two, again, parked])
    assert schedule.take(20) == [one, two]
    assert schedule.take(20) == [group, joins]
    for change in (group, one):
        schedule.settle(change.address, carried=True)
    assert schedule.take(20) == [again, parked]


def test_members_come_and_go_beside_each_other_and_the_licences_of_their_group_stay_meanwhile():
    comes, goes = membership("add-member", "anna", "g"), membership("remove-member", "bram", "g")
    group, later = group_licences("g", [], ["e3"]), membership("add-member", "chris", "g")
    schedule = Schedule([comes, goes, group, later])
    assert schedule.take(2) == [comes, goes]
    assert schedule.take(20) == [later]
    for change in (comes, goes):
        schedule.settle(change.address, carried=True)
    assert schedule.take(20) == []
    schedule.settle(later.address, carried=True)
    assert schedule.take(20) == [group]


def test_nobody_joins_a_group_while_its_licences_are_written():
    group, comes = group_licences("g", [], ["e3"]), membership("add-member", "anna", "g")
    schedule = Schedule([group, comes])
    assert schedule.take(20) == [group]
    assert schedule.take(20) == []
    schedule.settle(group.address, carried=True)
    assert schedule.take(20) == [comes]
