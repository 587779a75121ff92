"""The lines that the consumers of one group have printed, and whether a correct group can print them.

All consumers of a group write into one pipe, so their lines are in the order in which things
happened: a consumer prints `revoked` before it gives a partition up, and the next owner prints
`assigned` after it got it. So these hold at every line, not only when a group has settled:

- a partition has at most one owner, and only its owner reads it;
- no record below the group's commit is read: what was committed never comes again;
- no record is skipped: what was not committed does come again;
- whoever reads an offset reads the same record there, and no record is at two offsets;
- what `serve` feeds, `TOPIC/1`, `TOPIC/2`, …, grows within a partition.

One that was cut off cannot know what the group has decided since. Until it is assigned anew it may
lose what it owns without a word, read what it had fetched, and hear of a commit late.
"""


class Failure(Exception):
    """An expectation of a step was not met, or a check failed."""


class Ledger:
    def __init__(self, topic, partitions):
        self.topic = topic
        self.partitions = {f"{topic}-{number}" for number in range(partitions)}
        self.owner = {}  # partition -> client
        self.committed = {}  # partition -> the group's next offset
        self.read = {}  # partition -> the first unread offset
        self.next = {}  # partition -> what its present owner reads next; absent before it has read
        self.first = {}  # partition -> where its present owner started, and the commit at that time
        self.assignments = {}  # client -> how many it has received
        self.values = {}  # partition -> the record at each offset that was read
        self.places = {}  # record -> (partition, offset)
        self.cut = set()  # the clients that are partitioned and have had no assignment since
        self.closed = set()
        self.records = 0
        self.again = 0
        self.refused = 0

    def line(self, line):
        """Takes one `CLIENT WORD …` line."""
        client, _, rest = line.partition(" ")
        word, _, rest = rest.partition(" ")
        heard = {
            "assigned": self._assigned,
            "added": self._added,
            "removed": self._removed,
            "revoked": self._revoked,
            "lost": self._revoked,
            "record": self._record,
            "committed": self._committed,
            "refused": self._refused,
            "closed": self._closed,
        }.get(word)
        if heard is None:
            raise Failure(f"not a line of a consumer: {line!r}")
        try:
            heard(client, *rest.split(" ", 2))
        except (TypeError, ValueError) as error:
            raise Failure(f"malformed line: {line!r} ({error})") from error

    def gone(self, client):
        """The client was killed: it owns nothing, even while the coordinator still lists it."""
        for partition in self.owned(client):
            self._give_up(partition)

    def cut_off(self, client):
        """The client is partitioned: its lines may be out of date until its next assignment."""
        self.cut.add(client)

    def owned(self, client):
        return {partition for partition, owner in self.owner.items() if owner == client}

    def describe(self):
        owners = sorted(set(self.owner.values()))
        return "; ".join(f"{c} owns {','.join(sorted(self.owned(c)))}" for c in owners) or "nobody owns anything"

    def _assigned(self, client, names):
        self.gone(client)
        self._added(client, names)

    def _added(self, client, names):
        self.cut.discard(client)
        for partition in filter(None, names.split(",")):
            if partition not in self.partitions:
                raise Failure(f"{client} was assigned {partition}, which does not exist")
            owner = self.owner.get(partition)
            if owner in self.cut:
                self._give_up(partition)
            elif owner is not None:
                raise Failure(f"{client} was assigned {partition} while {owner} owned it")
            self.owner[partition] = client
        self.assignments[client] = self.assignments.get(client, 0) + 1

    def _revoked(self, client, _names):
        # The eager protocol revokes everything; not all clients list what they give up.
        self.gone(client)

    def _removed(self, client, names):
        for partition in self.owned(client) & set(names.split(",")):
            self._give_up(partition)

    def _give_up(self, partition):
        del self.owner[partition]
        self.next.pop(partition, None)
        self.first.pop(partition, None)

    def _record(self, client, partition, offset, value):
        offset = int(offset)
        owner, committed = self.owner.get(partition), self.committed.get(partition, 0)
        unread = self.read.get(partition, 0)
        what = f"{client} read {partition} at {offset}"
        self._is_the_record(what, partition, offset, value)
        if owner != client and client in self.cut:
            return
        if owner != client:
            raise Failure(f"{what}, but {owner or 'no client'} owns it")
        if offset < committed:
            raise Failure(f"{what} again, but the group had committed {committed}")
        if offset > unread:
            raise Failure(f"{what}, but {unread} has not been read")
        if offset != self.next.get(partition, offset):
            raise Failure(f"{what}, but the next offset was {self.next[partition]}")
        self.first.setdefault(partition, (offset, committed))
        self.next[partition] = offset + 1
        self.read[partition] = max(unread, offset + 1)
        self.records += 1
        self.again += offset < unread

    def _is_the_record(self, what, partition, offset, value):
        values = self.values.setdefault(partition, {})
        if (seen := values.setdefault(offset, value)) != value:
            raise Failure(f"{what} and got {value!r}, where {seen!r} was read before")
        if (place := self.places.setdefault(value, (partition, offset))) != (partition, offset):
            raise Failure(f"{what} and got {value!r}, which is also at {place[0]} {place[1]}")
        before, now = self._fed(values.get(offset - 1, "")), self._fed(value)
        if before and now and now <= before:
            raise Failure(f"{what} and got {value!r}, after {values[offset - 1]!r}")

    def _fed(self, value):
        """The number of a record that `serve` has fed; None for other records."""
        topic, _, number = value.rpartition("/")
        return int(number) if topic == self.topic else None

    def _committed(self, client, partition, offset):
        offset, before = int(offset), self.committed.get(partition, 0)
        if client in self.cut and offset <= before:
            return
        if offset > self.read.get(partition, 0):
            raise Failure(f"{partition} was committed at {offset}, which has not been read")
        if offset < before:
            raise Failure(f"{partition} was committed at {offset} after {before}")
        self.committed[partition] = offset

    def _refused(self, _client, partition, _offset, _error):
        # Some clients continue, some read again from the commit: the record counts as unprocessed.
        self.next.pop(partition, None)
        self.refused += 1

    def _closed(self, client, _nothing):
        self.gone(client)
        self.closed.add(client)
