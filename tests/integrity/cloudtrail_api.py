"""
The calls that a verifier makes to CloudTrail and Organizations, answered on this machine, on a port of its own.

Speaks AWS JSON 1.1. Which region is asked is read from the request's signature, which is not verified. Requests are kept,
so that a test can say what was asked and what never was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from tests.integrity.chains import Key, Trail
from tests.ports import free_port

ANYWHERE = "*"


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    operation: str
    region: str
    parameters: dict[str, Any]


class Refusal(Exception):
    """What AWS answers instead: a code and a message."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message or code


@dataclass(frozen=True)
class SampleKey:
    """A public key of a sample bucket, as the API tells of it."""

    told: dict[str, str]

    @property
    def since(self) -> datetime:
        return datetime.fromisoformat(self.told["ValidityStartTime"])

    @property
    def until(self) -> datetime:
        return datetime.fromisoformat(self.told["ValidityEndTime"])

    def listed(self) -> dict[str, str]:
        return self.told


def sample_keys(text: str) -> list[SampleKey]:
    """Those of a sample's public-keys.json."""
    return [SampleKey(each) for each in json.loads(text)["PublicKeyList"]]


class CloudTrailApi:
    """
    A small CloudTrail. What it answers is set by its attributes, at any time.

    `keys`: public keys by region, "*" for those of every region that has none of its own. `throttle`: how many of the next
    requests are refused as too many. `refuse`: the code that an operation is refused with.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.reset()

    def reset(self) -> None:
        """As new: no keys, no trails, no organization, nothing asked."""
        self.keys: dict[str, Iterable[Key | SampleKey]] = {}
        self.trails: list[dict[str, Any]] = []
        self.organization: str | None = None
        self.throttle = 0
        self.refuse: dict[str, str] = {}
        self.asked: list[Asked] = []

    def start(self) -> CloudTrailApi:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def env(self) -> dict[str, str]:
        """AWS's standard variables for it."""
        return {"AWS_ENDPOINT_URL_CLOUDTRAIL": self.url, "AWS_ENDPOINT_URL_ORGANIZATIONS": self.url}

    def add_trail(self, trail: Trail, bucket: str) -> None:
        """A trail that can be looked up."""
        told = {
            "Name": trail.name,
            "S3BucketName": bucket,
            "HomeRegion": trail.home,
            "TrailARN": trail.arn,
            "IsMultiRegionTrail": True,
            "IncludeGlobalServiceEvents": True,
            "LogFileValidationEnabled": True,
            "IsOrganizationTrail": bool(trail.organization),
        }
        self.trails.append(told | ({"S3KeyPrefix": trail.prefix} if trail.prefix else {}))

    def answer(self, asked: Asked) -> dict[str, Any]:
        with self._lock:
            self.asked.append(asked)
            if self.throttle:
                self.throttle -= 1
                raise Refusal("ThrottlingException", "Rate exceeded")
        if code := self.refuse.get(asked.operation):
            raise Refusal(code)
        match asked.operation:
            case "ListPublicKeys":
                return {"PublicKeyList": self._public_keys(asked)}
            case "DescribeTrails":
                return {"trailList": self.trails}
            case "GetTrail":
                return {"Trail": self._trail(asked.parameters["Name"])}
            case "DescribeOrganization" if self.organization:
                return {"Organization": {"Id": self.organization, "FeatureSet": "ALL"}}
            case "DescribeOrganization":
                raise Refusal("AWSOrganizationsNotInUseException")
        raise Refusal("UnknownOperationException")

    def _public_keys(self, asked: Asked) -> list[dict[str, Any]]:
        """Those that are valid at any time of the range, as AWS selects them; times are seconds on the wire."""
        since = datetime.fromtimestamp(asked.parameters.get("StartTime", 0), UTC)
        until = datetime.fromtimestamp(asked.parameters.get("EndTime", 2**32), UTC)
        here = self.keys.get(asked.region, self.keys.get(ANYWHERE, ()))
        times = [(key, {"ValidityStartTime": key.since, "ValidityEndTime": key.until}) for key in here]
        return [
            key.listed() | {name: at.timestamp() for name, at in named.items()}
            for key, named in times
            if key.since <= until and since <= key.until
        ]

    def _trail(self, name: str) -> dict[str, Any]:
        for each in self.trails:
            if name in (each["Name"], each["TrailARN"]):
                return each
        raise Refusal("TrailNotFoundException", f"Unknown trail: {name}")


def _handler(api: CloudTrailApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers.get("Authorization", ""))
            try:
                answer = api.answer(Asked(operation, scope[1] if scope else "", json.loads(body or b"{}")))
                self.say(200, answer)
            except Refusal as refusal:
                self.say(400, {"__type": refusal.code, "message": refusal.message})

        def say(self, status: int, answer: dict[str, Any]) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: what was asked is kept."""

    return Handler
