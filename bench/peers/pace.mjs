// autocannon: book the seats of one show in random order, so many a second.
import autocannon from 'autocannon'

const given = JSON.parse(process.argv[2])
const seats = Array.from({ length: given.seats }, (_, i) => i + 1)
for (let i = seats.length - 1; i > 0; i--) {
  const j = Math.floor(Math.random() * (i + 1));
  [seats[i], seats[j]] = [seats[j], seats[i]]
}

let booked = 0
let failed = 0
let beginning
const run = autocannon({
  url: given.url,
  connections: given.connections,
  overallRate: given.rate,
  // Its rates are kept second by second; the number of bookings ends it.
  amount: Math.min(given.seats, Math.round(given.rate * given.seconds)),
  requests: [{
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    setupRequest: request => ({
      ...request,
      body: given.body.replace('$SHOW', given.show).replace('$SEAT', seats.pop() ?? 1)
    }),
    onResponse: (status, body) => {
      if (body.includes(given.marker)) booked++
      else failed++
    }
  }]
})
beginning = performance.now()
console.log('begun')
await run
console.log(JSON.stringify({ booked, failed, seconds: (performance.now() - beginning) / 1000 }))
