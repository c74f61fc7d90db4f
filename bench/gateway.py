"""Messages a second from end to end: HTTP → bearerbox → SMPP message centre → report.

    python bench/gateway.py [--messages 20000] [--threads 64] [--rate 2000] [--spool]

Our Kannel plugin hands messages to Debian's Kannel, which is bound to a message centre in a process
of its own; reports come back to a door that only counts, in another. Prints the rates at which
Kannel accepted them, the centre got them, and their final reports came. It needs
`apt install kannel`.
Exits 1 when a message or a report is missing or came twice.
"""

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import at_root  # noqa: F401
from message_centre import PASSWORD, USER, CentreProcess, Gateway

from obidient.plugin import Accepted, Defer, Message
from obidient.testing import RecordingHost, load_plugin, make_provider

FINAL = {"1", "2", "16", "34"}
LONGEST = 120.0


class Door(asyncio.Protocol):
    """As much of HTTP as Kannel speaks; a thread a connection would cost more than Kannel."""

    def __init__(self, final: Counter[str]) -> None:
        self._final, self._buffer = final, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            query = dict(parse_qsl(urlsplit(head.split(b" ", 2)[1].decode()).query))
            if query.get("type") in FINAL:
                self._final[query["oid"]] += 1
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def _serve(pipe: Connection) -> None:
    final: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Door(final), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    over = asyncio.Event()

    def asked() -> None:
        if pipe.recv():
            pipe.send((len(final), sum(final.values())))
        else:
            over.set()

    loop.add_reader(pipe.fileno(), asked)
    await over.wait()


def door(pipe: Connection) -> None:
    """Takes reports; answers each question of the pipe with the final ones so far."""
    asyncio.run(_serve(pipe))


@contextmanager
def doorman() -> Iterator[tuple[int, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=door, args=(theirs,), daemon=True)
    child.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send(False)
        child.join(5)


class Host(RecordingHost):
    """Tells the plugin where our door is."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def webhook_url(self, provider: str, event: str) -> str:
        return f"http://127.0.0.1:{self._port}/{provider}/{event}?token=t"


def hand_over(gateway: Gateway, port: int, number: int, threads: int) -> int:
    """How many Kannel accepted of `number` messages, by our plugin as workers use it."""
    provider = make_provider(
        load_plugin("kannel").KannelSms,
        Host(port),
        url=gateway.url,
        username=USER,
        password=PASSWORD,
        sender="OBIDIENT",
        concurrency=threads,
    )
    taken = 0
    # Numbers that end in 0, for the centre refuses some others.
    left = [Message(n, f"+23480{n:07d}0", "Vote on Saturday", 1) for n in range(1, number + 1)]
    while left:
        call, left = left[:500], left[500:]
        for outcome in provider.send(call):
            if isinstance(outcome, Accepted):
                taken += 1
            elif isinstance(outcome, Defer):
                left.append(outcome.message)
            else:
                raise SystemExit(f"Kannel did not take a message: {outcome}")
    return taken


def run(number: int, threads: int, rate: int, spool: bool) -> bool:
    """Prints the figures; False when a message or a report is missing or came twice."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder, doorman() as (port, pipe):
        centre = CentreProcess(Path(folder) / "centre.log")
        gateway = Gateway(Path(folder), centre, rate=rate, level=4, window=500, spool=spool)
        try:
            centre.start()
            gateway.start()
            time.sleep(1.0)  # the bind
            began = time.monotonic()
            taken = hand_over(gateway, port, number, threads)
            accepted = time.monotonic() - began
            arrived = told = 0.0
            people = reports = 0
            while time.monotonic() - began < LONGEST and people < taken:
                time.sleep(0.1)
                if not arrived and len(centre.accepted()) >= taken:
                    arrived = time.monotonic() - began
                pipe.send(True)
                people, reports = pipe.recv()
            told = time.monotonic() - began
            got = Counter(centre.accepted())
        finally:
            gateway.kill()
            centre.kill()
    times = os.times()
    ours, others = sum(times[:2]), sum(times[2:4])
    print(
        f"{taken:,} messages, {threads} requests at once, `throughput = {rate}`, "
        f"{'spool on disk' if spool else 'nothing kept on disk'}\n"
        f"accepted by Kannel {taken / accepted:,.0f}/s, at the message centre "
        f"{len(got) / (arrived or told):,.0f}/s, reported {people / told:,.0f}/s from end to end\n"
        f"processor time a message: ours {ours / taken * 1e6:,.0f} µs, that of Kannel, the centre "
        f"and the door {others / taken * 1e6:,.0f} µs\n"
        f"missing at the centre {taken - len(got):,}, twice {sum(got.values()) - len(got):,}; "
        f"reports missing {taken - people:,}, twice {reports - people:,}"
    )
    return len(got) == taken == people == sum(got.values()) == reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--rate", type=int, default=2_000, help="Kannel's throughput setting")
    parser.add_argument("--spool", action="store_true", help="Kannel keeps what waits on disk")
    chosen = parser.parse_args()
    holds = run(chosen.messages, chosen.threads, chosen.rate, chosen.spool)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
