"""
The settings file: which one it is, and where its relative folders start. What stands in it is for `settings` to judge.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trailhouse.errors import SettingsError

CONFIG_VARIABLE = "TRAILHOUSE_CONFIG"
CONFIG_FILE = "trailhouse.toml"


@dataclass(frozen=True, slots=True)
class File:
    """A settings file, read."""

    place: str  # as it is named in messages: a path, or s3://bucket/key
    folder: Path | None  # where its relative folders start; a bucket has none
    text: str

    @property
    def name(self) -> str:
        return self.place.rpartition("/")[2]

    def __str__(self) -> str:
        return self.place


def in_bucket(path: str | None, env: Mapping[str, str]) -> str:
    """Where the settings file lies, if that is a bucket; else ""."""
    named = path or env.get(CONFIG_VARIABLE) or ""
    return named if named.startswith("s3://") else ""


def found(path: Path | None, env: Mapping[str, str]) -> File | None:
    """The file that is named, by the command line or the environment, else the one in the working folder."""
    named = path or (Path(env[CONFIG_VARIABLE]) if env.get(CONFIG_VARIABLE) else None)
    if named is None:
        usual = Path.cwd() / CONFIG_FILE
        return _read(usual) if usual.is_file() else None
    if not named.is_file():
        via = "" if path else f" (named by ${CONFIG_VARIABLE})"
        raise SettingsError(f"there is no settings file {named}{via}")
    return _read(named.absolute())


def parsed(file: File) -> dict[str, Any]:
    """What stands in it."""
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error


def _read(file: Path) -> File:
    try:
        return File(str(file), file.parent, file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
