"""A real far end: Debian's Kannel, bound over SMPP 3.4 to a message centre, on loopback.

By itself, `python message_centre.py PORT LOG`, the centre is a process that can be killed; SIGUSR1
makes it throttle for two seconds, and its log has a line for each message that it accepted.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from servers import Missing, free_port, listening, wait_for

USER, PASSWORD = "obidient", "testpass"
#: Seconds that a signal makes a centre throttle.
THROTTLED = 2.0


class MessageCentre:
    """Takes messages and reports on the bind; numbers ending in 9 are refused, in 8 lost.

    With `wild` seconds reports take up to so long, in any order, and a tenth of them come twice.
    """

    def __init__(self, port: int = 0, log: Path | None = None, wild: float = 0.0) -> None:
        self.port = port or free_port()
        self._wild = wild
        self._log = log.open("a", buffering=1) if log else None
        self._throttled_until = 0.0
        #: submissions turned away because of a throttle.
        self.throttled = 0
        #: (destination, text) of everything accepted.
        self.accepted: list[tuple[str, bytes]] = []
        self.refused = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "MessageCentre":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(60)
        assert not self._thread.is_alive(), "the message centre did not end"

    def throttle(self, seconds: float = THROTTLED) -> None:
        self._throttled_until = time.monotonic() + seconds

    def serve_forever(self) -> None:
        """In a process of its own."""
        signal.signal(signal.SIGUSR1, lambda *_: self.throttle())
        self._serve()

    def _serve(self) -> None:
        # `run` cancels the reports still on their way: one left over would end, loudly, in the
        # middle of whichever test the collector runs in.
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._run())

    async def _run(self) -> None:
        import smpp34

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task() or asyncio.Task(asyncio.sleep(0))
        server = smpp34.Server("127.0.0.1", self.port, system_id="centre")
        await server.start()
        self._ready.set()
        binds: dict[Any, Any] = {}
        reports: set[Any] = set()
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                event = await server.next()
                if isinstance(event, smpp34.Esme):
                    binds[event.session_id] = event
                elif isinstance(event, smpp34.SubmitSmEvent):
                    report = asyncio.ensure_future(self._take(event, binds, smpp34))
                    reports.add(report)
                    report.add_done_callback(reports.discard)
        await server.stop()

    async def _take(self, event: Any, binds: dict[Any, Any], smpp34: Any) -> None:
        number = event.destination_addr
        number = number.decode() if isinstance(number, bytes) else str(number)
        if time.monotonic() < self._throttled_until:
            self.throttled += 1
            event.reject(smpp34.ESME_RTHROTTLED)
            return
        if number.endswith("9"):
            self.refused += 1
            event.reject(smpp34.ESME_RINVDSTADR)
            return
        self.accepted.append((number, bytes(event.short_message)))
        # Its own among those of a centre that was killed and started again.
        name = f"{os.getpid() % 10_000:04d}{len(self.accepted):06d}"
        if self._log:
            self._log.write(f"{number}\n")
        event.accept(name)
        if not event.registered_delivery:
            return
        await asyncio.sleep(0.1 + random.uniform(0, self._wild))
        await self._report(event, binds, name, number)
        if self._wild and random.random() < 0.1:
            await self._report(event, binds, name, number)

    async def _report(self, event: Any, binds: dict[Any, Any], name: str, number: str) -> None:
        word = "UNDELIV" if number.endswith("8") else "DELIVRD"
        text = (
            f"id:{name} sub:001 dlvrd:001 submit date:2611281000 done date:2611281001 "
            f"stat:{word} err:000 text:"
        )
        with contextlib.suppress(Exception):
            await asyncio.ensure_future(
                binds[event.session_id].deliver_sm(
                    event.source_addr or "OBIDIENT",
                    text.encode(),
                    source_addr=number,
                    esm_class=4,
                )
            )


CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = test
smsbox-port = {box}
box-allow-ip = 127.0.0.1
admin-allow-ip = 127.0.0.1
{store}
dlr-storage = internal
log-file = {folder}/bearerbox.log
log-level = {level}

group = smsc
smsc = smpp
smsc-id = centre
host = 127.0.0.1
port = {centre}
smsc-username = obidient
smsc-password = testpass
system-type = ""
transceiver-mode = true
throughput = {rate}
max-pending-submits = {window}
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
log-file = {folder}/smsbox.log
access-log = {folder}/access.log
log-level = {level}
http-request-retry = 60
http-queue-delay = 1

group = sendsms-user
username = {user}
password = {password}
user-allow-ip = 127.0.0.1
max-messages = 10
"""


class CentreProcess:
    """A message centre that can be killed and started again, on the same port."""

    def __init__(self, log: Path, wild: float = 0.0) -> None:
        self.port, self._log, self._wild = free_port(), log, wild
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, __file__, str(self.port), str(self._log), str(self._wild)]
        self._child = subprocess.Popen(command)
        wait_for(lambda: listening(self.port), what="the message centre")

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait(60)

    def throttle(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGUSR1)

    def accepted(self) -> list[str]:
        """The number of each message that it accepted, in whichever life."""
        return self._log.read_text().split() if self._log.exists() else []


class Gateway:
    """bearerbox and smsbox; each can be killed and started again."""

    def __init__(
        self,
        folder: Path,
        centre: MessageCentre | CentreProcess,
        rate: int = 500,
        level: int = 0,
        window: int = 50,
        spool: bool = True,
    ) -> None:
        for name in ("bearerbox", "smsbox"):
            if shutil.which(name) is None:
                raise Missing(f"{name} of Debian's kannel is not installed")
        self.folder, self.http, self.admin, self.box = (
            folder,
            free_port(),
            free_port(),
            free_port(),
        )
        (folder / "spool").mkdir()
        store = (
            f"store-type = spool\nstore-location = {folder}/spool" if spool else "# nothing kept"
        )
        self._file = folder / "kannel.conf"
        self._file.write_text(
            CONFIGURATION.format(
                admin=self.admin,
                box=self.box,
                http=self.http,
                centre=centre.port,
                folder=folder,
                rate=rate,
                store=store,
                window=window,
                level=level,
                user=USER,
                password=PASSWORD,
            )
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}/cgi-bin/sendsms"

    def start(self) -> None:
        self._begin("bearerbox", self.box)
        self._begin("smsbox", self.http)

    def _begin(self, name: str, port: int) -> None:
        # A session each: an smsbox that misses its bearerbox goes on in a child of its own.
        self._running[name] = subprocess.Popen(
            [name, str(self._file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda: listening(port), what=name)

    def kill(self, *names: str) -> None:
        """SIGKILL to those named, or to both; smsbox leaves when bearerbox is gone."""
        for name in names or tuple(self._running):
            process = self._running.pop(name, None)
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)

    def accepted(self) -> list[str]:
        """The number of each message that smsbox took over HTTP."""
        log = self.folder / "access.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return [
            line.partition(" target:")[2].split()[0] for line in lines if "request added" in line
        ]


@contextlib.contextmanager
def gateway(folder: Path, centre: MessageCentre) -> Iterator[Gateway]:
    made = Gateway(folder, centre)
    try:
        made.start()
        yield made
    finally:
        made.kill()


if __name__ == "__main__":
    MessageCentre(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])).serve_forever()
