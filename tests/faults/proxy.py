"""
A proxy that stands before an S3 server and a Glue API and does to the k-th request what networks and services do.

Speaks HTTP/1.1 (keep-alive, chunked bodies, 100-continue) and knows just enough of S3 and Glue to say what a request is
for, whether it changes anything, and how each would say no. A signature covers the host, so requests go on unchanged.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

Mode = Literal["refuse", "delay", "cut", "corrupt", "answer", "drop", "fail", "kill_before", "kill_after"]
Service = Literal["s3", "glue"]
GLUE = "AWSGlue."
GLUE_READS = ("Get", "List", "Search", "BatchGet", "Query", "Check")
PIECES = {
    "snap-": "manifest list", ".metadata.json": "metadata", "-m0.avro": "manifest", ".avro": "manifest",
    "/_trailhouse/plans/": "plan", "/_trailhouse/listing/": "listing state", "/data/": "data", "/AWSLogs/": "log",
    "/_trailhouse/": "own file",
}  # fmt: skip

CLOSE = re.compile(rb"connection: close\r\n", re.IGNORECASE)  # the servers hang up after each answer, AWS's do not


@dataclass(frozen=True)
class Request:
    """A request as it came, and what it is for."""

    service: Service
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def kind(self) -> str:
        """ "Glue.UpdateTable", "PutObject manifest list", …"""
        if self.service == "glue":
            return f"Glue.{self.headers.get('x-amz-target', '').removeprefix(GLUE)}"
        what = next((word for mark, word in PIECES.items() if mark in self.path), "")
        return f"{self._operation()} {what}".rstrip()

    def _operation(self) -> str:
        query, has_key = self.query, self.path.count("/") > 1 and not self.path.endswith("/")
        if self.method in ("GET", "HEAD"):
            if self.method == "GET" and (not has_key or "list-type" in query):
                return "ListObjects"
            return {"GET": "GetObject", "HEAD": "HeadObject" if has_key else "HeadBucket"}[self.method]
        if self.method == "PUT":
            return "UploadPart" if "partNumber" in query else "PutObject" if has_key else "CreateBucket"
        if self.method == "POST":
            if "uploads" in query:
                return "CreateMultipartUpload"
            return "CompleteMultipartUpload" if "uploadId" in query else "DeleteObjects"
        return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"

    @property
    def mutates(self) -> bool:
        if self.service == "glue":
            return not self.kind.removeprefix("Glue.").startswith(GLUE_READS)
        return self.method not in ("GET", "HEAD")


@dataclass(frozen=True)
class Fault:
    """What happens to which request."""

    mode: Mode
    at: int = 1  # the k-th of those that `among` lets through
    among: Callable[[Request], bool] = lambda request: request.mutates
    onwards: bool = False  # this one and all requests that follow, of whatever kind
    times: int = 1
    share: float = 0.0  # instead of the k-th: this part of them all, evenly
    status: int = 503
    code: str = "SlowDown"
    message: str = "by order of a test"
    bytes: int = 0  # cut after, corrupt at
    seconds: float = 0.0
    pid: int = 0


@dataclass
class Seen:
    """What went through, in order."""

    requests: list[Request] = field(default_factory=list)
    fired: list[Request] = field(default_factory=list)

    @property
    def mutating(self) -> list[Request]:
        return [r for r in self.requests if r.mutates]


class Proxy:
    """Two ports of its own, in a thread of its own."""

    def __init__(self, s3: str = "", glue: str = "") -> None:
        self._upstream = {"s3": s3, "glue": glue}
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._fault: Fault | None = None
        self._matched = 0
        self._on = False
        self.honest = True  # about Glue's VersionId
        self.seen = Seen()
        self._locks: dict[str, asyncio.Lock] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> Proxy:
        self._thread.start()
        self.s3, self.glue = self._call(self._listen("s3")), self._call(self._listen("glue"))
        return self

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def begin(self, fault: Fault | None = None) -> Seen:
        """Number requests from 1 again, and do this to the one that it names."""
        self.seen, self._fault, self._matched, self._on = Seen(), fault, 0, False
        return self.seen

    def _call(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _listen(self, service: Service) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(service, _Peer(reader, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20)
        self._servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        mine = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not mine:
                task.cancel()

    # ── one client ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve(self, service: Service, client: _Peer) -> None:
        upstream = _Upstream(self._upstream[service])
        try:
            while request := await client.request(service):
                if not await self._handle(request, client, upstream):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            client.reset()
            upstream.close()

    async def _handle(self, request: Request, client: _Peer, upstream: _Upstream) -> bool:
        """Whether the connection lives on."""
        self.seen.requests.append(request)
        fault = self._due(request)
        if fault is None:
            return await client.answer(await self._forward(request, upstream))
        self.seen.fired.append(request)
        if fault.mode == "delay":
            await asyncio.sleep(fault.seconds)
            return await client.answer(await self._forward(request, upstream))
        if fault.mode in ("refuse", "kill_before"):
            if fault.mode == "kill_before":
                os.kill(fault.pid, signal.SIGKILL)
            return False
        if fault.mode == "answer":
            return await client.answer(refusal(request, fault.status, fault.code, fault.message))
        head, body = await self._forward(request, upstream)
        if fault.mode == "fail":
            return await client.answer(refusal(request, 500, "InternalError", fault.message))
        if fault.mode == "corrupt":
            at = fault.bytes % len(body) if body else 0
            return await client.answer((head, body[:at] + bytes([body[at] ^ 0x20]) + body[at + 1 :] if body else body))
        if fault.mode == "cut":
            await client.answer((head, body[: fault.bytes]))
            client.writer.close()  # what was sent arrives
        elif fault.mode == "kill_after":
            os.kill(fault.pid, signal.SIGKILL)
        return False

    def _due(self, request: Request) -> Fault | None:
        fault = self._fault
        if fault is None or self._on:
            return fault
        if not fault.among(request):
            return None
        self._matched += 1
        if fault.share:
            hit = int(self._matched * fault.share) > int((self._matched - 1) * fault.share)
        else:
            hit = fault.at <= self._matched < fault.at + fault.times
        self._on = hit and fault.onwards
        return fault if hit else None

    async def _forward(self, request: Request, upstream: _Upstream) -> tuple[bytes, bytes]:
        if request.kind != "Glue.UpdateTable" or not self.honest:
            return await upstream.ask(request)
        asked = json.loads(request.body)
        name = f"{asked['DatabaseName']}.{asked['TableInput']['Name']}"
        async with self._locks.setdefault(name, asyncio.Lock()):
            if asked.get("VersionId") and asked["VersionId"] != await self._version(asked, upstream):
                return refusal(
                    request, 400, "ConcurrentModificationException", "Update table failed due to concurrency"
                )
            return await upstream.ask(request)

    async def _version(self, asked: dict[str, Any], upstream: _Upstream) -> str:
        body = json.dumps({"DatabaseName": asked["DatabaseName"], "Name": asked["TableInput"]["Name"]}).encode()
        region = "Credential=x/20260101/us-east-1/glue/aws4_request"
        headers = {"host": "x", "x-amz-target": f"{GLUE}GetTable", "content-type": "application/x-amz-json-1.1",
                   "content-length": str(len(body)), "authorization": f"AWS4-HMAC-SHA256 {region}"}  # fmt: skip
        _, told = await upstream.ask(Request("glue", "POST", "/", headers, body))
        return str(json.loads(told).get("Table", {}).get("VersionId", ""))


def refusal(request: Request, status: int, code: str, message: str) -> tuple[bytes, bytes]:
    """An error in the service's own form."""
    if request.service == "glue":
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
        kind = "application/x-amz-json-1.1"
    else:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        kind = "application/xml"
    body = b"" if request.method == "HEAD" else body
    word = HTTPStatus(status).phrase
    head = f"HTTP/1.1 {status} {word}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode(), body


class _Peer:
    """HTTP/1.1 on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def request(self, service: Service) -> Request | None:
        try:
            line, headers, _ = await self._head()
        except asyncio.IncompleteReadError:
            return None
        if headers.get("expect", "").lower() == "100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            headers = {name: value for name, value in headers.items() if name != "expect"}
        method, target, _ = line.split(" ", 2)
        return Request(service, method, target, headers, await self._body(headers, 0))

    async def answer(self, parts: tuple[bytes, bytes]) -> bool:
        self.writer.write(parts[0] + parts[1])
        await self.writer.drain()
        return True

    async def _head(self) -> tuple[str, dict[str, str], bytes]:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *rest = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        pairs = (each.partition(":") for each in rest)
        return line, {name.lower(): value.strip() for name, _, value in pairs}, raw

    async def _body(self, headers: dict[str, str], none: int) -> bytes:
        """As it is on the wire, chunks and all."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            raw = b""
            while True:
                size = await self.reader.readuntil(b"\r\n")
                length = int(size.split(b";")[0], 16)
                raw += size
                if length == 0:
                    while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
                        raw += line
                    return raw + b"\r\n"
                raw += await self.reader.readexactly(length + 2)
        length = int(headers.get("content-length", none))
        return await (self.reader.read() if length < 0 else self.reader.readexactly(length))

    def reset(self) -> None:
        """Not a farewell but a connection lost."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None and not self.writer.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.close()


class _Upstream:
    """The server behind, on one connection that is opened again where it was closed."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._peer: _Peer | None = None

    async def ask(self, request: Request) -> tuple[bytes, bytes]:
        lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{n}: {v}" for n, v in request.headers.items())]
        raw = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body
        kept = self._peer is not None
        try:
            return await self._try(request, raw)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            if not kept:
                raise
            return await self._try(request, raw)  # the server had hung up between two requests

    async def _try(self, request: Request, raw: bytes) -> tuple[bytes, bytes]:
        if self._peer is None:
            self._peer = _Peer(*await asyncio.open_connection(self._host, self._port, limit=2**20))
        self._peer.writer.write(raw)
        await self._peer.writer.drain()
        line, headers, head = await self._peer._head()
        while line.split(" ")[1] == "100":
            line, headers, head = await self._peer._head()
        bare = request.method == "HEAD" or line.split(" ")[1] in ("204", "304")
        body = b"" if bare else await self._peer._body(headers, -1)
        if headers.get("connection", "").lower() == "close" or line.startswith("HTTP/1.0"):
            self.close()
        return CLOSE.sub(b"", head), body

    def close(self) -> None:
        if self._peer is not None:
            self._peer.writer.close()
            self._peer = None
