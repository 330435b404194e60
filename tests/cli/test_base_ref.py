"""`--base-ref` and `--guardrails`: rails that a pull request can't move."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from reconciler.cli import trusted
from tests.cli.conftest import TENANT

RAILS = "guardrails: {max_revocations: {count: 3, percent: 100, free: 0}, max_deletions: {count: 2}}\n"
LOOSE = "guardrails: {max_revocations: {count: 900, percent: 100, free: 0}, max_deletions: {count: 2}}\n"
TRUSTED = "version: 1\nguardrails: {max_deletions: {count: 1}, protected_users: [anna@contoso.com]}\n"


def git(*arguments, folder="."):
    """Run git as nobody in particular."""
    who = {f"GIT_{role}_{part}": "x@y" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=os.environ | who | alone)


def committed(message="main"):
    """Commit everything, and let main be that."""
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", message)
    git("tag", "-f", "base")


@pytest.fixture
def repository(workdir, tenant, state):
    """Make a repository whose `base` has a tenant.yaml with rails; return its folder."""
    tenant.write_text(TENANT + RAILS)
    git("init", "-q")
    committed()
    return workdir


@pytest.fixture
def planned(run):
    """Plan against the snapshot; return the document."""

    def planned(*options, code=0):
        ran = run("plan", "--snapshot", "state.json", "--json", *options)
        assert ran.code == code, ran.err
        return json.loads(ran.out)

    return planned


def loosened(document):
    """Return what is told as loosened: by setting."""
    return {
        one["params"]["setting"]: (one["code"], one["params"]["base"], one["file"], one["line"])
        for one in document["conflicts"]
        if one["code"].endswith("-loosened")
    }


def test_the_stricter_rails_of_the_revision_hold(repository, tenant, planned):
    """And what the working copy loosens is marked, where it stands."""
    tenant.write_text(TENANT + LOOSE)
    document = planned("--base-ref", "base")

    assert document["guardrails"]["max_revocations"] == {"count": 3, "percent": 100, "free": 0}
    assert document["guardrails"]["stricter_of"] == ["tenant.yaml", "base"]
    assert loosened(document) == {
        "guardrails.max_revocations": ("guardrail-loosened", "base", "tenant.yaml", 6)
    }
    assert planned()["guardrails"]["max_revocations"]["count"] == 900


def test_people_read_it_too(repository, tenant, run):
    tenant.write_text(TENANT + LOOSE)
    ran = run("plan", "--snapshot", "state.json", "--base-ref", "base")

    assert "guardrail-loosened" in ran.out
    told = " ".join(ran.out.split())
    assert (
        "`guardrails.max_revocations` is looser in these files than in base: at most 3 and at most 100 %"
        in told
    )


def test_an_unchanged_file_loosens_nothing(repository, planned):
    assert loosened(planned("--base-ref", "HEAD")) == {}


def test_a_folder_is_compared_with_the_files_that_it_had(workdir, tenant, state, planned):
    """Those that are gone, too: rails can't be moved away."""
    folder = workdir / "desired"
    folder.mkdir()
    (folder / "rails.yaml").write_text(f"version: 1\n{RAILS}")
    (folder / "notes.txt").write_text("no desired state")
    (folder / "old").mkdir()
    (folder / "old" / "tenant.yaml").write_text("version: 9\n")
    (folder / "odd.yaml").mkdir()
    (folder / "odd.yaml" / "x").write_text("a folder, whatever its name")
    (folder / "users.yaml").write_text(TENANT)
    git("init", "-q")
    committed()
    (folder / "rails.yaml").unlink()
    document = planned("-f", "desired", "--base-ref", "base")

    assert document["guardrails"]["max_revocations"]["count"] == 3
    assert set(loosened(document)) == {"guardrails.max_revocations", "guardrails.max_deletions"}


def test_a_repository_is_read_from_a_folder_below_it(repository, tenant, planned, monkeypatch):
    below = repository / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    (below / "state.json").write_bytes((repository / "state.json").read_bytes())
    tenant.write_text(TENANT + LOOSE)

    assert loosened(planned("-f", "../tenant.yaml", "--base-ref", "base")) != {}


def test_a_new_file_has_nothing_to_be_compared_with(repository, run):
    """The first version; it is said, and the plan goes on."""
    (repository / "new.yaml").write_text(TENANT)
    ran = run("plan", "--snapshot", "state.json", "-f", "new.yaml", "--base-ref", "base")

    assert (ran.code, ran.err) == (
        0,
        "base has no new.yaml yet: there are no guard rails to compare with.\n",
    )


def test_a_hold_that_is_taken_out_of_a_table_is_told(repository, tenant, planned):
    """The table is read as the revision has it, from the folder of the file that names it."""
    folder = repository / "desired" / "sub"
    folder.mkdir(parents=True)
    export = folder / "exchange.csv"
    export.write_text("UserPrincipalName,LitigationHoldEnabled\nbram@contoso.com,True\n")
    text = tenant.read_text() + "mailboxes_from: {csv: sub/exchange.csv}\n"
    (repository / "desired" / "tenant.yaml").write_text(text)
    committed()
    options = ("-f", "desired", "--base-ref", "base")
    assert loosened(planned(*options)) == {}

    export.write_text("UserPrincipalName,LitigationHoldEnabled\nbram@contoso.com,False\n")
    (told,) = (one for one in planned(*options)["conflicts"] if one["code"] == "safeguard-loosened")
    assert (told["params"]["was"], told["params"]["now"]) == (["hold on bram@contoso.com"], [])


def test_a_table_that_is_no_file_of_the_revision_is_not_compared(repository, tenant, planned):
    """A link, or one that is made anew for each plan; that it is named no more is told."""
    text = tenant.read_text()
    tenant.write_text(text + "mailboxes_from: {csv: exchange.csv}\n")
    export = repository / "exchange.csv"
    made = repository / "made.csv"
    made.write_text("UserPrincipalName,LitigationHoldEnabled\nbram@contoso.com,True\n")
    export.symlink_to("made.csv")
    committed()
    assert loosened(planned("--base-ref", "base")) == {}

    export.unlink()
    committed()
    tenant.write_text(text)
    assert set(loosened(planned("--base-ref", "base"))) == {"mailboxes_from"}


def test_users_that_are_emptied_against_the_revision_are_refused(repository, tenant, planned):
    tenant.write_text("version: 1\ntenant: {domain: contoso.com}\nusers: {}\n" + RAILS)
    (refusal,) = planned("--base-ref", "base")["refusals"]

    assert (refusal["code"], refusal["params"]) == ("users-emptied", {"base": "base", "was": 2})


# ------------------------------------------------------------ a file


def test_the_rails_of_a_trusted_file_hold_too(repository, planned):
    """Beside a revision: the strictest of all."""
    Path("rails.yaml").write_text(TRUSTED)
    document = planned("--base-ref", "base", "--guardrails", "rails.yaml")

    assert document["guardrails"]["max_deletions"]["count"] == 1
    assert document["guardrails"]["protected_users"] == ["anna@contoso.com"]
    assert document["guardrails"]["stricter_of"] == ["tenant.yaml", "base", "rails.yaml"]
    assert {one[1] for one in loosened(document).values()} == {"rails.yaml"}


def test_apply_keeps_to_them_as_well(run, sandbox, tenant):
    """Without a saved plan, which has its rails in it."""
    Path("rails.yaml").write_text("version: 1\nguardrails: {max_revocations: {count: 0, free: 0}}\n")
    tenant.write_text(
        TENANT.replace("bram@contoso.com: {licenses: [ENTERPRISEPACK]}", "bram@contoso.com: {licenses: []}")
    )
    told = ("apply", "--auto-approve", "--accept-data-loss")
    ran = run(*told, "--guardrails", "rails.yaml")
    assert (ran.code, "--allow max-revocations" in ran.err) == (3, True)

    assert run(*told).code == 0


def test_a_saved_plan_has_to_keep_to_them(run, sandbox, tenant):
    """Whoever made it: the job that applies names the file, and a plan under looser rails is refused."""
    Path("rails.yaml").write_text(
        "version: 1\nguardrails: {max_revocations: {count: 9}, protected_users: [zoe@contoso.com], "
        "protected_skus: [ENTERPRISEPACK, SPE_E5]}\n"
    )
    assert run("plan", "--out", "plan.json").code == 0
    ran = run("apply", "plan.json", "--auto-approve", "--guardrails", "rails.yaml")
    assert ran.code == 3
    assert ran.err == (
        "error: the plan was made under looser guard rails than those of rails.yaml (`--guardrails`): "
        "`guardrails.max_revocations`: at most 9 and at most 10 % (up to 5 always pass) in the file, "
        "at most 50 and at most 10 % (up to 5 always pass) in the plan; "
        "`guardrails.protected_users`: zoe@contoso.com is missing; "
        "`guardrails.protected_skus`: ENTERPRISEPACK and SPE_E5 are missing. "
        "Nothing was written. Plan again with the same `--guardrails`.\n"
    )

    assert run("plan", "--out", "plan.json", "--guardrails", "rails.yaml").code == 0
    assert run("apply", "plan.json", "--auto-approve", "--guardrails", "rails.yaml").code == 0


def test_a_saved_plan_can_not_be_compared_with_a_revision(run, sandbox):
    """Nobody knows any more which files it was made from."""
    assert run("plan", "--out", "plan.json").code == 0
    ran = run("apply", "plan.json", "--base-ref", "base")
    assert (ran.code, "carried out as it is" in ran.err) == (1, True)


# ------------------------------------------------------------ what can't be read


def refused(run, *options):
    """Return what is said of a plan that can't be made."""
    ran = run("plan", "--snapshot", "state.json", *options)
    assert (ran.code, ran.out) == (1, "")
    return " ".join(ran.err.split())


@pytest.mark.parametrize(
    "revision", ["origin/nowhere", "--help", "--since=yesterday", "base:tenant.yaml", ""]
)
def test_a_revision_that_git_does_not_know_is_told(repository, run, revision):
    """And is never taken for an option."""
    told = refused(run, f"--base-ref={revision}")

    assert told.startswith(f"error: git knows no revision {revision or '?'} here (`--base-ref`).")
    assert "git fetch" in told


def test_outside_of_a_repository_there_is_nothing_to_read(tenant, state, run, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    assert "is in no git repository" in refused(run, "--base-ref", "base")


def test_without_git_it_is_told_what_to_do(repository, run, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "there is no `git` on this computer's path" in refused(run, "--base-ref", "base")


def test_a_file_that_was_a_link_is_not_followed(repository, tenant, run):
    """Where it leads today says nothing of that day."""
    tenant.unlink()
    tenant.symlink_to("elsewhere.yaml")
    committed()
    tenant.unlink()
    tenant.write_text(TENANT)
    assert "tenant.yaml is not a file in base" in refused(run, "--base-ref", "base")


def test_what_is_wrong_there_is_told_with_its_place(repository, tenant, run):
    tenant.write_text(TENANT + "guardrails: {max_revocations: {count: many}}\n")
    committed()
    tenant.write_text(TENANT)
    ran = run("plan", "--snapshot", "state.json", "--base-ref", "base")
    assert (ran.code, ran.err.partition(" ")[0]) == (1, "base:tenant.yaml:6:39:")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "rails.yaml can't be read: no such file"),
        ("version: 1\n", "rails.yaml has no `guardrails`, so it limits nothing"),
    ],
)
def test_a_file_of_rails_that_is_no_use_is_told(repository, run, content, told):
    if content:
        Path("rails.yaml").write_text(content)
    assert told in refused(run, "--guardrails", "rails.yaml")


def test_a_repository_that_git_does_not_trust_or_can_not_read_is_told(repository, run, monkeypatch):
    """In git's own words."""
    fails = subprocess.CompletedProcess([], 128, b"", b"fatal: detected dubious ownership\n")
    monkeypatch.setattr(trusted, "_run", lambda *_: fails)
    assert "git can't tell what the revision holds (`--base-ref`): detected dubious ownership." in refused(
        run, "--base-ref", "base"
    )
    silent = subprocess.CompletedProcess([], 7, b"", b"")
    monkeypatch.setattr(trusted, "_run", lambda *_: silent)
    assert "(`--base-ref`): exit code 7." in refused(run, "--base-ref", "base")


def test_a_git_that_hangs_is_not_waited_for_for_ever(repository, run, monkeypatch):
    def hangs(*_, timeout, **__):
        raise subprocess.TimeoutExpired("git", timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert "timed out after 60 seconds" in refused(run, "--base-ref", "base")


# ------------------------------------------------------------ what the author of a change might try


EVIL = """\
[core]
  repositoryformatversion = 1
  bare = false
  worktree = .
[extensions]
  partialClone = evil
[remote "evil"]
  url = .
  promisor = true
  uploadpack = "touch {mark}; false"
"""


def test_a_repository_that_a_change_brings_along_starts_nothing(repository, tenant, run, tmp_path_factory):
    """The rails of the base hold, and no program that the change names is started."""
    mark = tmp_path_factory.mktemp("mark") / "started"
    rails, folder = tenant.read_text(), tenant
    tenant.unlink()
    (folder / "objects").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "x.yaml").write_text(rails.replace(RAILS, ""))
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / "packed-refs").write_text(
        f"{'deadbeef' * 5} refs/heads/main\n{'deadbeef' * 5} refs/tags/base\n"
    )
    (folder / "config").write_text(EVIL.format(mark=mark))

    document = json.loads(run("plan", "--snapshot", "state.json", "--json", "--base-ref", "base").out)

    assert not mark.exists()
    assert loosened(document)


def test_a_file_that_becomes_a_folder_or_a_link_is_compared_all_the_same(repository, tenant, planned):
    """What counts is what the base has under the same name."""
    lax = tenant.read_text().replace(RAILS, "")
    tenant.unlink()
    tenant.mkdir()
    (tenant / "x.yaml").write_text(lax)
    as_folder = loosened(planned("--base-ref", "base"))
    (tenant / "x.yaml").unlink()
    tenant.rmdir()
    (repository / "other.yaml").write_text(lax)
    tenant.symlink_to("other.yaml")
    assert as_folder
    assert loosened(planned("--base-ref", "base")).keys() == as_folder.keys()


def test_a_path_outside_of_the_repository_is_told(repository, tmp_path_factory, run):
    outside = tmp_path_factory.mktemp("outside") / "tenant.yaml"
    outside.write_text(TENANT)
    assert "tenant.yaml is in no git repository" in refused(run, "-f", str(outside), "--base-ref", "base")
