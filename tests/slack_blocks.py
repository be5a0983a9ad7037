"""What Slack takes as blocks and as a modal: the limits of its reference, and no field besides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

Complaint = str | None

PLAIN = {"type", "text", "emoji"}


def complain_of_blocks(blocks: list[dict[str, Any]], most: int) -> Complaint:
    """Why Slack would refuse these; None if it takes them."""
    if len(blocks) > most:
        return f"{len(blocks)} blocks"
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(names) != len(set(names)) or any(not 0 < len(name) <= 255 for name in names):
        return "block_id"
    return _first(_block, blocks)


def complain_of_view(view: dict[str, Any]) -> Complaint:
    """Why Slack would refuse this modal; None if it takes it."""
    known = {"type", "callback_id", "title", "submit", "close", "private_metadata", "blocks"}
    if set(view) - known or view["type"] != "modal" or len(json.dumps(view)) > 250_000:
        return "view"
    if len(view["private_metadata"]) > 3_000 or len(view["callback_id"]) > 255:
        return "private_metadata or callback_id"
    if "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
        return "submit"
    names = ("title", "submit", "close")
    return _first(lambda name: _plain(view[name], 24), names) or complain_of_blocks(
        view["blocks"], 100
    )


def _block(block: dict[str, Any]) -> Complaint:
    check = BLOCKS.get(block["type"])
    return check(block) if check else f"type {block['type']}"


def _header(block: dict[str, Any]) -> Complaint:
    return _unknown(block, {"text"}) or _plain(block["text"], 150)


def _section(block: dict[str, Any]) -> Complaint:
    return _unknown(block, {"text"}) or _plain(block["text"], 3_000)


def _context(block: dict[str, Any]) -> Complaint:
    if not 1 <= len(block["elements"]) <= 10:
        return "context elements"
    return _unknown(block, {"elements"}) or _first(
        lambda text: _plain(text, 3_000), block["elements"]
    )


def _rich_text(block: dict[str, Any]) -> Complaint:
    for part in block["elements"]:
        if part["type"] not in ("rich_text_section", "rich_text_quote", "rich_text_preformatted"):
            return part["type"]
        for each in part["elements"]:
            if set(each) != {"type", "text"} or each["type"] != "text":
                return "rich text element"
            if not 0 < len(each["text"]) <= 3_000:
                return "rich text length"
    return _unknown(block, {"elements"})


def _actions(block: dict[str, Any]) -> Complaint:
    elements = block["elements"]
    names = [element["action_id"] for element in elements]
    if not 1 <= len(elements) <= 25 or len(names) != len(set(names)):
        return "actions elements"
    return _unknown(block, {"elements"}) or _first(_button, elements)


def _button(button: dict[str, Any]) -> Complaint:
    known = {"type", "action_id", "text", "value", "url", "style", "confirm"}
    if set(button) - known or button["type"] != "button":
        return "button"
    if len(button["action_id"]) > 255 or len(button.get("value", "")) > 2_000:
        return "action_id or value"
    url = button.get("url", "https://x")
    if len(url) > 3_000 or not re.match(r"https?://", url):
        return "url"
    if button.get("style", "primary") not in ("primary", "danger"):
        return "style"
    confirm = button.get("confirm", {})
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    if confirm and set(confirm) != set(limits):
        return "confirm"
    return _plain(button["text"], 75) or _first(
        lambda name: _plain(confirm[name], limits[name]), confirm
    )


def _input(block: dict[str, Any]) -> Complaint:
    element = block["element"]
    check = ELEMENTS.get(element["type"])
    if check is None or len(element["action_id"]) > 255:
        return f"element {element['type']}"
    known = {"label", "element", "optional", "hint"}
    return _unknown(block, known) or _plain(block["label"], 2_000) or check(element)


def _text_input(element: dict[str, Any]) -> Complaint:
    known = {"type", "action_id", "multiline", "max_length", "initial_value", "placeholder"}
    most = element.get("max_length", 3_000)
    if set(element) - known or not 1 <= most <= 3_000:
        return "plain_text_input"
    if len(element.get("initial_value", "")) > most:
        return "initial_value"
    return _placeholder(element)


def _options(most: int) -> Callable[[dict[str, Any]], Complaint]:
    def check(element: dict[str, Any]) -> Complaint:
        options = element["options"]
        if set(element) - {"type", "action_id", "options", "initial_option"}:
            return "options"
        if not 1 <= len(options) <= most:
            return f"{len(options)} options"
        if element.get("initial_option", options[0]) not in options:
            return "initial_option"
        return _first(_option, options)

    return check


def _option(option: dict[str, Any]) -> Complaint:
    if set(option) != {"text", "value"} or not 0 < len(option["value"]) <= 150:
        return "option"
    return _plain(option["text"], 75)


def _datetime(element: dict[str, Any]) -> Complaint:
    is_known = set(element) <= {"type", "action_id", "initial_date_time"}
    return None if is_known else "datetimepicker"


def _placeholder(element: dict[str, Any]) -> Complaint:
    return _plain(element["placeholder"], 150) if "placeholder" in element else None


def _plain(text: dict[str, Any], most: int) -> Complaint:
    if set(text) - PLAIN or text["type"] != "plain_text":
        return "not plain_text"
    return None if 0 < len(text["text"]) <= most else f"a text of {len(text['text'])}"


def _unknown(block: dict[str, Any], known: set[str]) -> Complaint:
    more = set(block) - known - {"type", "block_id"}
    return f"unknown: {min(more)}" if more else None


def _first(check: Callable[[Any], Complaint], parts: Collection[Any]) -> Complaint:
    return next((found for found in map(check, parts) if found), None)


BLOCKS: dict[str, Callable[[dict[str, Any]], Complaint]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "rich_text": _rich_text,
    "actions": _actions,
    "input": _input,
}
ELEMENTS: dict[str, Callable[[dict[str, Any]], Complaint]] = {
    "plain_text_input": _text_input,
    "radio_buttons": _options(10),
    "static_select": _options(100),
    "datetimepicker": _datetime,
}
