"""`adapterstilts push`."""

from __future__ import annotations

import click


@click.command(short_help="Upload an exported folder to the Hub, private by default.")
@click.argument("folder")
@click.option("--to", required=True, metavar="USER/NAME", help="The repository, made where it is not there.")
@click.option("--public", is_flag=True, help="Let everybody see it.")
def push(folder: str, to: str, public: bool) -> None:
    """Upload FOLDER, which `export` has written, after a check of its model card and files.

    \b
    Examples:
      adapterstilts push exports/udpos --to somebody/xlmr-udpos
      adapterstilts push exports/udpos --to somebody/xlmr-udpos --public
    """
    from adapterstilts.exchange.push import push as upload

    click.echo(upload(folder, to=to, public=public))


COMMAND = push
