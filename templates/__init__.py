"""What people read: messages and pages, as Jinja2 templates, and the one environment for them."""

from templates.reader import LANGUAGES, Reader
from templates.rendering import RenderedEmail, render_email, render_page

__all__ = ["LANGUAGES", "Reader", "RenderedEmail", "render_email", "render_page"]
