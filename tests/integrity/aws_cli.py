"""
What AWS's own verifier says: `aws cloudtrail validate-logs`, run as a process, its lines read into a value.

    said = aws_cli.validate(made, vault.bucket)
    said.exit, said.verdicts[made.digests[0]]

Found by AWS's standard variables: the S3 server and the API of the tests.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.integrity.chains import Chain, stamp
from tests.integrity.cloudtrail_api import CloudTrailApi
from tests.s3_server import S3Server

VALID = "valid"
LINE = re.compile(
    r"^(?:\(backfill\) )?(?:Digest|Log) file\ts3://[^/]+/(?P<key>[^\t]+)\t(?P<verdict>valid|INVALID: .*)$", re.MULTILINE
)
GAP = re.compile(r"^(?:\(backfill\) )?No log files were delivered by CloudTrail between \S+ and \S+$", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """What one run said. It has no exit code where it did not end by itself."""

    exit: int | None
    stdout: str
    stderr: str

    @cached_property
    def verdicts(self) -> dict[str, str]:
        """By key: "valid", or "INVALID: reason". Who was found both is the latter. What was not looked at is not here."""
        lines = [(each["key"], each["verdict"]) for each in LINE.finditer(f"{self.stdout}\n{self.stderr}")]
        return dict(sorted(lines, key=lambda line: line[1] != VALID))

    @property
    def invalid(self) -> dict[str, str]:
        return {key: verdict for key, verdict in self.verdicts.items() if verdict != VALID}

    @property
    def gaps(self) -> list[str]:
        return GAP.findall(self.stderr)

    @property
    def aborted(self) -> bool:
        """Whether it gave up before it had looked at everything: then it says so in words of its own, on stderr."""
        return "Results requested for" not in self.stdout

    @property
    def complains(self) -> bool:
        """Whether anything in it would make a reader look."""
        return self.exit != 0 or bool(self.stderr.strip())


@dataclass(frozen=True)
class AwsCli:
    """The command, and what stands for AWS."""

    binary: Path
    s3: S3Server
    api: CloudTrailApi

    def validate(self, chain: Chain, bucket: str | None = None, patience: float = 60, **options: str) -> Said:
        """
        Over the chain's whole time, in its region. Without a bucket the trail is looked up; then the API must know it.

        Further options replace or add: `end_time=…`, `account_id=…`. After `patience` seconds the process is stopped.
        """
        trail = chain.trail
        asked = {
            "trail_arn": trail.arn,
            "start_time": stamp(chain.start),
            "end_time": stamp(chain.end),
            "region": trail.region,
        }
        if bucket:
            asked |= {"s3_bucket": bucket} | ({"s3_prefix": trail.prefix} if trail.prefix else {})
        if trail.owner and trail.owner != trail.account:
            asked["account_id"] = trail.account
        named = [part for name, value in (asked | options).items() for part in (f"--{name.replace('_', '-')}", value)]
        return self.run("cloudtrail", "validate-logs", "--verbose", *named, patience=patience)

    def run(self, *arguments: str, patience: float = 60) -> Said:
        process = subprocess.Popen(
            [self.binary, *arguments], env=self.env(), text=True, encoding="utf-8",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            stdout, stderr = process.communicate(timeout=patience)
            return Said(process.returncode, stdout, stderr)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            return Said(None, stdout, stderr)

    def env(self) -> dict[str, str]:
        """Nothing of this process's own: neither a proxy nor a profile."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {"PYTHONUTF8": "1"} | self.s3.env() | self.api.env()
