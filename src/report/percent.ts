/** 0.034 → '3.4 %', 0.34 → '34 %'. */
export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
