"""`POST /codec/decode`: decrypts histories for Temporal's UI and its `temporal` program.

This is one half of Temporal's protocol for remote codecs: nobody encrypts here. A signal from there
is plain JSON, which the workflow understands.
"""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload

from api.doors.auth import Auditor, KeyedRoute
from api.doors.deps import ServiceDep
from api.http import examples
from api.http.openapi import body_examples, problems

router = APIRouter(tags=["operators"], route_class=KeyedRoute)

PREFIX = "/codec"
HEADERS = ("Authorization", "Content-Type", "X-Namespace")

BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Base64 = Annotated[str, StringConstraints(pattern=BASE64)]


class WirePayload(BaseModel):
    """Temporal's `Payload` in the JSON of protocol buffers: all bytes are in base64."""

    metadata: dict[str, Base64] = {}
    data: Base64 = ""

    @classmethod
    def of(cls, payload: Payload) -> WirePayload:
        metadata = {name: _base64(value) for name, value in payload.metadata.items()}
        return cls(metadata=metadata, data=_base64(payload.data))

    def payload(self) -> Payload:
        metadata = {name: base64.b64decode(value) for name, value in self.metadata.items()}
        return Payload(metadata=metadata, data=base64.b64decode(self.data))


class WirePayloads(BaseModel):
    payloads: list[WirePayload]


@router.post(
    f"{PREFIX}/decode",
    responses=problems("missing_scope", "invalid_request"),
    openapi_extra=body_examples(examples.DECODE),
)
async def decode(service: ServiceDep, key: Auditor, asked: WirePayloads) -> WirePayloads:
    """Decrypt payloads of a decision's history, with a key that has the scope `audit:read`.

    A payload that is not encrypted, or not with a key of this service, comes back as it was sent.
    Give Temporal's UI, and `temporal --codec-endpoint`, the endpoint `/codec`.
    """
    decoded = await service.encryption.decode([each.payload() for each in asked.payloads])
    return WirePayloads(payloads=[WirePayload.of(payload) for payload in decoded])


class FromTheUi:
    """ASGI middleware: lets only pages of the origin `HANDOVER_UI_ORIGIN` ask here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/"):
            origin = scope["app"].state.service.settings.ui_origin
            origins = [origin.rstrip("/")] if origin else []
            app = CORSMiddleware(app, origins, allow_methods=["POST"], allow_headers=HEADERS)
        await app(scope, receive, send)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
