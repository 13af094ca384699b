// Makes a fresh clone ready: installs when node_modules does not match the lock file, then builds what changed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";

const run = (command, args) => {
  const { status } = spawnSync(command, args, {
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(status ?? 1);
};

const installed = "node_modules/.package-lock.json";
const stale =
  !existsSync(installed) || (statSync(installed).mtimeMs < statSync("package-lock.json").mtimeMs && differs());
if (stale) {
  console.error("Installing (npm ci) ...");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}
run(process.execPath, ["node_modules/typescript/bin/tsc", "-b"]);

// A checkout touches the lock file without changing it: compare the versions before installing again.
function differs() {
  const wanted = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(wanted).some(
    ([path, { version, optional }]) => path && !optional && present[path]?.version !== version,
  );
}
