"""Shared by the Python consumers: the command line, the lines that they print, and their exit.

Every consumer under this folder, in whatever language, takes the same arguments and prints
the same lines; ../README.md lists them. What a line says has happened before the line is
printed, with one exception: `revoked` is printed before the client gives the partitions up.
"""

import argparse
import logging
import signal
import sys


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--session-ms", type=int, default=6000)
    parser.add_argument("--heartbeat-ms", type=int, default=1000)
    parser.add_argument("--assignor", default="roundrobin", help="one, or several with commas")
    parser.add_argument("--broker-version", help="speak as to a broker of this version, like 0.11")
    args = parser.parse_args()
    # The client's own log goes to standard error.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    return args


class Output:
    """Prints `CLIENT-ID WORD …`, each line in one write: all consumers of a group share a pipe."""

    def __init__(self, client_id):
        self.client_id = client_id

    def say(self, *words):
        sys.stdout.write(" ".join([self.client_id, *map(str, words)]) + "\n")
        sys.stdout.flush()

    def partitions(self, word, partitions):
        """`partitions` are objects with a topic and a partition, as all three clients have them."""
        names = sorted((p.topic, p.partition) for p in partitions)
        self.say(word, ",".join(f"{topic}-{partition}" for topic, partition in names))

    def record(self, record, value):
        self.say("record", f"{record.topic}-{record.partition}", record.offset, value.decode())

    def committed(self, partition, offset):
        self.say("committed", f"{partition.topic}-{partition.partition}", offset)

    def refused(self, partition, offset, error):
        """A refused commit is not a failure: a rebalance came first, and the records are read again."""
        name = f"{partition.topic}-{partition.partition}"
        self.say("refused", name, offset, type(error).__name__)


class Stop:
    """Becomes true on SIGTERM."""

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGTERM, self.ask)
        signal.signal(signal.SIGINT, self.ask)

    def ask(self, *_):
        self.asked = True

    def __bool__(self):
        return self.asked


def give_up(client_id, error):
    """Exits with one line if there is no broker."""
    sys.exit(f"{client_id}: {error}")
