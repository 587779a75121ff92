"""The trace of `serve` at zoom `wire`: every response to every client, one per line."""

import re
from collections import Counter, defaultdict

RESPONSE = re.compile(r"^ *(\d+)\.\d+ +(b\d+) +→ (\S+?)(?:@\d+)? (\w+) (\S+)(.*)$")
NODE = re.compile(r"(?:node=|coordinators=[^,@]+@)(b\d+)$")


class Trace:
    """Reads the new lines; an incomplete line waits for the next call."""

    def __init__(self, path):
        self.path = path
        self.at = 0
        self.coordinators = {}  # client -> its coordinator, as it last received it
        self.seconds = defaultdict(Counter)  # client -> second -> responses
        self.apis = defaultdict(set)  # client -> the APIs of its responses

    def read(self):
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.at)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        self.at += whole
        for line in text[:whole].decode(errors="replace").splitlines():
            if match := RESPONSE.match(line):
                self._response(*match.groups())

    def _response(self, second, _broker, client, api, outcome, rest):
        self.seconds[client][int(second)] += 1
        self.apis[client].add(api)
        node = NODE.search(rest)
        if api == "FindCoordinator" and outcome == "ok" and node:
            self.coordinators[client] = node[1]

    def second(self):
        """The second of the last response to any client."""
        return max((max(seconds) for seconds in self.seconds.values()), default=0)
