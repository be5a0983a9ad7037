"""What somebody might register under our workflow's name, to have it say what they like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from temporalio import workflow

from handover.models import Origin, Status
from workflows.messages import WORKFLOW, Outcome
from workflows.options import STATUS_KEY


@workflow.defn(name=WORKFLOW)
class RogueWorkflow:
    @workflow.run
    async def run(self, input: Any) -> Outcome:
        workflow.upsert_search_attributes([STATUS_KEY.value_set(Status.APPROVED)])
        return Outcome(status=Status.APPROVED, origin=Origin.HUMAN, at=datetime.now(UTC), by="me")


@workflow.defn(name=WORKFLOW)
class UpsertingWorkflow:
    """Says so in the index alone, and goes on as if it waited."""

    @workflow.run
    async def run(self, input: Any) -> None:
        workflow.upsert_search_attributes([STATUS_KEY.value_set(Status.APPROVED)])
        await workflow.wait_condition(lambda: False)
