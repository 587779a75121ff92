"""A Kafka Streams application of two instances, with the steps of any other client, and then its output."""

from contextlib import closing

from . import common
from .ledger import Failure
from .tool import CONSUMER, Tools

NAME = "streams"
COPY = "copies"


def run(group, kind, command, report):
    common.run(group, kind, kind, report)
    with report.step(NAME, "kafka-console-consumer finds every record in the copy, in order") as note:
        with closing(Tools(command, group.world, NAME)) as tools:
            count = sum(tools.ends(COPY).values())
            flags = ["--topic", COPY, "--from-beginning", "--max-messages", str(count)]
            said = tools.do(CONSUMER, *flags, "--formatter-property", "print.key=true")
        note.text = judge(group.ledger, [line.split("\t") for line in said.out.splitlines()])


def judge(ledger, copies):
    """
    Every copy must be of a record that an instance said it read, and every record that they committed must have
    one. Whoever copies a partition goes on where a commit was, so no record comes before one in front of it.
    """
    copied = dict.fromkeys(ledger.partitions, 0)
    for partition, value in copies:
        if ledger.places.get(value, ("", 0))[0] != partition:
            raise Failure(f"{value!r} is in the copy of {partition}, but was not read there")
        offset = ledger.places[value][1]
        if offset > copied[partition]:
            raise Failure(f"{partition} {offset} is in the copy, but not preceded by {copied[partition]}")
        copied[partition] = max(copied[partition], offset + 1)
    if missing := {p: end for p, end in ledger.committed.items() if copied[p] < end}:
        raise Failure(f"{missing} were committed, but {copied} copied")
    distinct = sum(copied.values())
    return f"{distinct} records, {len(copies) - distinct} of them again"
