"""
Files of the lake: never deleted by a writer, sealed as they are written; tests may make one die beside them.

Knows PyIceberg's file access. Where the lake lies, and by whose leave, is in `lake.catalog`; where seals are kept is in
`lake.seals`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import cast

import pyarrow as pa
from pyarrow.fs import FileSystem
from pyiceberg.io import InputFile, OutputFile, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from trailhouse import faults
from trailhouse.lake import encrypted, pointers


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file was when it was written or audited: enough to tell later that it is another."""

    size: int
    sha256: str


@dataclass
class Record:
    """The seals of what this process writes to the lake, and of what its workers have read whole."""

    begin: Callable[[], None]  # called before the first file is written
    seals: dict[str, Seal] = field(default_factory=dict)
    begun: bool = False

    def about_to_write(self) -> None:
        """Somebody is to know of a file that no seal ever tells of, because its writer was killed."""
        if not self.begun:
            self.begun = True
            self.begin()


_RECORDS: list[Record] = []  # the innermost last


@contextmanager
def recording(record: Record) -> Iterator[None]:
    """Seal every file that is written in the block."""
    _RECORDS.append(record)
    try:
        yield
    finally:
        _RECORDS.pop()


@contextmanager
def unrecorded() -> Iterator[None]:
    """Not those of this block: files that are written over again and again, and the seals themselves."""
    held, _RECORDS[:] = _RECORDS[:], []
    try:
        yield
    finally:
        _RECORDS[:] = held


def note(seals: Mapping[str, Seal]) -> None:
    """Take over the seals that workers have made."""
    if _RECORDS:
        _RECORDS[-1].seals.update(seals)


def forget(paths: Iterable[str]) -> None:
    """Take back the seals of files that are about to be deleted by whoever has just written them."""
    for record in _RECORDS:
        for path in paths:
            record.seals.pop(path, None)


def seal_of(data: bytes) -> Seal:
    """The seal of a file that has just been read."""
    return Seal(len(data), hashlib.sha256(data).hexdigest())


class KeepingFileIO(PyArrowFileIO):
    """
    File access that never deletes.

    PyIceberg removes the manifests of a commit that it takes for failed. The worst bugs of lakes are such deletes by a
    writer that was wrong about it; what is left behind instead is an orphan, which maintenance removes.
    """

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Leave the file where it is."""

    def _initialize_s3_fs(self, netloc: str | None) -> FileSystem:
        """Each table that is opened asks anew: a run outlives the credentials that it began with."""
        self.properties = {**self.properties, **pointers.s3_properties()}
        return super()._initialize_s3_fs(netloc)

    def new_output(self, location: str) -> PyArrowFile:
        """A file to write; the two kinds that a commit hangs on stand at a fault point of their own."""
        name = location.rpartition("/")[2]
        point = "manifest_list" if name.startswith("snap-") else "metadata_file" if name.endswith(_METADATA) else ""
        key = self.properties.get(KMS_KEY, "") if location.startswith(("s3://", "s3a://", "s3n://")) else ""
        return Written(super().new_output(location), point, key)


KMS_KEY = "trailhouse.kms-key"  # the property of a file access that says what its files are encrypted with
_METADATA = ".metadata.json"


class Written(PyArrowFile):
    """A file that is sealed as it is written, and at whose end there may be a fault point."""

    def __init__(self, file: PyArrowFile, point: str, kms_key: str) -> None:
        super().__init__(file.location, file._path, file._filesystem, file._buffer_size)
        self._point, self._kms_key = point, kms_key

    def create(self, overwrite: bool = False) -> OutputStream:
        """The stream to write to."""
        if _RECORDS:
            _RECORDS[-1].about_to_write()
        if not overwrite and self.exists():
            raise FileExistsError(f"there is a file {self.location} already")
        return _Stream(self._opened(overwrite), self.location, self._point)

    def _opened(self, overwrite: bool) -> OutputStream | encrypted.Upload:
        if self._kms_key:
            return encrypted.Upload(self._path, self._kms_key, overwrite)
        # By its name, Arrow would compress what ends in .gz once more: what is written would not be what was sealed.
        opened = self._filesystem.open_output_stream(self._path, compression=None, buffer_size=self._buffer_size)
        return cast(OutputStream, opened)


class _Stream:
    """What PyIceberg asks of a stream, and the writer of data files, who hands them over whole."""

    def __init__(self, stream: OutputStream | encrypted.Upload, location: str, point: str) -> None:
        self._stream, self._location, self._point = stream, location, point
        self._record = _RECORDS[-1] if _RECORDS else None
        self._size, self._sha256, self._closed = 0, hashlib.sha256(), False

    def write(self, data: bytes | pa.Buffer) -> int:
        if self._record:
            self._sha256.update(data)
        self._size += len(data)
        return self._stream.write(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """As Parquet's writer asks; what is written lies there when the stream is closed."""

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        with faults.at(self._point):
            self._stream.close()
        self._closed = True
        if self._record:
            self._record.seals[self._location] = Seal(self._size, self._sha256.hexdigest())

    def __enter__(self) -> _Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
