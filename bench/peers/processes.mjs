// One process, or a cluster of WORKERS of them on one port. They end with whoever started them.
import cluster from 'node:cluster'

export async function serve (listen) {
  const workers = Number(process.env.WORKERS)
  if (workers === 1) return announce(await listen(Number(process.env.PORT)))
  if (!cluster.isPrimary) return listen(Number(process.env.PORT))
  let waiting = workers
  cluster.on('listening', (_, address) => { if (--waiting === 0) announce(address.port) })
  for (let i = 0; i < workers; i++) cluster.fork()
  process.on('SIGTERM', () => process.exit(0))
}

// Whoever started us holds the other end, and is gone when it closes.
if (cluster.isPrimary) process.stdin.on('end', () => process.exit(0)).resume()

function announce (port) {
  console.log(`listening on http://127.0.0.1:${port}`)
}
