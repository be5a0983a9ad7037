"""Without its extra an integration says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules[{missing!r}] = None
import handover.integrations.{module}
"""


@pytest.mark.parametrize(
    ("module", "missing"), [("langgraph", "langgraph"), ("langchain", "langchain_core")]
)
def test_missing_extra_is_named(module: str, missing: str) -> None:
    """A `ConfigurationError`, and not the name of some module within."""
    command = [sys.executable, "-c", PROGRAM.format(module=module, missing=missing)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ConfigurationError" in ran.stderr
    assert f"pip install 'handover-sdk[{module}]'" in ran.stderr
