#!/usr/bin/env python3
"""A shop that is refreshed while it is used: `under_load.py PROGRAM [SECONDS]`.

Starts a service over a RocksDB state, readers and writers that never pause, and runs refreshes from that state: one
as it should be, one that is killed at a random moment and gone on with, one that the gate refuses, and one more. Between
them come new users, events and live items. It holds against each other what was acknowledged and what is there:

- no request fails, also while bundles are swapped
- every event that was acknowledged before a refresh began is in its training set, as often as it was acknowledged
- live items are trained items afterwards, with the same id; histories are as they were appended
- a killed or refused refresh leaves the model in place; a rollback is in service within a second (printed)

Not a part of ./check: it takes a minute or two on a quiet machine. Prints what it counted; exit status 1 says that
something was not as it should be.
"""

import collections
import http.client
import itertools
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

USERS, ITEMS, KINDS = 300, 150, 5
SETTINGS = ["epochs=2", "collaborative_epochs=1", "codebook_size=16", "collaborative_tokens=2", "collaborative_dims=4",
            "semantic_dims=8", "encoder_hidden=16", "hidden=16", "feed_forward=16", "negatives=8", "batch_users=64"]  # fmt: skip


def read_npy(file):
    data = file.read_bytes()
    header = struct.unpack("<H", data[8:10])[0]
    described = data[10 : 10 + header].decode()
    letter = {"<i4": "i", "<i8": "q"}[described.split("'descr': '")[1][:3]]
    return [value[0] for value in struct.iter_unpack("<" + letter, data[10 + header :])]


def histories_of(dataset):
    """user -> how often each item stands in the training data."""
    items = [json.loads(line)["id"] for line in open(dataset / "items.jsonl")]
    users = (dataset / "users.txt").read_text().split("\n")
    offsets, events = read_npy(dataset / "offsets.npy"), read_npy(dataset / "events.npy")
    return {
        users[u]: collections.Counter(items[i] for i in events[offsets[u] : offsets[u + 1]])
        for u in range(len(offsets) - 1)
    }, items


class Shop:
    def __init__(self, program, folder):
        self.program, self.folder, self.random = program, folder, random.Random(4)
        self.lock = threading.Lock()
        self.acknowledged = collections.defaultdict(list)  # user -> items in order
        self.failures, self.counts = [], collections.Counter()
        self.live, self.stopping = [], False
        (folder / "logs").mkdir()
        with open(folder / "items.csv", "w") as file:
            file.write("item,title\n")
            for i in range(ITEMS):
                file.write(f"i{i},kind{i % KINDS} thing number{i % 7}\n")
        with open(folder / "logs/1.csv", "w") as file:
            file.write("user,item,time\n")
            for u, e in itertools.product(range(USERS), range(6)):
                file.write(f"u{u},{self.item(u)},{1_700_000_000 + 1000 * e}\n")
        settings = {"models": "models", "state": "state", "interactions": "logs/", "items": "items.csv",
                    "prepare": {"format": "csv"}, "set": SETTINGS, "worse_by": 1,
                    "after": "kill -HUP $(cat serve.pid 2>/dev/null) 2>/dev/null || true"}  # fmt: skip
        (folder / "refresh.json").write_text(json.dumps(settings))
        (folder / "strict.json").write_text(json.dumps({**settings, "worse_by": -1}))
        (folder / "first.json").write_text(json.dumps({k: v for k, v in settings.items() if k != "state"}))

    def item(self, user):
        return f"i{KINDS * self.random.randrange(ITEMS // KINDS) + user % KINDS}"

    def run(self, *words):
        return subprocess.run([self.program, "--threads", "1", *words], cwd=self.folder, capture_output=True, text=True)

    def serve(self):
        words = ["serve", "--model", "models/current", "--state", "state", "--listen", "127.0.0.1:0", "--access-log", "none"]
        self.service = subprocess.Popen([self.program, *words], cwd=self.folder, stdout=subprocess.PIPE, text=True)
        self.port = int(self.service.stdout.readline().rsplit(":", 1)[1])
        (self.folder / "serve.pid").write_text(str(self.service.pid))
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while self.ask(self.connection, "GET", "/readyz")[0] != 200:
            time.sleep(0.05)

    def ask(self, connection, method, target, body=None):
        connection.request(method, target, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def expect(self, connection, method, target, body=None):
        try:
            status, answer = self.ask(connection, method, target, body)
        except Exception as error:  # a connection that broke is a request that failed
            self.failures.append(f"{method} {target}: {error!r}")
            connection.close()
            return None
        self.counts[f"{method} {target.split('/')[2]}"] += 1
        if status != 200:
            self.failures.append(f"{method} {target} {body}: {status} {answer}")
            return None
        return answer

    def read(self, seed):
        connection, mine = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60), random.Random(seed)
        while not self.stopping:
            if mine.random() < 0.5:
                self.expect(connection, "POST", "/v1/recommend", {"user": f"u{mine.randrange(2 * USERS)}"})
            else:
                self.expect(connection, "POST", "/v1/recommend", {"history": [f"i{mine.randrange(ITEMS)}"], "k": 5})

    def write(self, writer):
        connection, mine = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60), random.Random(writer)
        for n in itertools.count():
            if self.stopping:
                return
            user = f"{'u' if mine.random() < 0.5 else 'new'}{writer + 4 * mine.randrange(USERS // 4)}"  # its own users
            items = [self.item(mine.randrange(KINDS)) for _ in range(mine.randrange(1, 4))]
            if self.live and mine.random() < 0.2:
                items.append(mine.choice(self.live))
            events = [{"item": item, "kind": "view"} for item in items]
            body = {"events": events, "idempotency_key": f"{writer}-{n}"}
            if self.expect(connection, "POST", f"/v1/users/{user}/events", body) is not None:
                with self.lock:
                    self.acknowledged[user] += items

    def put_live_items(self, count):
        for _ in range(count):
            name = f"live{len(self.live)}"
            if self.expect(self.connection, "PUT", f"/v1/items/{name}", {"title": f"kind{len(self.live) % KINDS} thing"}):
                self.live.append(name)

    def snapshot(self):
        with self.lock:
            return {user: collections.Counter(items) for user, items in self.acknowledged.items()}, list(self.live)

    def generation(self):
        return self.ask(self.connection, "GET", "/readyz")[1]["generation"]

    def wait_for(self, generation):
        while self.generation() < generation:
            time.sleep(0.02)

    def current(self):
        return os.readlink(self.folder / "models/current")


def check(condition, what):
    if not condition:
        raise SystemExit(f"WRONG: {what}")


def check_trained(shop, number, before, live):
    trained, items = histories_of(shop.folder / f"models/{number}.data")
    missing = sum((counter - trained.get(user, collections.Counter())).total() for user, counter in before.items())
    check(missing == 0, f"{missing} acknowledged events are missing from the training set of {number}")
    check(set(live) <= set(items), f"live items are missing from {number}")
    for name in live[:20]:
        card = shop.ask(shop.connection, "GET", f"/v1/items/{name}")[1]
        check(card["id"] == name and card["live"] is False, f"{name} is no trained item: {card}")
    print(f"{number}: {sum(c.total() for c in before.values())} acknowledged events and {len(live)} live items are in it")


def main():
    program = os.path.abspath(sys.argv[1])
    pause = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(program, Path(folder))
        first = shop.run("refresh", "first.json")
        check(first.returncode == 0, first.stderr)
        shop.serve()
        threads = [threading.Thread(target=shop.read, args=(s,)) for s in range(2)]
        threads += [threading.Thread(target=shop.write, args=(w,)) for w in range(4)]
        for thread in threads:
            thread.start()
        try:
            drive(shop, pause)
        finally:
            shop.stopping = True
            for thread in threads:
                thread.join()
        for user, items in shop.acknowledged.items():
            stored = shop.ask(shop.connection, "GET", f"/v1/users/{user}")[1]["items"]
            check(stored == items[-1000:], f"the history of {user} is not what was acknowledged")
        shop.service.send_signal(signal.SIGTERM)
        check(shop.service.wait(60) == 0, "the service did not end well")
        check(not shop.failures, f"{len(shop.failures)} requests failed: {shop.failures[:3]}")
        events = sum(len(items) for items in shop.acknowledged.values())
        print(f"{sum(shop.counts.values())} requests, none failed: {dict(shop.counts)}")
        print(f"{events} events of {len(shop.acknowledged)} users acknowledged, all in the histories, in their order")


def refresh(shop, file="refresh.json"):
    shop.put_live_items(10)
    time.sleep(shop.pause)
    before, live = shop.snapshot()
    generation = shop.generation()
    return before, live, generation, shop.run("refresh", file)


def drive(shop, pause):
    shop.pause = pause
    before, live, generation, done = refresh(shop)
    check(done.returncode == 0, done.stderr)
    shop.wait_for(generation + 1)
    check_trained(shop, "000002", before, live)

    # Killed at a random moment: the model stays, and the next refresh goes on.
    shop.put_live_items(10)
    time.sleep(pause)
    before, live = shop.snapshot()
    running = subprocess.Popen([shop.program, "--threads", "1", "refresh", "refresh.json"], cwd=shop.folder,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    moment = random.uniform(0.05, 2.0)
    time.sleep(moment)
    running.kill()
    running.wait()
    check(shop.current() in ("000002", "000003"), "a killed refresh left no model in place")
    print(f"killed after {moment:.2f} s: {shop.current()} is in place")
    if shop.current() == "000002":
        generation = shop.generation()
        done = shop.run("refresh", "refresh.json")
        check(done.returncode == 0, done.stderr)
        shop.wait_for(generation + 1)
    check_trained(shop, "000003", before, live)

    # Refused by the gate: the model stays.
    before, live, generation, done = refresh(shop, "strict.json")
    check(done.returncode == 3, f"the gate did not refuse: {done.returncode} {done.stderr}")
    check(shop.current() == "000003", "a refused refresh changed the model in place")
    print("refused:", done.stderr.strip().rsplit("/", 1)[0][-160:])

    before, live, generation, done = refresh(shop)
    check(done.returncode == 0, done.stderr)
    shop.wait_for(generation + 1)
    check_trained(shop, "000004", before, live)

    generation = shop.generation()
    start = time.monotonic()
    done = shop.run("rollback", "refresh.json")
    check(done.returncode == 0, done.stderr)
    shop.wait_for(generation + 1)
    print(f"rollback to {shop.current()}: {time.monotonic() - start:.2f} s until it is in service")
    check(shop.current() == "000003", "the rollback went elsewhere")


if __name__ == "__main__":
    main()
