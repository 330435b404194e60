"""The demo tenant's plan, made by the real parts: it fits its schema, and everything in it is worded."""

import httpx
import pytest
from jsonschema import Draft202012Validator

from reconciler import catalog, config, sandbox, schemas
from reconciler.directory import Directory
from reconciler.model import Options
from reconciler.planning import make_plan
from reconciler.report import conflict_words, document, rail_words, warning_words
from tests.report.test_text import shown


@pytest.fixture(scope="module")
def demo(tmp_path_factory, request):
    home = tmp_path_factory.mktemp("demo")
    sandbox.reset(home)
    url = "http://sandbox.invalid"
    client = Directory(
        base_url=f"{url}/v1.0",
        commerce_url=f"{url}/commerce/v1",
        token=lambda: "sandbox",
        transport=httpx.WSGITransport(app=sandbox.app(home), raise_app_exceptions=False),
    )
    with client as directory:
        current, actor = directory.read(), directory.actor()
    facts = catalog.load()
    desired = config.resolve(config.read([request.config.rootpath / "tenant.yaml"]), current.skus, facts)
    return make_plan(desired, current, actor, facts, Options(now=current.taken_at))


def test_the_demo_plan_fits_the_schema(demo):
    found = document.to_document(demo)
    checker = Draft202012Validator(schemas.load("plan"), format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [f"{error.json_path}: {error.message}" for error in checker.iter_errors(found)] == []


def test_every_code_of_the_demo_plan_has_its_own_sentence(demo):
    assert {conflict.code for conflict in demo.conflicts} <= set(conflict_words.CONFLICTS)
    assert {warning.code for change in demo.changes for warning in change.warnings} <= set(
        warning_words.WARNINGS
    )
    assert {refusal.code for refusal in demo.refusals} <= set(rail_words.REFUSALS)


def test_no_sentence_of_the_demo_plan_lacks_what_it_names(demo):
    found = document.to_document(demo)
    sentences = [
        *(warning["message"] for change in found["changes"] for warning in change["warnings"]),
        *(
            sentence
            for conflict in found["conflicts"]
            for sentence in (conflict["message"], *conflict["remedies"])
        ),
        *(purchase["how"] for purchase in found["purchases"]),
    ]
    assert sentences
    assert not [sentence for sentence in sentences if " ?" in sentence or "None" in sentence]


def test_the_demo_plan_is_read_back_as_it_was(demo, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(document.dumps(document.to_document(demo)), encoding="utf-8")
    plan, found, _ = document.read(path)
    assert document.verify(found)
    assert shown(plan) == shown(demo)


@pytest.mark.parametrize("width", [80, 120])
def test_the_demo_plan_tells_a_reviewer_what_it_destroys_and_what_it_needs(demo, width):
    page = shown(demo, width)
    for word in ("mailbox-deletion", "user-deletion", "To prevent it", "buy 1 seat", "Conflicts"):
        assert word in page
