"""Is the schema of tenant.yaml sound, and good enough for an editor to complete from?"""

import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from reconciler import schemas
from reconciler.config import countries
from reconciler.config.document import PROFILE, SECTIONS

SCHEMA = schemas.load("tenant")


def subschemas(schema, path=()):
    """Yield every schema in the schema that describes a value, with its path."""
    yield path, schema
    for keyword in ("properties", "$defs"):
        for name, inner in schema.get(keyword, {}).items():
            yield from subschemas(inner, (*path, keyword, name))
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from subschemas(schema[keyword], (*path, keyword))


DESCRIBED = dict(subschemas(SCHEMA))


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", DESCRIBED, ids="/".join)
def test_everything_is_named(path):
    """A title for messages and completion; a description where the reader asks what it does."""
    schema = DESCRIBED[path]
    assert "title" in schema or "$ref" in schema
    if path[-2:-1] == ("properties",):
        assert "description" in schema or "$ref" in schema


@pytest.mark.parametrize("path", [path for path in DESCRIBED if DESCRIBED[path].get("type") == "object"])
def test_no_mapping_takes_keys_that_it_does_not_know(path):
    """A typo must never be ignored."""
    assert "additionalProperties" in DESCRIBED[path]


@pytest.mark.parametrize("path", [path for path in DESCRIBED if "examples" in DESCRIBED[path]], ids="/".join)
def test_the_examples_are_valid(path):
    schema = {"$defs": SCHEMA["$defs"], **DESCRIBED[path]}
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


def test_nothing_is_written_that_can_not_be_explained():
    """`oneOf` and `anyOf` only ever say that nothing matched."""
    text = json.dumps(SCHEMA)
    assert "oneOf" not in text
    assert "anyOf" not in text


def test_countries_are_those_of_the_messages():
    assert SCHEMA["$defs"]["country"]["enum"] == sorted(countries.NAMES)


def test_the_code_knows_each_section():
    """A new one has to be merged, too."""
    assert sorted(SCHEMA["properties"]) == sorted(SECTIONS)


def test_the_code_knows_each_field_of_a_user():
    others = {
        "id",
        "ensure",
        "restore",
        "reason",
        "priority",
        "licenses",
        "exclude",
        "leaver",
        "usage_location",
    }
    assert set(SCHEMA["$defs"]["user"]["properties"]) == others | PROFILE


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nl", "NL"),
        ("UK", "GB"),
        (" Norway ", "NO"),
        ("usa", "US"),
        ("CÔTE D'IVOIRE", "CI"),
        ("Atlantis", None),
    ],
)
def test_a_country_is_guessed_from_what_people_write(text, code):
    assert countries.nearest(text) == code


NAMES = sorted({name for schema in DESCRIBED.values() for name in schema.get("properties", {})} | {"x"})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 200)
    | st.floats(-1, 101, allow_nan=False)
    | st.sampled_from(
        [
            "",
            "NL",
            "nl",
            "add",
            "keep",
            "absent",
            "EMS",
            "23.10",
            "EUR",
            "contoso.com",
            "a\nb",
            "é",
            "x" * 70,
            "11111111-1111-1111-1111-111111111111",
            "2028-02-29",
            "2027-02-29",
            "0000-01-01",
            "2026-1-1",
            "30d",
            "Member",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {"version": st.just(1)}, optional=dict.fromkeys(sorted({*SECTIONS} - {"version"}), VALUES)
    )
)
def test_the_two_validators_agree(document):
    """jsonschema-rs decides and jsonschema explains, so neither may see what the other does not."""
    decided = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)
    explained = Draft202012Validator(SCHEMA, format_checker=FormatChecker(["date"]))
    assert decided.is_valid(document) == explained.is_valid(document)
    assert {tuple(error.instance_path) for error in decided.iter_errors(document)} == {
        tuple(error.absolute_path) for error in explained.iter_errors(document)
    }


def test_a_schema_is_found_in_a_checkout_and_in_a_wheel(tmp_path, monkeypatch):
    """In a wheel the folder lies inside the package; there it wins."""
    assert schemas.path("tenant").name == "tenant.schema.json"
    assert schemas.path("tenant").is_file()
    places = (tmp_path / "package", tmp_path / "top")
    monkeypatch.setattr(schemas, "_PLACES", places)
    assert schemas.path("tenant") == places[0] / "tenant.schema.json"
    for place in reversed(places):
        place.mkdir()
        (place / "tenant.schema.json").write_text("{}", encoding="utf-8")
        assert schemas.path("tenant") == place / "tenant.schema.json"
