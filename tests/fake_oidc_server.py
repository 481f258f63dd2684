"""An OpenID provider as a process of its own: authlib's server side on the standard library's HTTP server.

It checks what a provider has to: client and secret, redirect URI, PKCE, that a code is used once. What it does besides,
it does when told to by `PUT /-/orders`: to say wrong things, to be slow, to change its keys. `provider.py` starts it
and tells it. It knows nothing of Streamtime.
"""

import hashlib
import hmac
import html
import json
import secrets
import sys
import time
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Error, OAuth2Payload, OAuth2Request, grants
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

KEY_BITS = 2048

Answer = tuple[int, Any, list[tuple[str, str]]]


def new_key() -> RSAKey:
    key = RSAKey.generate_key(KEY_BITS, {"use": "sig", "alg": "RS256"})
    key.ensure_kid()
    return key


@dataclass
class Client(ClientMixin):  # type: ignore[misc]  # authlib is not typed
    """The one client there is."""

    name: str = ""
    secret: str = ""
    redirect_uris: tuple[str, ...] = ()

    def get_client_id(self) -> str:
        return self.name

    def get_default_redirect_uri(self) -> str | None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(word for word in scope.split() if word in {"openid", "profile", "groups"})

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, self.secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_basic", "client_secret_post"} and endpoint == "token"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc]  # authlib is not typed
    """A code that is still to be used."""

    code: str
    subject: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class State:
    """All that it knows. `orders` are what it was told to do wrong."""

    issuer: str = ""
    client: Client = field(default_factory=Client)
    keys: KeySet = field(default_factory=lambda: KeySet([new_key()]))
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)


STATE = State()


class Payload(OAuth2Payload):  # type: ignore[misc]  # authlib is not typed
    """The fields of a request."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._fields.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return defaultdict(list, self._fields)


class Request(OAuth2Request):  # type: ignore[misc]  # authlib is not typed
    """A request as authlib wants it."""

    def __init__(self, handler: "Handler", form: Mapping[str, list[str]]) -> None:
        super().__init__(handler.command, STATE.issuer + handler.path, headers=handler.headers)
        self._args = parse_qs(urlsplit(handler.path).query)
        self._form = form
        self.payload = Payload({**self._args, **form})

    @property
    def args(self) -> dict[str, str]:
        return Payload(self._args).data

    @property
    def form(self) -> dict[str, str]:
        return Payload(self._form).data


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # authlib is not typed
    """Codes, kept in memory and used once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def save_authorization_code(self, code: str, request: Request) -> None:
        data = request.payload.data
        STATE.codes[code] = Code(
            code=code,
            subject=request.user,
            redirect_uri=data["redirect_uri"],
            scope=STATE.client.get_allowed_scope(data["scope"]),
            nonce=data.get("nonce"),
            code_challenge=data["code_challenge"],
            code_challenge_method=data["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        del client
        return STATE.codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        if not STATE.overrides.get("codes_last"):
            del STATE.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.subject


class IdTokens(OpenIDCode):  # type: ignore[misc]  # authlib is not typed
    """ID tokens: good ones, unless told otherwise."""

    def exists_nonce(self, nonce: str, request: Request) -> bool:
        del nonce, request
        return False

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": STATE.issuer, "aud": [client.get_client_id()]}

    def generate_user_info(self, user: str, scope: str) -> dict[str, Any]:
        del scope
        told = {} if STATE.overrides.get("tell_at_userinfo") else STATE.people.get(user, {})
        return {**told, "sub": user}

    def encode_id_token(self, token: dict[str, Any], request: Request) -> str:
        claims = self.get_compatible_claims(request)
        claims.update(self.get_authorization_code_claims(request.authorization_code))
        claims.update(self.generate_user_info(request.user, token["scope"]))
        claims.update(STATE.overrides.get("claims", {}))
        for name in STATE.overrides.get("without", ()):
            claims.pop(name, None)
        if algorithm := STATE.overrides.get("algorithm"):
            return _forged_token(algorithm, claims)
        key = new_key() if STATE.overrides.get("foreign_key") else STATE.keys.keys[0]
        named = {} if STATE.overrides.get("nameless_key") else {"kid": STATE.keys.keys[0].kid}
        return jwt.encode({"alg": "RS256", **named}, claims, key, ["RS256"])


def _forged_token(algorithm: str, claims: dict[str, Any]) -> str:
    """A token that no library makes: without a signature, or with one by a secret that all know, the public keys."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": algorithm}, claims)]
    known = json.dumps(STATE.keys.as_dict(private=False)).encode()
    signature = hmac.new(known, b".".join(parts), hashlib.sha256).digest() if algorithm == "HS256" else b""
    return b".".join([*parts, urlsafe_b64encode(signature).rstrip(b"=")]).decode()


class Authorization(AuthorizationServer):  # type: ignore[misc]  # authlib is not typed
    """What joins the parts."""

    def query_client(self, client_id: str) -> Client | None:
        return STATE.client if client_id == STATE.client.name else None

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        STATE.tokens[token["access_token"]] = request.user

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:  # noqa: ANN401  # authlib's
        return status, body, headers

    def send_signal(self, name: str, *arguments: object, **named: object) -> None:
        """Nobody listens."""


def _authorization() -> Authorization:
    server = Authorization(scopes_supported=["openid", "profile", "groups"])
    server.register_token_generator("default", BearerTokenGenerator(lambda **_: secrets.token_urlsafe(24)))
    server.register_grant(CodeGrant, [CodeChallenge(required=True), IdTokens(require_nonce=True)])
    return server


SERVER = _authorization()


class Handler(BaseHTTPRequestHandler):
    """Its addresses."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(parse_qs(self._body().decode()))

    def do_PUT(self) -> None:
        orders = json.loads(self._body())
        STATE.client.redirect_uris = (*STATE.client.redirect_uris, *orders.pop("redirect_uris", ()))
        STATE.people.update(orders.pop("people", {}))
        if orders.pop("new_keys", False):
            STATE.keys = KeySet([new_key()])
        STATE.overrides = orders
        self._send(204, "", [])

    def log_message(self, *_: object) -> None:
        """Tests tell what they saw."""

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _answer(self, form: dict[str, list[str]]) -> None:
        path = urlsplit(self.path).path
        orders = STATE.overrides.get("at", {}).get(path, {})
        time.sleep(orders.get("after_s", 0))
        if "says" in orders:
            self._send(orders.get("status", 200), orders["says"] * orders.get("times", 1), [])
            return
        rooms = {
            "/.well-known/openid-configuration": self._metadata,
            "/jwks": lambda _: (200, STATE.keys.as_dict(private=False), []),
            "/authorize": self._authorize,
            "/token": SERVER.create_token_response,
            "/userinfo": self._userinfo,
        }
        if path not in rooms:
            self._send(404, "nothing", [])
            return
        self._send(*rooms[path](Request(self, form)))

    def _metadata(self, _: Request) -> Answer:
        here = STATE.issuer
        told = {
            "issuer": here,
            "authorization_endpoint": f"{here}/authorize",
            "token_endpoint": f"{here}/token",
            "jwks_uri": f"{here}/jwks",
            "userinfo_endpoint": f"{here}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return 200, {**told, **STATE.overrides.get("metadata", {})}, []

    def _authorize(self, request: Request) -> Answer:
        if request.payload.data.get("code_challenge_method") != "S256":
            return 400, "PKCE is asked for", []
        try:
            grant = SERVER.get_consent_grant(request)
        except OAuth2Error as error:
            return 400, html.escape(str(error)), []
        if self.command == "GET":
            return 200, PAGE, [("Content-Type", "text/html; charset=utf-8")]
        subject = request.form.get("subject") if "allow" in request.form else None
        request.user = subject
        answer: Answer = SERVER.create_authorization_response(request, grant_user=subject, grant=grant)
        return answer

    def _userinfo(self, request: Request) -> Answer:
        subject = STATE.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if subject is None:
            return 401, "who are you?", []
        return 200, {**STATE.people.get(subject, {}), "sub": subject, **STATE.overrides.get("userinfo", {})}, []

    def _send(self, status: int, body: Any, headers: list[tuple[str, str]]) -> None:  # noqa: ANN401  # text or an object
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        named = {name.lower() for name, _ in headers}
        if "content-type" not in named:
            headers = [*headers, ("Content-Type", "text/plain" if isinstance(body, str) else "application/json")]
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


PAGE = """<!DOCTYPE html><html lang="en"><title>The provider</title><link rel="icon" href="data:,"><h1>The provider</h1>
<form method="post"><label>Who are you? <input name="subject"></label>
<button name="allow" value="yes">Go on</button><button name="deny" value="yes">Not me</button></form></html>"""


if __name__ == "__main__":
    host, STATE.client.name, STATE.client.secret = sys.argv[1:]
    with ThreadingHTTPServer((host, 0), Handler) as listening:
        STATE.issuer = f"http://{host}:{listening.server_port}"
        print(STATE.issuer, flush=True)
        listening.serve_forever()
