"""What worker and API make once in each process, and no two differ in: made before the fork.

Imported by the process that the others are forked off (`tests.forked`), after what they import.
"""

from __future__ import annotations

from temporalio.worker._worker import load_default_build_id

from templates.rendering import FOLDER, environment

for folder in ("email", "pages"):
    for path in (FOLDER / folder).rglob("*.*"):
        environment.get_template(path.relative_to(FOLDER).as_posix())

load_default_build_id()
