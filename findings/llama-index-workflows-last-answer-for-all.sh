#!/usr/bin/env bash
# llama-index-workflows==2.26.1: of questions asked in turn, all have the answer to the last
#
# Our guess: `wait_for_event` with a `waiter_id` of its own is given its own answer, and keeps it
# when the step is run again to get to the next question.
# Seen: each answer goes to every wait of the step, those that had theirs included. A step that asks
# for three cities, one after the other, and is told a city each time, ends with the third in all
# three places, without an error. The ids keep the questions apart, but not the answers; only
# `requirements` do, for which the answer has to repeat what it is the answer to.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check llama-index-workflows==2.26.1

cat >"$folder/program.py" <<'PYTHON'
import asyncio

from workflows import Context, Workflow, step
from workflows.events import HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

ANSWERS = {"goods": "Lyon", "invoice": "Nice", "gift": "Metz"}


class Order(Workflow):
    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        cities = {}
        for what in ANSWERS:
            answer = await ctx.wait_for_event(
                HumanResponseEvent,
                waiter_event=InputRequiredEvent(what=what),
                waiter_id=what,
                requirements={"what": what} if ev.required else None,
            )
            cities[what] = answer.city
        return StopEvent(result=cities)


async def main() -> None:
    for required in (False, True):
        run = Order(timeout=60).run(required=required)
        async for event in run.stream_events():
            if isinstance(event, InputRequiredEvent):
                city = ANSWERS[event.what]
                print(f"where to with the {event.what}? {city}")
                run.ctx.send_event(HumanResponseEvent(what=event.what, city=city))
        print("with requirements:" if required else "with ids:", await run)


asyncio.run(main())
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
where to with the goods? Lyon
where to with the invoice? Nice
where to with the gift? Metz
with ids: {'goods': 'Metz', 'invoice': 'Metz', 'gift': 'Metz'}
where to with the goods? Lyon
where to with the invoice? Nice
where to with the gift? Metz
with requirements: {'goods': 'Lyon', 'invoice': 'Nice', 'gift': 'Metz'}
SEEN
echo "As before, with llama-index-workflows 2.26.1."
