"""`DecisionWorkflow`: one question put to people, from asking to the outcome.

It adds to `lifecycle` what that must not know: time, the order of events, and activities. Every
activation ends with `lifecycle.apply(TimePassed)`, which is what lets the API fold the history to
exactly this state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, CancelledError, FailureError

with workflow.unsafe.imports_passed_through():
    # Written so, because `from workflows import` names the package alone, which the whole sandbox
    # has already: these would be loaded anew for every replay.
    import workflows.lifecycle as lifecycle
    import workflows.options as options
    import workflows.signals as signals
    from handover.models import Channel, Origin
    from workflows.events import CallbackNews, DeliveryFailed, Event, Refused, TimePassed, Withdrawn
    from workflows.messages import (
        DELIVER_CALLBACK,
        SEND_NOTIFICATION,
        WORKFLOW,
        DecisionInput,
        DeliverCallbackInput,
        Outcome,
        SendNotificationInput,
    )
    from workflows.state import BOUNDS


@workflow.defn(name=WORKFLOW)
class DecisionWorkflow:
    @workflow.init
    def __init__(self, input: DecisionInput) -> None:
        """Make the state, so that a signal that comes before the first task finds it."""
        self._input = input
        self._listener = signals.Listener(input, workflow.info().run_id)
        self._unknown: lifecycle.UnknownRulesError | None = None
        # The library that reads addresses loads its tables when it first needs them.
        with workflow.unsafe.imports_passed_through():
            try:
                self._state = lifecycle.begin(input)
            except lifecycle.UnknownRulesError as error:
                self._unknown = error
        self._changed = False
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._handles: list[workflow.ActivityHandle[RawValue]] = []
        self._alarm = Alarm()
        self._reached: set[tuple[str, str]] = set()
        self._errands: list[asyncio.Task[None]] = []
        self._looked_at = 0
        self._orders: list[str] = []

    @workflow.run
    async def run(self, input: DecisionInput) -> Outcome:
        if self._unknown:
            # Fails the task and not the workflow: it is tried again until a newer worker takes it,
            # which hears the signals that came in between.
            raise self._unknown
        try:
            outcome = await self._until_settled()
        except asyncio.CancelledError:
            # An operator pressed Cancel in Temporal: a result like any other, and people are told.
            self._apply(Withdrawn(workflow.now(), Origin.OPERATOR))
            assert self._state.outcome  # noqa: S101 - a withdrawal settles, or it was settled
            outcome = self._state.outcome
        if input.indexed:
            workflow.upsert_search_attributes(  # pyright: ignore[reportUnknownMemberType]
                options.final_status(outcome)
            )
        workflow.set_current_details(options.current_details(self._state))
        try:
            await self._close(outcome)
        except asyncio.CancelledError:
            workflow.logger.info("an operator ended the closing phase; the outcome stands")
        return outcome

    @workflow.signal(dynamic=True)
    def hear(self, name: str, args: Sequence[RawValue]) -> None:
        """Take `respond` and `cancel`, and survive everything else.

        Dynamic and untyped, because the SDK drops what does not fit a typed signal, and a signal
        with too few arguments would fail this workflow's tasks for ever.
        """
        if self._unknown:
            return
        try:
            payloads = [arg.payload for arg in args]
            event = signals.interpret(name, payloads, self._listener, workflow.now())
        except Exception as error:
            event = Refused(workflow.now(), "malformed", type(error).__name__)
        self._apply(event)
        if isinstance(event, CallbackNews) and self._state.outcome:
            self._hear_of_callback(event)

    async def _until_settled(self) -> Outcome:
        while True:
            self._apply(TimePassed(workflow.now()))
            self._changed = False
            if self._state.outcome:
                if not self._has_bounds:
                    self._alarm.stop()
                return self._state.outcome
            self._ask_who_was_not_asked_yet()
            self._run_errands()
            workflow.set_current_details(options.current_details(self._state))
            if deadline := lifecycle.next_deadline(self._state):
                self._alarm.set(deadline, options.timer_summary(self._state, deadline))
            # Signals and failed notifications change the state while this waits.
            await workflow.wait_condition(lambda: self._changed or self._alarm.rang)

    @property
    def _has_bounds(self) -> bool:
        return self._input.rules_version >= BOUNDS

    def _apply(self, event: Event) -> None:
        self._state = lifecycle.apply(self._state, event)
        self._changed = True

    def _ask_who_was_not_asked_yet(self) -> None:
        levels = {asked.approver: asked.level for asked in self._state.asked}
        for approver, channel in self._state.used:
            if (approver, channel) not in self._asking:
                message = "escalation" if levels[approver] else "decision-request"
                asking = asyncio.create_task(self._ask(approver, channel, message))
                self._asking[approver, channel] = asking

    def _run_errands(self) -> None:
        """Send what follows from the record since it was last looked at."""
        since, self._looked_at = self._looked_at, len(self._state.log)
        for errand in options.errands(self._state, since, self._input):
            until = self._state.rules.expires_at + lifecycle.GRACE - workflow.now()
            handle = self._start_sending(errand, until)
            self._handles.append(handle)
            self._errands.append(asyncio.create_task(_attempted(handle)))

    async def _ask(self, approver: str, channel: str, message: str) -> None:
        """Ask one approver. A message that fails is a fact to record, and fails nothing else."""
        until = self._state.rules.expires_at + lifecycle.GRACE - workflow.now()
        handle = self._start_sending(self._message(message, approver, channel), until)
        self._handles.append(handle)
        try:
            await handle
            self._reached.add((approver, channel))
            self._changed = True
        except ActivityError as error:
            if not isinstance(error.cause, CancelledError):
                self._apply(DeliveryFailed(workflow.now(), approver, channel, _reason(error)))

    async def _close(self, outcome: Outcome) -> None:
        """Tell those concerned; when this begins, the agent already has its answer.

        Nobody's message stands before the agent's callback.
        """
        for handle in self._handles:
            # Ends the retries; an attempt under way is waited for: it is to be known who was asked.
            handle.cancel()
        asked = [*self._asking.values(), *self._errands]
        if self._has_bounds:
            calling = asyncio.create_task(self._call_back())
            await self._ended(asked, options.CANCELLING)
            telling = [asyncio.create_task(self._tell(each)) for each in self._news(outcome)]
            await self._ended(telling, options.CLOSING_TIMEOUT + options.CANCELLING)
            await calling
            self._alarm.stop()
        else:
            await asyncio.gather(*asked)
            await asyncio.gather(self._call_back(), *map(self._tell, self._news(outcome)))
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _ended(self, tasks: Sequence[asyncio.Task[None]], within: timedelta) -> None:
        await self._until(lambda: all(task.done() for task in tasks), within)

    async def _until(self, done: Callable[[], bool], within: timedelta) -> None:
        """Wait until it is so, and no longer than this: an operator may have paused what it takes.

        The timer of the question runs on, and is as good as one for this.
        """
        if not self._has_bounds:
            await workflow.wait_condition(done)
            return
        last = workflow.now() + within
        while not done() and workflow.now() < last:
            if not self._alarm.rings_by(last):
                self._alarm.set(last, "what has not ended by then is waited for no longer")
            await workflow.wait_condition(lambda: done() or self._alarm.rang)

    async def _call_back(self) -> None:
        """Tell the agent's own URL, for as long as it takes or until an operator gives it up."""
        if not self._input.request.callback_url:
            return
        while True:
            self._orders.clear()
            delivery = workflow.start_activity(
                DELIVER_CALLBACK,
                DeliverCallbackInput(decision_id=self._input.id),
                result_type=RawValue,
                schedule_to_close_timeout=options.CALLBACK_TIMEOUT,
                start_to_close_timeout=options.ATTEMPT_TIMEOUT,
                retry_policy=options.RETRIES,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary="callback to the agent",
            )
            within = options.CALLBACK_TIMEOUT + options.CANCELLING
            await self._until(lambda d=delivery: d.done() or bool(self._orders), within)
            ordered = [] if delivery.done() else list(self._orders)
            delivery.cancel()
            await self._until(delivery.done, options.CANCELLING)
            has_ended = delivery.done() and not await _is_cancelled(delivery)
            if has_ended or not ordered or "callback.given_up" in ordered:
                return

    def _hear_of_callback(self, news: CallbackNews) -> None:
        if news.type == "callback.failed":
            url = self._input.request.callback_url or ""
            workflow.set_current_details(options.callback_details(self._state, url))
        else:
            self._orders.append(news.type)

    def _news(self, outcome: Outcome) -> list[SendNotificationInput]:
        """Return the messages about the outcome: to the others that it is settled, to whoever
        answered that it counts."""
        others = [
            self._message("settled", approver, channel, outcome)
            for approver, channel in self._asking
            if approver != outcome.by
            and (approver, channel) in self._reached
            and self._state.may_answer(approver)
            and channel in self._state.working_channels(approver)
        ]
        if outcome.origin != Origin.HUMAN:
            return others
        own = [channel for approver, channel in self._asking if approver == outcome.by]
        if self._input.receipts:
            return [*others, *(self._message("receipt", outcome.by or "", c, outcome) for c in own)]
        # A message in Slack still has its buttons.
        changed = [channel for channel in own if channel == Channel.SLACK]
        return [*others, *(self._message("settled", outcome.by or "", c, outcome) for c in changed)]

    async def _tell(self, sending: SendNotificationInput) -> None:
        await _attempted(self._start_sending(sending, options.CLOSING_TIMEOUT))

    def _message(
        self, message: str, approver: str, channel: str, outcome: Outcome | None = None
    ) -> SendNotificationInput:
        return SendNotificationInput(
            decision_id=self._input.id,
            message=message,
            approver=approver,
            channel=channel,
            outcome=outcome,
        )

    def _start_sending(
        self, sending: SendNotificationInput, until: timedelta
    ) -> workflow.ActivityHandle[RawValue]:
        """Start sending. Nobody reads the result: whoever ends an activity by hand may give any."""
        left = self._state.rules.expires_at - workflow.now()
        about = f"{sending.message} to {sending.approver} by {sending.channel}"
        return workflow.start_activity(
            SEND_NOTIFICATION,
            sending,
            result_type=RawValue,
            task_queue=options.channel_queue(workflow.info().task_queue, sending.channel),
            priority=options.priority(self._input, sending.message, left),
            schedule_to_close_timeout=until,
            start_to_close_timeout=options.ATTEMPT_TIMEOUT,
            retry_policy=options.RETRIES,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=options.summary(about),
        )


class Alarm:
    """One timer at a time, set anew only when its moment moves."""

    def __init__(self) -> None:
        self._moment: datetime | None = None
        self._timer: asyncio.Task[None] | None = None

    @property
    def rang(self) -> bool:
        return self._timer is not None and self._timer.done()

    def rings_by(self, moment: datetime) -> bool:
        """Return whether it is still to ring, and not after this."""
        return self._moment is not None and self._moment <= moment and not self.rang

    def set(self, moment: datetime, summary: str) -> None:
        if moment == self._moment and not self.rang:
            return
        self.stop()
        self._moment = moment
        left = max(moment - workflow.now(), timedelta(milliseconds=1))
        self._timer = asyncio.create_task(workflow.sleep(left, summary=summary))

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()


async def _is_cancelled(handle: workflow.ActivityHandle[RawValue]) -> bool:
    """Return whether an activity that is over was cancelled."""
    [ended] = await asyncio.gather(handle, return_exceptions=True)
    return isinstance(ended, ActivityError) and isinstance(ended.cause, CancelledError)


async def _attempted(handle: workflow.ActivityHandle[RawValue]) -> None:
    """Wait for a message whose failure is a fact to record, and changes nothing."""
    with suppress(ActivityError):
        await handle


def _reason(error: ActivityError) -> str:
    """Return why the last attempt failed, in the words that the history has."""
    return error.cause.message if isinstance(error.cause, FailureError) else str(error)
