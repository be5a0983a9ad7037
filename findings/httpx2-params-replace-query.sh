#!/usr/bin/env bash
# httpx2==2.16.2: `params` take away the query that a URL has
#
# Our guess: `params` are added to the URL's own query, as in `requests`, and as a client's `params`
# and a request's are added to each other.
# Seen: they take its place, a client's as a request's, and even when they are an empty dictionary.
# A URL that came with a token or a cursor in its query loses that as soon as somebody adds a
# parameter, or might have added one. `URL.copy_merge_params` adds.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check httpx2==2.16.2

cat >"$folder/program.py" <<'PYTHON'
import httpx2

URL = "https://shop.example/orders?token=abc"
for label, client, url, options in (
    ("none", {}, URL, {}),
    ("the request's", {}, URL, {"params": {"page": "2"}}),
    ("the request's, none of them", {}, URL, {"params": {}}),
    ("the client's", {"params": {"page": "2"}}, URL, {}),
    ("both", {"params": {"page": "2"}}, URL, {"params": {"size": "9"}}),
    ("merged", {}, httpx2.URL(URL).copy_merge_params({"page": "2"}), {}),
):
    request = httpx2.Client(**client).build_request("GET", url, **options)
    print(f"{label}:", request.url.query.decode() or "nothing left")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
none: token=abc
the request's: page=2
the request's, none of them: nothing left
the client's: page=2
both: page=2&size=9
merged: token=abc&page=2
SEEN
echo "As before, with httpx2 2.16.2."
