import type { ServerInterceptor } from '@grpc/grpc-js';
import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER, INFERENCE_SERVICE } from '@headgate/contracts/names';
import type { InternalSecret } from '@headgate/runtime/internal-secret';
import { toStatus } from './errors.ts';

const REFUSAL = new HeadgateError(
  'missing_credential',
  'Only the gateway and Envoy may call this port. Please call the internal listener with a client certificate.',
);

/**
 * Refuses calls without the internal secret by their metadata, before a message is read: a caller beside Envoy could
 * claim any certificate, tenant or variant. Health and reflection stay open. Later messages of a stream pass untouched.
 */
export function callersWith(
  secret: InternalSecret,
  onRefused: (method: string, error: HeadgateError) => void,
): ServerInterceptor {
  return (method, call) => {
    const [, service, name = ''] = method.path.split('/');
    const start = call.start.bind(call);
    const checked = (listener: Parameters<typeof start>[0]) => {
      const proceed = listener.onReceiveMetadata.bind(listener);
      listener.onReceiveMetadata = (metadata) => {
        const shown = metadata.get(HEADER.internalSecret);
        if (shown.length === 1 && secret.accepts(shown[0])) return proceed(metadata);
        onRefused(name, REFUSAL);
        call.sendStatus(toStatus(REFUSAL) as Parameters<typeof call.sendStatus>[0]);
      };
      start(listener);
    };
    if (service === INFERENCE_SERVICE) call.start = checked;
    return call as ReturnType<ServerInterceptor>;
  };
}
