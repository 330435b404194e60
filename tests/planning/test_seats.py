"""The seat arithmetic, checked against every order there is for up to six users and three SKUs."""

from collections import Counter
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.planning.seats import Move, Settlement, settle

POOLS = "ABC"


@st.composite
def tenants(draw):
    """Seats that are spare or over-used, and moves of up to six users who take, free or trade them."""
    available = {pool: draw(st.integers(-1, 2)) for pool in POOLS}
    moves = []
    for number in range(draw(st.integers(1, 6))):
        pools = draw(st.permutations(POOLS))
        takes, frees = draw(st.integers(0, 2)), draw(st.integers(0, 2))
        moves.append(
            Move(
                key=f"u{number}",
                takes=tuple(sorted(pools[:takes])),
                frees=tuple(sorted(pools[takes : takes + frees])),
            )
        )
    return moves, available


def possible(order, available) -> bool:
    """Tell whether moves can be made in this order with a seat for each take when it comes."""
    seats = Counter(available)
    for move in order:
        if any(seats[pool] < 1 for pool in move.takes):
            return False
        seats.subtract(move.takes)
        seats.update(move.frees)
    return True


def some_order(moves, available) -> bool:
    """Tell, by trying them all, whether any order of `moves` is possible."""
    return any(possible(order, available) for order in permutations(moves))


def orders(settlement: Settlement):
    """Yield every order that respects `depends_on`."""
    keys = settlement.order
    for order in permutations(keys):
        position = {key: index for index, key in enumerate(order)}
        if all(position[first] < position[key] for key in keys for first in settlement.depends_on[key]):
            yield order


@given(tenants())
@settings(max_examples=300, deadline=None)
def test_every_order_that_respects_the_dependencies_has_a_seat_for_each_take(tenant):
    """Law 5: in use never exceeds max(owned, in use before), whatever order apply chooses."""
    moves, available = tenant
    by_key = {move.key: move for move in moves}
    settlement = settle(moves, available)

    for order in orders(settlement):
        assert possible([by_key[key] for key in order], available)


@given(tenants())
@settings(max_examples=500, deadline=None)
def test_the_proposed_order_respects_its_own_dependencies(tenant):
    """The order of the plan is one of the safe orders."""
    moves, available = tenant
    settlement = settle(moves, available)
    seen: set[str] = set()
    for key in settlement.order:
        assert seen.issuperset(settlement.depends_on[key])
        seen.add(key)


@given(tenants())
@settings(max_examples=500, deadline=None)
def test_nobody_is_blocked_who_could_have_moved_as_well(tenant):
    """Beside those who move, no blocked move fits in any order: nothing is refused for nothing."""
    moves, available = tenant
    settlement = settle(moves, available)
    made = [move for move in moves if move.key in settlement.order]

    for move in moves:
        if move not in made:
            assert not some_order([*made, move], available)


@given(tenants())
@settings(max_examples=500, deadline=None)
def test_every_move_is_made_or_has_a_reason(tenant):
    """A move is in the order, or short of a seat, or part of a circle; never both, never lost."""
    moves, available = tenant
    settlement = settle(moves, available)
    made, short, circles = set(settlement.order), set(settlement.short), set(settlement.circles)

    assert made | short | circles == {move.key for move in moves}
    assert not made & (short | circles)
    assert not short & circles
    assert len(settlement.order) == len(made)


@given(tenants())
@settings(max_examples=500, deadline=None)
def test_a_move_without_takes_is_never_blocked(tenant):
    """Giving a seat back needs nobody's consent."""
    moves, available = tenant
    settlement = settle(moves, available)

    assert {move.key for move in moves if not move.takes} <= set(settlement.order)


def test_scarce_seats_go_to_the_lower_rank():
    """Of two who want the last seat, the first in rank takes it."""
    moves = [Move(key="a", takes=("A",)), Move(key="b", takes=("A",))]

    assert settle(moves, {"A": 1}) == Settlement(
        order=("a",), depends_on={"a": ()}, short={"b": ("A",)}, circles={}, waiting={}
    )


def test_a_take_waits_for_the_seat_that_another_frees():
    """With no seat to spare, the take depends on the release."""
    moves = [Move(key="a", takes=("A",)), Move(key="z", frees=("A",))]

    settlement = settle(moves, {"A": 0})

    assert settlement.order == ("z", "a")
    assert settlement.depends_on == {"z": (), "a": ("z",)}


def test_in_an_overused_pool_takes_wait_until_the_excess_is_repaid():
    """Two seats too many in use: the third release makes room for the first take."""
    moves = [Move(key="a", takes=("A",)), *(Move(key=f"z{n}", frees=("A",)) for n in range(3))]

    settlement = settle(moves, {"A": -2})

    assert settlement.depends_on["a"] == ("z0", "z1", "z2")


def test_users_who_trade_with_no_spare_seat_are_a_circle():
    """Neither can go first."""
    moves = [Move(key="a", takes=("A",), frees=("B",)), Move(key="b", takes=("B",), frees=("A",))]

    settlement = settle(moves, {"A": 0, "B": 0})

    assert settlement.circles == {"a": ("a", "b"), "b": ("a", "b")}
    assert settlement.order == ()


def test_one_spare_seat_unties_a_trade():
    """With one seat of either SKU to spare both can go."""
    moves = [Move(key="a", takes=("A",), frees=("B",)), Move(key="b", takes=("B",), frees=("A",))]

    settlement = settle(moves, {"A": 1, "B": 0})

    assert settlement.order == ("a", "b")
    assert settlement.depends_on == {"a": (), "b": ("a",)}


def test_who_only_waits_for_a_circle_is_short_of_a_seat():
    """The circle is told as a circle; the one behind it as a shortage."""
    moves = [
        Move(key="a", takes=("A",), frees=("B", "C")),
        Move(key="b", takes=("B",), frees=("A",)),
        Move(key="c", takes=("C",)),
    ]

    settlement = settle(moves, {})

    assert set(settlement.circles) == {"a", "b"}
    assert settlement.short == {"c": ("C",)}


def test_the_order_that_reaches_everybody_is_found():
    """One seat of B serves all three only if the loop is walked before the way out."""
    moves = [
        Move(key="a", takes=("B",), frees=("C",)),
        Move(key="b", takes=("B",), frees=("A",)),
        Move(key="c", takes=("A",), frees=("B",)),
    ]

    assert settle(moves, {"B": 1}).order == ("b", "c", "a")


def test_bought_seats_are_used_last():
    """Only the take that finds no other seat depends on the purchase."""
    moves = [
        Move(key="buy", frees=("A", "A"), buys=True),
        *(Move(key=f"t{n}", takes=("A",)) for n in range(3)),
        Move(key="z", frees=("A",)),
    ]

    settlement = settle(moves, {"A": 1})

    assert settlement.depends_on == {"buy": (), "t0": (), "t1": ("z",), "t2": ("buy",), "z": ()}


def test_a_move_waits_for_its_own_first_step():
    """What comes after a blocked step is told as waiting for it."""
    moves = [Move(key="restore", takes=("A",)), Move(key="licences", takes=("B",), after=("restore",))]

    blocked = settle(moves, {"A": 0, "B": 1})
    ready = settle(moves, {"A": 1, "B": 1})

    assert blocked.short == {"restore": ("A",)}
    assert blocked.waiting == {"licences": ("restore",)}
    assert ready.depends_on == {"restore": (), "licences": ("restore",)}


def test_thousands_of_moves_are_settled_at_once():
    """A swap of a whole department takes no search."""
    moves = [Move(key=f"s{n}", takes=("A",), frees=("B",)) for n in range(3000)]
    moves += [Move(key=f"t{n}", takes=("B",)) for n in range(3000)]

    settlement = settle(moves, {"A": 3000, "B": 0})

    assert len(settlement.order) == 6000


def test_a_dead_end_is_walked_back():
    """Serving the first in rank first would strand the others; another order serves all."""
    moves = [
        Move(key="r", takes=("A",), frees=("C",)),
        Move(key="l", takes=("C",), after=("r",)),
        Move(key="x", takes=("A",), frees=("B",)),
        Move(key="y", takes=("B",), frees=("A",)),
    ]

    assert settle(moves, {"A": 1}).order == ("x", "y", "r", "l")


def test_a_seat_that_only_a_later_step_of_the_same_user_frees_is_short():
    """A restore can't use the seat that the licence change after it gives back."""
    moves = [
        Move(key="other", takes=("B",)),
        Move(key="restore", takes=("A",)),
        Move(key="licences", frees=("A",), after=("restore",)),
    ]

    settlement = settle(moves, {"A": 0, "B": 1})

    assert settlement.order == ("other",)
    assert settlement.short == {"restore": ("A",)}
    assert settlement.waiting == {"licences": ("restore",)}


def test_the_same_state_reached_twice_is_searched_once():
    """Two trades that can't all be made: whichever goes first, the rest is the same."""
    moves = [
        Move(key="a", takes=("A",), frees=("B",)),
        Move(key="b", takes=("C",), frees=("D",)),
        Move(key="c", takes=("B", "D", "E"), frees=("F",)),
        Move(key="d", takes=("F",), frees=("E",)),
        Move(key="e", takes=("A",)),
        Move(key="f", frees=("A",), after=("c",)),
        Move(key="g", takes=("C",), after=("c",)),
        Move(key="h", frees=("C",), after=("c",)),
    ]

    settlement = settle(moves, {"A": 1, "C": 1})

    assert set(settlement.circles) == {"c", "d"}


def test_room_that_others_leave_unties_a_circle():
    """Two who seem to wait for each other can go once a third has gone."""
    moves = [
        Move(key="a", takes=("A", "B"), frees=("C",)),
        Move(key="b", takes=("B", "C"), frees=("A",)),
        Move(key="c", takes=("B",), frees=("A",)),
        Move(key="z", frees=("B",)),
    ]

    settlement = settle(moves, {"B": 1})

    assert settlement.order == ("z", "c", "a")
    assert (settlement.short, settlement.circles) == ({"b": ("B",)}, {})
