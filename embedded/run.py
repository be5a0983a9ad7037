"""The one command: `make run`, or `python -m embedded.run`.

Exit status: 0 when it was asked to stop, 1 when it could not start or a program died.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx2

from embedded.errors import NotReadyError, RunError, StartRefusedError
from embedded.lock import locked
from embedded.plan import ROOT, Plan
from embedded.ports import Ports, read_ports, require_free
from embedded.programs import get_dev_server
from embedded.steps import say
from embedded.supervisor import Supervisor
from embedded.welcome import welcome
from settings.errors import ConfigurationError
from settings.loading import load_settings
from settings.model import Settings
from settings.private import keep_private

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 120.0


def main() -> int:
    try:
        asyncio.run(_run())
    except KeyboardInterrupt:  # before there was anything to stop
        pass
    except (ConfigurationError, RunError) as error:
        return _failed(str(error))
    say("Stopped.")
    return 0


async def _run() -> None:
    settings = load_settings(_ports)
    for warning in settings.warnings:
        say(warning)
    with locked(settings.data_dir):
        for warning in keep_private(settings.data_dir):
            say(warning)
        plan = Plan(settings, _ports(settings))
        if os.environ.get("TEMPORAL_ADDRESS"):
            require_free(plan.ports.api)
        else:
            require_free(plan.ports.api, plan.ports.temporal, plan.ports.temporal_ui)
        supervisor = Supervisor(plan.data / "logs")
        with _stopping_by_signal(supervisor):
            await supervisor.run(_bring_up(supervisor, plan))


def _ports(_: Settings) -> Ports:
    try:
        return read_ports(os.environ)
    except StartRefusedError as error:
        raise ConfigurationError(str(error)) from error


@contextmanager
def _stopping_by_signal(supervisor: Supervisor) -> Iterator[None]:
    """Stop at the first signal. Afterwards signals are ignored: a second one must not take the exit
    status away."""
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, supervisor.ask_to_stop)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


async def _bring_up(supervisor: Supervisor, plan: Plan) -> None:
    if not os.environ.get("TEMPORAL_ADDRESS"):
        plan = await _start_dev_server(supervisor, plan)
    environment = plan.environment(os.environ)
    say("Starting the worker and the API ...")
    await supervisor.start("worker", plan.worker_command(), environment, ROOT)
    await supervisor.start("api", plan.api_command(), environment, ROOT)
    # No proxy from the environment: what is asked for is on this machine.
    async with httpx2.AsyncClient(base_url=plan.api_url, trust_env=False) as client:
        await _until("Handover", lambda: _readiness(client))
        checks = (await client.get("/readyz")).json()["checks"]
    wrong = " ".join(check for check in checks.values() if check != "ok")
    say(welcome(plan, environment, wrong))


async def _start_dev_server(supervisor: Supervisor, plan: Plan) -> Plan:
    plan = replace(plan, dev_server=await get_dev_server())
    environment = plan.environment(os.environ)
    say(f"Starting the Temporal dev server ({plan.dev_server}) ...")
    await supervisor.start("temporal", plan.dev_server_command(), environment, plan.data)
    await _until("The Temporal dev server", lambda: _keep_histories(plan, environment))
    return plan


async def _until(what: str, obstacle: Callable[[], Awaitable[str | None]]) -> None:
    """Ask until nothing is missing any more. Raises `NotReadyError`."""
    started = said = time.monotonic()
    while problem := await obstacle():
        now = time.monotonic()
        if now - started > READY_SECONDS:
            raise NotReadyError(
                f"{what} was not ready within {READY_SECONDS:.0f} seconds: {problem}"
            )
        if now - said >= 10:
            say(f"  {now - started:.0f} s: {problem}")
            said = now
        await asyncio.sleep(0.1)


async def _keep_histories(plan: Plan, environment: dict[str, str]) -> str | None:
    """Set the retention, which works as soon as the server does; until then return the reason."""
    update = await asyncio.create_subprocess_exec(
        *plan.retention_command(),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(10):
            output, _ = await update.communicate()
    except TimeoutError:
        return "it accepts connections, but does not answer"
    finally:
        if update.returncode is None:
            update.kill()
    return output.decode(errors="replace").strip() if update.returncode else None


async def _readiness(client: httpx2.AsyncClient) -> str | None:
    try:
        response = await client.get("/readyz")
    except httpx2.TransportError:
        return "the API does not answer yet"
    return None if response.is_success else response.text


def _failed(message: str) -> int:
    sys.stdout.flush()
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
