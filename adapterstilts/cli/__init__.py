"""The command line: a thin skin. One file a command; it parses, calls one function and prints.

Command files import click and nothing heavier at their top, so `--help` is quick.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from adapterstilts import __version__
from adapterstilts.errors import (
    EXIT_ABORT,
    EXIT_BUG,
    EXIT_RESUMABLE,
    EXIT_USER,
    Interrupted,
    UserError,
    nearest,
)
from adapterstilts.registry import Catalog

commands: Catalog[click.Command] = Catalog("adapterstilts.cli", "COMMAND", "command")


class CommandFiles(click.Group):
    """A group whose commands are the files of this folder: `train_target.py` is `train-target`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all command names, in alphabetical order."""
        return [name.replace("_", "-") for name in commands.names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command's file; a UserError names the nearest command for a wrong name."""
        if cmd_name not in self.list_commands(ctx):
            raise UserError(f"unknown command {cmd_name!r}", fix=nearest(cmd_name, self.list_commands(ctx)))
        return commands.get(cmd_name.replace("-", "_"))


@click.group(cls=CommandFiles, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="adapterstilts")
def adapterstilts() -> None:
    """Intermediate-task training with small modules on a frozen multilingual encoder.

    \b
    Examples:
      adapterstilts quickstart
      adapterstilts train-intermediate --task snli --method lora --out runs/snli
      adapterstilts train-target --task udpos --from runs/snli --out runs/udpos
      adapterstilts evaluate runs/udpos --task udpos
      adapterstilts compare runs/udpos runs/udpos-full
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code (`errors.py` lists the codes)."""
    sys.exit(call(arguments))


def call(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; errors become one paragraph on stderr."""
    try:
        result: Any = adapterstilts.main(arguments, prog_name="adapterstilts", standalone_mode=False)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        return EXIT_USER
    except click.Abort:
        return EXIT_ABORT
    except click.ClickException as error:
        error.show()
        return EXIT_USER
    except Interrupted as signal:
        click.echo(f"stopped by {signal}; start the same command again to go on", err=True)
        return EXIT_RESUMABLE
    except KeyboardInterrupt:
        return EXIT_ABORT
    except Exception:  # noqa: BLE001 - the process boundary: a bug keeps its traceback and its own exit code
        traceback.print_exc()
        click.echo("this is a bug in adapterstilts: please report it with the lines above", err=True)
        return EXIT_BUG
    return result if isinstance(result, int) else 0
