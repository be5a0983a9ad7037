"""How long the client goes on, and how often it asks: steps played against a clock of their own."""

from __future__ import annotations

from datetime import datetime, tzinfo
from itertools import chain, cycle, repeat
from typing import Any

import pytest

from handover import APIConnectionError, RateLimitError, ServiceError, WaitTimeoutError
from handover import _decisions as steps
from handover._permission import permits
from handover._waiting import GRACE
from tests.sdk.service import Comes, Fails, Play, decision

DATE = {"date": "Mon, 05 Jan 2026 10:00:00 GMT"}  # when the decision, of 30 minutes, was created
ASK: dict[str, Any] = {"action": "a", "approver": "a@example.com", "timeout_minutes": 30}
PENDING = Comes(decision(), headers=DATE)
HELD = Comes(decision(), took=None, headers=DATE)
APPROVED = Comes(decision("approved"))
AWAY = Comes({"code": "unavailable"}, 503)


def create(play: Play, **fields: Any) -> Any:
    asked = steps.create(play.options(), {**ASK, **fields}, wait=True, idempotency_key=None)
    return play.run(asked)


def wait(play: Play, timeout: float | None = None) -> Any:
    return play.run(steps.wait(play.options(), "dec_one", timeout=timeout))


def test_held_polls_follow_without_a_pause() -> None:
    """Polls that the service held to their end follow one another at once."""
    play = Play([PENDING, *[HELD] * 50, APPROVED])
    assert create(play).approved
    assert [call.after for call in play.calls[3:]] == [0.0] * 49


def test_answers_at_once_are_spaced() -> None:
    """A service that answers pending at once is asked at most some hundred times in five minutes,
    not in a hot loop."""
    play = Play(chain(repeat(PENDING, 400), [APPROVED]))
    assert create(play).approved
    assert play.clock.now > 300
    assert max(call.after for call in play.calls) <= 5


@pytest.mark.parametrize("seconds", [10, 600, 1790])
def test_outage_within_the_life_of_the_decision(seconds: int) -> None:
    """A service that is away for as long as the decision lives is waited for."""
    play = Play([])

    def script() -> Any:
        yield PENDING
        while play.clock.now < seconds:
            yield Fails()
        yield APPROVED

    play.script = script()
    assert create(play).approved


def test_very_many_failures() -> None:
    """The pause stays bounded after thousands of failures in a row."""
    year = decision(expires_at="2027-01-05T10:00:00Z")
    play = Play(chain([Comes(year, headers=DATE)], repeat(Fails(), 5000), [APPROVED]))
    assert create(play).approved
    assert max(call.after for call in play.calls) <= 5


def test_outage_beyond_the_life_of_the_decision() -> None:
    """A service that is away ends the wait with an error once the decision cannot live any more,
    and not before the grace is over."""
    play = Play(chain([PENDING], repeat(Fails())))
    with pytest.raises(APIConnectionError) as caught:
        create(play)
    assert play.clock.now == pytest.approx(30 * 60 + GRACE, abs=6)
    assert "client.decisions.wait('dec_one')" in caught.value.__notes__[0]


def test_overdue_decision_is_waited_for_while_the_service_answers() -> None:
    """The service says whether a decision lives: one that is overdue there is still waited for."""
    overdue = Comes(decision(), took=None, headers={"date": "Mon, 05 Jan 2026 20:00:00 GMT"})
    play = Play(chain([PENDING], repeat(overdue, 200), [APPROVED]))
    assert create(play).approved


def test_each_answer_renews_the_patience() -> None:
    """Outages are counted each on its own, from the last answer on."""
    outage = [*repeat(Fails(held=60), 30), HELD]
    play = Play([PENDING, *outage * 4, APPROVED])
    assert create(play).approved


def test_service_that_never_answered() -> None:
    """A service that cannot be reached at all is given up after `retry_for` seconds."""
    play = Play(repeat(Fails()))
    with pytest.raises(APIConnectionError):
        create(play)
    assert play.clock.now == pytest.approx(60, abs=6)


def test_dropped_while_the_first_request_was_held() -> None:
    """A first request that was being held may have created the decision, so that its whole life is
    waited for."""
    play = Play([Fails(held=20), *repeat(Fails(), 200), APPROVED])
    assert create(play).approved
    assert play.clock.now > 120


def test_accepting_and_dropping_is_not_holding() -> None:
    """Something that accepts connections and drops them at once is given up as one that refuses."""
    play = Play(repeat(Fails(held=0.01)))
    with pytest.raises(APIConnectionError):
        create(play)
    assert play.clock.now < 70


def behind_gateway(play: Play, limit: float, how: int | str, settled_at: float) -> Any:
    """A service behind what cuts off every request that is held for `limit` seconds: with a page of
    its own, by dropping the connection, or by saying nothing any more."""
    while True:
        call = play.calls[-1]
        held = float(call.params.get("wait", 0))
        left = max(0.0, settled_at - play.clock.now)
        if min(held, left) < limit:
            yield Comes(decision("approved" if left <= held else "pending"), took=min(held, left))
        elif how == "drops":
            yield Fails(held=limit)
        elif how == "says nothing":
            yield Fails(cut_after=call.read_within or 0)
        else:
            yield Comes(b"<html>Sorry</html>", int(how), took=limit)


@pytest.mark.parametrize("ask", [create, wait])
@pytest.mark.parametrize("limit", [5, 10, 29, 30, 45, 54])
def test_gateway_that_cuts_what_is_held(ask: Any, limit: float) -> None:
    """A gateway that gives up on all that is held for so long costs a few requests, and neither the
    wait nor the time: the next requests are held for less, and the answer is there when it comes.
    The whole hold is tried again, less and less often."""
    for how in (408, 502, 503, 504, 520, 524, "drops", "says nothing"):
        play = Play([])
        play.script = behind_gateway(play, limit, how, settled_at=2400)
        assert ask(play).approved, how
        late = play.clock.now - 2400
        assert 0 <= late < (60 if how == "says nothing" else 5), how
        held = [float(call.params["wait"]) for call in play.calls]
        assert all(each >= limit / 2 for each in held), how
        assert sum(each >= limit for each in held) < 20, how


@pytest.mark.parametrize("limit", [10, 29])
def test_gateway_and_little_patience(limit: float) -> None:
    """What is cut off while it is asked is asked again with a shorter hold, within the patience
    that a client has for a service that is away."""
    play = Play([])
    play.script = behind_gateway(play, limit, 504, settled_at=1500)
    asked = steps.create(play.options(retry_for=1), ASK, wait=True, idempotency_key=None)
    assert play.run(asked).approved


def test_stopped_service_is_no_gateway() -> None:
    """After a service that was stopped while it held a request, the whole hold is back soon, and
    longer ones after it; where it is the service itself that says it cannot, it never was
    shorter."""
    play = Play([PENDING, Fails(held=4), Fails(), *[HELD] * 3, AWAY, HELD, APPROVED])
    assert create(play).approved
    assert [call.params["wait"] for call in play.calls] == [
        *(30, 30, 3, 3, 3),
        *(30, 55, 55, 110),
    ]


def test_one_idempotency_key_over_all_attempts() -> None:
    """All attempts of one call carry one key; another call has another."""
    keys: set[str] = set()
    for _ in range(2):
        play = Play([Fails(), AWAY, Fails(), APPROVED])
        create(play)
        (key,) = {call.headers["idempotency-key"] for call in play.calls}
        keys.add(key)
    assert len(keys) == 2


@pytest.mark.parametrize("failure", [Fails(), Fails(held=20), AWAY], ids=str)
def test_machine_that_sleeps(failure: Comes | Fails) -> None:
    """A night's sleep between two attempts is not patience spent: a machine that wakes before its
    network does goes on trying."""
    play = Play([])

    def script() -> Any:
        yield PENDING
        for _ in range(3):
            yield failure
            play.clock.now += 8 * 3600
            yield failure
        yield APPROVED

    play.script = script()
    assert create(play).approved


def test_machine_that_sleeps_often() -> None:
    """Also then a service that stays away is given up at last."""
    play = Play([])

    def script() -> Any:
        yield PENDING
        while True:
            play.clock.now += 8 * 3600
            yield Fails()

    play.script = script()
    with pytest.raises(APIConnectionError):
        create(play)
    assert len(play.calls) < 100


@pytest.mark.parametrize("year", [2001, 2051])
def test_wrong_clock_of_this_machine(monkeypatch: pytest.MonkeyPatch, year: int) -> None:
    """The life of a decision is counted on the service's clock: a wall clock that is years off
    neither shortens nor lengthens the patience with a service that is away."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wrong:
            return cls(year, 1, 1, tzinfo=tz)

    monkeypatch.setattr("handover._base.datetime", Wrong)
    play = Play(chain([PENDING], repeat(Fails())))
    with pytest.raises(APIConnectionError):
        create(play)
    assert play.clock.now == pytest.approx(30 * 60 + GRACE, abs=6)


@pytest.mark.parametrize("date", ["Mon, 05 Jan 2026 10:00:00 -0000", "yesterday", ""])
def test_date_that_nobody_can_read(date: str) -> None:
    """An answer with an odd Date is an answer."""
    play = Play([Comes(decision(), headers={"date": date}), APPROVED])
    assert create(play).approved


def test_extended_decision_is_waited_for() -> None:
    """What was extended while we waited lives on: an outage up to its new end is waited through."""
    extended = Comes(decision(expires_at="2026-01-06T10:00:00Z"), took=None, headers=DATE)
    play = Play([])

    def script() -> Any:
        yield PENDING
        yield extended
        while play.clock.now < 20 * 3600:
            yield Fails()
        yield APPROVED

    play.script = script()
    assert create(play).approved


def test_unknown_status_is_final_and_permits_nothing() -> None:
    """Everything but pending is final by the contract, also a word that only a newer service knows;
    it is returned, and is no approval."""
    play = Play([Comes(decision("blessed", action_permitted=True))])
    decided = wait(play)
    assert decided.settled
    assert not decided.approved
    assert not permits(decided)


def limited(seconds: int | str) -> Comes:
    return Comes({"code": "rate_limited"}, 429, headers={"retry-after": str(seconds)})


@pytest.mark.parametrize("seconds", [0, 5, 60, 1800])
def test_rate_limit_never_ends_a_wait(seconds: int) -> None:
    """Refused for longer than the decision can live, the wait goes on, and keeps each
    Retry-After."""
    play = Play(chain([PENDING], repeat(limited(seconds), 2000), [APPROVED]))
    assert create(play).approved
    pauses = [call.after for call in play.calls[2:]]
    assert min(pauses) >= seconds
    assert max(pauses) <= seconds + 5
    assert play.clock.now > 30 * 60 + GRACE


def test_absurd_rate_limit_is_kept_for_an_hour() -> None:
    """A Retry-After of days, or of more digits than a number has, pauses for an hour at a time."""
    play = Play([PENDING, limited(10**6), limited("9" * 5000), APPROVED])
    assert create(play).approved
    assert all(3600 <= call.after <= 3605 for call in play.calls[2:])


def test_rate_limit_within_a_wait_timeout() -> None:
    """A Retry-After beyond the time that we wait for is cut to it: a last look, then the error."""
    play = Play(repeat(limited(1800)))
    with pytest.raises(WaitTimeoutError):
        wait(play, timeout=100)
    assert play.clock.now == pytest.approx(100, abs=1)
    assert len(play.calls) == 2


def test_outage_between_rate_limits_is_an_outage() -> None:
    """Refusals use up no patience; a service that is away in between still does."""
    play = Play(chain([PENDING], cycle([limited(60), Fails()])))
    with pytest.raises(APIConnectionError):
        create(play)
    assert play.clock.now > 30 * 60 + GRACE


def test_rate_limit_of_a_minute_is_waited_for_when_asking() -> None:
    """The service counts by the minute: what it refuses for a minute is asked again after it."""
    play = Play([limited(60), APPROVED])
    assert create(play).approved
    assert 60 <= play.clock.now <= 61


BEHIND = Comes({"code": "messages_behind"}, 429, headers={"retry-after": "7"})


def test_whoever_waits_for_an_answer_waits_in_line_for_as_long() -> None:
    """Where people cannot be told as fast as they are asked, the question is asked again for as
    long as it would have lived, each time after `Retry-After`."""
    play = Play(chain(repeat(BEHIND, 150), [APPROVED]))
    assert create(play).approved
    assert all(7 <= call.after <= 12 for call in play.calls[1:])
    assert play.clock.now > 17 * 60
    forever = Play(repeat(BEHIND))
    with pytest.raises(RateLimitError):
        create(forever)
    assert forever.clock.now == pytest.approx(30 * 60 + GRACE, abs=20)


def test_whoever_does_not_wait_is_told_within_a_minute() -> None:
    """That nobody was asked; the error says when to come again."""
    play = Play(repeat(BEHIND))
    with pytest.raises(RateLimitError) as caught:
        play.run(steps.create(play.options(), ASK, wait=False, idempotency_key=None))
    assert (caught.value.code, caught.value.retry_after) == ("messages_behind", 7)
    assert play.clock.now < 75


def test_month_without_decisions_is_told_at_once() -> None:
    """A quota that is used up for weeks is not waited for, and the error says for how long."""
    weeks = 14 * 24 * 3600
    refused = Comes({"code": "quota_exceeded"}, 429, headers={"retry-after": str(weeks)})
    play = Play([refused])
    with pytest.raises(RateLimitError) as caught:
        create(play)
    assert (caught.value.code, caught.value.retry_after) == ("quota_exceeded", weeks)
    assert len(play.calls) == 1


@pytest.mark.parametrize(
    ("told", "least"),
    [("Mon, 05 Jan 2026 10:00:40 GMT", 40), ("Mon, 05 Jan 2026 09:00:00 GMT", 0)],
)
def test_retry_after_as_a_date(told: str, least: int) -> None:
    """A time is counted on the clock of whoever told it; one that has passed asks for nothing."""
    play = Play([PENDING, Comes({}, 429, headers={"retry-after": told, **DATE}), APPROVED])
    assert create(play).approved
    assert least <= play.calls[2].after <= least + 1


def test_retry_after_is_kept() -> None:
    """Of a service that is away, Retry-After is the least pause, up to a minute."""
    asks = [
        Comes({}, 503, headers={"retry-after": seconds}) for seconds in ("7", "9999", "soon", "-1")
    ]
    play = Play([PENDING, *asks, APPROVED])
    create(play)
    pauses = [call.after for call in play.calls[2:]]
    assert pauses[0] >= 7
    assert 60 <= pauses[1] <= 65
    assert max(pauses[2:]) <= 5


def test_reads_longer_than_the_service_holds() -> None:
    """The time to read an answer is the time for which it is held, and the client's timeout."""
    play = Play([PENDING, APPROVED])
    create(play)
    assert [call.read_within for call in play.calls] == [45, 45]


@pytest.mark.parametrize("comes", [PENDING, HELD, AWAY, Fails()])
def test_wait_timeout(comes: Comes | Fails) -> None:
    """wait stops when its time is over, whatever the service does meanwhile, after a last look."""
    play = Play(repeat(comes))
    with pytest.raises(WaitTimeoutError):
        wait(play, timeout=100)
    assert 100 <= play.clock.now <= 102
    assert play.calls[-1].params == {}


def test_wait_asks_for_no_more_than_its_time() -> None:
    """The service is asked to hold for what is left, and read for no longer than that."""
    play = Play([APPROVED])
    wait(play, timeout=7.5)
    assert play.calls[0].params == {"wait": 8}
    assert play.calls[0].read_within == pytest.approx(8.5)


def test_single_requests_are_retried_too() -> None:
    """get, cancel and audit go on trying for `retry_for` seconds."""
    play = Play(repeat(AWAY))
    with pytest.raises(ServiceError):
        play.run(steps.get(play.options(retry_for=20), "dec_one"))
    assert play.clock.now == pytest.approx(20, abs=6)


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "k" * 256])
def test_idempotency_key_that_no_header_can_carry(key: str) -> None:
    """A key that cannot be sent is refused before anything is."""
    play = Play([])
    with pytest.raises(ValueError, match="idempotency_key"):
        play.run(steps.create(play.options(), ASK, wait=True, idempotency_key=key))
    assert play.calls == []


def test_numbers_that_json_does_not_have() -> None:
    """A payload with NaN is refused, not sent as something else."""
    with pytest.raises(ValueError, match="JSON"):
        create(Play([]), payload={"amount": float("nan")})
