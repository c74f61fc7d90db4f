"""Rows a second of a contacts import, beside a bare insert of the same rows in the same run.

    python bench/contacts_import.py                    a million rows, SQLite and PostgreSQL
    python bench/contacts_import.py --rows 100000 --rounds 3 --only sqlite

The baseline reads the file with csv.reader and inserts phone and names with executemany, in one
transaction, checking nothing. Rounds alternate; medians are printed, and the import's peak memory.
"""

import argparse
import csv
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import psycopg  # noqa: E402
from servers import PostgresServer  # noqa: E402

from obidient.areas import LGAS, STATES  # noqa: E402


def make_file(path: Path, rows: int) -> None:
    """Invented supporters: numbers count up, two thirds have a tag, one in a hundred is bad."""
    rng = random.Random(7)
    codes = sorted(LGAS)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["phone", "first_name", "last_name", "state", "lga", "tags"])
        for number in range(rows):
            lga = rng.choice(codes)
            phone = "nonsense" if number % 100 == 99 else f"0{8030000000 + number}"
            tags = ("", "youth", "women;volunteer")[number % 3]
            writer.writerow(
                [phone, f"Ada{number % 997}", "Okafor", STATES[lga[:2]], LGAS[lga], tags]
            )


def bare_insert(url: str, path: Path) -> float:
    """Seconds of the baseline, into a table of its own."""
    began = time.monotonic()
    make = "CREATE TABLE bare (phone text, first_name text, last_name text)"
    with path.open(encoding="utf-8", newline="") as file:
        # Never all rows at once: what this process holds would count as the import's memory.
        rows = (row[:3] for row in csv.reader(file))
        if url.startswith("sqlite"):
            connection = sqlite3.connect(url.removeprefix("sqlite:///"))
            connection.execute("DROP TABLE IF EXISTS bare")
            connection.execute(make)
            connection.executemany("INSERT INTO bare VALUES (?, ?, ?)", rows)
            connection.commit()
            connection.close()
        else:
            with psycopg.connect(url) as session, session.cursor() as cursor:
                cursor.execute("DROP TABLE IF EXISTS bare")
                cursor.execute(make)
                cursor.executemany("INSERT INTO bare VALUES (%s, %s, %s)", rows)
    return time.monotonic() - began


def run(url: str, *arguments: str, folder: Path) -> None:
    environ = dict(os.environ) | {
        "OBIDIENT_ENV": "development",
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "LOG_DIR": str(folder),
        "LOG_LEVEL": "warning",
    }
    subprocess.run(
        [sys.executable, "-m", "obidient", *arguments],
        env=environ,
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def measure(name: str, urls: list[str], path: Path, rows: int, folder: Path) -> None:
    ours, bare = [], []
    for url in urls:
        bare.append(rows / bare_insert(url, path))
        run(url, "db", "upgrade", folder=folder)
        began = time.monotonic()
        run(url, "contacts", "import", str(path), folder=folder)
        ours.append(rows / (time.monotonic() - began))
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{name:<11} import {statistics.median(ours):>9,.0f} rows/s   bare insert "
        f"{statistics.median(bare):>9,.0f} rows/s   ratio {ratio:.2f}   peak {peak:,.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "contacts.csv"
        make_file(path, chosen.rows)
        print(f"{chosen.rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB, {chosen.rounds} rounds")
        if chosen.only != "postgres":
            urls = [f"sqlite:///{folder}/{number}.db" for number in range(chosen.rounds)]
            measure("SQLite", urls, path, chosen.rows, folder)
        if chosen.only != "sqlite":
            server = PostgresServer()
            server.start()
            try:
                urls = []
                for number in range(chosen.rounds):
                    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
                        session.execute(f"CREATE DATABASE bench{number}")
                    urls.append(server.url(f"bench{number}"))
                measure("PostgreSQL", urls, path, chosen.rows, folder)
            finally:
                server.destroy()


if __name__ == "__main__":
    main()
