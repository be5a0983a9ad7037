"""`/d/{token}`: the page by which a person answers, and everybody else who opens or sends it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from api.pages import page as pages
from histories.reading import Live
from links import Link, LinkKeys
from store import StoreAway
from templates.payload import fingerprint, grouped
from tests import web
from tests.api.agent import Agent, in_store, link_to, no_worker, someone
from tests.api.asked import Asked, check_guards
from tests.api.ended import LINKS, Parts, ended
from tests.approver import Form, mails, press
from tests.service import RunningService
from tests.support import eventually


async def test_opening_a_hundred_times_changes_nothing(agent: Agent, temporal: Client) -> None:
    """GET and HEAD, with and without a marked button: no event is added, no row is written."""
    asked = await Asked.by(agent)
    await agent.audited(asked.decision, "notification.sent")
    handle = temporal.get_workflow_handle(asked.decision)
    before = len((await handle.fetch_history()).events)
    urls = [asked.link, f"{asked.link}?choose=approve&choice=approve"]
    opened = await asyncio.gather(
        *(agent.http.request(m, url) for m in ("GET", "HEAD") for url in urls for _ in range(25))
    )
    assert {answer.status_code for answer in opened} == {200}
    assert len((await handle.fetch_history()).events) == before
    await asked.untouched()


async def test_head_is_get_without_the_page(agent: Agent) -> None:
    """The same headers and no body, as mail scanners ask for it."""
    asked = await Asked.by(agent)
    page = await agent.http.head(asked.link)
    assert (page.status_code, page.content) == (200, b"")
    check_guards(page)


async def test_every_page_is_guarded(agent: Agent) -> None:
    """The question, a refusal, the outcome, a late answer and no link at all."""
    asked = await Asked.by(agent)
    found = [
        (200, await agent.http.get(asked.link)),
        (422, await asked.send(choice="")),
        (200, await asked.send(choice="approve")),
        (200, await agent.http.get(asked.link)),
        (409, await asked.send(choice="deny")),
        (404, await agent.http.get(asked.link[:-10])),
    ]
    for status, page in found:
        assert page.status_code == status
        check_guards(page)


async def test_a_marked_button_is_only_marked(agent: Agent) -> None:
    """`?choose=` puts an outline on that button, and a word that is no button does nothing."""
    asked = await Asked.by(agent)
    for choice in ("approve", "deny", "modify"):
        page = (await agent.http.get(asked.link, params={"choose": choice})).text
        assert re.findall(r'<button[^>]*class="(\w+) chosen"', page) == [choice]
    page = (await agent.http.get(asked.link, params={"choose": '"><script>'})).text
    assert 'chosen"' not in page
    assert "<script>" not in page
    await asked.untouched()


@pytest.mark.parametrize("form", [{}, {"notes": "x"}, {"choice": ""}])
async def test_an_answer_without_a_choice_is_refused(agent: Agent, form: dict[str, str]) -> None:
    """422, whatever else the form has: no answer is an answer by default."""
    asked = await Asked.by(agent)
    assert (await agent.http.post(asked.link, data=form)).status_code == 422
    assert (await agent.http.post(asked.link, data=asked.form | form)).status_code == 422
    await asked.untouched()


@pytest.mark.parametrize(
    "choice", ["yes", "APPROVE", "approve ", "approve\x00", "modify", "x" * 99]
)
async def test_a_choice_that_was_not_offered_is_refused(agent: Agent, choice: str) -> None:
    """422, the page says what is offered, and the record has the attempt."""
    asked = await Asked.by(agent, options=["approve", "deny"])
    page = await asked.send(choice=choice, action="x")
    assert page.status_code == 422
    assert "Approve, Deny" in page.text
    attempt = await asked.refused("not_offered")
    assert attempt["choice"] == choice.replace("\x00", "\ufffd")[:20]


async def test_an_empty_form_after_the_end_leaves_no_trace(agent: Agent) -> None:
    """What has no choice is no answer, so it is no late answer either."""
    asked = await Asked.by(agent)
    await agent.cancel(asked.decision)
    assert (await agent.http.post(asked.link)).status_code in (409, 422)
    assert asked.late() == []


async def test_an_answer_to_something_else_is_asked_again(agent: Agent) -> None:
    """409 where the digest is not of what is asked; what was typed is kept, and recorded."""
    asked = await Asked.by(agent, payload={"a": 1})
    typed = {"notes": "My <notes>\nin lines", "payload": '{"a": 2, "b": "</textarea>"}'}
    page = await asked.send(choice="modify", digest="0" * 64, **typed)
    assert page.status_code == 409
    shown = Form.of(page.text).fields
    assert {name: shown[name] for name in typed} == typed
    attempt = await asked.refused("changed")
    assert attempt["data"] == {"payload": {"a": 2, "b": "</textarea>"}}
    assert (await asked.send(**shown, choice="modify")).status_code == 200
    decision = await asked.read()
    assert (decision["status"], decision["response_notes"]) == ("modified", typed["notes"])
    assert decision["response_data"] == {"payload": {"a": 2, "b": "</textarea>"}}


@pytest.mark.parametrize(
    "payload",
    [
        *("", "{", "nothing", "[1]", "7", "null", '{"a": NaN}', '{"a": 1152921504606846976}'),
        *('{"a": "\\ud800"}', '{"a": "' + "x" * (256 * 1024) + '"}', '{"a": 1' + "0" * 5_000 + "}"),
        *('{"a":' * depth + "1" + "}" * depth for depth in (205, 300, 50_000)),
    ],
    ids=lambda text: repr(text[:20]),
)
async def test_a_payload_that_cannot_be_run_is_refused(agent: Agent, payload: str) -> None:
    """422 with the form as it was filled in, so that nothing has to be typed twice."""
    asked = await Asked.by(agent, payload={"a": 1})
    page = await asked.send(choice="modify", payload=payload, notes="Look here")
    assert page.status_code == 422
    shown = Form.of(page.text).fields
    assert (shown["payload"], shown["notes"]) == (payload, "Look here")
    assert 'aria-invalid="true"' in page.text
    assert (await asked.refused("invalid_answer"))["notes"] == "Look here"


@pytest.mark.parametrize("action", ["", " \n ", "x" * 2_001])
async def test_other_words_for_the_action_have_a_length(agent: Agent, action: str) -> None:
    """Without a payload `modify` needs words: 1 to 2,000 characters."""
    asked = await Asked.by(agent)
    page = await asked.send(choice="modify", action=action)
    assert (page.status_code, "2,000 characters" in page.text) == (422, True)
    attempt = await asked.refused("invalid_answer")
    assert attempt["data"] == {"action": action.strip()}


async def test_other_words_for_the_action_reach_the_agent(agent: Agent) -> None:
    """The form starts with the agent's words, and what it is sent with is the answer."""
    asked = await Asked.by(agent, action="Refund\n all of it")
    assert asked.form["action"] == "Refund\n all of it"
    page = await asked.send(choice="modify", action="Refund\r\nhalf of it ")
    assert page.status_code == 200
    decision = await asked.read()
    assert decision["response_data"] == {"action": "Refund\nhalf of it"}
    assert (decision["status"], decision["approved"]) == ("modified", False)


async def test_a_changed_payload_reaches_the_agent(agent: Agent) -> None:
    """What was asked stands beside it, and the new arguments are the answer."""
    asked = await Asked.by(agent, payload={"amount": 100, "to": "Zoë"})
    assert json.loads(asked.form["payload"]) == {"amount": 100, "to": "Zoë"}
    assert (await asked.answer(choice="modify", payload='{"amount": 50}')).status_code == 200
    decision = await asked.read()
    assert decision["response_data"] == {"payload": {"amount": 50}}
    assert decision["payload"] == {"amount": 100, "to": "Zoë"}


async def test_a_changed_payload_can_be_looked_at_before_it_is_approved(agent: Agent) -> None:
    """ "Show what changes" marks what was asked and what it becomes, and decides nothing."""
    asked = await Asked.by(agent, payload={"amount": 100, "to": {"name": "Zoë"}, "gone": True})
    payload = '{"amount": 50, "to": {"name": "Zoë", "iban": "DE02"}}'
    page = await asked.send(preview="yes", payload=payload, notes="Half of it")
    assert page.status_code == 200
    rows = re.findall(r"<tr>(.*?)</tr>", page.text.partition("What is changed")[2], re.DOTALL)
    told = [re.sub(r"<[^>]*>|\s+", " ", row).split() for row in rows]
    assert told == [
        ["Name", "Asked", "Changed", "to"],
        ["amount", "100", "50"],
        ["gone", "true", "removed"],
        ["to", "→", "iban", "not", "there", "DE02"],
    ]
    assert "1 value stays as it was asked." in page.text
    shown = Form.of(page.text).fields
    assert (shown["payload"], shown["notes"]) == (payload, "Half of it")
    assert f"<code>{fingerprint(json.loads(payload))}</code>" in page.text
    await asked.untouched()
    done = await asked.send(**shown, choice="modify")
    assert (done.status_code, "Changed to" in done.text) == (200, True)
    decision = await asked.read()
    assert decision["response_data"] == {"payload": json.loads(payload)}
    assert grouped(decision["payload_digest"]) in done.text


@pytest.mark.parametrize("payload", ["{", "[1]", '{"a": NaN}'])
async def test_a_preview_of_what_cannot_be_run_says_why(agent: Agent, payload: str) -> None:
    """422 with the reason and what was typed; the record has no attempt, as there was none."""
    asked = await Asked.by(agent, payload={"a": 1})
    page = await asked.send(preview="yes", payload=payload)
    assert (page.status_code, Form.of(page.text).fields["payload"]) == (422, payload)
    assert 'aria-invalid="true"' in page.text
    await asked.untouched()


async def test_a_page_says_what_would_be_run(agent: Agent) -> None:
    """Values in rows, in their JSON's kinds, and the digest's beginning that the agent gets too."""
    payload = {"order": 7, "ref": "7", "to": [{"name": "Zoë"}], "note": None, "empty": ""}
    asked = await Asked.by(agent, payload=payload)
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', asked.page, re.DOTALL)
    told = {name: html.unescape(re.sub(r"<[^>]*>", "", value)).strip() for name, value in rows}
    assert told == {
        "order": "7",
        "ref": '"7"',
        "to → #1 → name": "Zoë",
        "note": "null",
        "empty": '""',
    }
    digest = (await asked.read())["payload_digest"]
    assert f"<code>{grouped(digest)}</code>" in asked.page


async def test_a_long_text_folds_away_and_nothing_of_it_is_lost(agent: Agent) -> None:
    """The page says how much is folded, and both parts together are what the agent wrote."""
    context = "".join(f"{number} parcels arrived, and were broken.\n" for number in range(2_000))
    asked = await Asked.by(agent, context=context)
    shown = [
        html.unescape(part)
        for part in re.findall(r'<div class="words">(.*?)</div>', asked.page, re.DOTALL)
    ]
    assert shown[0].removesuffix('<span class="cut">…</span>') + shown[1] == context
    assert len(shown[0]) < 1_000
    assert re.search(r"<details class=\"rest\">\s*<summary>The rest of it: \d\d KB", asked.page)


async def test_a_forwarded_link_says_whose_it_is(agent: Agent) -> None:
    """Before everything else on the page, also when it is over."""
    asked = await Asked.by(agent)
    done = await asked.send(choice="approve")
    for page in (asked.page, done.text):
        assert page.index(f"This link is for {asked.approver}") < page.index("<main>")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
async def test_another_site_answers_in_nobodys_name(agent: Agent, headers: dict[str, str]) -> None:
    """403 with a page that says what to do, and nothing is recorded."""
    asked = await Asked.by(agent)
    page = await agent.http.post(
        asked.link, data={**asked.form, "choice": "approve"}, headers=headers
    )
    assert page.status_code == 403
    check_guards(page)
    assert "Open the link in your message again" in page.text
    await asked.untouched()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "{own}"},
        {"Origin": "{own}"},
        {"Origin": "null"},
    ],
)
async def test_our_own_form_is_taken(agent: Agent, headers: dict[str, str]) -> None:
    """As browsers send it from a page without a referrer, and by its scripts."""
    asked = await Asked.by(agent)
    own = agent.service.base_url
    sent = {name: value.format(own=own) for name, value in headers.items()}
    page = await agent.http.post(asked.link, data={**asked.form, "choice": "deny"}, headers=sent)
    assert page.status_code == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip, br", True), ("br;q=1.0, gzip;q=0.8", True), ("gzip;q=0", False), ("br", False)],
)
async def test_pages_are_packed_for_browsers_that_take_it(
    agent: Agent, accepted: str, packed: bool
) -> None:
    """The same page, and caches between are told that it depends."""
    asked = await Asked.by(agent)
    page = await agent.http.get(asked.link, headers={"Accept-Encoding": accepted})
    assert page.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert page.headers["Vary"] == "Accept-Encoding"
    assert f"This link is for {asked.approver}" in page.text


async def test_what_a_page_loads_may_be_kept_for_ever(agent: Agent) -> None:
    """Its address names its content; an address of another version brings this one, not kept."""
    asked = await Asked.by(agent)
    addresses = re.findall(r'(?:src|href)="(\.\./assets/[^"]+)"', asked.page)
    assert {address.rpartition(".")[2] for address in addresses} == {"css", "js", "svg"}
    for relative in addresses:
        address = urljoin(asked.link, relative)
        file = await agent.http.get(address)
        assert file.status_code == 200, (address, file.text)
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(file.content).hexdigest()[:16] == address.split(".")[-2]
        stem, _, ending = address.rpartition(".")
        other = await agent.http.get(f"{stem[:-16]}{'0' * 16}.{ending}")
        assert (other.content, other.headers["Cache-Control"]) == (file.content, "no-store")
    for name in ("page.0.html", "../main.0.py", "secrets.0.json"):
        assert (await agent.http.get(f"/assets/{name}")).status_code == 404


async def test_the_wrong_person_is_believed_and_asked_no_more(agent: Agent) -> None:
    """ "Not me": the next one is asked at once, and this link no longer answers."""
    backup = someone("bob")
    asked = await Asked.by(agent, escalation=[{"after_minutes": 30, "approvers": [backup]}])
    page = await asked.send(choice="not_me")
    assert page.status_code == 200
    assert backup in page.text
    their_link = await link_to(agent.service, backup)
    page = await agent.http.get(asked.link)
    assert (page.status_code, 'name="choice"' in page.text) == (200, False)
    assert (await asked.send(choice="approve")).status_code in (409, 422)
    assert (await asked.read())["status"] == "pending"
    assert (await press(their_link, "approve")).status_code == 200
    assert (await asked.read())["resolved_by"] == backup


async def test_the_last_one_who_declines_is_told_so(agent: Agent) -> None:
    """Nobody is left to ask, and the decision waits for its end."""
    asked = await Asked.by(agent)
    page = await asked.send(choice="not_me")
    assert "Nobody else can be asked" in page.text
    assert (await asked.read())["status"] == "pending"


def forged(link: str, approver: str) -> dict[str, str]:
    """Tokens that were not minted, by what is wrong with them."""
    key_id, content, *_, signature = (token := link.rpartition("/d/")[2]).split(".")
    other = LinkKeys(["another key of thirty-two letters!"]).mint(Link("dec_1", approver))
    name = base64.urlsafe_b64encode(json.dumps(["dec_1", "eve@example.com"]).encode()).decode()
    middle = len(token) - 20
    return {
        "cut": token[:-5],
        "no signature": f"{key_id}.{content}",
        "other content": f"{key_id}.{name.rstrip('=')}.{signature}",
        "altered": token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :],
        "altered content": f"{key_id}.{content[:-4]}AAAA.{signature}",
        "other key": other,
        "other key under our name": f"{key_id}.{other.partition('.')[2]}",
        "unknown key": f"{hashlib.sha256(b'x').hexdigest()[:8]}.{token.partition('.')[2]}",
        "twice": f"{token}.{token}",
        "none": "x",
        "dots": "...",
        "not ASCII": "%F0%9F%98%80.%00.%ff",
        "long": "A" * 20_000,
    }


OF_ANOTHER_PROCESS = ("other key", "unknown key")
"""Those that may be ours, as far as this process can know: it lacks the key that they name."""


async def test_a_token_that_is_not_ours_opens_nothing(agent: Agent) -> None:
    """404 for GET, HEAD and POST, 503 where its key is not known, and nothing is recorded."""
    asked = await Asked.by(agent)
    base = asked.link.rpartition("/d/")[0]
    for what, token in forged(asked.link, asked.approver).items():
        for method in ("GET", "HEAD", "POST"):
            data = {**asked.form, "choice": "approve"} if method == "POST" else None
            page = await agent.http.request(method, f"{base}/d/{token}", data=data)
            expected = 503 if what in OF_ANOTHER_PROCESS else 404
            assert page.status_code == expected, (what, method, page.text)
    await asked.untouched()


async def test_a_token_of_a_decision_that_is_not_there_opens_nothing(agent: Agent) -> None:
    """Signed by us, and its decision has gone: 404."""
    secrets = json.loads((agent.service.data_dir / "secrets.json").read_text())
    token = LinkKeys([secrets["link_keys"]]).mint(Link("dec_gone", "alice@example.com"))
    assert (await agent.http.get(f"/d/{token}")).status_code == 404


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


OURS = re.compile(
    r'<script src="\.\./assets/(?:page|typed)\.\w+\.js" nonce="[\w-]+" defer></script>'
    r'|<img src="\.\./d/[\w.-]+/images/1" '
)
"""What no agent has written."""


async def test_an_agents_text_is_text(another_agent: Agent) -> None:
    """HTML is shown and not obeyed, and what would hide or reorder is written out; title too."""
    hostile = '</title></div></pre></textarea><script>x</script><img src=x onerror=y>"\u202e\x07'
    in_store(
        another_agent.service,
        "UPDATE api_keys SET name = ? WHERE name = ?",
        f"bot{hostile}",
        another_agent.name,
    )
    asked = await Asked.by(
        another_agent,
        action=f"Pay {hostile}",
        context=hostile,
        payload={hostile: hostile},
        context_images=["https://example.com/a?%22'onclick=alert(1)"],
    )
    wrong = await asked.send(choice="", notes=hostile, payload=hostile)
    changed = {"notes": hostile, "payload": json.dumps({hostile: hostile})}
    done = await asked.answer(choice="modify", **changed)
    assert (wrong.status_code, done.status_code) == (422, 200)
    for page in (asked.page, wrong.text, done.text):
        tags = Tags(OURS.sub("", page))
        assert not tags.found & {"script", "img", "iframe", "object", "base"}
        assert not {name for name in tags.attributes if name.startswith("on")}
        outside = re.sub(r"<textarea.*?</textarea>", "", page, flags=re.DOTALL)
        assert "\u202e" not in outside
        assert "\x07" not in outside
        assert "⟨U+202E⟩" in outside
    [title] = re.findall("<title>(.*?)</title>", asked.page)
    assert "Pay &lt;/title&gt;" in title


async def test_pressing_twice_is_one_answer(agent: Agent) -> None:
    """Five equal presses at once and one afterwards: each is told that it is recorded."""
    asked = await Asked.by(agent)
    found = await asyncio.gather(*(asked.send(choice="approve") for _ in range(5)))
    again = await asked.send(choice="approve")
    assert {page.status_code for page in found} <= {200, 409}
    assert 200 in {page.status_code for page in found}
    assert all("recorded" in page.text for page in (*found, again))
    types = [entry["type"] for entry in await agent.audit(asked.decision)]
    assert types.count("decision.approved") == 1


async def test_of_two_people_at_once_one_decides(agent: Agent) -> None:
    """Approve and deny at the same moment: one is recorded, the other is told by whom."""
    approvers = [someone(), someone("bob")]
    decision = (await agent.ask(approver=approvers))["id"]
    links = [await link_to(agent.service, approver) for approver in approvers]
    found = await asyncio.gather(press(links[0], "approve"), press(links[1], "deny"))
    assert sorted(page.status_code for page in found) == [200, 409]
    winner = approvers[[page.status_code for page in found].index(200)]
    settled = await agent.get(decision)
    assert settled["resolved_by"] == winner
    assert all(winner in page.text for page in found)


async def test_the_second_person_is_told_who_was_first(agent: Agent) -> None:
    """409 with the outcome, and what they wanted is kept."""
    first, second = someone(), someone("bob")
    decision = (await agent.ask(approver=[first, second]))["id"]
    link = await link_to(agent.service, second)
    form = Form.of((await agent.http.get(link)).text).fields
    await press(await link_to(agent.service, first), "approve", notes="I say so")
    page = await agent.http.post(link, data={**form, "choice": "deny", "notes": "No!"})
    assert page.status_code == 409
    assert f"Approved by {first}" in page.text
    assert "too late" in page.text
    entries = await agent.audit(decision)
    [late] = [entry["details"] for entry in entries if entry["type"] == "response.late"]
    assert (late["approver"], late["choice"], late["notes"]) == (second, "deny", "No!")
    assert (await agent.get(decision))["resolved_by"] == first
    assert f"Approved by {first}" in (await agent.http.get(link)).text


async def test_a_broken_form_after_the_end_shows_the_outcome(agent: Agent) -> None:
    """A decision that is over is not asked again, whatever is wrong with the late answer."""
    asked = await Asked.by(agent, payload={"a": 1})
    await agent.cancel(asked.decision)
    page = await asked.send(choice="modify", payload="{")
    assert page.status_code == 409
    assert 'name="choice"' not in page.text
    assert "Withdrawn by the agent" in page.text


@pytest.mark.parametrize("choice", ["deny", ""])
@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "raw_unicode_escape", "nonsense"])
async def test_a_form_in_a_strange_charset_is_no_fault_of_ours(
    agent: Agent, charset: str, choice: str
) -> None:
    """Some charsets write half characters, which have no signature: refused or repaired."""
    asked = await Asked.by(agent)
    fields = {**asked.form, "choice": choice, "notes": "+2AA- \\ud800"}
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    page = await agent.http.post(
        asked.link,
        content=f"{parts}--x--\r\n",
        headers={"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"},
    )
    assert page.status_code < 500


@pytest.fixture(scope="module")
async def open_question(agent: Agent) -> Asked:
    return await Asked.by(agent, payload={"a": 1}, options=["deny", "modify"])


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
forms = st.fixed_dictionaries(
    {},
    optional={
        "choice": st.sampled_from(["", "approve", "modify"]) | text,
        "digest": text,
        "notes": text,
        "payload": text,
        "action": text,
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=forms, keep=st.booleans())
async def test_no_form_whatever_is_a_fault_of_ours(
    open_question: Asked, form: dict[str, str], keep: bool
) -> None:
    """Random fields are refused with a page: never a 5xx, and never an answer."""
    if form.get("choice") in ("deny", "not_me"):
        return
    fields = {**(open_question.form if keep else {}), "payload": "{", **form}
    page = await open_question.agent.http.post(open_question.link, data=fields)
    assert page.status_code in (409, 422)
    check_guards(page)


async def test_a_click_survives_that_nobody_works(spare: Agent) -> None:
    """With every worker down the page says "received", and later the outcome is there."""
    asked = await Asked.by(spare)
    await spare.audited(asked.decision, "notification.sent")
    async with no_worker(spare.service):
        page = await asked.send(choice="approve", notes="Yes.")
        assert page.status_code == 202
        assert "received" in page.text
        assert "recorded" not in page.text
        assert (await asked.read())["status"] == "pending"
    decision = await spare.get(asked.decision, wait=60)
    assert (decision["status"], decision["response_notes"]) == ("approved", "Yes.")
    assert "Approved by" in (await spare.http.get(asked.link)).text


async def test_after_the_deadline_it_is_too_late_also_when_nobody_works(spare: Agent) -> None:
    """The API's own stamp decides: 409, a row in the store, and the decision expires later."""
    asked = await Asked.by(spare, timeout_minutes=0.1)
    expires_at = datetime.fromisoformat((await asked.read())["expires_at"])
    async with no_worker(spare.service):
        await eventually(lambda: datetime.now(UTC) > expires_at)
        page = await asked.send(choice="approve")
        assert page.status_code == 409
        assert "time to answer is over" in page.text
        assert asked.late() == [(asked.approver, "approve", "late")]
        assert 'name="choice"' not in (await spare.http.get(asked.link)).text
    assert (await spare.get(asked.decision, wait=60))["status"] == "expired"


async def test_a_link_is_a_secret_that_no_log_has(agent: Agent, service: RunningService) -> None:
    """Opened, answered, refused and mistyped: neither API nor worker writes a token down."""
    asked = await Asked.by(agent)
    await asked.send(choice="modify", action="")
    await agent.http.put(asked.link)
    await agent.http.get(asked.link + "/more")
    await agent.http.get(asked.link[:-1])
    await asked.send(choice="deny")
    await eventually(lambda: len(mails(service, asked.approver)) == 2)
    signature = asked.link.rpartition(".")[2]

    async def logged() -> bool:
        return asked.decision in service.log("api") and asked.decision in service.log("worker")

    await eventually(logged)
    for name in ("api", "worker"):
        assert signature[:-1] not in service.log(name)
        assert service.api_key not in service.log(name)


@asynccontextmanager
async def browsing(glance: Callable[[], Live]) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser of an application whose decisions are what `glance` says."""

    app = FastAPI()
    app.include_router(pages.router)
    app.state.service = Parts(glance)
    transport = httpx2.ASGITransport(app)
    async with web.client(transport=transport, base_url="http://handover") as browser:
        yield browser


@pytest.mark.parametrize(("days", "status"), [(89, 200), (91, 410)])
async def test_a_link_shows_the_outcome_for_ninety_days(days: int, status: int) -> None:
    """Then it is gone: the page says so and no longer tells what was asked."""
    reading = ended(timedelta(days=days))
    token = LINKS.mint(Link(reading.decision_id, "alice@example.com"))
    async with browsing(lambda: reading) as browser:
        page = await browser.get(f"/d/{token}")
    assert page.status_code == status
    assert ("Refund" in page.text) is (status == 200)


async def test_nobodys_bytes_are_taken_without_a_token() -> None:
    """A body behind a token that is not ours is not read, and one behind ours is."""
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"choice=deny")
        yield read[-1]

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ours = LINKS.mint(Link("dec_1", "alice@example.com"))
    async with browsing(lambda: ended(timedelta(days=91))) as browser:
        page = await browser.post(f"/d/{ours[:-1]}", content=body(), headers=form)
        assert (page.status_code, read) == (404, [])
        page = await browser.post(f"/d/{ours}", content=body(), headers=form)
        assert (page.status_code, len(read)) == (410, 1)


async def test_a_person_reads_a_page_also_when_the_store_is_away() -> None:
    """503 in words, with `Retry-After`; a problem document is for programs."""

    def fail() -> Live:
        raise StoreAway("gone")

    async with browsing(fail) as browser:
        page = await browser.get(f"/d/{LINKS.mint(Link('dec_1', 'alice@example.com'))}")
    assert page.status_code == 503
    check_guards(page)
    assert "try again in a moment" in page.text
    assert int(page.headers["Retry-After"]) > 0
