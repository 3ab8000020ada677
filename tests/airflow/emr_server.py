"""
EMR Serverless's API, answered on this machine: what is asked for is really run, by spark-submit.

Requests are held against botocore's own model of the API, so that a misspelt one is refused here as there. An entry point
in S3 is fetched; the archive and its Python stand for this environment's. Jobs get nothing of this process's environment
but AWS's variables.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import boto3
import botocore.session
from botocore.validate import ParamValidator

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
APPLICATION, ROLE = "00f1abcdexample", "arn:aws:iam::111122223333:role/lake-writer"


@dataclass
class Job:
    """A job run, and the process that it is."""

    asked: dict[str, Any]
    process: subprocess.Popen[bytes] | None
    log: Path
    cancelled: bool = False
    looks: int = 0  # how often somebody asked how it is

    @property
    def state(self) -> str:
        code = self.process.poll() if self.process else 1
        if code is None:
            return "CANCELLING" if self.cancelled else "RUNNING"
        return "CANCELLED" if self.cancelled else "FAILED" if code else "SUCCESS"


class EmrServer:
    """
    Applications, jobs and their states. `dies`: which jobs, counted from 0, end before they do anything; `hangs`: which
    never end; `hidden`: at which the first look is refused.
    """

    def __init__(self, aws: dict[str, str], folder: Path) -> None:
        self.aws, self.folder = aws, folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.jobs: dict[str, Job] = {}
        self.tokens: dict[str, str] = {}
        self.numbers = count()
        self.dies: set[int] = set()
        self.hangs: set[int] = set()
        self.hidden: set[int] = set()
        self._lock = Lock()
        self._model = botocore.session.get_session().get_service_model("emr-serverless")
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True

    def start(self) -> EmrServer:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        for job in self.jobs.values():
            _stop(job)
        self._server.shutdown()
        self._server.server_close()

    def env(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_EMR_SERVERLESS": self.url}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        runs = rf"/applications/{APPLICATION}/jobruns"
        if method == "GET" and path == f"/applications/{APPLICATION}":
            return {"application": {"applicationId": APPLICATION, "state": "STARTED"}}
        if method == "POST" and path == runs:
            return self._begun(body)
        found = re.fullmatch(rf"{runs}/([a-z0-9]+)", path)
        if not found or found[1] not in self.jobs:
            raise LookupError(f"{method} {path}")
        job = self.jobs[found[1]]
        if method == "DELETE":
            job.cancelled = True
            Thread(target=_stop, args=(job,), daemon=True).start()
            return {"applicationId": APPLICATION, "jobRunId": found[1]}
        number = list(self.jobs).index(found[1])
        job.looks += 1
        if number in self.hidden:
            self.hidden.remove(number)
            raise AssertionError("nobody may look at this job for now")
        return {"jobRun": {"applicationId": APPLICATION, "jobRunId": found[1], "state": job.state, "stateDetails": ""}}

    def _begun(self, body: dict[str, Any]) -> dict[str, Any]:
        shape = self._model.operation_model("StartJobRun").input_shape
        complaints = ParamValidator().validate({**body, "applicationId": APPLICATION}, shape)
        assert not complaints.has_errors(), complaints.generate_report()
        assert set(body) <= set(shape.members), set(body) - set(shape.members)
        with self._lock:
            token = body["clientToken"]
            if token not in self.tokens:
                name = f"{next(self.numbers):016x}"
                self.jobs[name] = self._started(body, name)
                self.tokens[token] = name
        return {"applicationId": APPLICATION, "jobRunId": self.tokens[token], "arn": f"{ROLE}/{self.tokens[token]}"}

    def _started(self, body: dict[str, Any], name: str) -> Job:
        log = self.folder / f"{name}.log"
        submit = body["jobDriver"]["sparkSubmit"]
        bucket, _, key = submit["entryPoint"].removeprefix("s3://").partition("/")
        script = self.folder / name / key.rpartition("/")[2]
        if len(self.jobs) in self.dies:
            return Job(body, None, log)
        script.parent.mkdir()
        s3 = boto3.client("s3", endpoint_url=self.aws["AWS_ENDPOINT_URL_S3"], region_name="us-east-1",
                          aws_access_key_id=self.aws["AWS_ACCESS_KEY_ID"],
                          aws_secret_access_key=self.aws["AWS_SECRET_ACCESS_KEY"])  # fmt: skip
        script.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        given = [each for each in shlex.split(submit["sparkSubmitParameters"]) if each != "--conf"]
        assert any(each.startswith("spark.archives=s3://") for each in given)
        own = [
            each
            for each in given
            if not each.startswith(("spark.archives", "spark.emr-serverless", "spark.executorEnv"))
        ]
        python = Path(sys.executable)
        hangs = len(self.jobs) in self.hangs
        command = [str(python.parent / "spark-submit"), *(w for each in own for w in ("--conf", each)), str(script)]
        env = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["sleep", "600"] if hangs else [*command, *submit["entryPointArguments"]],
                env={**env, **self.aws, "PYTHONPATH": str(ROOT / "jobs"), "PYSPARK_PYTHON": str(python)},
                cwd=script.parent, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        return Job(body, process, log)


def _stop(job: Job) -> None:
    if job.process and job.process.poll() is None:
        os.killpg(job.process.pid, 15)
        job.process.wait(30)


def _handler(server: EmrServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            try:
                status, answer = 200, server.answer(self.command, self.path.partition("?")[0], body)
            except LookupError as error:
                status, answer = 404, {"message": str(error)}
            except AssertionError as error:
                status, answer = 400, {"message": str(error)}
            data = json.dumps(answer).encode()
            self.send_response(status)
            if status != 200:
                self.send_header("x-amzn-ErrorType", "ValidationException")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            """Not on the terminal of the tests."""

    return Handler
