"""A Microsoft Entra on this computer: an authority over TLS that really checks who signs in.

It has a certificate authority of its own, knows one tenant, and looks at secrets, at the signature of
assertions and at what they claim. Beside it, over plain HTTP: GitHub's and Azure DevOps' services for
pipelines and the metadata service of a virtual machine. Nothing here is taken from azure-identity.
"""

import base64
import hashlib
import json
import ssl
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TENANT = "11111111-0000-0000-0000-000000000000"
CLIENT = "aaaaaaaa-0000-4000-8000-000000000001"
PRINCIPAL = "bbbbbbbb-0000-4000-8000-000000000001"
SECRET = "the~right.secret"  # noqa: S105  of an application that exists in this file only
SUBJECT = "repo:contoso/licences:environment:production"
GRAPH = "https://graph.microsoft.com"
ISSUER = "https://token.actions.githubusercontent.com"
EXCHANGE = "api://AzureADTokenExchange"


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt(claims: dict, key: rsa.RSAPrivateKey | None = None) -> str:
    """Return a JSON Web Token: signed with `key`, or with a signature that is none."""
    head = encode(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    signed = f"{head}.{encode(json.dumps(claims).encode())}"
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()) if key else b"none"
    return f"{signed}.{encode(signature)}"


def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(name, private, *, signer=None, issuer=None):
    """Return a certificate: of a certificate authority where nobody signs it, else of this computer."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    subject_key = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    made = made.add_extension(subject_key, critical=False)
    if issuer is not None:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        made = made.add_extension(known, critical=False)
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    else:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        made = made.add_extension(usage, critical=True)
    return made.sign(signer or private, hashes.SHA256())


def pem(*parts) -> bytes:
    """Return keys and certificates as text."""
    plain = serialization.NoEncryption()
    return b"".join(
        part.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        if isinstance(part, rsa.RSAPrivateKey)
        else part.public_bytes(serialization.Encoding.PEM)
        for part in parts
    )


class Refused(Exception):
    """Entra's answer to a request that is wrong."""

    def __init__(self, aadsts: int, message: str, error: str = "invalid_client") -> None:
        super().__init__(message)
        self.status = 400 if error != "invalid_client" else 401
        trace = "Trace ID: 7f3c Correlation ID: 9b1d Timestamp: 2026-11-24 09:00:00Z"
        self.body = {"error": error, "error_description": f"AADSTS{aadsts}: {message} {trace}"}


class Server(ThreadingHTTPServer):
    """A server that minds no client who hangs up."""

    def handle_error(self, request, client_address):
        """Show what is wrong with the authority itself."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Authority:
    """The authority and the services beside it, until closed. `asked` holds each request's form.

    Tests may change what it grants (`claims`), for how long (`lifetime`), to whom it is `down` (statuses
    that are answered first), and what it demands before it gives a token (`demands`, a claims challenge).
    """

    def __init__(self, folder) -> None:
        self.folder = folder
        root_key, own_key = key(), key()
        root = certificate("A certificate authority of a test", root_key)
        own = certificate("localhost", own_key, signer=root_key, issuer=root)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(pem(root))
        served = folder / "served.pem"
        served.write_bytes(pem(own_key, own))
        self.client_key = key()
        self.client_certificate = certificate("reconciler", self.client_key)
        self.certificate_file = folder / "client.pem"
        self.certificate_file.write_bytes(pem(self.client_key, self.client_certificate))
        self.issuer_key = key()
        self.reset()
        self._tls = Server(("127.0.0.1", 0), handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(served)
        self._tls.socket = context.wrap_socket(
            self._tls.socket, server_side=True, do_handshake_on_connect=False
        )
        self._plain = Server(("127.0.0.1", 0), handler(self))
        self.host = f"localhost:{self._tls.server_address[1]}"
        self.url = f"https://{self.host}"
        self.services = f"http://127.0.0.1:{self._plain.server_address[1]}"
        for server in (self._tls, self._plain):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        for server in (self._tls, self._plain):
            server.shutdown()
            server.server_close()

    def reset(self) -> None:
        """Be as at first."""
        self.asked: list[dict] = []
        self.paths: list[str] = []
        self.claims: dict = {"roles": ["User.Read.All"], "app_displayname": "reconciler"}
        self.user: dict = {"oid": "", "upn": "admin@contoso.com", "scp": "User.Read.All"}
        self.lifetime = 3600
        self.audience = GRAPH
        self.down: list[int] = []
        self.pending = 1
        self.assertion: dict = {}
        self.number = 0

    # ------------------------------------------------------------ Entra

    def answer(self, path: str, form: dict) -> dict:
        """Return the body of an answer; raises Refused."""
        tenant, _, rest = path.strip("/").partition("/")
        if tenant not in (TENANT, "contoso.com"):
            raise Refused(90002, f"Tenant '{tenant}' not found.", "invalid_tenant")
        own = f"{self.url}/{tenant}"
        match rest:
            case "v2.0/.well-known/openid-configuration":
                return {
                    "token_endpoint": f"{own}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{own}/oauth2/v2.0/authorize",
                    "device_authorization_endpoint": f"{own}/oauth2/v2.0/devicecode",
                    "issuer": f"{own}/v2.0",
                    "jwks_uri": f"{own}/discovery/v2.0/keys",
                }
            case "oauth2/v2.0/devicecode":
                return {
                    "device_code": "device",
                    "user_code": "ABC-DEF",
                    "verification_uri": f"{self.url}/device",
                    "expires_in": 900,
                    "interval": 0,
                    "message": "-",
                }
            case "oauth2/v2.0/token":
                self.asked.append(form)
                return self.token(form, f"{own}/oauth2/v2.0/token")
        raise Refused(900144, f"nothing is at {path}", "invalid_request")

    def token(self, form: dict, endpoint: str) -> dict:
        """Return the answer to a request for a token; raises Refused."""
        if form.get("client_id") != CLIENT:
            raise Refused(
                700016,
                f"Application with identifier '{form.get('client_id')}' was not found.",
                "unauthorized_client",
            )
        match form.get("grant_type"):
            case "client_credentials":
                self._check_client(form, endpoint)
                about = {"oid": PRINCIPAL, "idtyp": "app", **self.claims}
            case "urn:ietf:params:oauth:grant-type:device_code" | "device_code":
                if self.pending > 0:
                    self.pending -= 1
                    raise Refused(70016, "Authorization is pending.", "authorization_pending")
                about = {"idtyp": "user", **self.user}
            case "refresh_token":
                about = {"idtyp": "user", **self.user}
            case other:
                raise Refused(70003, f"The grant type '{other}' is not supported.", "unsupported_grant_type")
        scope = form.get("scope", f"{GRAPH}/.default")
        self.number += 1
        claims = {
            "aud": self.audience, "tid": TENANT, "appid": CLIENT, "exp": int(time.time()) + self.lifetime,
            "jti": str(self.number), **about,
        }  # fmt: skip
        given = {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": jwt(claims)}
        if about["idtyp"] == "user":
            person = {"oid": about["oid"], "preferred_username": about["upn"], "sub": "s", "aud": CLIENT}
            person |= {"iss": f"{self.url}/{TENANT}/v2.0", "tid": TENANT, "exp": claims["exp"], "iat": 0}
            given |= {"refresh_token": "refresh", "id_token": jwt(person), "scope": scope}
            given["client_info"] = encode(json.dumps({"uid": about["oid"], "utid": TENANT}).encode())
        return given

    def _check_client(self, form: dict, endpoint: str) -> None:
        if "client_secret" in form:
            if form["client_secret"] != SECRET:
                raise Refused(7000215, "Invalid client secret provided.")
            return
        head, body, signature = form.get("client_assertion", "..").split(".")
        header, claims = (json.loads(decode(part) or b"{}") for part in (head, body))
        is_own = claims.get("iss") == CLIENT
        public = self.client_certificate.public_key() if is_own else self.issuer_key.public_key()
        pads = {"PS256": padding.PSS(padding.MGF1(hashes.SHA256()), 32), "RS256": padding.PKCS1v15()}
        try:
            public.verify(decode(signature), f"{head}.{body}".encode(), pads[header["alg"]], hashes.SHA256())
        except (InvalidSignature, KeyError):
            raise Refused(700027, "The certificate used to sign the assertion is not registered.") from None
        if claims["exp"] < time.time():
            raise Refused(700024, "Client assertion is not within its valid time range.")
        if is_own:
            self._check_thumbprint(header)
            if claims["aud"] != endpoint:
                raise Refused(50027, "The audience of the assertion is wrong.")
            return
        if claims["iss"] != ISSUER:
            raise Refused(700211, f"No matching federated identity record found for issuer {claims['iss']}.")
        if claims["sub"] != SUBJECT:
            raise Refused(700213, f"No matching federated identity record found for {claims['sub']}.")
        if claims["aud"] != EXCHANGE:
            raise Refused(
                700212, f"No matching federated identity record found for audience {claims['aud']}."
            )

    def _check_thumbprint(self, header: dict) -> None:
        der = self.client_certificate.public_bytes(serialization.Encoding.DER)
        prints = {encode(hashlib.sha256(der).digest()), encode(hashlib.sha1(der).digest())}  # noqa: S324
        if not {str(header.get(name)).rstrip("=") for name in ("x5t#S256", "x5t")} & prints:
            raise Refused(700027, "The certificate with this thumbprint is not registered.")

    # ------------------------------------------------------------ the services of others

    def federated(self, **claims) -> str:
        """Return a token of the pipeline's service for one job."""
        told = {"iss": ISSUER, "sub": SUBJECT, "aud": EXCHANGE, "exp": time.time() + 300, "jti": self.number}
        return jwt(told | self.assertion | claims, self.issuer_key)

    def service(self, method: str, path: str, query: dict, headers) -> tuple[int, dict]:
        """Return status and body of a service that is not Entra."""
        match method, path:
            case ("GET", "/github") | ("POST", "/devops") if headers["Authorization"] != "Bearer of-the-job":
                return 401, {}
            case "GET", "/github":
                return 200, {"value": self.federated(aud=query["audience"][0])}
            case "POST", "/devops" if "serviceConnectionId" in query:
                return 200, {"oidcToken": self.federated()}
            case "GET", "/metadata/instance":
                return (200, {"compute": {}}) if headers["Metadata"] == "true" else (400, {})
            case "GET", "/metadata/identity/oauth2/token":
                return 200, self._of_machine()
        return 404, {}

    def _of_machine(self) -> dict:
        end = int(time.time()) + self.lifetime
        claims = {"aud": GRAPH, "tid": TENANT, "oid": PRINCIPAL, "idtyp": "app", "exp": end, **self.claims}
        given = {"access_token": jwt(claims), "token_type": "Bearer", "resource": GRAPH}
        return given | {"expires_in": str(self.lifetime), "expires_on": str(end)}


def handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers requests for an authority."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self):
            self._answer("GET")

        def do_POST(self):
            self._answer("POST")

        def _answer(self, method):
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            authority.paths.append(url.path)
            if authority.down:
                self._send(authority.down.pop(0), {})
            elif url.path.startswith(("/github", "/devops", "/metadata")):
                self._send(*authority.service(method, url.path, parse_qs(url.query), self.headers))
            else:
                try:
                    self._send(200, authority.answer(url.path, form))
                except Refused as refused:
                    self._send(refused.status, refused.body)

        def _send(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Say nothing."""

    return Handler
