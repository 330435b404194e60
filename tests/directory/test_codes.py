"""Each refusal that Graph is known to make has a code, a meaning and something to do about it."""

import json
from typing import get_args

import pytest

from reconciler.directory import codes
from reconciler.directory.exchange import Answer
from reconciler.plan import Kind
from reconciler.report.results import sentence
from reconciler.report.write_errors import WRITE_ERRORS

SKU = "6fd2c87f-b296-42f0-b197-1e91e994b900"
BAD = (400, "Request_BadRequest")

LICENCES = [
    ("License assignment cannot be done for user with invalid usage location.", "no-usage-location"),
    (f"Subscription with SKU {SKU} does not have any available licenses.", "no-seats"),
    (f"Account Contoso: subscription with SKU {SKU} does not have any licenses left.", "no-seats"),
    (
        (
            "License assignment failed because service plans EXCHANGE_S_STANDARD, EXCHANGE_S_ENTERPRISE are "
            "mutually exclusive."
        ),
        "exclusive-plans",
    ),
    (
        (
            "License assignment failed because service plan MCOMEETADV depends on the service plan(s) "
            "MCOSTANDARD, TEAMS1"
        ),
        "missing-dependency",
    ),
    (
        "User license is inherited from a group membership and it cannot be removed directly from the user.",
        "inherited",
    ),
    (f"License {SKU} does not correspond to a valid company License.", "unknown-sku"),
    ("License WINDOWS_STORE cannot be assigned to a user.", "not-assignable"),
    ("User does not have a corresponding license.", "not-held"),
    (
        (
            "Cannot convert a primitive value to the expected type 'Edm.Guid'. See the inner exception for "
            "more details"
        ),
        "malformed-request",
    ),
    ("The action 'assignLicense' lacks the parameter 'addLicenses'.", "malformed-request"),
    ("The action 'assignLicense' lacks the parameter 'removeLicenses'.", "malformed-request"),
    ("Proxy address is already being used.", "address-taken"),
    ("UniquenessViolation", "address-taken"),
    ("A sentence that nobody has seen yet.", "unknown-licence-error"),
    ("", "unknown-licence-error"),
]
USERS = [
    (
        "Another object with the same value for property userPrincipalName already exists.",
        "already-exists",
    ),
    ("Another object with the same value for property proxyAddresses already exists.", "already-exists"),
    (
        (
            "The specified password does not comply with password complexity requirements. Please provide a "
            "different password."
        ),
        "weak-password",
    ),
    ("Invalid value specified for property 'mailNickname' of resource 'User'.", "invalid-name"),
    ("Property userPrincipalName is invalid.", "invalid-name"),
    (
        (
            "The domain portion of the userPrincipalName property is invalid. You must use one of the "
            "verified domain names in your organization."
        ),
        "unverified-domain",
    ),
    (
        (
            "Unable to update the specified properties for on-premises mastered Directory Sync objects or "
            "objects currently undergoing migration."
        ),
        "synced-user",
    ),
    ("A sentence that nobody has seen yet.", "rejected"),
]
MEMBERS = [
    (
        "One or more added object references already exist for the following modified properties: 'members'.",
        "already-member",
    ),
    ("Not a valid reference update.", "not-found"),
    ("A sentence that nobody has seen yet.", "rejected"),
]
STATUSES = [
    (401, "InvalidAuthenticationToken", "unauthorized"),
    (403, "Authorization_RequestDenied", "forbidden"),
    (403, "Directory_QuotaExceeded", "quota-exceeded"),
    (400, "Directory_QuotaExceeded", "quota-exceeded"),
    (404, "Request_ResourceNotFound", "not-found"),
    (404, "Directory_ObjectNotFound", "not-found"),
    (405, "Request_BadRequest", "rejected"),
    (409, "Directory_ConflictingObjects", "conflict"),
    (412, "PreconditionFailed", "conflict"),
    (423, "Locked", "locked"),
    (424, "FailedDependency", "rejected"),
    (429, "TooManyRequests", "throttled"),
    (507, "InsufficientStorage", "quota-exceeded"),
]
KINDS = {
    "set-licenses": LICENCES,
    "set-group-licenses": LICENCES,
    "create-user": USERS,
    "restore-user": USERS,
    "update-user": USERS,
    "delete-user": USERS,
    "add-member": MEMBERS,
    "remove-member": MEMBERS,
    "buy-seats": [("Anything", "rejected")],
    "set-auto-renew": [("Anything", "rejected")],
}


def answer(status, code, message="", **more):
    error = {"code": code, "message": message, **more}
    content = json.dumps({"error": error}).encode()
    return Answer(status=status, headers={"request-id": "r-1"}, content=content, client_request_id="c-1")


def test_every_kind_of_change_has_its_texts():
    assert set(KINDS) == set(get_args(Kind))


@pytest.mark.parametrize(
    ("kind", "text", "code"), [(kind, *row) for kind, rows in KINDS.items() for row in rows]
)
def test_a_text_of_graph_has_a_code_however_it_is_spelt(kind, text, code):
    assert codes.code_for(kind, answer(*BAD, text)) == code
    assert codes.code_for(kind, answer(*BAD, text.upper())) == code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "graph_code", "code"), STATUSES)
def test_a_status_of_its_own_has_a_code(kind, status, graph_code, code):
    assert codes.code_for(kind, answer(status, graph_code, "Some text.")) == code


def test_a_taken_name_is_known_by_its_details_too():
    details = [{"code": "ObjectConflict", "target": "userPrincipalName", "message": "x"}]
    assert codes.code_for("create-user", answer(*BAD, "x", details=details)) == "already-exists"


@pytest.mark.parametrize(
    ("status", "graph_code", "busy"),
    [
        (409, "Directory_ConcurrencyViolation", True),
        (409, "directory_concurrencyviolation", True),
        (409, "Directory_Other", False),
        (400, "Directory_ConcurrencyViolation", False),
    ],
)
def test_a_concurrent_change_is_told_from_a_conflict(status, graph_code, busy):
    assert codes.concurrent(answer(status, graph_code)) is busy


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"error": null}', b'{"error": {"code": 3}}'])
def test_an_answer_that_makes_no_sense_is_a_refusal_all_the_same(content):
    odd = Answer(status=400, headers={}, content=content, client_request_id="c-1")
    assert codes.code_for("set-licenses", odd) == "unknown-licence-error"


# ---------------------------------------------------------------- what is said of it

CODES = {code for rows in KINDS.values() for _, code in rows} | {code for *_, code in STATUSES}


@pytest.mark.parametrize("code", sorted(CODES | {"concurrent-changes", "unreachable", "not-purchasable"}))
def test_a_code_is_told_with_its_meaning_graphs_own_words_and_what_to_do(code):
    meaning, to_do = WRITE_ERRORS[code]
    told = sentence("failed", code, {"message": "Graph's words."})
    assert told == f"{meaning} (Graph's words.); {to_do}"
    assert len(to_do.split()) >= 2


def test_no_code_is_worded_that_nothing_gives():
    others = {"concurrent-changes", "unreachable", "not-purchasable"}
    assert set(WRITE_ERRORS) == CODES | others
