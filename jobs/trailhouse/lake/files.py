"""
Files of the lake: never deleted by a writer, and told of where tests make one die beside them.

Knows PyIceberg's file access. Where the lake lies, and by whose leave, is in `lake.catalog`.
"""

from __future__ import annotations

from types import TracebackType

from pyarrow.fs import FileSystem
from pyiceberg.io import InputFile, OutputFile, OutputStream
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO

from trailhouse import faults
from trailhouse.sources import aws


def s3_properties() -> dict[str, str]:
    """As whom and where. PyIceberg doesn't read AWS's configuration: boto3 does, and its findings are handed on."""
    client = aws.client("s3")
    credentials = client._request_signer._credentials  # no public way; resolved, refreshed, whatever the source
    frozen = credentials.get_frozen_credentials() if credentials else None
    properties = {"s3.region": client.meta.region_name}
    if frozen:
        properties |= {"s3.access-key-id": frozen.access_key, "s3.secret-access-key": frozen.secret_key}
        if frozen.token:
            properties["s3.session-token"] = frozen.token
    if not aws.is_aws(client.meta.endpoint_url):
        properties["s3.endpoint"] = client.meta.endpoint_url
    return properties


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
        self.properties = {**self.properties, **s3_properties()}
        return super()._initialize_s3_fs(netloc)

    def new_output(self, location: str) -> PyArrowFile:
        """A file to write; the two kinds that a commit hangs on stand at a fault point of their own."""
        file = super().new_output(location)
        name = location.rpartition("/")[2]
        point = "manifest_list" if name.startswith("snap-") else "metadata_file" if name.endswith(_METADATA) else ""
        return _Pointed(file, point) if point else file


_METADATA = ".metadata.json"


class _Pointed(PyArrowFile):
    """A file at whose end there is a fault point."""

    def __init__(self, file: PyArrowFile, point: str) -> None:
        super().__init__(file.location, file._path, file._filesystem, file._buffer_size)
        self._point = point

    def create(self, overwrite: bool = False) -> OutputStream:
        """The stream to write to."""
        return _Stream(super().create(overwrite), self._point)


class _Stream:
    """What PyIceberg asks of a stream that it writes metadata to."""

    def __init__(self, stream: OutputStream, point: str) -> None:
        self._stream, self._point = stream, point

    def write(self, data: bytes) -> int:
        return self._stream.write(data)

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        with faults.at(self._point):
            self._stream.close()

    def __enter__(self) -> _Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
