import unittest

from entry import LONGEST, parse


class Parse(unittest.TestCase):
    def test_takes_name_and_message(self):
        self.assertEqual(parse(b'{"name": " Ada ", "message": "hi"}'), ("Ada", "hi"))

    def test_says_what_is_wrong(self):
        for body, words in [
            (b"{", "not JSON"),
            (b"[]", "not an object"),
            (b'{"name": "Ada"}', "message is missing"),
            (b'{"name": " ", "message": "hi"}', "name is missing"),
            (b'{"name": "%s", "message": "hi"}' % (b"x" * (LONGEST + 1)), "name is longer"),
        ]:
            with self.subTest(body=body), self.assertRaisesRegex(ValueError, words):
                parse(body)


if __name__ == "__main__":
    unittest.main()
