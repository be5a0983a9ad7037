"""Taking an answer: the same for every way in, so that no way is laxer than another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, cast

from api.answers.verdicts import REFUSALS, Declined, Over, Received, Recorded, Unfit, Verdict
from api.decisions.decisions import Decisions
from api.decisions.telling import Telling
from api.problems.errors import Conflict, Invalid, NotFound, Unavailable, invalid
from handover.models import Choice
from histories.reading import Live
from store.attachments import Attachments, StoredFile
from store.refused import RefusedResponse, RefusedResponses
from workflows import answers, objections
from workflows.canonical import dumps
from workflows.objections import Objection
from workflows.sentences import Sentence
from workflows.statements import Response
from workflows.stored import INLINE, whole_response


class Observer(Protocol):
    """A histogram that observes a value."""

    def observe(self, amount: float) -> None: ...


class Answers:
    """Takes answers. `time_to_answer` observes the seconds from a question to its answer."""

    def __init__(
        self,
        decisions: Decisions,
        telling: Telling,
        attachments: Attachments,
        refused: RefusedResponses,
        time_to_answer: Observer,
    ) -> None:
        self._decisions = decisions
        self._telling = telling
        self._attachments = attachments
        self._refused = refused
        self._time_to_answer = time_to_answer

    async def take(self, reading: Live, response: Response) -> Verdict:
        """Check an answer and hand it to the workflow.

        An answer in the history is taken, whether or not it can be read back. Raises `Unconfirmed`
        if nobody knows whether it is there, and the errors of Temporal or the store before that.
        """
        response = normal(reading, response)
        why = over(reading) or objections.objection(reading.state, response)
        if why is None:
            await self._hand_over_files(reading, response)
            try:
                heard = await self._telling.respond(reading, response)
            except NotFound:
                reading = await self._decisions.read_live(reading.decision_id)
                why = over(reading) or Objection("late", objections.LATE)
            except (Conflict, Invalid) as error:  # the workflow's own record has it
                with suppress(Unavailable):
                    reading = await self._decisions.read_live(reading.decision_id)
                return judged(reading, response, Objection(error.problem.code, error.sentence))
            else:
                asked = reading.state.rules.created_at
                self._time_to_answer.observe((response.received_at - asked).total_seconds())
                return _heard(heard, response)
        return await self.refuse(reading, response, why)

    async def refuse(self, reading: Live, response: Response, why: Objection) -> Verdict:
        """Keep an attempt that the workflow does not hear of."""
        is_small = len(dumps(response.data)) <= INLINE
        await self._refused.add(
            response.decision_id,
            RefusedResponse(
                approver=response.approver,
                choice=response.choice[:20],
                notes=response.notes,
                data=response.data if is_small else None,
                reason=why.reason,
                message=why.message,
                received_at=response.received_at,
            ),
        )
        return judged(reading, response, why)

    async def with_files(
        self, data: dict[str, Any] | None, is_theirs: Callable[[StoredFile], bool], sent: str
    ) -> dict[str, Any] | None:
        """Return the data with each of `uploaded_files`, given by its id, in full.

        Raises `Invalid` for a file that is not theirs; `sent` completes “a file that …”.
        """
        if not data or not isinstance(data.get("uploaded_files"), list):
            return data
        files: list[dict[str, Any]] = []
        for index, given in enumerate(data["uploaded_files"]):
            file = await self._uploaded(given)
            if file is None or not is_theirs(file):
                raise invalid(
                    f"response_data.uploaded_files.{index}",
                    f"this is no id of a file that {sent}.",
                    code="unknown_attachment",
                )
            files.append(file.attachment.model_dump(mode="json"))
        return data | {"uploaded_files": files}

    async def _hand_over_files(self, reading: Live, response: Response) -> None:
        """Make the files of an answer the decision's, whose agent may fetch them."""
        brings_files = reading.input.request.response_type.type == "file_upload"
        if response.choice != Choice.APPROVE or not brings_files:
            return
        for file in (response.data or {})["uploaded_files"]:
            await self._attachments.give(file["id"], reading.input.agent, reading.decision_id)

    async def _uploaded(self, given: object) -> StoredFile | None:
        """Return the file of this id, or of an object that has it."""
        file_id = cast(dict[str, object], given).get("id") if isinstance(given, dict) else given
        return await self._attachments.find(file_id) if isinstance(file_id, str) else None


def judged(reading: Live, response: Response, why: Objection) -> Verdict:
    """Return the verdict on an answer that does not count."""
    if why.reason == "already_settled":
        return Over(reading, why, repeats=is_outcome(reading, response))
    return REFUSALS.get(why.reason, Unfit)(reading, why)


def normal(reading: Live, response: Response) -> Response:
    """Return the answer in the one form in which it is judged and signed."""
    if response.choice != Choice.APPROVE:
        return response
    data = answers.normal(reading.state.rules.response_type, response.data)
    return response.model_copy(update={"data": data})


def is_outcome(reading: Live, response: Response) -> bool:
    """Return whether the decision ended with this answer, or with an equal one of the same
    person."""
    if reading.response is None:
        return False
    given, response = whole_response(reading.response, reading.bodies), normal(reading, response)
    return (given.approver, given.choice, given.data) == (
        response.approver,
        response.choice,
        response.data,
    )


def over(reading: Live) -> Objection | None:
    """Return whether the decision is over, also if the run is void, which its own state does not
    know."""
    if not reading.settled:
        return None
    return Objection("already_settled", Sentence("The decision is already over."))


def _heard(reading: Live, response: Response) -> Verdict:
    """Return the verdict on an answer that is in the history."""
    if reading.is_settled_by(response):
        return Recorded(reading)
    if reading.settled:
        return Over(reading, repeats=is_outcome(reading, response))
    if response.choice == objections.NOT_ME and reading.has_declined(response.approver):
        return Declined(reading)
    return Received(reading)
