/** The addresses of Emporium. */

import type { DescService } from "@bufbuild/protobuf";

/**
 * The edge's address, which leads to everything, or an address for each service that is called,
 * for internal callers that call the services directly.
 *
 * An address is `host:port`, or a URL `http://` or `https://`; the last means TLS.
 */
export type Targets = string | Readonly<Partial<Record<"user" | "order" | "analytics", string>>>;

/** The URL of the target that serves `service`. Throws a `TypeError` for none, or an invalid one. */
export function targetOf(service: DescService, targets: Targets): string {
  // `order` in `emporium.order.v1.OrderService`
  const name = service.typeName.split(".")[1] as "user" | "order" | "analytics";
  const target = typeof targets === "string" ? targets : targets[name];
  if (target === undefined) {
    throw new TypeError(`this client was given no target for the ${name} service`);
  }
  return urlOf(target);
}

/** Throws a `TypeError` for what is no address, without repeating it: a URL may hold a password. */
export function urlOf(target: string): string {
  const text = target.includes("://") ? target : `http://${target}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.host !== "" &&
    `${url.pathname}${url.search}${url.hash}${url.username}${url.password}` === "/" &&
    !/\s/.test(target);
  if (!isPlain) {
    throw new TypeError("this is no address: give host:port, or a URL without a path");
  }
  return url.origin;
}
