#!/usr/bin/env bash
# httpx2==2.16.2: a SOCKS proxy in the environment stops a client that would never use it
#
# Our guess: where NO_PROXY covers every host that a client asks, ALL_PROXY does not matter to it.
# Seen: a client is made with all the proxies of the environment, before it knows a host. With a
# SOCKS proxy and without the extra package for it, making the client is an ImportError, whatever
# NO_PROXY says, unless that is `*`. An HTTP proxy in the same place does no harm. So a client that
# only ever asks its own network is made with `trust_env=False`, or SOCKS support is installed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check httpx2==2.16.2

cat >"$folder/program.py" <<'PYTHON'
import os

import httpx2

for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
    os.environ.pop(name, None)
    os.environ.pop(name.lower(), None)

for proxy in ("http://proxy.example:3128", "socks5://proxy.example:1080"):
    for hosts in ("127.0.0.1,shop.example", "*"):
        os.environ["ALL_PROXY"], os.environ["NO_PROXY"] = proxy, hosts
        try:
            httpx2.Client(base_url="http://127.0.0.1:8000")
            told = "made"
        except ImportError as error:
            told = f"ImportError: {error}".partition(",")[0]
        print(f"{proxy}, but not for {hosts}: {told}")

print("with trust_env=False:", type(httpx2.Client(trust_env=False)).__name__)
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
http://proxy.example:3128, but not for 127.0.0.1,shop.example: made
http://proxy.example:3128, but not for *: made
socks5://proxy.example:1080, but not for 127.0.0.1,shop.example: ImportError: Using SOCKS proxy
socks5://proxy.example:1080, but not for *: made
with trust_env=False: Client
SEEN
echo "As before, with httpx2 2.16.2."
