// A producer of kafkajs. Takes the arguments and prints the lines that common.py describes.

const { Kafka, logLevel } = require('kafkajs')
const { arguments, codecs } = require('../consumers/kafkajs_common.js')

const args = arguments({ compression: undefined, idempotence: undefined, count: '40' })
const kafka = new Kafka({
  brokers: args.bootstrap.split(','),
  clientId: args['client-id'],
  logLevel: logLevel.WARN,
  logCreator: () => ({ log }) => process.stderr.write(`${log.message} ${log.error ?? ''}\n`),
})

async function main() {
  const producer = kafka.producer({ idempotent: args.idempotence === 'yes', maxInFlightRequests: 1 })
  await producer.connect()
  const values = Array.from({ length: Number(args.count) }, (_, n) => `${args['client-id']}/${n + 1}`)
  // It returns the offset of the first record per partition, but not which records: so each send has one partition.
  for (let partition = 0; partition < 4; partition++) {
    const mine = values.filter((_, n) => n % 4 === partition)
    const [place] = await producer.send({
      topic: args.topic,
      compression: codecs[args.compression],
      messages: mine.map(value => ({ value, partition })),
    })
    mine.forEach((value, n) => {
      const offset = BigInt(place.baseOffset) + BigInt(n)
      process.stdout.write(`${args['client-id']} produced ${args.topic}-${partition} ${offset} ${value}\n`)
    })
  }
  await producer.disconnect()
}

main().catch(error => {
  process.stderr.write(`${args['client-id']}: ${error.name}: ${error.message}\n`)
  process.exit(1)
})
