"""The search attributes by which operators and lists find decisions.

A server that does not know them refuses a workflow that carries them, so they are registered where
that is allowed, and done without where it is not.
"""

from __future__ import annotations

import logging
import time

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from api.problems.temporal import asking_temporal
from workflows.options import SEARCH_ATTRIBUTES

LOOK_AGAIN = 60.0
"""Seconds after which a server that lacked them is asked once more: it caches what it knows."""

log = logging.getLogger(__name__)


class Indexing:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._known = False
        self._look_after = 0.0

    async def available(self) -> bool:
        """Return whether decisions may carry search attributes. Raises `Unavailable`."""
        if not self._known and time.monotonic() >= self._look_after:
            self._known = await self._registered() or await self._register()
            self._look_after = time.monotonic() + LOOK_AGAIN
        return self._known

    def forget(self) -> None:
        """Do without them for a while: the server refused them after all."""
        self._known = False
        self._look_after = time.monotonic() + LOOK_AGAIN

    async def _registered(self) -> bool:
        try:
            async with asking_temporal():
                answer = await self._client.operator_service.list_search_attributes(
                    ListSearchAttributesRequest(namespace=self._client.namespace)
                )
        except RPCError as error:
            log.warning("search attributes cannot be listed: %s", error.message)
            return False
        return all(key.name in answer.custom_attributes for key in SEARCH_ATTRIBUTES)

    async def _register(self) -> bool:
        types = {
            k.name: IndexedValueType.ValueType(k.indexed_value_type) for k in SEARCH_ATTRIBUTES
        }
        try:
            async with asking_temporal():
                await self._client.operator_service.add_search_attributes(
                    AddSearchAttributesRequest(
                        namespace=self._client.namespace, search_attributes=types
                    )
                )
        except RPCError as error:
            log.warning("search attributes cannot be registered: %s", error.message)
            return False
        return await self._registered()
