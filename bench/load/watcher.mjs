// The cheapest of subscribers: graphql-transport-ws over a bare socket. It reads frames, looks for the
// numbers of the seats that changed, and decodes nothing else.
import net from 'node:net'

const TEXT = 1
const PING = 9
const PONG = 10
const NUMBER = Buffer.from('"number":')
const MOST_TRIES = 20
const RETRY_MS = 500
const ERRORS = Buffer.from('"errors"')
const NEXT = Buffer.from('"next"')

export class Watcher {
  #socket
  #onUpdate
  #received = Buffer.alloc(0)
  #open = false
  tries = 0
  static refusedAt = 0

  // onUpdate gets an array of seat numbers for each update.
  constructor (url, query, variables, onUpdate) {
    const { hostname, port, pathname } = new URL(url)
    this.#onUpdate = onUpdate
    this.ready = new Promise((resolve, reject) => {
      this.#socket = net.connect(Number(port), hostname, () => this.#socket.write(
        `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\n` +
        'Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n'))
      this.#socket.once('error', reject)
      this.#socket.once('close', () => reject(new Error('the server closed the WebSocket')))
      this.#socket.on('data', chunk => this.#take(chunk))
      this.subscribe = () => this.#send(TEXT, JSON.stringify(
        { id: `${++this.tries}`, type: 'subscribe', payload: { query, variables } }))
      this.acknowledged = () => {
        this.subscribe()
        resolve()
      }
    })
  }

  // A server that is overrun by so many at once may say so; they come again.
  #subscribeAgain () {
    if (this.tries === MOST_TRIES) throw new Error('the server refuses subscribers')
    Watcher.refusedAt = performance.now()
    setTimeout(this.subscribe, RETRY_MS)
  }

  close () {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #send (opcode, payload) {
    const bytes = Buffer.from(payload)
    const head = bytes.length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | bytes.length])
      : Buffer.from([0x80 | opcode, 0x80 | 126, bytes.length >> 8, bytes.length & 255])
    // A mask of zeros leaves the payload as it is.
    this.#socket.write(Buffer.concat([head, Buffer.alloc(4), bytes]))
  }

  #take (chunk) {
    let data = this.#received.length ? Buffer.concat([this.#received, chunk]) : chunk
    if (!this.#open) {
      const end = data.indexOf('\r\n\r\n')
      if (end < 0) { this.#received = data; return }
      this.#open = true
      data = data.subarray(end + 4)
      this.#send(TEXT, JSON.stringify({ type: 'connection_init' }))
    }
    let at = 0
    while (data.length - at >= 2) {
      let length = data[at + 1] & 127
      let from = at + 2
      if (length === 126) {
        if (data.length - at < 4) break
        length = data.readUInt16BE(from)
        from += 2
      } else if (length === 127) {
        if (data.length - at < 10) break
        length = Number(data.readBigUInt64BE(from))
        from += 8
      }
      if (data.length < from + length) break
      this.#frame(data[at] & 15, data, from, from + length)
      at = from + length
    }
    this.#received = at < data.length ? data.subarray(at) : Buffer.alloc(0)
  }

  #frame (opcode, data, from, to) {
    if (opcode === PING) return this.#send(PONG, data.subarray(from, to))
    if (opcode !== TEXT) return
    const payload = data.subarray(from, to)
    if (payload.includes(ERRORS)) return this.#subscribeAgain()
    if (payload.includes(NEXT)) return this.#onUpdate(numbers(payload))
    const message = JSON.parse(payload.toString())
    if (message.type === 'connection_ack') this.acknowledged()
    else if (message.type === 'ping') this.#send(TEXT, JSON.stringify({ type: 'pong' }))
    else if (message.type !== 'pong' && message.type !== 'complete') throw new Error(`not expected: ${payload}`.slice(0, 300))
  }
}

function numbers (payload) {
  const found = []
  let at = payload.indexOf(NUMBER)
  while (at >= 0) {
    let number = 0
    for (let i = at + NUMBER.length; payload[i] >= 48 && payload[i] <= 57; i++) {
      number = number * 10 + payload[i] - 48
    }
    found.push(number)
    at = payload.indexOf(NUMBER, at + NUMBER.length)
  }
  return found
}
