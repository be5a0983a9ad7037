"""Schemathesis: requests made from the OpenAPI document, sent to the running service.

Every check of its is on, in all its phases: the examples, each limit of each field, random requests
good and bad, and sequences of requests where one needs what another answered.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from api.main import app
from api.openapi import operations
from store.keys import SCOPES
from tests.api.agent import Agent
from tests.service import RunningService

NOT_IN_JSON_SCHEMA = (
    *("POST /decisions", "GET /decisions"),
    *("POST /decisions/{decision_id}/extend", "POST /decisions/{decision_id}/resolve"),
    *("POST /attachments", "POST /decisions/{decision_id}/attachments"),
    *("POST /auth/api-keys",),
    *("GET /approvers/{address}", "PUT /approvers/{address}", "DELETE /approvers/{address}"),
)
"""Operations with rules that JSON Schema cannot express: what is a mail address, what is earlier
than what, what an answer has to fit, what a file contains, whose cursor it is, what is a name, also
that of a time zone. They may answer 422 to what their schema allows; no other operation may."""

SETTINGS = """
# A random `wait` would be kept, for up to a minute.
request-timeout = 60
[generation]
max-examples = 120
[parameters]
"query.wait" = 0.1
"""

MAY_REFUSE = """
[[operations]]
include-name = "{name}"
[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""

RESOLVED = """
[operations.parameters]
"path.decision_id" = "{decision}"
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
        config.write_text(settings(asked["id"]))
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


def settings(decision: str) -> str:
    """`decision` is another agent's, which the key may therefore resolve."""
    parts = [SETTINGS]
    for name in NOT_IN_JSON_SCHEMA:
        parts.append(MAY_REFUSE.format(name=name))
        if name.endswith("/resolve"):
            parts.append(RESOLVED.format(decision=decision))
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
