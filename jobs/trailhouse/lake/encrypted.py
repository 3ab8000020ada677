"""
Objects of the lake's bucket that are encrypted with a key of the user's own: Arrow's file access can't ask for one.

A file is sent at once, or in parts where it is large, so that it never lies in memory whole. Knows S3's requests; what
is written, and that it is sealed, is for `lake.files`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from trailhouse.sources import aws

PART = 16 * 2**20  # bytes; S3 takes 10,000 parts of 5 MiB or more
MARK = "trailhouse-write"  # in an object's metadata: which write it is of


class Upload:
    """An object on its way: there, whole, when it is closed."""

    def __init__(self, path: str, kms_key: str, overwrite: bool) -> None:
        bucket, _, key = path.partition("/")
        self._to = {"Bucket": bucket, "Key": key}
        self._mark = uuid.uuid4().hex
        self._form = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key, "Metadata": {MARK: self._mark}}
        self._condition = {} if overwrite else {"IfNoneMatch": "*"}
        self._held = bytearray()
        self._upload: dict[str, Any] = {}  # of an object in parts
        self._parts: list[dict[str, Any]] = []
        self._failed = False

    def write(self, data: bytes | pa.Buffer) -> int:
        self._held += memoryview(data)
        while len(self._held) >= PART:
            self._send_part(PART)
        return len(data)

    def close(self) -> None:
        """Bring the object about; an interrupted one never is."""
        if self._failed:
            raise OSError(f"{self._location} was not written: a part of it could not be sent")
        if not self._upload:
            with self._told():
                self._finish(aws.client("s3").put_object, self._form | {"Body": bytes(self._held)})
            return
        if self._held:
            self._send_part(len(self._held))
        with self._told():
            parts = {"MultipartUpload": {"Parts": self._parts}}
            self._finish(aws.client("s3").complete_multipart_upload, self._upload | parts)

    @property
    def _location(self) -> str:
        return f"s3://{self._to['Bucket']}/{self._to['Key']}"

    def _send_part(self, size: int) -> None:
        s3 = aws.client("s3")
        with self._told():
            if not self._upload:
                self._upload = {"UploadId": s3.create_multipart_upload(**self._to, **self._form)["UploadId"]}
            number = len(self._parts) + 1
            sent = s3.upload_part(**self._to, **self._upload, PartNumber=number, Body=bytes(self._held[:size]))
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        del self._held[:size]

    def _finish(self, send: Callable[..., Any], given: Mapping[str, Any]) -> None:
        try:
            send(**self._to, **given, **self._condition)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NotImplemented" and self._condition:  # a store that knows no conditions: it was looked before
                send(**self._to, **given)
            elif code != "PreconditionFailed":
                raise
            elif not self._is_ours():
                raise FileExistsError(f"there is a file {self._location} already") from error

    def _is_ours(self) -> bool:
        """Whether what lies there is what was sent: where an answer was lost, botocore has sent it twice."""
        return bool(aws.client("s3").head_object(**self._to)["Metadata"].get(MARK) == self._mark)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """As the file access of Arrow would say it; what was sent of an object in parts is given up."""
        try:
            yield
        except (ClientError, BotoCoreError, FileExistsError) as error:
            self._failed = True
            if self._upload:
                with suppress(ClientError, BotoCoreError):  # left to the bucket's rule for incomplete uploads
                    aws.client("s3").abort_multipart_upload(**self._to, **self._upload)
            if isinstance(error, FileExistsError):
                raise
            raise OSError(f"{self._location} could not be written: {error}") from error
