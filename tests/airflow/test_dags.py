"""Each DAG on a real Airflow, against a bucket on a real S3 server: what Airflow shows is what became of the lake."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import model
from tests.airflow.airflow_server import CANARY, RefusedError
from tests.airflow.conftest import Scene
from tests.buckets import Bucket, event, key, plain
from tests.ingest.contents import holds_together, same_as_model
from tests.integrity.cloudtrail_api import ANYWHERE, sample_keys
from tests.s3_server import ROOT_SECRET
from trailhouse import sample
from trailhouse.sample import digests, signing

QUIET = {"settle": "success", "plan": "success", "gate": "success", "pending": "skipped"}
ROOT_IS_USED = {"userIdentity": {"type": "Root", "principalId": "111122223333", "accountId": "111122223333"}}
NOBODY_IS_ROOT = """
[[expectation]]
name = "root_is_not_used"
severity = "critical"
column = "identity_type"
not_in = ["Root"]
"""


def sampled(scene: Scene) -> sample.Recipe:
    """A believable bucket, whole and signed, under the name that its digests have; CloudTrail's API knows the keys."""
    scene.logs = digests.BUCKET
    scene.client.create_bucket(Bucket=scene.logs)
    scene.set()
    recipe = sample.Recipe(accounts=2, regions=1, days=1, events=400, clean=True)
    folder = scene.folder / "sample"
    sample.make_bucket(folder, recipe)
    for path in folder.rglob("*.json.gz"):
        beside = path.with_name(f"{path.name}.metadata.json")  # of a digest: its signature
        more = {"Metadata": json.loads(beside.read_text())} if beside.is_file() else {}
        where = path.relative_to(folder).as_posix()
        scene.client.put_object(Bucket=scene.logs, Key=where, Body=path.read_bytes(), **more)
    scene.cloudtrail.keys = {ANYWHERE: sample_keys(signing.public_keys(recipe))}
    return recipe


def started_by(scene: Scene, run: str) -> list[dict[str, Any]]:
    """Runs of the reports that an event of this run has started."""
    found = []
    for each in scene.airflow.runs("trailhouse_reports"):
        events = scene.airflow.get(f"dags/trailhouse_reports/dagRuns/{each['dag_run_id']}/upstreamAssetEvents")
        if any(event["source_run_id"] == run for event in events["asset_events"]):
            found.append({**each, "events": events["asset_events"]})
    return found


def test_a_sample_is_ingested_reported_verified_and_maintained(scene: Scene):
    airflow = scene.airflow
    airflow.pause("trailhouse_reports", False)
    sampled(scene)
    run = airflow.trigger("trailhouse_ingest")
    states = airflow.ended("trailhouse_ingest", run)
    assert states == {**QUIET, "ingest": "success", "published": "success", "": "success"}
    told = airflow.told("trailhouse_ingest", run, "ingest")
    assert told["exit_code"] == 0 and len(told["batches"]) == 1 and told["rows"] > 300
    contents = scene.contents()
    holds_together(contents)

    airflow.until(lambda: bool(started_by(scene, run)), 30)  # the event of the publication, and no clock
    (reports,) = started_by(scene, run)
    assert reports["events"][0]["extra"] == {"batches": told["batches"]}
    assert airflow.ended("trailhouse_reports", reports["dag_run_id"]) == {"reports": "success", "": "success"}
    written = list((scene.folder / "reports").glob("*/who_did_it.csv"))
    assert len(written) == 1 and len(list(written[0].parent.iterdir())) > 40

    again = airflow.trigger("trailhouse_ingest")
    verify, maintain = airflow.trigger("trailhouse_verify"), airflow.trigger("trailhouse_maintain")
    nothing = {**QUIET, "ingest": "skipped", "published": "skipped", "": "success"}
    assert airflow.ended("trailhouse_ingest", again) == nothing
    assert started_by(scene, again) == [], "nothing new is no event"
    proven = {"verify": "success", "findings": "success", "unchecked": "skipped", "": "success"}
    assert airflow.ended("trailhouse_verify", verify) == proven
    assert len(list((scene.folder / "evidence").glob("*/evidence.html"))) == 1
    assert airflow.ended("trailhouse_maintain", maintain) == {
        "maintain": "success",
        "problems": "success",
        "": "success",
    }

    victim = next(
        o["Key"] for o in scene.client.list_objects_v2(Bucket=scene.logs)["Contents"] if "/CloudTrail/" in o["Key"]
    )
    scene.client.delete_object(Bucket=scene.logs, Key=victim)
    verify = airflow.trigger("trailhouse_verify")
    states = airflow.ended("trailhouse_verify", verify)
    assert (states["verify"], states["findings"], states[""]) == ("success", "failed", "failed")
    assert str(scene.folder / "evidence") in airflow.log("trailhouse_verify", verify, "findings")
    assert airflow.tries("trailhouse_verify", verify, "findings") == 1, "it would find the same again"

    logs = "".join(path.read_text(errors="replace") for path in (airflow.folder / "logs").rglob("*.log"))
    assert "running [" in logs and CANARY not in logs and ROOT_SECRET not in logs, "S9"


def test_a_refused_batch_is_a_state_of_its_own_and_the_next_run_goes_on(scene: Scene):
    airflow, rules = scene.airflow, scene.folder / "expectations.toml"
    airflow.pause("trailhouse_reports", False)
    rules.write_text(NOBODY_IS_ROOT)
    scene.set(f'[quality]\nexpectations = "{rules}"', "[batch]\nobjects = 4")
    bucket = plain(8)
    spoiled = bucket.put(key("spoiled", day="2026/03/02"), event(70, day="2026/03/02", **ROOT_IS_USED))
    scene.feed(bucket)
    run = airflow.trigger("trailhouse_ingest")
    states = airflow.ended("trailhouse_ingest", run)
    assert states == {**QUIET, "ingest": "success", "published": "success", "gate": "failed", "": "failed"}
    (refused,) = airflow.told("trailhouse_ingest", run, "gate", "refusals")
    assert refused["expectations"] == ["events.root_is_not_used"]
    said = airflow.log("trailhouse_ingest", run, "gate")
    for word in (refused["batch_id"], "events.root_is_not_used", refused["data_docs"], "trailhouse batch show"):
        assert word in said
    assert scene.objects(refused["data_docs"].removeprefix(f"s3://{scene.home}/")), "the Data Docs are there"
    assert airflow.tries("trailhouse_ingest", run, "gate") == airflow.tries("trailhouse_ingest", run, "ingest") == 1
    contents = scene.contents()
    held = {o["key"] for o in contents.rows("ledger") if o["state"] == "held"}
    assert (
        spoiled in held
        and contents.published() == model.lake([o for o in bucket.listed() if o[0] not in held]).published
    )
    airflow.until(lambda: bool(started_by(scene, run)), 30)  # what passed is published

    more = Bucket()
    more.put(key("next", day="2026/03/02"), event(71, day="2026/03/02"))
    scene.feed(more)
    run = airflow.trigger("trailhouse_ingest")
    assert airflow.ended("trailhouse_ingest", run) == {
        **QUIET,
        "ingest": "success",
        "published": "success",
        "": "success",
    }
    assert airflow.told("trailhouse_ingest", run, "ingest")["objects"] == 1, "what is held is not read again"


def processes(*words: str) -> dict[int, str]:
    """Processes of this machine whose command lines hold all of these words."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if all(word in line for word in words):
            found[int(path.parent.name)] = line
    return found


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


DIES_AT_FIRST = """#!/bin/sh
[ -e "{tried}" ] || export TRAILHOUSE_FAULT=tasks_done:1:after
touch "{tried}"
exec "{submit}" "$@"
"""


def test_a_job_that_was_killed_is_run_again_to_a_correct_lake(scene: Scene):
    """
    kill -9 at each try but the last. The job itself, in the midst: data files are written, and nothing is staged; Spark's
    JVM, whenever; the task's own process, which can say nothing any more, and whose job must not live on.
    """
    airflow, settings = scene.airflow, str(scene.airflow.settings)
    submit = scene.folder / "spark-submit"
    submit.write_text(
        DIES_AT_FIRST.format(tried=scene.folder / "tried", submit=Path(sys.executable).parent / "spark-submit")
    )
    submit.chmod(0o755)
    scene.set(spark_submit=str(submit))
    bucket = scene.feed(plain(16))
    run = airflow.trigger("trailhouse_ingest")

    def running_at(attempt: int) -> int:
        """Its JVM, once it has started the job."""
        airflow.until(lambda: airflow.tries("trailhouse_ingest", run, "ingest") == attempt, 90)
        drives = f"{sys.executable} "
        airflow.until(lambda: any(line.startswith(drives) for line in processes("ingest.py", settings).values()), 90)
        ((jvm, line),) = processes("java", "SparkSubmit", "ingest.py", settings).items()
        seen = Path(f"/proc/{jvm}/environ").read_bytes()
        assert b"AWS_ACCESS_KEY_ID" in seen and b"AIRFLOW" not in seen and CANARY.encode() not in seen, "S9"
        assert ROOT_SECRET not in line
        return jvm

    jvm = running_at(2)
    written = scene.objects("wh/trailhouse/events/data")
    assert written, "the first try died before it had written"
    os.kill(jvm, signal.SIGKILL)
    running_at(3)
    ((guard, _),) = processes("guard.py", "ingest.py", settings).items()
    mine = processes("ingest.py", settings)
    os.kill(parent_of(guard), signal.SIGKILL)
    killed = time.monotonic()
    airflow.until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in mine), 60)
    assert time.monotonic() - killed < 40, "a job outlived its task"

    states = airflow.ended("trailhouse_ingest", run)
    assert states == {**QUIET, "ingest": "success", "published": "success", "": "success"}
    assert airflow.tries("trailhouse_ingest", run, "ingest") == 4
    contents = scene.contents()
    same_as_model(contents, bucket.listed())
    holds_together(contents)
    assert contents.branches() == set()
    assert set(written) <= set(scene.objects("wh/trailhouse/events/data")), "what nobody refers to is left to maintain"
    assert "It is safe to run it again" in airflow.log("trailhouse_ingest", run, "ingest")


def test_a_job_that_takes_too_long_is_stopped(scene: Scene):
    """F4: with all that it started."""
    airflow = scene.airflow
    scene.feed(plain(8))
    scene.set(verify_timeout="1s")
    run = airflow.trigger("trailhouse_verify")
    states = airflow.ended("trailhouse_verify", run)
    assert (states["verify"], states["findings"], states[""]) == ("failed", "upstream_failed", "failed")
    assert airflow.tries("trailhouse_verify", run, "verify") == 1 + 3  # as `airflow.retries` says
    assert "Timeout" in airflow.log("trailhouse_verify", run, "verify")
    airflow.until(lambda: not processes("verify.py", str(airflow.settings)), 15)


def test_months_are_loaded_one_after_the_other_and_again_alone(scene: Scene):
    airflow = scene.airflow
    months = ("2026/01/10", "2026/02/10", "2026/03/10")
    bucket = Bucket()
    for number, day in enumerate(months):
        bucket.put(key("m", day=day), event(80 + number, day=day))
    scene.feed(bucket)
    run = airflow.trigger(
        "trailhouse_backfill", {"from": "2026-01", "to": "2026-02", "order": "newest first", "sources": ["org"]}
    )
    states = airflow.ended("trailhouse_backfill", run)
    assert states == {"months": "success", "month[0]": "success", "month[1]": "success", "": "success"}
    mine = [
        each for each in airflow.runs("trailhouse_ingest") if each["conf"].get("from") in ("2026-01-01", "2026-02-01")
    ]
    assert [(each["conf"]["from"], each["state"]) for each in mine] == [
        ("2026-02-01", "success"),
        ("2026-01-01", "success"),
    ]
    assert mine[0]["end_date"] <= mine[1]["start_date"], "one ingest of a lake at a time"
    contents = scene.contents()
    assert contents.published() == model.lake(bucket.listed()[:2]).published, "March was not asked for"

    airflow.clear("trailhouse_backfill", run, ["month", 1])
    airflow.until(
        lambda: len([r for r in airflow.runs("trailhouse_ingest") if r["conf"].get("from") == "2026-01-01"]) == 2, 60
    )
    assert airflow.ended("trailhouse_backfill", run)["month[1]"] == "success"
    assert contents.published() == model.lake(bucket.listed()[:2]).published
    again = airflow.runs("trailhouse_ingest")[-1]
    assert airflow.tasks("trailhouse_ingest", again["dag_run_id"])["ingest"] == "skipped", (
        "a month that is done is no work"
    )


def test_a_backfill_of_airflows_own_is_refused(scene: Scene):
    """It would have many runs at once: `trailhouse_backfill` is for that."""
    airflow, new_year = scene.airflow, "0 0 1 1 *"  # only what has a schedule can be backfilled
    scene.set(ingest_schedule=new_year, verify_schedule=new_year, maintain_schedule=new_year)
    for dag in ("trailhouse_ingest", "trailhouse_verify", "trailhouse_maintain"):
        airflow.until(lambda dag=dag: airflow.get(f"dags/{dag}")["timetable_summary"] == new_year, 90)
        with pytest.raises(RefusedError, match="does not allow backfill runs"):
            airflow.backfill(dag, "2026-03-01", "2026-03-03")


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"lake": "s3://other/wh"}, "unknown parameter"),
        ({"from": "9999-12-31", "sources": ["--lake=s3://other/wh"]}, "must lie between"),
        ({"sources": ["{{ 7 * 7 }}; rm -rf /"]}, "there is no source"),
    ],
    ids=str,
)
def test_a_run_with_hostile_parameters_starts_no_job(scene: Scene, conf, said):
    """S12"""
    run = scene.airflow.trigger("trailhouse_ingest", conf)
    states = scene.airflow.ended("trailhouse_ingest", run)
    assert (states["settle"], states["ingest"], states[""]) == ("failed", "upstream_failed", "failed")
    log = scene.airflow.log("trailhouse_ingest", run)
    assert said in log and "running [" not in log and "49; rm" not in log
    assert scene.airflow.tries("trailhouse_ingest", run, "settle") == 1


@pytest.mark.parametrize(
    "conf", [{"from": "$(id)"}, {"accounts": ["--lake"]}, {"accounts": "111122223333"}, {"to": 5}], ids=str
)
def test_a_form_that_is_filled_in_wrongly_is_refused_at_once(scene: Scene, conf):
    with pytest.raises(RefusedError) as refused:
        scene.airflow.trigger("trailhouse_ingest", conf)
    assert refused.value.code in (400, 422), refused.value
