"""
Keeps the lake small and fast, once a day; it may run beside ingest.

`problems` is red where a file was found damaged, or could not be deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException
from trailhouse_airflow import commands, settings
from trailhouse_airflow.jobs import job

SETTINGS = settings.load()


@task
def problems(*, ti: Any) -> None:
    found = ti.xcom_pull(task_ids="maintain").get("problems")
    if found:
        raise AirflowFailException(f"maintain could not do everything: {found}")


with DAG(
    "trailhouse_maintain",
    doc_md=__doc__,
    schedule=SETTINGS.maintain_schedule or None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["trailhouse"],
):
    maintain = job(SETTINGS, "maintain", lambda _: commands.MAINTAIN, SETTINGS.maintain_timeout)
    maintain >> problems()
