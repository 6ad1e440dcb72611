"""Markdown of strangers as safe HTML: tags in the text stay visible text, images become links, links go nowhere dangerous."""

import re
from collections.abc import MutableMapping, Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

_SAFE_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


def _is_safe(url: str) -> bool:
    return bool(_SAFE_LINK.match(url.strip()))


def _open_link(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """A link tells the other side nothing about this page."""
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, env)


def _engine() -> MarkdownIt:
    engine = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    engine.enable(["table", "strikethrough"]).disable(["image"])
    engine.validateLink = _is_safe  # type: ignore[method-assign]  # the library's own way to set it
    engine.add_render_rule("link_open", _open_link)
    return engine


_markdown = _engine()


def render(text: str) -> SafeString:
    """Markdown as HTML."""
    return SafeString(_markdown.render(text))


def plain(text: str) -> SafeString:
    """Text as it is, line by line."""
    return format_html('<pre class="plain">{}</pre>', text)
