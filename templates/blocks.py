"""Block Kit, as little of it as is needed: each function makes one block or element.

Nothing here is `mrkdwn`: what a text says can be no mention, link or emoji. Slack's limits hold,
because what is too long for them is cut where it is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from templates.text import visible, visible_line

Block = dict[str, Any]

MAX_TEXT = 3_000
"""Characters of a section's text, of a rich text here, and of what can be typed into a field."""

MAX_HEADER = 150
MAX_BUTTON = 75
MAX_VALUE = 2_000
"""What a button hands back when it is pressed."""

MAX_LABEL = 2_000
MAX_PLACEHOLDER = 150
MAX_TITLE = 24
"""Of a modal, and of its buttons."""

MAX_RADIO, MAX_SELECT, MAX_OPTION = 10, 100, 75
MAX_URL = 3_000


def plain(text: str, most: int = MAX_TEXT) -> Block:
    """Taken literally, an emoji's `:name:` too."""
    return {"type": "plain_text", "text": cut(visible(text), most), "emoji": False}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(visible_line(text), MAX_HEADER)}


def section(text: str) -> Block:
    return {"type": "section", "text": plain(text)}


def small(text: str) -> Block:
    return {"type": "context", "elements": [plain(text)]}


def paragraph(text: str) -> Block:
    """Our own words, in the place of a message that quoted somebody: Slack takes no block of
    another kind there."""
    return _rich("rich_text_section", text)


def quote(text: str) -> Block:
    """The words of somebody else, with Slack's own bar beside all of their lines."""
    return _rich("rich_text_quote", text)


def literal(text: str) -> Block:
    """Data, in letters of one width."""
    return _rich("rich_text_preformatted", text)


def actions(elements: Sequence[Block]) -> Block:
    return {"type": "actions", "elements": list(elements)}


def button(action: str, text: str, value: str, style: str | None = None) -> Block:
    """Hands `value` back to us. `style` is `primary` or `danger`."""
    styled = {"style": style} if style else {}
    made = {"type": "button", "action_id": action, "text": plain(text, MAX_BUTTON), "value": value}
    return made | styled


def confirmed(element: Block, title: str, text: str, yes: str, no: str) -> Block:
    """The same element, which asks once more before it counts."""
    asking = {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }
    return element | {"confirm": asking}


def link(action: str, text: str, url: str) -> Block:
    """A button that opens a page of ours."""
    made = {"type": "button", "action_id": action, "text": plain(text, MAX_BUTTON)}
    return made | {"url": url}


def field(name: str, label: str, element: Block, *, optional: bool = False) -> Block:
    """A field of a form, whose element has its name too."""
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
    """Of these values and what they are called."""
    made = [{"text": plain(visible_line(text), MAX_OPTION), "value": v} for v, text in choices]
    chosen = [option for option in made if option["value"] == initial]
    kind = "radio_buttons" if len(made) <= MAX_RADIO else "static_select"
    return {"type": kind, "options": made} | _given(initial_option=chosen[0] if chosen else None)


def moment() -> Block:
    """A day and a time, by the clock of whoever chooses."""
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
    """One line for a place that knows nothing but `mrkdwn`: the text of a notification.

    Without `<` there is no mention, link or channel; the marks of emphasis do no harm.
    """
    line = cut(visible_line(text), most)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, most: int) -> str:
    """Not longer than this, and visibly so. Slack refuses a text that is empty."""
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
