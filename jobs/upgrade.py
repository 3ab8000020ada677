"""`spark-submit jobs/upgrade.py …`: the command `trailhouse upgrade`, from a checkout."""

import sys

from trailhouse.cli import main

main(["upgrade", *sys.argv[1:]])
