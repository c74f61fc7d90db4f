#!/usr/bin/env bash
# nginx 1.22.1 (Debian 12), a cache of seconds, and proxy_cache_lock
#
# With the lock on, one request fetches a document and the others that ask for it wait. Two things
# are otherwise than one would guess:
#   - Nobody wakes those who wait. They look again every half second, so that a document that took
#     0.1 s to fetch reaches them after 0.5 s.
#   - A copy that has run out is not locked: all who ask at that moment go to the application, each
#     time. What keeps them back is `proxy_cache_use_stale updating`, which hands out the old copy.
# A cache that lives for two seconds therefore needs both, and pays the half second only when a
# document is asked for the first time.
#
# Expected from: nginx's documentation of ngx_http_proxy_module, proxy_cache_lock: the others wait for
# the response to appear in the cache. It speaks of a new element, and names no step of half a second.
# Who meets it: the public who open the live count at once; whoever puts nginx in front of an app.
# What we do: deploy/nginx.conf has both, with proxy_cache_background_update.
# Tried on 2026-11-28. Needs nginx and python3; loopback only, ends by itself within seconds.
#
# Exit 0: still so. Exit 1: it behaves otherwise now. Exit 2: nginx is missing.
set -euo pipefail
PATH=$PATH:/usr/sbin
if ! command -v nginx >/dev/null; then
    echo "nginx is missing: apt install nginx-light (Debian 12 has 1.22.1)." >&2
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
nginx -v 2>&1
python3 - "$folder" <<'PY'
import http.client
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

folder = Path(sys.argv[1])
asked = Counter()
answer = threading.Event()


class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked[self.path] += 1
        answer.wait(5)
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=1")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"count")

    def log_message(self, *_):
        pass


app = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
threading.Thread(target=app.serve_forever, daemon=True).start()
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
places = "".join(
    f"{name}_temp_path {folder}/{name};"
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
(folder / "nginx.conf").write_text(
    f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
    "events { worker_connections 64; }"
    f"http {{ access_log off; {places} proxy_cache_path {folder}/cache keys_zone=count:1m;"
    f"server {{ listen 127.0.0.1:{port}; proxy_cache count; proxy_cache_lock on;"
    f"location / {{ proxy_pass http://127.0.0.1:{app.server_port}; }}"
    f"location /old/ {{ proxy_pass http://127.0.0.1:{app.server_port};"
    "proxy_cache_use_stale updating; proxy_cache_background_update on; } } }"
)


def six(path):
    """Six ask while the app has not answered yet.

    Gives how long after its answer each of them had theirs, and how often it was asked.
    """
    answer.clear()
    before, took, lines = asked[path], [], []
    for _ in range(6):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        line.request("GET", path)
        lines.append(line)
        time.sleep(0.02)

    def read(line):
        line.getresponse().read()
        took.append(round(time.monotonic() - answered, 2))
        line.close()

    threads = [threading.Thread(target=read, args=(line,)) for line in lines]
    answered = time.monotonic()
    answer.set()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took), asked[path] - before


server = subprocess.Popen(
    ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL
)
try:
    for _ in range(100):
        with socket.socket() as door:
            if door.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    for turn in range(3):  # a busy machine may blur one of them
        waited, fetched_new = six(f"/count{turn}")
        late = fetched_new == 1 and waited[0] < 0.2 and all(0.25 < one < 0.8 for one in waited[1:])
        if late:
            break
    time.sleep(2)
    _, fetched_out = six("/count0")
    six("/old/count")
    time.sleep(2)
    _, fetched_old = six("/old/count")
finally:
    server.terminate()
    server.wait()
print(f"a new document: the six have it {waited} s after the app's answer; asked {fetched_new} time")
print(f"a copy that has run out: the app is asked {fetched_out} times by six")
print(f"the same with use_stale updating: the app is asked {fetched_old} time")
sys.exit(0 if late and fetched_out == 6 and fetched_old == 1 else 1)
PY
