"""Administrators with tokens of an OpenID provider, which the tests run: a real HTTP server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.access import oidc
from api.access.bearers import Bearers
from api.access.oidc import MAX_BYTES, Issuer
from api.problems.errors import Unauthorized, Unavailable
from settings.errors import ConfigurationError
from settings.loading import load_settings
from store.keys import ADMIN, AUDIT, RESOLVE, ApiKey
from tests.api.agent import Agent
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually, free_port

AUDIENCE = "handover"
MINUTE = 60
WORDS = f"openid {ADMIN} {RESOLVE} everything:else"
CONFIGURATION = "/.well-known/openid-configuration"


class Key:
    """One of the provider's signing keys, under its `kid`."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.id = secrets.token_hex(4)
        self.more: dict[str, str] = {}
        self.private: Any = {
            "RS256": lambda: rsa.generate_private_key(65537, 2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": Ed25519PrivateKey.generate,
        }[algorithm]()

    @property
    def jwk(self) -> dict[str, Any]:
        to_jwk: Any = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
        public = to_jwk[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.id, "alg": self.algorithm, "use": "sig", **self.more}

    @property
    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


class Provider:
    """Answers with `pages`; what is not there is 404. `asked` counts for each path."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.keys = [Key("ES256")]
        self.asked: list[str] = []
        self.pages: dict[str, bytes] = {}
        self._server: ThreadingHTTPServer | None = None
        self.publish()

    def publish(self) -> None:
        configuration = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.pages = {
            CONFIGURATION: json.dumps(configuration).encode(),
            "/keys": json.dumps({"keys": [key.jwk for key in self.keys]}).encode(),
        }

    def rotate(self) -> None:
        self.keys = [Key("ES256")]
        self.publish()

    def start(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                page = provider.pages.get(self.path)
                self.send_response(404 if page is None else 302 if not page else 200)
                if page == b"":
                    self.send_header("Location", f"{provider.url}/elsewhere")
                self.end_headers()
                self.wfile.write(page or b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=[0.01]).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Those of a good token; None takes one away."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-1",
            "iat": now,
            "nbf": now,
            "exp": now + 5 * MINUTE,
            "scope": WORDS,
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, key: Key | None = None, /, **changed: Any) -> str:
        key = key or self.keys[0]
        headers = {"kid": key.id}
        return jwt.encode(
            self.claims(**changed), key.private, algorithm=key.algorithm, headers=headers
        )


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def issuer(provider: Provider) -> Issuer:
    return Issuer(provider.url, AUDIENCE, "scope")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_vouches_for_somebody(
    provider: Provider, issuer: Issuer, algorithm: str
) -> None:
    """With the scopes in it that we know, and a name that no key can have."""
    provider.keys = [Key(algorithm)]
    provider.publish()
    somebody = await issuer.verify(provider.token())
    assert somebody.name == "oidc:user-1"
    assert somebody.scopes == {ADMIN, RESOLVE}
    assert somebody.expires_at
    ends = somebody.expires_at - datetime.now(UTC)
    assert timedelta(minutes=5) < ends <= timedelta(minutes=6)
    assert (await issuer.verify(provider.token(scope=None))).scopes == set()


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"email": "alice@example.com", "email_verified": True}, "oidc:alice@example.com"),
        ({"email": "alice@example.com", "email_verified": False}, "oidc:user-1"),
        ({"email": "alice@example.com", "email_verified": "true"}, "oidc:user-1"),
        ({"email": "alice@example.com"}, "oidc:user-1"),
        ({"email_verified": True}, "oidc:user-1"),
    ],
)
async def test_a_name_is_an_address_where_the_provider_has_verified_it(
    provider: Provider, issuer: Issuer, claims: dict[str, Any], name: str
) -> None:
    """The subject otherwise; who it is stays the same."""
    somebody = await issuer.verify(provider.token(**claims))
    assert somebody.name == name
    assert somebody.id == (await issuer.verify(provider.token())).id


async def test_scopes_may_be_a_list_in_another_claim(provider: Provider) -> None:
    """As providers write roles."""
    issuer = Issuer(provider.url, AUDIENCE, "roles")
    roles: list[Any] = [AUDIT, "admin", 7]
    assert (await issuer.verify(provider.token(roles=roles))).scopes == {AUDIT}
    assert (await issuer.verify(provider.token(roles={AUDIT: True}))).scopes == set()


DAY = 24 * 60 * MINUTE
"""More than any run of these tests takes, which make up their times when they are collected."""


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another"]},
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"exp": int(time.time()) - 2 * MINUTE},
        {"exp": None},
        {"nbf": int(time.time()) + DAY},
        {"iat": int(time.time()) + DAY},
        {"iat": None},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 300},
        {"sub": "a\u202eb"},
        {"exp": "soon"},
    ],
)
async def test_wrong_claims(provider: Provider, issuer: Issuer, changed: dict[str, Any]) -> None:
    """A token for others, of others, too old, too new, or without what has to be in it."""
    with pytest.raises(Unauthorized):
        await issuer.verify(provider.token(**changed))
    await issuer.verify(provider.token(aud=["others", AUDIENCE]))


@pytest.mark.parametrize("changed", [{"exp": -30}, {"nbf": 30}, {"iat": 30}])
async def test_clocks_may_differ_a_little(
    provider: Provider, issuer: Issuer, changed: dict[str, int]
) -> None:
    """Up to a minute."""
    [(claim, seconds)] = changed.items()
    await issuer.verify(provider.token(**{claim: int(time.time()) + seconds}))


def good(provider: Provider, key: Key, **header: Any) -> str:
    claims, headers = provider.claims(), {"kid": key.id, **header}
    return jwt.encode(claims, key.private, algorithm=key.algorithm, headers=headers)


def stranger(provider: Provider, *, id: str | None = None, **header: Any) -> str:
    key = Key("ES256")
    key.id = id or key.id
    return good(provider, key, **header)


def by_secret(provider: Provider, key: Key, secret: bytes) -> str:
    return signed_by_hand({"alg": "HS256", "kid": key.id}, provider.claims(), secret)


def with_body(token: str, claims: object) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{b64(claims)}.{signature}"


FORGED: dict[str, Callable[[Provider, Key], str]] = {
    "none": lambda p, k: jwt.encode(p.claims(), "", algorithm="none", headers={"kid": k.id}),
    "none, written by hand": lambda p, k: f"{b64({'alg': 'none', 'kid': k.id})}.{b64(p.claims())}.",
    "the public key as a secret": lambda p, k: by_secret(p, k, k.pem),
    "the key's x as a secret": lambda p, k: by_secret(p, k, k.jwk["x"].encode()),
    "a stranger's key under a known id": lambda p, k: stranger(p, id=k.id),
    "a stranger's key": lambda p, _: stranger(p),
    "a stranger's key in the header": lambda p, k: stranger(
        p, id=k.id, jwk=Key("ES256").jwk, jku="http://127.0.0.1:1/keys"
    ),
    "no key id": lambda p, k: jwt.encode(p.claims(), k.private, algorithm="ES256"),
    "another algorithm": lambda p, k: jwt.encode(
        p.claims(), ec_384(), algorithm="ES384", headers={"kid": k.id}
    ),
    "another body": lambda p, k: with_body(good(p, k), p.claims(scope=AUDIT)),
    "no signature": lambda p, k: good(p, k).rpartition(".")[0] + ".",
    "three words": lambda _p, _k: "a.b.c",
    "no token": lambda _p, _k: "no token",
    "nothing": lambda _p, _k: "",
}
"""Tokens with good claims, and a wrong signature or none."""


def ec_384() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def b64(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def signed_by_hand(header: object, claims: object, secret: bytes) -> str:
    """PyJWT itself refuses to sign with a public key."""
    signed = f"{b64(header)}.{b64(claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize("how", FORGED)
async def test_forged_tokens(provider: Provider, issuer: Issuer, how: str) -> None:
    """None is accepted, and the provider's own still is."""
    with pytest.raises(Unauthorized):
        await issuer.verify(FORGED[how](provider, provider.keys[0]))
    await issuer.verify(good(provider, provider.keys[0]))


async def test_mutated_tokens(provider: Provider, issuer: Issuer) -> None:
    """Each character of a token exchanged for another."""
    token = provider.token()
    accepted = 0
    for at, character in enumerate(token):
        other = "A" if character != "A" else "B"
        try:
            somebody = await issuer.verify(token[:at] + other + token[at + 1 :])
        except Unauthorized:
            continue
        # The last characters of base64 have bits that mean nothing.
        assert at in (token.index(".") - 1, token.rindex(".") - 1, len(token) - 1)
        assert somebody == await issuer.verify(token)
        accepted += 1
    assert accepted <= 3


async def test_a_key_for_something_else_does_not_sign(provider: Provider, issuer: Issuer) -> None:
    """Nor does an entry that is no key keep the others from counting."""
    encrypting = Key("ES256")
    encrypting.more = {"use": "enc"}
    provider.keys.append(encrypting)
    provider.publish()
    found = json.loads(provider.pages["/keys"])
    found["keys"] += [7, {}, {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}, {"kty": "new"}]
    provider.pages["/keys"] = json.dumps(found).encode()
    await issuer.verify(provider.token())
    with pytest.raises(Unauthorized):
        await issuer.verify(provider.token(encrypting))
    symmetric = signed_by_hand({"alg": "HS256", "kid": "secret"}, provider.claims(), b"secret")
    with pytest.raises(Unauthorized):
        await issuer.verify(symmetric)


async def test_keys_are_asked_for_once(provider: Provider, issuer: Issuer) -> None:
    """However many tokens come at once, and whatever keys they name."""
    tokens = [provider.token() for _ in range(20)]
    await asyncio.gather(*(issuer.verify(token) for token in tokens))
    for _ in range(20):
        with pytest.raises(Unauthorized):
            await issuer.verify(provider.token(Key("ES256")))
    assert provider.asked == [CONFIGURATION, "/keys"]


async def test_a_new_key_is_learned(
    provider: Provider, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the first token that it signs, and the one before it does not count any more."""
    monkeypatch.setattr(oidc, "ONCE_IN", 0.0)
    before = provider.token()
    await issuer.verify(before)
    provider.rotate()
    await issuer.verify(provider.token())
    with pytest.raises(Unauthorized):
        await issuer.verify(before)


async def test_a_withdrawn_key_is_forgotten(
    provider: Provider, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, without any token of a new one."""
    monkeypatch.setattr(oidc, "ONCE_IN", 0.0)
    before = provider.token()
    await issuer.verify(before)
    provider.rotate()
    await issuer.verify(before)
    monkeypatch.setattr(oidc, "FRESH", 0.0)
    with pytest.raises(Unauthorized):
        await issuer.verify(before)


async def test_a_provider_that_is_away(
    provider: Provider, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 while none of its keys is known; then those go on, though they can't be looked at."""
    monkeypatch.setattr(oidc, "AGAIN_IN", 0.0)
    monkeypatch.setattr(oidc, "ONCE_IN", 0.0)
    token = provider.token()
    provider.stop()
    with pytest.raises(Unavailable):
        await issuer.verify(token)
    provider.start()
    await issuer.verify(token)
    provider.stop()
    monkeypatch.setattr(oidc, "FRESH", 0.0)
    await issuer.verify(token)
    with pytest.raises(Unauthorized):
        await issuer.verify(provider.token(Key("ES256")))


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://proxy.example.com:1080"), ("SSL_CERT_FILE", "/nowhere/ca.pem")],
)
async def test_an_environment_that_no_client_works_with(
    provider: Provider, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The proxy would need a package, and the file is not there: it is told as a provider that
    cannot be reached, and why is in the log."""
    monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable):
        await issuer.verify(provider.token())


@pytest.mark.parametrize(
    ("path", "page"),
    [
        (CONFIGURATION, None),
        (CONFIGURATION, b""),
        (CONFIGURATION, b"no JSON"),
        (CONFIGURATION, b"[]"),
        (CONFIGURATION, b'{"issuer": "https://another.example.com"}'),
        ("/keys", None),
        ("/keys", b""),
        ("/keys", b'{"keys": []}'),
        ("/keys", b'{"keys": 7}'),
        ("/keys", b" " * (MAX_BYTES + 1)),
    ],
)
async def test_a_provider_that_answers_something_else(
    provider: Provider, issuer: Issuer, path: str, page: bytes | None
) -> None:
    """Nothing is there, it leads elsewhere, it is another one, it has no keys, or far too much."""
    good = provider.pages.pop(path)
    if page is not None:
        provider.pages[path] = page
    provider.pages["/elsewhere"] = good
    with pytest.raises(Unavailable):
        await issuer.verify(provider.token())
    assert "/elsewhere" not in provider.asked


async def test_keys_are_not_fetched_without_tls_where_the_issuer_has_it() -> None:
    """A configuration does not lead from https to http."""
    issuer = Issuer("https://id.example.com", AUDIENCE, "scope")
    assert issuer._is_as_safe("https://keys.example.com/jwks")
    assert not issuer._is_as_safe("http://id.example.com/jwks")
    assert not issuer._is_as_safe("file:///etc/passwd")


async def test_a_token_ends_while_its_request_is_held() -> None:
    """As a revoked key does: no answer."""
    bearers = Bearers(cast(Any, None), None, cast(Any, None))
    now = datetime.now(UTC)
    await bearers.confirm(ApiKey("oidc_1", "oidc:a", expires_at=now + timedelta(minutes=1)))
    with pytest.raises(Unauthorized):
        await bearers.confirm(ApiKey("oidc_1", "oidc:a", expires_at=now))


@pytest.fixture
async def known(
    provider: Provider, dev_server: DevServer, tmp_path: Path
) -> AsyncIterator[RunningService]:
    """A service that knows the provider."""
    service = RunningService(
        dev_server.address,
        tmp_path,
        HANDOVER_OIDC_ISSUER=provider.url,
        HANDOVER_OIDC_AUDIENCE=AUDIENCE,
    )
    await service.start()
    yield service
    await asyncio.to_thread(service.stop)


async def test_administrators_of_a_running_service(
    provider: Provider, known: RunningService
) -> None:
    """They make keys and resolve under their own name; what they may not do is 403; keys work."""
    claims = {"email": "alice@example.com", "email_verified": True}
    alice = Agent(known, provider.token(**claims), "oidc:alice@example.com")
    async with alice, Agent.of(known) as agent:
        made = await alice.http.post("/auth/api-keys", json={"name": "refund-bot"})
        assert made.status_code == 201
        decision = (await agent.ask())["id"]
        resolved = await alice.resolve(decision, "deny")
        assert resolved.is_success

        async def settled() -> bool:
            return (await agent.get(decision))["status"] == "denied"

        await eventually(settled)
        assert (await agent.get(decision))["resolved_by"] == "oidc:alice@example.com"
        refused = await alice.post({"action": "x", "approver": "a@example.com"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
        taken = await alice.http.post("/auth/api-keys", json={"name": alice.name})
        assert taken.status_code == 422
    forged = Agent(known, provider.token(Key("ES256")), "nobody")
    async with forged:
        answer = await forged.http.get("/auth/api-keys")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert known.log("api").count(provider.token().split(".")[0]) == 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"HANDOVER_OIDC_ISSUER": "https://id.example.com"}, "HANDOVER_OIDC_AUDIENCE"),
        ({"HANDOVER_OIDC_AUDIENCE": AUDIENCE}, "HANDOVER_OIDC_ISSUER"),
    ],
)
def test_issuer_and_audience_go_together(
    given: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an audience, a token that the provider made for anybody would count."""
    for name in ("HANDOVER_OIDC_ISSUER", "HANDOVER_OIDC_AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=named):
        load_settings()
