"""
A bucket that answers LIST requests for keys that nobody has stored, over HTTP, as S3 does.

`python -m tools.scale.bucket ACCOUNTS DAYS FILES` in a process of its own prints its port. It counts what it is asked;
`GET /` says how often, and nothing else of S3 is there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.scale.keys import Space

ROOT = Path(__file__).resolve().parents[2]
PAGE = 1000  # as S3's
NAME = "log-bucket"
TIME = "2026-03-01T12:00:00.000Z"


def page(space: Space, asked: dict[str, str]) -> str:
    """The answer to one LIST request."""
    prefix = asked.get("prefix", "")
    if asked.get("delimiter"):
        found = "".join(f"<CommonPrefixes><Prefix>{each}</Prefix></CommonPrefixes>" for each in space.folders(prefix))
        return _answer(prefix, found, "")
    start, end = space.below(prefix)
    if "continuation-token" in asked:
        start = int(asked["continuation-token"])
    elif "start-after" in asked:
        start = max(start, space.after(asked["start-after"]))
    stop = min(start + PAGE, end)
    listed = "".join(
        f"<Contents><Key>{space.key(n)}</Key><LastModified>{TIME}</LastModified><ETag>&quot;{space.etag(n)}&quot;</ETag>"
        f"<Size>{space.size(n)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for n in range(start, stop)
    )
    return _answer(prefix, listed, str(stop) if stop < end else "")


def _answer(prefix: str, what: str, token: str) -> str:
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{NAME}</Name><Prefix>{prefix}</Prefix><MaxKeys>{PAGE}</MaxKeys><EncodingType>url</EncodingType>"
        f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated>{more}{what}</ListBucketResult>"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    space: Space

    def do_GET(self) -> None:
        asked = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = page(self.space, asked).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(space: Space) -> Iterator[str]:
    """Such a bucket in a process of its own; its address."""
    said = [str(each) for each in (space.accounts, space.days, space.files)]
    command = [sys.executable, "-m", "tools.scale.bucket", *said]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            yield f"http://127.0.0.1:{int((server.stdout or sys.stdin).readline())}"
        finally:
            server.kill()


def main() -> None:
    """Serve until killed."""
    _Handler.space = Space(*(int(each) for each in sys.argv[1:4]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
