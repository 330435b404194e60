"""Plans that pass from one job to another: `plan --sign-with`, `show`, `apply --verify-with`."""

import json
import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reconciler import journal, plan_signing
from tests.cli.conftest import TENANT
from tests.test_plan_signing import pems


@pytest.fixture
def keys(workdir):
    """Write the keys a and b, both halves each; return their ids."""
    ids = {}
    for name, seed in (("a", b"\1"), ("b", b"\2")):
        private, public = pems(Ed25519PrivateKey.from_private_bytes(seed * 32))
        (workdir / f"{name}.pem").touch(mode=0o600)
        (workdir / f"{name}.pem").write_bytes(private)
        (workdir / f"{name}.pub.pem").write_bytes(public)
        ids[name] = plan_signing.public_key(public, name).id
    return ids


@pytest.fixture
def signed(run, sandbox, keys, workdir):
    """Save a plan that key a has signed."""
    ran = run("plan", "--out", "plan.json", "--sign-with", "a.pem")
    assert ran.code == 0, ran.err
    assert ran.err == (
        f"Saved the plan to plan.json and its signature by key {keys['a']} to plan.json.sig; "
        "`reconciler apply plan.json` carries it out.\n"
    )
    return workdir / "plan.json.sig"


def apply(run, *names, path="plan.json"):
    """Apply the saved plan, if one of the keys of these names signed it."""
    options = [option for name in names for option in ("--verify-with", f"{name}.pub.pem")]
    return run("apply", path, "--auto-approve", *options)


def refused(ran):
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: ")
    assert "Nothing was written." in ran.err
    return ran.err


# ------------------------------------------------------------ the whole way


def test_a_plan_that_a_trusted_key_signed_is_carried_out(run, signed, keys, sandbox):
    assert apply(run, "a").code == 0
    (done,) = journal.runs(sandbox / "journal.jsonl")
    assert done.start.options["signed_by"] == keys["a"]


@pytest.mark.parametrize("trusted", ["ab", "ba"])
def test_any_of_several_keys_will_do(run, signed, trusted):
    """So that the old and the new one are trusted while they change."""
    assert apply(run, *trusted).code == 0


def test_signing_changes_nothing_of_the_plan(run, signed, workdir):
    """It can be carried out without a look at the signature, too."""
    text = (workdir / "plan.json").read_text()
    assert "signature" not in text
    assert apply(run).code == 0


def test_a_plan_of_another_key_is_refused(run, signed, keys):
    said = refused(apply(run, "b"))
    assert f"signed by key {keys['a']}, and trusted (`--verify-with`) is {keys['b']}" in said


def test_an_unsigned_plan_is_refused(run, signed):
    signed.unlink()
    assert "plan.json is not signed: there is no plan.json.sig." in refused(apply(run, "a"))


def test_a_signature_of_another_plan_is_refused(run, signed, tenant, keys):
    tenant.write_text(TENANT.replace("bram@contoso.com: {licenses: [ENTERPRISEPACK]}", ""))
    assert run("plan", "--out", "plan.json").code == 0
    assert f"plan.json is not the file that key {keys['a']} signed" in refused(apply(run, "a"))


def test_what_is_no_signature_is_refused(run, signed):
    signed.write_bytes(b"\xff{}")
    assert "plan.json.sig is not a signature" in refused(apply(run, "a"))


def test_an_altered_plan_is_altered_whoever_signed_it(run, signed, workdir):
    path = workdir / "plan.json"
    path.write_text(path.read_text().replace("NL", "BE"))
    assert "was altered after it was made" in refused(apply(run, "a"))


def test_line_ends_of_another_system_do_not_break_a_signature(run, signed, workdir):
    path = workdir / "plan.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert apply(run, "a").code == 0


def test_a_plan_that_moves_licences_to_a_group_is_signed_the_same_way(run, signed, keys):
    ran = run("migrate-to-group", "x", "--sign-with", "a.pem")
    assert (ran.code, "add --out FILE" in ran.err) == (1, True)


# ------------------------------------------------------------ what is shown


def test_show_tells_which_key_signed_a_plan(run, signed, keys):
    ran = run("show", "plan.json")
    said = f"Signed by key {keys['a']}, says plan.json.sig; `--verify-with KEY` checks that.\n"
    assert (ran.code, ran.err) == (0, said)
    ran = run("show", "plan.json", "--verify-with", "a.pub.pem")
    assert (ran.code, ran.err) == (0, f"Signed by key {keys['a']}.\n")
    assert "signed by key" in refused(run("show", "plan.json", "--verify-with", "b.pub.pem"))


def test_show_prints_a_document_and_says_the_rest_elsewhere(run, signed, keys, workdir):
    ran = run("show", "plan.json", "--json")
    assert (ran.code, ran.out) == (0, (workdir / "plan.json").read_text())
    assert ran.err.startswith(f"Signed by key {keys['a']}")


def test_show_tells_of_a_file_that_is_no_signature(run, signed):
    signed.write_text("x")
    ran = run("show", "plan.json")
    assert (ran.code, ran.err) == (0, "Not signed: plan.json.sig is no signature.\n")


# ------------------------------------------------------------ keys


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such bits")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_use_signs_nothing(run, sandbox, keys, workdir, mode):
    (workdir / "a.pem").chmod(mode)
    ran = run("plan", "--out", "plan.json", "--sign-with", "a.pem")
    assert (ran.code, ran.out) == (1, "")
    assert f"(mode 0{mode:o})" in ran.err
    assert "Close it with `chmod 600 a.pem`." in ran.err
    assert not (workdir / "plan.json").exists()


def test_a_key_that_is_not_there_is_told_before_anything_is_read(run, workdir):
    for command in (
        ("plan", "--out", "p", "--sign-with", "none.pem"),
        ("apply", "p", "--verify-with", "none"),
    ):
        ran = run(*command)
        assert (ran.code, ran.out) == (1, "")
        assert "none" in ran.err
        assert "can't be read: no such file or directory." in ran.err


def test_a_private_key_has_no_place_where_plans_are_applied(run, signed):
    ran = run("apply", "plan.json", "--auto-approve", "--verify-with", "a.pem")
    assert (ran.code, ran.out) == (1, "")
    assert "error: a.pem is a private key, which has no place where plans are verified." in ran.err


@pytest.mark.parametrize(
    "command",
    [
        ("plan", "--sign-with", "a.pem"),
        ("plan", "--sign-with", "a.pem", "--out", os.devnull),
        ("apply", "--verify-with", "a.pub.pem"),
    ],
    ids=["no-file", "no-regular-file", "no-saved-plan"],
)
def test_a_signature_is_of_a_saved_plan(run, sandbox, keys, command):
    ran = run(*command)
    assert (ran.code, ran.out) == (1, "")
    assert "saved plan" in ran.err


def test_a_run_that_signs_nothing_imports_no_cryptography(imported, sandbox):
    """Nor does one that verifies nothing: it takes a tenth of a second."""
    assert "cryptography" not in imported("plan", "--out", "plan.json")
    assert "cryptography" not in imported("show", "plan.json")


# ------------------------------------------------------------ the files


def test_neither_plan_nor_signature_holds_the_key(run, signed, workdir):
    secret = json.dumps((workdir / "a.pem").read_text())[40:80]
    assert secret not in (workdir / "plan.json").read_text() + signed.read_text()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such bits")
def test_plan_and_signature_have_the_mode_that_the_umask_leaves(run, sandbox, keys, workdir):
    before = os.umask(0o027)
    try:
        assert run("plan", "--out", "plan.json", "--sign-with", "a.pem").code == 0
    finally:
        os.umask(before)
    for name in ("plan.json", "plan.json.sig"):
        assert stat.S_IMODE((workdir / name).stat().st_mode) == 0o640
