"""Histories that were recorded once: today's workflow walks the same way, and so does the API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.readings import read
from tests.workflows.record import HISTORIES, SHAPES
from workflows.decision import DecisionWorkflow
from workflows.messages import DecisionInput, Outcome

RECORDED = sorted(HISTORIES.glob("*.json"))


def load(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(decision_input(path).id, path.read_text())


def decision_input(path: Path) -> DecisionInput:
    history = WorkflowHistory.from_json("any", path.read_text())
    started = history.events[0].workflow_execution_started_event_attributes
    return DecisionInput.model_validate_json(started.input.payloads[0].data)


def test_every_shape_is_recorded() -> None:
    """A new shape comes with its history: `python -m tests.workflows.record`."""
    assert {path.stem for path in RECORDED} >= {shape.__name__ for shape in SHAPES}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_replay(path: Path) -> None:
    """Decisions that wait for weeks survive an update of the workflow's code."""
    replayer = Replayer(workflows=[DecisionWorkflow], data_converter=pydantic_data_converter)
    result = await replayer.replay_workflow(load(path), raise_on_replay_failure=False)
    assert result.replay_failure is None, result.replay_failure


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_reading_gives_what_the_workflow_had(path: Path) -> None:
    """The API reads from the events just the outcome that the workflow returned."""
    input = decision_input(path)
    reading = read(input.id, input.keyring, load(path).events)
    last = load(path).events[-1]
    assert last.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
    result = last.workflow_execution_completed_event_attributes.result.payloads[0].data
    assert reading.annulled is None
    assert reading.state.outcome == Outcome.model_validate(json.loads(result))
