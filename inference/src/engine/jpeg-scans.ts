import { HeadgateError } from '@headgate/contracts/errors';

/**
 * Passes over the largest picture that one picture may cost. Photos have ten or so when they are progressive, else
 * one; a file can claim thousands in a few bytes each, and a decoder would follow it for minutes.
 */
const PASSES = 32;

/** The marker that begins a scan; it cannot occur in coded pixels. */
const START_OF_SCAN = Buffer.of(0xff, 0xda);

/**
 * Refuses a JPEG whose scans would take far longer than its size suggests. Markers in its metadata, of a preview,
 * count too: that is never too few, and a handful at most.
 *
 * @throws HeadgateError undecodable_image
 */
export function refuseEndlessScans(bytes: Uint8Array, pixels: number, maxPixels: number): void {
  const most = Math.floor((PASSES * maxPixels) / pixels);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let scans = 0;
  for (let at = file.indexOf(START_OF_SCAN); at >= 0; at = file.indexOf(START_OF_SCAN, at + 2)) {
    scans += 1;
    if (scans > most) {
      throw new HeadgateError(
        'undecodable_image',
        `The image is stored in more than ${most} passes; save it as a common JPEG.`,
      );
    }
  }
}
