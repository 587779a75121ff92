"""All clients on a cluster of three brokers with injected faults.

kafkajs and Kafka Streams call their assignors by names that no other client has, so each is a group of its own.
"""

from contextlib import ExitStack, closing

from .common import committed_beyond, summary
from .group import Group

NAME = "failover"
# Its own `serve`, whose brokers may crash without hurting the other scenarios.
SERVE = "cluster"
BROKERS = 3
TOGETHER = ["kafka-python", "aiokafka", "confluent-kafka", "java"]

# The controller detects a crash after 9 s; a client's backoff has grown in the meantime.
WITHIN = 60.0

SHARES = [1, 1, 1, 1], [2, 2], [2, 2]


def run(world, kinds, report):
    """`kinds` has Kafka Streams, too."""
    with ExitStack() as stack:
        names = NAME, f"kafkajs-{NAME}", f"streams-{NAME}"
        groups = [stack.enter_context(closing(Group(name, world))) for name in names]
        Failover(world.serve, groups, report).run(kinds)


class Failover:
    def __init__(self, serve, groups, report):
        self.serve = serve
        self.groups = groups
        self.together, self.alone, self.streams = groups
        self.report = report

    def run(self, kinds):
        with self.report.step(NAME, "four clients share a group; kafkajs and Kafka Streams have their own") as note:
            for name in TOGETHER:
                self.together.start(kinds[name], name)
            for number in (1, 2):
                self.alone.start(kinds["kafkajs"], number)
                self.streams.start(kinds["streams"], number)
            note.text = self.all_go_on()

        with self.report.step(NAME, "all groups get another coordinator: all continue") as note:
            was = self.coordinators()
            for group in self.groups:
                self.serve.tell(f"move {group.name}")
            note.text = self.all_go_on(lambda: self.moved_from(was))
            note.text += f"; {self.moved(was)}"

        crashed = self.coordinators()[0]
        with self.report.step(NAME, "a coordinator crashes: all continue") as note:
            was = self.coordinators()
            # Unlike the others, kafkajs does not notice that its session has expired.
            for client in self.alone.consumers:
                self.alone.ledger.cut_off(client)
            self.serve.tell(f"crash {crashed}")
            note.text = self.all_go_on(lambda: self.moved_from([crashed] * len(self.groups)))
            note.text += f"; {self.moved(was)}"
            self.alone.ledger.cut.clear()

        with self.report.step(NAME, "it restarts, and coordinates again: all continue") as note:
            self.serve.tell(f"restart {crashed}")
            self.serve.tell(f"move {self.together.name} to={crashed}")
            note.text = self.all_go_on(lambda: self.coordinators()[0] == crashed)

        with self.report.step(NAME, "every connection of every client is reset: all continue") as note:
            for group in self.groups:
                group.reset()
            note.text = self.all_go_on()

        with self.report.step(NAME, "all close") as note:
            for group in self.groups:
                group.leave(*group.consumers.values())
            note.text = "; ".join(summary(group.ledger) for group in self.groups)

    def all_go_on(self, claim=lambda: True):
        """Waits until the claim holds, and then until each group has committed in every partition."""
        took = self.wait("the clients know their coordinators", claim)
        self.hear()
        before = [dict(group.ledger.committed) for group in self.groups]
        advanced = lambda: all(map(went_on, self.groups, before, SHARES))
        took += self.wait(f"a commit of every partition, shared {SHARES}", advanced)
        return f"{took:.1f} s"

    def wait(self, what, claim):
        """Reads the pipes of all groups: a full pipe would block its consumers."""
        return self.together.wait(what, lambda: self.hear() or claim(), WITHIN)

    def hear(self):
        for group in self.groups:
            group.hear()

    def coordinators(self):
        """The coordinators that the clients of each group last received."""
        return [self.serve.coordinator(group.name) for group in self.groups]

    def moved_from(self, was):
        return all(now and now != before for now, before in zip(self.coordinators(), was))

    def moved(self, was):
        now = self.coordinators()
        return ", ".join(f"{g.name} from {a} to {b}" for g, a, b in zip(self.groups, was, now))


def went_on(group, before, shares):
    return committed_beyond(group.ledger, before) and group.shares() == shares
