"""A settings file that lies in a bucket, as jobs in the cloud have it: they begin with no file of their own."""

from __future__ import annotations

import pytest

from trailhouse.cli import arguments
from trailhouse.errors import SettingsError, TrailhouseError

TEXT = '[lake]\nlocation = "s3://my-lake/lake"\ncatalog = "glue"\n[batch]\nobjects = 7\n'


def load(url: str, **given: object):
    return arguments.load({"config": url, "verbose": False, **given})


def put(s3, bucket: str, text: str) -> str:
    s3.client().put_object(Bucket=bucket, Key="artifacts/trailhouse.toml", Body=text.encode())
    return f"s3://{bucket}/artifacts/trailhouse.toml"


def test_it_is_read_as_one_on_disk_is(s3, bucket, monkeypatch):
    url = put(s3, bucket, TEXT)
    config = load(url)
    assert (config.lake.location, config.lake.catalog, config.batch.objects) == ("s3://my-lake/lake", "glue", 7)
    assert load(url, batch__objects=9).batch.objects == 9
    monkeypatch.setenv("TRAILHOUSE_CONFIG", url)
    assert arguments.load({"config": None, "verbose": False}).batch.objects == 7


def test_a_mistake_in_it_is_said_by_its_name(s3, bucket):
    with pytest.raises(SettingsError, match=r"unknown setting `batch.object` in trailhouse.toml"):
        load(put(s3, bucket, "[batch]\nobject = 7\n"))


def test_a_folder_beside_it_is_refused(s3, bucket):
    """Or a lake would be made in a copy's folder, and go with it."""
    with pytest.raises(SettingsError, match=r"s3://.*write it whole"):
        load(put(s3, bucket, '[lake]\nlocation = "lake"\n'))


def test_one_that_is_not_there_is_said_so(s3, bucket):
    with pytest.raises(TrailhouseError, match=rf"reading the settings file s3://{bucket}/gone.toml.*NoSuchKey"):
        load(f"s3://{bucket}/gone.toml")
    with pytest.raises(SettingsError, match="names no file"):
        load(f"s3://{bucket}")
