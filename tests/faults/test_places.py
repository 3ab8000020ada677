"""
A lake's folder that is full, limited, read-only or torn, a run without memory (rows F5, F6, F33 to F38): a clean error, and a
rerun that converges.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.buckets import Bucket, event, key, text
from tests.children import OVERDUE
from tests.faults import sweep
from tests.faults.oracle import Read, complaints
from tests.ingest.contents import Contents, holds_together, ingest
from trailhouse import cli, settings
from trailhouse.errors import TrailhouseError
from trailhouse.ingest import plan
from trailhouse.lake import catalog
from trailhouse.settings import Source
from trailhouse.sources.objects import Pending, ReadLimits, ToRead, fetch, reader_for
from trailhouse.sources.state import ListingState


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[tuple[sweep.Bench, Any]]:
    with sweep.processes() as context:
        made = sweep.in_a_folder(Path(tmp_path_factory.mktemp("places")), context)
        want, _, _ = made.undisturbed()
        yield made, want


def no_file_over(size: int) -> None:
    """In the child (F34): EFBIG, and not the signal that would end the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def few_files(most: int) -> None:
    """In the child (F37)."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def little_memory(more: int) -> None:
    """In the child (F6): so many megabytes more than it has."""
    status = Path("/proc/self/status").read_text()
    has = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (has + more * 2**20, has + more * 2**20))


def converges(bench, before, advice: str, lake: settings.Lake | None = None) -> list[int]:
    """A run that something is wrong for, then one that nothing is wrong for. Returns the exit codes."""
    made, want = bench
    lake = lake or made.lake()
    told = made.folder / f"told{made.made}"
    exits = [made.run(made.job(lake, before=before))]
    said = told.read_text()
    # Without memory, a library may abort, and Python waits for ever for a thread that found none: both are killed runs.
    dead = {-signal.SIGABRT: "bad_alloc", OVERDUE: "Exception ignored in thread started by"}
    assert exits[0] in (0, 1, 6) or dead.get(exits[0], "?!") in said, said[-1000:]
    assert "should not happen" not in said, said[-1000:]
    if exits[0] in (1, 6):
        assert advice in said and "run again" in said, said[-1000:]
    while exits[-1] != 0 and len(exits) < 4:
        exits.append(made.run(made.job(lake)))
    assert not complaints(Read(lake), want, made.bucket), told.read_text()[-1000:]
    return exits


@pytest.mark.parametrize("part", [0.0, 0.1, 0.3, 0.5, 0.8])
def test_where_files_may_not_be_large_the_run_says_so_and_a_rerun_converges(bench, part):
    """F34, at fill levels between nothing and what a run needs, seeded."""
    size = int(4096 + part * 60_000 + random.Random(part).randrange(3000))
    assert converges(bench, partial(no_file_over, size), "ulimit -f")[-1] == 0


@pytest.mark.parametrize("most", [24, 40, 64])
def test_with_few_files_open_at_once_it_works_or_says_so(bench, most):
    assert converges(bench, partial(few_files, most), "ulimit -n")[-1] == 0


@pytest.mark.parametrize("more", [12, 30, 50, 70])
def test_a_driver_without_memory_says_so_or_dies_and_a_rerun_converges(bench, more):
    assert converges(bench, partial(little_memory, more), "memory or threads do not suffice")[-1] == 0


def test_an_object_that_memory_does_not_suffice_for_costs_itself(bench, tmp_path):
    """F5: 90 MB of records where 40 are to be had. It is quarantined, or the run says so; never a part of it is a row."""
    made, _ = bench
    lake, logs = made.lake(), Bucket()
    ingest(lake, sweep.small().save(tmp_path / "first"))
    logs.put(key("small"), event(500))
    logs.put(key("large"), b",".join(text(event(1000 + n)) for n in range(100_000)))
    source = str(logs.save(tmp_path / "logs"))
    job = replace(made.job(lake), arguments=("ingest", source, "--lake", lake.location, "--format", "json"))
    told = made.folder / f"told{made.made}"
    code = made.run(replace(job, before=partial(little_memory, 40)))
    assert code in (0, 1, -signal.SIGABRT, OVERDUE) and "should not happen" not in told.read_text(), told.read_text()
    contents = Contents(lake)
    of_both = [o for o in contents.rows("ledger") if o["key"] in logs.objects]
    if code == 0:
        assert {o["key"]: (o["reason"], o["rows"]) for o in of_both} == {
            key("small"): (None, 1), key("large"): ("limit_memory", 0)
        }  # fmt: skip
    else:
        assert not of_both and made.run(job) == 0
    assert any(row["source_object"] == key("small") for row in contents.rows("events"))
    holds_together(contents)


@pytest.mark.parametrize("where", ["", "trailhouse", "_trailhouse/plans"])
def test_a_lake_that_may_not_be_written_says_so_and_is_as_it_was(bench, where):
    """F35. Root may write anywhere: then the folder is a file, which is as little of a folder."""
    made, _ = bench
    lake = made.lake()
    place = Path(lake.location) / where
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    told = made.folder / f"told{made.made}"
    assert made.run(made.job(lake)) == 1
    assert "should not happen" not in told.read_text() and place.read_text() == "in the way"
    place.unlink()
    assert converges(bench, None, "", lake) == [0]


def small_disk(folder: Path, options: str) -> bool:
    """A disk of its own at a folder, where this process may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("kind", ["size", "nr_inodes"])
def test_a_full_disk_is_said_and_a_rerun_with_room_converges(bench, kind, level):
    """F33, F35: at levels between nothing and what a run needs. Without the right to mount, a limit stands in for it."""
    made, _ = bench
    lake = made.lake()
    folder = Path(lake.location)
    amount = {"size": f"{40 + 90 * level}k", "nr_inodes": str(5 + 22 * level)}[kind]
    if not small_disk(folder, f"{kind}={amount}"):
        converges(bench, partial(no_file_over, 2**14), "ulimit -f", lake)
        return
    try:
        said = made.folder / f"told{made.made}"
        first = made.run(made.job(lake))
        assert first in (0, 1, 6) and "should not happen" not in said.read_text(), said.read_text()[-1000:]
        if first:
            assert "make room" in said.read_text(), said.read_text()[-1000:]
        subprocess.run(["mount", "-o", "remount,size=100m,nr_inodes=10000", str(folder)], check=True)
        converges(bench, None, "", lake)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


# ── torn and foreign files of our own (F36) ──────────────────────────────────────────────────────────────────────────


def test_a_listing_state_cut_at_any_byte_is_no_state(tmp_path):
    from datetime import UTC, date, datetime

    state = ListingState("s3://b/", {"AWSLogs/1/": date(2026, 3, 1)}, {"yesterday": datetime(2026, 3, 1, tzinfo=UTC)})
    text = state.to_json()
    assert ListingState.from_json(text) == state
    assert [ListingState.from_json(text[:cut]) for cut in range(len(text))] == [None] * len(text)


@pytest.mark.parametrize("torn", [b"", b"{", b"\xff\xfe\x00", b"[]", b'"x"', b"null", b'{"version": 1}', b"\0" * 4096])
def test_a_torn_listing_state_costs_a_full_listing_and_no_run(s3, bucket, tmp_path, torn):
    where = settings.Lake(location=str(tmp_path / "lake"), catalog_uri=str(tmp_path / "lake" / "catalog.sqlite"))
    made = sweep.small()
    made.upload(s3.client(), bucket)
    ingest(where, f"s3://{bucket}")
    state = Path(catalog.own_folder(where), plan._state_file(Source(url=f"s3://{bucket}")))
    assert json.loads(state.read_text())["version"] == 1
    state.write_bytes(torn)
    assert ingest(where, f"s3://{bucket}").status == "nothing_to_do"
    assert json.loads(state.read_text())["version"] == 1


@pytest.mark.parametrize("name", ["plans", "listing"])
def test_a_torn_plan_is_nobodys_concern(lake, tmp_path, name):
    """Plans are for people; no run reads one back."""
    logs = sweep.small().save(tmp_path / "logs")
    ingest(lake, logs)
    for path in (Path(lake.location) / "_trailhouse").rglob("*.*"):
        path.write_bytes(path.read_bytes()[:7])
    assert ingest(lake, logs).status == "nothing_to_do"
    assert Contents(lake).rows("events")


# ── the network (F38) ────────────────────────────────────────────────────────────────────────────────────────────────


QUICK = ReadLimits(backoff=0.001, attempts=3, deadline=20)


def read(aws_env, endpoint: str) -> Pending:
    for name, value in {"AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
                        "AWS_REGION": "us-east-1"}.items():  # fmt: skip
        aws_env.setenv(name, value)
    (got,) = fetch([ToRead("k", "e", 3)], reader_for(Source(url="s3://bucket")), limits=QUICK)
    assert isinstance(got, Pending)
    return got


@pytest.mark.parametrize("endpoint", ["https://no-such-host.invalid", "http://127.0.0.1:1"])
def test_a_host_that_is_not_there_is_pending(aws_env, endpoint):
    assert read(aws_env, endpoint).reason == "unavailable"


def test_a_certificate_that_is_not_theirs_is_pending_and_never_let_pass(aws_env, tmp_path):
    import ssl

    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(cert), "-days", "1",
         "-subj", "/CN=localhost"], check=True, capture_output=True,
    )  # fmt: skip
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        got = read(aws_env, f"https://localhost:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
    assert got.reason == "unavailable" and "CERTIFICATE" in got.detail.upper()
    assert not asked, "not one request went over"


def test_a_lake_at_a_host_that_is_not_there_says_so(aws_env, tmp_path):
    for name, value in {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
                        "AWS_REGION": "us-east-1"}.items():  # fmt: skip
        aws_env.setenv(name, value)
    where = settings.Lake(location="s3://lakes/x", catalog_uri=str(tmp_path / "catalog.sqlite"))
    with pytest.raises(TrailhouseError, match="could not be read or written"):
        ingest(where, sweep.small().save(tmp_path / "logs"))


@pytest.mark.parametrize("command", [["status"], ["sql", "SELECT 1 FROM events"], ["batch", "list"], ["batch", "show", "x"],
                                     ["batch", "rows", "x"], ["batch", "retry", "x"], ["batch", "discard", "x"],
                                     ["ingest", "--dry-run", "{lake}"]])  # fmt: skip
def test_a_catalog_that_is_torn_is_said_in_words(lake, command, capsys):
    """F36, by every command that reads a lake."""
    Path(lake.location).mkdir(parents=True)
    Path(lake.location, "catalog.sqlite").write_text("torn")
    with pytest.raises(SystemExit) as left:
        cli.main([*(each.format(lake=lake.location) for each in command), "--lake", lake.location])
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert "file is not a database" in said and lake.location in said and "should not happen" not in said
