"""Exchanges, through which a client speaks: HTTP, or a service in this process.

The latter is loaded when it is used: a program with a real service needs nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from ._http import (
    AsyncExchange,
    AsyncHTTPClient,
    Exchange,
    HTTPClient,
    open_async_http,
    open_http,
)
from ._options import Options

if TYPE_CHECKING:
    from ._memory.front import Front

FAKES: WeakValueDictionary[str, Front] = WeakValueDictionary()
"""Services of `handover.testing`, by the base_url at which clients find them."""


def open_exchange(options: Options, http_client: HTTPClient | None) -> Exchange:
    if front := _in_this_process(options):
        from ._memory.exchanges import MemoryExchange

        return MemoryExchange(front, options)
    return open_http(options, http_client)


def open_async_exchange(options: Options, http_client: AsyncHTTPClient | None) -> AsyncExchange:
    if front := _in_this_process(options):
        from ._memory.exchanges import AsyncMemoryExchange

        return AsyncMemoryExchange(front, options)
    return open_async_http(options, http_client)


def _in_this_process(options: Options) -> Front | None:
    if options.dev_mode:
        from ._dev import dev_front

        return dev_front(options.base_url)
    if options.terminal:
        from ._terminal import terminal_front

        return terminal_front(options.base_url)
    return FAKES.get(options.base_url)
