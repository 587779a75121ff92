"""Producers of every kind, with every compression they have, and whether every consumer reads the same records.

Once everything is read the topic is quiet, and it is counted how often each client asks.
"""

import subprocess

from . import children
from .group import DEADLINE, Group
from .ledger import Failure

NAME = "produced"
TOPIC = "made"
# A consumer that has nothing to read sends a Fetch each half second and a Heartbeat each second.
QUIET = 5
MOST_A_SECOND = 6


def run(world, kinds, producers, report):
    produced = {}

    for name, compressions in producers.items():
        with report.step(NAME, f"{name} produces") as note:
            for compression, command in compressions.items():
                produced |= produce(world, f"{name}-{compression}", command)
            note.text = ", ".join(compressions)

    groups = {name: Group(f"{NAME}-{name}", world, TOPIC) for name in kinds}
    try:
        with report.step(NAME, "every client reads all of it") as note:
            for name, group in groups.items():
                group.start(kinds[name], 1)
            for group in groups.values():
                group.wait("it has committed everything", lambda g=group: all_heard(groups) and done(g, produced))
                same(group, produced)
            note.text = f"{len(produced)} records each"

        with report.step(NAME, "no records arrive any more, and no client polls too often") as note:
            note.text = quiet(world.serve, list(groups.values()))

        with report.step(NAME, "all close"):
            for group in groups.values():
                group.leave(*group.consumers.values())
    finally:
        for group in groups.values():
            group.close()


def produce(world, client_id, command):
    """The records that the producer reports: place -> value."""
    log = world.logs / f"{NAME}-by-{client_id}.err"
    flags = ["--bootstrap", world.bootstrap, "--topic", TOPIC, "--client-id", client_id]
    with log.open("w") as stderr:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": stderr}
        child = children.start(command + flags, text=True, **streams)
    try:
        said, _ = child.communicate(timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        children.kill(child)
        raise Failure(f"{client_id} did not exit within {DEADLINE:.0f} s") from None
    if child.returncode != 0:
        raise Failure(f"{client_id} ended with {child.returncode}: {log.read_text()[-400:]}")
    return in_order(client_id, said)


def in_order(client_id, said):
    """The records' numbers must grow within a partition, and none may be missing."""
    places, numbers = {}, {}
    for line in said.splitlines():
        _, _, partition, offset, value = line.split(" ")
        places[partition, int(offset)] = value
        numbers.setdefault(partition, []).append((int(offset), int(value.rpartition("/")[2])))
    for partition, pairs in numbers.items():
        in_offsets = [number for _, number in sorted(pairs)]
        if in_offsets != sorted(in_offsets):
            raise Failure(f"{client_id} finds its records out of order in {partition}: {in_offsets}")
    if sorted(n for pairs in numbers.values() for _, n in pairs) != list(range(1, 41)):
        raise Failure(f"{client_id} printed: {said}")
    return places


def all_heard(groups):
    """Reads the pipes: a full pipe would block its consumer."""
    for group in groups.values():
        group.hear()
    return True


def done(group, produced):
    ends = {}
    for partition, offset in produced:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return group.ledger.committed == ends


def same(group, produced):
    read = {(p, offset): value for p, values in group.ledger.values.items() for offset, value in values.items()}
    if read != produced:
        wrong = sorted(set(read.items()) ^ set(produced.items()))[:5]
        raise Failure(f"{group.name} did not read what was produced: {wrong}")


def quiet(serve, groups):
    """The largest number of responses to any client in a second."""
    start = serve.now()
    for group in groups:
        group.wait("a quiet time", lambda: serve.now() > start + QUIET + 1)
    counts = {}
    for group in groups:
        for client, seconds in serve.trace.seconds.items():
            if client in group.consumers:
                counts[client] = sum(seconds[s] for s in range(start + 1, start + 1 + QUIET)) / QUIET
    if hurried := {c: n for c, n in counts.items() if not 0 < n <= MOST_A_SECOND}:
        raise Failure(f"responses per second: {hurried}")
    return ", ".join(f"{client} asks {count:.1f} times a second" for client, count in counts.items())
