import { elementCount } from '@headgate/contracts/tensor';
import type { AppContext, Layer } from '../../context.ts';
import { applyVerdict } from '../../rate-limit/verdict.ts';

/** Charges the images of the request, now that they are counted and before they cost anything more. */
export function chargeImages(): Layer {
  return async function chargeImages(c, next) {
    await charge(c, c.get('images').filter(({ refusal }) => refusal === undefined).length);
    await next();
  };
}

/** The same for tensors. Encoded images are the elements of a BYTES input; numbers count as one image a call. */
export function chargeTensors(): Layer {
  return async function chargeTensors(c, next) {
    const { inputs = [] } = c.get('tensors').message;
    const encoded = inputs.filter(({ datatype }) => datatype === 'BYTES');
    await charge(c, Math.max(1, ...encoded.map(({ shape = [] }) => elementCount(shape.map(Number)) ?? 1)));
    await next();
  };
}

async function charge(c: AppContext, count: number): Promise<void> {
  const verdict = await c.get('charge')?.chargeImages(count);
  if (verdict) applyVerdict(c, verdict);
}
