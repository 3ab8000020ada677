"""A server that goes away and comes back (F38): what is read meanwhile is tried again, or pending for the next run."""

from __future__ import annotations

import threading

import pytest

from tests import model
from tests.buckets import plain
from tests.ingest.contents import Contents, holds_together, ingest
from tests.s3_server import S3Server
from tools import setup
from trailhouse.ingest import plan


@pytest.fixture
def server(tmp_path_factory, aws_env):
    """One of the test's own, since it is stopped."""
    binary = setup.s3_server_path()
    if not binary.is_file():
        pytest.skip("no S3 server: make s3server, or set TRAILHOUSE_VERSITYGW")
    made = S3Server(binary, tmp_path_factory.mktemp("s3"))
    made.start()
    for name, value in made.env().items():
        aws_env.setenv(name, value)
    made.client().create_bucket(Bucket="logs")
    yield made
    made.stop()


@pytest.mark.s3
@pytest.mark.parametrize("after", [1.0, None], ids=["a second", "the run"])
def test_a_server_that_comes_back_after(lake, monkeypatch, server, after):
    made = plain(8)
    made.upload(server.client(), "logs")
    plainly, back = plan.write_down, threading.Timer(after or 0, server.start)

    def goes_away(*given):
        plainly(*given)
        server.stop()
        if after:
            back.start()

    with monkeypatch.context() as patched:
        patched.setattr(plan, "write_down", goes_away)
        result = ingest(lake, "s3://logs")
    if after:
        back.join()
        assert (result.status, result.pending) == ("published", 0)
    else:
        assert (result.status, result.pending) == ("partial", 8)
        assert {p["reason"] for p in result.problems} == {"unavailable"}
        server.start()
        assert ingest(lake, "s3://logs").status == "published"
    contents = Contents(lake)
    assert contents.published() == model.lake(made.listed()).published
    holds_together(contents)
