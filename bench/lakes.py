"""
Lakes of the bench: an input ingested once in a run, and maintained, by whichever part asks for it first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from bench.process import Ran, trailhouse
from bench.values import Bench, Input
from trailhouse import settings
from trailhouse.lake import catalog


def ingested(bench: Bench, taken: Input) -> tuple[Path, Ran]:
    """The lake of an input, and how its ingest went."""
    lake = bench.scratch / "lakes" / taken.name
    told = lake.with_name(f"{lake.name}.json")
    if not told.is_file():
        ran = trailhouse("ingest", str(taken.folder), "--lake", str(lake))
        same_rows(taken.events, {f"the lake of {taken.name}": int(ran.said["rows"])})
        told.write_text(json.dumps(asdict(ran)))
    return lake, Ran(**json.loads(told.read_text()))


def maintained(bench: Bench, taken: Input) -> Path:
    """The lake of an input as `maintain` leaves it: as it does six hours after the ingest, at once."""
    lake, _ = ingested(bench, taken)
    told = lake.with_name(f"{lake.name}-maintained.json")
    if not told.is_file():
        ran = trailhouse("maintain", "--maintain-quiet-for", "0m", "--lake", str(lake))
        told.write_text(json.dumps(asdict(ran)))
    return lake


def data_files(lake: Path, table: str = "events") -> list[int]:
    """The size of each data file that readers of the table open; what `maintain` has yet to delete is none."""
    opened = catalog.open_lake(settings.Lake(location=str(lake), catalog_uri=str(lake / "catalog.sqlite")))
    return [each.file.file_size_in_bytes for each in opened.table(table).scan().plan_files()]


def same_rows(wanted: int, found: Mapping[str, int]) -> None:
    """Whoever made fewer rows, or more, has not done the same work: nothing of his is compared."""
    wrong = {name: rows for name, rows in found.items() if rows != wanted}
    if wrong:
        told = ", ".join(f"{name} has {rows:,}" for name, rows in wrong.items())
        raise SystemExit(
            f"not the same rows: {told}, where there are {wanted:,}: look at what it leaves out or doubles"
        )
