import pc from "picocolors";

// picocolors also colours in pipes where CI is set; we never do.
const on = (stream: NodeJS.WriteStream): boolean =>
  process.env.FORCE_COLOR ? pc.isColorSupported : Boolean(stream.isTTY) && pc.isColorSupported;

/** Colours of results: only on a terminal, and not where NO_COLOR is set. */
export const colours = pc.createColors(on(process.stdout));

/** Colours of what goes to standard error. */
export const noteColours = pc.createColors(on(process.stderr));
