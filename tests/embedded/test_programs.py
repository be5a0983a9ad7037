from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from embedded import programs
from embedded.errors import ProgramMissingError
from embedded.programs import get_dev_server, get_test_server
from tests.embedded.conftest import Script

TEMPORAL = 'echo "temporal version 1.5.1 (Server 1.29.1)"'
NO_DOWNLOAD = "echo temporal.download cannot be reached; exit 1"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, script: Script, tmp_path: Path) -> Path:
    """A machine with a home of its own, where no program is on PATH and no download works."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    python = script("python", NO_DOWNLOAD)
    for tool in ("mkdir", "chmod", "dirname", "touch"):
        (tmp_path / "bin" / tool).symlink_to(
            f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}"
        )
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(python))
    folder = tmp_path / "home" / ".cache" / "handover"
    folder.mkdir(parents=True)
    return folder


def cached(cache: Path) -> Path:
    program = cache / "temporal-v1.5.1"
    program.touch(mode=0o755)
    return program


def kept(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir()]


def output_of(program: Path, *arguments: str) -> str:
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


async def test_a_program_on_path_comes_first(script: Script, cache: Path) -> None:
    """The operator's own `temporal` is used, also when the cache has one."""
    cached(cache)
    program = script("temporal", TEMPORAL)
    assert await get_dev_server() == program


async def test_another_program_of_that_name_is_passed_over(script: Script, cache: Path) -> None:
    """A `temporal` that isn't Temporal's does not get started."""
    script("temporal", "echo a calendar")
    program = cached(cache)
    assert await get_dev_server() == program


async def test_the_cache_comes_before_any_download(
    script: Script, cache: Path, tmp_path: Path
) -> None:
    """What was got once is used again without asking anybody."""
    script("python", f"touch {tmp_path}/asked; exit 1")
    program = cached(cache)
    assert await get_dev_server() == program
    assert not (tmp_path / "asked").exists()


def test_the_cache_is_where_the_user_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_CACHE_HOME names the folder that holds ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert programs.cache_folder() == tmp_path / "caches" / "handover"


async def test_the_download_comes_before_go(script: Script, cache: Path) -> None:
    """What the SDK downloads is kept in the cache under its version, and nothing else is."""
    script("python", 'echo downloaded > "$4/sdk-name"; chmod +x "$4/sdk-name"')
    script("go", 'echo built > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"')
    assert await get_dev_server() == cache / "temporal-v1.5.1"
    assert (cache / "temporal-v1.5.1").read_text() == "downloaded\n"
    assert kept(cache) == ["temporal-v1.5.1"]


async def test_go_builds_what_cannot_be_downloaded(
    script: Script, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step says what it does, and what it came to."""
    script("go", 'echo "$@" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"')
    assert await get_dev_server() == cache / "temporal-v1.5.1"
    assert (cache / "temporal-v1.5.1").read_text() == (
        "install github.com/temporalio/cli/cmd/temporal@v1.5.1\n"
    )
    assert kept(cache) == ["temporal-v1.5.1"]
    assert await get_dev_server() == cache / "temporal-v1.5.1"
    said = capsys.readouterr().out
    steps = [
        "Downloading the Temporal dev server",
        "temporal.download cannot be reached",
        "Building the Temporal dev server with Go",
        f"The Temporal dev server is now {cache / 'temporal-v1.5.1'}",
    ]
    assert [said.count(step) for step in steps] == [1, 1, 1, 1]
    assert sorted(said.index(step) for step in steps) == [said.index(step) for step in steps]


async def test_the_last_failure_says_what_to_install(cache: Path) -> None:
    """Where nothing works the words name every way out, and no half-made program stays."""
    with pytest.raises(ProgramMissingError) as missing:
        await get_dev_server()
    for way_out in ("https://docs.temporal.io/cli", "https://go.dev/dl", "TEMPORAL_ADDRESS"):
        assert way_out in str(missing.value)
    assert kept(cache) == []


async def test_maven_fetches_the_test_server_that_cannot_be_downloaded(
    script: Script, cache: Path
) -> None:
    """Its jars are kept beside a script, which starts them with the arguments it is given."""
    script(
        "mvn", 'for last; do :; done; folder="${last#*=}"; mkdir "$folder"; touch "$folder/a.jar"'
    )
    script("java", 'echo "$@"')
    program = await get_test_server()
    assert program.parent.parent == cache
    assert (
        output_of(program, "7777")
        == f"-cp {program.parent}/* io.temporal.testserver.TestServer 7777\n"
    )
    assert await get_test_server() == program


async def test_the_test_server_is_downloaded_where_that_works(script: Script, cache: Path) -> None:
    """Java is not needed where the SDK's download can be reached."""
    script("python", 'echo downloaded > "$4/sdk-name"; chmod +x "$4/sdk-name"')
    assert (await get_test_server()).read_text() == "downloaded\n"
    assert kept(cache) == ["temporal-test-server-1.32.0"]


async def test_a_missing_test_server_says_what_to_install(cache: Path) -> None:
    """Without a download and without Java the words say what would help."""
    with pytest.raises(ProgramMissingError, match="Java 11 or newer and Maven"):
        await get_test_server()
    assert kept(cache) == []


def test_programs_can_be_fetched_from_the_shell(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CI asks for programs by name; a name that isn't one is a failure."""
    program = cached(cache)
    programs.main(["dev-server"])
    assert f"dev-server: {program}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="usage"):
        programs.main(["server"])
    with pytest.raises(SystemExit, match="no Temporal test server"):
        programs.main(["test-server"])
