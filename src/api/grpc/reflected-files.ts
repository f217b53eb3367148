import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import descriptor from 'protobufjs/ext/descriptor/index.js';

interface Field {
  readonly name: string;
  typeName?: string;
  oneofIndex?: number;
  proto3Optional?: boolean;
}

interface Message {
  name: string;
  readonly field: Field[];
  readonly nestedType: Message[];
  readonly oneofDecl: readonly { readonly name: string }[];
  readonly options?: { readonly mapEntry?: boolean } | null;
}

interface File {
  readonly messageType: Message[];
}

/** What decodes and encodes a google.protobuf.FileDescriptorProto. */
const fileType = descriptor.FileDescriptorProto as unknown as {
  decode(bytes: Uint8Array): File;
  encode(file: File): { finish(): Uint8Array };
};

/**
 * Proto files for reflection, with the names as they are written. Puts right what protobufjs 7.6 gets wrong in
 * descriptors and strict tools refuse: the type of a map's entries must be named after its field (`statuses`:
 * `StatusesEntry`), and an `optional` field must say that it is one instead of standing in a oneof of its own.
 */
export function loadForReflection(path: string): PackageDefinition {
  const definition = loadSync(path, { keepCase: true });
  const corrected = new Map<Buffer, Buffer>();
  for (const entry of Object.values(definition)) {
    const { fileDescriptorProtos: files } = entry;
    if (!Array.isArray(files)) continue;
    entry.fileDescriptorProtos = files.map((bytes) => {
      const known = corrected.get(bytes) ?? correct(bytes);
      corrected.set(bytes, known);
      return known;
    });
  }
  return definition;
}

function correct(bytes: Uint8Array): Buffer {
  const file = fileType.decode(bytes);
  for (const message of file.messageType) correctMessage(message);
  return Buffer.from(fileType.encode(file).finish());
}

function correctMessage(message: Message): void {
  for (const nested of message.nestedType) {
    correctMessage(nested);
    if (nested.options?.mapEntry !== true) continue;
    const field = message.field.find(({ typeName }) => typeName === nested.name);
    if (field === undefined) continue;
    nested.name = entryName(field.name);
    field.typeName = nested.name;
  }
  for (const field of message.field) {
    const index = field.oneofIndex;
    const stands = Object.hasOwn(field, 'oneofIndex') && index !== undefined;
    if (stands && message.oneofDecl[index]?.name === `_${field.name}`) field.proto3Optional = true;
  }
}

/** `some_field` → `SomeFieldEntry`. */
function entryName(field: string): string {
  const words = field.split('_').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return `${words.join('')}Entry`;
}
