import { z } from 'zod';

/** A line of sha256sum has the name of the file behind the digest. */
const OF_FILE = /^\\?([0-9a-f]{64})\s+\*?\S/;

/**
 * SHA-256 in hex, as tools print it: certutil and Get-FileHash write capitals, some spaces between the bytes, sha256sum
 * the file's name behind. Read as 64 lower-case digits.
 */
export const sha256Schema = z
  .string()
  .overwrite((text) => {
    const lower = text.trim().toLowerCase();
    return OF_FILE.exec(lower)?.[1] ?? lower.replaceAll(/\s/g, '');
  })
  .refine((digest) => /^[0-9a-f]{64}$/.test(digest), {
    error: ({ input }) => {
      const { length } = String(input);
      return `expected 64 hex digits, found ${length === 64 ? 'another character' : `${length} characters`}`;
    },
  });
