import { decodeCost, weightOf } from '@headgate/contracts/image/decode-cost';
import { readImageHeader } from '@headgate/contracts/image/header';
import { elementCount } from '@headgate/contracts/tensor';
import type { AppContext, Layer } from '../../context.ts';
import { applyVerdict } from '../../rate-limit/verdict.ts';
import { imagesOf } from '../v2/seen.ts';

/** Charges the images of the request, now that they are counted and before they cost anything more. */
export function chargeImages(): Layer {
  return async function chargeImages(c, next) {
    const costs = c.get('images').flatMap(({ cost }) => cost ?? []);
    await charge(
      c,
      costs.length,
      costs.reduce((sum, cost) => sum + weightOf(cost), 0),
    );
    await next();
  };
}

/** More than a batch: inference refuses such a call. */
const MOST_WEIGHED = 64;

/** The same for tensors. Encoded images are the elements of a BYTES input; numbers count as one image a call. */
export function chargeTensors(): Layer {
  return async function chargeTensors(c, next) {
    const { inputs = [] } = c.get('tensors').message;
    const encoded = inputs.filter(({ datatype }) => datatype === 'BYTES');
    const count = Math.max(1, ...encoded.map(({ shape = [] }) => elementCount(shape.map(Number)) ?? 1));
    const images = imagesOf(c.get('tensors'), MOST_WEIGHED);
    const extra = images.reduce((sum, image) => sum + weighed(image) - 1, 0);
    await charge(c, count, count + extra);
    await next();
  };
}

/** What is damaged counts once: inference refuses it. */
function weighed(image: Uint8Array): number {
  const header = readImageHeader(image);
  return header ? weightOf(decodeCost(header)) : 1;
}

async function charge(c: AppContext, count: number, weight: number): Promise<void> {
  const verdict = await c.get('charge')?.chargeImages(count, weight);
  if (verdict) applyVerdict(c, verdict);
}
