"""
Make a record's text fit for a parser: what no UTF-8 column can hold is written out, reversibly, and flagged.

A lone surrogate becomes the six characters `\\ud800`, a byte that is no UTF-8 the four characters `\\xff`, a raw
control character its escape. Only inside strings; elsewhere such bytes are left for the parser to refuse.
"""

from __future__ import annotations

import codecs
import re

_CONTROL = re.compile(rb"[\x00-\x1f]")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
# Escapes are read left to right, so that the `\\ud800` in an escaped backslash's wake is not taken for one.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_CONTROL_OR_ESCAPE = re.compile(rb"\\.|[\x00-\x1f]", re.DOTALL)


def clean(text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The text with such bytes written out, and the flags that say what was there."""
    flags: list[str] = []
    if _CONTROL.search(text):
        escaped = _STRING.sub(_escape_control, text)
        if escaped != text:
            text = escaped
            flags.append("ctrl")
    if b"\\ud" in text or b"\\uD" in text:
        written = _ESCAPE.sub(_write_out_surrogate, text)
        if written != text:
            text = written
            flags.append("surrogate")
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            text = text.decode("utf-8", "trailhouse.bytes").encode()
            flags.append("utf8")
    return text, tuple(flags)


def _escape_control(string: re.Match[bytes]) -> bytes:
    # An escaped control character is no JSON: it stays as it is, for the parser to refuse.
    return _CONTROL_OR_ESCAPE.sub(lambda c: c[0] if len(c[0]) > 1 else b"\\u%04x" % c[0][0], string[0])


def _write_out_surrogate(escape: re.Match[bytes]) -> bytes:
    # In one spelling, since an id is a key: `\\uD800` and `\\ud800` are the same text.
    return b"\\" + escape[0].lower() if escape[1] else escape[0]


def _write_out_bytes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"\\\\x{b:02x}" for b in error.object[error.start : error.end]), error.end


codecs.register_error("trailhouse.bytes", _write_out_bytes)
