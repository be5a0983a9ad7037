"""What an agent, or whoever speaks through one, may write to deceive the person who is asked.

Each text goes into every field that somebody else controls, through every mail and every page.
"""

# ruff: noqa: RUF001 - characters that pass for others are what this is about

from __future__ import annotations

import unicodedata
from typing import Any

MARKUP = {
    "a script": "<script>alert(1)</script>",
    "an image that fails": "<img src=x onerror=alert(1)>",
    "a drawing": "<svg/onload=alert(1)><animate onbegin=alert(1) attributeName=x dur=1s>",
    "a frame": '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>',
    "a style": "<style>*{display:none!important}</style>",
    "an end of a style": "</style><script>alert(1)</script><style>",
    "an end of a field": "</textarea><button name=choice value=approve>Deny</button><textarea>",
    "an end of a title": "</title><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "an end of all": '</pre></div></bdi></td></tr></table></form></body></html><h1>"Hi"</h1>',
    "a form": "<form action=https://evil.example><input name=choice value=approve><button>Ok",
    "a base": "<base href=https://evil.example/>",
    "a link": '<a href="https://evil.example/approve">Approve here</a>',
    "a comment": "<!-- <!--[if mso]><script>alert(1)</script><![endif]--> --!> ]]> <![CDATA[ <?php",
    "a template": "<template><slot name=choice></slot></template><math><mtext><b>",
    "an open tag": '<div style="position:fixed;inset:0;background:red',
    "an attribute, double quotes": '" autofocus onfocus="alert(1)" style="position:fixed" x="',
    "an attribute, single quotes": "' autofocus onfocus='alert(1)' x='",
    "an attribute, no quotes": "x onmouseover=alert(1) y=`-alert(1)-`",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt; &#60;b&#62; &amp;lt; &NotAnEntity; &#x202e;",
    "entities without an end": "&lt &amp &quot &#0 &#xD800; &#1114112;",
    "UTF-7": "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
}

SYNTAX = {
    "Jinja": "{{7*7}}{% raw %}{{ ''.__class__.__mro__ }}{% endraw %}{# gone #}",
    "other templates": "${7*7} #{7*7} <%= 7*7 %> [[7*7]] {7*7} {0.__class__} @{7*7}",
    "formats": "%s %d %(who)s %(agent)s %(moment)s %n %% %",
    "styles": "color:red;}body{display:none} @import 'https://evil.example/x.css'; expression(1)",
    "JSON": '"}, "approved": true, {"a": "\\u003cscript\\u003e',
    "a path": "../../../../etc/passwd%00.png\\..\\..\\boot.ini",
    "SQL": "'; DROP TABLE decisions; --",
    "Markdown": "# Approved\n\n[Approve](https://evil.example) ![x](https://evil.example/p.png)\n\n***",
    "quoting": "> quoted\n>> twice\n-- \nSent by Handover to root@example.com",
}

CHARACTERS = {
    "homoglyphs": "Аррrоve раураl.com ассоunt оf Αlice (Ⅰnc․) ｆｕｌｌｗｉｄｔｈ 𝐛𝐨𝐥𝐝 𝓈𝒸𝓇𝒾𝓅𝓉",
    "right to left": "Pay \u202e00.001\u202c EUR to \u202emoc.live\u202c",
    "isolates": "\u2066a\u2067b\u2068c\u2069d\u2069e\u061cf\u200eg\u200fh",
    "embeddings that do not end": "\u202a\u202b\u202d" * 40 + "backwards",
    "Arabic and Hebrew": "مرحبا 123 שלום (abc) [x]",
    "zero width": "app\u200brove\u200c \u200ddeny\u2060 \ufeffnothing\u00ad\u180e",
    "blank letters": "Nothing:\u3164\u115f\u1160\uffa0\u2800:",
    "odd spaces": "a\u00a0b\u2007c\u202fd\u3000e\u1680f\u2003g\u205fh",
    "combining floods": "Z" + "\u0310\u0351\u0344\u033f\u0489" * 60 + "a\u0337\u0338l" * 30 + "go",
    "emoji": "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏿 ✅ ☑️ 🔒 ❤️‍🔥",
    "tags": "harmless\U000e0041\U000e0042\U000e0043\U000e007f",
    "variation selectors": "a\ufe0f\ufe0e\U000e0100b\U000e01efc",
    "controls": "a\x01\x07\x08\x0b\x0c\x0e\x1b\x7f\x80\x85\x9b\x9fb",
    "terminal": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x1b[1;1H",
    "private and unassigned": "\ue000\uf8ff\U000f0000\u0378\ufdd0\uffff\U0010ffff",
    "line separators": "one\u2028two\u2029three\x85four\x0bfive\x0csix\rseven\r\neight",
    "blank lines": "harmless" + "\n" * 80 + "\t" * 50 + "Delete everything",
    "replacement": "\ufffd\ufffc\ufff9annotated\ufffabase\ufffb",
}

LIES = {
    "a header": "Refund\r\nBcc: everybody@example.com\r\nContent-Type: text/html\r\n\r\n<b>Hi</b>",
    "a header, encoded": "=?utf-8?B?QXBwcm92ZWQ=?= =?utf-8?q?=0D=0ABcc=3A_x=40y=2Ez?=",
    "a boundary": "--===============0==\r\nContent-Type: text/html\r\n\r\n<b>Hi</b>\n.\nQUIT",
    "buttons": "[ Approve ]   [ Deny ]\n━━━━━━━━━━━━\n┃  APPROVE  ┃\n━━━━━━━━━━━━",
    "the service's words": (
        "Your answer is recorded.\nApproved by alice@example.com\nThere is nothing for you to do."
        "\n\nExactly this would be run\n{}\n\nYour answer:\nDeny: https://evil.example/d/x"
    ),
    "a message of the system": (
        "SYSTEM: this decision was verified by IT security ✔. Press Approve within 60 seconds, or"
        " your account is locked. Code: 482913. Do not press Deny: it approves."
    ),
    "a continuation": "harmless…\n(It is longer: continued on the page.)\n\nAnswer by 2099.",
}

GIANTS = {
    "a giant word": "W" * 1_990,
    "a giant word of wide letters": "﷽𒐫𒈙" * 300,
    "giant text": "All work and no play makes Jack a dull boy. " * 45,
    "many lines": "x\n" * 990,
    "a giant picture of letters": "█" * 990 + "\n" + "▓" * 990,
}

TEXTS: dict[str, str] = {**MARKUP, **SYNTAX, **CHARACTERS, **LIES, **GIANTS}
"""Of at most 2,000 characters, which is what an action may have."""

URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//https://example.com",
    "\x01javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "//evil.example/a.png",
    "https://handover.example.com@evil.example/a.png",
    'https://evil.example/a.png" onerror="alert(1)',
    "https://evil.example/<script>alert(1)</script>",
    "https://xn--80ak6aa92e.com/a.png",
    "https://аррӏе.com/a.png",
    "https://evil.example/\u202egnp.exe",
    "https://evil.example/" + "a" * 1_900,
    "https://example.com/%0d%0aSet-Cookie:a=b",
)

SURROGATES = ("\ud800", "a\udfffb", "\udc00\ud800")
"""Halves of characters, as JSON can have them."""


def deep(text: str, levels: int = 60) -> dict[str, Any]:
    """Nested almost as far as is taken."""
    value: Any = {text: text}
    for _ in range(levels):
        value = {"a": value}
    return value


def wide(text: str, count: int = 400) -> dict[str, Any]:
    return {f"{text[:40]}{number}": [text[:80], number, None, True] for number in range(count)}


def payload_of(text: str) -> dict[str, Any]:
    """As a key, as a value, among others, and further down."""
    return {text[:200]: text, "amount": 12.5, "list": [text, {text[:100]: [text]}], "empty": ""}


def visible_only(text: str) -> str:
    """What one who types could have typed: no characters without a glyph, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Categories of characters without a glyph."""


def hidden(text: str) -> set[str]:
    """Characters that nobody sees, or that move others. Joiners belong to emoji and scripts."""
    unseen = {each for each in set(text) - {"\n", "\t"} if _is_unseen(each)}
    if unseen & {"\u200c", "\u200d"}:
        unseen = {
            text[index]
            for index in range(len(text))
            if text[index] in unseen and not _joins(text, index)
        }
    return {f"U+{ord(character):04X}" for character in unseen}


def _is_unseen(character: str) -> bool:
    is_blank = character in "\u115f\u1160\u2800\u3164\uffa0"
    return is_blank or unicodedata.category(character) in UNSEEN


def _joins(text: str, index: int) -> bool:
    around = text[max(0, index - 1) : index + 2]
    return (
        text[index] in "\u200c\u200d" and len(around) == 3 and not (around[0] + around[2]).isascii()
    )
