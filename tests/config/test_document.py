import gc
import sys
from pathlib import Path

import pytest

from reconciler import config
from reconciler.config import document as documents
from reconciler.config import shape
from reconciler.errors import ConfigError, UsageError
from reconciler.model import Location, TenantRef
from reconciler.report import problems


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def unusable(*paths):
    with pytest.raises(UsageError) as caught:
        config.load(paths)
    return caught.value.code, caught.value.params


def test_a_folder_stands_for_its_files_by_name(folder):
    """*.yaml and *.yml, not those of folders in it, and nothing else."""
    for name in ("t/b.yml", "t/a.yaml", "t/c.txt", "t/.hidden", "t/sub/d.yaml"):
        write(name, "version: 1\n")
    Path("t/e.yaml").mkdir()
    document = config.read([Path("t"), write("z.yaml", "version: 1\n")])
    assert [source.name for source in document.sources] == ["t/a.yaml", "t/b.yml", "z.yaml"]


def test_a_file_that_is_named_twice_is_read_once(folder):
    path = write("t/a.yaml", "version: 1\nusers: {anna@contoso.com: {}}\n")
    assert len(config.read([path, Path("t"), folder / "t" / "a.yaml"]).sources) == 1


def test_a_path_that_does_not_exist_is_an_error(folder):
    assert unusable(Path("no/tenant.yaml")) == ("no-config", {"path": "no/tenant.yaml", "default": False})


def test_a_folder_without_files_is_an_error(folder):
    """Not an empty desired state: with `unlisted_users: revoke` that would take every licence."""
    Path("t").mkdir()
    assert unusable(Path("t")) == ("config-folder-empty", {"path": "t"})


def test_a_file_that_can_not_be_opened_is_an_error(folder, monkeypatch):
    path = write("a.yaml", "version: 1\n")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert unusable(path) == ("config-unreadable", {"path": "a.yaml", "reason": "Permission denied"})


def test_a_folder_that_can_not_be_listed_is_an_error(folder, monkeypatch):
    Path("t").mkdir()

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert unusable(Path("t")) == ("config-unreadable", {"path": "t", "reason": "Permission denied"})


@pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")
def test_a_link_to_a_device_is_not_read(folder):
    """A change under review may bring one along: it could have a pipeline wait for ever."""
    Path("t").mkdir()
    Path("t/a.yaml").symlink_to("/dev/zero")
    reason = "it is a pipe or a device, and has to be a file"
    assert unusable(Path("t")) == ("config-unreadable", {"path": "t/a.yaml", "reason": reason})


@pytest.mark.skipif(sys.platform == "win32", reason="links take a privilege on Windows")
def test_links_that_lead_to_each_other_are_an_error(folder):
    write("t/b.yaml", "version: 1\n")
    Path("t/a.yaml").symlink_to("a.yaml")
    code, params = unusable(Path("t"))
    assert (code, params["path"]) == ("config-unreadable", "t/a.yaml")


def test_the_tenant_is_the_sandbox_where_no_file_says_so(folder):
    assert config.read([write("a.yaml", "version: 1\n")]).tenant == TenantRef()


def test_the_tenant_is_read_from_whichever_file_names_it(folder):
    write("t/a.yaml", "version: 1\n")
    id_ = "11111111-1111-1111-1111-11111111111A"
    write(
        "t/b.yaml", f"version: 1\ntenant: {{domain: Contoso.com, id: {id_}, provider: graph, cloud: dod}}\n"
    )
    assert config.read([Path("t")]).tenant == TenantRef(
        domain="contoso.com",
        id=id_.lower(),
        provider="graph",
        cloud="dod",
        location=Location(file="t/b.yaml", line=2, column=1),
    )


def test_a_tenant_with_a_mistake_is_not_used(folder):
    document = config.load([write("a.yaml", "version: 1\ntenant: {domain: contoso.com, provider: grap}\n")])
    assert document.tenant == TenantRef()


def test_the_digest_is_over_names_and_bytes(folder):
    """A comment, a name or a split changes it; the same files give the same."""

    def digest(**files):
        for old in Path("t").glob("*"):
            old.unlink()
        for name, text in files.items():
            write(f"t/{name}.yaml", text)
        return config.load([Path("t")]).digest

    one, two = "version: 1\n", "version: 1\n#\n"
    digests = [digest(a=one), digest(a=two), digest(b=one), digest(a=one, b=one), digest(a=one + one)]
    assert len(set(digests)) == 5
    assert digest(a=one) == digests[0]
    assert digests[0].startswith("sha256:")
    assert len(digests[0]) == 71


def test_read_raises_every_problem_sorted(folder):
    """By file, line, column and code, whatever found them."""
    write("t/b.yaml", "version: 1\nusers: {ann: {x: 1}, ann: {}}\n")
    write("t/a.yaml", "a: &x [\n")
    with pytest.raises(ConfigError) as caught:
        config.read([Path("t")])
    found = caught.value.problems
    assert [(p.location.file, p.location.line, p.location.column, p.code) for p in found] == [
        ("t/a.yaml", 1, 4, "anchor"),
        ("t/a.yaml", 2, 1, "yaml-syntax"),
        ("t/b.yaml", 2, 9, "bad-upn"),
        ("t/b.yaml", 2, 15, "unknown-key"),
        ("t/b.yaml", 2, 22, "duplicate-key"),
    ]


def test_a_field_with_a_mistake_is_left_out_alone(folder):
    """The rest of the entry is judged in the same run, at its right place."""
    text = "version: 1\nusers:\n  anna@contoso.com: {name: 1, x: [1, 2], ensure: absent, licenses: []}\n"
    document = config.load([write("a.yaml", text + "bundles: {office: [EMS]}\n")])
    assert [bundle.value for bundle in document.members("bundles")] == [["EMS"]]
    (member,) = document.members("users")
    assert member.value == {"ensure": "absent", "licenses": []}
    assert [(p.location.column, p.code) for p in sorted(document.problems, key=documents.by_position)] == [
        (28, "wrong-type"),
        (31, "unknown-key"),
        (58, "absent-with"),
    ]


def test_lists_count_as_they_stand(folder):
    """A row of `restrictions` with a mistake leaves the others with their numbers."""
    rows = "[{sku: EMS, countries: [XX]}, {sku: EMS, countries: [IN]}]"
    document = config.load([write("a.yaml", f"version: 1\nrestrictions: {rows}\n")])
    (member,) = document.members("restrictions")
    assert (member.key, member.locate("sku").column) == (1, 51)


def test_a_section_of_the_wrong_type_is_left_out(folder):
    document = config.load([write("a.yaml", "version: 1\nusers: [anna@contoso.com]\n")])
    assert list(document.members("users")) == []
    assert document.names("users") == set()


@pytest.mark.parametrize("key", ["0", "365", "007", "+7", "-1", "9" * 20, "a/b", "~1", "é", " "])
def test_a_key_may_look_like_a_number_or_a_path(folder, key):
    """jsonschema-rs tells keys of digits as numbers."""
    (problem,) = config.load([write("a.yaml", f"version: 1\nbundles:\n  '{key}': []\n")]).problems
    assert (problem.code, problem.params["path"]) == ("empty-list", ["bundles", key])


def test_keys_that_are_the_same_number_are_told_apart_by_what_they_hold(folder):
    text = "version: 1\nbundles:\n  '7': EMS\n  '+7': [EMS]\n  '07': [EMS, EMS, 1]\n  '007': {}\n"
    found = config.load([write("a.yaml", text)]).problems
    assert ("wrong-type", 5) in {(problem.code, problem.location.line) for problem in found}


def test_many_mistakes_of_shape_are_told_up_to_a_limit(folder, monkeypatch):
    """Jsonschema explains the first, jsonschema-rs the others, in the same words; then it is enough."""
    monkeypatch.setattr(shape, "_MAX_EXPLAINED", 2)
    monkeypatch.setattr(shape, "MAX_FAULTS", 4)
    users = "".join(f"  u{n}@contoso.com: {{department: 1}}\n" for n in range(6))
    lines = problems.lines(config.load([write("a.yaml", f"version: 1\nusers:\n{users}")]).problems)
    words = "wrong-type: `department` is a number; expected: text on one line; "
    words += "put it in quotes if it is meant as text"
    assert lines == [
        *(f"a.yaml:{n}:32: {words}" for n in range(3, 7)),
        "a.yaml:6:32: too-many-problems: 4 problems so far; those that follow are not told",
    ]


def test_where_jsonschema_finds_nothing_the_verdict_stands(folder, monkeypatch):
    """The two read some patterns differently; a file that was refused must not be told to be fine."""
    monkeypatch.setattr(shape, "_explain", lambda *_: iter(()))
    (problem,) = config.load([write("a.yaml", "version: 1\ntenant: {domain: x}\n")]).problems
    assert problem.code == "bad-value"


@pytest.mark.parametrize("was_on", [True, False])
def test_the_garbage_collector_is_left_as_it_was(folder, was_on):
    """It is off while reading, also where reading fails."""
    path = write("a.yaml", "version: 1\n")
    try:
        gc.enable() if was_on else gc.disable()
        config.read([path])
        with pytest.raises(UsageError):
            config.read([Path("none.yaml")])
        assert gc.isenabled() == was_on
    finally:
        gc.enable()


def test_every_group_that_the_files_name_is_told(folder):
    """In lower case: protected ones, declared ones (by id where one is given), tested ones."""
    write(
        "t/a.yaml",
        "version: 1\nguardrails: {protected_users: [VIPs, Boss@contoso.com]}\n"
        "groups: {Sales: {}, HR: {id: 11111111-1111-1111-1111-11111111111A}}\n"
        "rules:\n  - {name: a, when: {not: {member_of: [Externals, Sales]}}, exclude: [EMS]}\n",
    )
    write("t/b.yaml", "version: 1\nscope: {member_of: Paris}\n")
    document = config.read([Path("t")])
    assert document.named_groups == (
        "11111111-1111-1111-1111-11111111111a",
        "externals",
        "paris",
        "sales",
        "vips",
    )
    assert document.protected_groups == ("vips",)


def test_every_field_of_users_that_the_files_use_is_told(folder):
    """By the names of model.User: only those are read from the tenant."""
    write(
        "t/a.yaml",
        "version: 1\nusers:\n  anna@contoso.com: {name: Anna, usage_location: NL, licenses: [], reason: x}\n"
        "rules:\n  - {name: a, when: {created: {after: 2026-01-01}, domain: contoso.com}, exclude: [EMS]}\n",
    )
    write("t/b.yaml", "version: 1\nscope: {any: [{state: Utrecht}, {employee_type: {not: Intern}}]}\n")
    assert config.read([Path("t")]).fields == {
        "name",
        "usage_location",
        "created_at",
        "state",
        "employee_type",
    }


def test_what_can_not_be_read_names_no_groups_and_no_fields(folder):
    """A file with problems is judged as far as it goes, whatever it holds."""
    write("t/a.yaml", "version: 1\nscope: [1]\nrules: [{name: a, when: 1}]\nusers: {a@x.nl: 1}\n")
    write("t/b.yaml", "- 1\n")
    document = config.load([Path("t")])
    assert (document.named_groups, document.fields) == ((), frozenset())
    assert document.scope(document.sources[0]) is None


def test_contents_may_stand_in_for_those_of_a_file(folder):
    """To judge an edit before it is written; tables are found all the same."""
    path = write("t/a.yaml", "version: 1\n")
    write("t/hr.csv", "U\na@x.nl\n")
    edited = b"version: 1\nusers_from: {csv: hr.csv, columns: {upn: U}}\n"
    document = config.read([path], {path: edited})
    assert document.names("users") == {"a@x.nl"}
    assert path.read_text() == "version: 1\n"
