"""Lessons over HTTP: experiments that teach one idea each. They come from YAML files and are the same for everybody."""

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from flask import Blueprint, Response

from spec.lesson import LessonList, LessonSummary, LessonView, lessons_in, read
from spec.specfile import BadSpecFileError

from .answers import PREFIX
from .errors import NotFoundError
from .openapi import documented
from .parsing import json_response
from .services import service

log = logging.getLogger(__name__)

lessons = Blueprint("lessons", __name__, url_prefix=f"{PREFIX}/lessons")


class Lessons:
    """The lessons of some folders; of two with one name, the later folder's is taught."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def all(self) -> LessonList:
        """All of them, in their order."""
        named = self._views.items()
        return LessonList(lessons=[LessonSummary(name=name, title=one.title, idea=one.idea) for name, one in named])

    def one(self, name: str) -> LessonView:
        """The lesson of this name. Raises `NotFoundError`, which lists the names."""
        if name not in self._views:
            raise NotFoundError(f"There is no lesson {name!r}; there are {', '.join(self._views) or 'none'}.")
        return self._views[name]

    @cached_property
    def _views(self) -> Mapping[str, LessonView]:
        """Read when first asked for. A file that is no lesson is left out, and the log says why."""
        views: dict[str, LessonView] = {}
        for name, file in (found for folder in self._folders for found in lessons_in(folder)):
            try:
                views[name] = LessonView.of(name, read(file))
            except BadSpecFileError as error:
                log.warning("a lesson is left out: %s", error)
        return views


@lessons.get("")
@documented("List the lessons", answer=LessonList)
def list_lessons() -> Response:
    """The names and titles of the lessons."""
    return json_response(service(Lessons).all())


@lessons.get("/<name>")
@documented("Show a lesson with the jobs that it runs", answer=LessonView)
def show_lesson(name: str) -> Response:
    """A lesson."""
    return json_response(service(Lessons).one(name))
