"""The clients that agents use."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from . import _decisions as steps
from ._dev import AsyncDevExchange, DevExchange
from ._http import AsyncHTTPClient, AsyncHTTPExchange, HTTPClient, HTTPExchange, run, run_async
from ._options import resolve_options
from .models import PublicKeys
from .resources import AsyncDecisions, Decisions


class HandoverClient:
    """Asks people before an agent acts. It may be shared by threads.

    `api_key` and `base_url` are read from `HANDOVER_API_KEY` and `HANDOVER_BASE_URL` where they
    are not given. `timeout` is in seconds, for one exchange with the service, beyond the time for
    which it holds a wait; `retry_for` is for how many seconds to go on trying to reach a service
    that has not answered yet. `dev_mode` approves everything at once, without any network.
    `http_client` replaces the HTTP client, for tests and for proxies; it is yours to close.

    Raises `ConfigurationError` when these do not make a client.
    """

    decisions: Decisions

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        dev_mode: bool = False,
        timeout: float = 15.0,
        retry_for: float = 60.0,
        http_client: HTTPClient | None = None,
    ) -> None:
        options = resolve_options(
            api_key, base_url, dev_mode=dev_mode, timeout=timeout, retry_for=retry_for
        )
        self._options = options
        self._exchange = DevExchange() if dev_mode else HTTPExchange(options, http_client)
        self.decisions = Decisions(options, self._exchange)

    def keys(self) -> PublicKeys:
        """The public keys of the service, for `decision.verify`.

        Verifying with what was fetched just now believes whoever answers at `base_url`. Keep a copy
        (`keys().model_dump_json()`) to verify without the service.
        """
        return run(self._exchange, steps.keys(self._options))

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncHandoverClient:
    """`HandoverClient` for an event loop: the same arguments, the same methods to be awaited."""

    decisions: AsyncDecisions

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        dev_mode: bool = False,
        timeout: float = 15.0,
        retry_for: float = 60.0,
        http_client: AsyncHTTPClient | None = None,
    ) -> None:
        options = resolve_options(
            api_key, base_url, dev_mode=dev_mode, timeout=timeout, retry_for=retry_for
        )
        self._options = options
        self._exchange = AsyncDevExchange() if dev_mode else AsyncHTTPExchange(options, http_client)
        self.decisions = AsyncDecisions(options, self._exchange)

    async def keys(self) -> PublicKeys:
        """As `HandoverClient.keys`."""
        return await run_async(self._exchange, steps.keys(self._options))

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
