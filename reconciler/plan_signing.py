"""Who answers for a plan? An Ed25519 signature over the whole text of its file.

Keys come as PEM text, signatures as the text of the small file that lies beside a plan. Nothing here
reads a file, and nothing decides which keys are trusted. `cryptography`, which sign-in needs anyway,
is imported only where somebody signs or verifies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from reconciler.errors import RefusedError, UsageError
from reconciler.model import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ID_DIGITS = 16


class Signature(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a signature file holds. `key` is the id of the key, `value` the signature in base64."""

    algorithm: Literal["ed25519"] = "ed25519"
    key: str
    value: str


class PrivateKey(NamedTuple):
    """A key that signs, and its id."""

    id: str
    key: Ed25519PrivateKey


class PublicKey(NamedTuple):
    """A key that verifies, and its id."""

    id: str
    key: Ed25519PublicKey


def private_key(pem: bytes, path: str) -> PrivateKey:
    """Return the key in a PEM text. Raises UsageError("bad-key") {path, reason, wanted}."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    if b" PUBLIC KEY-----" in pem:
        raise _bad(path, "private", "public")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise _bad(path, "private", "encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(path, "private", "unreadable") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _bad(path, "private", "other-kind")
    return PrivateKey(_id(key.public_key()), key)


def public_key(pem: bytes, path: str) -> PublicKey:
    """Return the key in a PEM text. Raises UsageError("bad-key") {path, reason, wanted}."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    if b"PRIVATE KEY-----" in pem:
        raise _bad(path, "public", "private")
    if pem.count(b"-----BEGIN ") > 1:
        raise _bad(path, "public", "several")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _bad(path, "public", "unreadable") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _bad(path, "public", "other-kind")
    return PublicKey(_id(key), key)


def _bad(path: str, wanted: str, reason: str) -> UsageError:
    return UsageError("bad-key", path=path, wanted=wanted, reason=reason)


def _id(key: Ed25519PublicKey) -> str:
    """Return the beginning of the SHA-256 of a public key, as OpenSSL writes it in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:ID_DIGITS]


def sign(text: str, key: PrivateKey) -> str:
    """Return the text of the signature file for the text of a plan. The same two give the same bytes."""
    value = base64.b64encode(key.key.sign(text.encode())).decode()
    return dumps(Signature(key=key.id, value=value))


def dumps(signature: Signature) -> str:
    """Return the text of a signature file."""
    return msgspec.json.encode(signature).decode() + "\n"


def parse(text: str) -> Signature | None:
    """Return what a signature file holds, or None where it is not, to the letter, what `sign` writes."""
    try:
        signature = msgspec.json.decode(text, type=Signature)
        value = base64.b64decode(signature.value, validate=True)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
    plain = msgspec.structs.replace(signature, value=base64.b64encode(value).decode())
    return signature if dumps(plain) == text else None


def verify(text: str, signature: Signature, keys: Sequence[PublicKey], path: str) -> str:
    """Return the id of the key that signed the text of a plan; it is one of `keys`.

    Raises RefusedError: "foreign-signature" {path, key, keys} where none of them signed it,
    "bad-signature" {path, key} where the signature is not of this text.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    known = {key.id: key for key in keys}
    if signature.key not in known:
        raise RefusedError("foreign-signature", path=path, key=signature.key, keys=sorted(known))
    try:
        known[signature.key].key.verify(base64.b64decode(signature.value), text.encode())
    except InvalidSignature as error:
        raise RefusedError("bad-signature", path=path, key=signature.key) from error
    return signature.key
