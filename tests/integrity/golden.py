"""
What the AWS CLI said of each tampering, kept in `aws_cli_says.toml`, so that it can be compared with where there is no CLI.

    golden.read()["log_deleted"].invalid == {golden.short(key)}
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.integrity.aws_cli import Said
from tests.integrity.tamperings import TAMPERINGS

FILE = Path(__file__).with_name("aws_cli_says.toml")
HEAD = "# What `aws cloudtrail validate-logs` says of each tampering. Written by `make golden`; read the diff.\n"
NEVER = "never"  # instead of an exit code: it went round and round


@dataclass(frozen=True)
class Kept:
    """One run in short. The exit code is 0 where all is well or it saw only gaps, 255 where it gave up half-way."""

    exit: int | str
    says: list[str]

    @property
    def invalid(self) -> set[str]:
        """The objects that it called invalid, by their short names."""
        found = (re.match(r"(?:\(backfill\) )?(?:Digest|Log) file (\S+) INVALID: ", line) for line in self.says)
        return {each[1] for each in found if each}

    @property
    def noticed(self) -> bool:
        """Whether it said anything that would make a reader look."""
        return self.exit != 0 or bool(self.says)


def short(key: str) -> str:
    """A key without folders, account and ending: the rest tells all objects of one account apart."""
    return re.sub(r"^\d{12}_", "", key.rpartition("/")[2]).removesuffix(".json.gz")


def brief(said: Said) -> Kept:
    """What is worth keeping: fingerprints differ from run to run, and an error's own words are the S3 server's."""
    if said.exit is None:
        return Kept(NEVER, [])
    lines = [line for line in said.stderr.replace("\t", " ").splitlines() if line.strip()]
    lines = [re.sub(r"s3://(\S+)", lambda place: short(place[1]), line) for line in lines]
    lines = [re.sub(r"\b[0-9a-f]{32}\b", "<fingerprint>", line) for line in lines]
    return Kept(said.exit, [re.sub(r"(An error occurred .* operation): .*", r"\1", line) for line in lines])


def read() -> dict[str, Kept]:
    tables = tomllib.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    return {name: Kept(**table) for name, table in tables.items()}


def write(kept: dict[str, Kept]) -> None:
    """In the order of the tamperings; what is none any more goes."""
    FILE.write_text("\n".join([HEAD, *(_table(name, kept[name]) for name in TAMPERINGS if name in kept)]), "utf-8")


def _table(name: str, kept: Kept) -> str:
    says = "".join(f"  {json.dumps(line)},\n" for line in kept.says)
    listed = f"[\n{says}]" if says else "[]"
    return f"# {TAMPERINGS[name].sentence}\n[{name}]\nexit = {json.dumps(kept.exit)}\nsays = {listed}\n"
