"""Run the command line as `python -m adapterstilts`."""

from adapterstilts.cli import main

main()
