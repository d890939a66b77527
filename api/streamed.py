"""Files as answers: sent in pieces, so that a large one for a slow client takes no memory."""

import os
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from flask import Response

from .body import MIB

PIECE = MIB


def streamed(file: BinaryIO, headers: Mapping[str, str], content_type: str) -> Response:
    """An answer with what is in an open file, which is closed with it."""

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(PIECE):
                yield piece

    length = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
    answer = Response(pieces(), headers={**headers, **length}, content_type=content_type)
    answer.call_on_close(file.close)
    return answer
