"""One group of four clients, which must agree on an assignor.

Two that prefer range and also offer roundrobin start; then one joins that offers roundrobin
alone. The group's protocol must move, and what each consumer owns shows that it has: range
gives out neighbours, roundrobin never does.
"""

from .common import committed_beyond, resumes, summary
from .ledger import Failure

NAME = "mixed"
BOTH = "range,roundrobin"


def run(group, kinds, report):
    ledger = group.ledger

    with report.step(NAME, "kafka-python and confluent-kafka offer range and roundrobin: range") as note:
        python = group.start(kinds["kafka-python"], "kafka-python", BOTH)
        confluent = group.start(kinds["confluent-kafka"], "confluent-kafka", BOTH)
        group.settles(2, 2)
        note.text = assigned_by(ledger, {(0, 1), (2, 3)})

    with report.step(NAME, "aiokafka joins and offers roundrobin alone: roundrobin") as note:
        aio = group.start(kinds["aiokafka"], "aiokafka")
        group.settles(1, 1, 2)
        note.text = assigned_by(ledger, {(0, 3), (1,), (2,)})

    with report.step(NAME, "java joins and offers roundrobin alone: each owns one"):
        java = group.start(kinds["java"], "java")
        group.settles(1, 1, 1, 1)

    with report.step(NAME, "every client commits"):
        before = dict(ledger.committed)
        group.wait("a commit of every partition", lambda: committed_beyond(ledger, before))

    with report.step(NAME, "aiokafka leaves: three share its partition"):
        group.leave(aio)
        group.settles(1, 1, 2)

    with report.step(NAME, "java is killed: two are left"):
        group.kill(java)
        group.settles(2, 2)

    with report.step(NAME, "aiokafka rejoins and resumes from the others' commits") as note:
        aio = group.start(kinds["aiokafka"], "aiokafka")
        group.settles(1, 1, 2)
        note.text = resumes(group, aio)

    with report.step(NAME, "all close") as note:
        group.leave(python, confluent, aio)
        note.text = summary(ledger)


def assigned_by(ledger, expected):
    """The partition numbers by owner must be those that the assignor gives; the order of owners does not matter."""
    clients = set(ledger.owner.values())
    numbers = {tuple(sorted(int(p.rpartition("-")[2]) for p in ledger.owned(c))) for c in clients}
    shown = " ".join(str(list(n)) for n in sorted(numbers))
    if numbers != expected:
        raise Failure(f"the consumers own {shown}, which the assignor does not give")
    return shown
