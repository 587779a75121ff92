from kafka import KafkaConsumer
consumer = KafkaConsumer('topic', group_id='group1')
for message in consumer:
    print(message.value)
