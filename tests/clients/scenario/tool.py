"""Apache Kafka's command line tools: run to their end, and what they print."""

import re
import subprocess
from dataclasses import dataclass

from . import children
from .group import DEADLINE
from .ledger import Failure

GROUPS = "consumer.group.ConsumerGroupCommand"
CONSUMER = "consumer.ConsoleConsumer"


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    def rows(self):
        """The lines of the table as dictionaries by its head."""
        # Something else may stand above the table.
        lines = self.out.strip().split("\n\n")[-1].splitlines()
        # One column has a name and values of two words: `COORDINATOR (ID)`.
        rows = [re.sub(r" +\((\w+)\)", r"(\1)", line).split() for line in lines]
        return [dict(zip(rows[0], row)) for row in rows[1:]]


class Tools:
    def __init__(self, command, world, name):
        self.command = command
        self.world = world
        self.log = (world.logs / f"{name}.tools").open("w")

    def start(self, tool, *flags, **streams):
        command = [*self.command, f"org.apache.kafka.tools.{tool}", "--bootstrap-server", self.world.bootstrap, *flags]
        return children.start(command, text=True, **streams)

    def run(self, tool, *flags, given=None):
        """Runs a tool, with something on its standard input or nothing."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = self.start(tool, *flags, **pipes)
        try:
            out, err = process.communicate(given, timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            children.kill(process)
            raise Failure(f"{tool} {' '.join(flags)} did not end within {DEADLINE:.0f} s") from None
        self.log.write(f"$ {tool} {' '.join(flags)}\n{out}{err}exit code {process.returncode}\n\n")
        self.log.flush()
        return Said(process.returncode, out, err)

    def do(self, tool, *flags, given=None):
        """What it does must succeed."""
        said = self.run(tool, *flags, given=given)
        # Some report an error and end as if there were none.
        if said.code != 0 or "Error" in said.out:
            raise Failure(f"{tool} {' '.join(flags)} ended with {said.code}: {said.out[-300:]} {said.err[-300:]}")
        return said

    def groups(self, *flags):
        return self.do(GROUPS, *flags)

    def ends(self, topic):
        """The ends of the topic's partitions, by partition."""
        lines = self.do("GetOffsetShell", "--topic", topic).out.split()
        places = [line.rsplit(":", 2) for line in lines]
        return {f"{topic}-{partition}": int(end) for topic, partition, end in places}

    def close(self):
        self.log.close()
