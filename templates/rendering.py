"""The one Jinja2 environment: HTML is escaped, a missing name is an error, and our own texts are in
the reader's words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    StrictUndefined,
    pass_context,
    select_autoescape,
)
from jinja2.runtime import Context

from templates import payload, text
from templates.reader import Reader
from templates.words import Words, words

FOLDER = Path(__file__).parent

MAX_SUBJECT = 150
"""Characters of a subject; mail clients show fewer."""

MAX_ROWS, MAX_TABLE = 16, 1_500
"""Rows of a table in a mail, and its characters; the page has room for more."""

WORDS = (
    *("moment", "clock", "distance", "listed", "size", "number", "bounds"),
    *("answered", "asked", "button", "verdict"),
)
"""Filters that depend on the reader."""


_inliner = CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
"""Puts the stylesheet into style attributes, which all mail programs honour."""


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """A rendered mail. `subject` is one line, whatever the agent wrote."""

    subject: str
    text: str
    html: str


def render_email(message: str, context: Mapping[str, Any], reader: Reader) -> RenderedEmail:
    """Render `email/<message>/`. Raises `jinja2.TemplateError`."""

    def part(name: str) -> str:
        return _render(f"email/{message}/{name}", context, reader)

    return RenderedEmail(
        subject=text.visible_line(part("subject.txt"), MAX_SUBJECT),
        text=re.sub(r"\n{3,}", "\n\n", part("body.txt")).strip() + "\n",
        html=_inliner.inline(part("body.html")),
    )


def render_subject(message: str, context: Mapping[str, Any], reader: Reader) -> str:
    """Return the subject of the message in one line. Raises `jinja2.TemplateError`."""
    return text.visible_line(_render(f"email/{message}/subject.txt", context, reader), MAX_SUBJECT)


def sentences(context: Mapping[str, Any], reader: Reader) -> Any:
    """Return the macros of `email/shared.txt`, for messages that are no mails."""
    shared = environment.get_template("email/shared.txt")
    return shared.make_module({**context, "reader": reader})


def render_page(name: str, context: Mapping[str, Any], reader: Reader) -> str:
    """Render `pages/<name>.html`. Raises `jinja2.TemplateError`."""
    return _render(f"pages/{name}.html", context, reader)


def _render(template: str, context: Mapping[str, Any], reader: Reader) -> str:
    return environment.get_template(template).render({**context, "reader": reader})


def _spaced(line: str) -> str:
    """Keep the spaces of the line that HTML would fold into one, for programs without `pre`."""
    return re.sub(r"^ | (?= )", "\xa0", line.expandtabs(4))


def fits(told: payload.Rows | payload.Changes) -> bool:
    """Return whether a message has room for this as a table, each value on a line of its own."""
    texts = [row.name for row in told.rows]
    for row in told.rows:
        values = [row.value] if isinstance(row, payload.Row) else [row.was, row.now]
        texts += [value.text for value in values if value]
        if any(value.more for value in values if value):
            return False
    has_lines = "\n" in text.visible("".join(texts))
    is_long = len(told.rows) > MAX_ROWS or sum(map(len, texts)) > MAX_TABLE
    return not (has_lines or is_long or told.more)


def _hanging(line: str) -> str:
    """Wrap the line so that no part of it passes for a row of its own."""
    width = text.QUOTE_WIDTH - 2
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=" " * 4, break_on_hyphens=False))


def _words(context: Context) -> Words:
    return words(context["reader"])


def _filter(name: str) -> Callable[..., Any]:
    @pass_context
    def apply(context: Context, *args: Any) -> Any:
        return getattr(_words(context), name)(*args)

    return apply


@pass_context
def _gettext(context: Context, message: str) -> str:
    return _words(context).gettext(message)


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return _words(context).ngettext(one, many, count)


def _as_html(name: str) -> str | None:
    """Return `email/shared.txt` under a name that makes Jinja escape it."""
    return (FOLDER / "email/shared.txt").read_text() if name == "email/shared.html" else None


@pass_context
def _rows(context: Context, given: Any) -> payload.Rows:
    return payload.rows(given, _words(context).number)


@pass_context
def _fields(context: Context, asked: Any) -> list[payload.Field]:
    return payload.fields(asked, _words(context).number)


@pass_context
def _changes(context: Context, asked: Any, given: Any) -> payload.Changes:
    return payload.changes(asked, given, _words(context).number)


def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FunctionLoader(_as_html), FileSystemLoader(FOLDER)]),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # pyright: ignore[reportAttributeAccessIssue] - the extension adds it
    environment.policies["ext.i18n.trimmed"] = True
    environment.filters.update(
        visible=text.visible,
        visible_line=text.visible_line,
        excerpt=text.excerpt,
        quoted=text.quoted,
        as_json=text.as_json,
        folded=text.folded,
        mixed_scripts=text.mixed_scripts,
        rows=_rows,
        fields=_fields,
        texts=payload.texts,
        changes=_changes,
        fingerprint=payload.fingerprint,
        grouped=payload.grouped,
        spaced=_spaced,
        hanging=_hanging,
        **{name: _filter(name) for name in WORDS},
    )
    environment.tests.update(web_link=text.is_web_link, fit_for_a_mail=fits)
    return environment


environment = _environment()
