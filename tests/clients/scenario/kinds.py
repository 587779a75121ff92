"""The clients, and how a consumer of each is started."""

import os
from dataclasses import dataclass, field
from pathlib import Path

CONSUMERS = Path(__file__).resolve().parent.parent / "consumers"


@dataclass(frozen=True)
class Kind:
    name: str
    command: list
    env: dict = field(default_factory=dict)
    # A JVM that is asked to end does so, in order, and still says that a signal ended it.
    ended: int = 0

    def start(self, children, options, **streams):
        flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return children.start(self.command + flags, env={**os.environ, **self.env}, **streams)


def kinds(cache):
    """By name, those that ../install has put into `cache`."""
    python = str(cache / "python" / "bin" / "python")
    classpath = f"{cache / 'java' / 'classes'}:{cache / 'java' / 'lib'}/*"
    # Short-lived: the first compiler is enough, and starts faster.
    java = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath, "WithJava"]
    node = {"NODE_PATH": str(cache / "node" / "node_modules")}
    every = [
        Kind("kafka-python", [python, str(CONSUMERS / "with_kafka_python.py")]),
        Kind("aiokafka", [python, str(CONSUMERS / "with_aiokafka.py")]),
        Kind("confluent-kafka", [python, str(CONSUMERS / "with_confluent_kafka.py")]),
        Kind("kafkajs", ["node", str(CONSUMERS / "with_kafkajs.js")], env=node),
        Kind("java", java, ended=143),
    ]
    return {kind.name: kind for kind in every}


def readme(cache):
    """The program that people copy from kafka-python's README, as it stands there."""
    return [str(cache / "python" / "bin" / "python"), str(CONSUMERS / "readme.py")]
