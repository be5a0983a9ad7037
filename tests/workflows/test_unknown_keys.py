"""What a process makes of keys that only another one knows, and of workflows that stand still:
pure, in histories that are made by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowTaskFailedCause

from handover.models import Status
from histories.reading import STALLED_AFTER, Failing
from tests.workflows.by_hand import History, payloads
from tests.workflows.harness import signer, stranger
from workflows.messages import STATUS_ATTRIBUTE
from workflows.statements import RESPOND
from workflows.unknown_keys import MARK, UnknownKeyError

[ELSEWHERE] = stranger.keyring
ENCRYPTED_BY = b"00112233445566ff"
UNREAD = {"payloads": [Payload(metadata={MARK: ENCRYPTED_BY}, data=b"?")]}
"""What `encryption.decoded` leaves of a payload for want of its key."""

FAULT = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
BETWEEN = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND


def record(history: History, status: str) -> None:
    """What the workflow itself says that became of it."""
    fields = {STATUS_ATTRIBUTE: Payload(data=json.dumps(status).encode())}
    history.add(
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", {"search_attributes": {"indexed_fields": fields}}
    )


def test_an_answer_that_another_process_signed() -> None:
    """Under a key that the decision knows: whoever does not know it says which it is."""
    history = History(vouches_for=stranger.keyring)
    history.respond("approve", signed_by=stranger)
    with pytest.raises(UnknownKeyError, match="HANDOVER_VERIFY_KEYS") as caught:
        history.task()
    assert caught.value.key_id == ELSEWHERE


@pytest.mark.parametrize(
    "told",
    [
        {"vouches_for": stranger.keyring, "revoked": [ELSEWHERE]},
        {},
        {"vouches_for": {ELSEWHERE: next(iter(signer.keyring.values()))}},
    ],
    ids=["a revoked key", "a key that the decision does not know", "a key that did not sign it"],
)
def test_an_answer_that_counts_for_nothing(told: dict[str, Any]) -> None:
    """As before there were unknown keys; what the service signs still counts."""
    history = History(**told)
    history.respond("approve", signed_by=stranger)
    history.task()
    assert history.refusals() == ["unproven"]
    history.respond("deny")
    history.task()
    assert history.status == Status.DENIED


def test_a_question_that_cannot_be_decrypted() -> None:
    """Nothing is said of it but the key that it takes."""
    history = History()
    history.begin_again()
    with pytest.raises(UnknownKeyError, match="HANDOVER_ENCRYPTION_KEYS") as caught:
        history.add("WORKFLOW_EXECUTION_STARTED", {"input": UNREAD})
    assert caught.value.key_id == ENCRYPTED_BY.decode()


def unread_signal() -> History:
    history = History()
    history.add("WORKFLOW_EXECUTION_SIGNALED", {"signal_name": RESPOND, "input": UNREAD})
    history.task()
    return history


def test_a_signal_that_nobody_could_decrypt() -> None:
    """Anybody can send one: it is refused as other garbage, and the decision goes on."""
    history = unread_signal()
    assert (history.status, history.refusals()) == (Status.PENDING, ["malformed"])
    history.respond("approve")
    history.task()
    record(history, "approved")
    history.add("WORKFLOW_EXECUTION_COMPLETED")
    assert (history.status, history.reading.annulled) == (Status.APPROVED, None)


def test_a_signal_that_the_workflow_made_something_of() -> None:
    """Its worker has a key that is not known here: nothing is void for that."""
    history = unread_signal()
    with pytest.raises(UnknownKeyError):
        record(history, "denied")
    history = unread_signal()
    with pytest.raises(UnknownKeyError):
        history.add("WORKFLOW_EXECUTION_COMPLETED")
    assert history.reading.annulled is None


def test_a_signal_that_may_have_moved_the_deadline() -> None:
    """Whether time has settled the decision cannot be said."""
    history = unread_signal()
    history.now = history.input.expires_at + timedelta(minutes=1)
    with pytest.raises(UnknownKeyError):
        history.task()


def test_who_was_asked_cannot_be_decrypted() -> None:
    """Before there is an answer nothing is known; what people are told afterwards changes none."""
    scheduled = {"activity_type": {"name": "send_notification"}, "input": UNREAD}
    with pytest.raises(UnknownKeyError):
        History().add("ACTIVITY_TASK_SCHEDULED", scheduled)
    history = History()
    history.respond("approve")
    history.task()
    history.add("ACTIVITY_TASK_SCHEDULED", scheduled)
    assert (history.status, history.reading.annulled) == (Status.APPROVED, None)


@pytest.mark.parametrize("how", ["TERMINATED", "FAILED", "TIMED_OUT"])
def test_what_somebody_ended_is_over(how: str) -> None:
    """Whatever could not be read of it."""
    history = unread_signal()
    history.add(f"WORKFLOW_EXECUTION_{how}")
    assert history.reading.annulled


def fail(history: History, cause: WorkflowTaskFailedCause.ValueType = FAULT) -> None:
    history.add("WORKFLOW_TASK_STARTED")
    failed = {"cause": cause, "failure": {"message": "no such command"}}
    history.add("WORKFLOW_TASK_FAILED", failed)


def test_a_task_that_fails_again_and_again() -> None:
    """Is told since its first failure, once that is no passing matter, and until one completes."""
    history = History()
    fail(history)
    since = history.now
    fail(history)
    reading = history.reading
    assert reading.failing == Failing(since, "no such command")
    assert reading.stalled(since + STALLED_AFTER / 2) is None
    told = reading.stalled(since + STALLED_AFTER)
    assert told
    assert f"{since:%Y-%m-%d %H:%M:%S} UTC" in told
    assert "no such command" in told
    history.task()
    reading = history.reading
    assert (reading.failing, reading.stalled(since + STALLED_AFTER)) == (None, None)


def test_a_task_that_fails_for_good_reason() -> None:
    """Something came in between, or somebody has ended the workflow."""
    history = History()
    fail(history, BETWEEN)
    assert history.reading.failing is None
    fail(history)
    history.add("WORKFLOW_EXECUTION_TERMINATED")
    assert history.reading.failing is None


def test_a_seal_of_a_key_that_only_another_process_knows() -> None:
    """What it sealed is not judged, until the key is revoked: then it is nobody's."""
    sealed = {"input": payloads(stranger.seal(History().input))}
    for revoked in ((), (ELSEWHERE,)):
        history = History()
        history.begin_again(revoked)
        if revoked:
            history.add("WORKFLOW_EXECUTION_STARTED", sealed)
            assert history.annulled == "the decision was not sealed by this service"
        else:
            with pytest.raises(UnknownKeyError) as caught:
                history.add("WORKFLOW_EXECUTION_STARTED", sealed)
            assert caught.value.key_id == ELSEWHERE
