"""The guestbook's API: entries in PostgreSQL, visits in Redis.

GET /          the title, the version, how many visits, the newest entries
GET /entries   the newest entries
POST /entries  {"name": …, "message": …}
GET /version   the version alone
GET /healthz   200 if both stores answer
"""

import configparser
import json
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from entry import parse
from stores import counter, database

VERSION = (Path(__file__).parent / "VERSION").read_text().strip()
BIGGEST = 64 * 1024

settings = configparser.ConfigParser()
settings.read("/etc/guestbook/settings.ini")
TITLE = settings.get("guestbook", "title", fallback="Guestbook")
FORGET = settings.getboolean("guestbook", "forget", fallback=False)


def entries():
    with closing(database()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, message, written FROM entry ORDER BY id DESC LIMIT 20")
        return [
            {"name": name, "message": message, "written": written.isoformat()}
            for name, message, written in cursor.fetchall()
        ]


def write(name, message):
    with closing(database()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO entry (name, message) VALUES (%s, %s)", (name, message))
        if FORGET:
            connection.rollback()


def page():
    return {"title": TITLE, "version": VERSION, "visits": counter().incr("visits"), "entries": entries()}


def healthy():
    counter().ping()
    with closing(database()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM entry LIMIT 1")
    return {"healthy": True}


PAGES = {
    "/": page,
    "/entries": entries,
    "/version": lambda: {"version": VERSION},
    "/healthz": healthy,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        make = PAGES.get(self.path)
        if make is None:
            return self.answer(404, {"error": f"there is no {self.path}"})
        try:
            return self.answer(200, make())
        except Exception as error:
            return self.answer(503, {"error": f"{type(error).__name__}: {error}"})

    def do_POST(self):
        if self.path != "/entries":
            return self.answer(404, {"error": f"nothing is written to {self.path}"})
        length = int(self.headers.get("Content-Length") or 0)
        if length > BIGGEST:
            return self.answer(413, {"error": "too long"})
        try:
            name, message = parse(self.rfile.read(length))
        except ValueError as error:
            return self.answer(400, {"error": str(error)})
        try:
            write(name, message)
        except Exception as error:
            return self.answer(503, {"error": f"{type(error).__name__}: {error}"})
        return self.answer(201, {"name": name, "message": message})

    def answer(self, status, body):
        content = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    print(f"guestbook {VERSION} on port 8080", flush=True)
    try:
        ThreadingHTTPServer(("", 8080), Handler).serve_forever()
    except KeyboardInterrupt:
        pass
