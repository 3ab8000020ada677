"""`spark-submit jobs/quarantine.py …`: the command `trailhouse quarantine`, from a checkout."""

import sys

from trailhouse.cli import main

main(["quarantine", *sys.argv[1:]])
