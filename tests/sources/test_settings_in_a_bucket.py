"""A settings file that lies in a bucket: on a cluster, the driver may have no other."""

from __future__ import annotations

import json

import pytest

from trailhouse import cli

SETTINGS = """
[lake]
location = "s3://{bucket}/warehouse"
catalog = "glue"

[[source]]
url = "s3://{bucket}/logs"
"""


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(each) for each in arguments])
    return ended.value.code


def put(s3, bucket, text: str | bytes) -> str:
    body = text if isinstance(text, bytes) else text.replace("{bucket}", bucket).encode()
    s3.client().put_object(Bucket=bucket, Key="conf/trailhouse.toml", Body=body)
    return f"s3://{bucket}/conf/trailhouse.toml"


@pytest.mark.parametrize("by", ["option", "variable"])
def test_it_is_read_from_there(s3, bucket, capsys, monkeypatch, tmp_path, by):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", s3.url)  # nobody who knows Glue: there is no lake yet
    url = put(s3, bucket, SETTINGS.replace('"glue"', '"sqlite"\ncatalog_uri = "/nowhere/catalog.sqlite"'))
    key = "logs/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/111122223333_CloudTrail_us-east-1_20260301T0000Z_a.json.gz"
    s3.client().put_object(Bucket=bucket, Key=key, Body=b"x")
    given = ["--config", url] if by == "option" else []
    if by == "variable":
        monkeypatch.setenv("TRAILHOUSE_CONFIG", url)
    assert call("ingest", *given, "--dry-run", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["objects"] == 1


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            "[lake]\nlocation = 'lake'\n",
            2,
            ["`lake.location` in trailhouse.toml is 'lake'", "lies in a bucket", "command line"],
        ),
        ("[lake]\nlocatoin = '/lake'\n", 2, ["did you mean `lake.location`", "in trailhouse.toml"]),
        ("[lake\n", 2, ["conf/trailhouse.toml is not valid TOML"]),
        (b"\xff\xfe", 2, ["conf/trailhouse.toml is no text in UTF-8"]),
    ],
)
def test_what_is_wrong_in_it_is_told_with_its_address(s3, bucket, capsys, text, code, said):
    assert call("status", "--config", put(s3, bucket, text)) == code
    told = capsys.readouterr().err
    assert all(each in told for each in said), told


def test_one_that_is_not_there_is_named(s3, bucket, capsys):
    assert call("status", "--config", f"s3://{bucket}/no.toml") == 1
    assert f"reading s3://{bucket}/no.toml did not go through" in capsys.readouterr().err
    assert call("status", "--config", f"s3://{bucket}") == 2
    assert "write s3://bucket/key" in capsys.readouterr().err


def test_an_absolute_folder_in_it_is_as_it_is(s3, bucket, capsys, tmp_path):
    url = put(s3, bucket, f"[lake]\nlocation = '{tmp_path}/lake'\n")
    assert call("status", "--config", url) == 2
    assert str(tmp_path / "lake") in capsys.readouterr().err, "there is no lake there"
