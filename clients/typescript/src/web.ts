/** Emporium's client for browsers, and for whatever else has `fetch`, by gRPC-Web. */

import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { Shop, type ShopOptions } from "./shop.js";
import type { Targets } from "./targets.js";

export * from "./exports.js";

export type EmporiumOptions = ShopOptions;

/** The edge must allow the page's origin. */
export class Emporium extends Shop {
  constructor(targets: Targets, options: EmporiumOptions = {}) {
    super(targets, options, (url) => ({
      transport: createGrpcWebTransport({ baseUrl: url }),
      close: () => undefined, // `fetch` has no connections of its own.
    }));
  }
}
