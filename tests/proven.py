"""Settled decisions with their proof, made by the service's own parts and without a server."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from api.decisions.signing import Signer
from api.operators.wellknown import key_set
from handover.models import Attachment, Decision, DecisionRequest, Origin
from histories.decision import read_decision
from histories.reading import Live
from settings.keys import new_secrets
from workflows import answers, lifecycle, proof
from workflows.events import Responded
from workflows.messages import DecisionInput
from workflows.statements import Response, SignedResponse
from workflows.stored import set_aside

APPROVER, BACKUP = "approver@example.com", "backup@example.com"
ASKED_AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
ANSWERED_AT = ASKED_AT + timedelta(minutes=7, microseconds=250_000)
FILE = Attachment(
    id="att_1",
    name="contract.pdf",
    url="https://handover.example.com/attachments/att_1",
    type="application/pdf",
    size=1000,
    sha256="a" * 64,
)

signer = Signer([new_secrets()["signing_keys"]])
stranger = Signer([new_secrets()["signing_keys"]])
KEYS = key_set(signer.keyring)


def proven(
    choice: str = "approve",
    *,
    id: str = "dec_one",
    by: str = APPROVER,
    origin: Origin = Origin.HUMAN,
    notes: str | None = None,
    data: dict[str, Any] | None = None,
    attachments: Iterable[Attachment] = (),
    signer: Signer = signer,
    **request: Any,
) -> Decision:
    """What an agent reads of a decision that was answered so; `request` is of what it asked."""
    asked = DecisionRequest.model_validate({"action": "Refund", "approver": APPROVER} | request)
    large = set_aside({"context": asked.context, "payload": asked.payload})
    input = DecisionInput(
        id=id,
        agent="refund-bot",
        agent_id="key_1",
        request=asked.model_copy(update=dict.fromkeys(large.stored)),
        request_digest=proof.request_digest(asked),
        stored=large.stored,
        attachments=list(attachments),
        created_at=ASKED_AT,
        expires_at=ASKED_AT + timedelta(minutes=asked.timeout_minutes),
        rules_version=lifecycle.RULES_VERSION,
        keyring=signer.keyring,
    )
    state = lifecycle.begin(input)
    if choice == "approve":
        data = answers.normal(asked.response_type, data)
    aside = set_aside({"notes": notes, "data": data})
    response = Response(
        decision_id=id,
        run_id="run_1",
        request_digest=state.shown_digest,
        received_at=ANSWERED_AT,
        approver=by,
        choice=choice,
        notes=notes,
        data=data,
        origin=origin,
    ).model_copy(update={**dict.fromkeys(aside.stored), "stored": aside.stored})
    state = lifecycle.apply(state, Responded(ANSWERED_AT, signer.sign(response, SignedResponse)))
    assert state.outcome, state.log[-1]
    bodies = {**large.bodies, **aside.bodies}
    reading = Live(decision_id=id, run_id="run_1", input=input, state=state, bodies=bodies)
    decision = read_decision(reading, ANSWERED_AT)
    return Decision.model_validate_json(decision.model_dump_json())


UNSAID = {
    *("created_at", "expires_at", "escalation_level", "notifications", "action_permitted"),
    *("idempotency_key", "execution", "notified_at"),
}
"""What an answer says nothing about, so that a change of it need not be noticed."""

CHARACTERS = string.ascii_letters + string.digits + "+/=-_.: \n\x00é"


def mutated(decision: Decision, chance: random.Random) -> dict[str, Any]:
    """The decision as JSON, with one thing that its answer is about made another."""
    document = decision.model_dump(mode="json")
    node, key = chance.choice(list(_places(document)))
    node[key] = _another(node[key], chance)
    return document


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        if key in UNSAID:
            continue
        if key not in ("proof", "signature"):  # what more they say counts for nothing
            yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _another(value: Any, chance: random.Random) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + chance.choice([-1, 1, 0.5, 1e-9, 1e18])
        case str():
            return mutated_text(value, chance)
        case list():
            return value[1:] if value and chance.random() < 0.5 else [*value, "x"]
        case dict():
            rest = dict(list(value.items())[1:])
            return rest if value and chance.random() < 0.5 else {**value, "x": "y"}
        case _:
            return chance.choice(["", "x", 0, 1, True, [], {}, [1], {"a": 1}])


def mutated_text(text: str, chance: random.Random) -> str:
    """A text that differs: in one character, by a part that is missing, twice there or moved."""
    while True:
        start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
        part, more = text[start:end], chance.choice(CHARACTERS)
        made = chance.choice(
            [
                text[:start] + more + text[start + 1 :],
                text[:start] + more + text[start:],
                text[:start] + text[start + 1 :],
                text[:start] + text[end:],
                text[:start] + part + part + text[end:],
                text[:start] + part[::-1] + text[end:],
                text[:start] + part.swapcase() + text[end:],
                text + more,
            ]
        )
        if made != text:
            return made
