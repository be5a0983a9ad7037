#!/usr/bin/env bash
# uvicorn==0.54.0: behind two proxies the client is known and the scheme is not
#
# Our guess: where two proxies in a row have each added to X-Forwarded-For and X-Forwarded-Proto,
# the lists of both are read, from the same trusted proxy in the same way.
# Seen: the list of addresses is read; a list of schemes is ignored, silently, and the scheme is
# http. Links and redirects that are made from the request then lead from https to http. The proxy
# next to the service has to set X-Forwarded-Proto to one word, or addresses be built from a
# setting.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0

cat >"$folder/program.py" <<'PYTHON'
import asyncio

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


async def app(scope, receive, send) -> None:
    print(scope["client"][0], scope["scheme"])


async def main() -> None:
    served = ProxyHeadersMiddleware(app, trusted_hosts="10.0.0.0/8")
    for addresses, schemes in (("203.0.113.7", "https"), ("203.0.113.7, 10.0.0.2", "https, https")):
        headers = [
            (b"x-forwarded-for", addresses.encode()),
            (b"x-forwarded-proto", schemes.encode()),
        ]
        print(f"{addresses}; {schemes}:", end=" ")
        scope = {"type": "http", "scheme": "http", "client": ("10.0.0.3", 1), "headers": headers}
        await served(scope, None, None)


asyncio.run(main())
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
203.0.113.7; https: 203.0.113.7 https
203.0.113.7, 10.0.0.2; https, https: 203.0.113.7 http
SEEN
echo "As before, with uvicorn 0.54.0."
