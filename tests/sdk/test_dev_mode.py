"""`dev_mode` and the client's configuration."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from handover import (
    AsyncHandoverClient,
    ConfigurationError,
    ConflictError,
    DevModeWarning,
    HandoverClient,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    require_approval,
)

ASK: dict[str, Any] = {"action": "Refund order 1142", "approver": "approver@example.com"}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise AssertionError("dev_mode opened a socket")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)


@pytest.mark.usefixtures("no_network")
def test_approves_without_network() -> None:
    """dev_mode approves at once, opens no connection, marks the decision and warns at the user's
    own line."""
    client = HandoverClient(dev_mode=True)
    with pytest.warns(DevModeWarning, match="Refund order 1142") as warned:
        decision = client.decisions.create(**ASK, enforce=True, payload={"amount": 5})
    assert decision.approved
    assert decision.action_permitted
    assert decision.origin == "dev"
    assert decision.resolved_by is None
    assert decision.payload == {"amount": 5}
    assert warned[0].filename == __file__


async def test_asynchronous_client() -> None:
    """The asynchronous client does the same, and warns at the user's own line too."""
    async with AsyncHandoverClient(dev_mode=True) as client:
        with pytest.warns(DevModeWarning) as warned:
            decision = await client.decisions.create(**ASK)
        assert (await client.decisions.wait(decision.id)).approved
    assert warned[0].filename == __file__


def test_warns_at_the_users_line() -> None:
    """Also where the package itself calls: `approve`, and a decorated function."""
    client = HandoverClient(dev_mode=True)

    @require_approval(approver="approver@example.com", client=client)
    def refund(amount: int) -> int:
        return amount

    for ask in (lambda: client.approve(**ASK), lambda: refund(5)):
        with pytest.warns(DevModeWarning) as warned:
            ask()
        assert warned[0].filename == __file__


async def test_warns_at_the_users_line_in_an_event_loop() -> None:
    """The same for what is awaited."""
    client = AsyncHandoverClient(dev_mode=True)

    @require_approval(approver="approver@example.com", client=client)
    async def refund(amount: int) -> int:
        return amount

    for ask in (lambda: client.approve(**ASK), lambda: refund(5)):
        with pytest.warns(DevModeWarning) as warned:
            await ask()
        assert warned[0].filename == __file__


CHOOSE = {"type": "choose", "choices": ["staging", "production"]}
TEXT = {"type": "text", "fields": [{"name": "reply", "required": True}, {"name": "copy"}]}


@pytest.mark.filterwarnings("ignore::handover.DevModeWarning")
@pytest.mark.parametrize(
    ("fields", "status", "data"),
    [
        ({"response_type": {"type": "confirm"}}, "approved", None),
        ({"response_type": CHOOSE}, "approved", {"chosen": "staging"}),
        ({"response_type": TEXT}, "approved", {"reply": "dev_mode"}),
        ({"response_type": {"type": "number"}}, "approved", {"value": 0}),
        ({"response_type": {"type": "number", "min": 5}}, "approved", {"value": 5}),
        ({"response_type": {"type": "number", "max": -5}}, "approved", {"value": -5}),
        ({"response_type": {"type": "number", "min": -5, "max": 9}}, "approved", {"value": 0}),
        ({"response_type": {"type": "schedule"}}, "approved", None),
        ({"options": ["modify", "deny"]}, "modified", {"action": ASK["action"]}),
        ({"options": ["modify"], "payload": {"n": 1}}, "modified", {"payload": {"n": 1}}),
        ({"options": ["deny"]}, "denied", None),
    ],
)
def test_plain_answers(fields: dict[str, Any], status: str, data: dict[str, Any] | None) -> None:
    """Where a value is asked for it gets the plainest that the question takes, and nobody but
    dev_mode says so."""
    decision = HandoverClient(dev_mode=True).decisions.create(**ASK, **fields)
    assert (decision.status, decision.response_data) == (status, data)
    assert (decision.origin, decision.resolved_by, decision.proof) == ("dev", None, None)


@pytest.mark.filterwarnings("ignore::handover.DevModeWarning")
@pytest.mark.parametrize("accept", [None, [".pdf"], ["image/*"], ["text/csv"], [".docx", ".x"]])
def test_plain_files(accept: list[str] | None) -> None:
    """A file that is asked for is one of the types that are taken."""
    asked = {"type": "file_upload", **({"accept": accept} if accept else {})}
    decision = HandoverClient(dev_mode=True).decisions.create(**ASK, response_type=asked)
    (file,) = (decision.response_data or {})["uploaded_files"]
    assert file["name"].startswith("dev_mode.")


@pytest.mark.filterwarnings("ignore::handover.DevModeWarning")
def test_scheduled() -> None:
    """Where now is not offered, it is scheduled for soon."""
    later = {"type": "schedule", "allow_immediate": False}
    decision = HandoverClient(dev_mode=True).decisions.create(**ASK, response_type=later)
    assert decision.status == "scheduled"
    assert decision.execute_at
    assert decision.execute_at > decision.created_at


@pytest.mark.usefixtures("no_network")
@pytest.mark.filterwarnings("ignore::handover.DevModeWarning")
def test_every_method() -> None:
    """Each method of the client has a sensible answer, and the record is honest: nobody was
    asked."""
    client = HandoverClient(dev_mode=True)
    before = client.attachments.upload(b"a,b\n", name="orders.csv")
    decision = client.decisions.create(**ASK, attachment_ids=[before.id], wait=False)
    assert decision.approved
    assert client.attachments.list(decision.id) == [before]
    assert [each.id for each in client.decisions.list(status="approved")] == [decision.id]
    assert list(client.decisions.list(status="pending")) == []
    created, approved = client.decisions.audit(decision.id)
    assert (created.type, approved.type) == ("decision.created", "decision.approved")
    assert (approved.details["origin"], approved.details["by"]) == ("dev", None)
    assert client.keys().keys == []
    assert client.with_options(timeout=1).decisions.get(decision.id) == decision
    for change in (
        lambda: client.decisions.extend(decision.id, timeout_minutes=600),
        lambda: client.attachments.upload(b"x", name="x.txt", decision_id=decision.id),
    ):
        with pytest.raises(ConflictError):
            change()
    with pytest.raises(PermissionDeniedError):
        client.decisions.resolve(decision.id, "deny")


def test_warns_on_each_decision() -> None:
    """Python's default filter, which drops repetitions, drops none of these."""
    client = HandoverClient(dev_mode=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            client.decisions.create(**ASK)
    assert len(caught) == 3


@pytest.mark.filterwarnings("ignore::handover.DevModeWarning")
def test_behaves_as_the_service() -> None:
    """Keys, reading, cancelling and bad requests behave as with the service."""
    client = HandoverClient(dev_mode=True)
    decision = client.decisions.create(**ASK, idempotency_key="k")
    assert client.decisions.create(**ASK, idempotency_key="k").id == decision.id
    assert client.decisions.get(decision.id) == decision
    with pytest.raises(ConflictError):
        client.decisions.cancel(decision.id)
    with pytest.raises(NotFoundError):
        client.decisions.get("dec_other")
    with pytest.raises(InvalidRequestError) as caught:
        client.decisions.create(action="a", approver=3)  # pyright: ignore[reportArgumentType] - this is the fault
    assert any(error.field.startswith("approver") for error in caught.value.fields)


@pytest.mark.parametrize(
    "url",
    [
        "https://handover.example.com",
        "http://10.0.0.5:8000",
        "http://0.0.0.0:8000",
        "http://localhost@handover.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
    ],
)
@pytest.mark.parametrize("where", ["argument", "environment"])
def test_refused_with_another_machine(
    url: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dev_mode is refused together with a service that is not on this machine."""
    monkeypatch.setenv("HANDOVER_BASE_URL", url if where == "environment" else "")
    with pytest.raises(ConfigurationError, match="not this machine"):
        HandoverClient(base_url=url if where == "argument" else None, dev_mode=True)


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.9", "http://[::1]:8000/"])
def test_taken_with_this_machine(url: str) -> None:
    """dev_mode is taken together with a loopback address."""
    HandoverClient(base_url=url, dev_mode=True).close()


def test_no_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the error names the variable to set and the way to do without."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ConfigurationError, match=r"HANDOVER_API_KEY.*dev_mode"):
        HandoverClient()


@pytest.mark.parametrize("key", ["ho_ü", "ho_\nx"])
def test_api_key_that_no_header_can_carry(key: str) -> None:
    """A key that was copied badly is refused when the client is built."""
    with pytest.raises(ConfigurationError, match="copy it again"):
        HandoverClient(key)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://host", "http://", "http://h:port", "http://[::1"]
)
def test_base_url_that_is_none(url: str) -> None:
    """A base_url that cannot work is refused when the client is built."""
    with pytest.raises(ConfigurationError, match="should look like"):
        HandoverClient("ho_key", url)


@pytest.mark.parametrize("fields", [{"action": "a"}, {**ASK, "aprover": "typo"}])
def test_keywords_are_checked(fields: dict[str, Any]) -> None:
    """A missing or misspelt keyword is a TypeError, as with any function."""
    with pytest.raises(TypeError, match="create\\(\\)"):
        HandoverClient(dev_mode=True).decisions.create(**fields)
