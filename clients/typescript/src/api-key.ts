/** API keys as a program has them: what they look like, and the form that exchanges one. */

import { create } from "@bufbuild/protobuf";

import { HttpBodySchema, type HttpBody } from "./gen/google/api/httpbody_pb.js";
import { uuidOf } from "./ids.js";

const PREFIX = "emp_";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 70;
const BYTES = 52; // an id, a secret, and the checksum of both
const CHECKSUM_BYTES = 4;

/** The form of RFC 6749 that asks for a token. Throws a `TypeError` for what is no API key. */
export function formOf(apiKey: string, scope = ""): HttpBody {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: idIn(apiKey),
    client_secret: apiKey,
  });
  if (scope !== "") {
    form.set("scope", scope);
  }
  return create(HttpBodySchema, {
    contentType: "application/x-www-form-urlencoded",
    data: new TextEncoder().encode(form.toString()),
  });
}

function idIn(apiKey: string): string {
  const digits = apiKey.slice(PREFIX.length);
  const isKey =
    apiKey.startsWith(PREFIX) && digits.length === LENGTH && /^[0-9A-Za-z]+$/.test(digits);
  if (!isKey) {
    throw new TypeError(`an API key is '${PREFIX}' and ${LENGTH} letters and digits`);
  }
  let number = 0n;
  for (const digit of digits) {
    number = number * BigInt(DIGITS.length) + BigInt(DIGITS.indexOf(digit));
  }
  const raw = Uint8Array.from({ length: BYTES }, (_, at) =>
    Number((number >> BigInt(8 * (BYTES - 1 - at))) & 0xffn),
  );
  const checksum = raw.slice(-CHECKSUM_BYTES).reduce((read, byte) => read * 256 + byte, 0);
  if (crc32(raw.slice(0, -CHECKSUM_BYTES)) !== checksum) {
    throw new TypeError("the API key is mistyped or cut off: its checksum is another");
  }
  return uuidOf(raw.slice(0, 16));
}

/** The checksum of zlib, which Node.js has from 22 on, and browsers have not. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return (crc ^ 0xffffffff) >>> 0;
}
