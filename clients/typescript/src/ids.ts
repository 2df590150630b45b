/** New ids, for calls and for what they create. */

/** A random UUID. `crypto.randomUUID` is missing on pages that did not come over TLS. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return uuidOf(
    bytes.map((byte, at) => {
      if (at === 6) return (byte & 0x0f) | 0x40; // version 4
      return at === 8 ? (byte & 0x3f) | 0x80 : byte;
    }),
  );
}

/** The UUID in these 16 bytes, as it is written. */
export function uuidOf(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
