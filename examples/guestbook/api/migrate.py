"""Brings the database to the form that this version needs: each file of migrations/ once, in order."""

from contextlib import closing
from pathlib import Path

from stores import database

FILES = Path(__file__).parent / "migrations"


def migrate():
    with closing(database()) as connection, connection, connection.cursor() as cursor:
        # Two at once would both find a migration missing.
        cursor.execute("SELECT pg_advisory_xact_lock(20)")
        cursor.execute("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY)")
        cursor.execute("SELECT name FROM migration")
        done = {name for (name,) in cursor.fetchall()}
        for file in sorted(FILES.glob("*.sql")):
            if file.name in done:
                print(f"{file.name}: done before", flush=True)
                continue
            cursor.execute(file.read_text())
            cursor.execute("INSERT INTO migration VALUES (%s)", (file.name,))
            print(f"{file.name}: done", flush=True)


if __name__ == "__main__":
    migrate()
