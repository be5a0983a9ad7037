"""What counts as an answer: examples of each rule, and what holds for every answer there can be."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover.models import Attachment, ResponseType, TextField
from workflows import answers
from workflows.canonical import dumps

NOW = datetime(2026, 3, 12, 14, 5, 0, 250, tzinfo=UTC)
FILE: dict[str, Any] = {
    "id": "att_1",
    "name": "Report.PDF",
    "url": "/attachments/att_1",
    "type": "application/pdf",
    "size": 1200,
    "sha256": "0" * 64,
}

APPROVE_DENY = ResponseType()
CONFIRM = ResponseType(type="confirm")
CHOOSE = ResponseType(type="choose", choices=["DHL", "UPS", "now"])
TEXT = ResponseType(
    type="text_input",
    fields=[TextField(name="reason", required=True), TextField(name="ticket.id")],
)
NUMBER = ResponseType(type="number_input", min=-1.5, max=100)
SCHEDULE = ResponseType(type="schedule")
LATER = ResponseType(type="schedule", allow_immediate=False)
UPLOAD = ResponseType(type="file_upload", max_files=2, accept=["image/*", ".pdf"])
ALL = [APPROVE_DENY, CONFIRM, CHOOSE, TEXT, NUMBER, SCHEDULE, LATER, UPLOAD]


def at(moment: str) -> dict[str, Any]:
    return {"execute_at": moment}


def files(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"uploaded_files": list(entries)}


@pytest.mark.parametrize(
    ("type", "data", "kept"),
    [
        (APPROVE_DENY, None, None),
        (APPROVE_DENY, {}, None),
        (CONFIRM, {}, None),
        (CHOOSE, {"chosen": "UPS"}, {"chosen": "UPS"}),
        (TEXT, {"reason": " x "}, {"reason": " x "}),
        (TEXT, {"reason": "x", "ticket.id": " \n"}, {"reason": "x"}),
        (TEXT, {"reason": "é" * 10_000, "ticket.id": "7"}, None),
        (NUMBER, {"value": 100}, {"value": 100}),
        (NUMBER, {"value": -1.5}, {"value": -1.5}),
        (ResponseType(type="number_input"), {"value": 1 - 2**53}, None),
        (SCHEDULE, None, None),
        (SCHEDULE, at("now"), None),
        (SCHEDULE, {"execute_at": None}, None),
        (SCHEDULE, at("2026-03-12T16:05:01+02:00"), at("2026-03-12T14:05:01Z")),
        (LATER, at("2026-03-12t14:05:00.0002510z"), at("2026-03-12T14:05:00.000251Z")),
        (LATER, at("2036-03-11 23:59:59.999-00:00"), at("2036-03-11T23:59:59.999000Z")),
        (UPLOAD, files(FILE | {"more": 1}), files(FILE)),
        (UPLOAD, files(FILE, FILE | {"name": "x", "type": "image/png"}), None),
    ],
)
def test_an_answer_is_taken_and_has_one_form(
    type: ResponseType, data: dict[str, Any] | None, kept: dict[str, Any] | None
):
    """What each type takes, and how it is kept; where nothing is given here, as it came."""
    assert answers.complaint(type, data, NOW) is None
    is_now = type is SCHEDULE and (data or {}).get("execute_at") in (None, "now")
    as_it_came = kept is None and not is_now
    assert answers.normal(type, data) == ((data or None) if as_it_came else kept)


@pytest.mark.parametrize(
    ("type", "data", "why"),
    [
        (APPROVE_DENY, {"chosen": "UPS"}, "chosen: this is not asked for"),
        (CONFIRM, {"x\ud800": 1}, "x\\ud800: this is not asked for"),
        (CHOOSE, None, "chosen: choose one of: DHL, UPS, now."),
        (CHOOSE, {"chosen": "ups"}, "chosen: choose one of"),
        (CHOOSE, {"chosen": ["UPS"]}, "chosen: choose one of"),
        (CHOOSE, {"chosen": "UPS", "and": "DHL"}, "and: this is not asked for"),
        (TEXT, None, "reason: fill this in"),
        (TEXT, {"reason": " \u00a0\n"}, "reason: fill this in"),
        (TEXT, {"reason": 5}, "reason: send a string"),
        (TEXT, {"reason": "x", "ticket.id": None}, "ticket.id: send a string"),
        (TEXT, {"reason": "x", "ticket.id": " " * 10_001}, "ticket.id: write at most 10,000"),
        (TEXT, {"reason": "\udfff"}, "reason: send whole characters"),
        (TEXT, {"reason": "x", "note": ""}, "note: this is not asked for"),
        (NUMBER, {}, "value: give a number from -1.5 to 100."),
        (NUMBER, {"value": True}, "value: give a number from"),
        (NUMBER, {"value": "5"}, "value: give a number from"),
        (NUMBER, {"value": -1.6}, "value: give a number from"),
        (NUMBER, {"value": 100.001}, "value: give a number from"),
        (NUMBER, {"value": math.nan}, "value: give a number of at most"),
        (NUMBER, {"value": -math.inf}, "value: give a number of at most"),
        (NUMBER, {"value": 10**400}, "value: give a number of at most"),
        (ResponseType(type="number_input"), {"value": 2**53}, "value: give a number of at most"),
        (
            ResponseType(type="number_input", min=5),
            {"value": 4},
            "value: give a number of at least",
        ),
        (ResponseType(type="number_input", max=5), {"value": 6}, "value: give a number of at most"),
        (LATER, None, "execute_at: give a date and time; now is not offered"),
        (LATER, at("now"), "execute_at: give a date and time; now is not offered"),
        (SCHEDULE, at(""), "execute_at: give a date and time with its offset"),
        (SCHEDULE, at("2026-03-13"), "execute_at: give a date and time with its offset"),
        (SCHEDULE, at("2026-03-13T10:00:00"), "execute_at: give a date and time with its offset"),
        (SCHEDULE, at("2026-02-30T10:00:00Z"), "execute_at: give a date and time with"),
        (SCHEDULE, at("2026-03-13T10:00:00+24:00"), "execute_at: give a date and time with"),
        (SCHEDULE, at("9999-12-31T23:59:59-23:59"), "execute_at: give a date and time with"),
        (SCHEDULE, at("٢٠٢٦-03-13T10:00:00Z"), "execute_at: give a date and time with"),
        (SCHEDULE, {"execute_at": 1773324300}, "execute_at: give a date and time with"),
        (SCHEDULE, at("2026-03-12T14:05:00.000250Z"), "execute_at: this time has passed"),
        (SCHEDULE, at("2026-03-12T16:04:00+02:00"), "execute_at: this time has passed"),
        (SCHEDULE, at("2036-03-13T00:00:00Z"), "execute_at: give a time within the next ten"),
        (SCHEDULE, {"value": 5}, "value: this is not asked for"),
        (UPLOAD, None, "uploaded_files: send 1 to 2 files"),
        (UPLOAD, files(), "uploaded_files: send 1 to 2 files"),
        (UPLOAD, files(FILE, FILE, FILE), "uploaded_files: send 1 to 2 files"),
        (UPLOAD, {"uploaded_files": FILE}, "uploaded_files: send 1 to 2 files"),
        (ResponseType(type="file_upload", max_files=1), None, "uploaded_files: send one file"),
        (UPLOAD, {"uploaded_files": ["att_1"]}, "uploaded_files.0: send id, name, url"),
        (UPLOAD, files(FILE | {"size": "12"}), "uploaded_files.0: send id, name, url"),
        (UPLOAD, files(FILE | {"size": -1}), "uploaded_files.0: send id, name, url"),
        (UPLOAD, files(FILE | {"size": 2**53}), "uploaded_files.0: send id, name, url"),
        (UPLOAD, files(FILE | {"name": "\ud800.pdf"}), "uploaded_files.0: send id, name, url"),
        (UPLOAD, files(FILE, {**FILE, "name": "a.exe"}), "uploaded_files.1: this file is of"),
        (ResponseType(type="seance"), {"spirit": 1}, "response_type: this version does not know"),
    ],
)
def test_what_is_out_of_the_rules_is_refused(
    type: ResponseType, data: dict[str, Any] | None, why: str
):
    """The complaint begins with the field's name and says what to do."""
    said = answers.complaint(type, data, NOW)
    assert str(said).startswith(why)


def test_a_complaint_stays_short():
    """The record has up to a hundred of them, and choices may be fifty of two hundred letters."""
    many = ResponseType(type="choose", choices=[f"{number} " + "x" * 190 for number in range(50)])
    said = str(answers.complaint(many, {"chosen": "y"}, NOW))
    assert said.startswith("chosen: choose one of: 0 xxx")
    assert len(said) < 400


@pytest.mark.parametrize(
    ("accept", "type", "name", "taken"),
    [
        (None, "application/x-thing", "x", True),
        ([], "text/plain", "x", True),
        (["image/*"], "IMAGE/PNG", "x", True),
        (["image/*"], "imagery/png", "x.image/", False),
        (["Application/PDF"], "application/pdf", "x", True),
        ([".PDF", " .doc"], "x/y", "letter.doc", True),
        ([".pdf"], "application/pdf", "letterpdf", False),
        ([".pdf"], "application/pdf", "letter.pdf.exe", False),
        (["*/*"], "x/y", "z", True),
        (["pdf"], "application/pdf", "x.pdf", False),
    ],
)
def test_files_are_taken_by_type_or_ending(
    accept: list[str] | None, type: str, name: str, taken: bool
):
    """In whatever case they are written."""
    assert answers.accepts(accept, type, name) is taken


def test_the_moment_of_an_answer_is_in_utc():
    """For `schedule` with a time, and for nothing else."""
    moment = datetime(2026, 3, 13, 9, 0, tzinfo=UTC)
    given = at("2026-03-13T11:00:00+02:00")
    assert answers.execute_at(SCHEDULE, given) == moment
    assert answers.execute_at(SCHEDULE, answers.normal(SCHEDULE, given)) == moment
    assert answers.execute_at(SCHEDULE, None) is None
    assert answers.execute_at(SCHEDULE, at("now")) is None
    assert answers.execute_at(CHOOSE, given) is None


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["now", "UPS", "x.pdf", " ", "\ud800", "9999-12-31T23:59:59-23:00"])
    | st.datetimes(timezones=st.sampled_from([None, UTC])).map(datetime.isoformat),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FILE]), inner, max_size=6)
    ),
    max_leaves=12,
)
near = st.fixed_dictionaries({}, optional=dict.fromkeys(FILE, anything)).map(
    lambda changes: FILE | changes
)
names = st.sampled_from(["chosen", "value", "execute_at", "uploaded_files", "reason", "ticket.id"])
data = st.none() | st.dictionaries(names | st.text(st.characters(), max_size=3), anything | near)
data |= st.lists(near, max_size=3).map(lambda entries: {"uploaded_files": entries})
data |= st.dictionaries(names, anything, max_size=1)
types = st.sampled_from([*ALL, ResponseType(type="seance"), ResponseType(type="choose")])
odd = st.builds(
    ResponseType,
    type=st.sampled_from([each.type for each in ALL]) | st.text(),
    choices=st.none() | st.lists(st.text()),
    min=st.none() | st.floats(),
    max=st.none() | st.floats(),
    max_files=st.none() | st.integers(),
    accept=st.none() | st.lists(st.text()),
    fields=st.none() | st.lists(st.builds(TextField, name=st.text(), required=st.booleans())),
)


@given(types | odd, data)
def test_it_never_raises_and_what_it_takes_can_be_signed(
    type: ResponseType, data: dict[str, Any] | None
):
    """Whatever the type and the data hold: a sentence, or an answer with a canonical form."""
    said = answers.complaint(type, data, NOW)
    kept = answers.normal(type, data)
    answers.execute_at(type, data)
    if said is None:
        assert json.loads(dumps(kept)) == kept
    else:
        assert ": " in str(said)
        assert str(said).endswith(".")


@given(types | odd, data)
def test_the_kept_form_is_judged_as_what_was_given(type: ResponseType, data: dict[str, Any] | None):
    """It is a fixed point, and nothing is made right, or wrong, by writing it in one way."""
    kept = answers.normal(type, data)
    assert answers.normal(type, kept) == kept or kept != kept  # NaN equals nothing
    refused = answers.complaint(type, data, NOW) is not None
    assert (answers.complaint(type, kept, NOW) is not None) is refused
    assert answers.execute_at(type, kept) == answers.execute_at(type, data)


@given(
    st.timedeltas(min_value=timedelta(days=-9000), max_value=timedelta(days=9000)),
    st.integers(min_value=-23, max_value=23),
)
def test_a_time_is_taken_exactly_between_now_and_ten_years_ahead(ahead: timedelta, hours: int):
    """Whatever offset it is written with."""
    moment = NOW + ahead
    written = (moment + timedelta(hours=hours)).replace(tzinfo=None).isoformat()
    given = at(f"{written}{'-' if hours < 0 else '+'}{abs(hours):02}:00")
    taken = answers.complaint(LATER, given, NOW) is None
    assert taken is (NOW < moment <= NOW + answers.MAX_DELAY)
    assert answers.execute_at(LATER, given) == moment


@given(st.integers(min_value=-(2**54), max_value=2**54) | st.floats())
def test_a_number_is_taken_exactly_within_its_bounds(value: float):
    """Both ends belong to them."""
    taken = answers.complaint(NUMBER, {"value": value}, NOW) is None
    assert taken is (-1.5 <= value <= 100)


files_of_all_kinds = st.builds(
    Attachment,
    id=st.text(),
    name=st.sampled_from(["a.pdf", "b.PDF", "c.exe", "pdf"]) | st.text(),
    url=st.text(),
    type=st.sampled_from(["image/png", "IMAGE/gif", "text/plain"]) | st.text(),
    size=st.integers(min_value=0, max_value=2**53 - 1),
    sha256=st.text(),
)


@given(files_of_all_kinds)
def test_a_file_that_matches_nothing_is_refused(file: Attachment):
    """Exactly those that `accepts` takes are an answer."""
    taken = answers.complaint(UPLOAD, files(file.model_dump()), NOW) is None
    assert taken is answers.accepts(UPLOAD.accept, file.type, file.name)
