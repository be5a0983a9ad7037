"""Known vulnerabilities of what requirements/*.txt lock. Exit status 1 where there is one.

Where PyPI's data cannot be had, this says so and fails nothing: a network is no vulnerability.
pip-audit itself says "none found" of a package that its source does not know, and the mirrors of
many companies know of no vulnerability at all. So a version that is known to have one is asked for
first, and only a source that tells of it is believed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IGNORED = ROOT / ".ci/ignored-vulnerabilities.txt"
KNOWN = "jinja2==2.10 --hash=sha256:" + "0" * 64
"""Has had CVE-2019-10906 since 2019; nothing is installed of it."""

LIMIT = 600
"""Seconds for all questions to PyPI together."""


def main() -> int:
    ignored = dict(read_ignored(IGNORED.read_text()))
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.txt"
        probe.write_text(KNOWN + "\n")
        if not any(package.get("vulns") for package in audit([probe]) or []):
            print("pip-audit: PyPI's list of vulnerabilities cannot be had from here; not audited.")
            return 0
    packages = audit(sorted(ROOT.glob("requirements/*.txt")), *ignored)
    if packages is None:
        print("pip-audit: PyPI's list of vulnerabilities went away; not audited.")
        return 0
    return report(packages, ignored)


def audit(requirements: list[Path], *ignored: str) -> list[dict[str, Any]] | None:
    """What pip-audit says of each package; None where it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    # Nothing is resolved or downloaded, so that no package index is asked for anything.
    command += ["--disable-pip", "--require-hashes"]
    for file in requirements:
        command += ["--requirement", str(file)]
    for vulnerability in ignored:
        command += ["--ignore-vuln", vulnerability]
    try:
        # Its own words stay here: an error of the network names proxies and hosts.
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        return json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        return None


def report(packages: list[dict[str, Any]], ignored: dict[str, str]) -> int:
    found = [(package, each) for package in packages for each in package.get("vulns", [])]
    for package, each in found:
        fixed = ", ".join(each["fix_versions"]) or "no version yet"
        names = " ".join([each["id"], *each.get("aliases", [])])
        print(f"pip-audit: {package['name']} {package['version']}: {names}; fixed in {fixed}")
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        print(f"pip-audit: PyPI does not know {', '.join(skipped)}; not audited.")
    for vulnerability, reason in ignored.items():
        print(f"pip-audit: {vulnerability} is ignored: {reason}")
    print(f"pip-audit: {len(packages) - len(skipped)} packages, {len(found)} vulnerabilities.")
    return 1 if found else 0


def read_ignored(text: str) -> Iterator[tuple[str, str]]:
    """Id and reason of each. Raises `SystemExit` for a line that gives no reason."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            given = re.fullmatch(r"([A-Za-z0-9-]+): (\S.*)", line)
            if given is None:
                raise SystemExit(f"{IGNORED.name}: `{line}` should read `<id>: <reason>`.")
            yield given[1], given[2]


if __name__ == "__main__":
    sys.exit(main())
