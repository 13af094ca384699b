import type { KindRunner } from "../cases.js";
import { kinds as loss } from "./loss.js";
import { kinds as weights } from "./weights.js";

/** Every kind that we rebuild; a kind that is missing here is counted as "not yet". */
export const kinds: Readonly<Record<string, KindRunner>> = { ...loss, ...weights };
