"""The example of graphs with `interrupt()`: answered by people, and killed while they decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from examples import langgraph_interrupts as example
from tests.approver import answer_link, mails, newest_mail, press
from tests.examples.programs import output, running
from tests.support import eventually


async def test_killed_runner_finds_its_questions_again(service: Any, tmp_path: Path) -> None:
    """Killed while two people's answers are open, and started again from its SQLite file: nobody is
    asked a second time, what was answered meanwhile is done once, and the rest follows."""
    approver = f"{uuid4().hex}@example.com"
    options = ("--approver", approver, "--database", str(tmp_path / "checkpoints.sqlite"))

    def asked(subject: str = "Refund") -> list[Any]:
        return [mail for mail in mails(service, approver) if subject in mail["Subject"]]

    async with running(service, example, *options) as first:
        await eventually(lambda: len(asked()) == 2)
        first.kill()
        await first.wait()
    denied = next(mail for mail in asked() if "1143" in mail["Subject"])
    await press(answer_link(denied), "deny", notes="as the test says")
    async with running(service, example, *options) as second:
        permitted = next(mail for mail in asked() if "1142" in mail["Subject"])
        await press(answer_link(permitted), "approve")
        await press(answer_link(await newest_mail(service, approver, "newsletter")), "approve")
        said = await output(second)
    assert said.splitlines() == [
        "order 1142: refunded 49.90 EUR",
        "order 1143: no refund",
        "newsletter sent",
    ]
    async with running(service, example, *options) as third:
        assert await output(third) == said
