"""`/.well-known/handover-keys`: the public keys, with which anybody verifies a decision's proof."""

from __future__ import annotations

import base64

from fastapi import APIRouter, Response

from api.doors.deps import ServiceDep
from api.http.openapi import headers
from handover.models import PublicKey, PublicKeys
from workflows import proof

CACHED = "public, max-age=300"
"""Time for which caches keep the keys. The service answers with a new key five minutes before
caches have it: a client that misses a key asks again past the cache."""

router = APIRouter(tags=["proof"])


@router.get(
    "/.well-known/handover-keys",
    responses={200: {"headers": headers(Cache_Control=f"`{CACHED}`.")}},
)
async def keys(service: ServiceDep, response: Response) -> PublicKeys:
    """List the keys that this service believes, as a JSON Web Key Set (RFC 7517, RFC 8037).

    With the key that a decision's `proof` names, anybody can verify its answer without the service.
    """
    response.headers["Cache-Control"] = CACHED
    return key_set(proof.keyring(service.secrets.verify_keys))


def key_set(keyring: proof.Keyring) -> PublicKeys:
    return PublicKeys(keys=[_as_jwk(name, key) for name, key in keyring.items()])


def _as_jwk(key_id: str, public_key: str) -> PublicKey:
    x = base64.urlsafe_b64encode(base64.b64decode(public_key)).decode().rstrip("=")
    return PublicKey(kid=key_id, kty="OKP", crv="Ed25519", x=x, use="sig", alg="EdDSA")
