"""`require_approval`: what runs is what was approved, and nothing else runs."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypedDict, Unpack

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel, PositiveFloat, SecretStr

from handover import (
    ActionDenied,
    AlreadyClaimed,
    ApprovalPolicy,
    ArgumentsRefused,
    AsyncHandoverClient,
    DecisionCancelled,
    DecisionExpired,
    DecisionFields,
    DevModeWarning,
    HandoverClient,
    NotAskedError,
    require_approval,
)
from handover._require_approval import ApprovalFields
from handover.testing import FakeHandover
from tests.approver import answer_link, newest_mail, press
from tests.service import RunningService
from tests.support import eventually


class Approver(TypedDict):
    approver: str


ASKED: Approver = {"approver": "approver@example.com"}
LARGE = 2**64 + 1


@pytest.fixture
def fake() -> FakeHandover:
    return FakeHandover()


class Calls(list[Any]):
    """What a function ran with."""

    def refund(self, order: int, amount: float = 10.0, *, note: str = "") -> str:
        """Give a customer their money back.

        All of it.
        """
        self.append((order, amount, note))
        return f"refunded {amount:.2f}"


@pytest.fixture
def calls() -> Calls:
    return Calls()


def asking(fake: FakeHandover, **options: Any) -> Callable[[Any], Any]:
    return require_approval(**ASKED, client=fake.client(), **options)


def refund_of(calls: Calls) -> Callable[..., str]:
    def refund(order: int, amount: float = 10.0, *, note: str = "") -> str:
        """Give a customer their money back.

        All of it.
        """
        return calls.refund(order, amount, note=note)

    return refund


def test_the_call_is_asked_as_it_is(fake: FakeHandover, calls: Calls) -> None:
    """The question has the function's name and docstring, and all arguments, defaults too."""
    fake.approves()
    assert asking(fake, urgency="high")(refund_of(calls))(1142, note="broken") == "refunded 10.00"
    (asked,) = fake.decisions
    assert asked.action == "refund: Give a customer their money back."
    assert asked.payload == {"order": 1142, "amount": 10.0, "note": "broken"}
    assert (asked.urgency, asked.enforce, asked.context) == ("high", True, None)
    assert calls == [(1142, 10.0, "broken")]


@pytest.mark.parametrize(
    ("script", "error"),
    [("denies", ActionDenied), ("expires", DecisionExpired), ("cancels", DecisionCancelled)],
)
async def test_no_permission_no_run(
    fake: FakeHandover, calls: Calls, script: str, error: type[ActionDenied]
) -> None:
    """Whatever is no permission raises, and the function has not run."""
    refund = asking(fake)(refund_of(calls))

    @require_approval(**ASKED, client=fake.async_client())
    async def later(order: int) -> None:
        calls.append(order)

    getattr(fake, script)()
    with pytest.raises(error):
        refund(1142)
    getattr(fake, script)()
    with pytest.raises(error):
        await later(1142)
    assert calls == []
    assert len(fake.decisions) == 2


def test_change_in_words_does_not_run(fake: FakeHandover) -> None:
    """Without arguments the approver rewrites the action, and has permitted nothing exact."""

    @asking(fake)
    def ping() -> None:
        raise AssertionError

    fake.modifies("Ping it gently")
    with pytest.raises(ActionDenied, match="changed it in words"):
        ping()


def test_unmodified_runs_with_the_very_objects(fake: FakeHandover) -> None:
    """What was approved as it was are the objects of the call, and not copies of them."""
    seen: list[Any] = []

    @asking(fake)
    def send(*to: list[str], **options: dict[str, int]) -> None:
        seen.extend([*to, *options.values()])

    given: list[Any] = [["alice"], ["bob"]]
    retry = {"times": 3}
    fake.approves()
    send(*given, retry=retry)
    assert [id(each) for each in seen] == [id(each) for each in [*given, retry]]
    fake.modifies({"to": [["alice"], ["carol"]], "options": {"retry": {"times": 3}}})
    send(*given, retry=retry)
    assert seen[3:] == [["alice"], ["carol"], retry]
    assert seen[-1] is retry


class Item(BaseModel):
    name: str
    price: PositiveFloat


@dataclass
class Address:
    street: str


def test_changes_are_read_as_the_signature_has_them(fake: FakeHandover) -> None:
    """Changed values get the types of the annotations; where there is none, of what they were."""
    seen: list[Any] = []

    @asking(fake)
    def order(
        item: Item,
        /,
        to: Address,
        when: date,
        price: Annotated[Decimal, "EUR"],
        plain,  # no annotation
        *more: int,
        tags: set[str],
        **days: date,
    ) -> None:
        seen.extend([item, to, when, price, plain, more, tags, days])

    changed = {
        "item": {"name": "cup", "price": 5},
        "to": {"street": "Ring 1"},
        "when": "2026-02-01",
        "price": "12.50",
        "plain": "3.5",
        "more": [1, 2],
        "tags": ["b"],
        "days": {"first": "2026-03-01"},
    }
    fake.modifies(changed)
    january = date(2026, 1, 1)
    item = Item(name="mug", price=4)
    order(
        item,
        Address("Ring 2"),
        january,
        Decimal(2),
        Decimal("1.5"),
        tags={"a"},
        first=january,
        last=january,
    )
    assert seen == [
        Item(name="cup", price=5),
        Address("Ring 1"),
        date(2026, 2, 1),
        Decimal("12.50"),
        Decimal("3.5"),
        (1, 2),
        {"b"},
        {"first": date(2026, 3, 1)},
    ]


class Options(TypedDict, total=False):
    times: int


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "20"}, "amount does not fit"),
        ({"amount": True}, "amount does not fit"),
        ({"amount": None}, "amount does not fit"),
        ({"amount": -1}, "amount does not fit"),
        ({"amount": ...}, "left out amount"),
        ({"note": ...}, "left out note"),
        ({"sudo": True}, "added sudo"),
        ({"item": {"name": "cup", "price": 5, "colour": "red"}}, "other parts"),
        ({"item": {"name": "cup"}}, "item does not fit"),
        ({"options": {"times": "x"}}, "times does not fit"),
        ({"options": {"order": 5}}, "added order"),
        ({"options": []}, "options does not fit"),
    ],
)
def test_changes_that_do_not_fit_are_refused(
    fake: FakeHandover, change: dict[str, Any], reason: str
) -> None:
    """Wrong types, missing and unexpected arguments: an `ActionDenied`, and nothing has run."""

    @asking(fake)
    def refund(
        item: Item, amount: PositiveFloat, note: str = "", **options: Unpack[Options]
    ) -> None:
        raise AssertionError

    asked = {"item": {"name": "mug", "price": 4.0}, "amount": 1.0, "note": "", "options": {}}
    whole = {name: value for name, value in {**asked, **change}.items() if value is not ...}
    fake.modifies(whole)
    with pytest.raises(ArgumentsRefused, match=reason) as refused:
        refund(Item(name="mug", price=4), amount=1.0)
    again = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 - our own
    assert str(again) == str(refused.value)
    assert again.decision.status == "modified"
    why = f"It has not run: {refused.value.reason}"[:1000]
    told = fake.decisions[0].execution
    assert told
    assert (told.status, told.result) == ("failed", why)


def test_further_arguments_cannot_take_the_place_of_others(fake: FakeHandover) -> None:
    """What `**` takes may come and go, but not by the name of another argument."""

    @asking(fake)
    def run(command: str, **environment: str) -> None:
        raise AssertionError

    fake.modifies({"command": "ls", "environment": {"command": "rm"}})
    with pytest.raises(ArgumentsRefused, match="multiple values"):
        run("ls")


def test_masked_arguments(fake: FakeHandover, caplog: pytest.LogCaptureFixture) -> None:
    """A masked value is never sent, runs as it was, and nobody can change it."""
    caplog.set_level(logging.DEBUG)
    seen: list[Any] = []

    @asking(
        fake,
        mask={"card_number", "token"},
        action="Charge {card_number:>20} {card_number.last[4]} {amount:.2f}",
        context=lambda arguments: f"{arguments!r}",
    )
    def charge(card_number: str, amount: float, **headers: str) -> None:
        seen.extend([card_number, amount, headers])

    fake.approves()
    charge("4242 4242", 5, token="s3cret", trace="1")
    fake.modifies({"card_number": "***", "amount": 7.0, "headers": {"token": "***", "trace": "2"}})
    charge("4242 4242", 5, token="s3cret", trace="1")
    assert seen[:3] == ["4242 4242", 5, {"token": "s3cret", "trace": "1"}]
    assert seen[3:] == ["4242 4242", 7.0, {"token": "s3cret", "trace": "2"}]
    asked = fake.decisions[0]
    assert asked.action == "Charge *** *** 5.00"
    assert asked.payload == {
        "card_number": "***",
        "amount": 5,
        "headers": {"token": "***", "trace": "1"},
    }
    everything = str([each.model_dump() for each in fake.decisions]) + caplog.text
    assert "4242" not in everything
    assert "s3cret" not in everything
    for change in (
        {"card_number": "1"},
        {"headers": {"token": "1"}},
        {"headers": {}},
    ):
        fake.modifies({"card_number": "***", "amount": 5, "headers": {"token": "***"}, **change})
        with pytest.raises(ArgumentsRefused, match="masked, and cannot be changed"):
            charge("4242 4242", 5, token="s3cret")
    assert len(seen) == 6


def test_masked_arguments_need_no_json(fake: FakeHandover) -> None:
    """What nobody is shown may be any object; what is left out of the payload too."""

    @asking(fake, payload=["to", "session"], mask=["session"])
    def send(session: object, log: object, to: str) -> tuple[object, ...]:
        return session, log, to

    session, log = object(), object()
    fake.modifies({"session": "***", "to": "bob"})
    assert send(session, log, "alice") == (session, log, "bob")
    assert fake.decisions[0].payload == {"session": "***", "to": "alice"}


@pytest.mark.parametrize(
    "value",
    [object(), iter("ab"), (each for each in "ab"), float("nan"), b"\xff", lambda: None],
    ids=["object", "iterator", "generator", "nan", "bytes", "function"],
)
def test_arguments_that_cannot_be_shown(fake: FakeHandover, value: object) -> None:
    """What has no form in JSON is named, also deep within, and nobody is asked."""

    @asking(fake)
    def send(to: str, what: object) -> None:
        raise AssertionError

    for what, named in ((value, "what"), ({"a": [value]}, "what.a.0")):
        with pytest.raises(NotAskedError, match=rf"Nobody was asked. {named}: ") as raised:
            send("alice", what)
        assert [each.field for each in raised.value.fields] == [named]
        assert "payload=[…]" in raised.value.__notes__[0]
    assert fake.decisions == []


def test_default_that_cannot_be_shown(fake: FakeHandover) -> None:
    """A default without JSON is told where the function is decorated."""
    with pytest.raises(TypeError, match="'log' cannot be shown"):

        @asking(fake)
        def send(to: str, log: object = object()) -> None: ...


def test_secrets_of_pydantic_stay_secret(fake: FakeHandover) -> None:
    """A value that shows itself as asterisks runs as it is."""

    @asking(fake)
    def login(password: SecretStr) -> str:
        return password.get_secret_value()

    fake.approves()
    assert login(SecretStr("s3cret")) == "s3cret"
    assert fake.decisions[0].payload == {"password": "**********"}


async def test_arguments_that_changed_meanwhile(fake: FakeHandover) -> None:
    """A list that somebody extends while the approver reads is not what was approved."""
    client = fake.async_client()

    @require_approval(**ASKED, client=client)
    async def send(to: list[str]) -> None:
        raise AssertionError

    fake.stays_pending()
    to = ["alice"]
    sending = asyncio.ensure_future(send(to))
    (asked,) = await eventually(lambda: fake.decisions)
    to.append("mallory")
    fake.answer(asked.id, "approve")
    with pytest.raises(ArgumentsRefused, match="changed while it was being decided"):
        await sending


def test_approval_of_something_else(fake: FakeHandover, monkeypatch: pytest.MonkeyPatch) -> None:
    """An approval that names other arguments than were asked runs nothing."""
    client = fake.client()

    @require_approval(**ASKED, client=client)
    def refund(order: int) -> None:
        raise AssertionError

    approve = client.approve

    def other(*args: Any, **fields: Any) -> Any:
        return approve(*args, **{**fields, "payload": {"order": 1}})

    monkeypatch.setattr(client, "approve", other)
    fake.approves()
    with pytest.raises(ArgumentsRefused, match="other arguments than were asked"):
        refund(1142)


@pytest.mark.parametrize("status", ["from_the_future", "pending"])
def test_unknown_status_runs_nothing(
    fake: FakeHandover, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Even where a client returns a decision that does not permit, the function does not run."""
    client = fake.client()
    fake.approves()
    approved = client.approve("x", "approver@example.com", payload={"order": 1})
    other = approved.model_copy(update={"status": status})
    monkeypatch.setattr(client, "approve", lambda **fields: other)

    @require_approval(**ASKED, client=client)
    def refund(order: int) -> None:
        raise AssertionError

    with pytest.raises(ActionDenied):
        refund(1)


class Shop:
    name = "corner"

    def __init__(self, fake: FakeHandover) -> None:
        self.fake = fake


def test_methods(fake: FakeHandover) -> None:
    """Methods of all kinds, with either order of the decorators; `self` and `cls` are not shown."""
    asked = asking(fake)

    class Till(Shop):
        @asking(fake, action="Refund {order} at {self.name}")
        def refund(self, order: int) -> tuple[str, int]:
            return self.name, order

        @classmethod
        @asked
        def inner_class(cls, order: int) -> tuple[str, int]:
            return cls.name, order

        @asked
        @classmethod
        def outer_class(cls, order: int) -> tuple[str, int]:
            return cls.name, order

        @staticmethod
        @asked
        def inner_static(order: int) -> tuple[str, int]:
            return "static", order

        @asked
        @staticmethod
        def outer_static(order: int) -> tuple[str, int]:
            return "static", order

    till = Till(fake)
    for method in (
        till.refund,
        till.inner_class,
        Till.outer_class,
        till.inner_static,
        Till.outer_static,
    ):
        fake.modifies({"order": 2})
        assert method(1) in {("corner", 2), ("static", 2)}
    assert [each.payload for each in fake.decisions] == [{"order": 1}] * 5
    assert [each.action for each in fake.decisions] == [
        "Refund 1 at corner",
        "Till.inner_class",
        "Till.outer_class",
        "Till.inner_static",
        "Till.outer_static",
    ]


async def test_awaited(fake: FakeHandover) -> None:
    """Asynchronous functions stay so, and several wait at once."""
    seen: list[int] = []

    @require_approval(**ASKED, client=fake.async_client())
    async def refund(order: int) -> int:
        seen.append(order)
        return order

    assert inspect.iscoroutinefunction(refund)
    for _ in range(3):
        fake.stays_pending()
    running = [asyncio.ensure_future(refund(order)) for order in range(3)]
    asked = await eventually(lambda: fake.decisions if len(fake.decisions) == 3 else None)
    for each in reversed(asked):
        fake.answer(each.id, "approve")
    assert await asyncio.gather(*running) == [0, 1, 2]
    assert sorted(seen) == [0, 1, 2]


def test_without_arguments(fake: FakeHandover) -> None:
    """A function without arguments runs when it is approved."""
    fake.approves()
    assert asking(fake)(lambda: "pong")() == "pong"
    assert fake.decisions[0].payload is None


def test_as_a_tool_of_a_model(fake: FakeHandover, calls: Calls) -> None:
    """Under another decorator it has the schema of the function, and is asked as before."""
    made = tool(asking(fake)(refund_of(calls)))
    assert list(made.args) == ["order", "amount", "note"]
    fake.modifies({"order": 1142, "amount": 5.0, "note": ""})
    assert made.invoke({"order": 1142, "amount": 50}) == "refunded 5.00"


def test_dev_mode_warns_at_the_call(calls: Calls) -> None:
    """In dev_mode the warning names the line that called the function."""
    refund = require_approval(**ASKED, client=HandoverClient(dev_mode=True))(refund_of(calls))
    with pytest.warns(DevModeWarning) as warned:
        refund(1142)
    assert warned[0].filename == __file__


def test_it_looks_like_the_function(fake: FakeHandover, calls: Calls) -> None:
    """Name, docstring and signature are the function's."""
    refund = refund_of(calls)
    wrapped = asking(fake)(refund)
    assert wrapped.__name__ == "refund"
    assert wrapped.__doc__ == refund.__doc__
    assert inspect.signature(wrapped) == inspect.signature(refund)
    with pytest.raises(TypeError, match="missing a required argument: 'order'"):
        wrapped()
    assert fake.decisions == []


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    "thing",
    [generator, async_generator, functools.partial(print), print, Shop, "refund"],
    ids=["generator", "async generator", "partial", "builtin", "class", "text"],
)
def test_what_is_no_function_is_refused(fake: FakeHandover, thing: Any) -> None:
    """Generators and everything that is no function are refused with a sentence."""
    with pytest.raises(TypeError, match="require_approval"):
        asking(fake)(thing)


async def coroutine(order: int) -> None: ...


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"mask": ["cart"]}, ValueError, "mask: no argument .* cart"),
        ({"mask": "order"}, ValueError, "mask is a list"),
        ({"payload": ["cart"]}, ValueError, "payload: no argument .* cart"),
        ({"payload": ["amount"], "mask": ["order"]}, ValueError, "mask: no argument .* order"),
        ({"action": "Refund {cart}"}, ValueError, "action: {cart}"),
        ({"action": "Refund {}"}, ValueError, "action: {}"),
        ({"context": "see {order.id} {x[0]}"}, ValueError, r"context: {x\[0\]}"),
        ({"idempotency_key": "{order}", "mask": ["order"]}, ValueError, "idempotency_key"),
        ({"enforce": False}, TypeError, "unexpected keyword argument 'enforce'"),
        ({"urgencey": "high"}, TypeError, "unexpected keyword argument 'urgencey'"),
    ],
)
def test_mistakes_are_told_at_decoration(
    fake: FakeHandover, calls: Calls, options: dict[str, Any], error: type[Exception], told: str
) -> None:
    """What can never work is told where the function is decorated."""
    with pytest.raises(error, match=told):
        asking(fake, **options)(refund_of(calls))


def test_clients_of_the_other_kind_are_refused(fake: FakeHandover, calls: Calls) -> None:
    """A client that would block the loop, or be awaited by nobody."""
    with pytest.raises(TypeError, match="takes an AsyncHandoverClient"):
        require_approval(**ASKED, client=fake.client())(coroutine)
    with pytest.raises(TypeError, match="takes a HandoverClient"):
        require_approval(**ASKED, client=fake.async_client())(refund_of(calls))


def test_fields_are_those_of_a_decision() -> None:
    """What the decorator passes on are the fields of a decision but for its own."""
    own = {"action", "approver", "context", "payload", "enforce"}
    assert ApprovalFields.__annotations__.keys() == DecisionFields.__annotations__.keys() - own


def test_policy_allows_without_a_request(
    fake: FakeHandover, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    """What is harmless runs at once and is logged with the rule; all else is asked."""
    caplog.set_level(logging.INFO, "handover")
    policy = ApprovalPolicy(keywords=["whale"], max_amount=100, harmless=["refund"])
    refund = asking(fake, policy=policy, mask=["note"])(refund_of(calls))
    assert refund(1142, 99.0) == "refunded 99.00"
    assert fake.decisions == []
    assert caplog.messages == ["refund runs without asking anybody (harmless: 'refund')"]
    fake.denies()
    with pytest.raises(ActionDenied):
        refund(1142, 250.0)
    fake.denies()
    with pytest.raises(ActionDenied):
        refund(1142, 5, note="free the whale")
    assert len(calls) == 1


def test_policy_reads_the_name_and_not_the_words(fake: FakeHandover) -> None:
    """An argument that spells a harmless name in the action does not make it one; what `**` takes
    is an argument like others."""
    policy = ApprovalPolicy(max_amount=10, harmless=["search", "pay"])

    @asking(fake, policy=policy, action="{what}")
    def execute(what: str) -> None:
        raise AssertionError

    @asking(fake, policy=policy)
    def pay(**fields: float) -> None:
        raise AssertionError

    for call in (lambda: execute("search"), lambda: pay(amount=11)):
        fake.denies()
        with pytest.raises(ActionDenied):
            call()


def test_policy_knows_the_urgency(fake: FakeHandover, calls: Calls) -> None:
    """The urgency that is asked with is the one that the policy sees."""
    policy = ApprovalPolicy(urgency="high", harmless=["refund"])
    fake.denies()
    with pytest.raises(ActionDenied):
        asking(fake, policy=policy, urgency="critical")(refund_of(calls))(1)
    asking(fake, policy=policy, urgency="low")(refund_of(calls))(2)
    assert calls == [(2, 10.0, "")]


def test_the_same_question_is_asked_once(fake: FakeHandover, calls: Calls) -> None:
    """With a key, a call that is made again finds its decision; it runs again where it may run more
    than once."""
    refund = asking(fake, idempotency_key="refund-{order}", once=False)(refund_of(calls))
    fake.approves()
    refund(1142)
    refund(1142)
    once = asking(fake, idempotency_key="refund-{order}")(refund_of(calls))
    once(1142)
    with pytest.raises(AlreadyClaimed):
        once(1142)
    fake.approves()
    by_call = asking(fake, idempotency_key=lambda arguments: f"call-{arguments['order']}")
    by_call(refund_of(calls))(1142)
    assert len(fake.decisions) == 2
    assert len(calls) == 4


async def test_what_was_approved_runs_once(fake: FakeHandover) -> None:
    """Of two calls that find one approval the first runs; the other is told who claimed it and how
    that ended, and its function has not run. Blocking and awaited."""
    ran: list[int] = []

    @asking(fake, idempotency_key="refund-{order}")
    def refund(order: int) -> None:
        ran.append(order)

    @require_approval(**ASKED, client=fake.async_client(), idempotency_key="later-{order}")
    async def refund_later(order: int) -> None:
        ran.append(order)
        raise ValueError

    fake.approves()
    refund(1)
    with pytest.raises(AlreadyClaimed, match=r"it was claimed by agent .* and has succeeded"):
        refund(1)
    fake.approves()
    with pytest.raises(ValueError, match=r"^$"):
        await refund_later(2)
    with pytest.raises(AlreadyClaimed, match="has failed"):
        await refund_later(2)
    assert ran == [1, 2]


def test_client_from_the_environment(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    """Without a client, one is made at the first call, and a new one when the environment has
    changed."""
    refund = require_approval(**ASKED)(refund_of(calls))

    @require_approval(**ASKED)
    async def later(order: int) -> int:
        return order

    for _ in range(2):
        fake = FakeHandover()
        monkeypatch.setenv("HANDOVER_API_KEY", fake.api_key)
        monkeypatch.setenv("HANDOVER_BASE_URL", fake.base_url)
        for _ in range(4):
            fake.approves()
        refund(1)
        refund(2)
        assert asyncio.run(later(3)) == 3
        assert asyncio.run(later(4)) == 4
        assert [each.payload["order"] for each in fake.decisions if each.payload] == [1, 2, 3, 4]


class Shipment(BaseModel):
    order: int
    at: datetime


async def test_with_the_service(service: RunningService) -> None:
    """Against the running service: what runs is what the approver left or made of it on the
    page."""
    seen: list[Any] = []

    async def ship(shipment: Shipment, weight: float, count: int, token: str) -> None:
        seen.append((shipment, weight, count, token))

    async def answered(choice: str, *args: Any, **typed: str) -> None:
        approver = f"decorated-{choice}@example.com"
        gate = require_approval(approver=approver, client=client, mask=["token"])
        running = asyncio.ensure_future(gate(ship)(*args))
        await press(answer_link(await newest_mail(service, approver)), choice, **typed)
        await running

    shipment = Shipment(order=1142, at=datetime(2026, 1, 5, 10, tzinfo=UTC))
    changed = {
        "shipment": {"order": 7, "at": "2026-01-05T10:00:00Z"},
        "weight": 1,
        "count": str(LARGE + 1),
        "token": "***",
    }
    async with AsyncHandoverClient(service.api_key, service.base_url) as client:
        await answered("approve", shipment, 1e22, LARGE, "s3cret")
        await answered("modify", shipment, 2.0, 3, "s3cret", payload=json.dumps(changed))
        with pytest.raises(ActionDenied, match="denied by decorated-deny"):
            await answered("deny", shipment, 2.0, 3, "s3cret")
    assert seen[0][0] is shipment
    assert seen == [
        (shipment, 1e22, LARGE, "s3cret"),
        (shipment.model_copy(update={"order": 7}), 1.0, LARGE + 1, "s3cret"),
    ]
