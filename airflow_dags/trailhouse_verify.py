"""
Proves, once a day, that log files are what CloudTrail delivered, and writes the evidence.

`findings` is red where something is invalid, missing, unlisted or unexplained, and names the evidence. `unchecked` runs
where something could not be looked at for now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from trailhouse_airflow import commands, outcome, settings, tries
from trailhouse_airflow.jobs import job

SETTINGS = settings.load()


@task
def findings(*, ti: Any) -> None:
    found = ti.xcom_pull(task_ids="verify")
    if found["exit_code"] == outcome.FOUND:
        where = found.get("evidence") or "trailhouse report run integrity_findings (airflow.evidence is not set)"
        raise AirflowFailException(f"verify: {found['status']}: {found['counts']}. Evidence: {where}")


@task
def unchecked(*, ti: Any) -> Any:
    found = ti.xcom_pull(task_ids="verify")
    if found["exit_code"] != outcome.PARTIAL and not found.get("problems"):
        raise AirflowSkipException("everything could be checked")
    return found["counts"]  # the next run looks again


with DAG(
    "trailhouse_verify",
    doc_md=__doc__,
    schedule=SETTINGS.verify_schedule or None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["trailhouse"],
):
    verify = job(
        SETTINGS,
        "verify",
        lambda context: commands.verify(SETTINGS, tries.day_of(context)),
        SETTINGS.verify_timeout,
    )
    verify >> [findings(), unchecked()]
