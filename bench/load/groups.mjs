// Groups who ask for so many seats, side by side, again and again until not one is left. A refusal is
// false where the answer itself says that there were seats enough.
import { Caller } from './caller.mjs'

const { url, groups, largest, show, body } = JSON.parse(process.argv[2])
const seen = { booked: 0, seats: 0, refused: 0, falselyRefused: 0, failed: 0 }

async function attend (caller) {
  let count = 1 + Math.floor(Math.random() * largest)
  while (count > 0) {
    const answer = JSON.parse(await caller.post(body.replace('$SHOW', show).replace('$COUNT', count)))
    const result = answer.data?.bookSeats
    if (result?.__typename === 'Booking') {
      seen.booked++
      seen.seats += result.seatNumbers.length
      count = 1 + Math.floor(Math.random() * largest)
    } else if (result?.__typename === 'SeatsUnavailable') {
      seen.refused++
      if (result.availableSeats >= count) seen.falselyRefused++
      count--
    } else {
      seen.failed++
      return
    }
  }
}

const callers = await Promise.all(Array.from({ length: groups }, () => Caller.connect(url)))
await Promise.all(callers.map(attend))
callers.forEach(caller => caller.close())
console.log(JSON.stringify(seen))
