"""A consumer of confluent-kafka (librdkafka), with the classic protocol: commits after every
record."""

from collections import namedtuple

from common import Output, Stop, arguments, give_up
from confluent_kafka import Consumer, KafkaException

# librdkafka's message has methods where the other clients' records have fields.
Record = namedtuple("Record", "topic partition offset")


def connect(args):
    consumer = Consumer({
        "bootstrap.servers": args.bootstrap,
        "group.id": args.group,
        "client.id": args.client_id,
        "session.timeout.ms": args.session_ms,
        "heartbeat.interval.ms": args.heartbeat_ms,
        "partition.assignment.strategy": args.assignor,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    # Subscribing waits for a broker forever; this call does not.
    consumer.list_topics(args.topic, timeout=10)
    return consumer


def process(consumer, output, message):
    if message.error():
        raise KafkaException(message.error())
    record = Record(message.topic(), message.partition(), message.offset())
    output.record(record, message.value())
    try:
        consumer.commit(message=message, asynchronous=False)
    except KafkaException as error:
        output.refused(record, record.offset + 1, error)
    else:
        output.committed(record, record.offset + 1)


def main():
    args, stop = arguments(), Stop()
    output = Output(args.client_id)
    try:
        consumer = connect(args)
    except KafkaException as error:
        give_up(args.client_id, error)
    consumer.subscribe(
        [args.topic],
        on_assign=lambda _, partitions: output.partitions("assigned", partitions),
        on_revoke=lambda _, partitions: output.partitions("revoked", partitions),
        on_lost=lambda _, partitions: output.partitions("lost", partitions),
    )
    while not stop:
        if message := consumer.poll(0.2):
            process(consumer, output, message)
    consumer.close()
    output.say("closed")


main()
