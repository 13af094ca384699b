import { UserError } from "../../errors/index.js";
import { cast, compile, graph, hostArray, input, mul, type Runtime } from "../../graph/index.js";

/**
 * The factor on the loss that keeps small gradients above the smallest half: halved when gradients overflow, doubled after
 * 2,000 steps that did not (as torch.cuda.amp.GradScaler).
 */
export interface LossScale {
  value: number;
  /** Steps without overflow since it last changed. */
  steps: number;
}

/** A scale to start with. */
export const freshLossScale = (): LossScale => ({ value: 65_536, steps: 0 });

const patience = 2000;

/** Tells a scale how a step went; false when it cannot shrink any further. */
export function adjustLossScale(scale: LossScale, finite: boolean): boolean {
  scale.steps = finite ? scale.steps + 1 : 0;
  if (!finite) scale.value /= 2;
  else if (scale.steps === patience) Object.assign(scale, { value: scale.value * 2, steps: 0 });
  return scale.value >= 1;
}

/**
 * Checks that a device computes in float16.
 * @throws UserError saying why not.
 */
export async function checkHalf(runtime: Runtime, device: string): Promise<void> {
  if (device === "cpu")
    throw new UserError(
      "half=true needs a device that computes in float16 (device=webgpu, device=cuda); the CPU does not",
    );
  const x = input([2]);
  const doubled = cast(mul(cast(x, "float16"), cast(x, "float16")), "float32");
  try {
    const program = await compile(runtime, graph({ x }, { y: doubled }), { device });
    await program.run(new Map([["x", hostArray("float32", [2], Float32Array.of(1, 2))]]));
    await program.release();
  } catch (error) {
    if (error instanceof UserError) throw error;
    const why =
      error instanceof Error ? (/requires f16[^.\n]*/.exec(error.message)?.[0] ?? error.message) : String(error);
    throw new UserError(`half=true: this machine's ${device} has no float16 (${why})`, { cause: error });
  }
}

/**
 * Checks that weights can be run in float16 on a device.
 * @throws UserError saying why not: the device has none, or an exported file's numbers are settled.
 */
export async function checkHalfOf(runtime: Runtime, weights: string, device = "cpu"): Promise<void> {
  if (/\.onnx$/i.test(weights)) {
    throw new UserError(`half=true: ${weights} has its numbers already; write a file of halves with export half=true`);
  }
  await checkHalf(runtime, device);
}
