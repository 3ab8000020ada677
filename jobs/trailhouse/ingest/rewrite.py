"""
Write staged files again without the rows that turned out to be duplicates, and with flags on those in conflict.

Runs in workers. Only files that hold such rows; the files that they replace become orphans.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyiceberg.manifest import DataFile

from trailhouse import settings
from trailhouse.ingest import duplicates
from trailhouse.ingest.values import Twins
from trailhouse.lake import catalog, schema, write


@dataclass(frozen=True)
class Rewrite:
    """A task: one file and what to do with its rows."""

    lake: settings.Lake
    metadata: Mapping[str, str]  # table -> its metadata, as text
    twins: Twins


def rewrite(task: Rewrite) -> list[DataFile]:
    """The files that take the place of one."""
    io = catalog.file_io(task.lake)
    rows = schema.as_now(task.twins.table, write.open_file(task.twins.file, io).read())
    rows = duplicates.with_flag(rows, task.twins.conflicts, duplicates.CONFLICT)
    stays = np.ones(rows.num_rows, np.bool_)
    stays[list(task.twins.duplicates)] = False
    return write.write_rows(rows.filter(pa.array(stays)), write.from_text(task.metadata[task.twins.table]), io)
