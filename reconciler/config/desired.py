"""What do the names in the files stand for in this tenant? Document → Desired.

Every SKU and service plan becomes an id, every licence a grant with its place in the file. This module
decides nothing about what the tenant holds now.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from reconciler.config import exchange
from reconciler.config.dates import days
from reconciler.config.document import by_position, folded, paused_collection, raise_for
from reconciler.config.entries import Entries
from reconciler.config.licences import Licences
from reconciler.config.names import Names
from reconciler.config.rules import graces, groups, rules
from reconciler.model import (
    Baseline,
    Desired,
    Guardrails,
    Price,
    Problem,
    Rail,
    Restriction,
    ToldMailbox,
    WantedGroup,
    WantedSubscription,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.catalog import Catalog
    from reconciler.config.document import Document, Member
    from reconciler.config.source import Data, Source
    from reconciler.model import Location, Sku

NEEDS_TENANT = frozenset(
    {
        "unknown-sku",
        "unknown-bundle",
        "unknown-plan",
        "ambiguous-sku",
        "plan-not-in-sku",
        "plan-not-assignable",
        "bundle-is-sku",
    }
)
"""Problems that only a tenant can confirm: without one they are warnings."""


_PERHAPS_LOST = frozenset({"unknown-sku", "unknown-bundle", "not-a-bundle"})


def resolve(document: Document, skus: Sequence[Sku], catalog: Catalog) -> Desired:
    """Return the desired state with names resolved against the tenant's SKUs, then the catalogue.

    Raises ConfigError with every problem, those of the document included.
    """
    with paused_collection():
        resolver = _Resolver(document, Names(skus, catalog, document.names("bundles"), offline=False))
        desired = resolver.desired(catalog)
    raise_for(_all_problems(document, resolver))
    return desired


def baseline(
    document: Document, skus: Sequence[Sku], catalog: Catalog, name: str, *, whole: bool
) -> Baseline:
    """Return what files that nobody applies say of the rails, and where `whole` of other safeguards.

    Raises ConfigError where a SKU or a service plan is not known; of SKUs that don't count, one that the
    tenant lost is no news.
    """
    resolver = _Resolver(document, Names(skus, catalog, document.names("bundles"), offline=False))
    found = Baseline(name=name, guardrails=resolver.guardrails())
    if whole:
        defaults = resolver.single("defaults", {})
        wait = defaults.get("disable_before_delete")
        found = msgspec.structs.replace(
            found,
            entries=len(document.names("users")),
            unlisted_users=resolver.single("unlisted_users", "keep"),
            disable_before_delete=days(wait) if wait else None,
            restrictions=tuple(resolver.restrictions()),
            default_mode=defaults.get("licenses", "replace"),
            graces=graces(document),
            mailboxes_from=resolver.single("mailboxes_from", {}).get("csv"),
            holds=tuple(sorted(row.address for row in resolver.mailboxes() if row.on_hold)),
        )
    raise_for(resolver.problems)
    return msgspec.structs.replace(found, ignored_skus=resolver.ignored(catalog)) if whole else found


def check_names(document: Document, catalog: Catalog) -> tuple[Problem, ...]:
    """Return warnings of names that the catalogue doesn't know, sorted: a tenant may well know them.

    Raises ConfigError, warnings included, where something is wrong whatever the tenant.
    """
    with paused_collection():
        resolver = _Resolver(document, Names((), catalog, document.names("bundles"), offline=True))
        resolver.desired(catalog)
    problems = [_without_tenant(problem) for problem in _all_problems(document, resolver)]
    problems.sort(key=by_position)
    if any(problem.severity == "error" for problem in problems):
        raise_for(problems)
    return tuple(problems)


def _all_problems(document: Document, resolver: _Resolver) -> list[Problem]:
    """Return all problems but those with names that may be declared in what could not be read."""
    found = document.problems + resolver.problems
    if document.names_lost:
        return [problem for problem in found if problem.code not in _PERHAPS_LOST]
    return found


def _without_tenant(problem: Problem) -> Problem:
    """Return the problem as far as it can be judged with no tenant at hand."""
    if problem.code not in NEEDS_TENANT:
        return problem
    return Problem(location=problem.location, code=problem.code, params=problem.params, severity="warning")


class _Resolver:
    """Carries what every section needs: the document, the names, and the problems found."""

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.names = names
        self.licences = Licences(document, names)

    @property
    def problems(self) -> list[Problem]:
        """Return the problems found so far."""
        return self.licences.problems

    def desired(self, catalog: Catalog) -> Desired:
        """Return the desired state; of no use where there are problems."""
        defaults = self.single("defaults", {})
        unlisted = self.document.single("unlisted_users")
        rails = self.document.single("guardrails")
        self.licences.bundles(self.document)
        mode = defaults.get("licenses", "replace")
        entries = Entries(self.document, self.licences, mode)
        wait = defaults.get("disable_before_delete")
        return Desired(
            tenant=self.document.tenant,
            digest=self.document.digest,
            default_location=defaults.get("usage_location"),
            default_mode=mode,
            unlisted_users=unlisted[1] if unlisted else "keep",
            unlisted_location=unlisted[0].locate(("unlisted_users",), key=True) if unlisted else None,
            ignored_skus=self.ignored(catalog),
            subscriptions=tuple(sorted(self._subscriptions(), key=attrgetter("sku_id"))),
            entries=tuple(sorted(entries.all(), key=attrgetter("upn"))),
            rules=tuple(sorted(rules(self.document, self.licences), key=attrgetter("name"))),
            groups=tuple(sorted(groups(self.document, self.licences), key=_group)),
            disable_before_delete=days(wait) if wait else None,
            restrictions=tuple(self.restrictions()),
            guardrails=self.guardrails(),
            guardrails_location=rails[0].locate(("guardrails",), key=True) if rails else None,
            protected_places=tuple(place for _, place in self._protected()),
            mailboxes=tuple(sorted(self.mailboxes(), key=attrgetter("address"))),
        )

    def single(self, section: str, default: Data) -> Data:
        """Return a section that may stand once."""
        declared = self.document.single(section)
        return declared[1] if declared else default

    def _skus(self, declared: tuple[Source, Any], *path: str) -> Iterator[str]:
        """Yield the ids of a list of SKUs."""
        source, names = declared
        for number, name in enumerate(names):
            found = self.licences.sku(name, source.locate((*path, number)))
            if found:
                yield found

    def ignored(self, catalog: Catalog) -> frozenset[str]:
        """Return the ids of the SKUs that don't count."""
        declared = self.document.single("ignore_skus")
        return frozenset(self._skus(declared, "ignore_skus")) if declared else catalog.free_skus

    def _subscriptions(self) -> Iterator[WantedSubscription]:
        """Yield the rows of `subscriptions`; one SKU under two names is a problem."""
        firsts: dict[str, Member] = {}
        for member in self.document.members("subscriptions"):
            sku_id = self.licences.sku(str(member.key), member.location)
            if sku_id is None:
                continue
            first = firsts.setdefault(sku_id, member)
            if first is not member and folded("subscriptions", str(first.key)) != str(member.key).upper():
                place = first.location
                params = {"name": member.key, "file": place.file, "line": place.line, "column": place.column}
                self.licences.problem(member.location, "duplicate-subscription", params)
            wanted = member.value
            price = wanted.get("price")
            yield WantedSubscription(
                sku_id=sku_id,
                location=member.location,
                seats=_whole(wanted.get("seats")),
                auto_renew=wanted.get("auto_renew"),
                price=Price(**price) if price else None,
            )

    def restrictions(self) -> Iterator[Restriction]:
        """Yield the rows of `restrictions`; a plan whose name has several ids, once for each."""
        for member in self.document.members("restrictions"):
            row = member.value
            countries = tuple(sorted(set(row["countries"])))
            if "sku" in row:
                sku_id = self.licences.sku(row["sku"], member.locate("sku"))
                yield Restriction(location=member.location, sku_id=sku_id, countries=countries)
                continue
            found = self.names.plan_ids(row["plan"])
            if not found:
                fault = self.names.unknown_plan(row["plan"])
                self.licences.problem(member.locate("plan"), fault.code, fault.params)
            for plan_id in found:
                yield Restriction(location=member.location, plan_id=plan_id, countries=countries)

    def mailboxes(self) -> Iterator[ToldMailbox]:
        """Yield what the tables of mailboxes tell."""
        for table in self.document.exports:
            yield from exchange.mailboxes(table)

    def _protected(self) -> list[tuple[str, Location]]:
        """Return whom and which groups the rails protect, sorted, each with its place."""
        declared = self.document.single("guardrails")
        if declared is None:
            return []
        source, rails = declared
        found: dict[str, Location] = {}
        for number, name in enumerate(rails.get("protected_users", [])):
            found.setdefault(name.lower(), source.locate(("guardrails", "protected_users", number)))
        return sorted(found.items())

    def guardrails(self) -> Guardrails:
        """Return the rails: a figure that is omitted keeps its default, so that a rail stays closed."""
        declared = self.document.single("guardrails")
        default = Guardrails()
        if declared is None:
            return default
        source, rails = declared
        protected = (source, rails.get("protected_skus", []))
        return Guardrails(
            max_revocations=_rail(rails.get("max_revocations", {}), default.max_revocations),
            max_deletions=_rail(rails.get("max_deletions", {}), default.max_deletions),
            max_purchases=_rail(rails.get("max_purchases", {}), default.max_purchases),
            protected_users=tuple(name for name, _ in self._protected()),
            protected_skus=tuple(sorted(set(self._skus(protected, "guardrails", "protected_skus")))),
        )


def _group(group: WantedGroup) -> str:
    """Return the key by which groups are sorted."""
    return folded("groups", group.name)


def _rail(declared: dict[str, Any], default: Rail) -> Rail:
    """Return a rail with the declared figures, and the default's where none is declared."""
    return Rail(
        count=_whole(declared.get("count", default.count)),
        percent=declared.get("percent", default.percent),
        free=int(declared.get("free", default.free)),
    )


def _whole(number: float | None) -> int | None:
    """Return a whole number that may have been written as 25.0."""
    return None if number is None else int(number)
