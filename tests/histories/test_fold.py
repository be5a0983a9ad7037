"""What the API reads from a history, event by event: pure, in histories that are made by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import WorkflowTaskFailedCause

from handover.models import Status
from histories.decision import read_decision
from histories.fold import START_TOLERANCE
from tests.workflows.by_hand import History
from tests.workflows.harness import ALICE, BOB

RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


def test_a_tasks_signals_come_before_its_failures() -> None:
    """As Temporal delivers them: Bob answers before he is asked, and that counts for nothing."""
    history = History()
    sending = history.send("decision-request")
    history.task()
    history.fail(sending)
    history.respond("approve", BOB)
    history.task()
    assert history.status == Status.PENDING
    assert history.asked == [ALICE, BOB]
    [refused] = [e for e in history.reading.entries if e.type == "response.refused"]
    assert refused.details["reason"] == "not_asked"


def test_a_task_hears_what_was_there_when_it_began() -> None:
    """What comes while it runs is heard by the next one, and told as received until then."""
    history = History()
    history.task()
    history.add("WORKFLOW_TASK_STARTED")
    history.respond("approve")
    history.add("WORKFLOW_TASK_COMPLETED")
    assert history.status == Status.PENDING
    assert [entry.type for entry in history.reading.received] == ["signal.received"]
    history.task()
    assert history.status == Status.APPROVED


def test_a_reminder_that_fails_is_no_lost_question() -> None:
    """Who was asked is still asked, and nobody else is."""
    history = History()
    sending = history.send("reminder")
    history.task()
    history.fail(sending)
    history.task()
    assert history.asked == [ALICE]
    assert history.reading.state.awaited == [ALICE]


def test_of_equal_answers_one_decided() -> None:
    """The first; whoever sent the second is told so."""
    history = History()
    first, second = history.respond("approve"), history.respond("approve")
    history.task()
    assert history.reading.is_settled_by(first)
    assert not history.reading.is_settled_by(second)
    assert history.reading.heard[first.signature.value] is None
    assert history.reading.heard[second.signature.value] is not None


HUNDRED_SECONDS = {"timeout_minutes": 100 / 60, "escalation": []}


@pytest.mark.parametrize("message", ["decision-request", "escalation", "reminder"])
def test_the_first_question_that_reaches_somebody_says_since_when_it_is_known(message: str) -> None:
    """And nothing else does: neither one that is under way, nor one that failed, nor a code."""
    history = History()
    history.fail(history.send("decision-request"))
    history.deliver(history.send("code"))
    sending = history.send(message)
    history.task()
    assert history.reading.notified_at is None
    history.deliver(sending, "mail-2")
    history.deliver(history.send("reminder"), "mail-3")
    history.task()
    [_, first, _] = history.entries("notification.sent")
    assert history.reading.notified_at == first.at
    assert read_decision(history.reading, first.at).notified_at == first.at
    assert history.entries("decision.told_late") == []


@pytest.mark.parametrize(("after", "is_late"), [(40, False), (60, True), (99, True), (110, True)])
def test_who_is_told_late_is_told_of(after: float, is_late: bool) -> None:
    """Once, by the first question, with less than half of the time left; also with none of it."""
    history = History(**HUNDRED_SECONDS)
    history.wait(after)
    history.deliver(history.send("decision-request"))
    history.task()
    history.wait(10)
    history.deliver(history.send("reminder"), "mail-2")
    history.task()
    told = history.entries("decision.told_late")
    assert len(told) == is_late
    for entry in told:
        assert entry.at == history.reading.notified_at
        assert 0 <= entry.details.pop("seconds_left") <= max(0, 100 - after)
        assert entry.details == {"approver": ALICE, "channel": "email"}


def test_who_was_thought_to_be_reached_was_not() -> None:
    """Where the first message got lost, the next one says since when the question is known, and
    whether that was late: as much when it is sent before this comes out."""
    history = History(**HUNDRED_SECONDS)
    history.deliver(history.send("decision-request"))
    history.wait(60)
    history.deliver(history.send("reminder"), "mail-2")
    history.task()
    assert history.entries("decision.told_late") == []
    history.lose("mail-1")
    history.task()
    assert len(history.entries("decision.told_late")) == 1
    assert history.reading.notified_at == history.entries("notification.sent")[1].at
    history.lose("mail-2")
    history.task()
    assert history.reading.notified_at is None


def test_who_answers_before_they_are_told_is_not_told_late() -> None:
    """From their inbox: the message that comes after it changes nothing."""
    history = History(**HUNDRED_SECONDS)
    history.wait(60)
    history.respond("approve")
    history.deliver(history.send("decision-request"))
    history.task()
    assert history.status == Status.APPROVED
    assert history.reading.notified_at
    assert history.entries("decision.told_late") == []


@pytest.mark.parametrize("how", ["COMPLETED", "TERMINATED", "FAILED", "TIMED_OUT", "CANCELED"])
def test_a_run_that_ends_without_an_answer_is_void(how: str) -> None:
    """It is over, and no approval; an answer that was given before stays."""
    history = History()
    history.task()
    history.add(f"WORKFLOW_EXECUTION_{how}")
    assert history.reading.annulled
    assert history.reading.settled
    answered = History()
    answered.respond("approve")
    answered.task()
    answered.add(f"WORKFLOW_EXECUTION_{how}")
    assert answered.reading.annulled is None


@pytest.mark.parametrize("choice", [None, "deny", "approve"])
def test_a_reset_run_is_void(choice: str | None) -> None:
    """Whatever was answered before, or will be: a reset rewrites history itself."""
    history = History()
    if choice:
        history.respond(choice)
    history.task()
    history.add("WORKFLOW_TASK_FAILED", {"cause": RESET})
    assert history.reading.annulled == "reset in Temporal"


def test_a_run_is_its_own() -> None:
    """An old decision that is started anew is void, and one with the input of another."""
    assert History(START_TOLERANCE - timedelta(seconds=2)).reading.annulled is None
    assert History(START_TOLERANCE + timedelta(seconds=2)).reading.annulled
    assert History(-START_TOLERANCE - timedelta(seconds=2)).reading.annulled
    assert History(decision_id="dec_other").reading.annulled
