"""The shape of every error, and which answers have it."""

from ninja import Schema


class ErrorBody(Schema):
    code: str
    message: str


class Error(Schema):
    """Every error of the API."""

    error: ErrorBody


ERRORS = dict.fromkeys((401, 403, 404, 422, 429, 503), Error)
