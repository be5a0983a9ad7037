from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedded.errors import StartRefusedError
from embedded.lock import locked


def test_a_data_folder_has_one_run_at_a_time(tmp_path: Path) -> None:
    """A second run is refused with the folder and the process that has it, until the first ends."""
    with locked(tmp_path / "data"):
        with pytest.raises(StartRefusedError) as refusal, locked(tmp_path / "data"):
            pass
        assert str(tmp_path / "data") in str(refusal.value)
        assert f"(process {os.getpid()})" in str(refusal.value)
    with locked(tmp_path / "data"):
        pass


def test_the_data_folder_is_private(tmp_path: Path) -> None:
    """The folder with keys and histories is made for its owner alone."""
    with locked(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file in the folder's place is refused in words that name the setting."""
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(StartRefusedError, match="HANDOVER_DATA_DIR"), locked(tmp_path / "data"):
        pass
