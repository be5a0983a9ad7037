"""Finds the programs, or installs them: `python -m embedded.programs dev-server test-server
s3-server`.

`make run` starts the dev server; the test server, which can skip time, and the S3 server are for
tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from embedded.errors import ProgramMissingError
from embedded.steps import StepError, run_step, say
from embedded.versions import DEV_SERVER_VERSION, S3_SERVER_VERSION, TEST_SERVER_VERSION

ROOT = Path(__file__).resolve().parent.parent
Way = Callable[[Path], Awaitable[Path]]
"""Puts a program into an empty folder and returns the part to keep."""


def cache_folder() -> Path:
    """Return the folder for installed programs: `$XDG_CACHE_HOME/handover`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handover"


def find_dev_server() -> Path | None:
    """Return the `temporal` program on PATH, or else the one in the cache folder; download
    nothing."""
    on_path = shutil.which("temporal")
    if on_path and _is_temporal(on_path):
        return Path(on_path)
    cached = _cached_dev_server()
    return cached if os.access(cached, os.X_OK) else None


def find_test_server() -> Path | None:
    """Return the time-skipping test server in the cache folder; download nothing."""
    program = _cached_test_server() / "temporal-test-server"
    return program if os.access(program, os.X_OK) else None


async def get_dev_server() -> Path:
    """Find the dev server, and install it if it is missing. Raises `ProgramMissingError`."""
    return find_dev_server() or await _get(
        "Temporal dev server",
        _cached_dev_server(),
        [_download_dev_server, _build_dev_server],
        "Install the `temporal` program (https://docs.temporal.io/cli) so that it is on PATH, or"
        " Go 1.25 or newer (https://go.dev/dl), with which it is built here; or set"
        " TEMPORAL_ADDRESS to a Temporal server that is running.",
    )


async def get_test_server() -> Path:
    """Find the test server, and install it if it is missing. Raises `ProgramMissingError`."""
    return find_test_server() or (
        await _get(
            "Temporal test server",
            _cached_test_server(),
            [_download_test_server, _fetch_test_server],
            "Allow downloads from https://temporal.download, or install Java 11 or newer and Maven"
            " (Debian, Ubuntu: apt install default-jre-headless maven).",
        )
        / "temporal-test-server"
    )


async def get_s3_server() -> Path:
    """Find the S3 server in the cache folder, or install it. Raises `ProgramMissingError`."""
    cached = cache_folder() / f"versitygw-v{S3_SERVER_VERSION}"
    if os.access(cached, os.X_OK):
        return cached
    return await _get(
        "S3 server", cached, [_build_s3_server], "Install Go 1.25 or newer (https://go.dev/dl)."
    )


def _cached_dev_server() -> Path:
    return cache_folder() / f"temporal-v{DEV_SERVER_VERSION}"


def _cached_test_server() -> Path:
    return cache_folder() / f"temporal-test-server-{TEST_SERVER_VERSION}"


def _is_temporal(program: str) -> bool:
    """Return whether this is Temporal's program: others go by the name `temporal` too."""
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.startswith("temporal version")


async def _get(name: str, target: Path, ways: Sequence[Way], hint: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    for way in ways:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".getting-") as folder:
            try:
                _keep(await way(Path(folder)), target)
            except StepError as failure:
                say(f"  That did not work: {failure}")
            else:
                say(f"  The {name} is now {target}")
                return target
    raise ProgramMissingError(f"There is no {name} on this machine, and none could be got. {hint}")


def _keep(program: Path, target: Path) -> None:
    """Move a program to its place by renaming, so that nobody else sees half of one."""
    with contextlib.suppress(OSError):  # a folder that another process has put there meanwhile
        program.rename(target)
    if not target.exists():
        raise StepError(f"{program} could not be moved to {target}.")


async def _download_dev_server(folder: Path) -> Path:
    return await _download("dev-server", folder)


async def _download_test_server(folder: Path) -> Path:
    kept = folder / "kept"
    kept.mkdir()
    return (await _download("test-server", folder)).rename(kept / "temporal-test-server").parent


async def _download(program: str, folder: Path) -> Path:
    downloads = folder / "downloads"
    downloads.mkdir()
    await run_step(
        f"Downloading the Temporal {program.replace('-', ' ')}",
        [sys.executable, "-m", "embedded.download", program, str(downloads)],
        seconds=180,
        env={"PYTHONPATH": str(ROOT)},
    )
    found = [path for path in downloads.iterdir() if os.access(path, os.X_OK)]
    if len(found) != 1:
        raise StepError("the Temporal SDK left no program where it was asked to.")
    return found[0]


async def _build_dev_server(folder: Path) -> Path:
    return await _build(
        "Building the Temporal dev server with Go (about three minutes, once)",
        f"github.com/temporalio/cli/cmd/temporal@v{DEV_SERVER_VERSION}",
        folder,
    )


async def _build_s3_server(folder: Path) -> Path:
    return await _build(
        "Building an S3 server with Go (about a minute, once)",
        f"github.com/versity/versitygw/cmd/versitygw@v{S3_SERVER_VERSION}",
        folder,
    )


async def _build(what: str, package: str, folder: Path) -> Path:
    _require("go")
    env = {"GOBIN": str(folder), "CGO_ENABLED": "0"}
    await run_step(what, ["go", "install", package], seconds=1200, env=env)
    return folder / package.rpartition("/")[2].partition("@")[0]


async def _fetch_test_server(folder: Path) -> Path:
    """Fetch its jars, and write a script that starts them like one program."""
    _require("java")
    _require("mvn")
    (folder / "pom.xml").write_text(_POM)
    kept = folder / "kept"
    await run_step(
        "Fetching the Temporal test server with Maven",
        ["mvn", "--batch-mode", "--quiet", "--file", str(folder / "pom.xml"),
         "dependency:copy-dependencies", f"-DoutputDirectory={kept}"],
        seconds=600,
    )  # fmt: skip
    program = kept / "temporal-test-server"
    program.write_text(_TEST_SERVER_SCRIPT)
    program.chmod(0o755)
    return kept


def _require(program: str) -> None:
    if not shutil.which(program):
        raise StepError(f"it takes `{program}`, which is not installed.")


_TEST_SERVER_SCRIPT = """\
#!/bin/sh
exec java -cp "$(dirname "$0")/*" io.temporal.testserver.TestServer "$@"
"""

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>handover</groupId>
  <artifactId>temporal-test-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>{TEST_SERVER_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def main(names: Sequence[str]) -> None:
    getters = {
        "dev-server": get_dev_server,
        "test-server": get_test_server,
        "s3-server": get_s3_server,
    }
    if not names or set(names) - set(getters):
        sys.exit(f"usage: python -m embedded.programs {' '.join(f'[{name}]' for name in getters)}")
    try:
        for name in names:
            say(f"{name}: {asyncio.run(getters[name]())}")
    except ProgramMissingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
