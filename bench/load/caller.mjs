// The plainest of HTTP clients: one kept connection, one request at a time, next to no work.
import net from 'node:net'

export class Caller {
  #socket
  #head
  #waiting = null
  #received = Buffer.alloc(0)

  static connect (url) {
    const { hostname, port, pathname } = new URL(url)
    return new Promise((resolve, reject) => {
      const socket = net.connect(Number(port), hostname, () => resolve(new Caller(socket, pathname)))
      socket.once('error', reject)
    })
  }

  constructor (socket, path) {
    this.#socket = socket
    this.#head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: `
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#take(chunk))
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')))
  }

  post (body) {
    this.#socket.write(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`)
    return new Promise((resolve, reject) => { this.#waiting = { resolve, reject } })
  }

  close () {
    this.#socket.destroy()
  }

  #take (chunk) {
    this.#received = this.#received.length ? Buffer.concat([this.#received, chunk]) : chunk
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#received.toString('latin1', 0, end)
    const length = Number(/content-length: *(\d+)/i.exec(head)[1])
    if (this.#received.length < end + 4 + length) return
    const body = this.#received.toString('utf8', end + 4, end + 4 + length)
    this.#received = Buffer.alloc(0)
    const { resolve } = this.#waiting
    this.#waiting = null
    resolve(body)
  }
}
