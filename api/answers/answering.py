"""Taking an answer: the same for every way in, so that no way is laxer than another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from api.decisions.decisions import refusal
from api.doors.deps import Service
from api.problems.errors import Conflict, Invalid, NotFound, Unavailable, invalid
from handover.models import Choice
from store.attachments import StoredFile
from store.refused import RefusedResponse
from workflows import answers, objections
from workflows.canonical import dumps
from workflows.messages import Response
from workflows.objections import Objection
from workflows.reading import Fold
from workflows.sentences import Sentence
from workflows.stored import INLINE, whole_response


class AnswerRefused(Exception):  # noqa: N818 - an outcome of asking, not a fault
    """This answer counts for nothing; the record has the attempt. `fold` is the decision now."""

    def __init__(self, objection: Objection, fold: Fold) -> None:
        super().__init__(objection.message)
        self.objection = objection
        self.fold = fold

    @property
    def error(self) -> Conflict | Invalid:
        return refusal(self.objection, "action")


async def take(service: Service, fold: Fold, response: Response) -> Fold:
    """Check an answer and hand it to the workflow; the decision as far as that was heard.

    What is in the history is taken, whether or not it can be read back. Raises `AnswerRefused`,
    `Unconfirmed` where nobody knows whether it is there, and what keeps Temporal or the store from
    being reached before that.
    """
    assert fold.state  # noqa: S101 - who may answer was found in it
    response = normal(fold, response)
    why = _over(fold) or objections.objection(fold.state, response)
    if why is None:
        await _hand_over_files(service, fold, response)
        try:
            heard = await service.decisions.respond(fold, response)
        except NotFound:
            fold = await service.decisions.read(fold.decision_id)
            why = _over(fold) or Objection("late", objections.LATE)
        except (Conflict, Invalid) as error:  # the workflow's own record has it
            with suppress(Unavailable):
                fold = await service.decisions.read(fold.decision_id)
            raise AnswerRefused(Objection(error.problem.code, error.sentence), fold) from error
        else:
            asked = fold.state.rules.created_at
            service.metrics.time_to_answer.observe((response.received_at - asked).total_seconds())
            return heard
    await record(service, response, why)
    raise AnswerRefused(why, fold)


def normal(fold: Fold, response: Response) -> Response:
    """The answer in the one form in which it is judged and signed."""
    assert fold.state  # noqa: S101 - who may answer was found in it
    if response.choice != Choice.APPROVE:
        return response
    data = answers.normal(fold.state.rules.response_type, response.data)
    return response.model_copy(update={"data": data})


def is_outcome(fold: Fold, response: Response) -> bool:
    """Whether the decision ended with this answer, or with an equal one of the same person."""
    if fold.response is None:
        return False
    given, response = whole_response(fold.response, fold.bodies), normal(fold, response)
    return (given.approver, given.choice, given.data) == (
        response.approver,
        response.choice,
        response.data,
    )


async def _hand_over_files(service: Service, fold: Fold, response: Response) -> None:
    """Make the files of an answer the decision's, whose agent may fetch them."""
    assert fold.input  # noqa: S101 - who may answer was found in it
    brings_files = fold.input.request.response_type.type == "file_upload"
    if response.choice != Choice.APPROVE or not brings_files:
        return
    for file in (response.data or {})["uploaded_files"]:
        await service.store.attachments.give(file["id"], fold.input.agent, fold.decision_id)


async def with_files(
    service: Service,
    data: dict[str, Any] | None,
    is_theirs: Callable[[StoredFile], bool],
    sent: str,
) -> dict[str, Any] | None:
    """The data with each of `uploaded_files`, given by its id, in full.

    Raises `Invalid` for a file that is not theirs; `sent` completes “a file that …”.
    """
    if not data or not isinstance(data.get("uploaded_files"), list):
        return data
    files: list[dict[str, Any]] = []
    for index, given in enumerate(data["uploaded_files"]):
        file = await _uploaded(service, given)
        if file is None or not is_theirs(file):
            raise invalid(
                f"response_data.uploaded_files.{index}",
                f"this is no id of a file that {sent}.",
                code="unknown_attachment",
            )
        files.append(file.attachment.model_dump(mode="json"))
    return data | {"uploaded_files": files}


async def _uploaded(service: Service, given: object) -> StoredFile | None:
    """The file of this id, or of an object that has it."""
    file_id = cast(dict[str, object], given).get("id") if isinstance(given, dict) else given
    return await service.store.attachments.find(file_id) if isinstance(file_id, str) else None


async def record(service: Service, response: Response, why: Objection) -> None:
    """Keep an attempt that the workflow does not hear of."""
    is_small = len(dumps(response.data)) <= INLINE
    await service.store.refused_responses.add(
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


def _over(fold: Fold) -> Objection | None:
    """Also where the run is void, which its own state does not know."""
    if not fold.settled:
        return None
    return Objection("already_settled", Sentence("The decision is already over."))
