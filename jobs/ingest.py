"""`spark-submit jobs/ingest.py …`: the command `trailhouse ingest`, from a checkout."""

import sys

from trailhouse.cli import main

main(["ingest", *sys.argv[1:]])
