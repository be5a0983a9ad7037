"""The part of Block Kit that we use: each function makes one block or element.

Nothing here is `mrkdwn`: a text can contain no mention, link or emoji. Text beyond Slack's limits
is cut visibly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from templates.text import visible, visible_line

Block = dict[str, Any]

MAX_TEXT = 3_000
"""Characters of a section's text, of a rich text here, and of an entry in a field."""

MAX_HEADER = 150
MAX_BUTTON = 75
MAX_VALUE = 2_000
"""Characters that a button returns when it is pressed."""

MAX_LABEL = 2_000
MAX_PLACEHOLDER = 150
MAX_TITLE = 24
"""Characters of the titles of a modal and of its buttons."""

MAX_RADIO, MAX_SELECT, MAX_OPTION = 10, 100, 75
MAX_URL = 3_000


def plain(text: str, most: int = MAX_TEXT) -> Block:
    """Make a text that is taken literally, an emoji's `:name:` too."""
    return {"type": "plain_text", "text": cut(visible(text), most), "emoji": False}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(visible_line(text), MAX_HEADER)}


def section(text: str) -> Block:
    return {"type": "section", "text": plain(text)}


def small(text: str) -> Block:
    return {"type": "context", "elements": [plain(text)]}


def paragraph(text: str) -> Block:
    """Make a paragraph of our own words in place of a message that quoted somebody, where Slack
    takes no other kind of block."""
    return _rich("rich_text_section", text)


def quote(text: str) -> Block:
    """Quote somebody else's words, with Slack's own bar beside all of their lines."""
    return _rich("rich_text_quote", text)


def literal(text: str) -> Block:
    """Show data, in letters of one width."""
    return _rich("rich_text_preformatted", text)


def actions(elements: Sequence[Block]) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(action: str, text: str, value: str, style: str | None = None) -> Block:
    """Make a button that returns `value` to us. `style` is `primary` or `danger`."""
    styled = {"style": style} if style else {}
    made = {"type": "button", "action_id": action, "text": plain(text, MAX_BUTTON), "value": value}
    return made | styled


def confirmed(element: Block, title: str, text: str, yes: str, no: str) -> Block:
    """Return the same element, which asks once more before it counts."""
    asking = {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }
    return element | {"confirm": asking}


def link(action: str, text: str, url: str) -> Block:
    """Make a button that opens a page of ours."""
    made = {"type": "button", "action_id": action, "text": plain(text, MAX_BUTTON)}
    return made | {"url": url}


def field(name: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """Make a field of a form, whose element has the field's name too."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain(visible_line(label) or "…", MAX_LABEL),
        "element": element | {"action_id": name},
        "optional": optional,
    }


def typed(
    *, initial: str = "", placeholder: str = "", lines: bool = False, most: int = MAX_TEXT
) -> Block:
    element: Block = {"type": "plain_text_input", "multiline": lines, "max_length": most}
    return element | _given(initial_value=initial) | _shown(placeholder)


def one_of(choices: Sequence[tuple[str, str]], initial: str | None = None) -> Block:
    """Make a choice of these values, with their labels."""
    made = [{"text": plain(visible_line(text), MAX_OPTION), "value": v} for v, text in choices]
    chosen = [option for option in made if option["value"] == initial]
    kind = "radio_buttons" if len(made) <= MAX_RADIO else "static_select"
    return {"type": kind, "options": made} | _given(initial_option=chosen[0] if chosen else None)


def moment() -> Block:
    """Make a choice of a day and a time, by the clock of whoever chooses."""
    return {"type": "datetimepicker"}


def modal(
    name: str, title: str, submit: str, close: str, blocks: Sequence[Block], metadata: str
) -> Block:
    return {
        "type": "modal",
        "callback_id": name,
        "title": plain(title, MAX_TITLE),
        "submit": plain(submit, MAX_TITLE),
        "close": plain(close, MAX_TITLE),
        "private_metadata": metadata,
        "blocks": list(blocks),
    }


def escaped(text: str, most: int = MAX_TEXT) -> str:
    """Escape one line for a place that takes only `mrkdwn`: the text of a notification.

    Without `<` there is no mention, link or channel; the marks of emphasis do no harm.
    """
    line = cut(visible_line(text), most)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """Cut a text to this length, visibly. An empty one becomes a sign, because Slack refuses it."""
    text = text.strip("\n") if text.strip() else "…"
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _rich(kind: str, text: str) -> Block:
    said = cut(visible(text), MAX_TEXT)
    return {
        "type": "rich_text",
        "elements": [{"type": kind, "elements": [{"type": "text", "text": said}]}],
    }


def _given(**values: object) -> Block:
    return {name: value for name, value in values.items() if value}


def _shown(placeholder: str) -> Block:
    line = visible_line(placeholder)
    return {"placeholder": plain(line, MAX_PLACEHOLDER)} if line else {}
