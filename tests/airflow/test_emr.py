"""The same DAG on EMR Serverless's API: what a job says of itself is what Airflow shows, although EMR tells no exit code."""

from __future__ import annotations

from pathlib import Path

from tests.airflow.airflow_server import ROOT
from tests.airflow.conftest import Scene
from tests.airflow.emr_server import APPLICATION, ROLE
from tests.airflow.test_dags import NOBODY_IS_ROOT, QUIET, ROOT_IS_USED
from tests.buckets import event, key, plain
from tests.ingest.contents import holds_together, same_as_model


def on_emr(scene: Scene, *more: str, **airflow) -> None:
    """Scripts and settings lie in S3, as for a cluster."""
    for path in (ROOT / "jobs").glob("*.py"):
        scene.client.upload_file(str(path), scene.home, f"jobs/{path.name}")
    place = f"s3://{scene.home}"
    scene.set(
        *more,
        runner="emr-serverless",
        config=f"{place}/trailhouse.toml",
        emr_application=APPLICATION,
        emr_role=ROLE,
        emr_entry_points=f"{place}/jobs",
        emr_environment=f"{place}/trailhouse-env.tar.gz",
        emr_results=f"{place}/results",
        emr_poll_every="1s",
        reports=f"{place}/reports",
        evidence=f"{place}/evidence",
        **airflow,
    )
    scene.client.upload_file(str(scene.airflow.settings), scene.home, "trailhouse.toml")
    scene.emr.jobs.clear()
    scene.emr.tokens.clear()
    scene.emr.dies, scene.emr.hangs, scene.emr.hidden = set(), set(), set()


def test_a_job_that_dies_is_run_again_and_each_try_is_one_job(scene: Scene):
    on_emr(scene)
    scene.emr.dies = {2}  # after settle and plan
    bucket = scene.feed(plain(8))
    run = scene.airflow.trigger("trailhouse_ingest")
    states = scene.airflow.ended("trailhouse_ingest", run)
    assert states == {**QUIET, "ingest": "success", "published": "success", "": "success"}
    assert [job.state for job in scene.emr.jobs.values()] == ["SUCCESS", "SUCCESS", "FAILED", "SUCCESS"]
    contents = scene.contents()
    same_as_model(contents, bucket.listed())
    holds_together(contents)
    assert len(scene.objects("results/trailhouse_ingest/")) == 3, "those that lived said how they ended"


def test_what_the_gate_refuses_is_told_although_the_job_counts_as_failed(scene: Scene):
    rules = scene.folder / "expectations.toml"
    rules.write_text(NOBODY_IS_ROOT)
    on_emr(scene, f'[quality]\nexpectations = "{rules}"', emr_deferrable=True)
    bucket = plain(4)
    bucket.put(key("spoiled"), event(70, **ROOT_IS_USED))
    scene.feed(bucket)
    run = scene.airflow.trigger("trailhouse_ingest")
    states = scene.airflow.ended("trailhouse_ingest", run)
    assert states == {**QUIET, "ingest": "success", "published": "skipped", "gate": "failed", "": "failed"}
    assert [job.state for job in scene.emr.jobs.values()] == ["SUCCESS", "SUCCESS", "FAILED"]
    assert "events.root_is_not_used" in scene.airflow.log("trailhouse_ingest", run, "gate")


def test_a_job_that_nobody_waits_for_any_more_is_cancelled_before_the_next_try(scene: Scene):
    """B42: a look at it that EMR refuses ends the try, and not the job."""
    on_emr(scene)
    scene.emr.hidden = {2}  # after settle and plan
    bucket = scene.feed(plain(8))
    run = scene.airflow.trigger("trailhouse_ingest")
    states = scene.airflow.ended("trailhouse_ingest", run)
    assert states == {**QUIET, "ingest": "success", "published": "success", "": "success"}
    assert [job.state for job in scene.emr.jobs.values()] == ["SUCCESS", "SUCCESS", "CANCELLED", "SUCCESS"]
    same_as_model(scene.contents(), bucket.listed())


def test_a_task_that_is_stopped_cancels_its_job(scene: Scene):
    on_emr(scene)
    scene.emr.hangs = {0}
    scene.feed(plain(8))
    run = scene.airflow.trigger("trailhouse_ingest")
    scene.airflow.until(lambda: any(job.looks for job in scene.emr.jobs.values()), 60)
    (job,) = scene.emr.jobs.values()
    scene.airflow.fail("trailhouse_ingest", run)
    scene.airflow.until(lambda: job.state == "CANCELLED", 60)
    assert Path(job.log).is_file()
