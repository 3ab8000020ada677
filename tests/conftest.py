"""
What all tests share: few fixtures, and the rules of the suite.

`spark` is one session for the whole run, `lake` an empty folder's settings, `s3` a real server, `chromium` a real
browser, `corpus` the public records. A test that asks for `spark`, a server, the query engine or the browser is marked
so. Where CI is set nothing may skip, but for what wants the corpus, which is no part of the repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from tests.aws_env import aws_of
from tests.s3_server import S3Server
from tools import setup
from trailhouse import settings
from trailhouse.decode import native as kernel

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("TRAILHOUSE_CORPUS") or ROOT.parent / "shared" / "corpus").resolve()
NO_CORPUS = "no corpus at"  # how the one allowed reason to skip begins

# Examples take as long as the machine lets them; one that fails is printed so that it can be repeated anywhere.
hypothesis_settings.register_profile("trailhouse", deadline=None, print_blob=True)
hypothesis_settings.load_profile("trailhouse")


# ── the rules of the suite ───────────────────────────────────────────────────────────────────────────────────────────


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write expected outputs anew; read the diff")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "spark" in asked:
            item.add_marker(pytest.mark.spark)
        if "s3_server" in asked:
            item.add_marker(pytest.mark.s3)
        if "reached" in asked:
            item.add_marker(pytest.mark.engine)
        if "airflow" in asked:
            item.add_marker(pytest.mark.airflow)
        if "packed" in asked:
            item.add_marker(pytest.mark.cluster)
        if "chromium" in asked:
            item.add_marker(pytest.mark.browser)
        # Spark leaves the sockets that it fetches results through to the collector, which comes when it likes.
        item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    return _refuse_skip((yield))


def _refuse_skip(report):
    """Where CI is set, what would skip fails; a test that nobody runs holds nothing."""
    if not os.environ.get("CI") or not report.skipped or hasattr(report, "wasxfail"):
        return report
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not why.removeprefix("Skipped: ").startswith(NO_CORPUS):
        report.outcome = "failed"
        report.longrepr = f"nothing may skip in CI, and this would: {why}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to say although it passed: how much was tried, and with which seed."""
    for report in terminalreporter.getreports("passed"):
        for name, said in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(said))


# ── fixtures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether expected outputs are to be written anew."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The one session of the run."""
    from trailhouse.lake import session

    started = session.start(settings.Spark(master="local[2]", driver_memory="1g"), "trailhouse-tests")
    started.conf.set("spark.sql.shuffle.partitions", "2")
    yield started
    started.stop()


@pytest.fixture
def lake(tmp_path: Path) -> settings.Lake:
    """Settings of a lake in a folder of the test's own; nothing is there yet."""
    folder = tmp_path / "lake"
    return settings.Lake(location=str(folder), catalog_uri=str(folder / "catalog.sqlite"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The public records. They are no part of the repository."""
    if not CORPUS.is_dir():
        pytest.skip(f"{NO_CORPUS} {CORPUS} (set TRAILHOUSE_CORPUS)")
    return CORPUS


@pytest.fixture(scope="session")
def native() -> str:
    """The way of decoding by the native kernel."""
    if not kernel.is_there():
        pytest.skip("no native kernel: make native (needs Rust)")
    return "native"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    binary = setup.s3_server_path()
    if not binary.is_file():
        pytest.skip("no S3 server: make s3server, or set TRAILHOUSE_VERSITYGW")
    server = S3Server(binary, tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real browser, without a window."""
    path = setup.browser_path()
    if path is None or not path.is_file():
        pytest.skip("no browser: make browser, or set TRAILHOUSE_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def aws_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A test starts with no clients and nobody's configuration."""
    with aws_of(monkeypatch, {}):
        yield monkeypatch


@pytest.fixture
def s3(s3_server: S3Server, aws_env: pytest.MonkeyPatch) -> S3Server:
    """The server, with this process's AWS configuration pointing at it."""
    for name, value in s3_server.env().items():
        aws_env.setenv(name, value)
    return s3_server


@pytest.fixture
def bucket(s3: S3Server, request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own."""
    name = f"b{abs(hash(request.node.nodeid)) % 10**12}"
    s3.client().create_bucket(Bucket=name)
    return name
