/** How many numbers an array of a shape holds: the product of its sizes. */
export const elements = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);
