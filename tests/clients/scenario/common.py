"""The scenario that every client runs: a group of two consumers, of the same client or of old clients."""

from .group import HEARTBEAT_MS, SESSION_MS
from .ledger import Failure

# The group of clients that use old protocol versions.
OLD = "old"
# A session ends this long after the last heartbeat, which was sent up to an interval before the
# consumer was killed; the rest is the client's own timer, late on a busy machine.
EARLIEST = (SESSION_MS - HEARTBEAT_MS - 1000) / 1000


def run(group, kind, other, report):
    scenario, ledger = group.name, group.ledger

    with report.step(scenario, "the first joins and owns everything"):
        first = group.start(kind, 1)
        group.settles(4)

    with report.step(scenario, "a second joins: each owns half"):
        second = group.start(other, 2)
        group.settles(2, 2)

    with report.step(scenario, "both commit what they have read") as note:
        before = dict(ledger.committed)
        group.wait("a commit of every partition", lambda: committed_beyond(ledger, before))
        note.text = positions(ledger.committed)

    with report.step(scenario, "the second leaves: the first owns everything") as note:
        group.leave(second)
        took = group.settles(4)
        if took * 1000 >= SESSION_MS:
            raise Failure(f"took {took:.1f} s: as long as if it had crashed instead of left")
        note.text = f"{took:.1f} s after it closed"

    with report.step(scenario, "the second rejoins: each owns half"):
        second = group.start(other, 2)
        group.settles(2, 2)
        group.wait("it reads", lambda: ledger.owned(second.client_id) <= set(ledger.first))

    with report.step(scenario, "the second is killed: the first owns everything") as note:
        group.kill(second)
        took = group.settles(4)
        if took < EARLIEST:
            raise Failure(f"after {took:.1f} s, though its session lasts {SESSION_MS / 1000:.0f} s")
        note.text = f"{took:.1f} s after the kill"

    with report.step(scenario, "it restarts and resumes from the commit") as note:
        second = group.start(other, 2)
        group.settles(2, 2)
        note.text = resumes(group, second)

    with report.step(scenario, "the second is partitioned: its session expires, the first owns everything") as note:
        before = dict(ledger.assignments)
        group.cut_off(second)
        took = group.settles(0, 4)
        if took < EARLIEST:
            raise Failure(f"after {took:.1f} s, though its session lasts {SESSION_MS / 1000:.0f} s")
        note.text = f"{took:.1f} s later"

    with report.step(scenario, "the link heals: it has lost its partitions, rejoins, each owns half"):
        group.heal(second)
        group.wait("both are assigned anew", lambda: all_assigned_since(group, before))
        group.settles(2, 2)
        resumes(group, second)

    with report.step(scenario, "both close") as note:
        group.leave(first, second)
        note.text = summary(ledger)


def committed_beyond(ledger, before):
    return all(ledger.committed.get(p, 0) > before.get(p, 0) for p in ledger.partitions)


def all_assigned_since(group, before):
    return all(group.ledger.assignments[client] > before[client] for client in group.consumers)


def resumes(group, consumer):
    """Waits until it has read its partitions; the ledger has checked where it started."""
    first, owned = group.ledger.first, group.ledger.owned(consumer.client_id)
    group.wait("it reads every partition that it owns", lambda: owned <= set(first))
    starts = {partition: first[partition] for partition in sorted(owned)}
    return ", ".join(f"{p} at {offset} (commit {commit})" for p, (offset, commit) in starts.items())


def positions(offsets):
    return ", ".join(f"{partition}={offset}" for partition, offset in sorted(offsets.items()))


def summary(ledger):
    """The ledger has refused every gap, and every record below a commit."""
    return (
        f"{ledger.records} records read, none skipped, none again that was committed; "
        f"{ledger.again} uncommitted ones again, {ledger.refused} commits refused"
    )
