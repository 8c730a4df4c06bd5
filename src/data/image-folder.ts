/** A folder of images per class: folder/cat/1.png, or folder/train/cat/1.png and folder/test/cat/2.png. */
import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { FusorError } from '../errors';
import { ioError } from '../files/system-error';
import { requireMemory } from '../memory';
import type { LabelledRows } from './entry';

const KINDS = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif'];

export const isPictureName = (name: string): boolean => KINDS.includes(extname(name).toLowerCase());

export interface ImageFolderOptions {
  /** Height and width that images are brought to; by default all must have those of the first. */
  imageSize?: readonly [height: number, width: number];
  /** Takes the first images only, at most so many. */
  limit?: number;
}

export interface ImageFiles {
  classNames: string[];
  files: { file: string; label: number }[];
}

/**
 * What is in a folder; of a link, what it leads to. One that leads nowhere counts as a file: who reads it is told.
 * @throws ERR_IO, ERR_DATA_MISSING
 */
function list(folder: string): { name: string; isFolder: boolean; isFile: boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).map((entry) => {
      const { name } = entry;
      const found = entry.isSymbolicLink() ? statSync(join(folder, name), { throwIfNoEntry: false }) : entry;
      return { name, isFolder: found?.isDirectory() === true, isFile: found?.isFile() !== false };
    });
  } catch (error) {
    throw ioError(error, 'read the folder', folder);
  }
}

/** The names of those that are not hidden, sorted. */
export function foldersIn(folder: string): string[] {
  return list(folder)
    .filter(({ name, isFolder }) => isFolder && !name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
}

/** The images of a folder that are not hidden, their paths in it, sorted. @throws ERR_IO */
function imagesIn(folder: string): string[] {
  return list(folder)
    .filter(({ name, isFile }) => isFile && isPictureName(name) && !name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
}

/** All images, whatever they show: those of the folder, then those of its folders. @throws ERR_IO */
export function allImages(folder: string): string[] {
  const below = foldersIn(folder).flatMap((name) =>
    imagesIn(join(folder, name)).map((image) => join(name, image)),
  );
  return [...imagesIn(folder), ...below];
}

/** The classes are the subfolders, sorted. @throws ERR_DATA_MISSING, ERR_DATA_EMPTY */
export function imageFiles(folder: string, classNames?: readonly string[]): ImageFiles {
  const found = foldersIn(folder);
  const stranger = classNames && found.find((name) => !classNames.includes(name));
  if (stranger !== undefined)
    throw new FusorError(
      'ERR_LABEL_RANGE',
      [
        `the class "${stranger}" is not among those to train with`,
        folder,
        `there are ${classNames?.join(', ')}`,
      ],
      { folder },
    );
  const names = classNames ? [...classNames] : found;
  const files = found.flatMap((name) =>
    imagesIn(join(folder, name)).map((image) => ({
      file: join(folder, name, image),
      label: names.indexOf(name),
    })),
  );
  const empty = found.find((_, i) => !files.some(({ label }) => label === names.indexOf(found[i])));
  if (names.length < 2 || files.length === 0 || empty !== undefined)
    throw new FusorError(
      'ERR_DATA_EMPTY',
      [
        empty === undefined ? 'no folders of images, one a class' : `the class "${empty}" has no images`,
        folder,
        `put at least one image (${KINDS.join(', ')}) into a folder for each of two classes`,
      ],
      { folder },
    );
  return { classNames: names, files };
}

/**
 * x uint8 [rows, height, width, channels]: one channel where all images are grey, else three. Turned as their
 * EXIF data says; what is transparent is black.
 * @param options channels: 1 or 3, whatever the images have
 * @throws ERR_SHAPE naming the image of another size, ERR_DATA_FORMAT for one that cannot be read, ERR_UNSUPPORTED without sharp
 */
export async function readImages(
  { files, classNames }: ImageFiles,
  { imageSize, limit, channels: given }: ImageFolderOptions & { channels?: number },
): Promise<LabelledRows> {
  const sharp = loadSharp();
  const chosen = files.slice(0, limit);
  let size = imageSize;
  let colour = false;
  for (const { file } of chosen) {
    const {
      width: across = 0,
      height: down = 0,
      space,
      orientation = 1,
    } = await failing(file, () => sharp(file).metadata());
    // From 5 on it lies on its side.
    const [height, width] = orientation >= 5 ? [across, down] : [down, across];
    colour ||= space !== 'b-w' && space !== 'grey16';
    size ??= [height, width];
    if (imageSize || (size[0] === height && size[1] === width)) continue;
    throw new FusorError(
      'ERR_SHAPE',
      [
        `the image is ${height}x${width}, the first one ${size[0]}x${size[1]}`,
        file,
        'bring all to one size: --image-size HxW',
      ],
      { file },
    );
  }
  const [height, width] = size!;
  const channels = given ?? (colour ? 3 : 1);
  const pixels = height * width * channels;
  requireMemory(
    chosen.length * pixels,
    'the images',
    chosen[0].file,
    'take a smaller size (--image-size), or fewer (--limit)',
  );
  const x = new Uint8Array(chosen.length * pixels);
  for (const [row, { file }] of chosen.entries())
    x.set(await pixelsOf(file, file, [height, width, channels]), row * pixels);
  const y = new (classNames.length <= 256 ? Uint8Array : Int32Array)(chosen.map(({ label }) => label));
  return {
    x: { data: x, shape: [chosen.length, height, width, channels] },
    y: { data: y, shape: [chosen.length] },
  };
}

/**
 * The values of an image, brought to a shape.
 * @param name of it, for errors
 * @param shape height, width, channels: 1 is grey, 3 are red, green and blue
 * @param ground what is behind the transparent
 */
export async function pixelsOf(
  image: string | Buffer,
  name: string,
  [height, width, channels]: readonly number[],
  ground: 'black' | 'white' = 'black',
): Promise<Uint8Array> {
  const sharp = loadSharp();
  const pixels = await failing(name, () =>
    sharp(image)
      .rotate()
      .resize(width, height, { fit: 'fill' })
      .flatten({ background: ground })
      .toColourspace(channels === 3 ? 'srgb' : 'b-w')
      .raw()
      .toBuffer(),
  );
  if (pixels.length === height * width * channels) return pixels;
  throw new FusorError(
    'ERR_DATA_FORMAT',
    [`it has ${pixels.length} values, not ${height * width * channels}`, name, 'save it as a plain PNG'],
    { file: name },
  );
}

/** As much of it as is used. It is an optional package, and a large one. */
interface Sharp {
  metadata(): Promise<{ width?: number; height?: number; space?: string; orientation?: number }>;
  /** As the EXIF data says. */
  rotate(): Sharp;
  resize(width: number, height: number, options: { fit: 'fill' }): Sharp;
  flatten(options: { background: string }): Sharp;
  toColourspace(space: string): Sharp;
  raw(): Sharp;
  toBuffer(): Promise<Buffer>;
}

function loadSharp(): (image: string | Buffer) => Sharp {
  try {
    return require('sharp');
  } catch (cause) {
    throw new FusorError(
      'ERR_UNSUPPORTED',
      ['images are read by the package sharp, which is not here', '', 'npm install sharp'],
      {},
      { cause },
    );
  }
}

async function failing<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = (cause as Error).message.split('\n')[0];
    throw new FusorError(
      'ERR_DATA_FORMAT',
      [`the image cannot be read (${why})`, file, 'save it anew, or take it away'],
      { file },
      { cause },
    );
  }
}
