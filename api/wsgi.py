"""The application that gunicorn serves: `gunicorn --config python:api.gunicorn api.wsgi:app`."""

import logging
from threading import Thread

from spec.settings import Settings

from .app import create_app, look_at_files

settings = Settings.read()
logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
app = create_app(settings)
Thread(target=look_at_files, args=(app,), name="files", daemon=True).start()  # a bucket may answer after a minute
