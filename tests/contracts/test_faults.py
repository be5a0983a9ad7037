"""The planted faults of `tests/faults` keep up with the code and with the tests they name."""

from __future__ import annotations

from pathlib import Path

from tests.faults.catalogue import Fault, faults

ROOT = Path(__file__).parent.parent.parent


def test_every_fault_has_its_place_and_its_tests() -> None:
    """Each fault changes what it says, to something that compiles, and names tests that exist."""
    planted = faults()
    assert len({fault.id for fault in planted}) == len(planted)
    for fault in planted:
        changed = fault.planted((ROOT / fault.file).read_text())
        if fault.file.endswith(".py"):
            compile(changed, fault.file, "exec")
        assert [test for test in fault.tests if not _is_there(test)] == [], fault.id
        assert all((ROOT / folder).exists() for folder in fault.widely), fault.id
        assert _is_told(fault), fault.id


def _is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    file = ROOT / path
    return file.exists() and (not name or f"def {name.partition('[')[0]}(" in file.read_text())


def _is_told(fault: Fault) -> bool:
    return fault.breaks.endswith(".") and bool(fault.tests)
