"""One way of reading a URL, and nothing that two readers could read in two ways."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgoing.errors import RefusedUrlError
from outgoing.urls import read_url

REFUSED = (
    *("", "example.com", "//example.com", "/hook", "https:", "https://", "https:///hook"),
    *("ftp://example.com", "file:///etc/passwd", "gopher://example.com", "javascript:alert(1)"),
    *("https:example.com", "https:/example.com", "https:\\\\example.com", "wss://example.com"),
    # who is asked
    *("https://user@example.com", "https://user:pass@example.com", "https://@example.com"),
    *("https://example.com@127.0.0.1/", "https://127.0.0.1\\@example.com/", "https://a#@b.com/"),
    *("https://example.com\\.evil.com", "https://example.com/#part", "https://example.com/a\\b"),
    # characters
    *("https://exam ple.com", "https://example.com/a b", "https://example.com/\r\nX: y"),
    *("https://example.com\t/", "https://example.com/\x00", " https://example.com", "https://a\n"),
    *("https://example.com%00.evil.com", "https://%31%32%37.0.0.1/", "https://ex%61mple.com"),
    # names
    *("https://example.com.", "https://127.0.0.1.", "https://.example.com", "https://a..b"),
    *("https://-a.com", "https://a-.com", f"https://{'a' * 64}.com", f"https://{'a.' * 130}com"),
    *("https://a,b.com", "https://a;b", "https://a&b", "https://*.example.com", "https://ex'am"),
    # numbers that some take for addresses
    *("https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1", "https://0177.0.0.1"),
    *("https://127.1", "https://127.0.1", "https://0", "https://0x", "https://017700000001"),
    *("https://127.0.0.0x1", "https://1.2.3.4.5", "https://256.1.1.1", "https://a.b.0x7f"),
    *("https://①②⑦.⓪.⓪.①/", "https://127.0.0.\u0661", "https://\uff11\uff12\uff17.0.0.1"),
    # IPv6
    *("https://::1/", "https://[::1", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/"),
    *("https://[::1]evil.com/", "https://[]", "https://[v1.a]/", "https://[1.2.3.4]/"),
    # ports
    *("https://example.com:", "https://example.com:x", "https://example.com:65536"),
    *(
        "https://example.com:0",
        "https://example.com:-1",
        "https://example.com:+443",
        "https://example.com:443:443",
    ),
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_unusual_is_refused(text: str) -> None:
    """It is not repaired, not normalized, not guessed at."""
    with pytest.raises(RefusedUrlError):
        read_url(text)


@pytest.mark.parametrize(
    ("text", "host", "port", "path", "authority"),
    [
        ("https://example.com", "example.com", 443, "/", "example.com"),
        ("HTTPS://Example.COM:443/A?b=/c@d", "example.com", 443, "/A?b=/c@d", "example.com"),
        (
            "https://a_b.c-1.example:8443?x",
            "a_b.c-1.example",
            8443,
            "/?x",
            "a_b.c-1.example:8443",
        ),
        ("http://localhost:9000/", "localhost", 9000, "/", "localhost:9000"),
        (
            "https://bücher.example/ü",
            "xn--bcher-kva.example",
            443,
            "/%C3%BC",
            "xn--bcher-kva.example",
        ),
        ("https://[2606:4700:0::1]/", "2606:4700::1", 443, "/", "[2606:4700::1]"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/", "1.1.1.1"),
    ],
)
def test_what_is_usual_is_read(text: str, host: str, port: int, path: str, authority: str) -> None:
    """Names in ASCII, addresses in their usual form, the port that the scheme has."""
    target = read_url(text)
    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == authority


def test_full_stops_of_other_scripts_hide_no_address() -> None:
    """IDNA takes them for dots; what comes of it is judged, and not what was written."""
    assert read_url("https://127。0。0。1/").host == "127.0.0.1"


@given(
    st.lists(
        st.sampled_from(
            [*"ab1:@/\\?#[]%.。-_ \t\r\n", "https://", "http:", "127.0.0.1", "0x7f", "::1", "//"]
        )
    ).map(lambda parts: "https://" + "".join(parts))
)
def test_another_reader_finds_the_same_host(text: str) -> None:
    """Where a URL is taken at all, Python's own parser reads the same host from it."""
    try:
        target = read_url(text)
    except RefusedUrlError:
        return
    found = urlsplit(text).hostname or ""
    assert found.replace("。", ".") == target.host
