"""Let the Temporal SDK download a program: `python -m embedded.download dev-server FOLDER`.

The SDK downloads only on the way to starting a server, and in native code that no timeout of
Python's reaches: so this is a process of its own, which can be ended.
"""

from __future__ import annotations

import asyncio
import os
import sys

from temporalio.testing import WorkflowEnvironment

from embedded.versions import DEV_SERVER_VERSION, TEST_SERVER_VERSION


async def download(program: str, folder: str) -> None:
    if program == "dev-server":
        environment = await WorkflowEnvironment.start_local(
            download_dest_dir=folder, dev_server_download_version=f"v{DEV_SERVER_VERSION}"
        )
    else:
        environment = await WorkflowEnvironment.start_time_skipping(
            download_dest_dir=folder, test_server_download_version=f"v{TEST_SERVER_VERSION}"
        )
    await environment.shutdown()


if __name__ == "__main__":
    try:
        asyncio.run(download(*sys.argv[1:]))
    except RuntimeError as error:
        sys.exit(str(error))
    # The SDK's native threads can abort the interpreter on its way out; the work is done.
    os._exit(0)
