"""Runs all scenarios in parallel, each with a group of its own."""

import argparse
import re
import shutil
import signal
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import children, common, connect, failover, kafka, kinds, mixed, produced, readme, streams, tools
from .group import Group
from .ledger import Failure
from .report import LOGS, Aborted, Report
from .serve import Serve

# Longer than the longest scenario, in which two sessions of 45 s end.
LIMIT = 420.0
RATE = "20/s"
# Topics in addition to the one that is fed.
TOPICS = {produced.TOPIC: 4, streams.COPY: 4, tools.TOPIC: 4, **connect.TOPICS}
MISUNDERSTOOD = re.compile(
    r"unsupported|incompatible|unknown.?topic|unknown server|invalid|corrupt|\bcrc|decod|deserial|malformed"
    r"|pars(e|ing)|buffer|protocol error|unexpected|fatal|assert",
    re.IGNORECASE,
)
# Known messages of a client about itself: Connect has kept the offset of a partition that it has given up.
OWN = re.compile(r"WorkerSinkTask.*Ignoring invalid task provided offset .* partition not assigned")


@dataclass
class World:
    """The state that the scenarios share."""

    bootstrap: str
    logs: Path
    serve: Serve
    brokers: int = 1
    topic: str = "topic"
    partitions: int = 4
    start: float = field(default_factory=time.monotonic)


def arguments(names):
    parser = argparse.ArgumentParser(prog="tests/clients/run", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(names)}; default: all")
    parser.add_argument("--binary", type=Path, required=True, help="groupsim")
    parser.add_argument("--cache", type=Path, required=True, help="the folder that ./install has filled")
    parser.add_argument("--listen", default="127.0.0.1:9092", help="the scenario readme needs the default")
    args = parser.parse_args()
    args.binary, args.cache = args.binary.resolve(), args.cache.resolve()
    if unknown := set(args.scenarios) - set(names):
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    args.scenarios = args.scenarios or names
    return args


def start_serve(name, args, logs, report):
    """The `serve` that the scenarios share, or the one whose brokers crash."""
    brokers, listen = (failover.BROKERS, "127.0.0.1:0") if name == failover.SERVE else (1, args.listen)
    topic, feed = f"{World.topic}:{World.partitions}", f"{World.topic}={RATE}"
    flags = ["--brokers", str(brokers), "--topic", topic, "--feed", feed]
    for topic, partitions in TOPICS.items():
        flags += ["--topic", f"{topic}:{partitions}"]
    serve = Serve(name, args.binary, listen, flags, logs)
    with report.step(name, "starts") as note:
        note.text = addresses = serve.ready()
    return World(addresses, logs, serve, brokers)


def run_scenario(name, worlds, args, report):
    """The body of a scenario's thread. A failed step ends it after it has been reported."""
    with suppress(Aborted):
        body(name, worlds.get(serve_of(name)), args, report)


def body(name, world, args, report):
    clients, app = kinds.kinds(args.cache), kinds.streams(args.cache, streams.COPY)
    commands = kinds.tools(args.cache)
    match name:
        case readme.NAME:
            readme.run(world, kinds.readme(args.cache), report)
        case failover.NAME:
            failover.run(world, {**clients, streams.NAME: app}, report)
        case produced.NAME:
            produced.run(world, clients, kinds.producers(args.cache), report)
        case connect.NAME:
            connect.run(world, kinds.connect(args.cache), commands, report)
        case tools.NAME:
            tools.run(world, commands, [World.topic, *TOPICS], report)
        case kafka.NAME:
            kafka.run(args.binary, args.cache, LIMIT, report)
        case _:
            with closing(Group(name, world)) as group:
                match name:
                    case mixed.NAME:
                        mixed.run(group, clients, report)
                    case streams.NAME:
                        streams.run(group, app, commands, report)
                    case common.OLD:
                        common.run(group, *kinds.old(args.cache), report)
                    case _:
                        common.run(group, clients[name], clients[name], report)


def serve_of(scenario):
    """The name of the `serve` that a scenario needs, if any."""
    return {failover.NAME: failover.SERVE, kafka.NAME: None}.get(scenario, "serve")


def run_all(args, worlds, report):
    threads = {}
    for name in args.scenarios:
        work = (name, worlds, args, report)
        threads[name] = threading.Thread(target=run_scenario, args=work, daemon=True)
        threads[name].start()
    end = time.monotonic() + LIMIT
    for name, thread in threads.items():
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            report.fail(name, f"not done within {LIMIT:.0f} s")


def stop_serve(serve, report):
    with report.step(serve.name, "ends, without a violation") as note:
        note.text = "\n     ".join(["", *serve.stop()])


def judge_logs(logs, report):
    """Searches the logs of all clients for messages that a correct broker never causes."""
    with report.step("logs", "no client received a response that it did not understand") as note:
        files = [file for file in sorted(logs.glob("*.err")) if file.stem not in ("serve", failover.SERVE)]
        lines = [(file.name, line) for file in files for line in file.read_text(errors="replace").splitlines()]
        if bad := [f"{name}: {line[:300]}" for name, line in lines if MISUNDERSTOOD.search(line) and said(line)]:
            raise Failure("\n     ".join(["", *bad[:10]]))
        note.text = f"{len(lines)} lines of {len(files)} programs"


def said(line):
    """Whether a line is not about the client's own settings and actions."""
    return not line.startswith(("\t", " ")) and " INFO " not in line and not OWN.search(line)


def main():
    others = [mixed.NAME, produced.NAME, failover.NAME, readme.NAME, streams.NAME, connect.NAME, tools.NAME]
    others += [kafka.NAME] if kafka.SCRIPT.exists() else []
    args = arguments([*kinds.kinds(Path()), common.OLD, *others])
    serves = sorted({serve_of(name) for name in args.scenarios} - {None}, reverse=True)
    # So that `finally` kills the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # A shell that starts this in the background ignores interrupts, and child processes inherit that: a Python
    # program then does not end. A handler of our own restores the default in the children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logs = args.cache / LOGS
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    report = Report()
    try:
        worlds = {name: start_serve(name, args, logs, report) for name in serves}
        run_all(args, worlds, report)
        for world in worlds.values():
            with suppress(Aborted):
                stop_serve(world.serve, report)
        judge_logs(logs, report)
    except Aborted:
        pass
    except KeyboardInterrupt:
        return 130
    finally:
        children.kill_all()
    report.table([*args.scenarios, *serves, "logs"])
    report.say(f"\n{time.monotonic() - report.start:.0f} s; what everybody said is in {logs}")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
