"""The argument that names a sweep."""

from typing import Annotated

import typer

SweepId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The sweep's id or its end, its name, @last, or @last~1.", show_default=False),
]
