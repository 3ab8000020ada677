"""
What runs leave behind is no damage: a lake is sound wherever a run was killed, on an S3 server as well.
"""

from __future__ import annotations

import boto3

from tests.buckets import Bucket, event, key
from tests.faults import sweep
from tests.faults.corpus import small
from tests.ingest.contents import ingest
from tests.upkeep.test_check import look, told
from trailhouse import settings
from trailhouse.lake import catalog
from trailhouse.sources import aws

# One after another, on one lake: each goes on from what the ones before it left.
POINTS = (
    *(
        "table_made:4:after",
        "tasks_done:1:after",
        "manifest_list:2:after",
        "metadata_file:9:after",
        "main_moved:1:after",
    ),
)


def test_a_lake_is_sound_wherever_runs_were_killed(tmp_path):
    with sweep.processes() as context:
        bench = sweep.in_a_folder(tmp_path, context)
        lake = bench.lake()
        for point in POINTS:
            exit_code = bench.run(bench.job(lake, fault=point))
            assert exit_code == sweep.KILLED, point
            if point != POINTS[0]:  # which leaves half of the tables
                report = look(lake)
                assert not report.damaged, (point, report.findings)
        left = look(lake)
        assert left.counts["unfinished"] and left.counts["leftover"]
        assert bench.run(bench.job(lake)) == 0
    report = look(lake, bench.source, deep=True, sources=True)
    assert report.status == "sound" and report.counts["leftover"] and not report.counts["unfinished"], report.findings


def test_a_lake_in_a_bucket_is_checked_as_one_in_a_folder(s3, bucket, tmp_path):
    client, lakes = s3.client(), f"{bucket}-lake"
    client.create_bucket(Bucket=lakes)
    where = settings.Lake(location=f"s3://{lakes}/warehouse", catalog_uri=str(tmp_path / "catalog.sqlite"))
    small().upload(client, bucket)
    source = f"s3://{bucket}"
    ingest(where, source)
    report = look(where, source, deep=True, sources=True)
    assert report.status == "sound" and not report.counts and report.skipped == {"digest": 1}, report.findings
    found = [o["Key"] for o in client.list_objects_v2(Bucket=lakes)["Contents"]]
    data = [each for each in found if "/events/data/" in each]
    flipped = bytearray(client.get_object(Bucket=lakes, Key=data[0])["Body"].read())
    flipped[len(flipped) // 2] ^= 1
    client.put_object(Bucket=lakes, Key=data[0], Body=bytes(flipped))
    client.delete_object(Bucket=lakes, Key=data[1])
    client.delete_object(Bucket=bucket, Key=key("a"))
    made = Bucket()
    made.put(key("d", day="2026/03/02"), event(99))
    made.upload(client, bucket)
    report = look(where, source, deep=True, sources=True)
    assert told(report) >= {("changed", data[0].rpartition("/")[2]), ("missing", data[1].rpartition("/")[2])}
    quick = look(where, source, sources=True)  # by what the bucket lists alone
    sources = {(each.kind, each.path) for each in quick.findings if each.what == "source object"}
    assert sources == {("missing", f"{source}/{key('a')}"), ("changed", f"{source}/{key('d', day='2026/03/02')}")}


def test_who_may_not_read_is_told_so(s3, bucket, tmp_path, aws_env):
    """Not that anything is damaged: that it could not be looked at."""
    client, lakes = s3.client(), f"{bucket}-lake"
    client.create_bucket(Bucket=lakes)
    where = settings.Lake(location=f"s3://{lakes}/warehouse", catalog_uri=str(tmp_path / "catalog.sqlite"))
    catalog.make_lake(where)
    s3.add_user("stranger", "stranger-secret")
    for name, value in s3.env("stranger", "stranger-secret").items():
        aws_env.setenv(name, value)
    aws_env.setattr(boto3, "DEFAULT_SESSION", None)
    aws._CLIENTS.clear()
    report = look(where, f"s3://{bucket}", sources=True)
    assert report.status == "unchecked", report.findings
    assert {"metadata file", "folder", "seal", "source"} <= {each.what for each in report.findings}
