"""A decision's record: what its history tells, and what the store kept beside it, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import jsonpatch

from api.decisions.executions import FORGED, Run, Runs
from handover.models import Choice, Status
from histories.entries import AuditEntry
from histories.reading import Live, Reading, Void
from store.events import DeliveryReport
from store.refused import RefusedResponse
from workflows.stored import whole_response

ENDS = {
    "succeeded": "execution.succeeded",
    "failed": "execution.failed",
    "not_run": "execution.given_back",
}
LATE = ("already_settled", "late")
ARRIVALS = {
    "delivered": "notification.delivered",
    "deferred": "notification.deferred",
    "bounce": "notification.bounced",
    "dropped": "notification.dropped",
    "spamreport": "notification.reported_as_spam",
}


def record_of(
    reading: Reading, refused: Iterable[RefusedResponse], told: Iterable[DeliveryReport], runs: Runs
) -> list[AuditEntry]:
    """Return the record. `refused` are the attempts of which the workflow did not hear, `told` is
    what the provider of the mails has told of them, `runs` are those of what was permitted."""
    beside = [
        *(_attempt(each) for each in refused),
        *(_arrival(each) for each in told),
        *_of_runs(runs.signed),
        *(() if runs.is_whole else [_unproven()]),
    ]
    entries = (_whole(reading, entry) for entry in reading.entries)
    return sorted([*entries, *reading.received, *beside], key=lambda entry: entry.at)


def changes(before: object, after: object) -> list[dict[str, Any]]:
    """Return the changes that a person made, as a JSON Patch (RFC 6902)."""
    return jsonpatch.make_patch(before, after).patch


def _attempt(refused: RefusedResponse) -> AuditEntry:
    type = "response.late" if refused.reason in LATE else "response.refused"
    return AuditEntry(None, type, refused.received_at, asdict(refused))


def _arrival(told: DeliveryReport) -> AuditEntry:
    details = asdict(told)
    event, at = details.pop("event"), details.pop("at")
    shown = ("message", "approver", "channel", "provider", "provider_message_id", "reason")
    return AuditEntry(None, ARRIVALS[event], at, {name: details[name] for name in shown})


def _of_runs(runs: Iterable[Run]) -> Iterator[AuditEntry]:
    """Yield the entries of these runs. A claim that took the place of another is told apart: the
    action may have run before."""
    before: Run | None = None
    for run in runs:
        at = run.claim.received_at
        again = before is not None and not before.was_given_back(at)
        who = {"by": run.claim.agent, "worker": run.claim.worker}
        yield AuditEntry(None, "execution.claimed_again" if again else "execution.claimed", at, who)
        yield from _end_of(run)
        before = run


def _end_of(run: Run) -> Iterator[AuditEntry]:
    if report := run.report:
        details = {"by": report.agent, "result": report.result}
        yield AuditEntry(None, ENDS[report.status], report.received_at, details)


def _unproven() -> AuditEntry:
    """Return the entry for what is forged, as of now: nobody knows when it was written."""
    return AuditEntry(None, "execution.unproven", datetime.now(UTC), {"message": FORGED})


def _whole(reading: Reading, entry: AuditEntry) -> AuditEntry:
    """Return the entry; that of the outcome gets the notes and data that the store keeps."""
    if isinstance(reading, Void) or not reading.response:
        return entry
    if entry.type not in (f"decision.{status}" for status in Status):
        return entry
    response = whole_response(reading.response, reading.bodies)
    details = entry.details | {"notes": response.notes, "data": response.data}
    if response.choice == Choice.MODIFY:
        details["changes"] = _changes(reading, response.data or {})
    return replace(entry, details=details)


def _changes(reading: Live, data: dict[str, Any]) -> list[dict[str, Any]]:
    request = reading.request
    before = {"action": request.action} if request.payload is None else {"payload": request.payload}
    return changes(before, data)
