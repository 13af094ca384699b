import { defineConfig } from "vitest/config";

/** What needs a WebGPU device, SwiftShader at least: `npm run test:webgpu`. */
export default defineConfig({
  test: {
    include: ["test/webgpu/**/*.test.ts"],
    testTimeout: 900_000,
    hookTimeout: 240_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
