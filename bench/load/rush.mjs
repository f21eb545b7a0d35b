// Bookers who all want one of few seats: each tries seats at random until it has one or is told that
// there are none. All are connected, and have booked once on another show, before the doors open.
import { Caller } from './caller.mjs'

const { url, bookers, seats, show, warmShow, body, booked, soldOut } = JSON.parse(process.argv[2])
const ask = (at, seat) => body.replace('$SHOW', at).replace('$SEAT', seat)

function shuffled () {
  const order = Array.from({ length: seats }, (_, i) => i + 1)
  for (let i = seats - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

const seen = { booked: 0, refused: 0, toldSoldOut: 0, failed: 0, soldOutMs: null, allToldMs: null }

async function want (caller, order, beginning) {
  for (const seat of order) {
    const answer = await caller.post(ask(show, seat))
    if (answer.includes(booked)) {
      if (++seen.booked === seats) seen.soldOutMs = performance.now() - beginning
      return
    }
    if (answer.includes(soldOut)) return void seen.toldSoldOut++
    if (answer.includes('"errors"')) return void seen.failed++
    seen.refused++
  }
}

const callers = await Promise.all(Array.from({ length: bookers }, () => Caller.connect(url)))
for (let turn = 0; turn < 2; turn++) {
  await Promise.all(callers.map((caller, i) => caller.post(ask(warmShow, turn * bookers + i + 1))))
}
const orders = callers.map(shuffled)
const beginning = performance.now()
await Promise.all(callers.map((caller, i) => want(caller, orders[i], beginning)))
seen.allToldMs = performance.now() - beginning
callers.forEach(caller => caller.close())
console.log(JSON.stringify(seen))
