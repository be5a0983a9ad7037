"""One person is one in every spelling of their address, and no domain is another: where mail goes,
whom a key may ask, whose inbox, settings and answers these are."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator

import httpx2
import pytest
from temporalio.client import Client

from api.decisions.approvers import check_places
from api.decisions.signing import Signer
from api.decisions.starting import search_attributes
from api.problems.errors import Invalid
from histories.encryption import Encryption
from store.keys import ADMIN, AGENT_SCOPES, RESOLVE
from tests.api.agent import Agent, question, refused_fields, someone
from tests.api.inboxes import Inbox, page_url, results
from tests.approver import answer_link, mails, newest_mail, press
from tests.service import RunningService
from tests.support import eventually
from tests.workflows.harness import make_input
from workflows.messages import WORKFLOW


def somebody() -> str:
    """What stands before the `@` of an address that no other test writes to."""
    return f"ann-{secrets.token_hex(4)}"


@pytest.fixture
async def admin(service: RunningService) -> AsyncIterator[Agent]:
    scopes = AGENT_SCOPES | {ADMIN, RESOLVE}
    async with await Agent.with_new_key(service, None, scopes) as admin:
        yield admin


@pytest.mark.parametrize(
    ("domain", "ascii", "other"),
    [
        ("straße.de", "xn--strae-oqa.de", "strasse.de"),
        ("xn--strae-oqa.de", "xn--strae-oqa.de", "strasse.de"),
        ("φίλος.gr", "xn--kxaymmq.gr", "xn--kxaymql.gr"),
    ],
)
async def test_mail_for_one_domain_goes_to_no_other(
    agent: Agent, domain: str, ascii: str, other: str
) -> None:
    """And whoever reads it may answer, by the name that the agent reads too."""
    name = somebody()
    asked = await agent.ask(approver=f"{name}@{domain}")
    mail = await newest_mail(agent.service, f"{name}@{ascii}")
    assert mails(agent.service, f"{name}@{other}") == []
    await press(answer_link(mail), "approve")
    answered = await agent.get(asked["id"], wait=20)
    assert (answered["status"], answered["resolved_by"]) == ("approved", asked["approver"])


async def test_a_key_for_one_domain_is_for_no_other(service: RunningService) -> None:
    """Whatever its letters fold to."""
    async with await Agent.with_new_key(
        service, approvers=["@strasse.de", "@bücher.example"]
    ) as key:
        refused = await key.post(question(approver="x@straße.de"))
        assert (refused.status_code, refused.json()["code"]) == (403, "approver_not_allowed")
        assert (await key.ask(approver="X@STRASSE.de"))["status"] == "pending"
        assert (await key.ask(approver="x@xn--bcher-kva.example"))["status"] == "pending"


async def test_nobody_is_asked_as_their_own_backup(agent: Agent) -> None:
    """Who says \"not me\" in one spelling is asked in no other; the next one is, at once."""
    name, ben = somebody(), someone("ben")
    ann, same = f"{name.title()}@example.com", f"{name}@example.com"
    steps = [{"after_minutes": n, "approvers": who} for n, who in ((5, [same]), (9, [ben, same]))]
    asked = await agent.ask(approver=ann, escalation=steps, timeout_minutes=30)
    await press(answer_link(await newest_mail(agent.service, ann)), "not_me")
    await newest_mail(agent.service, ben)
    entries = await agent.audited(asked["id"], "decision.escalated")
    assert [e["details"]["approver"] for e in entries if e["type"] == "approver.asked"] == [
        ann,
        ben,
    ]
    assert mails(agent.service, same) == []
    now = await agent.get(asked["id"])
    assert (now["escalation_level"], now["escalation"][0]["approvers"]) == (2, [same])


async def test_an_inbox_is_a_persons(agent: Agent) -> None:
    """It has what they are asked in every spelling, and takes their answers to it."""
    name = somebody()
    spelled = [f"{name}@bücher.example", f"{name.upper()}@xn--bcher-kva.example"]
    first, second, third = [
        (await agent.ask(approver=each))["id"] for each in (*spelled, spelled[0])
    ]
    inboxes = [await Inbox.with_all(agent.service, each, first, second, third) for each in spelled]
    for inbox in inboxes:
        assert sorted(inbox.waiting) == sorted([first, second, third])
    sent = await inboxes[1].send({first: "approve", second: "deny"})
    assert [counts for counts, _ in results(sent)] == [True, True]
    assert (await agent.get(first, wait=20))["resolved_by"] == spelled[0]
    assert (await agent.get(second, wait=20))["resolved_by"] == f"{name.upper()}@bücher.example"
    # The link beside a row has the spelling of the inbox.
    await press(page_url(agent.service, spelled[1], third), "approve")
    assert (await agent.get(third, wait=20))["status"] == "approved"


async def test_lists_and_settings_are_a_persons(admin: Agent) -> None:
    """Asked for in any spelling, with what was asked and set in another."""
    name = somebody()
    asked = await admin.ask(approver=f"{name.title()}@Straße.de")
    spellings = [f"{name}@straße.de", f"{name.upper()}@XN--STRAE-OQA.de"]
    for spelling in spellings:

        async def listed(spelling: str = spelling) -> list[str]:
            answer = await admin.http.get("/decisions", params={"approver": spelling})
            return [each["id"] for each in answer.json().get("decisions", [])]

        assert await eventually(listed, timeout=60) == [asked["id"]]
    other = await admin.http.get("/decisions", params={"approver": f"{name}@strasse.de"})
    assert other.json()["decisions"] == []
    await admin.http.put(f"/approvers/{spellings[0]}", json={"language": "de"})
    assert (await admin.http.get(f"/approvers/{spellings[1]}")).json()["language"] == "de"
    assert (await admin.http.get(f"/approvers/{name}@strasse.de")).status_code == 404


async def test_a_person_is_named_once(agent: Agent) -> None:
    """In one list, however they are spelled."""
    twice = ["Ann@bücher.example", "ann@xn--bcher-kva.example"]
    assert refused_fields(await agent.post(question(approver=twice))) == ["approver"]
    steps = [{"after_minutes": 5, "approvers": twice}]
    refused = await agent.post(question(escalation=steps))
    assert refused_fields(refused) == ["escalation.0.approvers"]


@pytest.mark.parametrize("address", ["ann@corp.local", "ann@nas.home.arpa", "ann@mailhost"])
async def test_a_network_of_ones_own_takes_a_setting(admin: Agent, address: str) -> None:
    """Whoever asks or sets it up is told which; nothing is started."""
    at = address[address.index("@") :]
    steps = [{"after_minutes": 5, "approvers": [someone(), address]}]
    for answer, field in (
        (await admin.post(question(approver=address)), "approver"),
        (await admin.post(question(escalation=steps)), "escalation.0.approvers.1"),
        (await admin.http.put(f"/approvers/{address}", json={"language": "de"}), "address"),
        (
            await admin.http.post("/auth/api-keys", json={"name": "a", "approvers": [at]}),
            "approvers.0",
        ),
    ):
        assert refused_fields(answer) == [field]
        assert "HANDOVER_LOCAL_DOMAINS" in answer.json()["error"]


def test_what_an_operator_allowed_is_asked() -> None:
    """The domain and all below it; for all who are named so, and for nobody else."""
    allowed = ["corp.local", "mailhost"]
    within = ["ann@it.corp.local", "@corp.local", "ann@mailhost", "ann@example.com"]
    check_places(allowed, [("approver", each) for each in within])
    with pytest.raises(Invalid) as refused:
        check_places(allowed, [("a", "ann@corp.local"), ("b", "@local"), ("c", "ann@mycorp.local")])
    assert [error["field"] for error in refused.value.more["errors"]] == ["b", "c"]


async def test_what_only_a_newer_release_can_read(
    admin: Agent, service: RunningService, temporal: Client
) -> None:
    """503 with a sentence, and in no list or inbox does it stand in the way of others."""
    ann = someone("ann")
    beside = (await admin.ask(approver=ann))["id"]
    keys = json.loads((service.data_dir / "secrets.json").read_text())
    signer = Signer([keys["signing_keys"]])
    input = make_input(approver=ann).model_copy(
        update={"agent": admin.name, "rules_version": 99, "keyring": signer.keyring}
    )
    handle = await temporal.start_workflow(
        WORKFLOW,
        signer.seal(input),
        id=input.id,
        task_queue=service.task_queue,
        search_attributes=search_attributes(input, Encryption()),
    )
    try:
        for answer in (
            await admin.http.get(f"/decisions/{input.id}"),
            await admin.http.get(f"/decisions/{input.id}", params={"wait": "5"}),
            await admin.http.get(f"/decisions/{input.id}/audit"),
            await admin.cancel(input.id),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert "follows version 99 of the rules" in answer.json()["error"]
            assert answer.headers["Retry-After"]
        page = await admin.http.get(page_url(service, ann, input.id))
        assert page.status_code == 503
        await Inbox.with_all(service, ann, beside)

        async def listed() -> list[str]:
            found: httpx2.Response = await admin.http.get("/decisions", params={"approver": ann})
            assert found.status_code == 200, found.text
            return [each["id"] for each in found.json()["decisions"]]

        assert await eventually(listed, timeout=60) == [beside]
    finally:
        await handle.terminate()
