"""Kafka Connect, distributed: two workers, a connector that writes and one that reads what it wrote.

The workers are a group of their own protocol, by which they share out connectors and tasks; the tasks that read
are a consumer group as any other. All that runs in a worker counts as one client of the ledger.
"""

import json
import re
import signal
import urllib.error
import urllib.request
from collections import defaultdict
from contextlib import closing

from .common import EARLIEST, committed_beyond, summary
from .group import HEARTBEAT_MS, SESSION_MS, Group
from .ledger import Failure
from .tool import Tools

NAME = "connect"
TOPIC, PARTITIONS = "counted", 2
CONFIGS, OFFSETS, STATUS = "connect-configs", "connect-offsets", "connect-status"
TOPICS = {TOPIC: PARTITIONS, CONFIGS: 1, OFFSETS: 2, STATUS: 2}
# How long the tasks of a lost worker stay assigned to it.
DELAY_MS = 1000
COUNTS = {"connector.class": "Counts", "tasks.max": str(PARTITIONS), "topic": TOPIC}
PRINTS = {"connector.class": "Prints", "tasks.max": str(PARTITIONS), "topics": TOPIC}
LISTENS = re.compile(r"REST server listening at .* advertising URL (http://\S+)")
JSON = "org.apache.kafka.connect.json.JsonConverter"


def properties(world, client_id):
    """The worker's settings."""
    settings = {
        "bootstrap.servers": world.bootstrap,
        "group.id": NAME,
        "client.id": client_id,
        "listeners": "http://127.0.0.1:0",
        "config.storage.topic": CONFIGS,
        "offset.storage.topic": OFFSETS,
        "status.storage.topic": STATUS,
        "key.converter": JSON,
        "value.converter": JSON,
        "value.converter.schemas.enable": "false",
        "plugin.discovery": "service_load",
        "offset.flush.interval.ms": 500,
        "scheduled.rebalance.max.delay.ms": DELAY_MS,
        "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": HEARTBEAT_MS,
        "consumer.session.timeout.ms": SESSION_MS,
        "consumer.heartbeat.interval.ms": HEARTBEAT_MS,
        "consumer.interceptor.classes": "Commits",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


class Sources:
    """Where the counting tasks run, and whether they wrote what they counted."""

    def __init__(self):
        self.running = {}  # task -> worker
        self.starts = defaultdict(list)  # task -> the numbers with which it started

    def started(self, worker, task, number):
        if task in self.running:
            raise Failure(f"task {task} starts on {worker}, but runs on {self.running[task]}")
        self.running[task] = worker
        self.starts[task].append(int(number))

    def stopped(self, worker, task):
        if self.running.get(task) == worker:
            del self.running[task]

    def gone(self, worker):
        self.running = {task: where for task, where in self.running.items() if where != worker}

    def judge(self, values):
        """
        `values` are the records of each partition by offset: TASK/NUMBER/START. A task starts behind what it
        has stored, so it may count again, and may not leave out a number.
        """
        again = 0
        for task in sorted(self.starts):
            counted = 0
            for _, value in sorted(values[f"{TOPIC}-{task}"].items()):
                by, number, start = value.split("/")
                if by != task or int(start) not in self.starts[task]:
                    raise Failure(f"{value!r} belongs to no run of task {task}: {self.starts[task]}")
                if int(number) > counted:
                    raise Failure(f"task {task} wrote {number} before {counted}")
                again += int(number) < counted
                counted = max(counted, int(number) + 1)
            if counted < max(self.starts[task]):
                raise Failure(f"task {task} began with {max(self.starts[task])}, but wrote only {counted} numbers")
        return again


class Workers(Group):
    """A group of workers; their lines are those of the reading tasks in them, and those of the counting ones."""

    def __init__(self, world):
        super().__init__(NAME, world, TOPIC, PARTITIONS)
        self.sources = Sources()

    def arguments(self, client_id, _assignor):
        """The only one is a file."""
        file = self.world.logs / f"{client_id}.properties"
        file.write_text(properties(self.world, client_id))
        return [str(file)]

    def leave(self, worker):
        """A worker does not report its own end, but its tasks report theirs before."""
        worker.ending = True
        worker.process.send_signal(signal.SIGTERM)
        self.wait("it ends", lambda: worker.process.poll() is not None)
        self._read(0)
        self._ended(worker)
        del self.consumers[worker.client_id]
        if left := self.tasks(worker):
            raise Failure(f"{worker.client_id} ended with {left} tasks")

    def kill(self, worker):
        super().kill(worker)
        self.sources.gone(worker.client_id)

    def tasks(self, worker):
        """The number of tasks that it runs. Each reading task has its own partition, once that group has settled."""
        counting = list(self.sources.running.values()).count(worker.client_id)
        return counting + len(self.ledger.owned(worker.client_id))

    def settles(self, *tasks):
        """Waits until every task runs, and the workers have this many of them."""
        shared = lambda: sorted(map(self.tasks, self.consumers.values())) == sorted(tasks)
        return self.wait(f"tasks shared {'+'.join(map(str, tasks))}", shared)

    def _judge(self, line):
        match line.split():
            case [worker, "started", task, number]:
                self.sources.started(worker, task, number)
            case [worker, "stopped", task]:
                self.sources.stopped(worker, task)
            case _:
                super()._judge(line)

    def _situation(self):
        return f"counting tasks run at {self.sources.running}; {super()._situation()}"


class Rest:
    """A worker's REST interface; the workers forward requests for their leader."""

    def __init__(self, workers, worker):
        self.worker = worker
        workers.wait("it says where it listens", self._find)

    def _find(self):
        found = LISTENS.search(self.worker.log.read_text(errors="replace"))
        self.url = found and found[1]
        return self.url

    def ask(self, path, method="GET", body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def asked(self, *question):
        """Whether a request succeeded: it fails while the worker starts, and during a rebalance."""
        try:
            self.answer = self.ask(*question)
        except urllib.error.HTTPError as error:
            if error.code in (404, 409, 500, 503):
                return False
            raise Failure(f"{self.worker.client_id} answers {question} with {error}: {error.read()}") from error
        except (urllib.error.URLError, OSError):
            return False
        return True


def run(world, kind, command, report):
    with closing(Workers(world)) as workers, closing(Tools(command, world, NAME)) as tools:
        scenario(workers, kind, tools, report)


def scenario(workers, kind, tools, report):
    ledger = workers.ledger

    def do(rest, *question):
        workers.wait(f"{rest.worker.client_id} does {question}", lambda: rest.asked(*question))
        return rest.answer

    with report.step(NAME, "two workers form a group"):
        first, second = workers.start(kind, 1), workers.start(kind, 2)
        one, other = Rest(workers, first), Rest(workers, second)
        for rest in (one, other):
            do(rest, "connectors")

    with report.step(NAME, "one is given a connector of two tasks that count: each worker runs one"):
        do(other, "connectors/counts/config", "PUT", COUNTS)
        workers.settles(1, 1)

    with report.step(NAME, "the other is given one of two tasks that read: each worker runs two tasks"):
        do(one, "connectors/prints/config", "PUT", PRINTS)
        workers.settles(2, 2)

    with report.step(NAME, "both say what runs where, and the tasks that read have committed"):
        before = dict(ledger.committed)
        workers.wait("a commit of every partition", lambda: committed_beyond(ledger, before))
        where = {rest.worker.client_id: rest.url.split("/")[2] for rest in (one, other)}
        running = {task: where[worker] for task, worker in workers.sources.running.items()}
        for rest in (one, other):
            workers.wait(f"{rest.worker.client_id} says so", lambda r=rest: where_counted(do, r) == running)

    with report.step(NAME, "the second closes: the first runs all four") as note:
        workers.leave(second)
        took = workers.settles(4)
        if took * 1000 >= SESSION_MS:
            raise Failure(f"took {took:.1f} s: as long as if it had crashed instead of left")
        note.text = f"{took:.1f} s later"

    with report.step(NAME, "it rejoins: each runs two"):
        second = workers.start(kind, 2)
        workers.settles(2, 2)

    with report.step(NAME, "the second is killed: the first runs all four") as note:
        workers.kill(second)
        took = workers.settles(4)
        if took < EARLIEST:
            raise Failure(f"after {took:.1f} s, though its session lasts {SESSION_MS / 1000:.0f} s")
        note.text = f"{took:.1f} s later"

    with report.step(NAME, "it restarts: each runs two, and the tasks go on"):
        second = workers.start(kind, 2)
        workers.settles(2, 2)
        before = dict(ledger.committed)
        workers.wait("a commit of every partition", lambda: committed_beyond(ledger, before))

    with report.step(NAME, "the tools list the group of the workers, and that of the tasks"):
        rows = {row["GROUP"]: row for row in tools.do("GroupsCommand", "--list").rows()}
        protocols = {group: rows.get(group, {}).get("PROTOCOL") for group in (NAME, "connect-prints")}
        if protocols != {NAME: "connect", "connect-prints": "consumer"}:
            raise Failure(f"they list the protocols {protocols}")

    with report.step(NAME, "the counting is deleted: all that was counted is read") as note:
        do(one, "connectors/counts", "DELETE")
        workers.wait("no task counts", lambda: not workers.sources.running)
        ends = tools.ends(TOPIC)
        workers.wait(f"commits of {ends}", lambda: ledger.committed == ends)
        again = workers.sources.judge(ledger.values)
        note.text = f"{sum(ends.values())} numbers, none left out, {again} counted again"

    with report.step(NAME, "both close") as note:
        workers.leave(second)
        workers.leave(first)
        note.text = summary(ledger)


def where_counted(do, rest):
    """The counting tasks as a worker reports them; workers appear by their address."""
    tasks = do(rest, "connectors/counts/status")["tasks"]
    return {str(task["id"]): task["worker_id"] for task in tasks if task["state"] == "RUNNING"}
