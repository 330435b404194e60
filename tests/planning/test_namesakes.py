"""Whoever is to be created may be there already: it is asked, nothing is blocked."""

import pytest
from msgspec import structs

from tests.planning.world import codes, entry, planned, user


def similar(*entries, users=()):
    """Return who is asked about: UPN → the other, his name, why, and whether he is yet to come."""
    plan = planned(*entries, users=users)
    found = {}
    for one in plan.changes:
        for warning in one.warnings:
            if warning.code == "similar-user":
                params = warning.params
                assert params["upn"] == one.user.upn
                found[one.user.upn.partition("@")[0]] = (
                    params["other"].partition("@")[0],
                    params["name"],
                    params["reason"],
                    params["coming"],
                )
    return found


def new(name, display, **fields):
    return entry(name, profile=(("name", display),), usage_location="NL", **fields)


def there(name, display, **fields):
    return structs.replace(user(name, **fields), name=display)


def test_a_user_of_the_same_name_is_told():
    """Whatever case and spaces: the export of a personnel office is no more careful."""
    lars = there("lars", "Lars Eklund")
    assert similar(new("lasr", "lars  EKLUND"), users=(lars,)) == {
        "lasr": ("lars", "Lars Eklund", "name", False)
    }


def test_two_who_are_to_be_created_with_one_name_are_told_of_each_other():
    found = similar(new("lars2", "Lars Eklund"), new("lars3", "Lars Eklund"))
    assert found == {
        "lars2": ("lars3", "Lars Eklund", "name", True),
        "lars3": ("lars2", "Lars Eklund", "name", True),
    }


def test_of_many_with_one_name_somebody_who_is_there_is_told():
    """One is enough to ask the question."""
    jans = (there("b", "Jan Jansen"), there("a", "Jan Jansen"))
    found = similar(*(new(f"n{number}", "Jan Jansen") for number in range(5)), users=jans)
    assert set(found.values()) == {("a", "Jan Jansen", "name", False)}


@pytest.mark.parametrize(
    "upn",
    [
        "anna.johanson",  # left out
        "anna.joohansson",  # one more
        "anna.johanssom",  # wrong
        "anna.johasnson",  # swapped
        "nana.johansson",  # at the beginning
        "anna.johanssno",  # at the end
    ],
)
def test_one_typing_error_in_a_upn_is_told(upn):
    anna = there("anna.johansson", "Anna J")
    found = similar(new(upn, "Somebody"), users=(anna,))
    assert found == {upn: ("anna.johansson", "Anna J", "upn", False)}


@pytest.mark.parametrize(
    ("upn", "other"),
    [
        ("a.berg17", "a.berg18"),  # numbers tell people apart
        ("emp00012", "emp00013"),
        ("ann", "anna"),  # so short, a letter is another name
        ("eva.b", "ava.b"),
        ("anna.johansson@contoso.com", "anna.johanson@fabrikam.com"),
        ("pieter.vandenberg", "bieter.vandenburg"),
    ],
)
def test_other_upns_are_others(upn, other):
    somebody = there("x", "There", upn=other if "@" in other else f"{other}@contoso.com")
    assert similar(new(upn, "New"), users=(somebody,)) == {}


def test_the_same_name_says_more_than_nearly_the_same_upn():
    users = (there("anna.berg1x", "Other"), there("q", "Anna Berg"))
    assert similar(new("anna.berg1y", "Anna Berg"), users=users)["anna.berg1y"][0] == "q"


def test_who_is_there_comes_before_who_is_to_come():
    found = similar(
        new("pieter.janssem", "P"), new("pieter.janssan", "Q"), users=(there("pieter.janssen", "R"),)
    )
    assert {one[0] for one in found.values()} == {"pieter.janssen"}


def test_only_an_account_that_is_to_be_created_is_asked_about():
    """Who is there, who goes, and who is meant by an id is nobody new."""
    lars = there("lars", "Lars Eklund")
    twin = there("lars.e", "Lars Eklund")
    plan = planned(entry("lars"), entry("lars.e", present=False), users=(lars, twin))
    assert "similar-user" not in codes(w for c in plan.changes for w in c.warnings)
    assert similar(new("nobody", "Nobody"), users=(lars, there("y", ""))) == {}


def test_an_account_names_where_it_is_declared():
    plan = planned(new("anna", "Anna", at=7), users=())
    (because,) = plan.changes[0].because
    assert (because.rule, because.file, because.line) == ("users", "tenant.yaml", 7)
