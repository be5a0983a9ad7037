"""The one Jinja2 environment: HTML is escaped, a name that is missing is an error, and what is ours
is said in the words of the reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context

from templates import text
from templates.reader import Reader
from templates.words import Words, words

MAX_SUBJECT = 150
"""Characters; mail clients show fewer."""

WORDS = ("moment", "clock", "distance", "listed", "size", "answered", "asked", "button", "verdict")
"""Filters that depend on who reads."""


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """`subject` is one line, whatever the agent wrote."""

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
        html=part("body.html"),
    )


def render_page(name: str, context: Mapping[str, Any], reader: Reader) -> str:
    """Render `pages/<name>.html`. Raises `jinja2.TemplateError`."""
    return _render(f"pages/{name}.html", context, reader)


def _render(template: str, context: Mapping[str, Any], reader: Reader) -> str:
    return environment.get_template(template).render({**context, "reader": reader})


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


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
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
        number=text.number,
        **{name: _filter(name) for name in WORDS},
    )
    environment.tests.update(web_link=text.is_web_link)
    return environment


environment = _environment()
