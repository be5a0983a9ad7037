"""What a line of the log has of people's addresses: all, or none."""

from __future__ import annotations

import json
import logging

import pytest

from settings import logs

ANN = "ann.o'hara+x@mail.example.com"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The root logger, which is as it was afterwards."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    return root


def lines(capsys: pytest.CaptureFixture[str]) -> str:
    """A message, a field, an error with its cause, in which a provider names who was written to."""
    log = logging.getLogger("handover.test")
    log.warning("550 <%s>: no such user", ANN, extra={"approver": ANN, "to": [ANN]})
    log.error("message not sent", exc_info=OSError(f"550 5.1.1 {ANN} rejected"))
    return capsys.readouterr().err


@pytest.mark.usefixtures("root")
def test_addresses_are_in_the_log_unless_they_are_kept_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("INFO")
    assert lines(capsys).count(ANN) == 4
    logs.configure("INFO", addresses=False)
    without = lines(capsys)
    assert "example.com" not in without
    first, second = map(json.loads, without.splitlines())
    assert first["message"] == "550 <(address)>: no such user"
    assert (first["approver"], first["to"]) == ("(address)", ["(address)"])
    assert second["exception"][0]["exc_value"] == "550 5.1.1 (address) rejected"
