"""Apache Kafka's command-line tools, and the output that each must have in each state of the group."""

import signal
import subprocess
import time
from contextlib import closing

from .group import DEADLINE, HEARTBEAT_MS, SESSION_MS
from .ledger import Failure
from .tool import CONSUMER, GROUPS, Tools

NAME = "tools"
TOPIC, PARTITIONS = "tooled", 4
PLACES = [str(number) for number in range(PARTITIONS)]
COMMIT_MS = 300
CONSOLE = ["--topic", TOPIC, "--group", NAME, "--from-beginning", "--formatter-property", "print.partition=true"]


def run(world, command, topics, report):
    with closing(Tools(command, world, NAME)) as tools:
        Scenario(world, tools, report).run(topics)


def must(what, found, expected):
    if found != expected:
        raise Failure(f"{what}: {found}, expected {expected}")


class Console:
    """A kafka-console-consumer, whose records go to a file."""

    def __init__(self, tools, number):
        self.client_id = f"{NAME}-{number}"
        self.file = tools.world.logs / f"{self.client_id}.records"
        properties = {
            "client.id": self.client_id,
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            "auto.commit.interval.ms": COMMIT_MS,
        }
        flags = [f for p in properties.items() for f in ("--command-property", "=".join(map(str, p)))]
        with self.file.open("w") as out, (tools.world.logs / f"{self.client_id}.err").open("a") as err:
            streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
            self.process = tools.start(CONSUMER, *CONSOLE, *flags, **streams)

    def records(self):
        return records(self.file.read_text())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        # A JVM exits in an orderly way on SIGTERM, but its exit code reports the signal.
        must(f"the exit code of {self.client_id}", self.process.wait(DEADLINE), 143)


def records(text):
    """The records that a console consumer has printed, by partition and in order; the last line may be incomplete."""
    read = {}
    for line in text[: text.rfind("\n") + 1].splitlines():
        partition, value = line.split("\t")
        read.setdefault(partition.removeprefix("Partition:"), []).append(value)
    return read


class Scenario:
    def __init__(self, world, tools, report):
        self.serve = world.serve
        self.tools = tools
        self.report = report
        self.written = 0

    def run(self, topics):
        self.of_topics(topics)
        self.one_consumer()
        self.two_consumers()
        self.offsets()
        self.the_end()

    def step(self, what):
        return self.report.step(NAME, what)

    def of_topics(self, topics):
        with self.step("kafka-topics lists the topics"):
            must("the topics", sorted(self.tools.do("TopicCommand", "--list").out.split()), sorted(topics))

        with self.step("kafka-topics and kafka-configs describe one"):
            lines = self.tools.do("TopicCommand", "--describe", "--topic", TOPIC).out.splitlines()
            head, *partitions = [[field.strip() for field in line.strip().split("\t")] for line in lines]
            expected = [f"Topic: {TOPIC}", f"PartitionCount: {PARTITIONS}", "ReplicationFactor: 1"]
            must("the topic", head[:1] + head[2:4], expected)
            placed = [["Partition: " + p, "Leader: 0", "Replicas: 0", "Isr: 0"] for p in PLACES]
            must("the partitions", [line[1:5] for line in partitions], placed)
            flags = ["--describe", "--entity-type", "topics", "--entity-name", TOPIC]
            must("the configs", self.tools.do("ConfigCommand", *flags).out.split("\n")[1:], [""])

        with self.step("kafka-broker-api-versions lists all APIs that are served"):
            said = self.tools.do("BrokerApiVersionsCommand").out
            must("what it cannot name", [line for line in said.splitlines() if "UNKNOWN" in line], [])
            must("JoinGroup", "JoinGroup(11): 0 to 9 [usable: 9]" in said, True)

        with self.step("kafka-get-offsets prints the ends of the partitions"):
            self.serve.tell(f"produce {TOPIC} count=40")
            self.written = 40
            self.has_written()
            earliest = self.tools.do("GetOffsetShell", "--topic", TOPIC, "--time", "earliest").out.split()
            must("the beginnings", earliest, [f"{TOPIC}:{p}:0" for p in PLACES])

    def one_consumer(self):
        with self.step("kafka-console-consumer reads 40 records from the beginning, in a group, and ends"):
            flags = [*CONSOLE, "--max-messages", "40", "--command-property", f"client.id={NAME}"]
            said = self.tools.do(CONSUMER, *flags)
            must("the records", records(said.out), self.expected(0))
            must("its last line", said.err.split("\n")[-2], "Processed a total of 40 messages")

        with self.step("kafka-consumer-groups and kafka-groups find the group empty, and its commits"):
            self.is_described([("10", "10", "0", "-")] * PARTITIONS)
            self.is_in("Empty", "0")
            rows = {row["GROUP"]: row for row in self.tools.do("GroupsCommand", "--list").rows()}
            must("the group", rows.get(NAME), {"GROUP": NAME, "TYPE": "Classic", "PROTOCOL": "consumer"})
            rows = {row["GROUP"]: row for row in self.tools.groups("--list", "--state", "Empty").rows()}
            must("the group", rows.get(NAME), {"GROUP": NAME, "STATE": "Empty"})

    def two_consumers(self):
        with self.step("kafka-console-producer writes, and two console consumers share the group") as note:
            self.consoles = [Console(self.tools, number) for number in (1, 2)]
            self.is_shared()
            self.serve.tell(f"produce {TOPIC} count=40")
            self.written += 40
            lines = "".join(f"by hand {number}\n" for number in range(3))
            self.tools.do("ConsoleProducer", "--topic", TOPIC, given=lines)
            self.have_read(43)
            note.text = " and ".join(str(len(flat(console.records()))) for console in self.consoles)

        with self.step("kafka-consumer-groups lists the members, their partitions and their commits"):
            self.are_members()

        with self.step("it refuses to reset and to delete a group that has members"):
            before = self.described()
            refused = {
                ("--reset-offsets", "--topic", TOPIC, "--to-earliest", "--execute"): "the current state is Stable",
                ("--delete-offsets", "--topic", TOPIC): "GroupSubscribedToTopicException",
                ("--delete",): "GroupNotEmptyException",
            }
            for flags, why in refused.items():
                said = self.tools.run(GROUPS, "--group", NAME, *flags)
                must(f"{flags} is refused with {why}", why in said.out + said.err, True)
            must("the group", self.described(), before)

    def offsets(self):
        with self.step("both end: the group is empty, its commits are there"):
            for console in self.consoles:
                console.end()
            self.is_in("Empty", "0")
            self.ends = self.tools.ends(TOPIC)
            must("the records", sum(self.ends.values()), self.written + 3)
            ends = [str(self.ends[f"{TOPIC}-{p}"]) for p in PLACES]
            self.is_described([(end, end, "0", "-") for end in ends])

        with self.step("kafka-consumer-groups plans a reset, and executes it"):
            self.resets(["--topic", TOPIC, "--to-earliest"], ["0"] * 4, "--dry-run")
            self.is_described([(end, end, "0", "-") for end in ends])
            self.resets(["--topic", f"{TOPIC}:0", "--to-offset", "15"], ["15"], "--execute")
            self.resets(["--topic", f"{TOPIC}:1", "--shift-by", "-3"], [str(int(ends[1]) - 3)], "--execute")
            lags = [int(ends[0]) - 15, 3, 0, 0]
            self.is_described([(str(int(e) - lag), e, str(lag), "-") for e, lag in zip(ends, lags)])

        with self.step("a console consumer continues from there"):
            flags = [*CONSOLE, "--max-messages", str(sum(lags)), "--command-property", f"client.id={NAME}"]
            read = records(self.tools.do(CONSUMER, *flags).out)
            must("how many records", {p: len(values) for p, values in read.items()}, {"0": lags[0], "1": 3})
            self.is_described([(end, end, "0", "-") for end in ends])

    def the_end(self):
        with self.step("it deletes the offsets of a partition, and the group"):
            said = self.tools.groups("--group", NAME, "--delete-offsets", "--topic", f"{TOPIC}:2").rows()
            must("the partition", said, [{"TOPIC": TOPIC, "PARTITION": "2", "STATUS": "Successful"}])
            must("the partitions", sorted(row["PARTITION"] for row in self.described()), ["0", "1", "3"])
            self.tools.groups("--group", NAME, "--delete")
            must("the groups", NAME in self.tools.groups("--list").out.split(), False)
            said = self.tools.run(GROUPS, "--group", NAME, "--describe")
            must("it is not found", f"Group {NAME} not found" in said.out + said.err, True)

    def expected(self, since):
        """The records that `serve` has produced after that record number, by partition."""
        share = (self.written - since) // PARTITIONS
        firsts = {p: since + int(p) * share + 1 for p in PLACES}
        return {p: [f"{TOPIC}/{number}" for number in range(first, first + share)] for p, first in firsts.items()}

    def has_written(self):
        ends = {f"{TOPIC}-{p}": self.written // PARTITIONS for p in PLACES}
        must("the ends", self.tools.ends(TOPIC), ends)

    def described(self, *flags):
        rows = self.tools.groups("--group", NAME, "--describe", *flags).rows()
        return sorted(rows, key=lambda row: row.get("PARTITION", row.get("CLIENT-ID", "")))

    def is_described(self, expected):
        rows = self.described("--offsets")
        names = ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID")
        must("the offsets", [tuple(row[name] for name in names) for row in rows], expected)

    def is_in(self, state, members):
        row = self.described("--state")[0]
        must("the state", (row["STATE"], row["#MEMBERS"]), (state, members))

    def is_shared(self):
        """Waits until each of the two has half."""
        self.until("two members with two partitions each", lambda: shares(self.described("--members")) == ["2", "2"])

    def have_read(self, count):
        """Whether the two have read this many records, each from all of its partitions."""
        self.until(f"{count} records", lambda: sum(len(flat(c.records())) for c in self.consoles) == count)
        self.reader = {p: c.client_id for c in self.consoles for p in c.records()}
        must("how many partitions", sum(len(c.records()) for c in self.consoles), PARTITIONS)
        read = {p: values for c in self.consoles for p, values in c.records().items()}
        by_hand = sorted(value for value in flat(read) if value.startswith("by hand"))
        must("what was written by hand", by_hand, [f"by hand {number}" for number in range(3)])
        made = {p: [value for value in values if value not in by_hand] for p, values in read.items()}
        must("what was produced", made, self.expected(40))

    def are_members(self):
        self.until("that all is committed", lambda: {row["LAG"] for row in self.described("--offsets")} == {"0"})
        rows = self.described("--offsets")
        must("the owners", {row["PARTITION"]: row["CLIENT-ID"] for row in rows}, self.reader)
        owners = {row["CLIENT-ID"]: row["CONSUMER-ID"] for row in rows}
        for row in self.described("--members", "--verbose"):
            client = row["CLIENT-ID"]
            mine = ",".join(sorted(p for p, reader in self.reader.items() if reader == client))
            member = (row["CONSUMER-ID"], row["HOST"], row["#PARTITIONS"], row["CURRENT-ASSIGNMENT"])
            must(f"the member of {client}", member, (owners[client], "/127.0.0.1", "2", f"{TOPIC}:{mine}"))
        self.is_in("Stable", "2")

    def resets(self, flags, offsets, how):
        rows = self.tools.groups("--group", NAME, "--reset-offsets", *flags, how).rows()
        must("the new offsets", [row["NEW-OFFSET"] for row in sorted(rows, key=lambda row: row["PARTITION"])], offsets)

    def until(self, what, claim):
        end = time.monotonic() + DEADLINE
        while not claim():
            for console in self.consoles:
                must(f"whether {console.client_id} runs", console.process.poll(), None)
            if time.monotonic() > end:
                raise Failure(f"not within {DEADLINE:.0f} s: {what}")
            time.sleep(0.2)


def shares(members):
    return [row["#PARTITIONS"] for row in members]


def flat(read):
    return [value for values in read.values() for value in values]
