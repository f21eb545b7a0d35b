// Subscribers of one show while seats are booked at a pace: how many updates arrive, and how long after
// the moment at which their booking was due to be sent. No load generator for GraphQL subscriptions
// exists that takes this little for itself, so this is one of our own.
// It prints "begin" and "end" around the time that is measured, then what it saw.
import { Caller } from './caller.mjs'
import { Watcher } from './watcher.mjs'

const { url, query, variables, body, booked, show, seats, subscribers, rate, warmUp, seconds } =
  JSON.parse(process.argv[2])
const BATCH = 50
const CALLERS = 16
const QUIET_MS = 1500
const DRAIN_MS = 500
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const dueAt = new Float64Array(seats + 1)
const arrivals = new Uint32Array(seats + 1)
const delays = []
let measuring = false
const seen = { messages: 0, changes: 0, booked: 0, failed: 0 }

function onUpdate (numbers) {
  const now = performance.now()
  if (measuring) seen.messages++
  for (const number of numbers) {
    if (!dueAt[number]) continue // A seat of the first snapshot.
    arrivals[number]++
    if (measuring) seen.changes++
    if (number > firstMeasured) delays.push(now - dueAt[number])
  }
}
let firstMeasured = Infinity

const watchers = []
for (let i = 0; i < subscribers; i += BATCH) {
  const some = Array.from({ length: Math.min(BATCH, subscribers - i) },
    () => new Watcher(url, query, variables, onUpdate))
  await Promise.all(some.map(one => one.ready))
  watchers.push(...some)
}
const idle = await Promise.all(Array.from({ length: CALLERS }, () => Caller.connect(url)))
const due = []
let seat = 0

async function work (caller) {
  while (due.length) {
    const number = due.shift()
    const answer = await caller.post(body.replace('$SHOW', show).replace('$SEAT', number))
    if (answer.includes(booked)) seen.booked++
    else seen.failed++
  }
  idle.push(caller)
}

async function keepPace (lasting) {
  const beginning = performance.now()
  for (let i = 0; i < Math.round(lasting * rate); i++) {
    const moment = beginning + i * 1000 / rate
    const early = moment - performance.now()
    if (early > 0) await sleep(early)
    dueAt[++seat] = moment
    due.push(seat)
    if (idle.length) work(idle.pop())
  }
  await sleep(beginning + lasting * 1000 - performance.now())
}

// The first snapshots arrive, and whoever was refused comes again.
do await sleep(QUIET_MS); while (performance.now() - Watcher.refusedAt < QUIET_MS)
await keepPace(warmUp)
firstMeasured = seat
const before = process.cpuUsage()
measuring = true
console.log('begin')
await keepPace(seconds)
measuring = false
console.log('end')
const used = process.cpuUsage(before)
await sleep(DRAIN_MS)

const now = performance.now()
for (let number = firstMeasured + 1; number <= seat; number++) {
  // What has not arrived is late by what it has waited so far, at the least.
  for (let missing = subscribers - arrivals[number]; missing > 0; missing--) {
    delays.push(now - dueAt[number])
  }
}
const sorted = Float64Array.from(delays).sort()
const quantile = q => sorted[Math.floor(q * (sorted.length - 1))]
console.log(JSON.stringify({
  ...seen,
  bookings: seat - firstMeasured,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
  swarmCpu: (used.user + used.system) / 1e6 / seconds
}))
process.exit(0)
