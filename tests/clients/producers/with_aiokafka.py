"""A producer of aiokafka."""

import asyncio

from aiokafka import AIOKafkaProducer
from common import arguments, produced, values


async def main():
    args = arguments()
    producer = AIOKafkaProducer(
        bootstrap_servers=args.bootstrap,
        client_id=args.client_id,
        compression_type=None if args.compression == "none" else args.compression,
        enable_idempotence=args.idempotence,
        linger_ms=20,
    )
    await producer.start()
    sent = [(value, await producer.send(args.topic, value.encode())) for value in values(args)]
    for value, future in sent:
        place = await asyncio.wait_for(future, 20)
        produced(args, place.partition, place.offset, value)
    await producer.stop()


asyncio.run(main())
