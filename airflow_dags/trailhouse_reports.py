"""
Answers every report when ingest has published something (the asset `trailhouse_lake`), and not by the clock.

Where they go is `airflow.reports` in the settings; without it nothing runs by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG
from trailhouse_airflow import commands, settings, tries
from trailhouse_airflow.jobs import LAKE, job

SETTINGS = settings.load()

with DAG(
    "trailhouse_reports",
    doc_md=__doc__,
    schedule=[LAKE] if SETTINGS.reports else None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["trailhouse"],
):
    job(
        SETTINGS,
        "reports",
        lambda context: commands.reports(SETTINGS, tries.day_of(context)),
        SETTINGS.reports_timeout,
    )
