"""What do the names in the files stand for in this tenant? Document → Desired.

Every SKU and service plan becomes an id, every licence a grant with its place in the file. This module
decides nothing about what the tenant holds now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.config.document import by_position, folded, paused_collection, raise_for
from reconciler.config.grants import Grants
from reconciler.config.names import Fault, Names
from reconciler.config.source import size
from reconciler.model import (
    Desired,
    Entry,
    Exclusion,
    Grant,
    Guardrails,
    Price,
    Problem,
    Rail,
    Restriction,
    WantedSubscription,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.catalog import Catalog
    from reconciler.config.document import Document, Member
    from reconciler.config.source import Data, Source
    from reconciler.model import Location, Mode, Sku

PROFILE = frozenset(
    {
        "name",
        "given_name",
        "surname",
        "department",
        "job_title",
        "company",
        "office",
        "city",
        "country",
        "employee_id",
        "enabled",
    }
)
"""Fields of a user that an entry may manage, besides the usage location."""

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

MAX_GRANTS = 5_000_000
"""All users together; more come from a mistake or from malice, and would fill the memory."""

_MAX_PAIRS = 4096  # pairs of field and value that are kept to be shared; people's names fill any table


def resolve(document: Document, skus: Sequence[Sku], catalog: Catalog) -> Desired:
    """Return the desired state with names resolved against the tenant's SKUs, then the catalogue.

    Raises ConfigError with every problem, those of the document included.
    """
    with paused_collection():
        resolver = _Resolver(document, Names(skus, catalog, document.names("bundles"), offline=False))
        desired = resolver.desired(catalog)
    raise_for(_all_problems(document, resolver))
    return desired


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
        return [problem for problem in found if problem.code not in {"unknown-sku", "unknown-bundle"}]
    return found


def _without_tenant(problem: Problem) -> Problem:
    """Return the problem as far as it can be judged with no tenant at hand."""
    if problem.code not in NEEDS_TENANT:
        return problem
    return Problem(location=problem.location, code=problem.code, params=problem.params, severity="warning")


class _Resolver:
    """Carries what every section needs: the names, the bundles, and the problems found."""

    def __init__(self, document: Document, names: Names) -> None:
        self.document = document
        self.names = names
        self.problems: list[Problem] = []
        self.granted = 0  # licences granted so far, against small files that grant billions
        self.pairs: dict[tuple[str, str | bool], tuple[str, str | bool]] = {}  # equal ones share one object
        bundles = {str(member.key): member.value for member in document.members("bundles")}
        failing: dict[str, list[Data]] = {name: [] for name in document.names("bundles") - bundles.keys()}
        self.grants = Grants(names, {**failing, **bundles})

    def desired(self, catalog: Catalog) -> Desired:
        """Return the desired state; of no use where there are problems."""
        defaults = self._single("defaults", {})
        unlisted = self.document.single("unlisted_users")
        self._bundles()
        return Desired(
            tenant=self.document.tenant,
            digest=self.document.digest,
            default_location=defaults.get("usage_location"),
            unlisted_users=unlisted[1] if unlisted else "keep",
            unlisted_location=unlisted[0].locate(("unlisted_users",), key=True) if unlisted else None,
            ignored_skus=self._ignored(catalog),
            subscriptions=tuple(sorted(self._subscriptions(), key=lambda wanted: wanted.sku_id)),
            entries=tuple(sorted(self._entries(defaults.get("licenses", "replace")), key=_upn)),
            restrictions=tuple(self._restrictions()),
            guardrails=self._guardrails(),
        )

    def problem(self, location: Location, code: str, params: dict[str, Any]) -> None:
        """Note a problem."""
        self.problems.append(Problem(location=location, code=code, params=params))

    def sku(self, name: str, location: Location) -> str | None:
        """Return the id of a SKU, or None and a problem."""
        try:
            return self.names.sku(name)
        except Fault as fault:
            self.problem(location, fault.code, fault.params)
            return None

    def _single(self, section: str, default: Data) -> Data:
        """Return a section that may stand once."""
        declared = self.document.single(section)
        return declared[1] if declared else default

    def _skus(self, declared: tuple[Source, Any], *path: str) -> Iterator[str]:
        """Yield the ids of a list of SKUs."""
        source, names = declared
        for number, name in enumerate(names):
            found = self.sku(name, source.locate((*path, number)))
            if found:
                yield found

    def _ignored(self, catalog: Catalog) -> frozenset[str]:
        """Return the ids of the SKUs that don't count."""
        declared = self.document.single("ignore_skus")
        return frozenset(self._skus(declared, "ignore_skus")) if declared else catalog.free_skus

    def _bundles(self) -> None:
        """Look into every bundle, used or not."""
        for member in self.document.members("bundles"):
            name = str(member.key)
            if self.names.has_sku(name):
                self.problem(member.location, "bundle-is-sku", {"name": name})
            for number, item in enumerate(member.value):
                for wrong in self.grants.item(item).wrong:
                    self.problem(member.locate(number, *wrong.path), wrong.code, wrong.params)

    def _subscriptions(self) -> Iterator[WantedSubscription]:
        """Yield the rows of `subscriptions`; one SKU under two names is a problem."""
        firsts: dict[str, Member] = {}
        for member in self.document.members("subscriptions"):
            sku_id = self.sku(str(member.key), member.location)
            if sku_id is None:
                continue
            first = firsts.setdefault(sku_id, member)
            if first is not member and folded("subscriptions", str(first.key)) != str(member.key).upper():
                place = first.location
                params = {"name": member.key, "file": place.file, "line": place.line, "column": place.column}
                self.problem(member.location, "duplicate-subscription", params)
            wanted = member.value
            price = wanted.get("price")
            yield WantedSubscription(
                sku_id=sku_id,
                location=member.location,
                seats=_whole(wanted.get("seats")),
                auto_renew=wanted.get("auto_renew"),
                price=Price(**price) if price else None,
            )

    def _restrictions(self) -> Iterator[Restriction]:
        """Yield the rows of `restrictions`; a plan whose name has several ids, once for each."""
        for member in self.document.members("restrictions"):
            row = member.value
            countries = tuple(sorted(set(row["countries"])))
            if "sku" in row:
                sku_id = self.sku(row["sku"], member.locate("sku"))
                yield Restriction(location=member.location, sku_id=sku_id, countries=countries)
                continue
            found = self.names.plan_ids(row["plan"])
            if not found:
                fault = self.names.unknown_plan(row["plan"])
                self.problem(member.locate("plan"), fault.code, fault.params)
            for plan_id in found:
                yield Restriction(location=member.location, plan_id=plan_id, countries=countries)

    def _guardrails(self) -> Guardrails:
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
            protected_users=tuple(sorted({name.lower() for name in rails.get("protected_users", [])})),
            protected_skus=tuple(sorted(set(self._skus(protected, "guardrails", "protected_skus")))),
        )

    def _entries(self, mode: Mode) -> Iterator[Entry]:
        """Yield the entries of `users`."""
        for member in self.document.members("users"):
            entry: dict[str, Any] = member.value
            profile = [self._shared((key, value)) for key, value in entry.items() if key in PROFILE]
            profile.sort()
            own_mode = mode
            grants: tuple[Grant, ...] | None = None
            exclusions: tuple[Exclusion, ...] = ()
            if "licenses" in entry:
                own_mode, grants = self._licences(member, entry["licenses"], mode)
            if "exclude" in entry:
                exclusions = tuple(self._exclusions(member, entry["exclude"]))
                self._excluded_and_listed(exclusions, grants or ())
            yield Entry(
                upn=folded("users", str(member.key)),
                location=member.location,
                id=entry["id"].lower() if "id" in entry else None,
                present=entry.get("ensure") != "absent",
                restore=entry["restore"].lower() if "restore" in entry else None,
                profile=tuple(profile),
                usage_location=entry.get("usage_location"),
                mode=own_mode,
                grants=grants,
                exclusions=exclusions,
                reason=entry.get("reason"),
            )

    def _shared(self, pair: tuple[str, str | bool]) -> tuple[str, str | bool]:
        """Return a pair equal to `pair`, the same one for many users."""
        if len(self.pairs) < _MAX_PAIRS:
            return self.pairs.setdefault(pair, pair)
        return self.pairs.get(pair, pair)

    def _licences(self, member: Member, licences: Data, mode: Mode) -> tuple[Mode, tuple[Grant, ...]]:
        """Return mode and grants of `licenses`."""
        node = member.node_of("licenses")
        path: tuple[str, ...] = ("licenses",)
        if type(licences) is dict:
            ((mode, licences),) = licences.items()
            path = ("licenses", mode)
            node += 2  # behind the mapping and its one key
        grants = []
        source = member.source
        node += 1
        for number, item in enumerate(licences):
            granted, wrong = self.grants.item(item)
            place = source.location(node)
            self.granted += len(granted)
            if self.granted > MAX_GRANTS:
                if self.granted - len(granted) <= MAX_GRANTS:  # told once
                    self.problem(place, "too-many-licences", {"limit": MAX_GRANTS})
                break
            grants += [
                Grant(sku_id=sku_id, disabled_plans=disabled, bundle=bundle, location=place)
                for sku_id, disabled, bundle in granted
            ]
            for fault in wrong:
                self.problem(member.locate(*path, number, *fault.path), fault.code, fault.params)
            node += size(item)
        if len(grants) > 1:
            grants.sort(key=_sku)
        return mode, tuple(grants)

    def _exclusions(self, member: Member, names: list[str]) -> Iterator[Exclusion]:
        """Yield the exclusions of an entry."""
        for number, name in enumerate(names):
            location = member.locate("exclude", number)
            sku_id = self.sku(name, location)
            if sku_id:
                yield Exclusion(sku_id=sku_id, location=location)

    def _excluded_and_listed(self, exclusions: tuple[Exclusion, ...], grants: tuple[Grant, ...]) -> None:
        """Note a SKU that one entry both lists by itself and excludes: nobody can tell what is meant."""
        listed = {grant.sku_id: grant.location for grant in grants if grant.bundle is None}
        for exclusion in exclusions:
            if exclusion.sku_id in listed:
                params = {
                    "sku": self.names.part_number(exclusion.sku_id),
                    "line": listed[exclusion.sku_id].line,
                }
                self.problem(exclusion.location, "excluded-and-listed", params)


def _sku(grant: Grant) -> str:
    """Return the key by which grants are sorted: as the tenant's assignments are."""
    return grant.sku_id


def _upn(entry: Entry) -> str:
    """Return the key by which entries are sorted."""
    return entry.upn


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
