/**
 * What protocol/ and core/ may use beyond the language itself: pure functions that Node, workerd and every browser
 * have alike. Only tsconfig.core.json, which has no platform's types, reads this file.
 */
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}
