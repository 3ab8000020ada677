"""
Delete files of the lake: the one place that does, for `trailhouse maintain` alone.

Knows how stores delete, many at once where they can. Knows nothing of which files are needed; a test holds that only
the module that finds that out imports this.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trailhouse.lake.listing import of_bucket
from trailhouse.sources import aws

AT_ONCE = 1000  # as many as S3 takes in a request


def remove(paths: Sequence[str]) -> dict[str, str]:
    """
    Delete at most `AT_ONCE` files, all of one store. Returns those that could not be, each with the reason.

    One that is gone already is no failure: what was deleted before a kill is deleted again.
    """
    if paths and paths[0].startswith("s3://"):
        return _in_bucket(paths)
    failed = {}
    for path in paths:
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            failed[path] = error.strerror or str(error)
    return failed


def _in_bucket(paths: Sequence[str]) -> dict[str, str]:
    bucket, _ = of_bucket(paths[0])
    wanted = [{"Key": of_bucket(path)[1]} for path in paths]
    answer = aws.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
    return {f"s3://{bucket}/{each['Key']}": f"{each['Code']} {each['Message']}" for each in answer.get("Errors", ())}
