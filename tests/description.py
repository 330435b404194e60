"""What does Microsoft's own description of Graph say of a call? For the tests of the client and the sandbox.

The description (an OpenAPI document cut from the service's metadata) lies beside the repository where
the project is developed and is not part of it; elsewhere the tests that need it are skipped.
"""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import jsonschema_rs
import pytest

FILE = Path(__file__).parents[2] / "shared" / "data" / "graph-openapi-subset.json"

beside = pytest.mark.skipif(not FILE.is_file(), reason=f"{FILE.name} lies beside the repository only")
"""Marks what can only run beside the description."""


class Description:
    """The description, asked about calls: what disagrees is an AssertionError or a ValidationError."""

    @classmethod
    @cache
    def load(cls):
        """Return the description, read once."""
        return cls()

    def __init__(self):
        self._document = json.loads(FILE.read_text(encoding="utf-8"))
        self._registry = jsonschema_rs.Registry([("urn:graph", self._document)])
        self._validators = {}
        self._templates = sorted(
            (
                (re.compile(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(path))), path)
                for path in self._document["paths"]
            ),
            key=lambda row: (row[1].count("{"), row[1]),
        )

    def template(self, path):
        """Return the described path that a path is one of: "/users/{user-id}"."""
        found = next((name for pattern, name in self._templates if pattern.fullmatch(path)), None)
        assert found, f"{path} is not described"
        return found

    def asked(self, method, url, body):
        """Check a request: the path, the method, the query options, the body."""
        parts = urlsplit(url)
        path = self.template(parts.path)
        operation = self._document["paths"][path].get(method.lower())
        assert operation, f"{method} {path} is not described"
        known = {one.get("name") for one in operation.get("parameters", ())}
        options = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        assert options <= known, f"{method} {path} does not take {sorted(options - known)}"
        wanted = operation.get("requestBody")
        if wanted and (body is not None or wanted.get("required")):
            self._validate(f"{self._pointer(path, method)}/requestBody", body)
        elif not wanted:
            assert body in (None, {}), f"{method} {path} takes no body"

    def answered(self, path, method, status, body):
        """Check the answer to a call of a described path."""
        responses = self._document["paths"][path][method.lower()]["responses"]
        if str(status) in responses:
            where, found = f"{self._pointer(path, method)}/responses/{status}", responses[str(status)]
        else:
            assert status >= 400, f"{method} {path} answers {status}, which is not described"
            where, found = "components/responses/error", self._document["components"]["responses"]["error"]
        if "content" in found:
            self._validate(where, body)
        else:
            assert body is None

    def _pointer(self, path, method):
        step = path.replace("~", "~0").replace("/", "~1")
        return f"paths/{quote(step, safe='~$')}/{method.lower()}"

    def _validate(self, where, body):
        validator = self._validators.get(where)
        if validator is None:
            schema = {"$ref": f"urn:graph#/{where}/content/application~1json/schema"}
            validator = self._validators[where] = jsonschema_rs.Draft202012Validator(
                schema, registry=self._registry
            )
        validator.validate(body)


class Described(httpx.BaseTransport):
    """Passes requests on, and checks each and its answer against the description, items of a batch too."""

    def __init__(self, inner, description):
        self.inner = inner
        self.description = description
        self.calls = set()

    def handle_request(self, request):
        """Check what is asked, ask the tenant, check what it answers."""
        response = self.inner.handle_request(request)
        response.read()
        url = request.url.raw_path.decode()
        if not url.startswith("/v1.0/"):  # the commerce API is no part of Graph
            return response
        body = json.loads(request.content) if request.content else None
        answer = json.loads(response.content) if response.content else None
        self._check(request.method, url.removeprefix("/v1.0"), body, response.status_code, answer)
        if url == "/v1.0/$batch" and response.is_success:
            items = {one["id"]: one for one in answer["responses"]}
            for one in body["requests"]:
                told = items[one["id"]]
                self._check(one["method"], one["url"], one.get("body"), told["status"], told.get("body"))
        return response

    def _check(self, method, url, body, status, answer):
        self.description.asked(method, url, body)
        path = self.description.template(urlsplit(url).path)
        self.description.answered(path, method, status, answer)
        self.calls.add((method, path))
