#!/usr/bin/env bash
# httpx2==2.16.2: with an SSL_CERT_DIR that is not there, a client is made, and trusts nobody
#
# Our guess: a folder of certificates that does not exist is an error when the client is made, as a
# missing SSL_CERT_FILE is; or it is left aside, and the usual certificates are used.
# Seen: neither. The client is made without a word, with no certificate at all in place of the usual
# ones: a service starts, is ready, and fails at its first request, with what looks like the other
# side's fault. So what is set there has to be looked at when settings are.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check httpx2==2.16.2

cat >"$folder/program.py" <<'PYTHON'
import os

import httpx2

for name in (None, "SSL_CERT_DIR", "SSL_CERT_FILE"):
    os.environ.pop("SSL_CERT_DIR", None)
    os.environ.pop("SSL_CERT_FILE", None)
    if name:
        os.environ[name] = "/not/there"
    try:
        httpx2.Client()
        loaded = httpx2.create_ssl_context().cert_store_stats()["x509_ca"]
        told = f"made, with {'the usual' if loaded > 50 else loaded} certificates"
    except FileNotFoundError as error:
        told = type(error).__name__
    print(f"{name or 'nothing'} set: {told}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
nothing set: made, with the usual certificates
SSL_CERT_DIR set: made, with 0 certificates
SSL_CERT_FILE set: FileNotFoundError
SEEN
echo "As before, with httpx2 2.16.2."
