/** Image files as a model sees them. */

import type { Shape } from "./spec";

/** Draw an image file into `canvas` as it is read for a model: in its size, without colours for one of grey, on white where it is transparent. */
export async function drawn(file: Blob, canvas: HTMLCanvasElement, [channels, height, width]: Shape): Promise<void> {
  const picture = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" });
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser draws no pictures.");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  if (channels === 1) context.filter = "grayscale(1)";
  context.drawImage(picture, 0, 0);
}
