import type { KindRunner } from "../cases.js";

export const kinds: Record<string, KindRunner> = {};
