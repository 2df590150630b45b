/** Emporium's client for Node.js, by gRPC. */

import type { SecureClientSessionOptions } from "node:http2";

import { Http2SessionManager, createGrpcTransport } from "@connectrpc/connect-node";

import { Shop, type Opened, type ShopOptions } from "./shop.js";
import type { Targets } from "./targets.js";

export * from "./exports.js";

export interface EmporiumOptions extends ShopOptions {
  /**
   * Authorities other than the system's, and a certificate of the client's own, as PEM. Calls are
   * over TLS then, whatever the address says.
   */
  readonly tls?: Pick<SecureClientSessionOptions, "ca" | "cert" | "key">;
}

const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

// A peer that vanished without closing the connection is noticed within 70 s. The servers permit a
// ping every 30 s; a client that pings more often is disconnected with `too_many_pings`.
const KEEPALIVE = { pingIntervalMs: 60_000, pingTimeoutMs: 10_000 };

export class Emporium extends Shop {
  constructor(targets: Targets, options: EmporiumOptions = {}) {
    const { tls } = options;
    super(targets, options, (url) =>
      opened(tls === undefined ? url : url.replace(/^http:/, "https:"), tls),
    );
  }
}

function opened(url: string, tls: EmporiumOptions["tls"]): Opened {
  const sessionManager = new Http2SessionManager(url, KEEPALIVE, tls);
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    readMaxBytes: MESSAGE_BYTES_MAX,
    writeMaxBytes: MESSAGE_BYTES_MAX,
  });
  return {
    transport,
    close: () => {
      sessionManager.abort();
    },
  };
}
