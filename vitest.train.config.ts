import { defineConfig } from "vitest/config";

/** The slower tests that learn something: `npm run test:train`. */
export default defineConfig({
  test: { include: ["test/train/**/*.test.ts"], testTimeout: 3_600_000, pool: "forks", maxWorkers: 1 },
});
