// A consumer of kafkajs: prints and commits each record, in the client's own loop.
// Takes the arguments and prints the lines that common.py describes.

const { Kafka, logLevel } = require('kafkajs')
const { arguments } = require('./kafkajs_common.js')

const args = arguments({
  group: undefined,
  'session-ms': '6000',
  'heartbeat-ms': '1000',
  assignor: 'roundrobin',
})

if (args.assignor !== 'roundrobin') {
  throw new Error('kafkajs has one assignor, roundrobin, and calls it RoundRobinAssigner')
}

const say = (...words) => process.stdout.write([args['client-id'], ...words].join(' ') + '\n')

const kafka = new Kafka({
  brokers: args.bootstrap.split(','),
  clientId: args['client-id'],
  logLevel: logLevel.WARN,
  // kafkajs logs to standard output, which is for our lines.
  logCreator: () => ({ log }) => process.stderr.write(`${log.message} ${log.error ?? ''}\n`),
})

const consumer = kafka.consumer({
  groupId: args.group,
  sessionTimeout: Number(args['session-ms']),
  heartbeatInterval: Number(args['heartbeat-ms']),
  // kafkajs sends heartbeats between fetches: a fetch must not wait for longer than the heartbeat interval.
  maxWaitTimeInMs: Math.min(500, Number(args['heartbeat-ms'])),
})

const { CRASH, GROUP_JOIN, REBALANCING } = consumer.events
let owned = []

consumer.on(REBALANCING, () => say('revoked', owned.join(',')))
consumer.on(CRASH, () => say('lost', owned.join(',')))
consumer.on(GROUP_JOIN, ({ payload }) => {
  owned = Object.entries(payload.memberAssignment)
    .flatMap(([topic, partitions]) => partitions.map(partition => `${topic}-${partition}`))
    .sort()
  say('assigned', owned.join(','))
})

async function eachBatch({ batch, commitOffsetsIfNecessary, resolveOffset, ...group }) {
  const { topic, partition } = batch
  const name = `${topic}-${partition}`
  for (const { offset, value } of batch.messages) {
    if (!group.isRunning() || group.isStale()) return
    say('record', name, offset, value)
    const after = String(BigInt(offset) + 1n)
    try {
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [{ partition, offset: after }] }] })
    } catch (error) {
      say('refused', name, after, error.type ?? error.name)
      throw error
    }
    say('committed', name, after)
    resolveOffset(offset)
    await group.heartbeat()
  }
}

async function close() {
  await consumer.disconnect()
  say('closed')
  process.exit(0)
}

async function main() {
  await consumer.connect()
  process.on('SIGTERM', close)
  process.on('SIGINT', close)
  await consumer.subscribe({ topic: args.topic, fromBeginning: true })
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
}

main().catch(error => {
  process.stderr.write(`${args['client-id']}: ${error.name}: ${error.message}\n`)
  process.exit(1)
})
