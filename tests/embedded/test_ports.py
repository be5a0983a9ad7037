from __future__ import annotations

import socket

import pytest

from embedded.errors import StartRefusedError
from embedded.ports import Port, read_ports, require_free
from tests.support import free_port


def test_ports_have_defaults() -> None:
    """Without settings the well-known ports are used; an empty setting is none."""
    ports = read_ports({"HANDOVER_PORT": ""})
    assert (ports.api.number, ports.temporal.number, ports.temporal_ui.number) == (8000, 7233, 8233)


@pytest.mark.parametrize("text", ["eighty", "0", "65536", "-1", "80.5", "²"])
def test_a_port_must_be_a_number_that_ports_can_have(text: str) -> None:
    """What cannot be a port is refused in words that name the setting and the value."""
    with pytest.raises(StartRefusedError, match=f"HANDOVER_TEMPORAL_PORT is '{text}'"):
        read_ports({"HANDOVER_TEMPORAL_PORT": text})


def test_two_parts_cannot_share_a_port() -> None:
    """The same port given twice is said to be so, not found out by the second server."""
    ports = read_ports({"HANDOVER_PORT": "7233"})
    with pytest.raises(
        StartRefusedError, match="HANDOVER_PORT and HANDOVER_TEMPORAL_PORT are both"
    ):
        require_free(ports.api, ports.temporal, ports.temporal_ui)


def test_a_port_in_use_is_named_with_its_setting() -> None:
    """The sentence for a port in use names the port, its purpose and the setting to change."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        with pytest.raises(StartRefusedError) as refusal:
            require_free(Port("HANDOVER_PORT", number, "the API"))
    words = str(refusal.value)
    assert f"Port {number} on 127.0.0.1, for the API, is in use" in words
    assert "HANDOVER_PORT=" in words
    assert "\n" not in words


def test_a_port_in_use_on_every_address_is_in_use() -> None:
    """A server that listens on 0.0.0.0 has the port of 127.0.0.1 too."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        port = Port("HANDOVER_PORT", server.getsockname()[1], "the API")
        with pytest.raises(StartRefusedError, match="is in use"):
            require_free(port)


def test_free_ports_are_accepted() -> None:
    """Ports that nobody uses are no reason to refuse, and stay free after the check."""
    port = Port("HANDOVER_PORT", free_port(), "the API")
    require_free(port)
    require_free(port)
