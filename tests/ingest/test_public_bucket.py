"""
Real files of real accounts, through Spark: every record is there, counted by nothing but gzip and json.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests import model
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse import settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=[True, False], ids=["fast", "strict"])
def ingested(request, spark, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("public")
    where = settings.Lake(location=str(folder / "lake"), catalog_uri=str(folder / "lake/catalog.sqlite"))
    result = ingest(
        where, corpus / "bucket", session=spark, fast=request.param, objects=400 if request.param else 20_000
    )
    return corpus / "bucket", result, Contents(where)


def counted(bucket: Path) -> dict[str, list[dict]]:
    """Every object's records, by the plainest means there are."""
    return {
        path.relative_to(bucket).as_posix(): json.loads(gzip.decompress(path.read_bytes()))["Records"]
        for path in bucket.rglob("*.json.gz")
        if "/CloudTrail/" in path.as_posix()
    }


def test_the_numbers_are_those_of_a_plain_count(ingested):
    bucket, result, contents = ingested
    records = counted(bucket)
    distinct = Counter(r["eventID"] for each in records.values() for r in each)
    assert (result.status, result.objects, result.quarantined, result.conflicts) == ("published", len(records), 0, 0)
    assert result.records == sum(distinct.values()) > 10_000
    assert result.rows == len(distinct) and result.duplicates == result.records - len(distinct)
    assert Counter(r["event_id"] for r in contents.rows("events")) == Counter(distinct.keys())
    assert {o["key"]: o["records"] for o in contents.rows("ledger")} == {k: len(v) for k, v in records.items()}
    assert result.bytes_in == sum((bucket / k).stat().st_size for k in records)


def test_every_event_says_what_its_record_says(ingested):
    bucket, _, contents = ingested
    said = {r["eventID"]: r for each in counted(bucket).values() for r in each}
    for row in contents.rows("events"):
        was = said[row["event_id"]]
        assert (row["event_name"], row["event_source"], row["user_agent"], row["source_ip"]) == tuple(
            was.get(f) for f in ("eventName", "eventSource", "userAgent", "sourceIPAddress")
        )
        assert row["event_time"].isoformat() + "Z" == was["eventTime"]
        assert json.loads(row["request_parameters"] or "null") == was["requestParameters"]


def test_each_object_adds_up_in_the_ledger_and_in_the_tables(ingested):
    bucket, _, contents = ingested
    holds_together(contents)
    objects = [(p.relative_to(bucket).as_posix(), p.read_bytes()) for p in bucket.rglob("*.json.gz")]
    assert sum(contents.published().values()) == sum(model.lake(objects).published.values())


NO_JVM = """
import sys
from trailhouse import cli
try:
    cli.main(sys.argv[1:])
finally:
    told = [name for name in ("pyspark", "py4j", "great_expectations", "trailhouse.lake.session") if name in sys.modules]
    print("loaded:", *told, file=sys.stderr)
"""


def test_a_second_run_has_nothing_to_do_and_starts_no_jvm(ingested, tmp_path):
    bucket, _, contents = ingested
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\\ntouch {tmp_path}/started\\nexit 1\\n")
    java.chmod(0o755)
    env = os.environ | {
        "PATH": f"{java.parent}:{os.environ['PATH']}",
        "JAVA_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "jobs"),
    }
    before = contents.heads()
    spent = spent_by_children()
    done = subprocess.run(
        [sys.executable, "-c", NO_JVM, "ingest", bucket, "--lake", contents.where.location, "--format", "json"],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    spent = spent_by_children() - spent
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["status"], told["objects"], told["rows"]) == ("nothing_to_do", 0, 0)
    assert "loaded:\n" in done.stderr + "\n" and not (tmp_path / "started").exists()
    assert contents.heads() == before
    assert spent <= 3


def spent_by_children() -> float:
    """Processor time, which others that use the machine lengthen little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
