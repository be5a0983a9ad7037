"""The guarded client against real servers, names, certificates and tricks."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from outgoing import (
    Answer,
    Exceptions,
    GuardedClient,
    RefusedUrlError,
    TooMuchError,
    UnreachableError,
)
from tests.outgoing.names import HERE, LOCAL, PRIVATE, PUBLIC, Names
from tests.receiver import (
    GIGABYTE,
    Authority,
    Behaviour,
    Receiver,
    break_off,
    drip_body,
    drip_head,
    hang,
    hang_up,
    pour,
    say,
)
from tests.support import eventually, free_port

LIMIT = 15.0
MOST = 100_000


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def refused(client: GuardedClient, url: str) -> str:
    """Why, which the early check must find as well."""
    with pytest.raises(RefusedUrlError):
        await client.check(url)
    with pytest.raises(RefusedUrlError) as caught:
        await client.post(url, b"{}", {}, limit_seconds=LIMIT)
    return str(caught.value)


async def unreachable(client: GuardedClient, url: str, limit: float = LIMIT) -> str:
    with pytest.raises(UnreachableError) as caught:
        await client.post(url, b"{}", {}, limit_seconds=limit)
    return str(caught.value)


async def test_a_request_arrives_as_it_was_given(receiver: Receiver) -> None:
    """Path, query, headers, body; and the status and headers of the answer come back."""
    receiver.behaviours.append(say(201, b"thanks", Retry_After="7"))
    answer = await GuardedClient(LOCAL).post(
        f"{receiver.url}?a=b%2Fc", b'{"a": 1}', {"X-One": "1"}, limit_seconds=LIMIT
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (201, "7")
    [request] = receiver.requests
    assert (request.path, request.body) == ("/hook?a=b%2Fc", b'{"a": 1}')
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["x-one"] == "1"


@pytest.mark.parametrize(
    "address",
    [
        *(PRIVATE, HERE, "0.0.0.0", "169.254.169.254", "100.64.0.1", "224.0.0.1", "192.168.0.1"),  # noqa: S104
        *("::1", "::", "fe80::1", "fe80::1%1", "fd00::1", "ff02::1", "::ffff:127.0.0.1"),
        *("::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1"),
    ],
)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    """Alone, and among addresses that are public."""
    for answer in ([address], [PUBLIC, address], [address, "2606:4700::1111"]):
        await refused(GuardedClient(resolve=Names(answer)), "https://example.com/")
    if "%" not in address:
        host = f"[{address}]" if ":" in address else address
        await refused(GuardedClient(), f"https://{host}/")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_refused_by_the_systems_own_resolver(host: str) -> None:
    """What everybody tries first."""
    await refused(GuardedClient(), f"https://{host}/")


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://example.com:22/", "http://example.com:443/"]
)
async def test_only_https_at_its_usual_ports(url: str) -> None:
    """Neither plain text, nor the ports of other protocols; and the name is not even looked up."""
    names = Names([PUBLIC])
    assert "only https" in await refused(GuardedClient(resolve=names), url)
    assert names.asked == []


@pytest.mark.parametrize("url", ["https://example.com/", "https://example.com:8443/x?y"])
async def test_the_early_check_passes_what_is_public(url: str) -> None:
    """It resolves, and connects to nothing."""
    await GuardedClient(resolve=Names([PUBLIC, "2606:4700::1111"])).check(url)


async def test_a_name_that_leads_inside_the_second_time_is_refused(receiver: Receiver) -> None:
    """Public when checked, here when it counts: nothing arrives."""
    names = Names([PUBLIC], [HERE])
    client = GuardedClient(resolve=names)
    await client.check("https://example.com/")
    with pytest.raises(RefusedUrlError):
        await client.post("https://example.com/", b"", {}, limit_seconds=LIMIT)
    assert len(names.asked) == 2
    assert receiver.connections == 0


async def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """One look-up for each request: there is no second one that could answer otherwise."""
    names = Names([HERE], [PRIVATE])
    url = f"http://agent.example:{receiver.port}/"
    answer = await GuardedClient(LOCAL, resolve=names).post(url, b"", {}, limit_seconds=LIMIT)
    assert answer.status_code == 204
    assert names.asked == ["agent.example"]
    assert receiver.requests[0].headers["host"] == f"agent.example:{receiver.port}"


async def test_a_dead_address_is_passed_by(receiver: Receiver) -> None:
    """A host with several is reached by the first that answers."""
    client = GuardedClient(LOCAL, resolve=Names(["127.0.0.2", HERE]))
    url = f"http://agent.example:{receiver.port}/"
    assert (await client.post(url, b"", {}, limit_seconds=LIMIT)).status_code == 204


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """The status is the answer, and the place that it names gets nothing."""
    async with Receiver() as inside:
        receiver.behaviours.append(say(status, Location=inside.url))
        answer = await GuardedClient(Exceptions.parse([f"127.0.0.1:{receiver.port}"])).post(
            receiver.url, b"{}", {}, limit_seconds=LIMIT
        )
        assert answer.status_code == status
        assert inside.connections == 0


async def test_the_environments_proxy_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would resolve the name itself, and see what is sent."""
    async with Receiver() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await GuardedClient(LOCAL).post(receiver.url, b"", {}, limit_seconds=LIMIT)
        assert (proxy.connections, len(receiver.requests)) == (0, 1)


async def test_a_certificate_is_checked_against_the_name(authority: Authority) -> None:
    """SNI and Host are the URL's, though the connection goes to an address."""
    async with Receiver(authority.server("agent.example")) as receiver:
        client = GuardedClient(LOCAL, resolve=Names([HERE]), tls=authority.trusted())
        url = f"https://agent.example:{receiver.port}/"
        assert (await client.post(url, b"x", {}, limit_seconds=LIMIT)).status_code == 204
        assert receiver.names == ["agent.example"]
        assert receiver.requests[0].headers["host"] == f"agent.example:{receiver.port}"


async def test_a_certificate_may_be_for_an_address(authority: Authority) -> None:
    """Where the URL has one, which SNI cannot say."""
    async with Receiver(authority.server("127.0.0.1")) as receiver:
        client = GuardedClient(LOCAL, tls=authority.trusted())
        url = f"https://127.0.0.1:{receiver.port}/"
        assert (await client.post(url, b"x", {}, limit_seconds=LIMIT)).status_code == 204
        assert receiver.names == [None]


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_wrong_certificate_gets_nothing(authority: Authority, is_trusted: bool) -> None:
    """One for another name, and one of an authority that nobody knows."""
    name = "other.example" if is_trusted else "agent.example"
    async with Receiver(authority.server(name)) as receiver:
        tls = authority.trusted() if is_trusted else None
        client = GuardedClient(LOCAL, resolve=Names([HERE]), tls=tls)
        told = await unreachable(client, f"https://agent.example:{receiver.port}/")
        assert "certificate verify failed" in told
        assert receiver.requests == []


async def test_a_server_that_hangs_is_left(receiver: Receiver) -> None:
    """One limit for all of it, also where something trickles all the time."""
    for behaviour in (hang, drip_head):
        receiver.behaviours.append(behaviour)
        began = time.monotonic()
        told = await unreachable(GuardedClient(LOCAL), receiver.url, limit=0.5)
        assert told == "no answer within 0.5 seconds"
        assert time.monotonic() - began < 10


async def test_a_body_that_never_ends_is_not_waited_for(receiver: Receiver) -> None:
    """The status was said; that counts."""
    receiver.behaviours.append(drip_body)
    answer = await GuardedClient(LOCAL).post(receiver.url, b"", {}, limit_seconds=60)
    assert answer.status_code == 200


async def test_a_gigabyte_is_not_taken(receiver: Receiver) -> None:
    """What is beyond the buffers of the two systems is never even sent."""
    sent: list[int] = []
    receiver.behaviours.append(pour(sent))
    answer = await GuardedClient(LOCAL).post(receiver.url, b"", {}, limit_seconds=60)
    assert answer.status_code == 200
    await eventually(lambda: receiver.idle)
    assert sum(sent) < GIGABYTE // 16


async def fetched(client: GuardedClient, url: str, limit: float = LIMIT) -> Answer:
    return await client.get(url, {"Accept": "image/png"}, limit_seconds=limit, most_bytes=MOST)


async def test_what_is_fetched_comes_back_whole(receiver: Receiver) -> None:
    """As it was sent, up to the last byte that is allowed."""
    for body in (b"", b"\x00\xff" * 10, b"x" * MOST):
        receiver.behaviours.append(say(200, body, Content_Type="image/png"))
        answer = await fetched(GuardedClient(LOCAL), f"{receiver.url}?a=b")
        assert (answer.status_code, answer.body) == (200, body)
        assert answer.headers["content-type"] == "image/png"
    assert (receiver.requests[0].path, receiver.requests[0].body) == ("/hook?a=b", b"")
    assert receiver.requests[0].headers["accept"] == "image/png"


async def test_more_than_was_asked_for_is_not_taken(receiver: Receiver) -> None:
    """One byte too many, and a gigabyte, most of which is never even sent."""
    sent: list[int] = []
    receiver.behaviours += [say(200, b"x" * (MOST + 1)), pour(sent)]
    for _ in range(2):
        with pytest.raises(TooMuchError):
            await fetched(GuardedClient(LOCAL), receiver.url)
    await eventually(lambda: receiver.idle)
    assert sum(sent) < GIGABYTE // 16


@pytest.mark.parametrize("behaviour", [hang, drip_head, drip_body])
async def test_what_trickles_is_left(receiver: Receiver, behaviour: Behaviour) -> None:
    """Here the body counts as well: it arrives within the limit, or not at all."""
    receiver.behaviours.append(behaviour)
    with pytest.raises(UnreachableError, match=r"within 0\.5 seconds"):
        await fetched(GuardedClient(LOCAL), receiver.url, limit=0.5)


async def test_fetching_is_guarded_as_posting_is(receiver: Receiver) -> None:
    """Inside addresses are refused, redirects are not followed, a broken body is no body."""
    for url in ("https://localhost/", f"http://127.0.0.1:{receiver.port}/", "file:///etc/passwd"):
        with pytest.raises(RefusedUrlError):
            await fetched(GuardedClient(), url)
    with pytest.raises(RefusedUrlError):
        await fetched(GuardedClient(resolve=Names([PUBLIC, PRIVATE])), "https://example.com/")
    assert receiver.connections == 0
    async with Receiver() as inside:
        receiver.behaviours.append(say(302, Location=inside.url))
        assert (await fetched(GuardedClient(LOCAL), receiver.url)).status_code == 302
        assert inside.connections == 0
    receiver.behaviours.append(break_off)
    with pytest.raises(UnreachableError):
        await fetched(GuardedClient(LOCAL), receiver.url)


async def test_what_is_not_there_may_come_back(receiver: Receiver) -> None:
    """No server, no answer, a name without an address, nonsense: each can be tried again."""
    client = GuardedClient(LOCAL)
    receiver.behaviours.append(hang_up)
    assert "no answer" in await unreachable(client, receiver.url)
    assert "no answer" in await unreachable(client, f"http://127.0.0.1:{free_port()}/")
    nobody = GuardedClient(LOCAL, resolve=Names([]))
    assert "no address" in await unreachable(nobody, "https://agent.example/")
    odd = GuardedClient(LOCAL, resolve=Names([PUBLIC, "0x7f.1"]))
    assert "no address" in await unreachable(odd, "https://agent.example/")


async def test_a_name_that_does_not_exist_is_not_found() -> None:
    """By the early check too, which then says so."""

    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    client = GuardedClient(resolve=nowhere)
    assert await unreachable(client, "https://agent.example/") == "its host is not found"
    with pytest.raises(UnreachableError):
        await client.check("https://agent.example/")


async def test_a_name_server_that_hangs_is_left() -> None:
    """The limit holds for the look-up as well."""

    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(UnreachableError, match=r"within 0\.1 seconds"):
        await GuardedClient(resolve=silent).check("https://agent.example/", limit_seconds=0.1)


async def test_headers_cannot_be_smuggled(receiver: Receiver) -> None:
    """A line break in a header's value fails before anything is sent."""
    client = GuardedClient(LOCAL)
    with pytest.raises(UnreachableError):
        await client.post(receiver.url, b"", {"X": "1\r\nY: 2"}, limit_seconds=LIMIT)
    assert receiver.requests == []


async def test_an_exception_is_for_its_place_alone(receiver: Receiver) -> None:
    """Host and port as in the URL; another port or name of the same address stays refused."""
    client = GuardedClient(
        Exceptions.parse([f"agent.example:{receiver.port}"]), resolve=Names([HERE])
    )
    url = f"http://agent.example:{receiver.port}/"
    assert (await client.post(url, b"", {}, limit_seconds=LIMIT)).status_code == 204
    await refused(client, f"http://agent.example:{receiver.port + 1}/")
    await refused(client, f"http://other.example:{receiver.port}/")
    await refused(client, receiver.url)


async def test_an_excepted_network_lifts_nothing_for_others() -> None:
    """Beside it, all stays as it was: https, the usual ports, public addresses."""
    client = GuardedClient(LOCAL, resolve=Names([PUBLIC]))
    await refused(client, "http://example.com/")
    await refused(client, "https://example.com:22/")
    await refused(GuardedClient(LOCAL, resolve=Names([HERE, PRIVATE])), "https://example.com/")


@pytest.mark.parametrize("text", ["localhost", "localhost:", ":80", "a:http", "a:0", "10.0.0.1/8"])
def test_an_odd_exception_is_named(text: str) -> None:
    """A typing error must not open or close anything silently."""
    with pytest.raises(ValueError, match=text):
        Exceptions.parse(["127.0.0.1:80", text])


def test_exceptions_are_read_in_their_forms() -> None:
    """Places and networks, of both kinds of addresses."""
    read = Exceptions.parse(["Agent.example:8080", "[::1]:80", "10.1.0.0/16", "fd00::/8"])
    assert read.places == {("agent.example", 8080), ("::1", 80)}
    assert [str(network) for network in read.networks] == ["10.1.0.0/16", "fd00::/8"]
