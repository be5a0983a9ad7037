"""`decision.verify`: what holds, what does not, and that no service is needed to tell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover import (
    AsyncHandoverClient,
    Decision,
    DevModeWarning,
    EscalationStep,
    HandoverClient,
    Origin,
    ProofError,
    PublicKeys,
    Status,
)
from handover.models import DecisionRequest
from handover.proof import dumps, integer
from tests.javascript import rewritten
from tests.proven import (
    APPROVER,
    ASKED_AT,
    BACKUP,
    FILE,
    KEYS,
    proven,
    signer,
    stranger,
)
from tests.sdk.service import Behaviour, Service, decision, replies
from workflows import proof
from workflows.statements import Response, SignedResponse

Serve = Callable[..., Service]

ASKED: dict[str, Any] = {
    "context": "The parcel arrived broken.",
    "urgency": "high",
    "timeout_minutes": 90,
    "escalation": [{"after_minutes": 30, "approvers": [BACKUP]}],
    "payload": {"order": "1142", "amount": 49.9, "express": True, "note": None},
    "context_images": ["https://example.com/parcel.jpg"],
    "callback_url": "https://agent.example.com/outcome",
    "enforce": True,
    "metadata": {"thread": "8a41"},
}


class Asks(TypedDict):
    response_type: dict[str, Any]


SCHEDULE: Asks = {"response_type": {"type": "schedule"}}
FORM: Asks = {
    "response_type": {"type": "text_input", "fields": [{"name": "reply", "required": True}]}
}
LATER = (ASKED_AT + timedelta(days=30)).isoformat().replace("+00:00", "Z")


def changed(original: Decision, **changes: Any) -> Decision:
    return Decision.model_validate(original.model_dump(mode="json") | changes)


def with_proof(original: Decision, **changes: Any) -> Decision:
    assert original.proof
    return changed(original, proof=original.proof.model_dump(mode="json") | changes)


@pytest.mark.parametrize(
    ("settled", "status"),
    [
        (proven("approve"), Status.APPROVED),
        (proven("deny", notes="not today", **ASKED), Status.DENIED),
        (proven("modify", data={"payload": {"amount": 5}}, **ASKED), Status.MODIFIED),
        (proven("modify", data={"action": "Refund half of it"}), Status.MODIFIED),
        (proven("approve", data={"execute_at": LATER}, **SCHEDULE), Status.SCHEDULED),
        (proven("approve", **SCHEDULE), Status.APPROVED),
        (proven("approve", data={"reply": "yes"}, **FORM), Status.APPROVED),
        (proven("approve", attachments=[FILE], **ASKED), Status.APPROVED),
        (proven("deny", origin=Origin.OPERATOR, by="operations"), Status.DENIED),
        (proven("approve", notes="n" * 20_000, payload={"p": "p" * 20_000}), Status.APPROVED),
        (proven("modify", data={"payload": {"d": "d" * 20_000}}, **ASKED), Status.MODIFIED),
    ],
    ids=[
        "approved",
        "denied",
        "a payload modified",
        "an action modified",
        "scheduled",
        "at once instead",
        "a form",
        "with a file",
        "by an operator",
        "of much text",
        "a large payload modified",
    ],
)
def test_what_was_decided_holds(settled: Decision, status: Status) -> None:
    """Every kind of answer, also after another trip as JSON, with keys as object or as JSON."""
    assert settled.status == status
    settled.verify(KEYS)
    copy = Decision.model_validate_json(settled.model_dump_json())
    copy.verify(KEYS.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("id", "dec_two", "id: the answer is to the decision dec_one"),
        ("action", "Refund 10,000 EUR", "another question"),
        ("context", "Nothing happened.", "another question"),
        ("payload", {"order": "1142", "amount": 4990.0}, "another question"),
        ("payload", ASKED["payload"] | {"express": 1}, "another question"),
        ("payload", None, "another question"),
        ("metadata", {}, "another question"),
        ("timeout_minutes", 91, "another question"),
        ("attachments", [FILE.model_dump()], "another question"),
        ("approver", "mallory@example.com", "another question"),
        ("escalation", [], "another question"),
        ("callback_url", "https://mallory.example.com", "another question"),
        ("resolved_by", BACKUP, f"resolved_by: it was answered by {APPROVER}"),
        ("origin", "operator", "resolved_by"),
        ("resolved_at", "2026-01-05T10:08:00Z", "resolved_at"),
        ("expires_at", "2026-01-05T10:01:00Z", "expires_at"),
        ("response_notes", "Never!", "response_notes"),
        ("response_data", {"payload": {}}, "response_data"),
        ("status", "approved", "status: approved is not what follows"),
        ("status", "modified", "status"),
        ("status", "expired", "status"),
        ("approved", True, "approved: True does not go with the status denied"),
        ("action_permitted", True, "action_permitted: True does not go"),
        ("execute_at", LATER, "execute_at"),
        ("request_digest", "0" * 64, "request_digest: it is not that of what was asked"),
        ("proof", None, "no signed answer"),
    ],
)
def test_what_was_changed_is_told(field: str, value: Any, told: str) -> None:
    """Each field that an answer is about, and each that follows from it."""
    denied = proven("deny", notes="Not today.", **ASKED)
    with pytest.raises(ProofError, match=told):
        changed(denied, **{field: value}).verify(KEYS)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"decision_id": "dec_two"}, "signature"),
        ({"run_id": "run_2"}, "signature"),
        ({"request_digest": "0" * 64}, "signature"),
        ({"received_at": "2026-01-05T10:08:00Z"}, "signature"),
        ({"approver": BACKUP}, "signature"),
        ({"choice": "approve"}, "signature"),
        ({"data_digest": "0" * 64}, "signature"),
        ({"origin": "operator"}, "signature"),
        ({"origin": "policy"}, "origin: policy is nobody who answers"),
        ({"stored": {"notes": "0" * 64}}, "response_notes"),
        ({"stored": {"more": "0" * 64}}, "response_more"),
        ({"signature": {"key_id": "other", "value": ""}}, "the key 'other' is not among"),
    ],
)
def test_a_changed_proof_is_none(changes: dict[str, Any], told: str) -> None:
    """Each part of it."""
    with pytest.raises(ProofError, match=told):
        with_proof(proven("deny", **ASKED), **changes).verify(KEYS)


def test_a_part_that_was_stored_apart() -> None:
    """It is signed by its digest, and is what the decision has to have."""
    large = proven("approve", notes="n" * 20_000)
    assert large.proof
    assert large.proof.stored.keys() == {"notes"}
    for notes in ("n" * 19_999, None):
        with pytest.raises(ProofError, match="response_notes"):
            changed(large, response_notes=notes).verify(KEYS)


def test_a_proof_of_another_decision() -> None:
    """An approval does not prove another question, however alike."""
    small, large = proven(id="dec_two"), proven(action="Refund more", id="dec_two")
    with pytest.raises(ProofError, match="another question"):
        changed(large, proof=small.proof and small.proof.model_dump(mode="json")).verify(KEYS)
    with pytest.raises(ProofError, match="id: the answer is to the decision dec_two"):
        changed(small, id="dec_three").verify(KEYS)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": "expired", "origin": "timeout"}, "made the decision expired, and it permits"),
        ({"status": "cancelled", "origin": "agent"}, "made the decision cancelled"),
        ({"status": "denied", "origin": "operator"}, "made the decision denied"),
        ({"status": "pending"}, "nobody has decided yet"),
        ({"status": "approved", "origin": "human"}, "says approved, and has no proof"),
        ({"status": "approved", "origin": "dev"}, "dev_mode approved it, and nobody was asked"),
        ({"status": "escheated"}, "says escheated, and has no proof"),
    ],
)
def test_without_a_proof(fields: dict[str, Any], told: str) -> None:
    """Nobody's answer is never somebody's; the error says why there is none."""
    with pytest.raises(ProofError, match=told):
        Decision.model_validate(decision(**fields)).verify(KEYS)


def test_dev_mode_proves_nothing() -> None:
    """It has no keys, and its approvals are nobody's."""
    with HandoverClient(dev_mode=True) as client:
        with pytest.warns(DevModeWarning):
            made = client.decisions.create(action="Refund", approver=APPROVER)
        with pytest.raises(ProofError, match="dev_mode"):
            made.verify(client.keys())


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": [{"kid": 3}]}, []], ids=str)
def test_keys_that_are_none(keys: Any) -> None:
    """Whatever is given for keys, nothing is proven by it."""
    with pytest.raises(ProofError, match="keys: this is no set"):
        proven().verify(keys)


def test_keys_of_other_kinds() -> None:
    """A set may have further keys, of kinds that this version does not know."""
    [ours] = KEYS.model_dump(mode="json")["keys"]
    more = {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"}
    newer = {"kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA"}
    proven().verify({"keys": [more, ours, newer]})
    with pytest.raises(ProofError, match="not among the published"):
        proven().verify({"keys": [more, newer, ours | {"crv": "X25519"}]})
    [theirs] = [{"kid": ours["kid"], "kty": "OKP", "crv": "Ed25519", "x": x} for x in ["AAAA"]]
    with pytest.raises(ProofError, match="signature"):
        proven().verify({"keys": [theirs]})


def test_a_stranger_with_the_name_of_our_key() -> None:
    """The name says nothing; the arithmetic does."""
    [ours] = KEYS.model_dump(mode="json")["keys"]
    theirs = with_proof(proven(signer=stranger)).model_dump(mode="json")
    theirs["proof"]["signature"]["key_id"] = ours["kid"]
    with pytest.raises(ProofError, match="signature: it is not of this answer"):
        Decision.model_validate(theirs).verify(KEYS)


def test_numbers() -> None:
    """Large floats survive canonical JSON, where they look like integers; nothing else does."""
    odd: dict[str, Any] = {"tiny": 5e-324, "large": 1e20, "many": ["x" * 20_000], "zero": -0.0}
    odd["digits"] = 1.2345678901234568e20
    settled = proven(payload=odd)
    assert settled.payload
    assert settled.payload["large"] == 10**20
    settled.verify(KEYS)
    for number in (10**20 + 1, 2**53, float("nan"), float("inf"), 10**400, "1e20"):
        settled.payload["large"] = number
        with pytest.raises(ProofError):
            settled.verify(KEYS)
    settled.payload["large"] = 1e20
    settled.verify(KEYS)


ODD: dict[str, Any] = {
    "wei": 1.2345678901234567e20,
    "list": [1e20, 1.1000000000000001e18, {"x": 1e21, "small": 5e-324, "zero": -0.0, "one": 1.0}],
    "exact": 2**53 - 1,
}
"""Numbers of which JavaScript writes some as integers that no double is, to the last digit."""


@pytest.mark.parametrize("size", [10, 20_000])
@pytest.mark.parametrize("choice", ["approve", "modify"])
def test_a_decision_that_javascript_has_rewritten(choice: str, size: int) -> None:
    """It stays proven, whatever size the numbers and the payload have; so does what was asked."""
    payload = ODD | {"memo": "x" * size}
    changed = {"payload": payload | {"wei": -1.2345678901234568e19}}
    settled = proven(
        choice, payload=payload, data=changed if choice == "modify" else None, enforce=True
    )
    asked = {"action": "Refund", "approver": APPROVER, "payload": payload}
    settled.verify(KEYS, request=asked)
    text = rewritten(settled.model_dump_json())
    assert "123456789012345670000" in text
    again = Decision.model_validate_json(text)
    for request in (asked, json.loads(rewritten(json.dumps(asked)))):
        again.verify(KEYS, request=request)
    assert again.payload
    again.payload["wei"] += 20_000  # the next number of that size
    with pytest.raises(ProofError):
        again.verify(KEYS)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_text_is_a_doubles_form_exactly_if_that_is_its_form(number: float) -> None:
    """What canonical JSON writes is read as that number, and no other integer beyond 2^53 is."""
    text = dumps(number).decode()
    if text.lstrip("-").isdecimal():
        assert integer(text) == number
        other = str(int(text) + 1)
        if abs(int(text)) > 2**53 and dumps(float(other)).decode() != other:
            with pytest.raises(ValueError, match="is no number of JSON"):
                integer(other)


@pytest.mark.parametrize(
    "text", ["1152921504606846976", "1180591620717411303424", "9007199254740993"]
)
def test_an_integer_that_canonical_json_writes_otherwise(text: str) -> None:
    """Also where a double is just that number: whoever counts exactly would run another one than
    was shown."""
    with pytest.raises(ValueError, match="is no number of JSON"):
        integer(text)


def test_nan_is_not_null() -> None:
    """JSON has no NaN, and what writes null for it would take one for the other."""
    settled = proven(payload={"limit": None})
    settled.verify(KEYS)
    assert settled.payload
    settled.payload["limit"] = float("nan")
    with pytest.raises(ProofError):
        settled.verify(KEYS)


def test_a_bottomless_payload() -> None:
    """What is nested too deeply for anybody is not proven, and breaks nothing."""
    settled = proven(payload={"a": 1})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    settled.payload = {"a": deep}
    with pytest.raises(ProofError):
        settled.verify(KEYS)


def test_a_scheduled_action() -> None:
    """Permitted from its time on: told too early is a lie, told late is only old."""
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    over = proven("approve", data={"execute_at": past}, enforce=True, **SCHEDULE)
    waiting = proven("approve", data={"execute_at": future}, enforce=True, **SCHEDULE)
    for settled in (over, waiting, changed(over, action_permitted=True)):
        settled.verify(KEYS)
    with pytest.raises(ProofError, match="action_permitted"):
        changed(waiting, action_permitted=True).verify(KEYS)
    with pytest.raises(ProofError, match="execute_at"):
        changed(waiting, execute_at=past).verify(KEYS)
    with pytest.raises(ProofError, match="status"):
        changed(waiting, status="approved", approved=True, action_permitted=True).verify(KEYS)


def test_a_change_in_words_permits_nothing() -> None:
    """Without a payload nothing exact was permitted, and nobody may say so."""
    settled = proven("modify", data={"action": "Refund half of it"}, enforce=True)
    assert settled.action_permitted is False
    settled.verify(KEYS)
    with pytest.raises(ProofError, match="action_permitted"):
        changed(settled, action_permitted=True).verify(KEYS)


def test_what_you_asked() -> None:
    """The question is compared field by field with what you send to `create`."""
    settled = proven(**ASKED)
    mine = {"action": "Refund", "approver": APPROVER, **ASKED}
    settled.verify(KEYS, request=mine)
    settled.verify(KEYS, request=DecisionRequest.model_validate(mine))
    settled.verify(KEYS, request={"action": "Refund", "context": None})
    for name, value in {
        "action": "Refund 10 EUR",
        "payload": {"order": "1142", "amount": 49.91, "express": True, "note": None},
        "approver": [BACKUP],
        "enforce": False,
        "callback_url": "https://agent.example.com/elsewhere",
        "unheard_of": 1,
    }.items():
        with pytest.raises(ProofError, match=f"{name}: not what you asked"):
            settled.verify(KEYS, request=mine | {name: value})


def test_what_the_service_writes_in_its_own_way() -> None:
    """Types by their other names, one address or a list, the case of addresses."""
    settled = proven("approve", data={"reply": "yes"}, channel=["email"], **FORM)
    settled.verify(
        KEYS,
        request={
            "approver": [APPROVER.upper()],
            "channel": "email",
            "response_type": FORM["response_type"] | {"type": "text"},
        },
    )
    step = EscalationStep(after_minutes=30, approvers=[BACKUP.title()])
    proven(**ASKED).verify(KEYS, request={"escalation": (step,)})
    abroad = proven(approver="a@b\xfccher.example", by="a@b\xfccher.example")
    for spelled in ("A@B\xdcCHER.example", "a@xn--bcher-kva.example"):
        abroad.verify(KEYS, request={"approver": spelled})
    with pytest.raises(ProofError, match="approver: not what you asked"):
        abroad.verify(KEYS, request={"approver": "a@bucher.example"})
    sharp = proven(approver="a@straße.example", by="a@straße.example")
    sharp.verify(KEYS, request={"approver": "A@xn--strae-oqa.example"})
    with pytest.raises(ProofError, match="approver: not what you asked"):
        sharp.verify(KEYS, request={"approver": "a@strasse.example"})


def test_somebody_who_was_not_asked() -> None:
    """A person's answer is that of one of those whom the question names."""
    settled, mallory = proven(), "mallory@example.com"
    assert settled.proof
    said = settled.proof.model_dump(exclude={"data_digest", "signature"}) | {"approver": mallory}
    signed = signer.sign(Response.model_validate(said), SignedResponse)
    theirs = proof.proof_of(signed).model_dump(mode="json")
    with pytest.raises(ProofError, match="is none of the approvers"):
        changed(settled, resolved_by=mallory, proof=theirs).verify(KEYS)


ALONE = """
import sys
for name in ("cryptography", "rfc8785"):
    sys.modules[name] = None
import handover
from tests_decision import JSON
decision = handover.Decision.model_validate_json(JSON)
try:
    decision.verify({"keys": []})
except handover.HandoverError as error:
    print(type(error).__name__, error)
"""


def test_without_the_libraries(tmp_path: Any) -> None:
    """The package works without them, and says what to install where something is verified."""
    json = proven().model_dump_json()
    (tmp_path / "tests_decision.py").write_text(f"JSON = {json!r}")
    told = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("ConfigurationError Verifying takes rfc8785")
    assert "pip install 'handover-sdk[verify]'" in told.stdout


def test_the_libraries_are_loaded_for_this_alone() -> None:
    """A client that verifies nothing pays nothing for it."""
    code = (
        "import sys, handover.client; sys.exit(bool({'cryptography', 'rfc8785'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def answered() -> Behaviour:
    return replies(KEYS.model_dump(mode="json"))


async def test_fetching_the_keys(serve: Serve) -> None:
    """Both clients, and what they fetch verifies; a failure that may pass is tried again."""
    service = serve(replies({}, 503), answered(), answered())
    with HandoverClient("ho_key", service.url) as client:
        fetched = client.keys()
    async with AsyncHandoverClient("ho_key", service.url) as asynchronous:
        assert await asynchronous.keys() == fetched == KEYS
    assert {request.path for request in service.requests} == {"/.well-known/handover-keys"}
    proven().verify(fetched)
    proven().verify(PublicKeys.model_validate_json(fetched.model_dump_json()))
