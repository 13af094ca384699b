/** Where the numbers of a transferred checkpoint come from: what their file said, and that file. */
export function provenanceOf(
  sidecar: Readonly<Record<string, unknown>> | undefined,
  weights: string,
): Record<string, string> {
  const before = sidecar?.provenance;
  const kept = typeof before === "object" && before !== null ? (before as Record<string, string>) : {};
  return { ...kept, program: "swinyolo", date: new Date().toISOString(), transferred: weights };
}
