"""nginx with deploy/nginx.conf on a free port, for the tests and the benchmarks."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def program() -> str | None:
    """Where nginx is, which lies in a folder that only root's PATH has on many systems."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def configured(folder: Path, port: int, origin: int) -> Path:
    """Our file as it is, but for its ports and folders, in a configuration of its own."""
    ours = (ROOT / "deploy" / "nginx.conf").read_text()
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:5000;", f"server 127.0.0.1:{origin};"),
        ("/var/cache/nginx/obidient", str(folder / "cache")),
        ("/var/log/nginx/obidient.log", str(folder / "access.log")),
    ):
        assert old in ours
        ours = ours.replace(old, new)
    (folder / "site.conf").write_text(ours)
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    # As root, nginx would give its processes to somebody who may not read this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main.write_text(
        f"{user} daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 512; }}\n"
        f"http {{ {temporary}\ninclude {folder}/site.conf; }}\n"
    )
    return main
