"""Prints the OpenAPI description; the page's types are made of it: `python -m api > web/openapi.json`."""

import tempfile

from spec import VERSION
from spec.settings import Settings

from .app import create_app
from .openapi import Description

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        print(Description(create_app(Settings.read({"EPOCHAL_HOME": home})), VERSION).text)
