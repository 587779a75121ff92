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
    # A JVM that is asked to end does so, in order, and still says that a signal ended it.
    ended: int = 0
    # It has a Kafka client for each of these, whose client id ends so.
    clients: tuple = ("",)

    def start(self, children, client_id, arguments, **streams):
        env = {**os.environ, **self.env, "CLIENT_ID": client_id}
        return children.start([*self.command, *arguments], env=env, **streams)


def kinds(cache):
    """By name, those that ../install has put into `cache`."""
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
    """Two that speak what was new in 2017 and 2018, and nothing newer."""
    python = [_python(cache), str(CONSUMERS / "with_kafka_python.py"), "--broker-version", "0.11"]
    java = _java(cache, "old/*", "lib/*")
    return Kind("kafka-python as of 0.11", python), Kind("java 2.0", java, ended=143)


def producers(cache):
    """By client, the command for each compression that it has."""
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
    # What it says of where it listens comes at this level only.
    says = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.connect.runtime.rest.RestServer=info"
    command = [*_app(cache, says), "org.apache.kafka.connect.cli.ConnectDistributed"]
    return Kind("connect", command, ended=143)


def tools(cache):
    """The command line tools; the first argument is the tool's class."""
    return _app(cache)


def _how(compression):
    """Idempotent, as is the default of Kafka's own client, and once as producers were before."""
    return ["--compression", compression, "--idempotence", "no" if compression == "none" else "yes"]


def _python(cache):
    return str(cache / "python" / "bin" / "python")


def _java(cache, *libraries):
    """The first library that has a class is the one that it is taken from."""
    return [*_jvm(*(cache / "java" / part for part in ("classes", *libraries))), "WithJava"]


def _app(cache, *flags):
    """The folder of the sources has META-INF, by which a Connect worker finds its plugins."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [*_jvm(cache / "apps" / "classes", APPS, cache / "apps" / "lib" / "*", flags=[quiet, *flags])]


def _jvm(*path, flags=()):
    # Short-lived: the first compiler is enough, and starts faster.
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *flags, "-cp", ":".join(map(str, path))]


def readme(cache):
    """The program that people copy from kafka-python's README, as it stands there."""
    return [_python(cache), str(CONSUMERS / "readme.py")]
