"""
Scheduling: what the table [airflow] of the settings may say for the DAGs in airflow_dags/, and what by default.

Values alone, as in `bounds`. The commands don't read them: Airflow's own environment has no Trailhouse, so the DAGs
read the same file by a small module of theirs, and a test holds that both know the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from trailhouse.forms import doc


@dataclass(frozen=True, slots=True)
class Airflow:
    """Where, when and how often Airflow runs the jobs."""

    runner: Literal["local", "emr-serverless"] = field(
        default="local", metadata=doc("Where jobs run: on Airflow's worker by spark-submit, or on EMR Serverless.")
    )
    config: str = field(
        default="",
        metadata=doc("This file as the jobs find it (default: this file; EMR Serverless needs it in S3).", "place"),
    )
    jobs: str = field(default="", metadata=doc("The folder of the entry scripts, jobs/ of a checkout.", "place"))
    python: str = field(
        default="",
        metadata=doc("The Python of Trailhouse's environment (default: .venv/bin/python beside `jobs`)."),
    )
    spark_submit: str = field(
        default="", metadata=doc("The spark-submit that starts jobs (default: the one beside `python`).")
    )
    spark_parameters: str = field(
        default="",
        metadata=doc('More for spark-submit, on either runner, such as "--conf spark.executor.memory=4g".'),
    )
    plan_first: bool = field(
        default=True,
        metadata=doc("Settle and plan in tasks of their own, and start no ingest where nothing is new."),
    )
    ingest_schedule: str = field(
        default="*/15 * * * *", metadata=doc("When trailhouse_ingest runs, as cron in UTC; empty: by hand.")
    )
    verify_schedule: str = field(default="30 3 * * *", metadata=doc("When trailhouse_verify runs."))
    maintain_schedule: str = field(default="30 4 * * *", metadata=doc("When trailhouse_maintain runs."))
    retries: int = field(default=3, metadata=doc("How often a job that failed is run again."))
    retry_after: timedelta = field(
        default=timedelta(minutes=1), metadata=doc("How long after, the first time; then twice as long.", "duration")
    )
    retry_at_most: timedelta = field(
        default=timedelta(minutes=30), metadata=doc("But never longer than this.", "duration")
    )
    ingest_timeout: timedelta = field(
        default=timedelta(hours=6), metadata=doc("When a try of settle, plan or ingest is stopped.", "duration")
    )
    verify_timeout: timedelta = field(
        default=timedelta(hours=6), metadata=doc("When a try of verify is stopped.", "duration")
    )
    maintain_timeout: timedelta = field(
        default=timedelta(hours=6), metadata=doc("When a try of maintain is stopped.", "duration")
    )
    reports_timeout: timedelta = field(
        default=timedelta(hours=1), metadata=doc("When a try of the reports is stopped.", "duration")
    )
    stop_after: timedelta = field(
        default=timedelta(minutes=1),
        metadata=doc("How long a job that is interrupted may take to leave, before it is terminated.", "duration"),
    )
    evidence: str = field(
        default="",
        metadata=doc("Where verify writes evidence, in a folder of each day; empty: it writes none.", "place"),
    )
    reports: str = field(
        default="",
        metadata=doc("Where reports are written, in a folder of each day; empty: no report runs by itself.", "place"),
    )
    report_format: Literal["csv", "json", "parquet", "table"] = field(
        default="csv", metadata=doc("In which form reports are written.")
    )
    aws_connection: str = field(
        default="aws_default", metadata=doc("Airflow's connection by which EMR Serverless and S3 are reached.")
    )
    emr_application: str = field(default="", metadata=doc("Id of the EMR Serverless application."))
    emr_role: str = field(default="", metadata=doc("Role (ARN) that jobs run as there."))
    emr_entry_points: str = field(default="", metadata=doc("Where in S3 the entry scripts lie (`jobs/*.py`).", "place"))
    emr_environment: str = field(default="", metadata=doc("Where in S3 the archive of the environment lies.", "place"))
    emr_python: str = field(
        default="./environment/bin/python", metadata=doc("The Python in that archive, unpacked as `environment`.")
    )
    emr_results: str = field(
        default="", metadata=doc("Where in S3 jobs say how they ended, an object for each try.", "place")
    )
    emr_logs: str = field(default="", metadata=doc("Where in S3 the logs of jobs go; empty: as EMR does.", "place"))
    emr_poll_every: timedelta = field(
        default=timedelta(seconds=30), metadata=doc("How often a job's state is asked for.", "duration")
    )
    emr_deferrable: bool = field(
        default=False,
        metadata=doc(
            "Wait in Airflow's triggerer, and not in a worker's slot; the provider needs its extra `aiobotocore`."
        ),
    )


_PROGRAM = (r"/.+|[^/]+|", "an absolute path, or a name that is found on the path")
PATTERNS = {
    "airflow.python": _PROGRAM,
    "airflow.spark_submit": _PROGRAM,
    "airflow.emr_application": (r"[0-9a-z]{1,64}|", "an application's id, such as 00f1abcdexample"),
    "airflow.emr_role": (r"arn:[^:]+:iam::[0-9]{12}:role/.+|", 'such as "arn:aws:iam::111122223333:role/lake-writer"'),
}
