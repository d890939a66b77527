/** Picture files as the numbers that a model of images takes. */

/** (channels, height, width), as the API has it. */
export type Shape = readonly [number, number, number];

/** Bytes of red, green, blue and opacity, pixel by pixel, as [channels][height][width] from `black` to `white`; grey is their luma (Rec. 601). */
export function planes(rgba: ArrayLike<number>, [channels, height, width]: Shape, black: number, white: number): number[][][] {
  const at = (pixel: number, channel: number): number => rgba[4 * pixel + channel] ?? 0;
  const value = (pixel: number, channel: number): number =>
    channels === 1 ? 0.299 * at(pixel, 0) + 0.587 * at(pixel, 1) + 0.114 * at(pixel, 2) : at(pixel, channel);
  return Array.from({ length: channels }, (_, channel) =>
    Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => Number((black + (value(y * width + x, channel) * (white - black)) / 255).toPrecision(6)))));
}

/** Draw a picture file into `canvas`, in the size of the model's images; its bytes, pixel by pixel. */
export async function drawn(file: Blob, canvas: HTMLCanvasElement, [, height, width]: Shape): Promise<Uint8ClampedArray> {
  const picture = await createImageBitmap(file, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser draws no pictures.");
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}
