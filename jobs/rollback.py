"""`spark-submit jobs/rollback.py …`: the command `trailhouse rollback`, from a checkout."""

import sys

from trailhouse.cli import main

main(["rollback", *sys.argv[1:]])
