"""A producer of kafka-python."""

from common import arguments, produced, values
from kafka import KafkaProducer


def main():
    args = arguments()
    producer = KafkaProducer(
        bootstrap_servers=args.bootstrap,
        client_id=args.client_id,
        compression_type=None if args.compression == "none" else args.compression,
        enable_idempotence=args.idempotence,
        linger_ms=20,
    )
    sent = [(value, producer.send(args.topic, value.encode())) for value in values(args)]
    for value, future in sent:
        place = future.get(timeout=20)
        produced(args, place.partition, place.offset, value)
    producer.close()


main()
