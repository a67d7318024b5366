#!/usr/bin/env python3
"""Memory per account: the proxy with few and with many accounts of one tenant, before and after each has had a token.

    cargo build --release && python3 benches/accounts.py [--accounts 10000]

Prints private memory (RssAnon) in KiB, and the difference per account in bytes. Loopback only.
"""

import argparse
import http.client
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIRST = 510_000_001


class Tenant(http.server.BaseHTTPRequestHandler):
    """Gives a token to whoever asks, of the length that real ones have, and an empty answer to everything else."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        asked = self.rfile.read(length)
        if self.path == "/v2/token":
            account = json.loads(asked).get("account_id", 0)
            url = f"http://127.0.0.1:{self.server.server_port}/"
            body = {
                "access_token": f"{account:012}.".ljust(520, "t"),
                "token_type": "Bearer",
                "expires_in": 3600,
                "rest_instance_url": url,
                "soap_instance_url": url,
            }
        else:
            body = {}
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def private_kib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon"))


def logged(log, message):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            line = json.loads(line)
            if line["msg"] == message:
                return line
        time.sleep(0.05)
    raise SystemExit(f"not logged: {message}\n{log.read_text()}")


def measure(binary, tenant, accounts):
    """Private memory when started, and after every account was called once."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        port = tenant.server_port
        named = "".join(f"unit-{number} = {FIRST + number}\n" for number in range(accounts))
        config = f"""
[listen]
http = ["127.0.0.1:0"]
[admin]
listen = "127.0.0.1:0"
[tenants.acme]
client_id = "id"
client_secret = "secret"
auth_url = "http://127.0.0.1:{port}/"
trusted_hosts = ["127.0.0.1:{port}"]
account_id = {FIRST}
[tenants.acme.accounts]
{named}"""
        (folder / "sfmc-auth-proxy.toml").write_text(config)
        log = folder / "log"
        with log.open("w") as stderr:
            process = subprocess.Popen([binary, "run", "--log-format", "json"], cwd=folder, stderr=stderr)
        try:
            listening = logged(log, "listening")["address"]
            logged(log, "token minted")
            time.sleep(1)
            idle = private_kib(process)
            connection = http.client.HTTPConnection(listening)
            for number in range(accounts):
                connection.request("GET", f"/@acme:unit-{number}/x")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise SystemExit(f"unit-{number}: {answer.status}")
            time.sleep(1)
            used = private_kib(process)
            admin = logged(log, "admin listening")["address"]
            with urllib.request.urlopen(f"http://{admin}/metrics") as metrics:
                series = sum(not line.startswith(b"#") for line in metrics.read().splitlines())
            return idle, used, series
        finally:
            process.terminate()
            process.wait()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, default=10_000)
    arguments.add_argument("--binary", default=str(ROOT / "target/release/sfmc-auth-proxy"))
    arguments = arguments.parse_args()
    tenant = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tenant)
    threading.Thread(target=tenant.serve_forever, daemon=True).start()
    few = measure(arguments.binary, tenant, 1)
    many = measure(arguments.binary, tenant, arguments.accounts)
    print("| accounts | private memory, started | every account used once | series |")
    print("|---|---|---|---|")
    for accounts, (idle, used, series) in ((1, few), (arguments.accounts, many)):
        print(f"| {accounts} | {idle} KiB | {used} KiB | {series} |")
    per = [round((many[at] - few[at]) * 1024 / (arguments.accounts - 1)) for at in (0, 1)]
    print(f"| each more | {per[0]} bytes | {per[1]} bytes | |")


if __name__ == "__main__":
    main()
