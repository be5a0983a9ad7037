#!/usr/bin/env bash
# pyright[nodejs]==1.1.414: a file in a folder with a dot is not checked and has "0 errors"
#
# Our guess: a file that is named on the command line is checked, or it is said that it was not.
# Seen: what lies in a folder whose name begins with a dot is left out, named or not, included in
# the configuration or not, also beside an `exclude` of one's own, which replaced that rule in
# earlier versions. The answer is "0 errors" and exit status 0, which is what a checked file gets;
# "No source files found." is told with `--verbose` alone. Only from within the folder is the file
# checked.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pyright[nodejs]==1.1.414"

mkdir -p "$folder/project/.ci"
cd "$folder/project"
echo 'minutes: int = "ten"' | tee run.py >.ci/run.py

check() {
  local status=0
  PYRIGHT_PYTHON_IGNORE_WARNINGS=1 "$folder/venv/bin/pyright" "$@" >"$folder/log" || status=$?
  echo "$(tail -n 1 "$folder/log" | cut -d, -f1), status $status"
}

diff - <(
  echo "run.py: $(check run.py)"
  echo ".ci/run.py: $(check .ci/run.py)"
  echo "both: $(check .ci/run.py run.py)"
  echo '{"include": [".ci"]}' >pyrightconfig.json
  echo "included: $(check)"
  echo '{"include": [".ci"], "exclude": ["build"]}' >pyrightconfig.json
  echo "with an exclude: $(check)"
  rm pyrightconfig.json
  cd .ci
  echo "from within: $(check run.py)"
) <<'SEEN'
run.py: 1 error, status 1
.ci/run.py: 0 errors, status 0
both: 1 error, status 1
included: 0 errors, status 0
with an exclude: 0 errors, status 0
from within: 1 error, status 1
SEEN
echo "As before, with pyright 1.1.414."
