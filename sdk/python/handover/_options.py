"""The options of a client: arguments first, the environment after them, checked once."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ._urls import complaint_about, is_loopback
from .exceptions import ConfigurationError

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
KEY = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""The characters of a bearer token (RFC 6750)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    api_key: str
    base_url: str
    dev_mode: bool
    timeout: float
    """Seconds for one exchange, beyond those for which the service holds a wait."""
    retry_for: float
    """Seconds to keep trying to reach a service that has not answered yet."""
    clock: Callable[[], float] = time.monotonic
    terminal: bool = False
    """Whether the person at the terminal is asked, and no service."""

    def changed(
        self, api_key: str | None, timeout: float | None, retry_for: float | None
    ) -> Options:
        """Return the options with these changes; raises `ConfigurationError` for a bad key."""
        key = self.api_key if api_key is None else api_key.strip()
        if not (self.dev_mode or self.terminal):
            _check_key(key)
        return replace(
            self,
            api_key=key,
            timeout=self.timeout if timeout is None else timeout,
            retry_for=self.retry_for if retry_for is None else retry_for,
        )


def resolve_options(
    api_key: str | None, base_url: str | None, *, dev_mode: bool, timeout: float, retry_for: float
) -> Options:
    """Complete the arguments from the environment.

    Raises `ConfigurationError` if they do not make a client.
    """
    given = (base_url or "").strip() or told_by("HANDOVER_BASE_URL")
    url = (given or DEFAULT_BASE_URL).rstrip("/")
    if why := complaint_about(url):
        raise bad_base_url(url, why)
    if dev_mode and not is_loopback(url):
        raise ConfigurationError(
            f"dev_mode approves everything without asking, so it is refused with {_shown(url)},"
            " which is not this machine. Leave out dev_mode, or base_url and HANDOVER_BASE_URL."
        )
    if "@" in urlsplit(url).netloc:
        raise ConfigurationError(
            "base_url (or HANDOVER_BASE_URL) has a user in it, and perhaps a password: take them"
            " out, since they would be sent in place of the API key."
        )
    key = (api_key or "").strip() or told_by("HANDOVER_API_KEY")
    terminal = not (dev_mode or key or given) and _is_at_terminal()
    if not (dev_mode or terminal):
        _check_key(key)
    return Options(
        api_key=key,
        base_url=url,
        dev_mode=dev_mode,
        terminal=terminal,
        timeout=timeout,
        retry_for=retry_for,
    )


def _is_at_terminal() -> bool:
    """Return whether somebody sits here who can be asked."""
    if os.environ.get("CI") or sys.stdin is None or sys.stdout is None:
        return False
    return not sys.stdin.closed and sys.stdin.isatty() and sys.stdout.isatty()


def told_by(variable: str) -> str:
    """Return a variable of the environment, without blanks and line breaks around it."""
    return os.environ.get(variable, "").strip()


def bad_base_url(url: str, why: object) -> ConfigurationError:
    """Return the error for a URL that no request can go to."""
    return ConfigurationError(
        f"base_url (or HANDOVER_BASE_URL) is {_shown(url)!r}: {why}. It should look like"
        f" {DEFAULT_BASE_URL}"
    )


def _shown(url: str) -> str:
    """Return a URL without its possible password."""
    return re.sub("//.*@", "//…@", url)


def _check_key(key: str) -> None:
    if not key:
        raise ConfigurationError(
            "No API key: pass api_key, or set HANDOVER_API_KEY. To try your agent without asking"
            " anybody, use dev_mode=True; in a terminal, without a base_url, you are asked there."
        )
    if not KEY.fullmatch(key):
        raise ConfigurationError(
            "The API key (api_key, or HANDOVER_API_KEY) has characters that no key has, such as a"
            " line break, a blank or a quotation mark: copy it again."
        )
