"""Read the cases of this folder: input and expected outcome."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cases.make import MAKERS, Row

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Case:
    """What is on disk for one input. See `make.Case` for the fields."""

    name: str
    about: str
    folder: str
    maker: str
    elsewhere: str
    records: int
    flags: list[str]
    reason: str
    rejects: list[tuple[int, str]]
    rows: list[Row]
    keys: list[dict]
    limits: dict[str, int]
    place: Path = HERE

    def __str__(self) -> str:
        return self.name

    @property
    def id(self) -> str:
        return self.name.split("_", 1)[0]

    def bytes(self) -> bytes:
        return made(self.maker) if self.maker else (self.place / f"{self.name}.bin").read_bytes()

    def quarantined(self) -> list[tuple[int | None, str]]:
        return [(None, self.reason)] if self.reason else self.rejects

    def agrees(self, rejects: list[tuple[int | None, str]]) -> bool:
        """Whether these are the expected rejects; `envelope` stands for every shape of a broken envelope."""
        want = self.quarantined()
        if want == [(None, "envelope")]:
            rejects = [(position, reason.split(":")[0]) for position, reason in rejects]
        return rejects == want

    def model_limits(self) -> dict[str, int]:
        names = {
            "stored_bytes": "stored",
            "inflated_bytes": "inflated",
            "records": "records",
            "record_bytes": "record_bytes",
        }
        return {names[k]: v for k, v in self.limits.items()}


@cache
def made(maker: str) -> bytes:
    return MAKERS[maker]()


def cases() -> list[Case]:
    """The catalogue, and what was found besides."""
    return [*catalogue(), *(case(path) for path in sorted((HERE / "found").glob("*.toml")))]


def catalogue() -> list[Case]:
    return [case(path) for path in sorted(HERE.glob("H*.toml"))]


def case(path: Path) -> Case:
    told = tomllib.loads(path.read_text())
    return Case(
        name=path.stem,
        about=told["about"],
        folder=told.get("folder", "CloudTrail"),
        maker=told.get("maker", ""),
        elsewhere=told.get("elsewhere", ""),
        records=told.get("records", 0),
        flags=told.get("flags", []),
        reason=told.get("reason", ""),
        rejects=[(reject["position"], reject["reason"]) for reject in told.get("reject", [])],
        rows=[row(table) for table in told.get("row", [])],
        keys=told.get("key", []),
        limits=told.get("limits", {}),
        place=path.parent,
    )


def row(table: dict) -> Row:
    return Row(
        index=table["index"],
        flags=table["flags"],
        strict_only_flags=table.get("strict_only_flags", []),
        columns=table.get("columns", {}),
        null=table.get("null", []),
        lengths=table.get("lengths", {}),
        raw=table.get("raw"),
    )
