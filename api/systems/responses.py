"""`/responses/{token}`: approvers whose own systems answer, in JSON.

The token is that of the link in a message, and the way in is the page's: an answer that a page
refuses is refused here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.access.limiting import ANSWER
from api.answers.answering import is_outcome, normal
from api.answers.step_up import CodeNeeded
from api.decisions.documents import decision_of, refusal
from api.decisions.schemas import NewResponse
from api.doors.deps import Service, ServiceDep
from api.doors.links import LinkRoute, TheLink
from api.http.examples import RESPOND
from api.http.multipart import MULTIPART, REFUSED, read_form, the_file
from api.http.openapi import body_examples, problems
from api.people.linked import may_read
from api.problems.errors import Conflict, Invalid, NotFound, invalid
from handover.models import Attachment, Decision
from histories.decision import as_json_for
from histories.reading import Live
from links import Link
from store.attachments import StoredFile
from store.codes import HOLDS_FOR
from workflows import objections
from workflows.statements import Response as Answer

MOST_FILES = 20
"""Files that are kept for one approver's answer to one decision, including those that it leaves
out."""

OF_LINKS = ("not_found", "gone", "rate_limited", "unavailable")

router = APIRouter(tags=["responses"], route_class=LinkRoute)


class Question(BaseModel):
    """This approver's question, or what became of it: the `data` of a webhook."""

    decision: Decision
    approver: str
    respond_url: str
    page_url: str = Field(description="The page for people. `/files/{id}` below it has the files.")
    digest: str = Field(description="Of what is shown: an answer is an answer to this.")
    expires_at: datetime


class Outcome(BaseModel):
    """The decision once the answer was taken."""

    id: str
    status: str
    resolved_by: str | None
    resolved_at: datetime | None


@router.get(
    "/responses/{token}",
    response_model=Question,
    response_model_exclude_unset=True,
    responses=problems(*OF_LINKS),
)
async def read(service: ServiceDep, link: TheLink, token: str) -> dict[str, Any]:
    """Return the question as it stands; after the end, for 90 days, the outcome."""
    reading = await service.linked.decision_behind(link)
    if not may_read(reading, link):
        raise NotFound(str(objections.NOT_ASKED))
    base = service.settings.public_url.rstrip("/")
    return {
        "decision": as_json_for(decision_of(reading), link.approver),
        "approver": link.approver,
        "respond_url": f"{base}/responses/{token}",
        "page_url": f"{base}/d/{token}",
        "digest": reading.state.shown_digest,
        "expires_at": reading.state.rules.expires_at,
    }


@router.post(
    "/responses/{token}",
    responses={
        202: {"model": Outcome, "description": "Taken and safe; what comes of it is not known yet."}
    }
    | problems("already_settled", "late", "changed", "too_many_codes", "unconfirmed", *OF_LINKS)
    | problems("invalid_request", "invalid_answer", "needs_code", "unknown_attachment"),
    openapi_extra=body_examples(RESPOND),
)
async def respond(
    service: ServiceDep, link: TheLink, body: NewResponse, response: Response
) -> Outcome:
    """Answer, by the same rules as on the page. 202 while the effect is not known.

    If a code is needed, the first attempt has it mailed to the approver and is 422, with `form`:
    sent back with the code, it keeps tries of others from counting against this one. An answer that
    is already the outcome gets the same response again.
    """
    received_at = await service.clock.now()
    await service.limits.count_link(link, ANSWER)
    reading = await service.linked.decision_behind(link)
    given = Answer(
        decision_id=reading.decision_id,
        run_id=reading.run_id,
        request_digest=body.digest,
        approver=link.approver,
        choice=body.choice,
        notes=body.notes,
        data=await _data(service, link, body),
        received_at=received_at,
    )
    if not _is_heard(reading, given):
        reading = await _take(service, reading, await _with_code(service, reading, given, body))
    response.status_code = 200 if _is_heard(reading, given) else 202
    return _outcome(reading)


@router.post(
    "/responses/{token}/files",
    status_code=201,
    openapi_extra=MULTIPART,
    responses=problems("already_settled", "invalid_answer", *OF_LINKS, *REFUSED),
)
async def upload(service: ServiceDep, link: TheLink, request: Request) -> Attachment:
    """Send a file before the answer, whose `response_data.uploaded_files` names it by its id."""
    await service.limits.count_link(link, ANSWER)
    reading = await service.linked.decision_behind(link)
    await _check_wants_files(service, reading, link)
    async with read_form(request) as form:
        return await service.uploads.receive(
            the_file(form),
            agent=reading.input.agent,
            uploaded_by=link.approver,
            decision_id=reading.decision_id,
        )


async def _data(service: Service, link: Link, body: NewResponse) -> dict[str, Any] | None:
    """Return the data with the files in full. Raises `Invalid`."""

    def is_theirs(file: StoredFile) -> bool:
        return (file.uploaded_by, file.decision_id) == (link.approver, link.decision_id)

    sent = "was sent for this answer with POST {respond_url}/files"
    return await service.answers.with_files(body.response_data, is_theirs, sent)


async def _with_code(service: Service, reading: Live, given: Answer, body: NewResponse) -> Answer:
    """Return the answer with the name of its code, if it needs one and nothing else is wrong with
    it.

    Raises `Invalid` if the code is still to come, and as `_over` does.
    """
    why = objections.objection(reading.state, normal(reading, given))
    if reading.settled or why is None or why.reason != "needs_code":
        return given
    try:
        step = await service.step_up.pass_step(
            reading, given, body.code or "", form=body.form or ""
        )
    except Conflict as error:
        now = await service.decisions.read_live(reading.decision_id)
        raise _over(now, given) if now.settled else error from error
    if isinstance(step, CodeNeeded):
        raise _code_needed(step)
    return step


async def _take(service: Service, reading: Live, given: Answer) -> Live:
    """Return the decision once it has heard of this answer. Raises `Conflict` and `Invalid`."""
    verdict = await service.answers.take(reading, given)
    reading = verdict.reading
    if reading.settled and not _is_heard(reading, given):
        raise _over(reading, given)
    if verdict.why and not _is_heard(reading, given):
        raise refusal(verdict.why, "choice")
    return reading


def _is_heard(reading: Live, given: Answer) -> bool:
    """Return whether the workflow has this answer, or an equal one: programs repeat a request
    without an answer."""
    if given.choice == objections.NOT_ME:
        return reading.has_declined(given.approver)
    return is_outcome(reading, given)


async def _check_wants_files(service: Service, reading: Live, link: Link) -> None:
    """Check that a file can be part of an answer. Raises `Conflict` and `Invalid`."""
    state = reading.state
    if reading.settled:
        raise _over(reading, link)
    if not state.may_answer(link.approver):
        raise invalid("file", str(objections.NOT_ASKED), code="invalid_answer")
    if state.rules.response_type.type != "file_upload":
        raise invalid("file", "this decision is not answered with files.", code="invalid_answer")
    if await service.store.attachments.count(link.decision_id, link.approver) >= MOST_FILES:
        raise invalid("file", f"at most {MOST_FILES} files are kept for one answer.")


def _over(reading: Live, about: Answer | Link) -> Conflict:
    """Return 409, with the outcome as this approver may see it."""
    decision = as_json_for(decision_of(reading), about.approver)
    said = f"The decision is already {decision['status']}."
    return Conflict(said, code="already_settled", decision=decision)


def _code_needed(step: CodeNeeded) -> Invalid:
    """Return what the program's person has to do about the code."""
    if step.wrong:
        tries = f"tries left: {step.tries}" if step.tries else _where(step)
        said = f"this is not the code that was mailed to {step.sent_to}; {tries}."
    elif step.gone:
        said = f"that code holds no longer; {_where(step)}."
    else:
        said = f"this answer needs a code besides; {_where(step)}."
    why = invalid("code", said, code="needs_code")
    why.more["form"] = step.form
    return why


def _where(step: CodeNeeded) -> str:
    """Return where the code is, or will be."""
    if step.sent_at:
        until = step.sent_at + HOLDS_FOR
        return (
            f"one was mailed to {step.sent_to} and holds until {until:%H:%M:%S} UTC: send the same"
            " again with it, and with `form`"
        )
    if step.next_in is None:
        return "no other is mailed"
    return f"the next can be mailed in {step.next_in} s: send the same again then, without a code"


def _outcome(reading: Live) -> Outcome:
    decision = decision_of(reading)
    return Outcome(
        id=decision.id,
        status=decision.status,
        resolved_by=decision.resolved_by,
        resolved_at=decision.resolved_at,
    )
