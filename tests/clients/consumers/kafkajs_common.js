// Shared by the programs with kafkajs: the command line, and the codecs; kafkajs itself has only gzip.

const { parseArgs } = require('util')
const { CompressionCodecs, CompressionTypes } = require('kafkajs')
const fzstd = require('fzstd')
const lz4 = require('lz4-napi')
const snappy = require('kafkajs-snappy')

const absent = async () => {
  throw new Error('there is no such encoder')
}

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: encoder => lz4.compressFrame(encoder.buffer),
  decompress: buffer => lz4.decompressFrame(buffer),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: absent,
  decompress: async buffer => Buffer.from(fzstd.decompress(buffer)),
})

const { None, GZIP, Snappy, LZ4, ZSTD } = CompressionTypes
exports.codecs = { none: None, gzip: GZIP, snappy: Snappy, lz4: LZ4, zstd: ZSTD }

// The arguments of the command line: those that every program takes, and more with their defaults.
exports.arguments = more => {
  const names = Object.entries({ bootstrap: undefined, topic: undefined, 'client-id': undefined, ...more })
  const options = names.map(([name, fallback]) => [name, { type: 'string', default: fallback }])
  return parseArgs({ options: Object.fromEntries(options) }).values
}
