"""The clients, and how a consumer of each is started."""

import os
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
CONSUMERS, PRODUCERS, APPS = HERE / "consumers", HERE / "producers", HERE / "apps"
ALL = ["none", "gzip", "snappy", "lz4", "zstd"]


@dataclass(frozen=True)
class Kind:
    name: str
    command: list
    env: dict = field(default_factory=dict)
    # A JVM exits in an orderly way on SIGTERM, but its exit code reports the signal.
    ended: int = 0
    # It has one Kafka client per suffix, whose client id ends with it.
    clients: tuple = ("",)

    def start(self, children, client_id, arguments, **streams):
        env = {**os.environ, **self.env, "CLIENT_ID": client_id}
        return children.start([*self.command, *arguments], env=env, **streams)


def kinds(cache):
    """The clients in `cache`, which ../install has filled, by name."""
    python = _python(cache)
    node = {"NODE_PATH": str(cache / "node" / "node_modules")}
    every = [
        Kind("kafka-python", [python, str(CONSUMERS / "with_kafka_python.py")]),
        Kind("aiokafka", [python, str(CONSUMERS / "with_aiokafka.py")]),
        Kind("confluent-kafka", [python, str(CONSUMERS / "with_confluent_kafka.py")]),
        Kind("kafkajs", ["node", str(CONSUMERS / "with_kafkajs.js")], env=node),
        Kind("java", _java(cache, "lib/*"), ended=143),
    ]
    return {kind.name: kind for kind in every}


def old(cache):
    """Two clients that use protocol versions of 2017 and 2018, and nothing newer."""
    python = [_python(cache), str(CONSUMERS / "with_kafka_python.py"), "--broker-version", "0.11"]
    java = _java(cache, "old/*", "lib/*")
    return Kind("kafka-python as of 0.11", python), Kind("java 2.0", java, ended=143)


def producers(cache):
    """For each client, the command and its compressions."""
    node = ["env", f"NODE_PATH={cache / 'node' / 'node_modules'}", "node"]
    every = {
        "kafka-python": ([_python(cache), str(PRODUCERS / "with_kafka_python.py")], ALL),
        "aiokafka": ([_python(cache), str(PRODUCERS / "with_aiokafka.py")], ALL),
        "confluent-kafka": ([_python(cache), str(PRODUCERS / "with_confluent_kafka.py")], ALL),
        # For zstd there is only a decoder.
        "kafkajs": ([*node, str(PRODUCERS / "with_kafkajs.js")], ALL[:-1]),
        "java": ([*_java(cache, "lib/*")[:-1], "ProducesWithJava"], ALL),
    }
    return {
        name: {compression: [*command, *_how(compression)] for compression in compressions}
        for name, (command, compressions) in every.items()
    }


def streams(cache, copy):
    """A Kafka Streams application that copies to that topic."""
    flags = ["CopiesWithStreams", "--copy", copy, "--state-dir", str(cache / "streams")]
    clients = tuple(f"-{client}" for client in ("StreamThread-1-consumer", "StreamThread-1-producer", "admin"))
    return Kind("streams", [*_app(cache), *flags], ended=143, clients=clients)


def connect(cache):
    """A worker of Kafka Connect; it takes the name of a file."""
    # It logs its address only at this level.
    says = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.connect.runtime.rest.RestServer=info"
    command = [*_app(cache, says), "org.apache.kafka.connect.cli.ConnectDistributed"]
    return Kind("connect", command, ended=143)


def tools(cache):
    """The command line tools; the first argument is the tool's class."""
    return _app(cache)


def _how(compression):
    """Idempotent, the default of Kafka's own client, and once not idempotent."""
    return ["--compression", compression, "--idempotence", "no" if compression == "none" else "yes"]


def _python(cache):
    return str(cache / "python" / "bin" / "python")


def _java(cache, *libraries):
    """A class path; the first library that has a class wins."""
    return [*_jvm(*(cache / "java" / part for part in ("classes", *libraries))), "WithJava"]


def _app(cache, *flags):
    """The folder of the sources has META-INF, by which a Connect worker finds its plugins."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [*_jvm(cache / "apps" / "classes", APPS, cache / "apps" / "lib" / "*", flags=[quiet, *flags])]


def _jvm(*path, flags=()):
    # Short-lived: the first compiler is enough, and starts faster.
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *flags, "-cp", ":".join(map(str, path))]


def readme(cache):
    """The unmodified program of kafka-python's README."""
    return [_python(cache), str(CONSUMERS / "readme.py")]
