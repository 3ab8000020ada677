"""
`trailhouse verify`: was anything of these logs changed, removed or added? Counts, every finding, and the evidence.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trailhouse import __version__, show
from trailhouse.cli.arguments import day, form_option, load, with_settings
from trailhouse.cli.outcome import note, result_option
from trailhouse.cli.results import DAMAGED, PARTIAL

if TYPE_CHECKING:
    from trailhouse.integrity.job import Run
    from trailhouse.integrity.judging import Proof

_COLUMNS = ("verdict", "what", "checks", "account", "region", "source", "key", "said")


@click.command()
@click.argument("named", nargs=-1, metavar="[SOURCE]...")
@click.option("--since", type=day, metavar="DATE", help="First day, as keys have it.  [default: of the first object]")
@click.option("--until", type=day, metavar="DATE", help="Last day.  [default: of the last object]")
@click.option(
    "--public-keys",
    "keys",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What `aws cloudtrail list-public-keys` printed.  [default: the lake's own, then CloudTrail's API]",
)
@click.option("--full", is_flag=True, help="Read everything again, whatever earlier runs have read.")
@click.option("--live", is_flag=True, help="Digests must reach up to two hours before now (see source.live).")
@click.option(
    "--evidence",
    default="",
    metavar="FOLDER",
    help="Write evidence.json and evidence.html there, for whoever is to sign; a folder, or s3://bucket/prefix.",
)
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="Findings told one by one.")
@form_option
@result_option
@with_settings("lake", "batch", "limits", "spark", "source")
def verify(named: tuple[str, ...], evidence: str, limit: int, form: show.Format, **given: Any) -> int:
    """Prove that log files are what CloudTrail delivered: none changed, none missing, none added.

    Every digest's signature, every chain of them, every log file, of all accounts, regions and trails. What an earlier
    run has read and what is still the same is not read again. Verdicts are kept in the tables digests and integrity;
    the view event_integrity gives each event its own. --format json names everything that is not valid.

    Exit code 4: something is invalid, missing, unlisted or unexplained; 5: something could not be checked.

    \b
    Examples:
      trailhouse verify s3://org-trail --lake s3://lake/wh --lake-catalog glue --evidence ./evidence
      trailhouse verify ./logs --public-keys public-keys.json --lake ./lake
      trailhouse verify --since 2026-03-01 --until 2026-03-31 --config trailhouse.toml --format json
      trailhouse verify --live --config trailhouse.toml
    """
    from trailhouse.integrity import job
    from trailhouse.integrity import verify as verified
    from trailhouse.integrity.values import Period

    period = Period(given.pop("since"), given.pop("until"))
    asked = verified.Asked(period, given.pop("keys"), given.pop("full"), given.pop("live"))
    config = load(given, named)
    with show.Progress() as progress:
        run = job.Run(config, lambda files, size, total: progress.update(files, size, total))
        proof = verified.verify(run, asked)
    written = _write(evidence, proof) if evidence else ""
    note({**_told(proof, run), "evidence": evidence})
    _show(proof, run, form, limit)
    if written:
        click.echo(written, err=form != "table")
    return DAMAGED if proof.has_finding else PARTIAL if proof.verdict != "valid" else 0


def _show(proof: Proof, run: Run, form: show.Format, limit: int) -> None:
    from trailhouse.integrity import evidence

    found, counts = evidence.not_valid(proof), evidence.counts(proof)
    if form == "json":
        show.show_one({**_told(proof, run), "not_valid": found}, form, sys.stdout)
        return
    rows = [
        tuple(" ".join(each[name]) if name == "checks" else each[name] for name in _COLUMNS) for each in found[:limit]
    ]
    if form != "table":
        show.show(rows, _COLUMNS, form, sys.stdout)
    else:
        _tell(proof, run, counts)
        show.tell(["", *(_line(each) for each in found[:limit])] if found[:limit] else [], sys.stdout)
    if len(found) > limit:
        click.echo(f"… and {len(found) - limit} more: --limit N tells more of them, --format json all", err=True)
    for each in proof.problems:
        click.echo(show.escape_terminal(f"not looked at: {each.where}: {each.reason} {each.detail}", 300), err=True)


def _told(proof: Proof, run: Run) -> dict[str, Any]:
    from trailhouse.integrity import evidence

    problems = [{"where": each.where, "reason": each.reason, "detail": each.detail} for each in proof.problems]
    told = {"status": proof.verdict, "counts": evidence.counts(proof), "read": dict(run.read)}
    return {**told, "list_calls": run.list_calls, "problems": problems}


def _tell(proof: Proof, run: Run, counts: dict[str, dict[str, int]]) -> None:
    read = f"{run.read['digests']} digests and {run.read['logs']} log files"
    click.echo(f"{proof.verdict}: {_counted(proof)}; read {read}, {run.list_calls} LIST requests")
    click.echo()
    verdicts = list(dict.fromkeys(verdict for each in counts.values() for verdict in each))
    rows = [(name.replace("_", " "), *(each.get(verdict, 0) for verdict in verdicts)) for name, each in counts.items()]
    show.show(rows, ("what", *verdicts), "table", sys.stdout)


def _counted(proof: Proof) -> str:
    chains = {each.chain for each in proof.digests}
    accounts = {each.there.account_id for each in proof.digests} | {each.there.account_id for each in proof.logs}
    return f"{len(accounts)} accounts, {len(chains)} chains, {len(proof.digests)} digests, {len(proof.logs)} log files"


def _line(each: dict[str, Any]) -> str:
    which = f"{each['source']}/{each['key']}" if each["key"] else each["source"]
    span = f" {each['trail']} {each['from']} to {each['to']}" if each["what"] == "gap" else ""
    what = f"{each['what'].replace('_', ' ')} of {each['account']} in {each['region']}{span}"
    return show.escape_terminal(f"{each['verdict']} ({', '.join(each['checks'])}): {what}: {which}: {each['said']}")


def _write(folder: str, proof: Proof) -> str:
    """Both files, each whole or not at all; what to say of them."""
    from trailhouse import proof_page
    from trailhouse.integrity import evidence
    from trailhouse.lake import place

    made = evidence.evidence(proof, __version__)
    data = evidence.text(made)
    sha256 = hashlib.sha256(data).hexdigest()
    page, text = place.inside(folder, "evidence.html"), place.inside(folder, "evidence.json")
    place.write(text, data)
    place.write(page, proof_page.html(made, sha256).encode())
    return f"evidence: {page}, {text} (SHA-256 {sha256})"
