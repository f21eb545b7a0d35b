// Runs the GraphQL-over-HTTP audit against a URL: a line for each check that is not ok, then a summary.
import { auditServer } from "graphql-http";

const counts = { ok: 0, notice: 0, warn: 0, error: 0 };
for (const result of await auditServer({ url: process.argv[2] })) {
  counts[result.status] += 1;
  if (result.status !== "ok") {
    console.log(`${result.status} ${result.id} ${result.name}: ${result.reason}`);
  }
}
console.log(JSON.stringify(counts));
