"""The code before an answer counts: for critical decisions, and for keys that ask for it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.api.agent import Agent, in_store
from tests.api.asked import Asked, BrowserForm
from tests.api.codes import CRITICAL, age_codes, codes_mailed, mailed_code
from tests.approver import newest_mail
from tests.service import RunningService
from tests.support import eventually


@pytest.mark.parametrize("choice", ["approve", "deny", "modify"])
async def test_an_answer_counts_with_its_code(agent: Agent, choice: str) -> None:
    """A press alone has a code mailed and decides nothing; what was typed is still there."""
    asked = await Asked.by(agent, **CRITICAL, payload={"amount": 5})
    first = await asked.send(choice=choice, notes="after lunch")
    assert first.status_code == 200
    assert 'name="code"' in first.text
    assert asked.approver in first.text
    assert "after lunch" in first.text
    await asked.untouched_but_for_codes()
    code = await mailed_code(agent.service, asked.approver)
    answered = await asked.send(choice=choice, notes="after lunch", code=f"{code[:3]} {code[3:]}")
    assert answered.status_code == 200, answered.text
    decision = await asked.read()
    assert (
        decision["status"]
        == {"approve": "approved", "deny": "denied", "modify": "modified"}[choice]
    )
    assert decision["proof"]["step_up"]
    [settled] = [
        e
        for e in await agent.audit(asked.decision)
        if e["type"].startswith("decision.") and e["type"] != "decision.created"
    ]
    assert settled["details"]["step_up"] == decision["proof"]["step_up"]


async def test_how_a_number_is_read_is_shown_before_a_code_is_mailed(agent: Agent) -> None:
    """And stays shown while the code is typed; another number is shown anew."""
    number = {"type": "number_input"}
    asked = await Asked.by(agent, urgency="critical", response_type=number)
    page = await asked.send(choice="approve", value="1,234.50")
    assert "Read as: 1234.5" in page.text
    await asked.untouched()
    page = await asked.send(**BrowserForm.of(page.text).fields, choice="approve")
    assert ("Read as: 1234.5" in page.text, 'name="code"' in page.text) == (True, True)
    code = await mailed_code(agent.service, asked.approver)
    fields = BrowserForm.of(page.text).fields | {"choice": "approve", "code": code}
    page = await asked.send(**fields | {"value": "1,234.75"})
    assert "Read as: 1234.75" in page.text
    assert (await asked.read())["status"] == "pending"
    assert (await asked.send(**fields)).status_code == 200
    assert (await asked.read())["response_data"] == {"value": 1234.5}


async def test_the_mail_has_the_code_and_no_link(agent: Agent) -> None:
    """Whoever reads it alone, a scanner too, can do nothing with it."""
    asked = await Asked.by(agent, **CRITICAL)
    await asked.send(choice="approve")
    code = await mailed_code(agent.service, asked.approver)
    mail = await newest_mail(agent.service, asked.approver, code[:3])
    whole = mail.as_string() + "".join(
        str(part.get_content()) for part in mail.walk() if part.get_content_maintype() == "text"
    )
    assert "/d/" not in whole
    assert "/i/" not in whole


async def test_the_code_is_nowhere_but_in_the_mail(agent: Agent) -> None:
    """Neither in the record nor in the store: who reads Temporal or the database learns nothing."""
    asked = await Asked.by(agent, **CRITICAL)
    await asked.send(choice="approve")
    code = await mailed_code(agent.service, asked.approver)
    record = str(await agent.audit(asked.decision)) + str(await asked.read())
    assert code not in re.sub(r"[0-9a-f]{16,}|\d{4}-\d\d-\d\dT[\d:.]+", "", record)
    rows = in_store(
        agent.service, "SELECT id, tries, number FROM codes WHERE decision_id = ?", asked.decision
    )
    assert [(tries, number) for _, tries, number in rows] == [(0, 1)]
    assert code not in rows[0][0]


async def test_five_tries(agent: Agent) -> None:
    """Wrong ones are told and recorded; after the fifth the right one counts no more, and a minute
    after it was sent a press has another mailed."""
    asked = await Asked.by(agent, **CRITICAL)
    await asked.send(choice="approve")
    code = await mailed_code(agent.service, asked.approver)
    for left in (4, 3, 2, 1):
        refused = await asked.send(choice="approve", code=not_quite(code))
        assert refused.status_code == 422
        assert f"You have {left} more tr" in refused.text
    for typed in (not_quite(code), code, ""):
        over = await asked.send(choice="approve", code=typed)
        assert over.status_code == 422
        assert "no code holds for this page" in over.text
        assert 'name="code"' not in over.text
        assert re.search(r"done again in \d+ second", over.text)
    age_codes(agent.service, asked.decision, 1)
    assert (await asked.send(choice="approve")).status_code == 200
    assert (await asked.read())["status"] == "pending"
    reasons = [reason for _, _, reason in asked.late()]
    assert reasons == ["wrong_code"] * 6
    second = await mailed_code(agent.service, asked.approver, number=2)
    answered = await asked.send(choice="approve", code=second)
    assert answered.status_code == 200
    assert (await asked.read())["status"] == "approved"


def not_quite(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def test_ten_minutes(agent: Agent) -> None:
    """Then the code holds no longer, and another is on its way."""
    asked = await Asked.by(agent, **CRITICAL)
    await asked.send(choice="deny")
    code = await mailed_code(agent.service, asked.approver)
    age_codes(agent.service, asked.decision, 10)
    assert (await asked.send(choice="deny", code=code)).status_code == 422
    second = await mailed_code(agent.service, asked.approver, number=2)
    assert (await asked.send(choice="deny", code=second)).status_code == 200
    assert (await asked.read())["status"] == "denied"


async def test_pressing_again_sends_no_second_mail(agent: Agent) -> None:
    """However often, and at once: one code is under way, and it is the one that counts."""
    asked = await Asked.by(agent, **CRITICAL)
    await asyncio.gather(*(asked.send(choice="approve") for _ in range(8)))
    code = await mailed_code(agent.service, asked.approver)
    again = await asked.send(another_code="approve")
    assert again.status_code == 200
    assert codes_mailed(agent.service, asked.approver) == [code]
    assert (await asked.send(choice="approve", code=code)).status_code == 200


@pytest.mark.parametrize("which", [1, 2])
async def test_another_code_on_demand(agent: Agent, which: int) -> None:
    """A minute later; both hold, for mails may come in any order."""
    asked = await Asked.by(agent, **CRITICAL)
    await asked.send(choice="approve")
    await mailed_code(agent.service, asked.approver)
    age_codes(agent.service, asked.decision, 2)
    await asked.send(another_code="approve")
    await mailed_code(agent.service, asked.approver, number=2)
    code = await mailed_code(agent.service, asked.approver, number=which)
    assert (await asked.send(choice="approve", code=code)).status_code == 200


async def test_who_else_has_the_link_ends_no_code(agent: Agent) -> None:
    """Fifty wrong codes from another page, and wishes for another: the person's own still counts,
    nothing else was mailed, and each attempt is in the record."""
    asked = await Asked.by(agent, **CRITICAL)
    await asked.send(choice="approve")
    code = await mailed_code(agent.service, asked.approver)
    theirs = await asked.opened_again()
    for _ in range(25):
        refused = await theirs.send(choice="approve", code=not_quite(code))
        assert refused.status_code == 422
        await theirs.send(another_code="approve")
        await theirs.send(choice="deny", form="", code=not_quite(code))
    assert codes_mailed(agent.service, asked.approver) == [code]
    assert len(asked.late()) == 50
    assert (await asked.send(choice="approve", code=code)).status_code == 200
    assert (await asked.read())["status"] == "approved"


async def test_a_code_that_a_scanner_had_mailed(agent: Agent) -> None:
    """Whoever presses after it, on another page, types it there; the page of neither knows more."""
    asked = await Asked.by(agent, **CRITICAL)
    await (await asked.opened_again()).send(choice="approve")
    told = await asked.send(choice="approve")
    assert 'name="code"' in told.text
    [code] = await eventually(lambda: codes_mailed(agent.service, asked.approver))
    assert (await asked.send(choice="approve", code=code)).status_code == 200


async def test_all_ten_are_used_up(agent: Agent, operator: Agent) -> None:
    """Then this link answers no more: the page says so, whose fault it is, and who can help; the
    record and the log have it, and an operator's key answers."""
    asked = await Asked.by(agent, **CRITICAL)
    for _ in range(10):
        assert (await asked.send(another_code="approve")).status_code == 200
        age_codes(agent.service, asked.decision, 1)
    told = await asked.send(another_code="approve")
    assert "This is the last code that is mailed for this question." in told.text
    assert "another_code" not in told.text
    age_codes(agent.service, asked.decision, 10)
    over = await asked.send(choice="approve")
    assert (over.status_code, asked.decision in over.text) == (409, True)
    assert "No further code is mailed" in over.text
    assert "somebody else has your link" in over.text
    assert asked.late() == [(asked.approver, "approve", "too_many_codes")]
    assert f"all codes of {asked.decision}" in agent.service.log("api")
    last = await eventually(lambda: codes_mailed(agent.service, asked.approver, "the last code"))
    assert len(last) == 1
    assert (await asked.read())["status"] == "pending"
    assert (await operator.resolve(asked.decision, "deny")).status_code == 200


async def test_a_key_may_ask_for_it(service: RunningService) -> None:
    """Then every decision of that key needs it, whatever its urgency; of others, none does."""
    async with await Agent.with_new_key(service, step_up=True) as strict:
        asked = await Asked.by(strict, urgency="low")
        assert 'name="code"' in (await asked.send(choice="approve")).text
        code = await mailed_code(service, asked.approver)
        assert (await asked.send(choice="approve", code=code)).status_code == 200
    async with await Agent.with_new_key(service) as plain:
        asked = await Asked.by(plain, urgency="high")
        assert (await asked.send(choice="approve")).status_code == 200
        assert (await asked.read())["status"] == "approved"


async def test_an_answer_that_is_none_has_no_code_mailed(agent: Agent) -> None:
    """What is wrong with it is told first."""
    choices: dict[str, Any] = {"type": "choose", "choices": ["a", "b"]}
    asked = await Asked.by(agent, **CRITICAL, response_type=choices)
    refused = await asked.send(choice="approve")
    assert refused.status_code == 422
    assert 'name="code"' not in refused.text
    right = await asked.send(choice="approve", chosen="a")
    assert 'name="code"' in right.text
    code = await mailed_code(agent.service, asked.approver)
    assert (await asked.send(choice="approve", chosen="a", code=code)).status_code == 200
    assert (await asked.read())["response_data"] == {"chosen": "a"}


async def test_files_wait_for_the_code(agent: Agent) -> None:
    """Nothing is kept of an upload before the code is right."""
    asked = await Asked.by(agent, **CRITICAL, response_type={"type": "file_upload"})
    files = [("a.txt", b"hello", "text/plain")]
    await asked.send(files, choice="approve")
    rows = "SELECT id FROM attachments WHERE decision_id = ?"
    assert in_store(agent.service, rows, asked.decision) == []
    code = await mailed_code(agent.service, asked.approver)
    assert (await asked.send(files, choice="approve", code=code)).status_code == 200
    assert (await asked.read())["status"] == "approved"


async def test_an_operators_answer_needs_none(agent: Agent, service: RunningService) -> None:
    """It came with a key, and not with a link."""
    asked = await Asked.by(agent, **CRITICAL)
    scopes = frozenset({"decisions:resolve"})
    async with await Agent.with_new_key(service, scopes=scopes) as olga:
        answer = await olga.http.post(
            f"/decisions/{asked.decision}/resolve", json={"action": "approve"}
        )
    assert answer.status_code == 200, answer.text
    assert (await asked.read())["status"] == "approved"
