"""What `serve` wrote into its trace at zoom `wire`: every answer to every client, one a line."""

import re
from collections import Counter, defaultdict

ANSWER = re.compile(r"^ *(\d+)\.\d+ +(b\d+) +→ (\S+?)(?:@\d+)? (\w+) (\S+)(.*)$")
NODE = re.compile(r"(?:node=|coordinators=[^,@]+@)(b\d+)$")


class Trace:
    """Reads on from where it was; a line that is half written waits for the next time."""

    def __init__(self, path):
        self.path = path
        self.at = 0
        self.coordinators = {}  # client -> the broker that it was told is its coordinator
        self.seconds = defaultdict(Counter)  # client -> second -> answers
        self.apis = defaultdict(set)  # client -> the APIs it was answered

    def read(self):
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.at)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        self.at += whole
        for line in text[:whole].decode(errors="replace").splitlines():
            if match := ANSWER.match(line):
                self._answer(*match.groups())

    def _answer(self, second, _broker, client, api, outcome, rest):
        self.seconds[client][int(second)] += 1
        self.apis[client].add(api)
        node = NODE.search(rest)
        if api == "FindCoordinator" and outcome == "ok" and node:
            self.coordinators[client] = node[1]

    def second(self):
        """The last second in which anybody was answered."""
        return max((max(seconds) for seconds in self.seconds.values()), default=0)
