import type { MessageTypeDefinition, PackageDefinition } from '@headgate/runtime/proto';

/** How the values of a field lie on the wire, and what must be true of them. */
type WireKind = 'text' | 'bytes' | 'message' | 'varint' | 'fixed32' | 'fixed64';

export interface WireField {
  readonly name: string;
  readonly kind: WireKind;
  readonly repeated: boolean;
  /** Only of the kind `message`. */
  readonly message: WireMessage | undefined;
}

/** Fields by number. */
export type WireMessage = ReadonlyMap<number, WireField>;

/** The part of a descriptor that is read; protobuf's own descriptor.proto defines the rest. */
interface Descriptor {
  readonly name: string;
  readonly field: readonly {
    readonly name: string;
    readonly number: number;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly nestedType: readonly Descriptor[];
}

const KINDS: Readonly<Record<string, WireKind>> = {
  TYPE_STRING: 'text',
  TYPE_BYTES: 'bytes',
  TYPE_MESSAGE: 'message',
  TYPE_DOUBLE: 'fixed64',
  TYPE_FIXED64: 'fixed64',
  TYPE_SFIXED64: 'fixed64',
  TYPE_FLOAT: 'fixed32',
  TYPE_FIXED32: 'fixed32',
  TYPE_SFIXED32: 'fixed32',
};

/** The wire form of a request of `definition`, messages in messages included. None of them may contain itself. */
export function wireMessageOf(
  request: MessageTypeDefinition<object, object>,
  definition: PackageDefinition,
): WireMessage {
  return messageOf(request.type as Descriptor, definition);
}

function messageOf(descriptor: Descriptor, definition: PackageDefinition): WireMessage {
  const fields = descriptor.field.map(({ name, number, label, type, typeName }) => {
    const kind = KINDS[type] ?? 'varint';
    const message =
      kind === 'message' ? messageOf(descriptorOf(typeName, descriptor, definition), definition) : undefined;
    return [number, { name, kind, repeated: label === 'LABEL_REPEATED', message }] as const;
  });
  return new Map(fields);
}

/** Type names are relative: to the message itself, else to the package. */
function descriptorOf(name: string, within: Descriptor, definition: PackageDefinition): Descriptor {
  const nested = within.nestedType.find((type) => type.name === name);
  if (nested) return nested;
  const found = Object.entries(definition).find(([full]) => full === name || full.endsWith(`.${name}`));
  if (!found || !('type' in found[1])) throw new Error(`no message type ${name} in the contract`);
  return found[1].type as Descriptor;
}
