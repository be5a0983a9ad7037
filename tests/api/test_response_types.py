"""Every response type, from the question to the agent's answer, by the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.forms import Filled
from handover.models import DecisionRequest, ResponseType
from templates import LANGUAGES, Reader
from templates.words import words as told_in
from tests.api.agent import Agent, in_store, question, refused_fields, someone
from tests.api.asked import Asked, BrowserForm, Files, check_guards
from tests.api.files import CSV, NOTE, PDF, PROGRAM
from tests.api.response_types import CHOOSE, LATER, NUMBER, SCHEDULE, TEXT, UPLOAD
from tests.approver import mails, newest_mail
from tests.service import RunningService
from tests.support import eventually
from workflows import answers
from workflows.canonical import dumps


def words(page: str) -> str:
    """What a person reads of a page: without tags and runs of spaces."""

    class Reader(HTMLParser):
        text = ""
        hidden = False

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.hidden = tag in ("style", "script")

        def handle_data(self, data: str) -> None:
            self.text += "" if self.hidden else data

    reader = Reader()
    reader.feed(page)
    return " ".join(reader.text.split())


def plain(mail: Any) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def kept(service: RunningService) -> set[Path]:
    """Files in the service's storage."""
    return {path for path in (service.data_dir / "files").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("response_type", "typed", "data", "told"),
    [
        ({"type": "approve_deny"}, {}, None, "Approved by"),
        ({"type": "confirm"}, {}, None, "Approved by"),
        (CHOOSE, {"chosen": "UPS <fast>"}, {"chosen": "UPS <fast>"}, "Which carrier? UPS <fast>"),
        (
            TEXT,
            {"field.choice": "Two\r\nlines 👍 ", "field.ticket.id": " "},
            {"choice": "Two\nlines 👍"},
            "Reason: Two lines 👍",
        ),
        (NUMBER, {"value": "42"}, {"value": 42}, "How many? 42"),
        (NUMBER, {"value": "-1.50"}, {"value": -1.5}, "How many? -1.5"),
        (SCHEDULE, {"when": "now"}, None, "Approved by"),
    ],
    ids=["approve_deny", "confirm", "choose", "text_input", "integer", "number_input", "now"],
)
async def test_an_answer_reaches_the_agent(
    agent: Agent,
    response_type: dict[str, Any],
    typed: dict[str, str],
    data: dict[str, Any] | None,
    told: str,
) -> None:
    """Asked, answered on the page and approved; the page and the receipt say what was answered."""
    asked = await Asked.by(agent, response_type=response_type, enforce=True)
    page = await asked.answer(choice="approve", notes="Go", **typed)
    assert page.status_code == 200, page.text
    decision = await asked.read()
    assert (decision["status"], decision["approved"]) == ("approved", True)
    assert (decision["response_data"], decision["action_permitted"]) == (data, True)
    assert decision["execute_at"] is None
    assert told in words(page.text)
    receipt = await newest_mail(agent.service, asked.approver, "Receipt")
    assert all(part in plain(receipt) for part in told.removeprefix("Approved by").split())


@pytest.mark.parametrize("response_type", [CHOOSE, TEXT, NUMBER, SCHEDULE, UPLOAD])
@pytest.mark.parametrize("choice", ["deny", "not_me"])
async def test_nobody_has_to_fill_in_anything_to_say_no(
    agent: Agent, response_type: dict[str, Any], choice: str
) -> None:
    """Deny and "Not me" are answers without a value, and a browser does not hold them up."""
    asked = await Asked.by(agent, response_type=response_type)
    assert not re.search(r"<(input|textarea|select)[^>]*\srequired", asked.page)
    buttons = re.findall(r"<button[^>]*>", asked.page)
    assert [b for b in buttons if f'value="{choice}"' in b and "formnovalidate" in b]
    assert "name=" not in buttons[0]  # what the Enter key in a field presses
    page = await asked.send([], choice=choice)
    assert page.status_code == 200
    status = "denied" if choice == "deny" else "pending"
    assert (await asked.read())["status"] == status


@pytest.mark.parametrize(
    ("response_type", "typed", "why"),
    [
        (CHOOSE, {}, "chosen: choose one of: DHL"),
        (CHOOSE, {"chosen": "FedEx"}, "chosen: choose one of: DHL"),
        (TEXT, {"field.choice": " ", "field.ticket.id": "7"}, "choice: fill this in"),
        (TEXT, {"field.choice": "x" * 10_001}, "choice: write at most 10,000"),
        (NUMBER, {"value": ""}, "value: give a number from -1.5 to 100"),
        (NUMBER, {"value": "100.5"}, "value: give a number from -1.5 to 100"),
        (NUMBER, {"value": "many"}, "value: give a number from -1.5 to 100"),
        (NUMBER, {"value": "9" * 400}, "value: give a number from -1.5 to 100"),
        (NUMBER, {"value": "1e999"}, "value: give a number from -1.5 to 100"),
        (SCHEDULE, {"execute_at": "2020-01-01T10:00"}, "execute_at: this time has passed"),
        (SCHEDULE, {"execute_at": "2999-01-01T10:00"}, "execute_at: give a time within"),
        (SCHEDULE, {"execute_at": "tomorrow"}, "execute_at: give a date and a time, such"),
        (SCHEDULE, {"execute_at": ""}, "execute_at: say when: choose"),
        (SCHEDULE, {"when": "then", "execute_at": ""}, "execute_at: say when: choose"),
        (
            SCHEDULE,
            {"when": "now", "execute_at": "2999-01-01T10:00"},
            "execute_at: you chose “As soon as it is approved”, and gave a time as well",
        ),
        (
            SCHEDULE,
            {"execute_at": "2035-03-25T02:30", "time_zone": "Europe/Berlin"},
            "execute_at: clocks in Europe/Berlin skip this time on that day. Give another",
        ),
        (
            LATER,
            {"execute_at": "2035-03-25T02:30", "time_zone": "Mars/Olympus"},
            "time_zone: give a time zone by its name, such as Europe/Berlin",
        ),
        (LATER, {"execute_at": ""}, "execute_at: give a date and time; now is not offered"),
    ],
)
async def test_what_is_no_answer_is_refused_with_the_reason(
    agent: Agent, response_type: dict[str, Any], typed: dict[str, str], why: str
) -> None:
    """422 with everything typed kept, the reason at its field; pending, and in the record."""
    asked = await Asked.by(agent, response_type=response_type)
    page = await asked.send(choice="approve", notes="Look here", **typed)
    assert page.status_code == 422
    check_guards(page)
    sentence = why.partition(": ")[2]
    assert words(page.text).count(sentence[0].upper() + sentence[1:]) == 2  # above, and at it
    assert re.search(r'aria-invalid="true" aria-describedby="[\w.-]+-wrong', page.text)
    shown = BrowserForm.of(page.text).fields
    offered = {name: text.strip() for name, text in typed.items() if text != "FedEx"}
    assert {name: text.strip() for name, text in shown.items()}.items() >= offered.items()
    assert shown["notes"] == "Look here"
    attempt = await asked.refused("invalid_answer")
    assert attempt["message"].startswith(why)
    assert attempt["notes"] == "Look here"


async def test_a_refused_choice_stays_chosen(agent: Agent) -> None:
    """Whoever has to press again does not have to choose again, and nothing is chosen at first."""
    asked = await Asked.by(agent, response_type=CHOOSE)
    assert "chosen" not in asked.form
    page = await asked.send(choice="approve", chosen="now", digest="0" * 64)
    assert page.status_code == 409
    assert BrowserForm.of(page.text).fields["chosen"] == "now"
    assert (await asked.refused("changed"))["data"] == {"chosen": "now"}


async def test_an_attempt_that_was_refused_leaves_the_next_one_free(agent: Agent) -> None:
    """The page that comes back can be answered."""
    asked = await Asked.by(agent, response_type=NUMBER)
    again = BrowserForm.of((await asked.send(choice="approve", value="101")).text).fields
    page = await asked.answer(**{**again, "choice": "approve", "value": "100"})
    assert page.status_code == 200
    assert (await asked.read())["response_data"] == {"value": 100}


async def test_what_is_scheduled_is_permitted_from_its_time_on(agent: Agent) -> None:
    """Status `scheduled`, with the moment in UTC; permitted exactly when that has come."""
    asked = await Asked.by(agent, response_type=LATER, enforce=True)
    execute_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=10)
    local = execute_at.replace(tzinfo=None).isoformat()
    page = await asked.answer(choice="approve", execute_at=local)
    assert page.status_code == 200, page.text
    assert f"Approved by {asked.approver}, for {execute_at:%a}" in words(page.text)

    async def permitted() -> bool:
        before = datetime.now(UTC)
        decision = await asked.read()
        after = datetime.now(UTC)
        assert (decision["status"], decision["approved"]) == ("scheduled", False)
        assert datetime.fromisoformat(decision["execute_at"]) == execute_at
        assert decision["response_data"] == {"execute_at": f"{local}Z"}
        assert decision["action_permitted"] in (before >= execute_at, after >= execute_at)
        return decision["action_permitted"]

    await eventually(permitted)


async def test_what_is_scheduled_for_next_year_is_not_permitted_today(agent: Agent) -> None:
    """Minutes are enough; the receipt says the day."""
    asked = await Asked.by(agent, response_type=SCHEDULE, enforce=True)
    assert "UTC" in asked.page
    moment = (datetime.now(UTC) + timedelta(days=365)).replace(second=0, microsecond=0)
    page = await asked.answer(choice="approve", execute_at=f"{moment:%Y-%m-%dT%H:%M}")
    assert page.status_code == 200
    decision = await asked.read()
    assert (decision["status"], decision["action_permitted"]) == ("scheduled", False)
    assert datetime.fromisoformat(decision["execute_at"]) == moment
    receipt = await newest_mail(agent.service, asked.approver, "Receipt")
    assert told_in(Reader()).moment(moment) in plain(receipt)


async def test_a_time_is_by_the_clock_of_the_zone_beside_it(agent: Agent) -> None:
    """A wall clock's time in Kolkata is another moment than the same one in UTC."""
    asked = await Asked.by(agent, response_type=LATER)
    typed = {"execute_at": "2030-06-01T09:15", "time_zone": "Asia/Kolkata"}
    assert (await asked.answer(choice="approve", **typed)).status_code == 200
    assert (await asked.read())["response_data"] == {"execute_at": "2030-06-01T03:45:00Z"}


async def test_a_time_that_comes_twice_is_asked_back(agent: Agent) -> None:
    """In the night in which clocks are set back, 2:30 comes twice; with its offset it is one."""
    asked = await Asked.by(agent, response_type=LATER)
    typed = {"execute_at": "2030-10-27T02:30", "time_zone": "Europe/Berlin"}
    page = await asked.send(choice="approve", **typed)
    assert page.status_code == 422
    assert "Clocks in Europe/Berlin are set back on that day" in words(page.text)
    assert "2030-10-27 02:30 UTC+2 (Sun, Oct 27, 2030) or 2030-10-27 02:30 UTC+1" in page.text
    await asked.untouched()
    page = await asked.send(choice="approve", **typed | {"execute_at": "2030-10-27 02:30 UTC+1"})
    assert "Read as: Sun, Oct 27, 2030, 2:30 AM UTC+1" in words(page.text)
    await asked.untouched()
    await asked.send(**BrowserForm.of(page.text).fields, choice="approve")
    assert (await asked.read())["response_data"] == {"execute_at": "2030-10-27T01:30:00Z"}


async def test_now_is_never_what_an_empty_field_means(agent: Agent) -> None:
    """Nothing is preselected, and without a choice nothing is scheduled or done."""
    asked = await Asked.by(agent, response_type=SCHEDULE)
    assert asked.form["execute_at"] == ""
    assert "when" not in asked.form
    for typed in ({}, {"when": ""}, {"when": "soon"}):
        assert (await asked.send(choice="approve", **typed)).status_code == 422
    assert (await asked.read())["status"] == "pending"


async def test_files_reach_the_agent(agent: Agent) -> None:
    """The agent reads what they are and fetches them; whoever sent them can look at them again."""
    asked = await Asked.by(agent, response_type=UPLOAD)
    assert 'enctype="multipart/form-data"' in asked.page
    page = await asked.send([PDF, CSV], choice="approve", notes="Both")
    assert page.status_code == 200, page.text
    decision = await asked.read()
    assert decision["status"] == "approved"
    files = decision["response_data"]["uploaded_files"]
    assert [(f["name"], f["type"], f["size"]) for f in files] == [
        (name, type, len(content)) for name, content, type in (PDF, CSV)
    ]
    for file, (_, content, _) in zip(files, (PDF, CSV), strict=True):
        fetched = await agent.http.get(file["url"])
        assert (fetched.status_code, fetched.content) == (200, content)
        [href] = re.findall(rf'href="([^"]*{file["id"]})"', page.text)
        fetched = await agent.http.get(asked.link.rpartition("/")[0] + "/" + href)
        assert (fetched.status_code, fetched.content) == (200, content)
    receipt = await newest_mail(agent.service, asked.approver, "Receipt")
    assert "report.pdf" in plain(receipt)


@pytest.mark.parametrize(
    ("files", "reason", "why"),
    [
        ([], "invalid_answer", "uploaded_files: send 1 to 2 files"),
        ([PDF, CSV, PDF], "invalid_answer", "uploaded_files: send 1 to 2 files"),
        ([PDF, NOTE], "invalid_answer", "uploaded_files.1: this file is of another type"),
        ([PDF, PROGRAM], "file_type_refused", "file: report.pdf"),
        ([("empty.csv", b"", "text/csv")], "file_empty", "file: empty.csv"),
    ],
    ids=["none", "too many", "another type", "a program", "empty"],
)
async def test_files_that_are_refused_are_not_kept(
    agent: Agent, files: Files, reason: str, why: str
) -> None:
    """422, which says that they have to be chosen again; none of them stays in the storage."""
    asked = await Asked.by(agent, response_type=UPLOAD)
    before = kept(agent.service)
    page = await asked.send(files, choice="approve", notes="Here")
    assert page.status_code == 422, page.text
    assert kept(agent.service) == before
    assert BrowserForm.of(page.text).fields["notes"] == "Here"
    assert "again: a page that is shown again cannot keep them" in words(page.text)
    attempt = await asked.refused(reason)
    assert attempt["message"].startswith(why)
    assert (await asked.send([PDF], choice="approve")).status_code == 200


async def test_files_are_taken_only_from_whoever_approves(agent: Agent) -> None:
    """With another button, on a changed page and after the end, nothing is kept of them."""
    asked = await Asked.by(agent, response_type=UPLOAD)
    before = kept(agent.service)
    assert (await asked.send([PDF], choice="approve", digest="x")).status_code == 409
    assert (await asked.send([PDF], choice="deny")).status_code == 200
    assert (await asked.send([PDF], choice="approve")).status_code == 409
    assert kept(agent.service) == before
    assert (await asked.read())["response_data"] is None


async def test_files_beside_a_payload_that_may_be_changed(agent: Agent) -> None:
    """The page sends all of its form with every button, and all of it is read."""
    payload = {f"value {number}": number for number in range(60)} | {"note": "x" * 100_000}
    payload.pop("value 0")
    options = ["approve", "deny", "modify"]
    asked = await Asked.by(agent, response_type=UPLOAD, payload=payload, options=options)
    marks = {f"understood.payload.{number}": "1" for number in range(60)}
    page = await asked.send([PDF], choice="approve", **marks)
    assert page.status_code == 200, page.text
    assert (await asked.read())["status"] == "approved"
    asked = await Asked.by(agent, response_type=UPLOAD)
    page = await asked.send([PDF], choice="deny", notes="x" * (5 * 1024 * 1024))
    assert (page.status_code, (await asked.read())["status"]) == (422, "pending")


async def test_more_files_than_any_answer_takes_are_no_fault_of_ours(agent: Agent) -> None:
    """Refused with a page; the decision is untouched by it."""
    asked = await Asked.by(agent, response_type=UPLOAD)
    page = await asked.send([CSV] * 30, choice="approve")
    assert 400 <= page.status_code < 500
    check_guards(page)
    await asked.untouched()


async def test_a_form_that_is_too_large_is_refused_with_a_page(agent: Agent) -> None:
    """413, and nothing of it is recorded."""
    asked = await Asked.by(agent, response_type=TEXT)
    page = await asked.send(choice="approve", notes="x" * (5 * 1024 * 1024))
    assert page.status_code == 413
    check_guards(page)
    await asked.untouched()


async def test_the_largest_legal_answer_is_taken(agent: Agent) -> None:
    """20 texts of 10,000 characters that take the most room in a form."""
    fields = [{"name": f"f{number}", "required": True} for number in range(20)]
    asked = await Asked.by(agent, response_type={"type": "text", "fields": fields})
    texts = {field["name"]: "👍" * 10_000 for field in fields}
    page = await asked.send(choice="approve", **{f"field.{k}": text for k, text in texts.items()})
    assert page.status_code == 200, page.text
    assert (await asked.read())["response_data"] == texts


async def test_the_agents_files_are_on_the_page_and_counted_in_the_mail(agent: Agent) -> None:
    """Name, type and size, as a download by the approver's own link."""
    uploaded = await agent.http.post("/attachments", files={"file": PDF})
    assert uploaded.status_code == 201, uploaded.text
    asked = await Asked.by(agent, attachment_ids=[uploaded.json()["id"]])
    assert f"report.pdf application/pdf, {len(PDF[1])} bytes" in words(asked.page)
    assert "download from the agent" in words(asked.page)
    [(href, rel)] = re.findall(r'href="([^"]*/files/[^"]*)" rel="([^"]*)"', asked.page)
    assert rel == "noreferrer"
    fetched = await agent.http.get(asked.link.rpartition("/")[0] + "/" + href)
    assert (fetched.status_code, fetched.content) == (200, PDF[1])
    assert "One file is attached" in plain(mails(agent.service, asked.approver)[0])
    page = await asked.send(choice="approve")
    assert "report.pdf" in page.text


async def test_a_page_from_before_a_file_is_shown_again(agent: Agent) -> None:
    """409 where a file was added since; what was typed is kept, and the new page works."""
    asked = await Asked.by(agent, response_type=NUMBER)
    added = await agent.http.post(f"/decisions/{asked.decision}/attachments", files={"file": PDF})
    assert added.status_code == 201, added.text
    page = await asked.send(choice="approve", value="7")
    assert (page.status_code, "report.pdf" in page.text) == (409, True)
    again = BrowserForm.of(page.text).fields
    assert again["value"] == "7"
    assert (await asked.send(**{**again, "choice": "approve"})).status_code == 200
    assert (await asked.read())["response_data"] == {"value": 7}


@pytest.mark.parametrize(
    ("response_type", "approve", "deny"),
    [
        ({"type": "approve_deny"}, "Approve", "Deny"),
        ({"type": "confirm"}, "Confirm", "Decline"),
        (CHOOSE, "Answer", "Deny"),
    ],
)
async def test_the_mail_names_its_buttons_after_what_is_asked(
    agent: Agent, response_type: dict[str, Any], approve: str, deny: str
) -> None:
    """A button that opens a form says "Answer"; the choices behind them stay the same."""
    asked = await Asked.by(agent, response_type=response_type)
    mail = await newest_mail(agent.service, asked.approver)
    for choice, word in (("approve", approve), ("deny", deny)):
        assert re.search(rf"^{word}: +\S+\?choose={choice}$", plain(mail), re.MULTILINE)
        html = mail.get_body(("html",))
        assert html is not None
        assert re.search(rf'\?choose={choice}"[^>]*>{word}</a>', html.get_content())


async def test_what_an_agent_calls_its_choices_is_text(agent: Agent) -> None:
    """Labels, choices and names are shown and not obeyed, on the page and in the receipt."""
    hostile = "</label><script>x</script>\u202e"
    asked = await Asked.by(
        agent, response_type={"type": "choose", "label": hostile, "choices": [hostile, "b"]}
    )
    page = await asked.send(choice="approve", chosen=hostile)
    assert page.status_code == 200
    assert (await asked.read())["response_data"] == {"chosen": hostile}
    for shown in (asked.page, page.text):
        assert "<script>" not in shown
        assert "⟨U+202E⟩" in shown
    receipt = await newest_mail(agent.service, asked.approver, "Receipt")
    html = receipt.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()


names = st.sampled_from(
    [
        *("chosen", "value", "field.choice", "field.ticket.id"),
        *("execute_at", "time_zone", "when"),
    ]
)
odd = st.sampled_from(["DHL", "-0", "1e308", "1e309", "9" * 5_000, ".", "٣", "2027-02-30T10:00"])
set_ones = st.sampled_from(["now", "then", "UTC", "Europe/Berlin", "2030-01-01T10:00:00Z"])
texts = st.text(st.characters(exclude_categories=["Cs"]))
times = st.datetimes().map(lambda moment: moment.isoformat())


@given(
    st.sampled_from([CHOOSE, TEXT, NUMBER, SCHEDULE, LATER, UPLOAD, {"type": "seance"}]),
    st.dictionaries(
        names, odd | times | set_ones | st.text(st.characters(exclude_categories=["Cs"]))
    ),
    st.sampled_from(["approve", "modify", "deny"]),
    st.booleans(),
    st.sampled_from(LANGUAGES),
)
def test_every_form_has_data_that_can_be_judged_and_recorded(
    response_type: dict[str, Any],
    fields: dict[str, str],
    choice: str,
    has_payload: bool,
    language: str,
) -> None:
    """Whatever was typed: with a canonical form, and an answer or a complaint."""
    type = ResponseType.model_validate(response_type)
    filled = Filled({**fields, "choice": choice})
    payload = {"a": 1.5, "b": ["x"]} if has_payload else None
    request = DecisionRequest(
        action="x", approver="a@example.com", response_type=type, payload=payload
    )
    given = filled.understood(request, told_in(Reader(language)).notation)
    assert dumps(given.data)
    complaint = answers.complaint(type, given.data, datetime.now(UTC))
    if choice == "approve":
        assert given.wrong is None or complaint is not None  # it could count for nothing
        assert given.is_seen is not bool(given.marks)
    else:
        assert (given.wrong is not None) is (choice == "modify" and has_payload)


@pytest.mark.parametrize(
    ("response_type", "fields"),
    [
        ({"type": "vote"}, ["response_type.type"]),
        ({"type": None}, ["response_type.type"]),
        ("confirm", ["response_type"]),
        ({"type": "confirm", "label": "?"}, ["response_type.label"]),
        ({"choices": ["a"]}, ["response_type.choices"]),
        ({"type": "choose"}, ["response_type.choices"]),
        ({"type": "choose", "choices": []}, ["response_type.choices"]),
        ({"type": "choose", "choices": ["a", "b", "a"]}, ["response_type.choices"]),
        ({"type": "choose", "choices": ["a b", "a  b"]}, ["response_type.choices"]),
        ({"type": "choose", "choices": ["a", " "]}, ["response_type.choices.1"]),
        ({"type": "choose", "choices": ["a\nb"]}, ["response_type.choices.0"]),
        ({"type": "choose", "choices": ["x" * 201]}, ["response_type.choices.0"]),
        ({"type": "choose", "choices": [5]}, ["response_type.choices.0"]),
        ({"type": "choose", "choices": [str(n) for n in range(51)]}, ["response_type.choices"]),
        ({"type": "choose", "choices": ["a"], "label": "x" * 501}, ["response_type.label"]),
        ({"type": "choose", "choices": ["a"], "min": 1}, ["response_type.min"]),
        ({"type": "text", "fields": []}, ["response_type.fields"]),
        ({"type": "text", "fields": [{"name": "a"}] * 2}, ["response_type.fields.1.name"]),
        (
            {"type": "text", "fields": [{"name": "a"}, {"name": ""}]},
            ["response_type.fields.1.name"],
        ),
        ({"type": "text", "fields": [{"name": "a b"}]}, ["response_type.fields.0.name"]),
        ({"type": "text", "fields": [{"name": "a" * 65}]}, ["response_type.fields.0.name"]),
        ({"type": "text", "fields": [{"name": "a", "x": 1}]}, ["response_type.fields.0.x"]),
        (
            {"type": "text", "fields": [{"name": "a", "required": "yes"}]},
            ["response_type.fields.0.required"],
        ),
        (
            {"type": "text_input", "fields": [{"name": f"f{n}"} for n in range(21)]},
            ["response_type.fields"],
        ),
        ({"type": "number", "min": 2, "max": 1}, ["response_type.max"]),
        ({"type": "number", "min": True}, ["response_type.min"]),
        ({"type": "number", "max": 2**53}, ["response_type.max"]),
        ({"type": "number_input", "min": "1"}, ["response_type.min"]),
        ({"type": "schedule", "allow_immediate": "no"}, ["response_type.allow_immediate"]),
        ({"type": "file_upload", "max_files": 0}, ["response_type.max_files"]),
        ({"type": "file_upload", "max_files": 11}, ["response_type.max_files"]),
        ({"type": "file_upload", "accept": []}, ["response_type.accept"]),
        ({"type": "file_upload", "accept": ["image/*", "pdf"]}, ["response_type.accept.1"]),
        ({"type": "file_upload", "accept": [".pdf"] * 21}, ["response_type.accept"]),
    ],
)
async def test_a_response_type_that_makes_no_sense_is_refused(
    agent: Agent, response_type: object, fields: list[str]
) -> None:
    """422 that names the field, and nothing more of it."""
    answer = await agent.post(question(response_type=response_type))
    assert refused_fields(answer) == fields


@pytest.mark.parametrize(
    ("response_type", "told"),
    [
        ({}, {"type": "approve_deny"}),
        (CHOOSE, CHOOSE),
        ({"type": "number", "min": 1, "max": 1}, {"type": "number_input", "min": 1, "max": 1}),
        (SCHEDULE, SCHEDULE),
        (LATER, LATER),
        (UPLOAD, UPLOAD),
        ({"type": "file_upload"}, {"type": "file_upload"}),
    ],
)
async def test_the_answer_echoes_the_response_type(
    agent: Agent, response_type: dict[str, Any], told: dict[str, Any]
) -> None:
    """With its one name, and with the fields that were sent."""
    assert (await agent.ask(response_type=response_type))["response_type"] == told


async def test_a_text_type_has_one_name(agent: Agent) -> None:
    """`text` is a spelling of `text_input`, and its fields are told as they were asked."""
    told = (await agent.ask(response_type={**TEXT, "type": "text"}))["response_type"]
    assert told["type"] == "text_input"
    assert [field["name"] for field in told["fields"]] == ["choice", "ticket.id"]
    assert [field["required"] for field in told["fields"]] == [True, False]


@pytest.mark.parametrize(
    ("response_type", "options"),
    [
        ({"type": "approve_deny"}, ["approve", "deny", "modify"]),
        ({"type": "confirm"}, ["approve", "deny"]),
        (NUMBER, ["approve", "deny"]),
    ],
)
async def test_the_buttons_follow_from_the_type(
    agent: Agent, response_type: dict[str, Any], options: list[str]
) -> None:
    """Where a value is asked for, the action is changed only where the agent offers it."""
    assert (await agent.ask(response_type=response_type))["options"] == options


@pytest.mark.parametrize("response_type", [{"type": "confirm"}, CHOOSE, UPLOAD])
async def test_a_type_that_only_approve_answers_offers_approve(
    agent: Agent, response_type: dict[str, Any]
) -> None:
    """422 naming `options`."""
    answer = await agent.post(question(response_type=response_type, options=["deny", "modify"]))
    assert refused_fields(answer) == ["options"]


async def test_modify_asks_for_no_value(agent: Agent) -> None:
    """With the button asked for, the other action is the answer, and the value is not."""
    asked = await Asked.by(agent, response_type=CHOOSE, options=["approve", "deny", "modify"])
    page = await asked.send(choice="modify", action="Send it by bicycle", chosen="DHL")
    assert page.status_code == 200
    decision = await asked.read()
    assert decision["response_data"] == {"action": "Send it by bicycle"}
    assert (decision["status"], "Send it by bicycle" in page.text) == ("modified", True)


async def test_another_answer_of_the_same_person_is_not_called_recorded(agent: Agent) -> None:
    """Pressed again with another choice: they are told that it came too late, and the record has
    both."""
    asked = await Asked.by(agent, response_type=CHOOSE)
    assert (await asked.send(choice="approve", chosen="DHL")).status_code == 200
    same = await asked.send(choice="approve", chosen="DHL")
    other = await asked.send(choice="approve", chosen="now")
    assert (same.status_code, other.status_code) == (409, 409)
    assert "already recorded" in same.text
    assert "too late" in other.text
    assert (await asked.read())["response_data"] == {"chosen": "DHL"}
    rows = in_store(
        agent.service, "SELECT reason FROM refused_responses WHERE decision_id = ?", asked.decision
    )
    assert rows == [("already_settled",), ("already_settled",)]


async def test_the_others_are_told_what_was_answered(agent: Agent) -> None:
    """The mail that says it is settled has the scheduled time in its subject."""
    approver, other = someone(), someone("bob")
    asked = await Asked.by(agent, approver=[approver, other], response_type=LATER)
    moment = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    await asked.answer(choice="approve", execute_at=f"{moment:%Y-%m-%dT%H:%M}")
    mail = await newest_mail(agent.service, other, f"Approved by {approver}, for {moment:%a}")
    assert told_in(Reader()).clock(moment) in plain(mail)
