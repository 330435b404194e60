"""The campaign finds known mistakes: each is put into the product, and the invariants have to say so."""

import dataclasses
import json
from http import HTTPStatus

import httpx
import pytest

from reconciler import journal
from reconciler.apply import confirming
from reconciler.apply.result import Run
from reconciler.directory import graph, requests, transport, writer
from reconciler.directory.sending import Sender
from reconciler.directory.transport import Transport
from reconciler.directory.writer import Writer
from reconciler.errors import DirectoryError
from reconciler.plan import Change
from tests.faults import campaign

CASES = campaign.by_name()


def answered(requests, answers, status):
    """Return the requests that were answered with a status."""
    return [
        request for request, answer in zip(requests, answers, strict=True)
        if getattr(answer, "status", None) == status
    ]  # fmt: skip


def sends_again_after_504(patch):
    real = Transport._write

    def write(self, requests):
        answers = real(self, requests)
        again = answered(requests, answers, HTTPStatus.GATEWAY_TIMEOUT)
        fresh = dict(zip(map(id, again), real(self, again), strict=True)) if again else {}
        return [fresh.get(id(each), answer) for each, answer in zip(requests, answers, strict=True)]

    patch.setattr(Transport, "_write", write)


def sends_again_after_429_without_a_look(patch):
    patch.setattr(Writer, "_settle_busy", lambda self, attempts: {})


def swaps_in_two_calls(patch):
    real = Transport._write

    def write(self, requests):
        first = [
            dataclasses.replace(each, body={**each.body, "addLicenses": []})
            for each in requests
            if each.body and each.body.get("addLicenses") and each.body.get("removeLicenses")
        ]
        if first:
            real(self, first)
        rest = [
            dataclasses.replace(each, body={**each.body, "removeLicenses": []})
            if each.body and each.body.get("addLicenses")
            else each
            for each in requests
        ]
        return real(self, rest)

    patch.setattr(Transport, "_write", write)


def accepts_a_listing_cut_short(patch):
    real = Transport._pages

    def pages(self, *given, **more):
        try:
            yield from real(self, *given, **more)
        except DirectoryError:
            return

    patch.setattr(Transport, "_pages", pages)


def creates_again_after_404(patch):
    real = Transport._write
    created = []

    def write(self, requests):
        created.extend(each for each in requests if (each.method, each.link) == ("POST", "/users"))
        answers = real(self, requests)
        if answered(requests, answers, HTTPStatus.NOT_FOUND) and created:
            real(self, created[-1:])
        return answers

    patch.setattr(Transport, "_write", write)


def counts_what_is_not_known_as_done(patch):
    patch.setattr(writer, "_by_looking", lambda attempt, seen: writer._outcome(attempt, "done"))
    believes_every_success(patch)


def counts_what_is_not_known_as_failed(patch):
    def settle(self, attempts):
        return {each.change.address: writer._outcome(each, "failed", code="lost") for each in attempts}

    patch.setattr(Writer, "_settle_unanswered", settle)


def swallows_the_error_of_an_item(patch):
    real = transport.items_of

    def items(*given):
        found = real(*given)
        denied = {number for number, each in enumerate(found) if each and each.status == HTTPStatus.FORBIDDEN}
        return [
            dataclasses.replace(each, status=200) if number in denied else each
            for number, each in enumerate(found)
        ]

    patch.setattr(transport, "items_of", items)
    believes_every_success(patch)


def believes_every_success(patch):
    patch.setattr(confirming, "shows", lambda change, values: True)


def says_nothing_of_what_is_unknown(patch):
    patch.setattr(Run, "exit_code", property(lambda self: 0))


def takes_inherited_licences_for_direct_ones(patch):
    real = graph.Translator.assignments

    def assignments(self, licences, states=()):
        for state in states:
            state.assigned_by_group = None
        return real(self, licences, states)

    patch.setattr(graph.Translator, "assignments", assignments)


def carries_blocked_changes_out(patch):
    patch.setattr(Change, "ready", property(lambda self: True))


def forgets_the_plans_that_are_off(patch):
    real = requests._licences

    def licences(change):
        body = json.loads(json.dumps(real(change)))
        for row in body["addLicenses"]:
            row["disabledPlans"] = []
        return body

    patch.setattr(requests, "_licences", licences)


def keeps_no_results_in_the_journal(patch):
    patch.setattr(journal.Journal, "record", lambda self, results: None)


def follows_any_link(patch):
    real = Sender._url

    def url(self, link):
        try:
            return real(self, link)
        except DirectoryError:
            return httpx.URL(link)

    patch.setattr(Sender, "_url", url)


def writes_while_planning(patch):
    real = Transport.get

    def get(self, link, decoder, **more):
        self._write([requests.Request(method="DELETE", link="/users/gus@contoso.com")])
        return real(self, link, decoder, **more)

    patch.setattr(Transport, "get", get)


MISTAKES = {
    sends_again_after_504: ("apply: assign, first: 504, committed, once", "I4"),
    sends_again_after_429_without_a_look: ("apply: assign, first: 429 integer, once", "I4"),
    swaps_in_two_calls: ("apply: assign, first: latency, once", "I5"),
    accepts_a_listing_cut_short: ("plan: page, first: 503, always", "another plan"),
    creates_again_after_404: ("apply: assign, last: 404, always", "I4"),
    counts_what_is_not_known_as_done: ("apply: assign, first: reset, once", "I7"),
    counts_what_is_not_known_as_failed: ("apply: assign, first: reset, committed, once", "I7"),
    swallows_the_error_of_an_item: ("apply: patch, last: 403, once", "I7"),
    believes_every_success: ("apply: patch, last: ignored, once", "I7"),
    says_nothing_of_what_is_unknown: ("apply: get, middle: timeout, always", "I8"),
    takes_inherited_licences_for_direct_ones: ("plan: list, first: latency, once", "takes away"),
    carries_blocked_changes_out: ("apply: assign, first: latency, once", "I3"),
    forgets_the_plans_that_are_off: ("apply: assign, first: latency, once", "I2"),
    keeps_no_results_in_the_journal: ("apply: assign, first: latency, once", "I7"),
    follows_any_link: ("plan: list, first: foreign-link, once", "I3"),
    writes_while_planning: ("plan: list, first: latency, once", "planning wrote"),
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_is_found(mistake, monkeypatch):
    name, breach = MISTAKES[mistake]
    assert campaign.breaches_of(CASES[name]) == []
    mistake(monkeypatch)
    found = campaign.breaches_of(CASES[name])
    assert [each for each in found if breach in each]
