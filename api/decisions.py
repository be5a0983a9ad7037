"""Decisions as the API starts, reads and signals them: knows no HTTP; routes know no Temporal."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.errors import NotFound, Unavailable, asking_temporal, invalid
from api.indexing import Indexing
from api.reading import Fold, read_decision
from api.signing import Signer
from api.waiting import Waiting
from handover.models import Decision, DecisionRequest
from store import Store
from store.idempotency import Remembered
from store.keys import ApiKey
from workflows import lifecycle, options, proof
from workflows.messages import (
    CANCEL,
    RESPOND,
    WORKFLOW,
    DecisionInput,
    Response,
    Withdrawal,
)

CLICK_LIMIT = 2.0
"""Seconds that a click waits for the workflow's word before it says "received"."""

INDEXED_BYTES = 2_000
"""What is told of approvers to the index; Temporal refuses more than 2,048 in one attribute."""


class Decisions:
    def __init__(
        self,
        client: Client,
        store: Store,
        signer: Signer,
        waiting: Waiting,
        *,
        task_queue: str,
        receipts: bool,
    ) -> None:
        self._client = client
        self._store = store
        self._signer = signer
        self._waiting = waiting
        self._task_queue = task_queue
        self._receipts = receipts
        self._indexing = Indexing(client)

    async def prepare(self) -> None:
        """Have the search attributes registered before the first decision needs them."""
        with suppress(Unavailable):
            await self._indexing.available()

    async def create(self, agent: ApiKey, request: DecisionRequest, key: str | None) -> str:
        """Start a decision, or find the one that this idempotency key started; its id.

        Raises `Invalid` for a key that came with another request.
        """
        digest = proof.request_digest(request)
        if key is None:
            return await self._start(agent, request, digest, f"dec_{secrets.token_hex(13)}")
        made = await self._store.idempotency.find(agent.id, key)
        if made is None:
            made = Remembered(_id_for(agent, key), digest)
            try:
                await self._start(agent, request, digest, made.decision_id)
            except WorkflowAlreadyStartedError:
                # Started by a request that died before it could remember its key.
                started = await self.read(made.decision_id)
                made = Remembered(
                    made.decision_id, started.input.request_digest if started.input else ""
                )
            await self._store.idempotency.remember(agent.id, key, made)
        if made.fingerprint != digest:
            raise invalid(
                "Idempotency-Key",
                "this key was used for another request; use a new key for each decision.",
                code="idempotency_key_reused",
            )
        return made.decision_id

    async def read(self, decision_id: str) -> Fold:
        """The decision as its history tells it now. Raises `NotFound`."""
        fold = Fold(decision_id, self._signer.keyring)
        async with asking_temporal():
            async for event in self._client.get_workflow_handle(decision_id).fetch_history_events():
                fold.feed(event)
        return fold

    async def glance(self, decision_id: str) -> Fold:
        """The decision for a page: what a wait in this process already knows, or else `read`.

        It may be some milliseconds old. That is as good: a page is older when its button is
        pressed, and the workflow judges what comes of it. Raises `NotFound`.
        """
        return self._waiting.glance(decision_id) or await self.read(decision_id)

    async def read_for(self, agent: ApiKey, decision_id: str, wait: float = 0) -> Fold:
        """An agent's own decision, settled if it settles within `wait` seconds.

        Raises `NotFound`, also for decisions of other agents: what is not theirs is not there.
        """

        def is_theirs(fold: Fold) -> bool:
            return fold.input is not None and fold.input.agent_id == agent.id

        def is_over(fold: Fold) -> bool:
            return fold.settled or (fold.input is not None and not is_theirs(fold))

        fold = await self._waiting.until(decision_id, wait, is_over) if wait > 0 else None
        fold = fold or await self.read(decision_id)
        if not is_theirs(fold):
            raise NotFound("There is no such decision.")
        return fold

    async def respond(self, response: Response) -> Fold:
        """Signal an answer that has no objection; the decision once the workflow has heard it.

        Where it hears it later than `CLICK_LIMIT`, the decision as it stands. Raises `NotFound`
        when the workflow ended in between.
        """
        await self._signal(RESPOND, self._signer.sign_response(response))
        return await self._heard(
            response.decision_id,
            lambda fold: fold.settled or fold.has_declined(response.approver),
        )

    async def withdraw(self, fold: Fold, agent: ApiKey, notes: str | None) -> Fold:
        """The agent takes its question back."""
        assert fold.input  # noqa: S101 - `read_for` found whose it is
        withdrawal = Withdrawal(
            decision_id=fold.input.id,
            run_id=fold.run_id,
            request_digest=fold.input.request_digest,
            agent=agent.name,
            notes=notes,
            received_at=datetime.now(UTC),
        )
        try:
            await self._signal(CANCEL, self._signer.sign_withdrawal(withdrawal))
        except NotFound:  # it ended in between
            return await self.read(fold.input.id)
        return await self._heard(fold.input.id, lambda fold: fold.settled)

    async def _signal(self, name: str, message: Response | Withdrawal) -> None:
        async with asking_temporal():
            await self._client.get_workflow_handle(message.decision_id).signal(name, message)

    async def _heard(self, decision_id: str, done: Callable[[Fold], bool]) -> Fold:
        try:
            heard = await self._waiting.until(decision_id, CLICK_LIMIT, done)
        except Unavailable:
            # The signal is in the history; that its effect cannot be read now takes nothing back.
            heard = None
        return heard or await self.read(decision_id)

    async def _start(
        self, agent: ApiKey, request: DecisionRequest, digest: str, decision_id: str
    ) -> str:
        now = datetime.now(UTC)
        input = DecisionInput(
            id=decision_id,
            agent=agent.name,
            agent_id=agent.id,
            request=request,
            request_digest=digest,
            created_at=now,
            expires_at=now + timedelta(minutes=request.timeout_minutes),
            rules_version=lifecycle.RULES_VERSION,
            keyring=self._signer.keyring,
            receipts=self._receipts,
            indexed=await self._indexing.available(),
        )
        try:
            await self._start_workflow(input)
        except RPCError as error:
            if not (input.indexed and _is_about_search_attributes(error)):
                raise
            self._indexing.forget()
            await self._start_workflow(input.model_copy(update={"indexed": False}))
        return decision_id

    async def _start_workflow(self, input: DecisionInput) -> None:
        async with asking_temporal():
            await self._client.start_workflow(
                WORKFLOW,
                self._signer.seal(input),
                id=input.id,
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=options.summary(f"{input.agent}: {input.request.action}"),
                static_details=options.static_details(input),
                search_attributes=search_attributes(input) if input.indexed else None,
            )


def decision_of(fold: Fold) -> Decision:
    """What a fold says, as an answer. Raises `NotFound` where it is no decision of ours."""
    try:
        return read_decision(fold, datetime.now(UTC))
    except proof.UnprovenError as error:
        raise NotFound("There is no such decision.") from error


def search_attributes(input: DecisionInput) -> TypedSearchAttributes:
    steps = lifecycle.rules_of(input.request, input.created_at, input.expires_at).steps
    approvers = dict.fromkeys(approver for step in steps for approver in step.approvers)
    return TypedSearchAttributes(
        [
            SearchAttributePair(options.STATUS_KEY, "pending"),
            SearchAttributePair(options.URGENCY_KEY, str(input.request.urgency)),
            SearchAttributePair(options.AGENT_KEY, input.agent),
            SearchAttributePair(options.APPROVER_KEY, _that_fit(approvers)),
        ]
    )


def _that_fit(approvers: Iterable[str]) -> list[str]:
    """As many as the server takes in one search attribute: 2 KB of JSON."""
    ends = accumulate(len(json.dumps(approver)) + 2 for approver in approvers)
    return [approver for approver, end in zip(approvers, ends, strict=True) if end < INDEXED_BYTES]


def _id_for(agent: ApiKey, key: str) -> str:
    """The same key of the same agent names the same decision, also in a race of two processes."""
    return "dec_" + hashlib.sha256(f"{agent.id}\0{key}".encode()).hexdigest()[:26]


def _is_about_search_attributes(error: RPCError) -> bool:
    return (
        error.status == RPCStatusCode.INVALID_ARGUMENT
        and "search attribute" in error.message.lower()
    )
