"""Bearer tokens of an OpenID Connect provider: administrators without an API key.

The provider is the operator's own and comes from the settings; nothing in a token leads anywhere
else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import jwt
from jwt import PyJWK

from api.problems.errors import Unauthorized, Unavailable
from store.keys import NOT_A_KEY, SCOPES, ApiKey

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Signatures that only the provider can make. With HS256 its public key would be the secret."""
LEEWAY = timedelta(seconds=60)
"""Largest difference between the provider's clock and ours."""
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]

ONCE_IN = 30.0
"""Seconds between two requests for the provider's keys, whatever tokens come."""
AGAIN_IN = 2.0
"""Seconds between two requests while it is away and none of its keys is known."""
FRESH = 900.0
"""Seconds after which the keys are fetched anew, so that a withdrawn one stops counting."""
TIMEOUT = 5.0
MAX_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class _Away(Exception):  # noqa: N818 - a state, handled here
    pass


class Issuer:
    """One provider, with its keys as they were last fetched."""

    def __init__(self, issuer: str, audience: str, scopes_claim: str) -> None:
        self._issuer = issuer
        self._audience = audience
        self._scopes_claim = scopes_claim
        self._keys: dict[str, PyJWK] = {}
        self._seen_at = float("-inf")
        self._ask_from = float("-inf")
        self._asking = asyncio.Lock()

    async def verify(self, token: str) -> ApiKey:
        """Return the person whom this token vouches for. Raises `Unauthorized`, and `Unavailable`
        while the provider is away and its key is not known."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = await self._key(key_id) if isinstance(key_id, str) else None
            if key is None:
                raise Unauthorized("This token is signed with a key that its issuer does not have.")
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized(f"This token is not valid here: {error}.") from error
        return self._holder(claims)

    def _holder(self, claims: dict[str, Any]) -> ApiKey:
        is_verified = claims.get("email_verified") is True and claims.get("email")
        who = claims["email"] if is_verified else claims["sub"]
        name = f"{NOT_A_KEY}{who}"
        if not isinstance(who, str) or not who.isprintable() or len(name) > 200:
            raise Unauthorized("This token does not name anybody in up to 195 characters.")
        subject = hashlib.sha256(f"{self._issuer}\0{claims['sub']}".encode()).hexdigest()
        return ApiKey(
            id=f"oidc_{subject[:16]}",
            name=name,
            scopes=SCOPES & _words(claims.get(self._scopes_claim)),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY,
        )

    async def _key(self, key_id: str) -> PyJWK | None:
        if not self._is_known(key_id):
            async with self._asking:  # many ask at once, and one of them the provider
                if not self._is_known(key_id) and time.monotonic() >= self._ask_from:
                    await self._ask()
        if not self._keys:
            raise Unavailable("The issuer of this token cannot be reached right now; try again.")
        return self._keys.get(key_id)

    def _is_known(self, key_id: str) -> bool:
        return key_id in self._keys and time.monotonic() - self._seen_at < FRESH

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                self._keys = await self._fetch()
            self._seen_at = time.monotonic()
        # A proxy of the environment that needs a package, a file of certificates that is not there.
        except (_Away, httpx2.HTTPError, ImportError, OSError) as error:
            log.error("the keys of %s cannot be fetched: %r", self._issuer, error)  # noqa: TRY400 - no fault of ours
        self._ask_from = time.monotonic() + (ONCE_IN if self._keys else AGAIN_IN)

    async def _fetch(self) -> dict[str, PyJWK]:
        async with httpx2.AsyncClient(timeout=TIMEOUT, follow_redirects=False) as client:
            document = await _get(
                client, f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            )
            if document.get("issuer") != self._issuer:
                raise _Away(f"it calls itself {document.get('issuer')!r}")
            url = document.get("jwks_uri")
            if not isinstance(url, str) or not self._is_as_safe(url):
                raise _Away(f"its jwks_uri is {url!r}")
            return _usable(await _get(client, url))

    def _is_as_safe(self, url: str) -> bool:
        return urlsplit(url).scheme in ("https", urlsplit(self._issuer).scheme)


async def _get(client: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    async with client.stream("GET", url) as answer:
        if not answer.is_success:
            raise _Away(f"{url} answered {answer.status_code}")
        content = b""
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                raise _Away(f"{url} answered more than {MAX_BYTES} bytes")
    return _object(content, url)


def _object(content: bytes, url: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(content)
    except ValueError as error:
        raise _Away(f"{url} answered no JSON") from error
    if not isinstance(found, dict):
        raise _Away(f"{url} answered no JSON object")
    return cast(dict[str, Any], found)


def _usable(found: dict[str, Any]) -> dict[str, PyJWK]:
    """Return its keys by their ids, without those that are useless to us, or unknown."""
    listed = found.get("keys")
    keys: dict[str, PyJWK] = {}
    for each in cast(list[Any], listed) if isinstance(listed, list) else []:
        try:
            key = PyJWK.from_dict(each)
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
            continue
        may_sign = key.public_key_use in (None, "sig") and key.algorithm_name in ALGORITHMS
        if may_sign and isinstance(key.key_id, str):
            keys[key.key_id] = key
    if not keys:
        raise _Away("it has no key that could be used")
    return keys


def _words(claim: Any) -> set[str]:
    """Return the scopes in a claim, which is a text or a list."""
    words: Any = claim.split() if isinstance(claim, str) else claim
    listed = cast(list[Any], words) if isinstance(words, list) else []
    return {word for word in listed if isinstance(word, str)}
