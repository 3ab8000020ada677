"""
A job on EMR Serverless, by the provider's own operator; what its outcome means is the same as on a worker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from airflow.providers.amazon.aws.hooks.emr import EmrServerlessHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from botocore.exceptions import ClientError

from trailhouse_airflow import commands, outcome, tries
from trailhouse_airflow.commands import Command
from trailhouse_airflow.settings import Settings

JOB = "job"  # the job's id, in the task's own store


class EmrJob(EmrServerlessStartJobOperator):
    """EMR tells that a job failed and not its exit code: the job says that itself, in an object of its own."""

    template_fields = ()  # nothing that a run is given is ever rendered

    def __init__(self, *, settings: Settings, command_of: Callable[[Context], Command], **kwargs: Any) -> None:
        seconds, every = kwargs["execution_timeout"].total_seconds(), settings.emr_poll_every.total_seconds()
        super().__init__(
            application_id=settings.emr_application,
            execution_role_arn=settings.emr_role,
            job_driver={},
            configuration_overrides=_logs(settings.emr_logs),
            config={"executionTimeoutMinutes": max(5, round(seconds / 60))},  # also where Airflow is gone
            waiter_delay=max(1, round(every)),
            waiter_max_attempts=int(seconds / every) + 1,
            deferrable=settings.emr_deferrable,
            aws_conn_id=settings.aws_connection,
            **kwargs,
        )
        self.settings, self.command_of = settings, command_of

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        command = tries.given(self.command_of, context)
        if event is None:
            tries.begin(context)
        place = self._result(context)
        self.job_driver = commands.emr_driver(self.settings, command, place)
        self.name = f"trailhouse-{command.script}"
        # The same try asked for twice is one job: a lost answer starts no second.
        self.client_request_token = _token(place)
        failed = ""
        try:
            super().execute(context, event)
        except AirflowException as error:
            failed = str(error)
        except TaskDeferred:
            if self.job_id:
                context["task_state_store"].set(JOB, self.job_id)
            raise
        return self._ended(context, failed)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """
        The same after a wait in the triggerer.

        Not the provider's own: of a job that failed, its trigger names no job, and the provider's way then ends in a
        KeyError.
        """
        failed = "" if event and event.get("status") == "success" else str(event)
        if failed:
            self._cancel(str(context["task_state_store"].get(JOB, "")))
        return self._ended(context, failed)

    def _cancel(self, job_id: str) -> None:
        """A job that somebody gave up waiting for; one that has ended is left alone."""
        named = {"applicationId": self.application_id, "jobRunId": job_id}
        if self.hook.conn.get_job_run(**named)["jobRun"]["state"] not in EmrServerlessHook.JOB_TERMINAL_STATES:
            self.hook.conn.cancel_job_run(**named)

    def _ended(self, context: Context, failed: str) -> Any:
        """Ask the job how it ended; where it can't say, EMR's word is all there is."""
        told = self._told(self._result(context))
        if told is None:
            self.log.error("the job left no outcome: %s", failed or "EMR says that it succeeded")
        return tries.end(context, told, told["exit_code"] if told else outcome.FAILED)

    def _told(self, place: str) -> outcome.Outcome | None:
        bucket, _, key = place.removeprefix("s3://").partition("/")
        try:
            found = S3Hook(aws_conn_id=self.aws_conn_id).get_conn().get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return outcome.read(found["Body"].read())

    def _result(self, context: Context) -> str:
        """A place of this very try."""
        ti = context["ti"]
        name = f"{ti.task_id}{'' if ti.map_index < 0 else f'-{ti.map_index}'}-{ti.try_number}.json"
        return commands.inside(self.settings.emr_results, f"{ti.dag_id}/{quote(ti.run_id, safe='')}/{name}")


def _logs(place: str) -> dict[str, Any] | None:
    if not place:
        return None
    return {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": f"{place}/"}}}


def _token(place: str) -> str:
    """As long as EMR takes it."""
    return hashlib.sha256(place.encode()).hexdigest()
