"""The header Idempotency-Key, by which a repeated request is recognised."""

import hashlib
import re
from collections.abc import Sequence

from flask import request
from pydantic import BaseModel

from store.records import Idempotency

from .errors import BadKeyError

KEYED = ("Idempotency-Key",)
"""The headers of a route that recognises repeated requests."""
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")


def idempotency(specs: Sequence[BaseModel]) -> Idempotency | None:
    """The request's key, with a digest of what its sender wrote: defaults of another release are no part of it."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise BadKeyError("Idempotency-Key must be one key of 1 to 255 visible characters, without commas.")
    digest = hashlib.sha256(request.path.encode())
    for spec in specs:
        digest.update(spec.model_dump_json(exclude_unset=True).encode())
    return Idempotency(key, digest.hexdigest())
