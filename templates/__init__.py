"""The texts that people read: messages and pages, as Jinja2 templates, and the one environment for
them."""

from templates.reader import LANGUAGES, Reader
from templates.rendering import RenderedEmail, render_email, render_page
from templates.slack import SlackMessage, render_slack

__all__ = [
    "LANGUAGES",
    "Reader",
    "RenderedEmail",
    "SlackMessage",
    "render_email",
    "render_page",
    "render_slack",
]
