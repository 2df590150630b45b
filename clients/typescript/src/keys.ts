/** Idempotency keys: a create is made once, however often it is sent. */

import {
  clone,
  type DescMessage,
  type DescMethodUnary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

import { newId } from "./ids.js";
import { keyOf } from "./retries.js";

/**
 * `request` with a key of its own, where it takes one and has none; retries then share it.
 *
 * It is a copy, so that whoever sends the same message again means another create.
 */
export function keyed<I extends DescMessage>(
  method: DescMethodUnary<I>,
  request: MessageShape<I>,
): MessageShape<I> {
  const field = keyOf(method);
  if (field === undefined || reflect(method.input, request).isSet(field)) {
    return request;
  }
  const copy = clone(method.input, request);
  reflect(method.input, copy).set(field, newId());
  return copy;
}
