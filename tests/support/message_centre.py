"""A real far end: Debian's Kannel, bound over SMPP 3.4 to a message centre, on loopback."""

import asyncio
import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from servers import Missing, free_port, listening, wait_for

USER, PASSWORD = "obidient", "testpass"


class MessageCentre:
    """Takes messages and reports on the bind; numbers ending in 9 are refused, in 8 lost."""

    def __init__(self) -> None:
        self.port = free_port()
        #: (destination, text) of everything accepted.
        self.accepted: list[tuple[str, bytes]] = []
        self.refused = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.daemon = True

    def __enter__(self) -> "MessageCentre":
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    async def _run(self) -> None:
        import smpp34

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
        if number.endswith("9"):
            self.refused += 1
            event.reject(smpp34.ESME_RINVDSTADR)
            return
        self.accepted.append((number, bytes(event.short_message)))
        name = f"{len(self.accepted):08d}"
        event.accept(name)
        if not event.registered_delivery:
            return
        await asyncio.sleep(0.1)
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
store-type = spool
store-location = {folder}/spool
dlr-storage = internal
log-file = {folder}/bearerbox.log
log-level = 0

group = smsc
smsc = smpp
smsc-id = centre
host = 127.0.0.1
port = {centre}
smsc-username = obidient
smsc-password = testpass
system-type = ""
transceiver-mode = true
throughput = 500
max-pending-submits = 50
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
log-file = {folder}/smsbox.log
log-level = 0

group = sendsms-user
username = {user}
password = {password}
user-allow-ip = 127.0.0.1
max-messages = 10
"""


class Gateway:
    """bearerbox and smsbox; each can be killed and started again."""

    def __init__(self, folder: Path, centre: MessageCentre) -> None:
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
        self._file = folder / "kannel.conf"
        self._file.write_text(
            CONFIGURATION.format(
                admin=self.admin,
                box=self.box,
                http=self.http,
                centre=centre.port,
                folder=folder,
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
        self._running[name] = subprocess.Popen(
            [name, str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: listening(port), what=name)

    def kill(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait(10)
        self._running = {}


@contextlib.contextmanager
def gateway(folder: Path, centre: MessageCentre) -> Iterator[Gateway]:
    made = Gateway(folder, centre)
    try:
        made.start()
        yield made
    finally:
        made.kill()
