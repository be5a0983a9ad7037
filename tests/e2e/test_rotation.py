"""Keys are changed while decisions are pending: nothing stops, until a key is taken back."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import httpx2
import pytest

import links.tokens
from api.main import FIRST_KEY
from handover import AsyncHandoverClient, Decision, ProofError, Status
from histories.encryption import Encryption
from settings.keys import new_secrets
from store import open_store
from tests import web
from tests.approver import answer_link, newest_mail, press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually
from workflows.proof import key_id

A, B = (new_secrets() for _ in range(2))
KEY_A, KEY_B = (key_id(made["verify_keys"]) for made in (A, B))
ENCRYPTION_KEY_A = Encryption([A["encryption_keys"]]).key_ids[0]
LINK_KEY_A = links.tokens.key_id(A["link_keys"])


class Rotating:
    """A service whose keys an operator changes, and an agent of it."""

    def __init__(self, service: RunningService) -> None:
        self.service = service

    async def run_with(
        self,
        *,
        signing: Iterable[dict[str, str]] = (A,),
        verify: Iterable[dict[str, str]] = (),
        links: Iterable[dict[str, str]] = (A,),
        encryption: Iterable[dict[str, str]] = (),
        revoked: Iterable[str] = (),
    ) -> None:
        """Restart all of it with these keys, the newest first."""
        self.service.stop()
        known = [*signing, *verify]
        self.service.environment |= {
            "HANDOVER_SIGNING_KEYS": ",".join(made["signing_keys"] for made in signing),
            "HANDOVER_VERIFY_KEYS": ",".join(made["verify_keys"] for made in known),
            "HANDOVER_LINK_KEYS": ",".join(made["link_keys"] for made in links),
            "HANDOVER_ENCRYPTION_KEYS": ",".join(made["encryption_keys"] for made in encryption),
            "HANDOVER_REVOKED_KEYS": ",".join(revoked),
        }
        await self.service.start()

    def client(self) -> AsyncHandoverClient:
        return AsyncHandoverClient(self.service.api_key, self.service.base_url)

    async def make_callback_secret(self) -> str:
        async with web.client(headers=self.service.headers) as agent:
            made = await agent.post(f"{self.service.base_url}/auth/callback-secret")
        return made.json()["secret"]

    async def callback_secrets(self, links: dict[str, str]) -> list[str]:
        """Those of the agent that can be read with this link key alone."""
        store = await open_store(f"sqlite+aiosqlite:///{self.service.data_dir / 'store.db'}")
        try:
            return await store.callback_secrets([links["link_keys"]]).signing(FIRST_KEY)
        finally:
            await store.close()

    async def ask(self) -> Asked:
        approver = f"{secrets.token_hex(6)}@example.com"
        async with self.client() as client:
            made = await client.decisions.create(action="Refund", approver=approver, wait=False)
        return Asked(self, made.id, answer_link(await newest_mail(self.service, approver)))


class Asked:
    """A decision, and the link that its approver got."""

    def __init__(self, rotating: Rotating, id: str, link: str) -> None:
        self._rotating = rotating
        self.id = id
        self.link = link

    async def read(self) -> Decision:
        async with self._rotating.client() as client:
            return await client.decisions.get(self.id)

    async def is_not_judged(self, key: str, setting: str) -> None:
        """503, with the key that it takes and where that belongs."""
        async with web.client(headers=self._rotating.service.headers) as agent:
            url = f"{self._rotating.service.base_url}/decisions/{self.id}"
            for path in ("", "?wait=1", "/audit"):
                answer = await agent.get(url + path)
                assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE
                for word in (key, setting, "HANDOVER_REVOKED_KEYS"):
                    assert word in answer.json()["detail"]

    async def approved_under(self, key: str) -> None:
        """It reads as approved, and its proof holds with what the service publishes."""
        decision = await self.read()
        assert decision.approved
        assert decision.proof
        assert decision.proof.signature.key_id == key
        async with self._rotating.client() as client:
            decision.verify(await client.keys())

    async def answer(self) -> None:
        """The answer is taken; a worker that has just started may hear of it a moment later."""
        page = await press(self.link, "approve")
        assert page.status_code in (httpx2.codes.OK, httpx2.codes.ACCEPTED), page.text

        async def is_recorded() -> bool:
            return (await self.read()).approved

        await eventually(is_recorded)


@pytest.fixture
async def rotating(dev_server: DevServer, tmp_path: Path) -> AsyncIterator[Rotating]:
    rotating = Rotating(RunningService(dev_server.address, tmp_path))
    try:
        yield rotating
    finally:
        rotating.service.stop()


async def test_signing_keys(rotating: Rotating) -> None:
    """What was asked under the old key is answered under it, what is new under the new one; the
    old one can go when nothing asked under it is pending. Where it is not even listed nothing is
    said, until it is revoked, which takes back what was answered under it."""
    await rotating.run_with(signing=[A])
    done, pending, forgotten = [await rotating.ask() for _ in range(3)]
    await done.answer()
    await done.approved_under(KEY_A)

    await rotating.run_with(signing=[B, A])
    await pending.answer()
    await pending.approved_under(KEY_A)
    new = await rotating.ask()
    await new.answer()
    await new.approved_under(KEY_B)
    await done.approved_under(KEY_A)

    await rotating.run_with(signing=[B], verify=[A])
    await done.approved_under(KEY_A)
    assert (await forgotten.read()).status == Status.PENDING
    refused = await press(forgotten.link, "approve")
    assert refused.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    for word in ("operator", "HANDOVER_SIGNING_KEYS", KEY_A):
        assert word in refused.text
    await an_agent_is_told_too(rotating, forgotten)
    assert (await forgotten.read()).status == Status.PENDING

    await rotating.run_with(signing=[B, A])
    await forgotten.answer()
    await forgotten.approved_under(KEY_A)

    await rotating.run_with(signing=[B])
    await new.approved_under(KEY_B)
    for gone in (done, pending, forgotten):
        await gone.is_not_judged(KEY_A, "HANDOVER_VERIFY_KEYS")

    await rotating.run_with(signing=[B], revoked=[KEY_A])
    await new.approved_under(KEY_B)
    for gone in (done, pending, forgotten):
        decision = await gone.read()
        assert (decision.status, decision.approved) == (Status.CANCELLED, False)
        with pytest.raises(ProofError, match="permits nothing"):
            async with rotating.client() as client:
                decision.verify(await client.keys())


async def an_agent_is_told_too(rotating: Rotating, asked: Asked) -> None:
    """503 for what would have to be signed, with what the operator has to do."""
    base = f"{rotating.service.base_url}/decisions/{asked.id}"
    async with web.client(headers=rotating.service.headers) as agent:
        for path, body in (("cancel", {}), ("extend", {"timeout_minutes": 600})):
            answer = await agent.post(f"{base}/{path}", json=body)
            assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE
            assert answer.json()["code"] == "unavailable"
            assert "HANDOVER_SIGNING_KEYS" in answer.json()["detail"]
            assert int(answer.headers["Retry-After"]) > 0
    assert f"{asked.id} cannot be answered" in rotating.service.log("api")


async def test_several_keys_are_published(rotating: Rotating) -> None:
    """The ones that sign, and the old ones that are still believed."""
    await rotating.run_with(signing=[B], verify=[A])
    async with rotating.client() as client:
        assert {key.kid for key in (await client.keys()).keys} == {KEY_A, KEY_B}


async def test_link_keys(rotating: Rotating) -> None:
    """A link of the old key answers while the key is listed. Where it is not, the page names it,
    until it is revoked; what was sealed under it is read on."""
    await rotating.run_with(links=[A])
    first, second = await rotating.ask(), await rotating.ask()
    secret = await rotating.make_callback_secret()

    await rotating.run_with(links=[B, A])
    await first.answer()
    third = await rotating.ask()
    assert key_of(third.link) != key_of(first.link) == key_of(second.link)

    await rotating.run_with(links=[B])
    await third.answer()
    async with web.client() as browser:
        unknown = await browser.get(second.link)
        assert unknown.status_code == httpx2.codes.SERVICE_UNAVAILABLE
        assert LINK_KEY_A in unknown.text

    await rotating.run_with(links=[B], revoked=[LINK_KEY_A])
    async with web.client() as browser:
        for link in (first.link, second.link):
            assert (await browser.get(link)).status_code == httpx2.codes.NOT_FOUND
        form = {"choice": "approve", "digest": "x"}
        assert (await browser.post(second.link, data=form)).status_code == httpx2.codes.NOT_FOUND
    assert (await first.read()).approved
    assert (await second.read()).status == Status.PENDING
    assert await rotating.callback_secrets(B) == [secret]


async def test_encryption_keys(rotating: Rotating) -> None:
    """What the old key encrypted is read and answered while the key is listed. Where it is not,
    nothing is said of it, until the key is revoked: then there is no such decision."""
    await rotating.run_with(encryption=[A])
    old, lost = await rotating.ask(), await rotating.ask()

    await rotating.run_with(encryption=[B, A])
    await old.answer()
    await old.approved_under(KEY_A)
    new = await rotating.ask()

    await rotating.run_with(encryption=[B])
    await lost.is_not_judged(ENCRYPTION_KEY_A, "HANDOVER_ENCRYPTION_KEYS")
    await new.answer()
    await new.approved_under(KEY_A)

    await rotating.run_with(encryption=[B], revoked=[ENCRYPTION_KEY_A])
    async with web.client(headers=rotating.service.headers) as agent:
        gone = await agent.get(f"{rotating.service.base_url}/decisions/{lost.id}")
    assert gone.status_code == httpx2.codes.NOT_FOUND


def key_of(link: str) -> str:
    return link.rpartition("/d/")[2].partition(".")[0]
