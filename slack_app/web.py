"""The one client for Slack's Web API, and the meaning of its errors.

The library's asynchronous client would bring aiohttp, a second HTTP stack for one service. Its
plain one blocks, so each call runs in a thread. Its own retries are off: only Temporal retries.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPException
from typing import Any, Literal

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

# At DEBUG the library logs whole messages, with their signed buttons.
logging.getLogger("slack_sdk").setLevel(logging.INFO)

API_URL = "https://slack.com/api/"

TIMEOUT = 7
"""Seconds for a call. Four calls, the most for one message, stay within the activity's own
limit."""

THREADS = 16

Kind = Literal["recipient", "busy", "ours"]
"""Kinds of errors. `recipient`: this person cannot be written to; `busy`: it may work later;
`ours`: Slack refuses this app, or its request."""

RECIPIENT = frozenset(
    {
        *("users_not_found", "user_not_found", "user_disabled", "user_not_visible"),
        *("channel_not_found", "is_archived", "not_in_channel", "cannot_dm_bot"),
        *("invalid_user_combination", "user_not_in_channel"),
    }
)
BUSY = frozenset(
    {
        *("ratelimited", "rate_limited", "message_limit_exceeded", "internal_error"),
        *("fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"),
        *("org_login_required", "external_channel_migrating", "update_failed"),
    }
)
"""Codes of a busy Slack. A code in neither set is ours, also a new one: nobody is skipped for
it."""


class SlackError(Exception):
    """An error of Slack. `code` is its own word, or `http_502` if it gave none, or
    `unreachable`."""

    def __init__(
        self, method: str, code: str, kind: Kind, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(f"{method}: {code}")
        self.method = method
        self.code = code
        self.kind: Kind = kind
        self.retry_after = retry_after


class SlackWeb:
    """Calls Slack's Web API. `api_url` ends where the name of a method follows."""

    def __init__(self, token: str, api_url: str = API_URL, timeout: int = TIMEOUT) -> None:
        self._client = WebClient(
            token,
            base_url=api_url,
            timeout=timeout,
            retry_handlers=[],
            # One for all calls: the library would read the system's certificates for each of them.
            ssl=ssl.create_default_context(),
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="slack")

    async def read(self, method: str, **arguments: str) -> dict[str, Any]:
        """Call a method that takes a form. Raises `SlackError`."""
        return await self._run(method, {"params": arguments})

    async def write(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method that takes JSON. Raises `SlackError`."""
        return await self._run(method, {"json": arguments})

    async def _run(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, method, arguments)

    def _call(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.api_call(method, **arguments)
        except SlackApiError as error:
            raise _refusal(method, error.response) from error
        except (OSError, HTTPException, UnicodeDecodeError) as error:
            raise SlackError(method, "unreachable", "busy") from error
        return dict(answer.data) if isinstance(answer.data, dict) else {}


def _refusal(method: str, answer: Any) -> SlackError:
    status, headers = int(answer.status_code), {k.lower(): v for k, v in answer.headers.items()}
    data: Any = answer.data
    said = str(data.get("error") or "") if isinstance(data, dict) else ""
    is_code = 0 < len(said) <= 80 and said.replace("_", "").isalnum()
    code = said if is_code else f"http_{status}"
    if status == 429 or status >= 500 or code in BUSY:
        return SlackError(method, code, "busy", _seconds(headers.get("retry-after")))
    if code in RECIPIENT:
        return SlackError(method, code, "recipient")
    return SlackError(method, code, "ours")


def _seconds(value: object) -> timedelta | None:
    text = str(value or "")
    return timedelta(seconds=min(int(text), 86_400)) if text.isascii() and text.isdigit() else None
