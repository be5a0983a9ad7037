#!/usr/bin/env bash
# slack_sdk==3.48.0: it brings a package `slack` along, which cannot be imported, and hides one's own
#
# Our guess: `slack_sdk` installs the package `slack_sdk`, and nothing under another name. A folder
# of one's own that is named `slack` has nothing to do with it.
# Seen: the library of the years before comes along as `slack`. Whoever imports that is warned that
# it is deprecated, and then told that aiohttp is missing, which is no requirement of slack_sdk; so
# it is for all of its parts, the check of a signature too, which works in `slack_sdk`. A folder
# `slack` of one's own without an `__init__.py`, which is a package as long as there is no other, is
# no longer found. It needs that file, or to be within another package.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir slack
echo 'print("our own answers")' >slack/answers.py

cat >program.py <<'PYTHON'
import importlib
import warnings

warnings.simplefilter("ignore")
for name in ("slack.answers", "slack.signature", "slack_sdk.signature", "slack"):
    try:
        importlib.import_module(name)
        print(f"import {name}: there")
    except ImportError as error:
        print(f"import {name}: {error}")
PYTHON

diff - <(
  python3 -m venv venv
  echo "without slack_sdk"
  venv/bin/python program.py
  venv/bin/pip install --quiet --disable-pip-version-check slack_sdk==3.48.0
  echo "with slack_sdk"
  venv/bin/python program.py
  echo "with slack_sdk and a file __init__.py"
  touch slack/__init__.py
  venv/bin/python program.py
) <<'SEEN'
without slack_sdk
our own answers
import slack.answers: there
import slack.signature: No module named 'slack.signature'
import slack_sdk.signature: No module named 'slack_sdk'
import slack: there
with slack_sdk
import slack.answers: No module named 'aiohttp'
import slack.signature: No module named 'aiohttp'
import slack_sdk.signature: there
import slack: No module named 'aiohttp'
with slack_sdk and a file __init__.py
our own answers
import slack.answers: there
import slack.signature: No module named 'slack.signature'
import slack_sdk.signature: there
import slack: there
SEEN
echo "As before, with slack_sdk 3.48.0."
