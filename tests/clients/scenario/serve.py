"""`groupsim serve`: starts it, sends it steps of the sim language, stops it, and checks its exit code."""

import re
import signal
import subprocess
import threading

from . import children
from .ledger import Failure
from .trace import Trace

DEADLINE = 20.0
ENDED = re.compile(r"a connection ended .*why=(.*)")
# Why connections end of clients that close, are killed, or time out while partitioned.
ENDINGS = re.compile(r"the client closed it|reset|.*\(os error (32|104)\)")


class Serve:
    def __init__(self, name, binary, listen, arguments, logs):
        self.name = name
        self.out = []
        self.said_ready = threading.Event()
        self.lock = threading.Lock()
        self.err = logs / f"{name}.err"
        self.trace = Trace(logs / f"{name}.trace")
        self.log = (logs / f"{name}.out").open("w")
        command = [str(binary), "serve", "--listen", listen, *arguments]
        command += ["-v", "--trace", str(self.trace.path), "--zoom", "wire"]
        with self.err.open("w") as stderr:
            streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": stderr}
            self.process = children.start(command, text=True, bufsize=1, **streams)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.log.write(line)
            self.log.flush()
            self.out.append(line.rstrip("\n"))
            if line.startswith("ready "):
                self.said_ready.set()
        self.said_ready.set()

    def ready(self):
        """Waits for its `ready ADDRESS,…`; returns the addresses, one for each broker."""
        in_time = self.said_ready.wait(DEADLINE)
        line = next((line for line in self.out if line.startswith("ready ")), None)
        if line is None:
            raise Failure(f"{'it ended' if in_time else 'nothing'} before `ready`: {self.last_lines()}")
        return line.split()[1]

    def tell(self, step):
        """Sends one step of the sim language, which it runs as soon as it has read it."""
        with self.lock:
            self.process.stdin.write(step + "\n")
            self.process.stdin.flush()

    def coordinator(self, group):
        """The coordinator that the clients of a group last received; empty if they differ."""
        self._look()
        received = {node for client, node in self.trace.coordinators.items() if client.startswith(f"{group}-")}
        return received.pop() if len(received) == 1 else ""

    def now(self):
        """The second, in its own time, of its last response to any client."""
        self._look()
        return self.trace.second()

    def _look(self):
        with self.lock:
            self.trace.read()

    def alive(self):
        if self.process.poll() is not None:
            raise Failure(f"it exited by itself with {self.process.poll()}: {self.last_lines()}")

    def stop(self):
        """Stops it, and returns its summary; raises on a violation."""
        self.alive()
        before = len(self.out)
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise Failure(f"did not exit within {DEADLINE:.0f} s") from None
        self.reader.join(DEADLINE)
        summary = [line for line in self.out[before:] if line.strip()]
        if code != 0:
            raise Failure("\n".join([f"exit code {code}", *summary, self.last_lines()]))
        if warnings := self.warnings():
            raise Failure("\n".join(["it printed warnings:", *warnings]))
        return summary

    def warnings(self):
        """Steps that it could not run, and connections that it closed because of what a client had sent."""
        lines = self.err.read_text(errors="replace").splitlines()
        endings = (ENDED.search(line) for line in lines)
        unexpected = {match[1] for match in endings if match and not ENDINGS.fullmatch(match[1])}
        return [line for line in lines if line.startswith("error")] + sorted(unexpected)

    def last_lines(self):
        return " | ".join(self.err.read_text(errors="replace").splitlines()[-5:])
