#!/usr/bin/env python3
"""Three replicas from one bundle behind nginx, with the configuration of examples/nginx.conf and histories in Redis.

    replicas_test.py TESSERA NGINX_CONF

Ends with 77 (skipped) where nginx or redis-server is not installed."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PROGRAM, CONFIGURATION = sys.argv[1:3]
TINY = "codebook_size=16 epochs=1 semantic_dims=16 hidden=16 feed_forward=32 max_length=8 batch_users=64".split()
EVENTS = ["S000012", "S000070"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(port, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
        return json.loads(text) if text else None


HOST = "Host: shop.example\r\n"
CHUNK = "5\r\n{    \r\n0\r\n\r\n"
# Header fields after which two programs may see a request's end in two places, and bodies in chunks that do.
DOUBTFUL_FIELDS = [
    "Transfer-Encoding: xchunked", "Transfer-Encoding: identity", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: gzip, chunked", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Content-Length: 4\r\nTransfer-Encoding: chunked", "X: y\nTransfer-Encoding: chunked",
    "Content-Length: 4\r\nContent-Length: 5", "Content-Length: 4, 4", "Content-Length: +4", "Content-Length: 0x4",
    "Transfer-Encoding: \x0bchunked"]
DOUBTFUL_BODIES = ["5;\n{    \r\n0\r\n\r\n", "5\n{    \r\n0\r\n\r\n", "0x5\r\n{    \r\n0\r\n\r\n", "zz\r\n",
                   '5;a="\n"\r\n{    \r\n0\r\n\r\n',
                   "5\r\n{    \n0\r\n\r\n", "5\r\n{    \r\n0\r\nX: y\r\n\r\n"]


def answers_to(port, text):
    """The status of each answer on one connection to this request and what follows it."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.3) as connection:
        connection.sendall(text.encode("latin-1"))
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except OSError:
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", received)]


def eventually(holds):
    for _ in range(600):
        try:
            if holds():
                return
        except (OSError, urllib.error.HTTPError):
            pass
        time.sleep(0.05)
    raise AssertionError("it did not come about within 30 s")


class ReplicasTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        shop, self.model = f"{self.folder}/shop", f"{self.folder}/model"
        tessera = [PROGRAM, "--threads", "1"]
        for words in (["simulate", "--users", "300", "--items", "150", "--seed", "3", "--out", shop],
                      ["embed", "--dims", "32", "--data", shop],
                      ["train", "--recipe", "paper", "--data", shop, "--out", self.model, *[w for s in TINY for w in ("--set", s)]]):
            subprocess.run(tessera + words, check=True, stdout=subprocess.DEVNULL)
        self.redis = f"unix:{self.folder}/redis.sock"
        self.start(["redis-server", "--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", ""])
        eventually(lambda: os.path.exists(f"{self.folder}/redis.sock"))
        self.ports = [free_port() for _ in range(3)]
        self.replicas = [self.replica(port) for port in self.ports]
        self.front = self.start_nginx()

    def start(self, words):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def replica(self, port):
        process = self.start([PROGRAM, "--threads", "1", "serve", "--model", self.model, "--state", self.redis,
                              "--listen", f"127.0.0.1:{port}", "--host", "shop.example", "--access-log", f"{self.folder}/{port}.log"])
        eventually(lambda: call(port, "GET", "/readyz"))
        return process

    def start_nginx(self):
        front = free_port()
        with open(CONFIGURATION) as file:
            text = file.read()
        for written, used in zip([8080, 8081, 8082, 8083], [front, *self.ports]):
            text, found = re.subn(f"127.0.0.1:{written}(?= max| *;)", f"127.0.0.1:{used}", text)
            self.assertEqual(found, 1, written)
        with open(f"{self.folder}/nginx.conf", "w") as file:
            file.write(text)
        self.start(["nginx", "-p", self.folder, "-c", f"{self.folder}/nginx.conf", "-e", "stderr", "-g",
                    f"daemon off; pid {self.folder}/nginx.pid;"])
        eventually(lambda: call(front, "GET", "/readyz"))
        return front

    def requests_of(self, port):
        with open(f"{self.folder}/{port}.log") as log:
            return sum("recommend" in line for line in log)

    def recommend(self, user="anna"):
        return self.recommended_by(self.front, {"user": user, "k": 5})

    def recommended_by(self, port, body):
        return [item["id"] for item in call(port, "POST", "/v1/recommend", body)["items"]]

    def is_known(self, port, item):
        try:
            return call(port, "GET", f"/v1/items/{item}")["id"] == item
        except urllib.error.HTTPError as error:
            self.assertEqual(error.code, 404)
            return False

    def no_request_hides_in_another(self):
        # Asked directly, a replica answers a doubtful request once and reads nothing after it.
        post = "POST /v1/recommend HTTP/1.1\r\n" + HOST
        requests = [post + fields + "\r\n\r\n" + CHUNK for fields in DOUBTFUL_FIELDS]
        requests += [post + "Transfer-Encoding: chunked\r\n\r\n" + body for body in DOUBTFUL_BODIES]
        for request in requests:
            with self.subTest(request=request):
                statuses = answers_to(self.ports[0], request + "DELETE /v1/users/anna HTTP/1.1\r\n" + HOST + "\r\n")
                self.assertEqual(statuses, [400])
        self.assertEqual(call(self.front, "GET", "/v1/users/anna")["items"], EVENTS)
        # The proxy passes some of them on in its own words. What it does not pass on itself must not get through
        # inside of another request, and the next client on the same link must get its own answer.
        for request in requests:
            with self.subTest(request=request):
                answers_to(self.front, request + "POST /v1/admin/purge HTTP/1.1\r\n" + HOST + "\r\n")
                self.assertEqual(call(self.front, "GET", "/healthz"), {"status": "ok"})
        for port in self.ports:
            with open(f"{self.folder}/{port}.log") as log:
                self.assertNotIn("/v1/admin/purge", log.read())

    def test_replicas(self):
        # What one replica was told, all know.
        call(self.front, "POST", "/v1/users/anna/events", {"items": EVENTS})
        alone = [item["id"] for item in
                 call(self.ports[0], "POST", "/v1/recommend", {"history": EVENTS, "k": 5})["items"]]
        for _ in range(30):
            self.assertEqual(self.recommend(), alone)
        eventually(lambda: all(self.requests_of(port) >= 5 for port in self.ports))

        # Clients ask by a name that the replicas were given, and by no other.
        ask = "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
        self.assertEqual(answers_to(self.front, ask.format("shop.example")), [200])
        self.assertEqual(answers_to(self.front, ask.format("evil.example")), [421])
        self.no_request_hides_in_another()

        # What one replica is told of items the others learn.
        call(self.ports[0], "PUT", "/v1/items/new-1", {"title": "Steel teapot", "text": "Steel teapot; Kitchen"})
        call(self.ports[1], "DELETE", f"/v1/items/{alone[0]}")
        for port in self.ports:
            eventually(lambda: call(port, "GET", "/v1/items/new-1")["id"] == "new-1")
            eventually(lambda: not self.is_known(port, alone[0]))
        call(self.ports[2], "POST", f"/v1/items/{alone[0]}/restore")
        call(self.ports[2], "PUT", "/v1/items/new-1", {"title": "Copper teapot", "text": "Copper teapot; Kitchen"})
        for port in self.ports:
            eventually(lambda: self.is_known(port, alone[0]))
            eventually(lambda: call(port, "GET", "/v1/items/new-1")["title"] == "Copper teapot")
            self.assertEqual(self.recommended_by(port, {"history": EVENTS, "allow": ["new-1", *alone]}),
                             self.recommended_by(self.ports[0], {"history": EVENTS, "allow": ["new-1", *alone]}))

        # A replica dies and another is being stopped: nobody who asks notices.
        self.replicas[0].kill()
        for _ in range(30):
            self.assertEqual(self.recommend(), alone)
        self.replicas[1].terminate()
        for _ in range(30):
            self.assertEqual(self.recommend(), alone)
        self.assertEqual(self.replicas[1].wait(), 0)
        # A new one takes its place, with the history and the item.
        self.replicas[0] = self.replica(self.ports[0])
        before = self.requests_of(self.ports[0])
        eventually(lambda: self.recommend() == alone and self.requests_of(self.ports[0]) > before)
        self.replicas[2].kill()
        self.assertEqual(self.recommend(), alone)
        self.assertEqual(call(self.ports[0], "GET", "/v1/items/new-1")["id"], "new-1")

        # What is one replica's own business is not passed on.
        with self.assertRaises(urllib.error.HTTPError) as refused:
            call(self.front, "POST", "/v1/admin/reload")
        self.assertEqual(refused.exception.code, 404)


if __name__ == "__main__":
    if not (shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")) or not shutil.which("redis-server"):
        sys.exit(77)
    os.environ["PATH"] += ":/usr/sbin"
    unittest.main(argv=sys.argv[:1])
