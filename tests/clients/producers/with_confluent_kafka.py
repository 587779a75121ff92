"""A producer of confluent-kafka (librdkafka)."""

import sys

from common import arguments, produced, values
from confluent_kafka import Producer


def main():
    args = arguments()
    producer = Producer({
        "bootstrap.servers": args.bootstrap,
        "client.id": args.client_id,
        "compression.type": args.compression,
        "enable.idempotence": args.idempotence,
        "linger.ms": 20,
        "sticky.partitioning.linger.ms": 0,
    })

    def delivered(error, message):
        if error:
            sys.exit(f"{args.client_id}: {error}")
        produced(args, message.partition(), message.offset(), message.value().decode())

    for value in values(args):
        producer.produce(args.topic, value.encode(), on_delivery=delivered)
    if left := producer.flush(20):
        sys.exit(f"{args.client_id}: {left} records were not taken")


main()
