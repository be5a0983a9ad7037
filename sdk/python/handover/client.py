"""The clients that agents use."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self, Unpack

from . import _decisions as steps
from ._exchanges import open_async_exchange, open_exchange
from ._http import AsyncExchange, AsyncHTTPClient, Exchange, HTTPClient, run, run_async
from ._options import Options, resolve_options
from .models import Decision, PublicKeys
from .resources import (
    AsyncAttachments,
    AsyncDecisions,
    Attachments,
    Decisions,
    FurtherFields,
    checked_question,
)


class HandoverClient:
    """Asks people before an agent acts. Threads may share it.

    `api_key` and `base_url` default to `HANDOVER_API_KEY` and `HANDOVER_BASE_URL`. `timeout` is in
    seconds, for one exchange with the service, beyond the time for which it holds a wait.
    `retry_for` is the number of seconds to keep trying to reach a service that has not answered
    yet. `dev_mode` approves everything at once, without any network. `http_client` replaces the
    HTTP client, for tests and for proxies; you close it.

    Without a key and a base_url, in a terminal and not in CI (where `CI` is set), the person at the
    terminal is asked instead of a service. That is for developing: the decision has the origin
    `dev`, and `resolved_by` is the terminal's user, whom nothing proves. Ctrl-C means no.

    Raises `ConfigurationError` when these do not make a client.
    """

    decisions: Decisions
    attachments: Attachments

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
        self._speak(options, open_exchange(options, http_client))

    def _speak(self, options: Options, exchange: Exchange) -> None:
        self._options = options
        self._exchange = exchange
        self.decisions = Decisions(options, exchange)
        self.attachments = Attachments(options, exchange)

    def approve(
        self,
        action: str,
        approver: str | Sequence[str],
        *,
        idempotency_key: str | None = None,
        once: bool = False,
        **fields: Unpack[FurtherFields],
    ) -> Decision:
        """Ask, wait, and return only when the action may run, even with a `callback_url`.

        `permitted_payload(decision)` is what may run: the `payload`, unchanged or as the approver
        changed it. `idempotency_key` is as for `decisions.create`.

        With `once`, only the first caller with this key may run it: the decision is claimed as by
        `decisions.claim`, and `decisions.done` reports how it ended.

        Raises `ActionDenied` when it was denied, `DecisionExpired` when nobody answered in time,
        `DecisionCancelled`, `AlreadyClaimed`, and the errors of `decisions.create`.
        """
        asked = checked_question(action, approver, fields)
        return run(
            self._exchange,
            steps.approve(self._options, asked, idempotency_key=idempotency_key, once=once),
        )

    def keys(self) -> PublicKeys:
        """Return the public keys of the service, for `decision.verify`.

        With keys that were fetched just now, you believe the server at `base_url`. Keep a copy (its
        `model_dump_json()`) to verify without the service.
        """
        return run(self._exchange, steps.keys(self._options))

    def with_options(
        self,
        *,
        api_key: str | None = None,
        timeout: float | None = None,
        retry_for: float | None = None,
    ) -> Self:
        """Return a client with other options, over the connections of this one, which closes them.

        Options that are left out stay as they are. Raises `ConfigurationError` for a bad API key.
        """
        options = self._options.changed(api_key, timeout, retry_for)
        client = object.__new__(type(self))
        client._speak(options, self._exchange.with_options(options))
        return client

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
    """`HandoverClient` for an event loop: the same arguments, and the same methods, awaited."""

    decisions: AsyncDecisions
    attachments: AsyncAttachments

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
        self._speak(options, open_async_exchange(options, http_client))

    def _speak(self, options: Options, exchange: AsyncExchange) -> None:
        self._options = options
        self._exchange = exchange
        self.decisions = AsyncDecisions(options, exchange)
        self.attachments = AsyncAttachments(options, exchange)

    async def approve(
        self,
        action: str,
        approver: str | Sequence[str],
        *,
        idempotency_key: str | None = None,
        once: bool = False,
        **fields: Unpack[FurtherFields],
    ) -> Decision:
        """Ask, wait, and return only when the action may run, even with a `callback_url`.

        `permitted_payload(decision)` is what may run: the `payload`, unchanged or as the approver
        changed it. `idempotency_key` is as for `decisions.create`.

        With `once`, only the first caller with this key may run it: the decision is claimed as by
        `decisions.claim`, and `decisions.done` reports how it ended.

        Raises `ActionDenied` when it was denied, `DecisionExpired` when nobody answered in time,
        `DecisionCancelled`, `AlreadyClaimed`, and the errors of `decisions.create`.
        """
        asked = checked_question(action, approver, fields)
        return await run_async(
            self._exchange,
            steps.approve(self._options, asked, idempotency_key=idempotency_key, once=once),
        )

    async def keys(self) -> PublicKeys:
        """Return the public keys of the service, for `decision.verify`.

        With keys that were fetched just now, you believe the server at `base_url`. Keep a copy (its
        `model_dump_json()`) to verify without the service.
        """
        return await run_async(self._exchange, steps.keys(self._options))

    def with_options(
        self,
        *,
        api_key: str | None = None,
        timeout: float | None = None,
        retry_for: float | None = None,
    ) -> Self:
        """Return a client with other options, over the connections of this one, which closes them.

        Options that are left out stay as they are. Raises `ConfigurationError` for a bad API key.
        """
        options = self._options.changed(api_key, timeout, retry_for)
        client = object.__new__(type(self))
        client._speak(options, self._exchange.with_options(options))
        return client

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
