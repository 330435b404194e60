"""Signatures of plans: who signed what, and which keys are keys."""

import base64
import json
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from reconciler import plan_signing
from reconciler.errors import RefusedError, UsageError
from reconciler.report import errors

TEXT = '{\n  "a": "zoë"\n}\n'


def pems(key, encryption=None):
    """Return both halves of a key as PEM."""
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


OURS, OURS_PUBLIC = pems(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
THEIRS, THEIRS_PUBLIC = pems(Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
PRIVATE, PUBLIC = plan_signing.private_key(OURS, "k"), plan_signing.public_key(OURS_PUBLIC, "k")
OTHER = plan_signing.public_key(THEIRS_PUBLIC, "k")
SIGNED = plan_signing.sign(TEXT, PRIVATE)


def refused(text, signature, *keys):
    with pytest.raises(RefusedError) as caught:
        plan_signing.verify(text, plan_signing.parse(signature), keys, "plan.json")
    return caught.value


def test_what_a_key_signed_its_public_half_knows():
    """Of several trusted keys, whichever signed it: the old one and the new one, while they change."""
    assert PRIVATE.id == PUBLIC.id
    for keys in ([PUBLIC], [OTHER, PUBLIC], [PUBLIC, OTHER]):
        assert plan_signing.verify(TEXT, plan_signing.parse(SIGNED), keys, "plan.json") == PUBLIC.id


def test_the_same_plan_and_key_give_the_same_signature():
    assert plan_signing.sign(TEXT, PRIVATE) == SIGNED


def test_another_text_is_not_what_was_signed():
    error = refused(TEXT.replace("a", "b"), SIGNED, PUBLIC)
    assert (error.code, error.params) == ("bad-signature", {"path": "plan.json", "key": PUBLIC.id})


def test_another_key_is_not_trusted():
    error = refused(TEXT, SIGNED, OTHER)
    assert error.code == "foreign-signature"
    assert (error.params["key"], error.params["keys"]) == (PUBLIC.id, [OTHER.id])


def test_a_signature_under_the_name_of_a_trusted_key_is_none_of_it():
    forged = json.loads(plan_signing.sign(TEXT, plan_signing.private_key(THEIRS, "k"))) | {"key": PUBLIC.id}
    assert refused(TEXT, json.dumps(forged, separators=(",", ":")) + "\n", PUBLIC).code == "bad-signature"


def test_a_signature_with_one_bit_flipped_is_refused():
    """The bits that base64 does not use, too."""
    data = SIGNED.encode()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found = plan_signing.parse(flipped.decode(errors="replace"))
        if found:
            with pytest.raises(RefusedError):
                plan_signing.verify(TEXT, found, [PUBLIC, OTHER], "plan.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "\ufffd",
        SIGNED * 2,
        SIGNED.rstrip(),
        SIGNED.replace("ed25519", "none"),
        SIGNED.replace("{", '{"more":1,'),
        json.dumps(json.loads(SIGNED)),
        SIGNED.replace('=="', '="'),
    ],
)
def test_what_is_not_to_the_letter_a_signature_is_none(text):
    assert plan_signing.parse(text) is None


def test_a_signature_is_small_and_says_by_which_key():
    assert json.loads(SIGNED) == {
        "algorithm": "ed25519",
        "key": PUBLIC.id,
        "value": base64.b64encode(PRIVATE.key.sign(TEXT.encode())).decode(),
    }


def test_openssl_makes_the_keys_knows_their_ids_and_verifies(tmp_path):
    """As docs/how-to/pipeline.md has it."""

    def openssl(*arguments, **more):
        try:
            return subprocess.run(
                ["openssl", *arguments], cwd=tmp_path, capture_output=True, check=True, **more
            )
        except FileNotFoundError:
            pytest.skip("openssl is not installed")

    openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    openssl("pkey", "-in", "key.pem", "-pubout", "-out", "key.pub.pem")
    private = plan_signing.private_key((tmp_path / "key.pem").read_bytes(), "k")
    public = plan_signing.public_key((tmp_path / "key.pub.pem").read_bytes(), "k")
    assert private.id == public.id
    der = openssl("pkey", "-pubin", "-in", "key.pub.pem", "-outform", "DER").stdout
    assert openssl("dgst", "-sha256", "-r", input=der).stdout.decode().startswith(public.id)
    (tmp_path / "plan.json").write_text(TEXT, encoding="utf-8", newline="\n")
    (tmp_path / "sig").write_bytes(base64.b64decode(json.loads(plan_signing.sign(TEXT, private))["value"]))
    verify = "pkeyutl -verify -pubin -inkey key.pub.pem -rawin -in plan.json -sigfile sig"
    assert b"Success" in openssl(*verify.split()).stdout


# ------------------------------------------------------------ what is no key


RSA = pems(rsa.generate_private_key(65537, 2048))
ED448, EC = pems(ed448.Ed448PrivateKey.generate()), pems(ec.generate_private_key(ec.SECP256R1()))
CLOSED, _ = pems(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret"))


def told(load, pem):
    with pytest.raises(UsageError) as caught:
        load(pem, "plan-key.pem")
    assert caught.value.code == "bad-key"
    assert b"PRIVATE" not in errors.sentence(caught.value).encode()
    return caught.value.params["reason"], errors.sentence(caught.value)


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (OURS_PUBLIC, "public"),
        (CLOSED, "encrypted"),
        (RSA[0], "other-kind"),
        (ED448[0], "other-kind"),
        (EC[0], "other-kind"),
        (b"", "unreadable"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "unreadable"),
        (b"\x00" * 100, "unreadable"),
    ],
)
def test_what_cannot_sign_is_told(pem, reason):
    found, sentence = told(plan_signing.private_key, pem)
    assert found == reason
    assert "plan-key.pem" in sentence


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (OURS, "private"),
        (CLOSED, "private"),
        (RSA[1], "other-kind"),
        (ED448[1], "other-kind"),
        (OURS_PUBLIC + THEIRS_PUBLIC, "several"),
        (b"", "unreadable"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "unreadable"),
    ],
)
def test_what_cannot_verify_is_told(pem, reason):
    found, sentence = told(plan_signing.public_key, pem)
    assert found == reason
    assert "plan-key.pem" in sentence
