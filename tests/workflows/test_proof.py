"""What is signed, and who believes it: statements, keys, and proofs that are none."""

from __future__ import annotations

import base64
import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHistory

from api.decisions.signing import NoKeyError, Signer
from api.operators.wellknown import key_set
from handover.exceptions import ProofError
from handover.models import Attachment, Decision, Origin, Signature, Status
from histories.decision import read_decision
from histories.fold import Fold
from settings.keys import new_secrets
from tests.proven import (
    ANSWERED_AT,
    BACKUP,
    FILE,
    KEYS,
    mutated,
    mutated_text,
    proven,
    signer,
    stranger,
)
from tests.readings import read
from tests.volume import volume
from tests.workflows import harness
from tests.workflows.harness import ALICE, Asking
from workflows import proof
from workflows.messages import DecisionInput
from workflows.statements import (
    RESPOND,
    Addition,
    Claim,
    CodeRequest,
    Extension,
    FailedDelivery,
    Report,
    Response,
    Signed,
    SignedAddition,
    SignedClaim,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedReport,
    SignedResponse,
    SignedWithdrawal,
    Withdrawal,
)
from workflows.unknown_keys import UnknownKeyError

HISTORIES = Path(__file__).parent / "histories"
WHOLE = ("extended_with_a_file_and_scheduled", "resolved_by_an_operator")
"""Recorded with an answer, with nothing in a store, and since digests are made without defaults."""
RICH: dict[str, Any] = {
    "context": "The parcel arrived broken.",
    "payload": {"order": "1142", "amount": 49.9, "lines": [1, True, None, {"sku": "a"}]},
    "escalation": [{"after_minutes": 5, "approvers": [BACKUP]}],
    "metadata": {"thread": "8a41"},
    "enforce": True,
}
DECISIONS = [
    proven("approve"),
    proven("deny", notes="not today", **RICH),
    proven("modify", data={"payload": {"amount": 5}}, attachments=[FILE], **RICH),
    proven("approve", origin=Origin.OPERATOR, by="operations", notes="checked"),
    proven(
        "approve",
        data={"execute_at": "2026-03-01T10:00:00Z"},
        response_type={"type": "schedule", "label": "Begin at"},
    ),
    proven(
        "approve",
        notes="n" * 20_000,
        data={"text": "d" * 20_000},
        response_type={"type": "text_input", "fields": [{"name": "text"}]},
        payload={"large": "p" * 20_000},
    ),
]


def is_verified(document: dict[str, Any], original: Decision) -> bool:
    """Whether a client takes this for a proven decision that is another than the original."""
    try:
        decision = Decision.model_validate(document)
        decision.verify(KEYS)
    except (ValidationError, ProofError):
        return False
    return decision != original


def response(**changes: Any) -> Response:
    return Response(
        decision_id="dec_one",
        run_id="run_1",
        request_digest="0" * 64,
        received_at=ANSWERED_AT,
        approver="ann@example.com",
        choice="approve",
        notes="fine",
    ).model_copy(update=changes)


def is_signed(response: SignedResponse, ring: proof.Keyring = signer.keyring) -> bool:
    return proof.verified(response, ring)


@pytest.mark.parametrize(
    "change",
    [
        {"decision_id": "dec_two"},
        {"run_id": "run_2"},
        {"request_digest": "1" * 64},
        {"received_at": ANSWERED_AT + timedelta(microseconds=1)},
        {"approver": "bob@example.com"},
        {"choice": "deny"},
        {"notes": None},
        {"data": {}},
        {"stored": {"notes": "0" * 64}},
        {"origin": Origin.OPERATOR},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_response_is_signed_in_all_its_parts(change: dict[str, Any]) -> None:
    """None can be exchanged behind the signature."""
    signed = signer.sign(response(), SignedResponse)
    assert is_signed(signed)
    assert not is_signed(signed.model_copy(update=change))


ABOUT: dict[str, Any] = {
    "decision_id": "dec_one",
    "run_id": "run_1",
    "request_digest": "0" * 64,
    "received_at": ANSWERED_AT,
}
STATEMENTS: dict[str, Signed] = {
    "withdrawal": signer.sign(
        Withdrawal(**ABOUT, agent="refund-bot", notes="no longer"), SignedWithdrawal
    ),
    "extension": signer.sign(
        Extension(**ABOUT, agent="refund-bot", expires_at=ANSWERED_AT), SignedExtension
    ),
    "addition": signer.sign(Addition(**ABOUT, agent="refund-bot", attachment=FILE), SignedAddition),
    "code": signer.sign(CodeRequest(**ABOUT, approver=BACKUP, code_id="code_1"), SignedCodeRequest),
    "failed delivery": signer.sign(
        FailedDelivery(
            **ABOUT,
            approver=BACKUP,
            channel="email",
            message="reminder",
            reason="bounced",
            provider_message_id="m",
            provider_event_id="e",
        ),
        SignedFailedDelivery,
    ),
    "claim": signer.sign(
        Claim(**ABOUT, number=1, agent="refund-bot", claim_id="claim_1", worker="w"), SignedClaim
    ),
    "report": signer.sign(
        Report(
            **ABOUT,
            number=1,
            agent="refund-bot",
            claim_id="claim_1",
            status="succeeded",
            result="done",
        ),
        SignedReport,
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_signed_in_all_its_parts(name: str) -> None:
    """What the service says besides answers holds as it was said, and in no other way."""
    signed = STATEMENTS[name]
    assert proof.verified(signed, signer.keyring)
    for part in signed.model_fields_set - {"signature"}:
        changed = signed.model_copy(update={part: other(getattr(signed, part))})
        assert not proof.verified(changed, signer.keyring), part


def other(value: Any) -> Any:
    """Another one of its kind."""
    match value:
        case datetime():
            return value + timedelta(microseconds=1)
        case int():
            return value + 1
        case Attachment():
            return value.model_copy(update={"sha256": "f" * 64})
        case _:
            return f"{value}!"


def test_a_decision_is_sealed_in_all_its_parts() -> None:
    """Whoever reaches Temporal can start no other decision with our seal on it."""
    sealed = signer.seal(harness.make_input()).model_dump(mode="json")
    others: dict[str, Any] = {
        **dict.fromkeys(
            ("id", "agent", "agent_id", "request_digest", "operator", "idempotency_key"), "another"
        ),
        **dict.fromkeys(("created_at", "expires_at"), "2026-01-01T00:00:00Z"),
        **{name: not sealed[name] for name in ("receipts", "step_up", "indexed")},
        "request": sealed["request"] | {"action": "another"},
        "stored": {"payload": "0" * 64},
        "attachments": [FILE.model_dump(mode="json")],
        "rules_version": sealed["rules_version"] - 1,
        "keyring": stranger.keyring,
        "reminders": {"after_minutes": 1, "every_minutes": 1, "most": 1},
        "routes": {BACKUP: [{"channel": "slack"}]},
        "seal": None,
    }
    assert others.keys() == sealed.keys()
    assert opened(sealed)
    for part, value in others.items():
        with pytest.raises(proof.UnprovenError, match="not sealed by this service"):
            opened(sealed | {part: value})


def opened(recorded: dict[str, Any]) -> DecisionInput:
    return proof.sealed_input([Payload(data=json.dumps(recorded).encode())], signer.keyring)


@pytest.mark.parametrize(
    "origin", [o for o in Origin if o not in (Origin.HUMAN, Origin.OPERATOR)], ids=str
)
def test_nobody_else_answers(origin: Origin) -> None:
    """An answer is a person's or an operator's: a signed one cannot be made anything else's."""
    signed = signer.sign(response(), SignedResponse)
    with pytest.raises(ValueError, match=origin):
        is_signed(signed.model_copy(update={"origin": origin}))


async def test_an_answer_passed_off_as_a_policy_counts_for_nothing(dev_client: Client) -> None:
    """The workflow would not ask whether a policy was asked."""
    asking = Asking.of(dev_client)
    async with asking.worker():
        await asking.start()
        answer = asking.sign("approve", by="nobody@example.com")
        posed = answer.model_copy(update={"origin": Origin.POLICY})
        await asking.handle.signal(RESPOND, posed)
        await asking.recorded("response.refused")
        await asking.respond("deny")
        outcome = await asking.result()
    assert outcome.status == Status.DENIED


def test_a_signature_is_for_one_purpose() -> None:
    """A withdrawal with the same content as an answer is no answer."""
    said = response(notes=None)
    withdrawn = signer.sign(
        Withdrawal(**said.model_dump(exclude={"notes"}), agent="ann@example.com"), SignedWithdrawal
    )
    assert not is_signed(SignedResponse(**said.model_dump(), signature=withdrawn.signature))


def spellings(value: str) -> list[str]:
    """Other texts that a lenient reader takes for the same bytes."""
    last = value[-3]
    return [
        *(value[:-3] + other + "==" for other in map(chr, range(ord(last) + 1, ord(last) + 4))),
        *(f"{value}\n", f" {value}", f"{value}=", value.rstrip("="), f"{value[:8]}*{value[8:]}"),
        value.replace("+", "-").replace("/", "_") + "=",
    ]


def test_a_signature_has_one_spelling() -> None:
    """Base64 can be written in many ways; a signature in one."""
    signed = signer.sign(response(), SignedResponse)
    for other in spellings(signed.signature.value):
        signed.signature = Signature(key_id=signed.signature.key_id, value=other)
        assert not is_signed(signed), other


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=volume(3_000, 200))
def test_mutated_signatures(chance: random.Random) -> None:
    """Whatever differs in a character, of the signature or of the name of its key, is none."""
    signed = signer.sign(response(), SignedResponse)
    part = chance.choice(["value", "key_id"])
    other = mutated_text(getattr(signed.signature, part), chance)
    signed.signature = signed.signature.model_copy(update={part: other})
    assert not is_signed(signed)


@given(value=st.binary(min_size=64, max_size=64), key_id=st.sampled_from([*signer.keyring]))
@settings(max_examples=volume(1_000, 100))
def test_made_up_signatures(value: bytes, key_id: str) -> None:
    """Any 64 bytes under the name of our key."""
    signature = Signature(key_id=key_id, value=base64.b64encode(value).decode())
    assert not proof.holds(response().to_sign(), signature, signer.keyring)


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.status)
def test_forged_proofs(decision: Decision) -> None:
    """Signed by a stranger under our key's name, or taken from another decision."""
    assert decision.proof
    document = decision.model_dump(mode="json")
    strangers = proven(signer=stranger).model_dump(mode="json")
    strangers["proof"]["signature"]["key_id"] = decision.proof.signature.key_id
    assert not is_verified(strangers, decision)
    for other in DECISIONS:
        taken = document | {"proof": other.model_dump(mode="json")["proof"]}
        assert not is_verified(taken, decision)


@given(decision=st.sampled_from(DECISIONS), chance=st.randoms(use_true_random=False))
@settings(max_examples=volume(4_000, 200))
def test_mutated_decisions(decision: Decision, chance: random.Random) -> None:
    """Nothing that an answer was about can be changed behind its proof."""
    assert not is_verified(mutated(decision, chance), decision)


def test_many_mutations() -> None:
    """Of decisions and their proofs; none is verified."""
    chance = random.Random(5)
    for _ in range(volume(100_000, 3_000)):
        decision = chance.choice(DECISIONS)
        document = mutated(decision, chance)
        assert not is_verified(document, decision), document


@pytest.mark.parametrize("name", WHOLE)
def test_recorded_decisions_prove_themselves(name: str) -> None:
    """What was signed once is verified by every later version."""
    history = WorkflowHistory.from_json("any", (HISTORIES / f"{name}.json").read_text())
    started = history.events[0].workflow_execution_started_event_attributes
    recorded = json.loads(started.input.payloads[0].data)
    reading = read(recorded["id"], recorded["keyring"], history.events)
    decision = read_decision(reading, reading.entries[-1].at)
    decision = Decision.model_validate_json(decision.model_dump_json())
    decision.verify(key_set(recorded["keyring"]))
    with pytest.raises(ProofError, match="not among the published"):
        decision.verify(KEYS)


OLD, NEW = (new_secrets() for _ in range(2))


def test_a_signer_signs_with_the_newest_key_that_a_decision_knows() -> None:
    """The newest for a new one; for one that was made before it, the one from then."""
    before = Signer([OLD["signing_keys"]])
    after = Signer([NEW["signing_keys"], OLD["signing_keys"]])
    mixed = {**before.keyring, **after.keyring}
    for ring, key in ((mixed, NEW), (before.keyring, OLD), (after.keyring, NEW)):
        signed = after.known_to(ring).sign(response(), SignedResponse)
        assert signed.signature.key_id == proof.key_id(key["verify_keys"])
        assert is_signed(signed, ring)
    assert after.sign(response(), SignedResponse).signature.key_id == proof.key_id(
        NEW["verify_keys"]
    )


def test_a_signer_without_a_key_that_a_decision_knows() -> None:
    """It says which, and what to do; a public key is none to sign with."""
    before = Signer([OLD["signing_keys"]])
    after = Signer([NEW["signing_keys"]], [OLD["verify_keys"]])
    with pytest.raises(NoKeyError, match="HANDOVER_SIGNING_KEYS") as caught:
        after.known_to(before.keyring)
    assert proof.key_id(OLD["verify_keys"]) in str(caught.value)
    assert after.keyring.keys() > before.keyring.keys()


def test_a_key_of_our_name_that_is_not_ours() -> None:
    """A ring that gives our key's name to another key does not make us sign."""
    after = Signer([NEW["signing_keys"]])
    with pytest.raises(NoKeyError):
        after.known_to(dict.fromkeys(after.keyring, OLD["verify_keys"]))


async def test_an_answer_under_a_key_that_was_taken_back(dev_client: Client) -> None:
    """The workflow took it. For an API that does not know the key, nothing can be said, but for one
    that is told that the key is revoked, it counts for nothing."""
    stolen = Signer([OLD["signing_keys"]])
    both = {**harness.signer.keyring, **stolen.keyring}
    asking = Asking.of(dev_client)
    asking.input.keyring = both
    async with asking.worker():
        await asking.start()
        answer = stolen.sign(
            Response(**asking.about(), approver=ALICE, choice="approve"), SignedResponse
        )
        await asking.handle.signal(RESPOND, answer)
        assert (await asking.handle.result()).status == Status.APPROVED
    [key_id] = stolen.keyring
    events = [event async for event in asking.handle.fetch_history_events()]
    before = Fold(asking.input.id, both)
    now = Fold(asking.input.id, harness.signer.keyring, revoked=[key_id])
    for event in events:
        before.feed(event)
        now.feed(event)
    assert read_decision(before.reading, ANSWERED_AT).approved
    decision = read_decision(now.reading, ANSWERED_AT)
    assert (decision.status, decision.origin) == (Status.CANCELLED, Origin.OPERATOR)
    assert decision.proof is None
    with pytest.raises(UnknownKeyError, match="HANDOVER_VERIFY_KEYS") as caught:
        await asking.reading()
    assert caught.value.key_id == key_id


def test_a_seal_of_a_key_that_is_not_known() -> None:
    """Another process may have sealed it: this one names the key, until it is revoked. What names
    no key of ours was sealed by nobody."""
    input = harness.stranger.seal(harness.make_input())
    payloads = [Payload(data=input.model_dump_json().encode())]
    [key_id] = harness.stranger.keyring
    with pytest.raises(UnknownKeyError, match=key_id):
        proof.sealed_input(payloads, signer.keyring)
    with pytest.raises(proof.UnprovenError, match="not sealed by this service"):
        proof.sealed_input(payloads, signer.keyring, [key_id])
    assert input.seal
    input.seal.key_id = "mine"
    with pytest.raises(proof.UnprovenError, match="not sealed by this service"):
        proof.sealed_input([Payload(data=input.model_dump_json().encode())], signer.keyring)
