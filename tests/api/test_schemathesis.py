"""Schemathesis: requests made from the OpenAPI document, sent to the running service.

Every check of its is on, in all its phases: the examples, each limit of each field, random requests
good and bad, and sequences of requests where one needs what another answered.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from api.http.openapi import operations
from api.main import app
from store.keys import SCOPES
from tests.api.agent import Agent, link_to, someone
from tests.api.systems import System
from tests.approver import press
from tests.service import RunningService
from tests.volume import volume

NOT_IN_JSON_SCHEMA = (
    *("POST /decisions", "GET /decisions"),
    *("POST /decisions/{decision_id}/extend", "POST /decisions/{decision_id}/resolve"),
    *("POST /attachments", "POST /decisions/{decision_id}/attachments"),
    *("POST /auth/api-keys",),
    *("GET /approvers/{address}", "PUT /approvers/{address}", "DELETE /approvers/{address}"),
    "POST /approvers/{address}/webhook-secret",
    *("POST /responses/{token}", "POST /responses/{token}/files"),
)
"""Operations with rules that JSON Schema cannot express: what is a mail address, what is earlier
than what, what an answer has to fit, what a file contains, whose cursor it is, what is a name, also
that of a time zone. They may answer 422 to what their schema allows; no other operation may."""

SETTINGS = f"""
# A random `wait` would be kept, for up to a minute.
request-timeout = 60
[generation]
max-examples = {volume(120, 30)}
[parameters]
"query.wait" = 0.1
"""

OPERATION = """
[[operations]]
include-name = "{name}"
"""

MAY_REFUSE = """
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""

GIVEN = """
[operations.parameters]
"path.{}" = "{}"
"""


async def test_the_service_does_what_its_document_says(
    own_service: RunningService, tmp_path: Path
) -> None:
    """Not one failure of any check, with a key that may do everything but approve its own.

    On a service of its own, whose other keys it may revoke.
    """
    async with (
        Agent.of(own_service) as agent,
        await Agent.with_new_key(own_service, scopes=SCOPES) as sender,
    ):
        asked = await agent.ask(response_type={"type": "confirm"})
        config = tmp_path / "schemathesis.toml"
        answering = await System.asked_by(agent, response_type={"type": "file_upload"})
        reading = await System.asked_by(agent)
        webhook = {"webhook_url": "https://192.0.3.1:8443/"}
        await sender.http.put(f"/approvers/{reading.approver}", json=webhook)
        permitted = await sender.ask(approver=(approver := someone()))
        await press(await link_to(sender.service, approver), "approve")
        config.write_text(settings(asked["id"], permitted["id"], answering, reading))
        status, report = await run(
            *("--config-file", str(config), "run", f"{agent.service.base_url}/openapi.json"),
            *("--header", f"Authorization: {sender.http.headers['Authorization']}"),
            *("--checks", "all", "--seed", "1", "--continue-on-failure", "--no-color"),
            folder=tmp_path,
        )
    assert status == 0, report
    assert f"Tested: {len(list(operations(app.openapi())))}" in report
    for nothing_done in ("Skipped:", "Missing test data", "Errors:"):
        assert nothing_done not in report, report


def settings(decision: str, permitted: str, answering: System, reading: System) -> str:
    """`decision` is another agent's, which the key may therefore resolve; `permitted` is its own,
    and may run. `reading` is asked for as long as it lasts: nobody answers there. A webhook is set
    for its approver."""
    given = {
        "POST /decisions/{decision_id}/resolve": ("decision_id", decision),
        "POST /decisions/{decision_id}/claim": ("decision_id", permitted),
        "POST /decisions/{decision_id}/done": ("decision_id", permitted),
        "POST /responses/{token}": ("token", answering.token),
        "POST /responses/{token}/files": ("token", answering.token),
        "GET /responses/{token}": ("token", reading.token),
        "POST /approvers/{address}/webhook-secret": ("address", reading.approver),
    }
    parts = [SETTINGS]
    for operation in dict.fromkeys([*NOT_IN_JSON_SCHEMA, *given]):
        parts.append(OPERATION.format(name=operation))
        if operation in NOT_IN_JSON_SCHEMA:
            parts.append(MAY_REFUSE)
        if operation in given:
            parts.append(GIVEN.format(*given[operation]))
    return "".join(parts)


async def run(*arguments: str, folder: Path) -> tuple[int | None, str]:
    program = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    report, _ = await process.communicate()
    return process.returncode, report.decode()
