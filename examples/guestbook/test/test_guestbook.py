"""Uses the guestbook as its visitors do."""

import json
import os
import unittest
import urllib.error
import urllib.request
import uuid

URL = os.environ["GUESTBOOK"]


def call(path, body=None):
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(URL + path, content, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Guestbook(unittest.TestCase):
    def test_is_healthy(self):
        self.assertEqual(call("/healthz"), (200, {"healthy": True}))

    def test_keeps_what_is_written(self):
        message = f"hello {uuid.uuid4()}"
        status, _ = call("/entries", {"name": "Ada", "message": message})
        self.assertEqual(status, 201)
        _, entries = call("/entries")
        self.assertIn(message, [entry["message"] for entry in entries])

    def test_counts_visits(self):
        before, after = (call("/")[1]["visits"] for _ in range(2))
        self.assertEqual(after, before + 1)

    def test_refuses_what_is_no_entry(self):
        self.assertEqual(call("/entries", {"name": "Ada"}), (400, {"error": "message is missing"}))


if __name__ == "__main__":
    unittest.main()
