"""
Forms of a setting's value: sizes, durations, and places, as a person writes them in the file or on the command line.

Knows how each is spelt and says what is wanted where it isn't; knows nothing of which setting it is for.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from trailhouse.errors import SettingsError


def doc(text: str, form: str = "") -> dict[str, str]:
    """A setting's documentation; `form` tells a size, a duration or a place from a plain number or text."""
    return {"doc": text, "form": form}


def yes_or_no(value: Any, where: str) -> bool:
    """True or false, as TOML has them or as text."""
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in known:
        raise SettingsError(f"{where} must be true or false, not {value!r}")
    return known[value]


def amount(value: Any, form: str, where: str) -> int | timedelta:
    """A number: of bytes, of time, or plain. `where` names the setting in what is said of a wrong one."""
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if form == "duration":
        return duration(text, where)
    number = _SIZE.fullmatch(text) if form == "bytes" else re.fullmatch(r"(?P<n>[0-9_]+)(?P<unit>)", text)
    wanted = 'a size such as "16MiB" or "2GB"' if form == "bytes" else "a whole number above 0, such as 8"
    if not number:
        raise SettingsError(f"{where} must be {wanted}, not {value!r}")
    made = int(float(number["n"].replace("_", "")) * _SIZES[(number["unit"] or "B").upper()])
    if made < 1:
        raise SettingsError(f"{where} must be {wanted}, not {value!r}")
    return made


_SIZE = re.compile(r"(?P<n>[0-9_]*[0-9](?:\.[0-9]+)?)\s*(?P<unit>[KMGT]i?B|B)?", re.IGNORECASE)
_SIZES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_DURATION = re.compile(r"(?:[0-9]{1,6}[wdhms])+")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def duration(text: str, where: str) -> timedelta:
    """Such as 15m, 6h, 7d, or 1d12h."""
    if not _DURATION.fullmatch(text):
        raise SettingsError(f'{where} must be a duration such as "15m", "6h" or "7d", not {text!r}')
    parts = re.findall(r"([0-9]+)([wdhms])", text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def place(text: str, base: Path | None, where: str) -> str:
    """A bucket's URL as it is, a folder as an absolute path. Without a base, it must be one already."""
    if text.startswith("s3:"):
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/.*)?", text, re.DOTALL):
            raise SettingsError(f'{where} must name a bucket, such as "s3://my-bucket/prefix", not {text!r}')
        return text.rstrip("/")
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        if not where.startswith("`lake.catalog_uri`"):
            raise SettingsError(f"{where} must be a folder or s3://bucket/prefix, not {text!r}")
        return text
    if not text:
        return ""
    path = Path(text).expanduser()
    if base is None and not path.is_absolute():
        raise SettingsError(
            f"{where} is {text!r}, which starts at no folder, since the file lies in a bucket: write s3://… or a path "
            "that begins with /, or give it on the command line"
        )
    return str(((base or Path()) / path).resolve())
