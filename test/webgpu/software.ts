import { existsSync } from "node:fs";

// Debian's Chromium brings SwiftShader, a Vulkan driver that runs on the processor.
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Whether WebGPU can be tested here without a graphics card; says so once where it cannot. */
export const hasSoftwareGpu = existsSync(driver);

if (hasSoftwareGpu) {
  process.env.VK_DRIVER_FILES ??= driver;
  process.env.VK_ICD_FILENAMES ??= driver;
} else {
  console.log(`WebGPU tests are skipped: ${driver} is missing (Debian's chromium package)`);
}
