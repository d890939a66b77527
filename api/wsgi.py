"""The application that gunicorn serves: `gunicorn --config python:api.gunicorn api.wsgi:app`."""

import logging

from spec.settings import Settings

from .app import create_app

settings = Settings.read()
logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
app = create_app(settings)
