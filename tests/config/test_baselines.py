"""What is read of a revision, or of a file of guard rails, that nobody applies."""

import pytest

from reconciler.config import baselines
from reconciler.errors import ConfigError, UsageError
from reconciler.model import Baseline, Guardrails, Location, Rail, Restriction
from tests.config.samples import CATALOG, E3, EMS, MEETING, SKUS


def read(text, *others, whole=True, **more):
    """Return what `main:tenant.yaml` says; `others` are further files."""
    names = ("main:tenant.yaml", "main:more.yaml")
    contents = {
        name: f"version: 1\n{one}".encode() for name, one in zip(names, (text, *others), strict=False)
    }
    found = baselines.read(contents, whole=whole, **more)
    return baselines.resolve(found, SKUS, CATALOG, "main", whole=whole)


def codes(text, *others, whole=True):
    """Return the problems for which nothing can be compared, with their places."""
    with pytest.raises(ConfigError) as caught:
        read(text, *others, whole=whole)
    return [(problem.location.file, problem.location.line, problem.code) for problem in caught.value.problems]


def test_a_revision_says_all_that_is_compared():
    """Rails with names resolved, how many entries there are, and other safeguards."""
    found = read(
        "guardrails:\n"
        "  max_deletions: {count: 2}\n"
        "  protected_users: [Boss@Contoso.com]\n"
        "  protected_skus: [EMS]\n"
        "defaults: {disable_before_delete: 7d, licenses: add}\n"
        "restrictions: [{plan: MCOMEETADV, countries: [IN]}]\n"
        "ignore_skus: [EMS]\n"
        "rules:\n"
        "  - {name: a, when: {department: x}, licenses: {replace: [EMS]}, grace: 7d}\n"
        "  - {name: b, when: {department: x}, licenses: [EMS]}\n"
        "users: {anna@contoso.com: {licenses: []}, bram@contoso.com: {ensure: absent}}\n"
    )

    assert found == Baseline(
        name="main",
        guardrails=Guardrails(
            max_deletions=Rail(count=2), protected_users=("boss@contoso.com",), protected_skus=(EMS,)
        ),
        entries=2,
        unlisted_users="keep",
        disable_before_delete=7,
        restrictions=(
            Restriction(
                location=Location(file="main:tenant.yaml", line=7, column=16),
                plan_id=MEETING,
                countries=("IN",),
            ),
        ),
        default_mode="add",
        ignored_skus=frozenset({EMS}),
        graces={"a": 7, "b": 30},
    )


def test_a_revision_that_says_nothing_has_the_rails_that_are_in_force_then():
    """A figure that is left out has its default there, too."""
    assert read("unlisted_users: revoke\n") == Baseline(
        name="main",
        guardrails=Guardrails(),
        entries=0,
        unlisted_users="revoke",
        ignored_skus=CATALOG.free_skus,
    )
    assert read("defaults: {usage_location: NL}\n").disable_before_delete is None


MAILBOXES = "mailboxes_from: {csv: sub/ex.csv}\n"
EXPORT = b"UserPrincipalName,LitigationHoldEnabled\nBoss@contoso.com,True\nan@contoso.com,False\nx,y\n"


def test_a_revision_tells_which_mailboxes_are_on_hold():
    """By the table that it names, as it was; what is wrong in that tells nothing."""
    asked = []

    def beside(*place):
        asked.append(place)
        return EXPORT

    found = read("users: {}\n", MAILBOXES, beside=beside)

    assert asked == [("main:more.yaml", "sub/ex.csv")]
    assert (found.mailboxes_from, found.holds) == ("sub/ex.csv", ("boss@contoso.com",))


def test_a_table_that_the_revision_does_not_have_tells_nothing():
    """It may be made anew for each plan; that it was named is known."""
    found = read(MAILBOXES)
    assert (found.mailboxes_from, found.holds) == ("sub/ex.csv", ())


def test_a_sku_that_did_not_count_may_be_gone_by_now():
    """The change that takes it out of `ignore_skus` is just what mends this."""
    assert read("ignore_skus: [EMS, GONE]\n").ignored_skus == {EMS}


def test_sections_may_stand_in_several_files():
    """As in the desired state."""
    found = read("guardrails: {max_deletions: {count: 2}}\n", "users: {anna@contoso.com: {licenses: []}}\n")

    assert (found.guardrails.max_deletions.count, found.entries) == (2, 1)


def test_a_file_of_rails_says_nothing_else():
    """Whatever stands in it."""
    text = "guardrails: {protected_skus: [ENTERPRISEPACK]}\nunlisted_users: revoke\nusers: {x: 5}\n"

    assert read(text, whole=False) == Baseline(name="main", guardrails=Guardrails(protected_skus=(E3,)))


def test_a_file_of_rails_without_any_is_no_use():
    """It would seem to limit something."""
    with pytest.raises(UsageError) as caught:
        read("users: {}\n", whole=False)
    assert (caught.value.code, caught.value.params) == ("no-guardrails", {"path": "main:tenant.yaml"})


def test_what_is_not_compared_may_be_wrong():
    """The next version mends it."""
    assert read("users: {anna@contoso.com: {licences: []}}\nbundles: {office: 5}\n").entries == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("guardrails: {max_deletions: {count: -1}}\n", (2, "out-of-range")),
        ("guardrails: {max_deletoins: {count: 1}}\n", (2, "unknown-key")),
        ("guardrails: [5]\n", (2, "wrong-type")),
        ("unlisted_users: no\n", (2, "bad-value")),
        ("ignore_skus: EMS\n", (2, "wrong-type")),
        ("mailboxes_from: {}\n", (2, "missing-key")),
        ("restrictions: [{sku: EMS}]\n", (2, "missing-key")),
        ("guardrails: {max_deletions: {count: 1}\n", (3, "yaml-syntax")),
        ("users: {}\nusers: {}\n", (3, "duplicate-key")),
        ("guardrails: {protected_skus: [EMX]}\n", (2, "unknown-sku")),
        ("restrictions: [{plan: NONE, countries: [IN]}]\n", (2, "unknown-plan")),
    ],
)
def test_what_is_compared_must_be_understood(text, found):
    """Rails that nobody can read protect nobody; the place names the revision."""
    assert ("main:tenant.yaml", *found) in codes(text)


def test_rails_that_stand_twice_are_not_compared():
    """Which of them holds?"""
    rails = "guardrails: {max_deletions: {count: 1}}\n"

    assert codes(rails, rails) == [("main:more.yaml", 2, "duplicate-section")]
    assert read("tenant: {domain: contoso.com}\n", "tenant: {domain: contoso.com}\n").entries == 0
