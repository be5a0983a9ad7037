"""The commands of `handover`."""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast
from uuid import uuid4

import typer

from . import doctor
from ._console import put, put_list, say, waiting
from ._hold import WHOLE
from ._options import DEFAULT_BASE_URL, told_by
from ._strict_json import RepeatedNameError, read_json
from ._verdicts import ExitCode, Finished, as_json, details, exit_code, result, sentence
from .client import HandoverClient
from .exceptions import ActionDenied, WaitTimeoutError
from .models import Decision, Status, Urgency

app = typer.Typer(
    help="Ask a person before something is done.\n\n"
    "Reads HANDOVER_API_KEY and HANDOVER_BASE_URL. Exit codes of ask and watch: 0 approved,"
    " 1 denied, 2 expired, 3 failed, 4 still open, 64 not understood, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Id = Annotated[str, typer.Argument(metavar="ID", help="The decision, dec_….")]
AsJson = Annotated[bool, typer.Option("--json", help="The whole decision as JSON on stdout.")]


def seconds(told: str) -> float:
    """Read `90s`, `30m`, `1h30m`, `2d`."""
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", told):
        raise typer.BadParameter(f"{told!r} is no time such as 90s, 30m, 1h30m or 2d")
    parts = re.findall(r"([\d.]+)([smhd])", told)
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


@app.command()
def ask(
    action: Annotated[str, typer.Argument(help="What is to be done, in words.")],
    approver: Annotated[
        list[str], typer.Option("--approver", "-a", help="Who is asked; may be repeated.")
    ],
    timeout: Annotated[
        str | None,
        typer.Option(help="Until nobody's answer means no: 90s, 30m, 1h30m, 2d.  [default: 1h]"),
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", "-c", help="Background for the approver.")
    ] = None,
    context_file: Annotated[
        str | None, typer.Option(help="A file with the background; - is stdin.")
    ] = None,
    urgency: Annotated[Urgency | None, typer.Option(help="How urgent it is.")] = None,
    payload: Annotated[
        str | None,
        typer.Option(
            metavar="JSON|@FILE", help="The exact arguments. What may run is put on stdout."
        ),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="email, slack or webhook; may be repeated.")
    ] = None,
    type: Annotated[
        str | None,
        typer.Option(help="The kind of answer: choose, number_input, …, or its JSON."),
    ] = None,
    choice: Annotated[
        list[str] | None, typer.Option(help="One of those of --type choose; repeated.")
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="A file for the approver; may be repeated."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="The same key finds the same decision, and nobody is asked twice."),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Put the id on stdout and end, with exit code 4.")
    ] = False,
    json: AsJson = False,
) -> NoReturn:
    """Ask, and wait for the answer."""
    fields: dict[str, Any] = {
        "action": action,
        "approver": approver,
        "timeout_minutes": seconds(timeout) / 60 if timeout else None,
        "context": _context(context, context_file),
        "urgency": urgency,
        "payload": _payload(payload) if payload is not None else None,
        "channel": channel or None,
        "response_type": _response_type(type, choice),
        "enforce": True,
    }
    with _client() as client:
        decision = _asked(client, fields, attach or [], idempotency_key)
        if not no_wait:
            _finish_settled(client, decision, None, json)
        put(_whole(decision) if json else decision.id)
        raise Finished(exit_code(decision))


@app.command()
def watch(
    decision_id: Id,
    timeout: Annotated[
        str | None, typer.Option(help="Stop waiting after this time, with exit code 4.")
    ] = None,
    json: AsJson = False,
) -> NoReturn:
    """Wait for a decision that was asked before."""
    limit = seconds(timeout) if timeout else None
    with _client() as client:
        _finish_settled(client, client.decisions.get(decision_id), limit, json)


@app.command("list")
def list_(
    status: Annotated[Status | None, typer.Option(help="Only those with this status.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The most to show.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="A list of JSON.")] = False,
) -> None:
    """List this agent's decisions, open ones first; the list lags some seconds behind."""
    with _client() as client:
        page = client.decisions.list(status=status, limit=min(limit, 100))
        found = islice(page, limit)
        if json:
            put(as_json([each.model_dump(mode="json") for each in found]))
        else:
            put_list(found)


@app.command()
def get(decision_id: Id, json: AsJson = False) -> None:
    """Show a decision as it stands; `watch` says whether it permits the action."""
    with _client() as client:
        _show(client.decisions.get(decision_id), json)


@app.command()
def cancel(decision_id: Id, json: AsJson = False) -> None:
    """Withdraw a question."""
    with _client() as client:
        _show(client.decisions.cancel(decision_id), json)


@app.command("doctor")
def doctor_(
    hold: Annotated[
        str, typer.Option(help="For how long the service is asked to hold a request: to 60s.")
    ] = f"{WHOLE}s",
    json: Annotated[bool, typer.Option("--json", help="A list of JSON.")] = False,
) -> NoReturn:
    """Check the path between an agent and an answer, and say what to do: exit code 0, or 3 if
    something is wrong. Nobody is asked."""
    raise Finished(doctor.report(seconds(hold), as_json=json))


def _client() -> HandoverClient:
    """Return the client of a service: whoever runs a script must not be the one to approve it."""
    return HandoverClient(base_url=told_by("HANDOVER_BASE_URL") or DEFAULT_BASE_URL)


def _asked(
    client: HandoverClient, fields: dict[str, Any], files: list[Path], key: str | None
) -> Decision:
    """Return the pending decision. With a key, files follow the question: sent again before it,
    they would have other ids, and be another question."""
    used = key or f"cli-{uuid4()}"
    try:
        if not key and files:
            fields["attachment_ids"] = [client.attachments.upload(each).id for each in files]
        decision = client.decisions.create(**fields, wait=False, idempotency_key=used)
        if key and not decision.settled:
            _attach(client, decision, files)
    except KeyboardInterrupt:
        hint = "" if files and not key else f" With --idempotency-key {used} nobody is asked twice."
        say(f"Interrupted before the service had answered.{hint}")
        raise Finished(ExitCode.INTERRUPTED) from None
    except ActionDenied as denied:
        return denied.decision
    return decision


def _attach(client: HandoverClient, decision: Decision, files: list[Path]) -> None:
    known = {each.sha256 for each in decision.attachments}
    for each in files:
        if sha256(each.read_bytes()).hexdigest() not in known:
            client.attachments.upload(each, decision_id=decision.id)


def _finish_settled(
    client: HandoverClient, decision: Decision, timeout: float | None, json: bool
) -> NoReturn:
    """Wait, print the outcome, and end with the decision's exit code."""
    try:
        settled = _settled(client, decision, timeout)
    except KeyboardInterrupt:
        say(f"Interrupted; the decision goes on. To wait on: handover watch {decision.id}")
        raise Finished(ExitCode.INTERRUPTED) from None
    except WaitTimeoutError as error:
        say(f"Not settled after {error.timeout:g} s. To wait on: handover watch {decision.id}")
        raise Finished(ExitCode.OPEN) from None
    code = exit_code(settled)
    say(sentence(settled))
    if json:
        put(_whole(settled))
    elif code == ExitCode.APPROVED and (told := result(settled)) is not None:
        put(told)
    raise Finished(code)


def _settled(client: HandoverClient, decision: Decision, timeout: float | None) -> Decision:
    if decision.settled:
        return decision
    try:
        with waiting(decision):
            return client.decisions.wait(decision.id, timeout=timeout)
    except ActionDenied as denied:
        return denied.decision


def _show(decision: Decision, json: bool) -> None:
    if json:
        put(_whole(decision))
        return
    for name, line in details(decision).items():
        put(f"{name:<10}{line}")


def _whole(decision: Decision) -> str:
    return as_json(decision.model_dump(mode="json"))


def _context(text: str | None, file: str | None) -> str | None:
    if text is not None and file is not None:
        raise typer.BadParameter("--context and --context-file say the same thing: give one")
    return _read(file) if file is not None else text


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error


def _payload(told: str) -> dict[str, Any]:
    read = _json("--payload", _read(told[1:]) if told.startswith("@") else told)
    if not isinstance(read, dict):
        raise typer.BadParameter("--payload is a JSON object")
    return cast(dict[str, Any], read)


def _response_type(told: str | None, choices: list[str] | None) -> dict[str, Any] | None:
    if told is None:
        if choices:
            raise typer.BadParameter("--choice goes with --type choose")
        return None
    kind = _json("--type", told) if told.startswith("{") else {"type": told}
    return {**kind, "choices": choices} if choices else kind


def _json(option: str, told: str) -> Any:
    try:
        return read_json(told)
    except RepeatedNameError as error:
        raise typer.BadParameter(f"{option}: {error}") from error
    except ValueError as error:
        raise typer.BadParameter(f"{option} is no JSON: {error}") from error
