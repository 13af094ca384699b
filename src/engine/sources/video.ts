import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { rename, rm } from "node:fs/promises";
import type { Picture } from "../../data/index.js";
import { UserError } from "../../errors/index.js";

/** What a video file is like. */
export interface VideoInfo {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Frames, as far as the file tells; 0 where it does not. */
  readonly frames: number;
}

/**
 * Looks into a video through the system's ffprobe.
 * @throws UserError without ffmpeg, or when the file is no video.
 */
export async function probeVideo(file: string): Promise<VideoInfo> {
  const args = [
    "-v",
    "error",
    "-select_streams",
    "v:0",
    "-show_entries",
    "stream=width,height,avg_frame_rate,nb_frames:stream_side_data=rotation:format=duration",
    "-of",
    "json",
    "--",
    file,
  ];
  const output = await collect("ffprobe", args, file);
  const { streams = [], format = {} } = JSON.parse(output) as {
    streams?: Record<string, unknown>[];
    format?: { duration?: string };
  };
  const [stream] = streams;
  if (!stream) throw new UserError(`${file}: no video in it`);
  const [n, d] = String(stream.avg_frame_rate).split("/").map(Number);
  const fps = d > 0 && n > 0 ? n / d : 30;
  const sideData = (stream.side_data_list as { rotation?: number }[] | undefined) ?? [];
  const turned = sideData.some(({ rotation = 0 }) => Math.abs(rotation) % 180 === 90);
  const [width, height] = [Number(stream.width), Number(stream.height)];
  const frames = Number(stream.nb_frames) || Math.round(Number(format.duration ?? 0) * fps);
  return { width: turned ? height : width, height: turned ? width : height, fps, frames };
}

/** The frames of a video, upright, RGB; every `stride`-th of them. */
export async function* readFrames(file: string, { width, height }: VideoInfo, stride = 1): AsyncGenerator<Picture> {
  const filter = stride > 1 ? ["-vf", `select=not(mod(n\\,${stride}))`, "-vsync", "vfr"] : [];
  const child = start("ffmpeg", [
    "-v",
    "error",
    "-nostdin",
    "-i",
    file,
    ...filter,
    "-f",
    "rawvideo",
    "-pix_fmt",
    "rgb24",
    "pipe:1",
  ]);
  const failure = failureOf(child, file);
  child.stdin.end();
  const size = width * height * 3;
  let frame = new Uint8Array(size);
  let filled = 0;
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      let at = 0;
      while (at < chunk.length) {
        const part = Math.min(size - filled, chunk.length - at);
        frame.set(chunk.subarray(at, at + part), filled);
        [filled, at] = [filled + part, at + part];
        if (filled < size) continue;
        yield { width, height, data: frame };
        [frame, filled] = [new Uint8Array(size), 0];
      }
    }
    await failure();
  } finally {
    child.kill("SIGKILL");
  }
}

/** Writes frames into an .mp4 file; whole or not at all. */
export interface VideoWriter {
  write(frame: Picture): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** Opens a video for writing, at the frames' size. */
export function writeVideo(
  file: string,
  { width, height, fps }: Pick<VideoInfo, "width" | "height" | "fps">,
): VideoWriter {
  const partial = `${file}.part.mp4`;
  const child = start("ffmpeg", [
    "-v",
    "error",
    "-y",
    "-f",
    "rawvideo",
    "-pix_fmt",
    "rgb24",
    "-s",
    `${width}x${height}`,
    "-r",
    String(fps),
    "-i",
    "pipe:0",
    "-vf",
    "pad=ceil(iw/2)*2:ceil(ih/2)*2",
    "-pix_fmt",
    "yuv420p",
    "-movflags",
    "+faststart",
    partial,
  ]);
  const failure = failureOf(child, file);
  child.stdin.on("error", () => {}); // said by `failure` with ffmpeg's own words
  return {
    async write({ data }) {
      if (!child.stdin.write(data)) await Promise.race([once(child.stdin, "drain"), once(child, "close")]);
    },
    async close() {
      child.stdin.end();
      await failure();
      await rename(partial, file);
    },
    async abort() {
      child.kill("SIGKILL");
      await rm(partial, { force: true });
    },
  };
}

const missing = (program: string) =>
  new UserError(
    `${program} is not installed: videos are read and written through the system's ffmpeg (Debian: apt-get install ffmpeg)`,
  );

const start = (program: string, args: readonly string[]): ChildProcessWithoutNullStreams =>
  spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });

// Waits for the end of a process; throws what it complained about.
function failureOf(child: ChildProcessWithoutNullStreams, file: string): () => Promise<void> {
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<Error | undefined>((resolve) => {
    child.on("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ENOENT" ? missing(child.spawnfile) : error),
    );
    child.on("close", (code) =>
      resolve(
        code
          ? new UserError(`${file}: ${complaint.trim().split("\n").at(-1) || `ffmpeg ended with ${code}`}`)
          : undefined,
      ),
    );
  });
  return async () => {
    const error = await ended;
    if (error) throw error;
  };
}

async function collect(program: string, args: readonly string[], file: string): Promise<string> {
  const child = start(program, args);
  const failure = failureOf(child, file);
  child.stdin.end();
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  await failure();
  return Buffer.concat(chunks).toString();
}
