// Express and pg as the classic tutorial has it: REST, and a transaction of separate statements.
import express from 'express'
import { pool, rows } from './database.mjs'
import { serve } from './processes.mjs'

const LOCK_SHOW = 'SELECT available_seats FROM shows WHERE id = $1 FOR UPDATE'
const LOCK_SEAT = 'SELECT status FROM seats WHERE show_id = $1 AND number = $2 FOR UPDATE'
const INSERT_BOOKING = `
  INSERT INTO bookings (show_id, seat_number, user_name, status, created_at, expires_at)
  VALUES ($1, $2, $3, 'PENDING', clock_timestamp(), clock_timestamp() + interval '120 seconds')
  RETURNING id, status, expires_at`
const TAKE_SEAT = `UPDATE seats SET status = 'PENDING', booking_id = $3 WHERE show_id = $1 AND number = $2`
const COUNT = `
  UPDATE shows SET available_seats = available_seats - 1, pending_seats = pending_seats + 1 WHERE id = $1`

async function book (client, showId, seat, userName) {
  const [show] = await rows('lock_show', LOCK_SHOW, [showId], client)
  if (show.available_seats === 0) return { error: 'sold out' }
  const [found] = await rows('lock_seat', LOCK_SEAT, [showId, seat], client)
  if (found?.status !== 'AVAILABLE') return { error: 'taken' }
  const [booking] = await rows('insert_booking', INSERT_BOOKING, [showId, seat, userName], client)
  await rows('take_seat', TAKE_SEAT, [showId, seat, booking.id], client)
  await rows('count', COUNT, [showId], client)
  return { booking }
}

async function transact (work) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query(result.error ? 'ROLLBACK' : 'COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

const app = express()
app.disable('x-powered-by')
app.disable('etag')
app.use(express.json())
app.post('/book', async (request, response) => {
  const { showId, seatNumber, userName } = request.body
  const result = await transact(client => book(client, showId, seatNumber, userName))
  response.status(result.error ? 409 : 201).json(result)
})

await serve(port => new Promise(resolve => {
  const server = app.listen(port, '127.0.0.1', () => resolve(server.address().port))
}))
