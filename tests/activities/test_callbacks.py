"""Telling agents: real histories, real requests, and receivers that behave as they like."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from temporalio import activity
from temporalio.client import Client, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.callbacks import SCHEDULE, Callbacks, callback_of
from activities.requests import Requests
from activities.task_queues import working
from api.decisions.signing import Signer
from histories.decision import as_json, read_decision
from histories.loading import Histories
from outgoing import Exceptions, GuardedClient
from tests.activities.samples import ANN, OTHER_SIGNER, SIGNER, make_decision, sign_response
from tests.activities.stores import NEW, OLD, FakeContents
from tests.dev_server import DevServer
from tests.readings import read, read_all
from tests.receiver import Receiver, drip_body, drip_head, hang, hang_up, say
from tests.support import free_port
from tests.workflows.harness import Mailroom
from tests.workflows.record import HISTORIES
from workflows.messages import (
    DELIVER_CALLBACK,
    GAVE_UP,
    WORKFLOW,
    CallbackDelivered,
    DecisionInput,
    DeliverCallbackInput,
)
from workflows.statements import RESPOND
from workflows.stored import set_aside


@activity.defn(name=DELIVER_CALLBACK)
async def nobody_is_told(input: DeliverCallbackInput) -> CallbackDelivered:
    """So that the decision's workflow ends, and its history is what is read."""
    return CallbackDelivered(status_code=204, attempts=1)


class FakeSecrets:
    def __init__(self) -> None:
        self.live = [NEW]
        self.down = False

    async def signing(self, agent: str) -> list[str]:
        if self.down:
            raise ConnectionError("the store is down")
        assert agent == "refund-bot"
        return self.live


class FakeDeliveries:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.down = False

    async def find(self, key: str) -> str | None:
        raise NotImplementedError

    async def record(self, **row: Any) -> None:
        if self.down:
            raise ConnectionError("the store is down")
        self.rows.append(row)

    @property
    def results(self) -> list[str]:
        return [row["result"] for row in self.rows]


class Scene:
    """The activity between its doubles, a real Temporal and a real receiver."""

    def __init__(self, client: Client, receiver: Receiver) -> None:
        self.client = client
        self.receiver = receiver
        self.secrets = FakeSecrets()
        self.deliveries = FakeDeliveries()
        self.contents = FakeContents()

    def callbacks(self, *exceptions: str, limit_seconds: float = 20) -> Callbacks:
        return Callbacks(
            client=self.client,
            requests=Requests(Histories(self.client, SIGNER.keyring), self.contents),
            outgoing=GuardedClient(Exceptions.parse(exceptions)),
            secrets=self.secrets,
            deliveries=self.deliveries,
            limit_seconds=limit_seconds,
        )

    async def decision(self, signer: Signer = SIGNER, **changes: Any) -> DecisionInput:
        """One that nobody has answered, and no worker works on."""
        changes.setdefault("callback_url", self.receiver.url)
        decision = make_decision(f"dec_{uuid.uuid4().hex[:12]}", signer, **changes)
        await self.client.start_workflow(
            WORKFLOW, decision, id=decision.id, task_queue=f"queue-{decision.id}"
        )
        return decision

    async def settled(self, choice: str = "approve", **changes: Any) -> DecisionInput:
        """One that Ann has answered."""
        decision = await self.decision(**changes)
        handle = self.client.get_workflow_handle(decision.id)
        run_id = (await handle.describe()).run_id
        response = sign_response(decision, ANN, choice, run_id=run_id, notes="Überprüft 送金")
        queue = f"queue-{decision.id}"
        async with working(self.client, queue, Mailroom().send_notification, nobody_is_told):
            await handle.signal(RESPOND, response)
            await handle.result()
        return decision

    async def deliver(
        self, decision: DecisionInput, attempt: int = 1, callbacks: Callbacks | None = None
    ) -> CallbackDelivered:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=attempt)
        run = (callbacks or self.callbacks("127.0.0.0/8")).deliver_callback
        return await environment.run(run, DeliverCallbackInput(decision_id=decision.id))

    async def failure(
        self, decision: DecisionInput, attempt: int = 1, callbacks: Callbacks | None = None
    ) -> ApplicationError:
        with pytest.raises(ApplicationError) as caught:
            await self.deliver(decision, attempt, callbacks)
        return caught.value


@pytest.fixture
async def scene(dev_server: DevServer) -> AsyncIterator[Scene]:
    async with Receiver() as receiver:
        yield Scene(await dev_server.client(), receiver)


@pytest.fixture(scope="module")
async def settled_elsewhere(dev_server: DevServer) -> AsyncIterator[Scene]:
    async with Receiver() as receiver:
        yield Scene(await dev_server.client(), receiver)


@pytest.fixture(scope="module")
async def approved(settled_elsewhere: Scene) -> DecisionInput:
    """One decision for the many tests that only look at answers; its receiver is shared."""
    return await settled_elsewhere.settled()


@pytest.fixture
def shared(settled_elsewhere: Scene) -> Scene:
    """The scene of `approved`, as new."""
    settled_elsewhere.receiver.requests.clear()
    settled_elsewhere.receiver.behaviours.clear()
    settled_elsewhere.deliveries = FakeDeliveries()
    settled_elsewhere.secrets = FakeSecrets()
    return settled_elsewhere


async def test_the_agent_is_told_what_a_read_would_tell(scene: Scene) -> None:
    """Signed after the Standard Webhooks, the whole decision as the API has it."""
    decision = await scene.settled(context="Umlaute: äöü", payload={"n": 1}, enforce=True)
    assert await scene.deliver(decision, attempt=3) == CallbackDelivered(
        status_code=204, attempts=3
    )
    [request] = scene.receiver.requests
    event = Webhook(NEW).verify(request.body, request.headers)
    events = scene.client.get_workflow_handle(decision.id).fetch_history_events()
    reading = await read_all(decision.id, SIGNER.keyring, events)
    data = as_json(read_decision(reading, datetime.now(UTC)))
    assert event == {"type": "decision.approved", "timestamp": data["resolved_at"], "data": data}
    assert (data["status"], data["action_permitted"]) == ("approved", True)
    assert data["response_notes"] == "Überprüft 送金"
    assert request.headers["content-type"] == "application/json"
    assert "Handover" in request.headers["user-agent"]


async def test_a_denial_is_told_as_well(scene: Scene) -> None:
    """The type names the status; `action_permitted` is for those who asked for it."""
    await scene.deliver(await scene.settled("deny"))
    event = json.loads(scene.receiver.requests[0].body)
    assert (event["type"], event["data"]["approved"]) == ("decision.denied", False)
    assert "action_permitted" not in event["data"]


async def test_every_live_secret_signs(shared: Scene, approved: DecisionInput) -> None:
    """So that the agent can exchange one for the other whenever it likes."""
    shared.secrets.live = [NEW, OLD]
    await shared.deliver(approved)
    [request] = shared.receiver.requests
    for secret in (NEW, OLD):
        Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(base64.b64encode(b"stranger").decode()).verify(request.body, request.headers)


async def test_attempts_share_their_id_and_runs_do_not(scene: Scene) -> None:
    """The agent can tell that it has heard this already; another decision has another id."""
    one, other = await scene.settled(), await scene.settled()
    scene.receiver.behaviours.append(say(500))
    await scene.failure(one, attempt=1)
    await scene.deliver(one, attempt=2)
    await scene.deliver(other)
    first, second, third = (each.headers["webhook-id"] for each in scene.receiver.requests)
    assert first == second != third
    assert "." not in first
    assert one.id not in first


def test_another_run_has_another_id() -> None:
    """What was decided in a run that somebody started anew is news to the agent."""
    recorded = HISTORIES / "callback_retried_and_delivered.json"
    history = WorkflowHistory.from_json("any", recorded.read_text())
    started = history.events[0].workflow_execution_started_event_attributes
    input = json.loads(started.input.payloads[0].data)
    reading = read(input["id"], input["keyring"], history.events)
    first = callback_of(reading).event.id
    assert callback_of(reading).event.id == first
    assert callback_of(replace(reading, run_id="another")).event.id != first


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_success_is_2xx(shared: Scene, approved: DecisionInput, status: int) -> None:
    shared.receiver.behaviours.append(say(status, b"thanks"))
    assert (await shared.deliver(approved)).status_code == status
    assert shared.deliveries.results == ["sent"]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 502, 503])
async def test_all_else_is_tried_again(shared: Scene, approved: DecisionInput, status: int) -> None:
    """Also what blames the request: whoever receives it may be repaired within three days."""
    shared.receiver.behaviours.append(say(status, Location=shared.receiver.url))
    error = await shared.failure(approved)
    assert not error.non_retryable
    assert str(status) in error.message
    assert len(shared.receiver.requests) == 1
    assert shared.deliveries.results == ["deferred"]


@pytest.mark.parametrize("attempt", range(1, 10))
async def test_the_schedule_is_that_of_the_standard(
    shared: Scene, approved: DecisionInput, attempt: int
) -> None:
    """Within a tenth more, at random."""
    shared.receiver.behaviours.append(say(500))
    error = await shared.failure(approved, attempt)
    assert error.next_retry_delay
    assert SCHEDULE[attempt - 1] <= error.next_retry_delay <= SCHEDULE[attempt - 1] * 1.1


def test_the_schedule_ends_after_three_days() -> None:
    """As the specification's table has it: 75 hours, 35 minutes and 5 seconds."""
    assert sum(SCHEDULE, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


async def test_after_the_last_attempt_it_is_given_up(
    shared: Scene, approved: DecisionInput
) -> None:
    """Nobody is asked for ever."""
    shared.receiver.behaviours.append(say(500))
    error = await shared.failure(approved, attempt=10)
    assert (error.type, error.non_retryable) == (GAVE_UP, True)
    assert shared.deliveries.results == ["failed"]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("1", 5),
        ("864000", 86_400),
        (format_datetime(datetime.now(UTC) + timedelta(days=9), usegmt=True), 86_400),
        ("soon", 5),
        ("-7", 5),
    ],
    ids=["seconds", "less", "too long", "date", "nonsense", "negative"],
)
async def test_retry_after_is_honoured(
    shared: Scene, approved: DecisionInput, asked: str, seconds: int
) -> None:
    """Where it asks for more than the schedule, for a day at most, and can be read."""
    shared.receiver.behaviours.append(say(503, Retry_After=asked))
    error = await shared.failure(approved)
    assert error.next_retry_delay
    assert seconds <= error.next_retry_delay.total_seconds() <= seconds * 1.1


async def test_gone_is_gone(shared: Scene, approved: DecisionInput) -> None:
    """410 is the agent's word that it wants no more."""
    shared.receiver.behaviours.append(say(410))
    error = await shared.failure(approved)
    assert (error.type, error.non_retryable) == (GAVE_UP, True)
    assert shared.deliveries.results == ["failed"]


@pytest.mark.parametrize("behaviour", [hang, hang_up, drip_head])
async def test_no_answer_is_tried_again(
    shared: Scene, approved: DecisionInput, behaviour: Any
) -> None:
    """Silence, a closed connection, an answer that never comes to its end."""
    shared.receiver.behaviours.append(behaviour)
    callbacks = shared.callbacks("127.0.0.0/8", limit_seconds=0.5)
    error = await shared.failure(approved, callbacks=callbacks)
    assert not error.non_retryable
    assert "no answer" in error.message


async def test_a_body_without_an_end_is_a_success(shared: Scene, approved: DecisionInput) -> None:
    """It is the status that counts, and nothing is kept of the body."""
    shared.receiver.behaviours.append(drip_body)
    assert (await shared.deliver(approved)).status_code == 200


async def test_nobody_there_is_tried_again(scene: Scene) -> None:
    """A server that is just being started anew."""
    decision = await scene.settled(callback_url=f"http://127.0.0.1:{free_port()}/")
    assert not (await scene.failure(decision)).non_retryable


async def test_a_url_that_leads_inside_is_given_up(shared: Scene, approved: DecisionInput) -> None:
    """Whatever it was when the decision was created."""
    error = await shared.failure(approved, callbacks=shared.callbacks())
    assert (error.type, error.non_retryable) == (GAVE_UP, True)
    assert shared.receiver.requests == []


async def test_a_store_that_is_down_fails_no_delivery(
    shared: Scene, approved: DecisionInput
) -> None:
    """What was sent is not sent again for the sake of a note."""
    shared.deliveries.down = True
    await shared.deliver(approved)
    shared.receiver.behaviours.append(say(500))
    assert (await shared.failure(approved)).next_retry_delay


async def test_without_a_secret_nothing_is_sent(shared: Scene, approved: DecisionInput) -> None:
    """Unsigned is worse than late."""
    shared.secrets.down = True
    error = await shared.failure(approved)
    assert (error.non_retryable, shared.receiver.requests) == (False, [])
    assert error.next_retry_delay


async def test_what_is_not_proven_is_not_sent(scene: Scene) -> None:
    """Still pending, without a callback, or ended by somebody in Temporal; of a service whose key
    is not known here, not yet."""
    ended = await scene.decision()
    await scene.client.get_workflow_handle(ended.id).terminate()
    foreign = await scene.failure(await scene.decision(OTHER_SIGNER))
    assert (foreign.type, foreign.non_retryable) == ("CallbackDeferred", False)
    for decision in (
        await scene.decision(),
        await scene.settled(callback_url=None),
        ended,
    ):
        error = await scene.failure(decision)
        assert (error.type, error.non_retryable) == ("Unproven", True)
    assert scene.receiver.requests == []


async def test_what_is_large_comes_from_the_store(scene: Scene) -> None:
    """Whole, or not yet."""
    context = "x" * 50_000
    large = set_aside({"context": context})
    decision = make_decision(
        f"dec_{uuid.uuid4().hex[:12]}", callback_url=scene.receiver.url, context=context
    )
    kept = decision.request.model_copy(update={"context": None})
    sealed = SIGNER.seal(
        decision.model_copy(update={"request": kept, "stored": large.stored, "seal": None})
    )
    handle = await scene.client.start_workflow(
        WORKFLOW, sealed, id=decision.id, task_queue=f"queue-{decision.id}"
    )
    run_id = handle.first_execution_run_id
    queue = f"queue-{decision.id}"
    async with working(scene.client, queue, Mailroom().send_notification, nobody_is_told):
        await handle.signal(RESPOND, sign_response(sealed, ANN, "approve", run_id=run_id))
        await handle.result()
    error = await scene.failure(decision)
    assert (error.non_retryable, scene.receiver.requests) == (False, [])
    scene.contents.bodies = large.bodies
    await scene.deliver(decision)
    assert json.loads(scene.receiver.requests[0].body)["data"]["context"] == context
