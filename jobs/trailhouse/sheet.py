"""
A page that stands alone: one HTML file, which asks nothing of any network and runs nothing but what it came with.

Pure. What comes from outside is text and nothing else, and the page's own policy lets nothing run or load but its one
style and its one script, whose hashes it names.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from html import escape

from trailhouse import show

BASE = """
body { margin: 2rem auto; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: 0 0 .25rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem } p { margin: .25rem 0 }
"""


def html(title: str, style: str, script: str, parts: Iterable[str]) -> str:
    """The page, of parts that are HTML already. The style says what --paper and --ink are."""
    style = BASE + style
    runs = f"script-src {_hash(script)}; " if script else ""
    policy = f"default-src 'none'; style-src {_hash(style)}; {runs}img-src data:; base-uri 'none'; form-action 'none'"
    return "".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="referrer" content="no-referrer">\n<link rel="icon" href="data:,">\n',
            f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n",
            f"<h1>{text(title)}</h1>\n",
            *parts,
            "</main>\n",
            f"<script>{script}</script>\n" if script else "",
            "</body>\n</html>\n",
        ]
    )


def text(what: str) -> str:
    """Text, and nothing else: no markup, and nothing that turns around or hides what stands beside it."""
    return escape(show.escape_terminal(what))


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
