"""What an entry has to be."""

import json

LONGEST = 500


def parse(body):
    """Returns name and message from a JSON body. Raises ValueError with a sentence for the writer."""
    try:
        fields = json.loads(body)
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the body is not an object")
    return tuple(text(fields, key) for key in ("name", "message"))


def text(fields, key):
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is missing")
    if len(value) > LONGEST:
        raise ValueError(f"{key} is longer than {LONGEST} characters")
    return value.strip()
