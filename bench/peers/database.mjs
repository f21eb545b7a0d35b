// The peers' way to PostgreSQL: pg, with a pool of the size that the runner gives. PG* says where.
import pg from 'pg'

pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, text => text)

export const pool = new pg.Pool({ max: Number(process.env.POOL_SIZE), idleTimeoutMillis: 0 })

// A named statement is prepared once a connection.
export async function rows (name, text, values, client = pool) {
  return (await client.query({ name, text, values })).rows
}
