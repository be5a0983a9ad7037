"""Decisions as they begin: what an agent asks is checked, sealed, and started as a workflow."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import accumulate

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
from api.decisions.decisions import Decisions
from api.decisions.indexing import Indexing
from api.decisions.reminders import reminders_of
from api.decisions.routing import channels_at_once, routes_of
from api.decisions.signing import Signer
from api.decisions.urls import check_url
from api.problems.errors import (
    Unavailable,
    invalid,
)
from api.problems.temporal import asking_temporal
from handover.addresses import one_form
from handover.models import Attachment, DecisionRequest, Urgency
from histories.encryption import Encryption
from histories.reading import Live
from outgoing import GuardedClient
from store import Store
from store.idempotency import Remembered
from store.keys import ApiKey
from workflows import lifecycle, options, proof
from workflows.messages import WORKFLOW, DecisionInput
from workflows.state import rules_of
from workflows.stored import set_aside

log = logging.getLogger(__name__)

INDEXED_BYTES = 2_000
"""Bytes of approvers that the index is told; Temporal refuses more than 2,048 in one attribute."""


class Starting:
    """Starts decisions."""

    def __init__(
        self,
        client: Client,
        store: Store,
        signer: Signer,
        clock: Clock,
        *,
        decisions: Decisions,
        task_queue: str,
        receipts: bool,
        operator: str | None,
        encryption: Encryption,
        outgoing: GuardedClient,
        backlog: Backlog,
        lacking_for_slack: Sequence[str] = (),
        local_domains: Collection[str] = (),
    ) -> None:
        self._client = client
        self._store = store
        self._signer = signer
        self._clock = clock
        self._decisions = decisions
        self._task_queue = task_queue
        self._receipts = receipts
        self._operator = operator
        self._encryption = encryption
        self._outgoing = outgoing
        self._backlog = backlog
        self._lacking_for_slack = lacking_for_slack
        self._local_domains = local_domains
        self._indexing = Indexing(client)

    async def prepare(self) -> None:
        """Have the search attributes registered before the first decision needs them."""
        with suppress(Unavailable):
            await self._indexing.available()

    async def create(self, agent: ApiKey, request: DecisionRequest, key: str | None) -> str:
        """Start a decision, or find the one that this idempotency key started; return its id.

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
                started = await self._decisions.read(made.decision_id)
                asked = _fingerprint(started.request) if isinstance(started, Live) else ""
                made = Remembered(made.decision_id, asked)
            await self._store.idempotency.remember(agent.name, key, made)
        if made.fingerprint not in (_fingerprint(request), digest):
            raise invalid(
                "Idempotency-Key",
                "this key was used for another request; use a new key for each decision.",
                code="idempotency_key_reused",
            )
        return made.decision_id

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


def search_attributes(input: DecisionInput, encryption: Encryption) -> TypedSearchAttributes:
    """Return what the index is told of a decision: no codec encrypts this."""
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
    """Return as many approvers as the server takes in one search attribute: 2 KB of JSON."""
    ends = accumulate(len(json.dumps(approver)) + 2 for approver in approvers)
    return [approver for approver, end in zip(approvers, ends, strict=True) if end < INDEXED_BYTES]


def id_for(agent: str, key: str) -> str:
    """Return the decision's id: always the same for one key of one agent, also in a race."""
    return "dec_" + hashlib.sha256(f"{agent}\0{key}".encode()).hexdigest()[:26]


def _fingerprint(request: DecisionRequest) -> str:
    """Digest a request, the same for every spelling of it. A digest that was kept before there was
    one spelling is that of the request as it was written, which still counts."""
    return proof.request_digest(request.in_one_spelling())


def _is_about_search_attributes(error: RPCError) -> bool:
    return (
        error.status == RPCStatusCode.INVALID_ARGUMENT
        and "search attribute" in error.message.lower()
    )
