"""A real S3 server for the tests: versitygw, on a port of its own over a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.ports import free_port, listens

ROOT_KEY, ROOT_SECRET = "trailhouse-root", "trailhouse-root-secret"


class S3Server:
    """versitygw on a random port over a folder, with versioning and a second user's accounts."""

    def __init__(self, binary: Path, folder: Path, *options: str) -> None:
        self.binary, self.folder = binary.resolve(), folder.resolve()  # it refuses relative paths
        self.options = options
        for name in ("iam", "versions", "data"):
            (self.folder / name).mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.binary, "--port", f"127.0.0.1:{self.port}", "--quiet", *self.options, "--iam-dir", self.folder / "iam",
             "posix", "--versioning-dir", self.folder / "versions", self.folder / "data"],
            env={"ROOT_ACCESS_KEY": ROOT_KEY, "ROOT_SECRET_KEY": ROOT_SECRET, "PATH": os.environ.get("PATH", "")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if not listens(self.port, 10, lambda: True):
            self.stop()
            raise RuntimeError("versitygw did not start")

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def client(self, key: str = ROOT_KEY, secret: str = ROOT_SECRET) -> Any:
        """A client of the test's own; the code under test finds the server by `env`."""
        return boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        )  # fmt: skip

    def env(self, key: str = ROOT_KEY, secret: str = ROOT_SECRET) -> dict[str, str]:
        """AWS's standard variables for this server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def add_user(self, key: str, secret: str) -> None:
        self._admin("create-user", "--access", key, "--secret", secret, "--role", "user")

    def give(self, bucket: str, owner: str) -> None:
        """To a user, by whose key the server knows him as `ExpectedBucketOwner`."""
        self._admin("change-bucket-owner", "--bucket", bucket, "--owner", owner)

    def _admin(self, *command: str) -> None:
        subprocess.run(
            [self.binary, "admin", "--allow-insecure", "--access", ROOT_KEY, "--secret", ROOT_SECRET, "--endpoint-url",
             self.url, *command],
            check=True, capture_output=True,
        )  # fmt: skip
