"""`spark-submit jobs/sql.py …`: the command `trailhouse sql`, from a checkout."""

import sys

from trailhouse.cli import main

main(["sql", *sys.argv[1:]])
