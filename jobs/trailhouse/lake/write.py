"""
Arrow rows become data files: sorted, split by partition, with the metrics that readers prune by.

The one place that touches PyIceberg's private writer: it makes files without a commit, which no public call does.
Needs a table's metadata and access to its files, no catalog, so that it runs in workers.
"""

from __future__ import annotations

import json
import logging
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFile, _dataframe_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.table.metadata import TableMetadata, TableMetadataUtil

# The writer warns of each column without statistics: pyarrow leaves them out where a value is very long.
logging.getLogger("pyiceberg.io.pyarrow").setLevel(logging.ERROR)


def write_rows(rows: pa.Table, metadata: TableMetadata, io: FileIO) -> list[DataFile]:
    """Write rows of a table as new data files, each in one partition and sorted."""
    if not rows.num_rows:
        return []
    names = [metadata.schema().find_column_name(f.source_id) for f in metadata.sort_order().fields]
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending", "at_start") for name in names])
    return list(_dataframe_to_data_files(metadata, rows.take(order), io, write_uuid=uuid.uuid4()))


def open_file(path: str, io: FileIO) -> pq.ParquetFile:
    """A data file, to read by its own schema (and by nothing that its path says)."""
    file = io.new_input(path)
    assert isinstance(file, PyArrowFile)
    return pq.ParquetFile(file._path, filesystem=file._filesystem)


def to_text(metadata: TableMetadata) -> str:
    """A table's metadata without its history: what a writer needs, small enough to travel to workers."""
    full = json.loads(metadata.model_dump_json())
    kept = {key: value for key, value in full.items() if key not in _HISTORY}
    return json.dumps(kept | {"snapshots": [], "refs": {}, "current-snapshot-id": None})


def from_text(text: str) -> TableMetadata:
    """The way back."""
    return TableMetadataUtil.parse_raw(text)


_HISTORY = {"snapshots", "refs", "snapshot-log", "metadata-log", "current-snapshot-id", "statistics"}
