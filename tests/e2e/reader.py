"""A reader who does what docs/http-api.md says, and looks whether it is answered as written."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import httpx2

from tests import web
from tests.api.agent import someone
from tests.api.asked import BrowserForm
from tests.approver import answer_link, confirmed, newest_mail
from tests.e2e.documented import Example, Press, differences
from tests.forked import ROOT
from tests.receiver import Receiver
from tests.service import RunningService
from tests.support import eventually

CURL = "curl() { command curl -sS --max-time 90 -w '\\n%{http_code}' \"$@\"; }\n"
"""Every request also prints its status."""

SET_BY_THE_DOCUMENT = ("BASE", "KEY", "OPERATOR_KEY", "ADMIN_KEY")


class Reader:
    """Of one document, in a folder, with an approver of their own."""

    def __init__(self, service: RunningService, folder: Path, system: Receiver) -> None:
        self.service = service
        self.system = system
        self.folder = folder
        self.approver = someone("approver")
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        self.variables = {"TOMORROW": tomorrow.isoformat()}
        self.decisions: set[str] = set()

    async def follow(self, example: Example) -> None:
        """Do one example. Raises `AssertionError` where its answer is not as written."""
        if "$RESPOND_URL" in example.command:
            self.variables["RESPOND_URL"] = await self._respond_url()
        run = self._until_it_fits(example) if example.lags else self._once(example)
        if example.press is None:
            await run
        elif example.press.meanwhile:
            await asyncio.gather(self._press(example.press, await self._action(example)), run)
        else:
            await self._press(example.press, await self._action(example))
            await run

    async def get(self, path: str) -> str:
        """With the agent's key; the body of the answer."""
        async with web.client(base_url=self.service.base_url) as client:
            return (await client.get(path, headers=self.service.headers)).text

    async def _once(self, example: Example) -> None:
        status, body = await asyncio.to_thread(self._shell, example)
        if status == httpx2.codes.ACCEPTED != example.status:
            await self._until_heard(example)
            return
        assert status == example.status, body
        if example.answer is not None:
            self._check(example, body)

    async def _until_it_fits(self, example: Example) -> None:
        async def fits() -> str | None:
            status, body = await asyncio.to_thread(self._shell, example)
            assert status == example.status, body
            return None if self._differences(example, body) else body

        self._check(example, await eventually(fits, timeout=60) or "")

    async def _until_heard(self, example: Example) -> None:
        """What the decision is once a worker has heard of it, where that took its time."""
        if "$RESPOND_URL" in example.command:

            async def answered() -> bool:
                return (await asyncio.to_thread(self._shell, example))[0] == example.status

            await eventually(answered)
            return
        of_files = "/attachments" if "/attachments" in example.command else ""
        path = f"/decisions/{self.variables['ID']}{of_files}"

        async def heard() -> bool:
            return not self._differences(example, await self.get(path))

        await eventually(heard)

    async def _respond_url(self) -> str:
        """Of the last decision, as it was posted to the approver's system."""

        def posted() -> str | None:
            for request in self.system.requests:
                data = json.loads(request.body)["data"]
                if data["decision"]["id"] == self.variables["ID"]:
                    return data["respond_url"]
            return None

        return str(await eventually(posted))

    def _shell(self, example: Example) -> tuple[int | None, str]:
        """Status and body, where it is a request."""
        known = self.folder / "variables"
        script = f"{CURL}set -a\n{self._here(example.command)}\nenv -0 > {known}\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.service.environment | self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = dict(each.split("=", 1) for each in known.read_text().split("\0") if each)
        self.variables |= {name: told[name] for name in SET_BY_THE_DOCUMENT if name in told}
        body, _, status = done.stdout.rpartition("\n")
        return (int(status), body) if example.status else (None, done.stdout)

    def _check(self, example: Example, body: str) -> None:
        wrong = self._differences(example, body)
        assert not wrong, "\n".join([*wrong, body])
        if example.is_json:
            self._remember(json.loads(body))

    def _differences(self, example: Example, body: str) -> list[str]:
        assert example.answer
        if not example.is_json:
            return [] if body == example.answer else [f"{body!r} is not {example.answer!r}"]
        written = Template(self._here(example.answer)).substitute(self.variables)
        return list(differences(json.loads(written), json.loads(body)))

    def _remember(self, answer: dict[str, Any]) -> None:
        """What the document calls `$ID`, `$FILE`, `$CURSOR` and `$DIGEST`."""
        id = answer.get("id", "")
        if id.startswith("dec_"):
            self.variables["ID"] = id
            self.decisions.add(id)
        if id.startswith("att_"):
            self.variables["FILE"] = id
        if digest := answer.get("digest"):
            self.variables["DIGEST"] = digest
        if cursor := answer.get("next_cursor"):
            self.variables["CURSOR"] = cursor

    def _here(self, text: str) -> str:
        """What is written, with what is this service's own."""
        text = text.replace("http://127.0.0.1:8000", self.service.base_url)
        text = text.replace(".handover/", f"{self.service.data_dir}/")
        text = text.replace("https://approvals.example.com/handover", self.system.url)
        text = text.replace("make -s key", f"make -s -C '{ROOT}' key")
        return text.replace("approver@example.com", self.approver)

    async def _action(self, example: Example) -> str:
        """What this example asks itself, or the one before it."""
        asked = re.search(r'"action": "(.*?)"', example.command)
        if asked:
            return asked[1]
        return json.loads(await self.get(f"/decisions/{self.variables['ID']}"))["action"]

    async def _press(self, press: Press, action: str) -> None:
        """Open the page of this action's mail, fill in the form, press the button."""
        link = answer_link(await newest_mail(self.service, self.approver, action))
        typed = json.loads(Template(json.dumps(press.typed)).substitute(self.variables))
        name, *content = typed.pop("uploaded_files", [""])
        async with web.client(timeout=30) as browser:
            form = BrowserForm.of((await browser.get(link)).text)
            assert press.choice in form.choices
            answer = await browser.post(
                link,
                data={**form.fields, **typed, "choice": press.choice},
                files=[("uploaded_files", (name, each.encode())) for each in content],
            )
            answer = await confirmed(browser, link, press.choice, answer)
        assert answer.status_code in (httpx2.codes.OK, httpx2.codes.ACCEPTED), answer.text
