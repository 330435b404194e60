"""Only what this run itself may have moved is left out when an object is compared with the plan."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.apply.turns import Apart, Turns
from tests.apply.bench import creation, group_licences, held, licences, membership, purchase, replace

GROUP = group_licences("g", ["e1"], ["e3"], ["anna", "bram"])
OTHER = group_licences("h", [], ["ems"], ["bram", "chris"])


def groups(change, *others):
    """Return which groups' licences are not compared for a change that stands among others."""
    return set(Turns([change, *others]).apart(change).groups)


def users(change, *others, new=()):
    return set(Turns([change, *others]).apart(change, new).users)


def test_without_changes_of_groups_everything_is_compared():
    change = licences("anna", ["e1"], ["e3"])
    assert Turns([change, licences("bram", [], ["e1"])]).apart(change) == Apart()
    assert Turns([purchase("e5", 1, 2)]).apart(purchase("e5", 1, 2)) == Apart()


def test_licences_from_a_group_that_changes_meanwhile_are_not_compared():
    assert groups(licences("zoe", [], ["e3"]), GROUP, OTHER) == {"g", "h"}
    assert groups(licences("zoe", [], ["e3"]), replace(GROUP, status="blocked"), OTHER) == {"h"}


def test_what_is_ordered_before_or_after_is_compared():
    """However far away the order is; `before` holds what is expected at that turn."""
    middle = replace(licences("x", [], ["e3"]), depends_on=(GROUP.address,))
    change = licences("zoe", [], ["e3"], depends_on=(middle.address,))
    later = replace(OTHER, depends_on=(change.address, "gone"))
    assert groups(change, middle, GROUP, OTHER) == {"h"}
    assert groups(change, middle, GROUP, later) == set()


def test_whoever_joins_or_leaves_a_group_meanwhile_is_compared_without_it_and_nobody_else():
    joins = membership("add-member", "anna", "g", [], ["e1"])
    assert groups(licences("anna", [], ["e3"]), joins) == {"g"}
    assert groups(licences("bram", [], ["e3"]), joins) == set()
    assert groups(licences("anna", [], ["e3"], depends_on=(joins.address,)), joins) == set()


def test_who_joins_a_group_is_compared_without_direct_licences_that_change_meanwhile():
    joins = membership("add-member", "anna", "g", [], ["e1"])
    assert groups(joins, licences("anna", [], ["e3"])) == {None}
    assert groups(joins, licences("bram", [], ["e3"])) == set()
    assert groups(joins, licences("anna", [], ["e3"], depends_on=(joins.address,))) == set()
    apart = Apart(groups=frozenset({None}))
    assert apart.less({"assignments": [*held("e1"), *held("e1", group_id="g")]}) == {
        "assignments": held("e1", group_id="g")
    }


def test_a_change_of_members_is_compared_with_what_itself_brings():
    joins = membership("add-member", "anna", "g", [], ["e1"])
    assert groups(joins) == set()
    assert groups(joins, membership("add-member", "anna", "h", [], ["ems"])) == {"h"}
    assert groups(joins, GROUP) == {"g"}
    assert groups(replace(joins, depends_on=(GROUP.address,)), GROUP) == set()


def test_members_whom_the_plan_changes_otherwise_are_not_compared():
    """A user with a change of their own, one who joins, one whom this run made; never all of them."""
    joins = membership("add-member", "eva", "g", [], ["e1"])
    new = membership("add-member", "fred", "g", [], ["e1"], created=True)
    assert users(GROUP) == set()
    assert users(GROUP, licences("bram", [], ["e3"]), joins) == {"id-bram", "id-eva"}
    assert users(GROUP, creation("fred"), new, new=["id-7"]) == {"id-7"}
    assert users(GROUP, replace(licences("bram", [], ["e3"]), status="blocked")) == set()


def test_members_of_another_group_that_changes_first_or_at_the_same_time_are_not_compared():
    """Their fingerprints are those of before the run; of what comes later nothing is there yet."""
    assert users(GROUP, OTHER) == {"id-bram", "id-chris"}
    assert users(replace(GROUP, depends_on=(OTHER.address,)), OTHER) == {"id-bram", "id-chris"}
    assert users(GROUP, replace(OTHER, depends_on=(GROUP.address,))) == set()


def test_what_is_apart_is_left_out_on_both_sides_and_nothing_else():
    apart = Apart(groups=frozenset({"g"}), users=frozenset({"id-anna"}))
    rows = [*held("e1"), *held("e1", group_id="g"), *held("ems", group_id="h")]
    assert apart.less({"assignments": rows, "enabled": True}) == {
        "assignments": [*held("e1"), *held("ems", group_id="h")],
        "enabled": True,
    }
    assert apart.less({"assignments": None}) == {"assignments": []}
    assert apart.less({}) == {}
    bare = apart.of(GROUP)
    assert (bare.before["members"], bare.after) == ({"id-bram": "bram"}, GROUP.after)
    assert Apart().of(GROUP) == GROUP


def test_changes_that_wait_for_each_other_end_in_no_circle_here():
    one = replace(GROUP, depends_on=(OTHER.address,))
    two = replace(OTHER, depends_on=(GROUP.address,))
    assert groups(licences("zoe", [], ["e3"], depends_on=(one.address,)), one, two) == {"g", "h"}


@st.composite
def plans(draw):
    """Draw changes of groups and users, each waiting for some of those before it, shuffled."""
    changes = []
    for number in range(draw(st.integers(2, 9))):
        made = draw(
            st.sampled_from(
                [
                    licences(draw(st.sampled_from("ab")), [], ["e3"]),
                    group_licences(f"g{number}", [], ["e3"]),
                    membership("add-member", draw(st.sampled_from("ab")), f"g{number}"),
                ]
            )
        )
        waits = draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []
        depends_on = tuple(changes[each].address for each in waits)
        changes.append(replace(made, address=f"{number}", depends_on=depends_on))
    return draw(st.permutations(changes))


@given(plans())
def test_a_groups_licences_are_compared_exactly_where_no_order_lets_them_move_meanwhile(changes):
    """Against the definition: walk up from either side."""
    known = {change.address: change for change in changes}

    def above(change):
        return {each for address in change.depends_on for each in (address, *above(known[address]))}

    turns = Turns(changes)
    members = {change.user.upn for change in changes if change.user and change.group}
    for change in changes:
        if change.user is None:
            continue
        loose = {
            other.group and other.group.id
            for other in changes
            if other is not change
            and (other.group or change.user.upn in members)
            and (other.user is None or other.user.upn == change.user.upn)
            and other.address not in above(change)
            and change.address not in above(other)
        }
        assert turns.apart(change).groups == loose
