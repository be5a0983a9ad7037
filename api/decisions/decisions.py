"""Decisions as the API starts, reads and signals them: knows no HTTP; routes know no Temporal."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.access.limiting import within_quota
from api.decisions.approvers import (
    check_approvers,
    check_places,
    check_slack,
    check_webhooks,
    named,
)
from api.decisions.backlog import Backlog
from api.decisions.clock import Clock
from api.decisions.delays import delays_of, is_overdue
from api.decisions.executions import Executions
from api.decisions.indexing import Indexing
from api.decisions.reminders import reminders_of
from api.decisions.routing import channels_at_once, routes_of
from api.decisions.signing import NoKeyError, Signer
from api.decisions.urls import check_url
from api.decisions.waiting import Waiting
from api.problems.errors import (
    ApiError,
    Conflict,
    Invalid,
    NeedsOperator,
    NotFound,
    Unavailable,
    Unconfirmed,
    invalid,
)
from api.problems.temporal import UNCONFIRMED, asking_temporal, reading, telling_temporal
from encryption import Encryption
from handover.addresses import one_form
from handover.models import Attachment, Decision, DecisionRequest, Urgency
from outgoing import GuardedClient
from store import Store, StoreError
from store.events import Told
from store.idempotency import Remembered
from store.keys import ApiKey
from workflows import lifecycle, objections, options, proof
from workflows.messages import (
    ATTACH,
    CANCEL,
    DELIVERY_FAILED,
    EXTEND,
    RESPOND,
    STEP_UP,
    WORKFLOW,
    Addition,
    CodeRequest,
    DecisionInput,
    Extension,
    FailedDelivery,
    Response,
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedResponse,
    SignedWithdrawal,
    Withdrawal,
)
from workflows.objections import Objection
from workflows.reading import Fold, as_json, as_json_for_others, read_decision
from workflows.sentences import Sentence
from workflows.state import State, rules_of
from workflows.stored import set_aside

log = logging.getLogger(__name__)

CLICK_LIMIT = 2.0
"""Seconds that a click waits for the workflow's word before it says "received", and for reading the
decision then."""

Signed = (
    SignedResponse
    | SignedWithdrawal
    | SignedExtension
    | SignedAddition
    | SignedCodeRequest
    | SignedFailedDelivery
)
"""What the service says to a decision."""

INDEXED_BYTES = 2_000
"""What is told of approvers to the index; Temporal refuses more than 2,048 in one attribute."""


class Decisions:
    def __init__(
        self,
        client: Client,
        store: Store,
        signer: Signer,
        waiting: Waiting,
        clock: Clock,
        *,
        task_queue: str,
        receipts: bool,
        operator: str | None,
        encryption: Encryption,
        outgoing: GuardedClient,
        backlog: Backlog,
        is_told_of_mails: bool = False,
        lacking_for_slack: Sequence[str] = (),
        local_domains: Collection[str] = (),
    ) -> None:
        self._client = client
        self._store = store
        self._signer = signer
        self._waiting = waiting
        self._clock = clock
        self._task_queue = task_queue
        self._receipts = receipts
        self._operator = operator
        self._encryption = encryption
        self._outgoing = outgoing
        self._backlog = backlog
        self._is_told_of_mails = is_told_of_mails
        self._lacking_for_slack = lacking_for_slack
        self._local_domains = local_domains
        self.executions = Executions(store, signer, clock)
        self._indexing = Indexing(client)

    async def prepare(self) -> None:
        """Have the search attributes registered before the first decision needs them."""
        with suppress(Unavailable):
            await self._indexing.available()

    async def create(self, agent: ApiKey, request: DecisionRequest, key: str | None) -> str:
        """Start a decision, or find the one that this idempotency key started; its id.

        Raises `Invalid` for a key that came with another request, and for an attachment that is not
        this agent's; `Forbidden` for an approver whom the agent's key may not ask; `TooMany` beyond
        its quota, and where messages are behind; `ClockDiffers`.
        """
        check_approvers(agent, request)
        check_places(self._local_domains, named(request))
        check_slack(self._lacking_for_slack, request)
        digest = proof.request_digest(request)
        if key is None:
            return await self._start(agent, request, digest, f"dec_{secrets.token_hex(13)}", None)
        made = await self._store.idempotency.find(agent.name, key)
        if made is None:
            made = Remembered(id_for(agent.name, key), _fingerprint(request))
            try:
                await self._start(agent, request, digest, made.decision_id, key)
            except WorkflowAlreadyStartedError:
                # Started by a request that died before it could remember its key.
                started = await self.read(made.decision_id)
                asked = _fingerprint(started.request) if started.input else ""
                made = Remembered(made.decision_id, asked)
            await self._store.idempotency.remember(agent.name, key, made)
        if made.fingerprint not in (_fingerprint(request), digest):
            raise invalid(
                "Idempotency-Key",
                "this key was used for another request; use a new key for each decision.",
                code="idempotency_key_reused",
            )
        return made.decision_id

    async def read(self, decision_id: str) -> Fold:
        """The decision as its history tells it now. Raises `NotFound`."""
        return await self._with_contents(await self._waiting.look(decision_id))

    async def glance(self, decision_id: str) -> Fold:
        """The decision for a page: what a wait in this process already knows, or else `read`.

        It may be some milliseconds old. That is as good: a page is older when its button is
        pressed, and the workflow judges what comes of it. Raises `NotFound`.
        """
        fold = self._waiting.glance(decision_id)
        return await self._with_contents(fold) if fold else await self.read(decision_id)

    async def read_for(self, key: ApiKey, decision_id: str, wait: float = 0) -> Fold:
        """A decision that this key may see, settled if it settles within `wait` seconds.

        An agent sees its own, a key that may resolve or audit sees all. Raises `NotFound`, also for
        what is not theirs: it is not there.
        """

        def may_see(fold: Fold) -> bool:
            return _is_theirs(fold, key) or (fold.input is not None and key.sees_all)

        def is_over(fold: Fold) -> bool:
            return fold.settled or (fold.input is not None and not may_see(fold))

        fold = None
        if wait > 0:
            fold = await self._waiting.until(decision_id, wait, is_over)
            fold = fold or self._waiting.glance(decision_id)  # the wait has followed it until now
        fold = await self._with_contents(fold) if fold else await self.read(decision_id)
        if not may_see(fold):
            raise NotFound("There is no such decision.")
        await self._ask_for_delays(fold)
        return fold

    async def delivered(self, decision_id: str) -> set[str]:
        """The messages of this decision that arrived, by their provider's ids: as far as anybody
        tells us, and no look is taken where nobody does."""
        if not self._is_told_of_mails:
            return set()
        told = await self._store.delivery_events.of(decision_id)
        return {each.provider_message_id for each in told if each.event == "delivered"}

    async def read_own(self, agent: ApiKey, decision_id: str) -> Fold:
        """A decision that this agent asked for, and may change. Raises `NotFound`."""
        fold = await self.read(decision_id)
        if not _is_theirs(fold, agent):
            raise NotFound("There is no such decision.")
        return fold

    async def respond(self, fold: Fold, response: Response) -> Fold:
        """Signal an answer that has no objection; the decision once the workflow has heard it.

        Where it hears it later than `CLICK_LIMIT`, the decision as it stands; where that cannot be
        read, `fold`. Raises `NotFound` when the workflow ended in between, `Conflict` when what
        stood before this answer in the history makes it count for nothing, and `Unconfirmed` where
        nobody knows whether it is in the history.
        """
        signer = self._signer_for(fold)
        large = set_aside({"notes": response.notes, "data": response.data})
        await self._store.contents.put(large.bodies)
        kept: dict[str, Any] = {**dict.fromkeys(large.stored), "stored": large.stored}
        signed = signer.sign_response(response.model_copy(update=kept))
        return await self._tell(RESPOND, signed, fold, "action")

    async def withdraw(self, fold: Fold, agent: ApiKey, notes: str | None) -> Fold:
        """The agent takes its question back."""
        withdrawal = Withdrawal(**await self._about(fold), agent=agent.name, notes=notes)
        signed = self._signer_for(fold).sign_withdrawal(withdrawal)
        try:
            await self._signal(CANCEL, signed)
        except NotFound:  # it ended in between
            return await self.read(fold.decision_id)
        return await self._heard(fold, lambda fold: fold.settled)

    async def extend(self, fold: Fold, agent: ApiKey, expires_at: datetime) -> Fold:
        """Move the deadline. Raises `Conflict` and `Invalid` where that cannot be."""
        extension = Extension(**await self._about(fold), agent=agent.name, expires_at=expires_at)
        if why := objections.objection_to_extension(_pending(fold, agent), extension):
            raise refusal(why, "timeout_minutes")
        signed = self._signer_for(fold).sign_extension(extension)
        return await self._tell(EXTEND, signed, fold, "timeout_minutes")

    async def attach(self, fold: Fold, agent: ApiKey, attachment: Attachment) -> Fold:
        """Show one more file. Raises `Conflict` and `Invalid` where that cannot be."""
        if why := objections.objection_to_addition(_pending(fold, agent)):
            raise refusal(why, "file")
        addition = Addition(**await self._about(fold), agent=agent.name, attachment=attachment)
        signed = self._signer_for(fold).sign_addition(addition)
        return await self._tell(ATTACH, signed, fold, "file")

    async def request_code(self, fold: Fold, approver: str, code_id: str) -> Fold:
        """Have a code mailed to this approver. Raises `Conflict` and `Invalid` where that cannot
        be."""
        about = await self._about(fold)
        request = CodeRequest(**about, approver=approver, code_id=code_id)
        if why := objections.objection_to_code(_pending(fold), request):
            raise refusal(why, "code")
        signed = self._signer_for(fold).sign_code_request(request)
        return await self._tell(STEP_UP, signed, fold, "code")

    async def report_failure(self, told: Told) -> None:
        """Tell a decision that a message of it did not arrive, where that changes anything.

        Does not wait until the workflow has heard it. Raises `Unavailable`.
        """
        with suppress(NotFound):  # it is over, and its history gone
            fold = await self._waiting.look(told.decision_id)
            if fold.settled or fold.state is None:
                return
            failed = FailedDelivery(
                **await self._about(fold),
                approver=told.approver,
                channel=told.channel,
                message=told.message,
                reason=told.reason or told.event,
                provider_message_id=told.provider_message_id,
                provider_event_id=told.id,
            )
            if objections.objection_to_failure(fold.state, failed) is None:
                signed = self._signer_for(fold).sign_failed_delivery(failed)
                await self._signal(DELIVERY_FAILED, signed)

    def _signer_for(self, fold: Fold) -> Signer:
        """Signs so that this decision believes it. Raises `NeedsOperator` where no key can."""
        assert fold.input  # noqa: S101 - `read_for` found whose it is
        try:
            return self._signer.known_to(fold.input.keyring)
        except NoKeyError as error:
            log.error("%s cannot be answered: %s", fold.decision_id, error)  # noqa: TRY400 - no fault of ours
            raise NeedsOperator(str(error)) from error

    async def _about(self, fold: Fold) -> dict[str, Any]:
        """What every statement has. Raises `ClockDiffers`."""
        assert fold.input  # noqa: S101 - `read_for` found whose it is
        return {
            "decision_id": fold.input.id,
            "run_id": fold.run_id,
            "request_digest": fold.input.request_digest,
            "received_at": await self._clock.now(),
        }

    async def _tell(self, name: str, signed: Signed, known: Fold, field: str) -> Fold:
        """Signal it. Raises `Conflict` or `Invalid` where the workflow refuses what looked right
        from here, because something else came before it."""
        signature = signed.signature.value
        await self._signal(name, signed)
        fold = await self._heard(known, lambda fold: signature in fold.heard)
        refused = fold.heard.get(signature)
        if refused and not fold.settled:
            said = Sentence(refused.details["message"])
            raise refusal(Objection(refused.details["reason"], said), field)
        return fold

    async def _signal(self, name: str, signed: Signed) -> None:
        """Have it in the history. Raises `NotFound` where the workflow is over, `Unavailable` where
        it was not taken, and `Unconfirmed` where nobody knows."""
        try:
            async with telling_temporal():
                await self._client.get_workflow_handle(signed.decision_id).signal(name, signed)
        except (NotFound, Unconfirmed):
            # The client tries again where an answer got lost, and may find the workflow over by
            # what it sent before.
            if not await self._is_in_history(signed):
                raise

    async def _is_in_history(self, signed: Signed) -> bool:
        """Raises `Unconfirmed` where nobody can look."""
        try:
            async with asyncio.timeout(CLICK_LIMIT):
                return await self._waiting.has(signed.decision_id, signed.signature.value)
        except NotFound:
            return False
        except (TimeoutError, Unavailable) as error:
            raise Unconfirmed(UNCONFIRMED) from error

    async def _heard(self, known: Fold, done: Callable[[Fold], bool]) -> Fold:
        """The decision once it is `done`, or as it stands when the time is over.

        What was signalled is in the history, and nothing takes that back: where the decision cannot
        be read any more, it is what was `known` of it.
        """
        try:
            return await self._read_when(known.decision_id, done)
        except Exception as error:
            is_away = isinstance(error, (ApiError, StoreError, TimeoutError))
            log.warning(
                "%s took a signal and cannot be read: %r",
                known.decision_id,
                error,
                exc_info=not is_away,
            )
            return known

    async def _read_when(self, decision_id: str, done: Callable[[Fold], bool]) -> Fold:
        try:
            heard = await self._waiting.until(decision_id, CLICK_LIMIT, done, reserve=True)
        except Unavailable:
            heard = None
        async with asyncio.timeout(CLICK_LIMIT):
            return await self._with_contents(heard) if heard else await self.read(decision_id)

    async def _with_contents(self, fold: Fold) -> Fold:
        """The fold with what the store keeps of it. Raises `Unavailable` where that is not there,
        and `Unreadable`: nobody is to decide, or act, on half of a request."""
        fold.execution = (await self.executions.of(fold)).current
        if missing := fold.stored:
            fold.bodies |= await self._store.contents.get(missing)
            if fold.stored:
                log.error("the store lacks a part of %s", fold.decision_id)
                raise Unavailable("A part of this decision is not in the store; tell an operator.")
            with reading(fold.decision_id):
                _ = fold.request, fold.outcome()
        return fold

    async def _ask_for_delays(self, fold: Fold) -> None:
        """Of messages that should have gone out. Where Temporal does not tell, nothing is said."""
        fold.delays = None
        if is_overdue(fold, datetime.now(UTC)):
            with suppress(NotFound, Unavailable, RPCError):
                fold.delays = await delays_of(self._client, fold)

    async def _start(
        self,
        agent: ApiKey,
        request: DecisionRequest,
        digest: str,
        decision_id: str,
        key: str | None,
    ) -> str:
        async with within_quota(self._store, agent):
            return await self._begin(agent, request, digest, decision_id, key)

    async def _begin(
        self,
        agent: ApiKey,
        request: DecisionRequest,
        digest: str,
        decision_id: str,
        key: str | None,
    ) -> str:
        routes = await routes_of(self._store.approvers, request, self._lacking_for_slack)
        await self._backlog.admit(agent.name, request, channels_at_once(request, routes))
        now = await self._clock.now()
        large = set_aside({"context": request.context, "payload": request.payload})
        attachments = [await self._attachment(agent, each) for each in request.attachment_ids]
        if request.callback_url:
            await check_url(self._outgoing, request.callback_url, "callback_url")
        await check_webhooks(self._store.approvers, request)
        await self._store.contents.put(large.bodies)
        input = DecisionInput(
            id=decision_id,
            agent=agent.name,
            agent_id=agent.id,
            request=request.model_copy(update=dict.fromkeys(large.stored)),
            request_digest=digest,
            stored=large.stored,
            attachments=attachments,
            created_at=now,
            expires_at=now + timedelta(minutes=request.timeout_minutes),
            rules_version=lifecycle.RULES_VERSION,
            keyring=self._signer.keyring,
            receipts=self._receipts,
            step_up=agent.step_up or request.urgency == Urgency.CRITICAL,
            reminders=reminders_of(request),
            routes=routes,
            operator=self._operator,
            idempotency_key=key,
            indexed=await self._indexing.available(),
        )
        try:
            await self._start_workflow(input, request)
        except RPCError as error:
            if not (input.indexed and _is_about_search_attributes(error)):
                raise
            self._indexing.forget()
            await self._start_workflow(input.model_copy(update={"indexed": False}), request)
        return decision_id

    async def _attachment(self, agent: ApiKey, attachment_id: str) -> Attachment:
        file = await self._store.attachments.find(attachment_id)
        if file is None or file.agent != agent.name or file.decision_id:
            raise invalid(
                "attachment_ids",
                f"there is no file {attachment_id!r} of yours; upload it with POST /attachments.",
                code="unknown_attachment",
            )
        return file.attachment

    async def _start_workflow(self, input: DecisionInput, request: DecisionRequest) -> None:
        async with asking_temporal():
            await self._client.start_workflow(
                WORKFLOW,
                self._signer.seal(input),
                id=input.id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                priority=options.priority(
                    input, "decision-request", input.expires_at - input.created_at
                ),
                static_summary=options.summary(f"{input.agent}: {input.request.action}"),
                static_details=options.static_details(input, request),
                search_attributes=(
                    search_attributes(input, self._encryption) if input.indexed else None
                ),
            )


CODES = {
    "not_asked": "invalid_answer",
    "not_offered": "invalid_answer",
    "too_many": "invalid_answer",
    "needs_code": "invalid_answer",
    "wrong_code": "invalid_answer",
    "too_long": "not_longer",
}
"""Of objections whose reason is not a code by itself."""


def refusal(why: Objection, field: str) -> Conflict | Invalid:
    """An objection as an answer: 409 where the decision is over or another, 422 naming `field`."""
    code = CODES.get(why.reason, why.reason)
    if code in ("already_settled", "late", "changed", "too_many_codes"):
        return Conflict(why.message, code=code, sentence=why.sentence)
    if code == "invalid_answer" and why.sentence.field is not None:
        return invalid(f"response_data.{why.sentence.field}", why.sentence, code=code)
    return invalid(field, why.message, code=code)


def _is_theirs(fold: Fold, key: ApiKey) -> bool:
    return fold.input is not None and fold.input.agent == key.name


def _pending(fold: Fold, reader: ApiKey | None = None) -> State:
    """Raises `Conflict`, with the outcome, where the decision is over."""
    if fold.settled or fold.state is None:
        raise already_settled(fold, reader)
    return fold.state


def decision_of(fold: Fold) -> Decision:
    """What a fold says, as an answer. Raises `NotFound` where it is no decision of ours, and
    `Unreadable`."""
    try:
        with reading(fold.decision_id):
            return read_decision(fold, datetime.now(UTC))
    except proof.UnprovenError as error:
        raise NotFound("There is no such decision.") from error


def answer(
    fold: Fold, reader: ApiKey | None = None, delivered: Collection[str] = ()
) -> dict[str, Any]:
    """A decision as JSON, for whoever has this key. Raises `NotFound` where it is no decision of
    ours.

    `delivered` are the messages of which their provider told that they arrived, by its ids.
    """
    decision = decision_of(fold)
    decision.notifications = [
        each.model_copy(update={"result": "delivered"})
        if each.result == "sent" and each.provider_message_id in delivered
        else each
        for each in decision.notifications
    ]
    is_theirs = reader is not None and _is_theirs(fold, reader)
    return as_json(decision) if is_theirs else as_json_for_others(decision)


def attached(fold: Fold) -> list[Attachment]:
    """The files that are shown with it."""
    return list(fold.state.attachments) if fold.state else []


def already_settled(fold: Fold, reader: ApiKey | None = None) -> Conflict:
    """What is over stays what it is: 409, with the outcome."""
    decision = answer(fold, reader)
    return Conflict(
        f"The decision is already {decision['status']}.", code="already_settled", decision=decision
    )


def search_attributes(input: DecisionInput, encryption: Encryption) -> TypedSearchAttributes:
    """What the index is told of a decision: no codec encrypts this."""
    steps = rules_of(input).steps
    approvers = dict.fromkeys(one_form(each) for step in steps for each in step.approvers)
    return TypedSearchAttributes(
        [
            SearchAttributePair(options.STATUS_KEY, "pending"),
            SearchAttributePair(options.URGENCY_KEY, str(input.request.urgency)),
            SearchAttributePair(options.AGENT_KEY, input.agent),
            SearchAttributePair(options.EXPIRES_AT_KEY, input.expires_at),
            SearchAttributePair(
                options.APPROVER_KEY, _that_fit([encryption.name(each) for each in approvers])
            ),
        ]
    )


def _that_fit(approvers: Iterable[str]) -> list[str]:
    """As many as the server takes in one search attribute: 2 KB of JSON."""
    ends = accumulate(len(json.dumps(approver)) + 2 for approver in approvers)
    return [approver for approver, end in zip(approvers, ends, strict=True) if end < INDEXED_BYTES]


def id_for(agent: str, key: str) -> str:
    """The same key of the same agent names the same decision, also in a race of two processes."""
    return "dec_" + hashlib.sha256(f"{agent}\0{key}".encode()).hexdigest()[:26]


def _fingerprint(request: DecisionRequest) -> str:
    """The same for every spelling of a request. What was kept before there was one spelling is the
    digest of the request as it was written, which still counts."""
    return proof.request_digest(request.in_one_spelling())


def _is_about_search_attributes(error: RPCError) -> bool:
    return (
        error.status == RPCStatusCode.INVALID_ARGUMENT
        and "search attribute" in error.message.lower()
    )
