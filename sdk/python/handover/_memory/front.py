"""The front of a service in memory, which answers each call."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from .._base import Answer, Call
from ..addresses import one_form
from ..models import DecisionSummary, Origin
from .files import new_file
from .life import Life, Reply
from .refusals import Refusal, at_fault
from .requests import (
    Cancellation,
    Extension,
    Filters,
    NewClaim,
    NewReport,
    Resolution,
    read_body,
    read_document,
    read_request,
)
from .service import Caller, MemoryService, Player

Told = tuple[int, dict[str, Any]]
IN_A_LIST = {*DecisionSummary.model_fields} - {"agent"}


class Front:
    """Answers calls. `player` plays the people who are asked."""

    def __init__(self, service: MemoryService, player: Player) -> None:
        self.service = service
        self._player = player
        self._of_decision: dict[tuple[str, str], Callable[[Call, str, Caller], Told]] = {
            ("GET", "audit"): self._audit,
            ("GET", "attachments"): self._attachments,
            ("POST", "attachments"): self._attach,
            ("POST", "resolve"): self._resolve,
            ("POST", "cancel"): self._cancel,
            ("POST", "extend"): self._extend,
            ("POST", "claim"): self._claim,
            ("POST", "done"): self._done,
        }

    def answer(self, call: Call, key: str) -> tuple[Answer, Life | None]:
        """Return the answer, with the pending decision that the call waits for.

        Raises the errors of the player.
        """
        waited = None
        try:
            (status, body), waited = self._route(call, self._caller(key))
        except Refusal as refusal:
            status, body = refusal.status, refusal.document()
        headers = {
            "date": format_datetime(self.service.now, usegmt=True),
            "x-request-id": uuid4().hex,
        }
        return Answer(status, headers, json.dumps(body).encode(), took=0.0), waited

    def _caller(self, key: str) -> Caller:
        caller = self._player.caller(key)
        if caller is None:
            raise Refusal("unauthorized", "The API key is not known here.")
        return caller

    def _route(self, call: Call, caller: Caller) -> tuple[Told, Life | None]:
        match call.method, [unquote(part) for part in call.path.split("/")[1:]]:
            case "POST", ["decisions"]:
                return self._create(call, caller)
            case "GET", ["decisions", decision_id]:
                return self._held(call, 200, self.service.find(decision_id, caller), caller)
            case "GET", ["decisions"]:
                return self._list(call, caller), None
            case method, ["decisions", decision_id, what] if (method, what) in self._of_decision:
                return self._of_decision[method, what](call, decision_id, caller), None
            case "POST", ["attachments"]:
                return self._upload(call, caller), None
            case "GET", [".well-known", "handover-keys"]:
                return (200, {"keys": []}), None
            case _:
                raise Refusal("not_found", "There is no such thing.")

    def _create(self, call: Call, caller: Caller) -> tuple[Told, Life | None]:
        request = read_request(call.content or b"{}", self.service.local_domains)
        life, is_new = self.service.ask(request, call.headers.get("idempotency-key"), caller)
        told = self.service.told(life, caller)
        if is_new:
            self._player.play(life)
            if not (call.params.get("wait") or self._player.at_once):
                return (201, told), None
        return self._held(call, 201, life, caller)

    def _held(
        self, call: Call, status: int, life: Life, caller: Caller
    ) -> tuple[Told, Life | None]:
        told = self.service.told(life, caller)
        if not call.params.get("wait") or life.decision.settled:
            return (status, told), None
        self._player.check_wait(life)
        return (status, told), life

    def _list(self, call: Call, caller: Caller) -> Told:
        asked = read_body(Filters, dict(call.params))
        if asked.agent not in (None, caller.name) and not caller.may_resolve:
            raise Refusal("missing_scope", "The decisions of other agents take decisions:resolve.")
        agent = asked.agent or (None if caller.may_resolve else caller.name)
        fitting = [life for life in self.service.lives if _fits(life, asked, agent)]
        if asked.idempotency_key is not None:
            fitting = [life for life in fitting if life.agent == caller.name]
        fitting.sort(key=_open_and_new_first)
        start = _place(asked.cursor)
        end = start + asked.limit
        page = [_summary(life) for life in fitting[start:end]]
        further = f"after-{end}" if end < len(fitting) else None
        told = {"decisions": page, "unreadable": 0, "next_cursor": further, "lags": True}
        return 200, told

    def _audit(self, call: Call, decision_id: str, caller: Caller) -> Told:
        life = self.service.find(decision_id, caller)
        told = self.service.told(life, caller)
        return 200, {
            "decision_id": decision_id,
            "status": told["status"],
            "execution": told["execution"],
            "entries": [entry.model_dump(mode="json") for entry in life.entries],
        }

    def _attachments(self, call: Call, decision_id: str, caller: Caller) -> Told:
        return 200, _attached(self.service.find(decision_id, caller))

    def _attach(self, call: Call, decision_id: str, caller: Caller) -> Told:
        life = self._own(decision_id, caller)
        life.check_pending()
        file = new_file(*_file(call), caller.name, self.service.base_url)
        self.service.change(life, lambda now: life.attach(file.attachment, now))
        return 201, _attached(life)

    def _upload(self, call: Call, caller: Caller) -> Told:
        file = self.service.keep(*_file(call), caller.name)
        return 201, file.attachment.model_dump(mode="json")

    def _resolve(self, call: Call, decision_id: str, caller: Caller) -> Told:
        if not caller.may_resolve:
            raise Refusal("missing_scope", "This takes a key with the scope decisions:resolve.")
        body = read_body(Resolution, _body(call))
        life = self.service.find(decision_id, caller)
        if life.agent == caller.name:
            raise Refusal("own_decision", "Nobody resolves their own request.")
        life.check_pending(to_others=True)
        reply = Reply(choice=body.action, notes=body.notes, data=body.response_data, by=caller.name)
        self.service.respond(life, reply, Origin.OPERATOR)
        return 200, self.service.told(life, caller)

    def _cancel(self, call: Call, decision_id: str, caller: Caller) -> Told:
        notes = read_body(Cancellation, _body(call)).notes
        life = self._own(decision_id, caller)
        self.service.change(life, lambda now: life.cancel(notes, Origin.AGENT, now))
        return 200, self.service.told(life, caller)

    def _extend(self, call: Call, decision_id: str, caller: Caller) -> Told:
        minutes = read_body(Extension, _body(call)).timeout_minutes
        life = self._own(decision_id, caller)
        self.service.change(life, lambda now: life.extend(minutes, now))
        return 200, self.service.told(life, caller)

    def _claim(self, call: Call, decision_id: str, caller: Caller) -> Told:
        given = read_body(NewClaim, _body(call))
        life = self._own(decision_id, caller)
        is_new = self.service.change(life, lambda now: life.claim(given, now))
        return 201 if is_new else 200, self.service.told(life, caller)

    def _done(self, call: Call, decision_id: str, caller: Caller) -> Told:
        given = read_body(NewReport, _body(call))
        life = self._own(decision_id, caller)
        self.service.change(life, lambda now: life.report(given, now))
        return 200, self.service.told(life, caller)

    def _own(self, decision_id: str, caller: Caller) -> Life:
        return self.service.find(decision_id, replace(caller, may_resolve=False))


def _body(call: Call) -> Any:
    return read_document(call.content) if call.content else {}


def _file(call: Call) -> tuple[str, bytes]:
    if call.file is None:
        raise at_fault(("file", "this part is missing."))
    return call.file


def _attached(life: Life) -> dict[str, Any]:
    return {"attachments": [each.model_dump(mode="json") for each in life.decision.attachments]}


def _summary(life: Life) -> dict[str, Any]:
    return {**life.decision.model_dump(mode="json", include=IN_A_LIST), "agent": life.agent}


def _fits(life: Life, asked: Filters, agent: str | None) -> bool:
    decision = life.decision
    return (
        agent in (None, life.agent)
        and asked.status in (None, decision.status)
        and asked.urgency in (None, decision.urgency)
        and (asked.approver is None or one_form(asked.approver) in life.approvers)
        and (asked.created_after is None or decision.created_at > asked.created_after)
        and asked.idempotency_key in (None, decision.idempotency_key)
    )


def _open_and_new_first(life: Life) -> tuple[bool, float]:
    since = life.decision.resolved_at or life.decision.created_at
    return life.decision.settled, -since.timestamp()


def _place(cursor: str | None) -> int:
    number = (cursor or "after-0").removeprefix("after-")
    if not number.isdecimal():
        raise at_fault(("cursor", "this is no cursor of this list; begin anew."))
    return int(number)
