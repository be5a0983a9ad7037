"""What opens the links of a mail before its reader does, and how it announces itself.

Names from public lists and reports: monperrus/crawler-user-agents; Braze's and HubSpot's lists of
clicks by machines; supabase/auth#1214, better-auth#9690, n8n#25311 and #27870, opencollective#3656.
None of them is known to the service: a scanner that calls itself a browser must decide as little.
"""

from __future__ import annotations

from typing import TypedDict

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/126.0.0.0 Safari/537.36"
)

AGENTS = {
    "Barracuda": "Barracuda Sentinel (EE)",
    "Proofpoint": "Mozilla/5.0 (compatible; proofpoint-urldefense/1.0)",
    "Mimecast": "Mimecast-Link-Protect",
    "Microsoft Defender, as a browser": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/72.0.3626.109 Safari/537.36"
    ),
    "Microsoft Defender, as an odd browser": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
    ),
    "Outlook": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
    "Teams and Skype": (
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"
        " skype-url-preview@microsoft.com"
    ),
    "Google's proxy of images": (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    ),
    "Google": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Slack": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp": "WhatsApp/2.23.20.0",
    "Apple": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    ),
    "a script": "python-requests/2.32.3",
    "a headless browser": CHROME.replace("Chrome/", "HeadlessChrome/"),
    "nobody": "",
}

PREFETCHING = (
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"X-Purpose": "preview"},
)
"""How browsers and mail programs mark what nobody has clicked on yet."""

READING = ("HEAD", "GET", "OPTIONS")
OTHERS = ("PUT", "PATCH", "DELETE", "TRACE")
"""Methods that nothing here takes."""


class Sent(TypedDict, total=False):
    """What a `POST` is made of, in httpx2's words."""

    params: dict[str, str]
    headers: dict[str, str]
    content: bytes
    data: dict[str, str]
    json: dict[str, str]
    files: dict[str, tuple[str, bytes, str]]


PRESSING: tuple[Sent, ...] = (
    {"params": {"choose": "approve", "choice": "approve"}},
    {"content": b""},
    {"data": {"choose": "approve", "notes": ""}},
    {"data": {"choice": "", "digest": "0" * 64}},
    {"json": {"choice": "approve", "answer": "approve"}},
    {"content": b'{"choice": "approve"}', "headers": {"Content-Type": "text/plain"}},
    {"files": {"uploaded_files": ("a.txt", b"a", "text/plain")}},
)
"""What is sent where a `GET` becomes a `POST`, and where a form is sent without a button."""
