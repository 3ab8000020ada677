"""
`trailhouse pack`: what a cluster needs.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trailhouse import show
from trailhouse.cli.arguments import form_option

if TYPE_CHECKING:
    from trailhouse.pack import Made, Target

_BUCKET = "s3://BUCKET/trailhouse"  # to be replaced by whoever reads it


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="dist",
    show_default=True,
    metavar="FOLDER",
    help="Where to put what is made.",
)
@click.option(
    "--python",
    type=click.Choice(["3.11", "3.12", "3.13"]),
    default="3.11",
    show_default=True,
    help="The cluster's Python.",
)
@click.option(
    "--platform",
    type=click.Choice(["x86_64", "aarch64"]),
    default="x86_64",
    show_default=True,
    help="The cluster's machines, which run Linux.",
)
@click.option(
    "--for",
    "for_",
    type=click.Choice(["archive", "glue"]),
    default="archive",
    show_default=True,
    help="archive: for EMR and any Spark cluster. glue: wheels, for AWS Glue.",
)
@click.option("--native", is_flag=True, help="With the native kernel that is installed here (make native).")
@click.option("--dry-run", is_flag=True, help="Say what would be made; fetch and write nothing.")
@form_option
def pack(out: Path, native: bool, dry_run: bool, form: show.Format, **wanted: str) -> None:
    """Make what a cluster needs: Trailhouse with its packages, and a script for each command.

    The archive holds bin/python, which is the cluster's own Python with our packages beside it, wherever it is
    unpacked. No Spark and no jars: the cluster has the one and needs none of the other. Packages come by uv, as the
    lock pins them, and may be of another machine than this. The same release makes the same bytes.

    \b
    Examples:
      trailhouse pack
      trailhouse pack --python 3.11 --platform aarch64 --out ./dist
      trailhouse pack --for glue --python 3.13
      trailhouse pack --native
      trailhouse pack --dry-run
    """
    from trailhouse import pack as packer

    kind: packer.Form = "glue" if wanted["for_"] == "glue" else "archive"
    target = packer.Target(wanted["python"], wanted["platform"], kind, native)
    if dry_run:
        _show_plan(target, out, form)
        return
    made = packer.pack(target, out, lambda said: click.echo(said, err=True))
    rows = [(str(each.path), each.size, each.sha256) for each in made]
    if form != "table":
        show.show(rows, ("file", "bytes", "sha256"), form, sys.stdout)
        return
    show.show_one(dict(zip(("file", "bytes", "sha256"), rows[0], strict=True)), form, sys.stdout)
    click.echo(f"and scripts to run in {out / 'jobs'}: {', '.join(each.path.name for each in made[1:])}\n")
    show.tell(_next(target, out, made), sys.stdout)


def _show_plan(target: Target, out: Path, form: show.Format) -> None:
    from trailhouse import pack as packer

    planned = {
        "status": "planned",
        "file": str(out / target.name),
        "scripts": [str(out / "jobs" / name) for name in packer.scripts(target)],
        "packages": packer.packages(),
        "uv": str(packer.uv()),
    }
    show.show_one(planned, form, sys.stdout)


def _next(target: Target, out: Path, made: Sequence[Made]) -> list[str]:
    """The commands that come after, ready to be pasted once BUCKET is a bucket."""
    archive = shlex.quote(str(made[0].path))
    upload = [
        "Upload it:",
        f"  aws s3 cp {archive} {_BUCKET}/",
        f"  aws s3 cp --recursive {shlex.quote(str(out / 'jobs'))} {_BUCKET}/jobs/",
        "",
    ]
    if target.form == "glue":
        return [*upload, *_on_glue(target)]
    return [*upload, *_on_spark(archive, out), "", *_on_emr_serverless(target), "", "More: docs/deploy.md"]


def _on_spark(archive: str, out: Path) -> list[str]:
    return [
        "Any Spark cluster, with the driver here:",
        f"  mkdir -p environment && tar -xzf {archive} -C environment",
        "  PYSPARK_DRIVER_PYTHON=environment/bin/python PYSPARK_PYTHON=./environment/bin/python \\",
        f"    spark-submit --master spark://HOST:7077 --archives {archive}#environment \\",
        f"    {shlex.quote(str(out / 'jobs' / 'ingest.py'))} --config {_BUCKET}/trailhouse.toml",
    ]


def _on_emr_serverless(target: Target) -> list[str]:
    return [
        "EMR Serverless, as sparkSubmitParameters of a job whose entryPoint is "
        f"{_BUCKET}/jobs/ingest.py with the arguments --config {_BUCKET}/trailhouse.toml:",
        f"  --conf spark.archives={_BUCKET}/{target.name}#environment",
        "  --conf spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=./environment/bin/python",
        "  --conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON=./environment/bin/python",
        "  --conf spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python",
    ]


def _on_glue(target: Target) -> list[str]:
    version = "6.0" if target.python == "3.13" else "5.1"
    return [
        f"AWS Glue {version}, as parameters of a job whose script is {_BUCKET}/jobs/glue.py:",
        f"  --additional-python-modules {_BUCKET}/{target.name}",
        "  --python-modules-installer-option --no-index",
        f'  --trailhouse "ingest --config {_BUCKET}/trailhouse.toml"',
        "",
        "More: docs/deploy.md",
    ]
