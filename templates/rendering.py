"""The one Jinja2 environment: HTML is escaped, and a name that is missing is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from templates import filters

MAX_SUBJECT = 150
"""Characters; mail clients show fewer."""

environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=select_autoescape(enabled_extensions=("html",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
environment.filters.update(
    visible=filters.visible,
    visible_line=filters.visible_line,
    excerpt=filters.excerpt,
    quoted=filters.quoted,
    as_json=filters.as_json,
    utc=filters.utc,
    distance=filters.distance,
    number=filters.number,
    size=filters.size,
    answered=filters.answered,
    asked=filters.asked,
    button=filters.button,
    verdict=filters.verdict,
)
environment.tests.update(web_link=filters.is_web_link)


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """`subject` is one line, whatever the agent wrote."""

    subject: str
    text: str
    html: str


def render_email(message: str, context: Mapping[str, Any]) -> RenderedEmail:
    """Render `email/<message>/`. Raises `jinja2.TemplateError`."""

    def part(name: str) -> str:
        return environment.get_template(f"email/{message}/{name}").render(context)

    return RenderedEmail(
        subject=filters.visible_line(part("subject.txt"), MAX_SUBJECT),
        text=re.sub(r"\n{3,}", "\n\n", part("body.txt")).strip() + "\n",
        html=part("body.html"),
    )


def render_page(name: str, context: Mapping[str, Any]) -> str:
    """Render `pages/<name>.html`. Raises `jinja2.TemplateError`."""
    return environment.get_template(f"pages/{name}.html").render(context)
