"""What the environment says that no client can work with: said when the client is built, in one
sentence with what to do."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handover import AsyncHandoverClient, ConfigurationError, HandoverClient
from handover.testing import FakeHandover

CLIENTS = [HandoverClient, AsyncHandoverClient]
ELSEWHERE = "https://handover.example.com"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")

BASE_URLS = [
    ("127.0.0.1:8000", "begin it with http:// or https://"),
    ("handover.example.com", "begin it with http:// or https://"),
    ("ftp://handover.example.com", "begin it with http:// or https://"),
    ("htps://handover.example.com", "begin it with http:// or https://"),
    ('"https://handover.example.com"', "begin it with http:// or https://"),
    ("http://", "should look like http://127.0.0.1:8000"),
    ("http://handover.example.com:99999", "a port from 1 to 65535"),
    ("http://handover.example.com:port", "a port from 1 to 65535"),
    ("http://-..example", "name a host"),
    ("http://\N{SNOWMAN}.example.com", "Invalid IDNA hostname"),
    ("http://handover.example.com\nhttp://other.example.com", "take out what is blank"),
    ("http://hand over.example.com", "take out what is blank"),
    ("http://handover\t.example.com", "take out what is blank"),
    ("http://handover.example.com/?key=1", r"before the \? or the #"),
    ("http://handover.example.com/#top", r"before the \? or the #"),
    ("http://user:pass@handover.example.com", "take them out"),
]

ENVIRONMENTS = [
    ({"ALL_PROXY": "socks5://127.0.0.1:1080"}, r"ALL_PROXY names a SOCKS.*httpx2\[socks\]"),
    ({"https_proxy": "socks5h://127.0.0.1:1080"}, "https_proxy names a SOCKS proxy"),
    ({"HTTPS_PROXY": "socks4://127.0.0.1:1080"}, "HTTPS_PROXY is no proxy: begin it with"),
    ({"HTTP_PROXY": "http://127.0.0.1:99999"}, "HTTP_PROXY is no proxy: name a host"),
    ({"HTTPS_PROXY": "http://-..example:80"}, "HTTPS_PROXY is no proxy: name a host"),
    ({"HTTPS_PROXY": "http://127.0.0.1:8080\n"}, "HTTPS_PROXY is no proxy: take out"),
    ({"HTTPS_PROXY": "http://\N{SNOWMAN}.example"}, "HTTPS_PROXY is no proxy: Invalid IDNA"),
    ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE is '/nowhere/ca.pem'.*No such file"),
    ({"SSL_CERT_FILE": "/"}, "SSL_CERT_FILE is '/'.*Is a directory"),
    ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE is .*certificates"),
    ({"SSL_CERT_DIR": "/nowhere/certs"}, "SSL_CERT_DIR is '/nowhere/certs'"),
]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_harmless_is_taken_off(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks and line breaks around a key and a URL are of no account, wherever they come from; of
    blanks alone it is as if nothing was set."""
    fake = FakeHandover()
    monkeypatch.setenv("HANDOVER_BASE_URL", f" {fake.base_url}/\r\n")
    monkeypatch.setenv("HANDOVER_API_KEY", f"\t{fake.api_key}\n")
    for made in (client(), client(" ", "\n"), client(f"{fake.api_key} ", f"\n{fake.base_url} ")):
        options = made._options
        assert (options.base_url, options.api_key) == (fake.base_url, fake.api_key)
    monkeypatch.setenv("HANDOVER_BASE_URL", " \n")
    assert client()._options.base_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("where", ["argument", "environment"])
def test_base_url_that_cannot_work(
    client: Any, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL that no request can go to is refused when the client is built, with what to change in
    it; what may be a password is not repeated."""
    for url, what in BASE_URLS:
        monkeypatch.setenv("HANDOVER_BASE_URL", url if where == "environment" else "")
        with pytest.raises(ConfigurationError, match=what) as refused:
            client("ho_key", url if where == "argument" else None)
        assert "HANDOVER_BASE_URL" in str(refused.value)
        assert "pass@" not in str(refused.value)


@pytest.mark.parametrize("client", CLIENTS)
def test_key_that_is_none(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key with a line break, a blank or quotation marks in it is refused when the client is
    built, and is not repeated in the error."""
    for key in (
        "ho_secret\nho_other",
        "ho_secret other",
        '"ho_secret"',
        "ho_secret\x00",
        "ho_sécret",
    ):
        with pytest.raises(ConfigurationError, match=r"HANDOVER_API_KEY.*copy it again") as refused:
            client(key, ELSEWHERE)
        with pytest.raises(ConfigurationError, match="copy it again"):
            client("ho_key", ELSEWHERE).with_options(api_key=key)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("client", CLIENTS)
def test_environment_that_lets_nothing_through(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy or a file of certificates that cannot be used is refused when the client is built,
    by the name of the variable; a service on this machine needs neither."""
    for variables, what in ENVIRONMENTS:
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            with pytest.raises(ConfigurationError, match=what):
                client("ho_key", ELSEWHERE)
            client("ho_key", "http://127.0.0.1:8000")


@pytest.mark.parametrize("client", CLIENTS)
def test_environment_that_is_good(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxies with and without a scheme, exceptions to them and folders of certificates are taken
    as ever."""
    for name, value in {
        "HTTP_PROXY": "127.0.0.1:8080",
        "HTTPS_PROXY": "http://user:word@proxy.example.com:8080",
        "NO_PROXY": "localhost, .example.com, ::1, 10.0.0.0/8",
        "SSL_CERT_DIR": f"/nowhere{os.pathsep}{tmp_path}",
    }.items():
        monkeypatch.setenv(name, value)
    client("ho_key", ELSEWHERE)


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clients a process makes, and anew where others are named."""
    context, read = httpx2.create_ssl_context(trust_env=False), list[str]()

    def create(**_: Any) -> ssl.SSLContext:
        read.append(os.environ["SSL_CERT_FILE"])
        return context

    monkeypatch.setattr(httpx2, "create_ssl_context", create)
    for named in ("one.pem", "other.pem", "one.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", named)
        for client in CLIENTS:
            client("ho_key", ELSEWHERE)
    assert read == ["one.pem", "other.pem"]


def test_command_line_says_it_in_a_sentence() -> None:
    """The command ends with 3 and one line on stderr, without a traceback."""
    cases = [
        ({"HANDOVER_BASE_URL": "handover.example.com"}, "begin it with http://"),
        ({"HANDOVER_BASE_URL": ELSEWHERE, "ALL_PROXY": "socks5://127.0.0.1:1"}, "ALL_PROXY"),
        ({"HANDOVER_BASE_URL": ELSEWHERE, "SSL_CERT_FILE": "/nowhere"}, "SSL_CERT_FILE"),
        ({"HANDOVER_API_KEY": "ho_a\nho_b"}, "copy it again"),
    ]
    command = [sys.executable, "-m", "handover.cli", "get", "dec_one"]
    started = [
        subprocess.Popen(
            command,
            env={**os.environ, "HANDOVER_API_KEY": "ho_key", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for variables, _ in cases
    ]
    for process, (_, what) in zip(started, cases, strict=True):
        out, told = process.communicate(timeout=60)
        assert (process.returncode, out) == (3, ""), told
        assert what in told
        assert told.startswith("handover: ")
        assert told.count("\n") == 1
