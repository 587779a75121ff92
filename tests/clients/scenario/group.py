"""One consumer group: starts its consumers, reads their lines, and waits for conditions."""

import os
import select
import signal
import subprocess
import time
from collections import deque

from . import children
from .ledger import Failure, Ledger

# The coordinator's default for the shortest session that it grants.
SESSION_MS = 6000
HEARTBEAT_MS = 1000
# The longest wait. All groups start their interpreters on the same few cores.
DEADLINE = 30.0


class Consumer:
    def __init__(self, kind, client_id, process, log):
        self.kind = kind
        self.client_id = client_id
        self.process = process
        self.log = log
        self.ending = False

    def clients(self):
        """Its client ids on the brokers."""
        return [self.client_id + end for end in self.kind.clients]

    def last_lines(self):
        """The last lines of its standard error, shortened."""
        lines = self.log.read_text(errors="replace").splitlines()[-3:]
        return " | ".join(line[:200] for line in lines)


class Group:
    def __init__(self, name, world, topic=None, partitions=None):
        self.name = name
        self.world = world
        self.topic = topic or world.topic
        self.ledger = Ledger(self.topic, partitions or world.partitions)
        self.consumers = {}
        self.ends, self.writing = os.pipe()
        self.partial = b""
        self.heard = deque(maxlen=12)
        self.lines = (world.logs / f"{name}.lines").open("w")

    def start(self, kind, number, assignor="roundrobin"):
        """Starts consumer `number`, which replaces an earlier one with that number."""
        client_id = f"{self.name}-{number}"
        log = self.world.logs / f"{client_id}.err"
        with log.open("a") as stderr:
            streams = {"stdin": subprocess.DEVNULL, "stdout": self.writing, "stderr": stderr}
            process = kind.start(children, client_id, self.arguments(client_id, assignor), **streams)
        self.ledger.closed.discard(client_id)
        self.consumers[client_id] = Consumer(kind, client_id, process, log)
        return self.consumers[client_id]

    def arguments(self, client_id, assignor):
        """The arguments of its consumers."""
        options = {
            "bootstrap": self.world.bootstrap,
            "group": self.name,
            "topic": self.topic,
            "client-id": client_id,
            "session-ms": SESSION_MS,
            "heartbeat-ms": HEARTBEAT_MS,
            "assignor": assignor,
        }
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]

    def leave(self, *consumers):
        """Sends each SIGTERM, and waits until each has left the group and exited."""
        for consumer in consumers:
            consumer.ending = True
            consumer.process.send_signal(signal.SIGTERM)
        ids = {consumer.client_id for consumer in consumers}
        self.wait("all said `closed`", lambda: ids <= self.ledger.closed)
        for consumer in consumers:
            self._ended(consumer)
            del self.consumers[consumer.client_id]

    def kill(self, consumer):
        """Sends SIGKILL. The lines that it printed before still count."""
        del self.consumers[consumer.client_id]
        children.kill(consumer.process)
        self._read(0)
        self.ledger.gone(consumer.client_id)

    def cut_off(self, consumer):
        """Partitions it from all brokers, in both directions."""
        self.ledger.cut_off(consumer.client_id)
        self._links("partition", consumer)

    def heal(self, consumer):
        self._links("heal", consumer)

    def _links(self, what, consumer):
        for client in consumer.clients():
            for broker in range(self.world.brokers):
                self.world.serve.tell(f"{what} {client} b{broker}")

    def reset(self):
        """Resets the connections of every client."""
        for consumer in self.consumers.values():
            for client in consumer.clients():
                self.world.serve.tell(f"reset {client}")

    def close(self):
        """Kills the remaining consumers, as after a failed scenario."""
        for consumer in self.consumers.values():
            children.kill(consumer.process)
        self.lines.close()
        os.close(self.ends)
        os.close(self.writing)

    def wait(self, what, claim, within=DEADLINE):
        """Reads until the condition holds; returns the time that took."""
        start = time.monotonic()
        while not claim():
            left = start + within - time.monotonic()
            if left <= 0:
                raise Failure(f"not within {within:.0f} s: {what}; {self._situation()}")
            self._read(min(left, 0.2))
            self._all_alive()
        return time.monotonic() - start

    def hear(self):
        """Reads the lines that its consumers have printed, without waiting for more."""
        self._read(0)

    def shares(self):
        """The number of partitions of each consumer, if all partitions are owned; else None."""
        if set(self.ledger.owner) != self.ledger.partitions:
            return []
        return sorted(len(self.ledger.owned(client)) for client in self.consumers)

    def settles(self, *shares):
        """Waits until every partition has exactly one owner, and the consumers have these shares."""
        what = f"{self.world.partitions} partitions shared {'+'.join(map(str, shares))}"
        return self.wait(what, lambda: self.shares() == sorted(shares))

    def _ended(self, consumer):
        try:
            code = consumer.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failure(f"{consumer.client_id} printed `closed` and did not exit") from None
        if code not in (0, consumer.kind.ended, -consumer.kind.ended):
            raise Failure(f"{consumer.client_id} ended with {code}: {consumer.last_lines()}")

    def _all_alive(self):
        for consumer in self.consumers.values():
            code = consumer.process.poll()
            if code is not None and not consumer.ending:
                raise Failure(f"{consumer.client_id} exited by itself with {code}: {consumer.last_lines()}")

    def _read(self, seconds):
        """Reads everything in the pipe, after waiting up to `seconds` for the first line."""
        while select.select([self.ends], [], [], seconds)[0]:
            *lines, self.partial = (self.partial + os.read(self.ends, 65536)).split(b"\n")
            for line in lines:
                self._hear(line.decode(errors="replace"))
            seconds = 0

    def _hear(self, line):
        self.lines.write(f"{time.monotonic() - self.world.start:9.3f} {line}\n")
        self.lines.flush()
        self.heard.append(line)
        try:
            self._judge(line)
        except Failure as failure:
            raise Failure(f"{failure}; after: {' | '.join(self.heard)}") from None

    def _judge(self, line):
        self.ledger.line(line)

    def _situation(self):
        complaints = [f"{c.client_id} complains: {c.last_lines()}" for c in self.consumers.values() if c.last_lines()]
        return "; ".join([self.ledger.describe(), *complaints])
