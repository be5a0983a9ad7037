"""Checks the path between an agent and an answer, part by part, and says what to do.

    python -m handover.doctor

This is the command `handover doctor` without the package that it needs, for the machine that runs
the service. It reads `HANDOVER_API_KEY` and `HANDOVER_BASE_URL`, asks nobody and changes nothing.
The exit code is 0 if nothing is wrong, and otherwise 3.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel

from ._base import Answer, Call, read
from ._hold import WHOLE
from ._http import HTTPExchange, open_http
from ._memory.text import visible_json, visible_line
from ._options import DEFAULT_BASE_URL, Options, resolve_options, told_by
from ._urls import is_loopback
from ._verdicts import ExitCode
from .exceptions import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    HandoverError,
    NotFoundError,
)

ASK_SCOPE = "decisions:create"
SKEW = timedelta(seconds=10)
"""Largest difference between two clocks that are set, with a slow network between them."""
LARGEST = 105_000_000
"""Bytes of the largest answer: ten files of 10 MB, with their headers and boundaries."""
PATIENCE = 3.0
"""Seconds for a proxy to refuse a request by its headers."""
EARLY = 1.0
"""Seconds before its time at which an answer counts as not held."""
LATE = 6.0
"""Seconds after its time at which an answer counts as lost."""

Verdict = Literal["ok", "wrong", "unseen"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one part, and what to do if it is `wrong`. `unseen` means that nobody can tell
    from here."""

    part: str
    verdict: Verdict
    says: str


class Caller(BaseModel):
    """The caller's key, and what the service sees of the request."""

    name: str
    scopes: list[str]
    scheme: str
    public_url: str
    now: AwareDatetime


def examine(options: Options, exchange: HTTPExchange, hold: float) -> Iterator[Finding]:
    """Examine all parts, in order; the last one takes `hold` seconds."""
    reached = _service(options, exchange)
    yield reached
    if reached.verdict == "wrong":
        return
    yield from _parts(exchange)
    key, caller, answer = _key(exchange)
    yield key
    yield _time(caller.now if caller else None, answer)
    yield _size(options)
    if caller:
        yield _scheme(options, caller)
        yield _links(options, caller)
        yield _hold(exchange, hold)


def _service(options: Options, exchange: HTTPExchange) -> Finding:
    try:
        answer = exchange.send(Call(method="GET", path="/healthz"))
        told = read(_Health, answer)
    except APIConnectionError as error:
        why = f"{error}. Is it running, and is that its address (HANDOVER_BASE_URL)?"
        return Finding("service", "wrong", why)
    except HandoverError as error:
        return Finding("service", "wrong", f"No Handover answers at {options.base_url}: {error}")
    is_well = told.status == "ok"
    says = f"answers at {options.base_url}" if is_well else f"is not well: {told.status}"
    return Finding("service", "ok" if is_well else "wrong", says)


class _Health(BaseModel):
    status: str


def _parts(exchange: HTTPExchange) -> Iterator[Finding]:
    """Report Temporal, the store, workers and channels, as `/readyz` has them."""
    try:
        answer = exchange.send(Call(method="GET", path="/readyz"))
    except APIConnectionError as error:
        yield Finding("parts", "wrong", str(error))
        return
    checks = _checks(answer)
    if not checks:
        yield Finding(
            "parts",
            "unseen",
            f"/readyz is kept from here ({answer.status}), as it should be behind a proxy. To see"
            " them, run `make doctor` where the service runs, or"
            " `docker compose exec api python -m handover.doctor`.",
        )
    for name, check in checks.items():
        yield Finding(name, "ok" if check == "ok" else "wrong", str(check))


def _checks(answer: Answer) -> dict[str, Any]:
    """Return the checks, or none if something else answers."""
    try:
        told: Any = json.loads(answer.content)
    except ValueError:
        return {}
    checks = cast(dict[str, Any], told).get("checks") if isinstance(told, dict) else None
    return cast(dict[str, Any], checks) if isinstance(checks, dict) else {}


def _key(exchange: HTTPExchange) -> tuple[Finding, Caller | None, Answer | None]:
    try:
        answer = exchange.send(WHO_AM_I)
        caller = read(Caller, answer)
    except AuthenticationError as error:
        why = f"{error} An administrator makes one (`make key`, or POST /auth/api-keys)."
        return Finding("key", "wrong", why), None, None
    except NotFoundError:
        why = "the service is older than this package, and does not tell whose key it is."
        return Finding("key", "unseen", why), None, None
    except HandoverError as error:
        return Finding("key", "wrong", str(error)), None, None
    says = f"is {caller.name}'s, for {', '.join(caller.scopes)}"
    if ASK_SCOPE in caller.scopes:
        return Finding("key", "ok", says), caller, answer
    why = f"{says}: it may not ask. An agent's key has the scope {ASK_SCOPE}."
    return Finding("key", "wrong", why), caller, answer


WHO_AM_I = Call(method="GET", path="/auth/whoami")


def _time(theirs: datetime | None, answer: Answer | None) -> Finding:
    if theirs is None:
        return Finding("time", "unseen", "the service did not tell its time.")
    on_the_way = timedelta(seconds=answer.took / 2 if answer else 0)
    ahead = datetime.now(UTC) - on_the_way - theirs
    if abs(ahead) <= SKEW:
        return Finding("time", "ok", "this machine's clock and the service's agree")
    seconds = ahead.total_seconds()
    how = f"{abs(seconds):.0f} seconds {'ahead of' if seconds > 0 else 'behind'}"
    return Finding(
        "time",
        "wrong",
        f"this machine's clock is {how} the service's: have both set by NTP. Else callbacks are"
        " refused, and what is approved for later runs at another time.",
    )


def _size(options: Options) -> Finding:
    """Test the size by headers that announce it: a server that takes less refuses it before there
    is a body."""
    url = urlsplit(options.base_url)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=PATIENCE)
    try:
        connection.putrequest("POST", f"{url.path}/d/doctor")
        connection.putheader("Content-Length", str(LARGEST))
        connection.endheaders()
        status = connection.getresponse().status
    except TimeoutError:  # it waits for the body
        status = None
    except (OSError, HTTPException) as error:
        return Finding("size", "unseen", f"cannot be told from here: {error}")
    finally:
        connection.close()
    if status != 413:
        return Finding("size", "ok", "ten files of 10 MB pass")
    return Finding(
        "size",
        "wrong",
        "a server on the way refuses an approver's answer with ten files of 10 MB. Have it take"
        " bodies of 110 MB (nginx: client_max_body_size 110m).",
    )


def _scheme(options: Options, caller: Caller) -> Finding:
    used = urlsplit(options.base_url).scheme
    if caller.scheme == used:
        return Finding("scheme", "ok", f"the service sees {used}, as it is asked")
    return Finding(
        "scheme",
        "wrong",
        f"it is asked by {used} and sees {caller.scheme}. Have the proxy send X-Forwarded-Proto,"
        " and name the proxy in HANDOVER_TRUSTED_PROXIES.",
    )


def _links(options: Options, caller: Caller) -> Finding:
    """Check that links begin with an address that approvers reach."""
    begin = f"links in messages begin with {caller.public_url}"
    if is_loopback(caller.public_url) and not is_loopback(options.base_url):
        why = "which is each reader's own machine"
    elif urlsplit(options.base_url).scheme == "https" != urlsplit(caller.public_url).scheme:
        why = "and whoever has one may answer: they are not to travel unencrypted"
    else:
        return Finding("links", "ok", begin)
    return Finding("links", "wrong", f"{begin}, {why}. Set HANDOVER_PUBLIC_URL at the service.")


def _hold(exchange: HTTPExchange, seconds: float) -> Finding:
    asked, began = {"wait": seconds}, time.monotonic()
    held = Call(method="GET", path=WHO_AM_I.path, params=asked, read_within=seconds + LATE)
    try:
        read(Caller, exchange.send(held))
    except (APIConnectionError, APIError) as error:
        why, took = f" ({error})", time.monotonic() - began
    else:
        why, took = "", time.monotonic() - began
        if took >= seconds - EARLY:
            return Finding("hold", "ok", f"a request is held for {seconds:g} seconds")
    return Finding(
        "hold",
        "wrong",
        f"a request that is to be held for {seconds:g} seconds ended after {took:.1f}{why}. Waits"
        " go on, with more requests. Have what is on the way wait for 150 seconds (nginx:"
        " proxy_read_timeout 150s).",
    )


def report(hold: float = WHOLE, *, as_json: bool = False) -> ExitCode:
    """Print the findings, and return the exit code of a successful command. Raises
    `ConfigurationError`."""
    url = told_by("HANDOVER_BASE_URL") or DEFAULT_BASE_URL
    options = resolve_options(None, url, dev_mode=False, timeout=15, retry_for=0)
    exchange, findings = open_http(options, None), list[Finding]()
    try:
        for finding in examine(options, exchange, hold):
            findings.append(finding)
            if not as_json:
                part, says = visible_line(finding.part), visible_line(finding.says)
                _put(f"{finding.verdict:<8}{part:<10}{says}")
    finally:
        exchange.close()
    if as_json:
        told = json.dumps([asdict(each) for each in findings], indent=2, ensure_ascii=False)
        _put(visible_json(told))
    is_wrong = any(each.verdict == "wrong" for each in findings)
    return ExitCode.FAILED if is_wrong else ExitCode.APPROVED


def _put(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser("python -m handover.doctor", description=__doc__)
    parser.add_argument("--hold", type=float, default=WHOLE, metavar="SECONDS")
    parser.add_argument("--json", action="store_true", help="a list of JSON")
    told = parser.parse_args()
    try:
        return report(told.hold, as_json=told.json)
    except HandoverError as error:
        print(f"handover: {error}", file=sys.stderr)  # noqa: T201
        return ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
