import { UserError } from "../../errors/index.js";
import { isVideo, listMedia } from "../sources/media.js";

/**
 * The pictures that two models are compared on.
 * @throws UserError where there are none.
 */
export function comparedPictures(source: string): string[] {
  const files = listMedia(source).filter((file) => !isVideo(file));
  if (files.length === 0) throw new UserError(`source=${source}: only videos, expected pictures`);
  return files;
}
