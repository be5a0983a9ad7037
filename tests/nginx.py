"""An nginx of the tests' own, with the configuration that docs/deploying.md has."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import eventually, free_port

ROOT = Path(__file__).parent.parent
DOCUMENTED = re.compile(r"```nginx\n(.+?)```", re.DOTALL)

AROUND = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def find_nginx() -> str | None:
    # Debian keeps it off the PATH of users.
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Nginx:
    """In front of the API at this port. `changes` are made in the documented configuration."""

    def __init__(self, program: str, folder: Path, api: int, **changes: str) -> None:
        self.folder = folder
        self._port = free_port()
        self.url = f"https://127.0.0.1:{self._port}"
        found = DOCUMENTED.search((ROOT / "docs/deploying.md").read_text())
        assert found
        server = found[1]
        ours = {
            "listen 443": f"listen 127.0.0.1:{self._port}",
            "127.0.0.1:8000": f"127.0.0.1:{api}",
            "/etc/ssl": str(folder),
            "approvals.example.com": "here",
        }
        for text, here in (ours | changes).items():
            assert text in server
            server = server.replace(text, here)
        make_certificate(folder / "here")
        file = folder / "nginx.conf"
        # Started by root, it would read and write as somebody to whom pytest's folder is closed.
        user = "user root;" if os.geteuid() == 0 else ""
        file.write_text(AROUND.format(folder=folder, server=server, user=user))
        self._command = [program, "-p", str(folder), "-c", str(file), "-e", str(folder / "first")]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen(self._command)  # noqa: ASYNC220
        await eventually(self._answers)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=30)

    def logs(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    async def _answers(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.close()
            await writer.wait_closed()
            return True
        return False


def make_certificate(path: Path) -> None:
    """A certificate for this machine, signed by itself: `path` with `.pem`, and `.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


Behind = Callable[..., Awaitable[Nginx]]
"""Starts one, with these changes."""
