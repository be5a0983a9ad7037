"""The client for the Temporal server that the environment names."""

from __future__ import annotations

from urllib.parse import urlsplit

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import GrpcCompression

from histories.encryption import Encryption
from settings.addresses import THIS_MACHINE


async def connect(encryption: Encryption | None = None, *, lazy: bool = False) -> Client:
    """Connect to the Temporal server that `TEMPORAL_*` names (default `localhost:7233`)."""
    options = ClientConfig.load_client_connect_config()
    options.setdefault("target_host", "localhost:7233")
    is_here = urlsplit(f"//{options.get('target_host')}").hostname in THIS_MACHINE
    return await Client.connect(
        **options,
        data_converter=(encryption or Encryption()).converter,
        # On one machine packing costs both sides more than the bytes that it saves.
        grpc_compression=GrpcCompression.NONE if is_here else GrpcCompression.GZIP,
        lazy=lazy,
    )
