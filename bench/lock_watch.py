"""How long a sending installation waits for locks while its database is upgraded.

Each watcher does, by a connection of its own and again and again, one small thing that sending,
receipts, sheets or a sign-in do, and keeps the longest time that it took.
"""

import threading
import time

import psycopg

#: What is watched -> a statement; `%(campaign)s` and `%(recipient)s` are given.
WATCHED = {
    "claim or record": "UPDATE recipient SET attempts = attempts WHERE id = %(recipient)s",
    "batch": "UPDATE batch SET size = size WHERE id = (SELECT max(id) FROM batch)",
    "campaign's counters": "UPDATE campaign SET queued = queued WHERE id = %(campaign)s",
    "receipt": "INSERT INTO raw_callback (provider, event, received_at, content_type, headers, "
    "query, body, state, attempts, due_at, error) VALUES ('watch', 'delivery', now(), '', '{}', "
    "'{}', '', 'nothing', 0, now(), '')",
    "sheet": "UPDATE submission SET message = message WHERE id = (SELECT max(id) FROM submission)",
    "agent's sheet": "SELECT max(submission) FROM agent_sheet WHERE election_id = 'none'",
    "sign-in": """SELECT id FROM "user" WHERE email = 'agent7@example.org'""",
}
#: Seconds between two tries, for which a reader keeps its transaction open, and until the next.
EVERY, READS, RESTS = 0.02, 3.0, 2.0


class LockWatch:
    """From `with` on; `longest` has the seconds by what is watched, `stop` ends it."""

    def __init__(self, url: str, campaign: int, recipient: int) -> None:
        self._url = url
        self._params = {"campaign": campaign, "recipient": recipient}
        self._over = threading.Event()
        self.longest = dict.fromkeys(WATCHED, 0.0)
        self._threads = [
            threading.Thread(target=self._watch, args=one, daemon=True) for one in WATCHED.items()
        ]
        self._threads.append(threading.Thread(target=self._read, daemon=True))

    def __enter__(self) -> "LockWatch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _watch(self, name: str, sql: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._over.wait(EVERY):
                began = time.monotonic()
                connection.execute(sql, self._params)
                self.longest[name] = max(self.longest[name], time.monotonic() - began)

    def _read(self) -> None:
        """A reader as an export is one: it stands in the way of whoever changes a table."""
        with psycopg.connect(self._url) as connection:
            while not self._over.wait(RESTS):
                for table in ("recipient", "campaign", "raw_callback", "agent_sheet"):
                    connection.execute(f"SELECT 1 FROM {table} LIMIT 1")
                self._over.wait(READS)
                connection.rollback()
