/** What the client exports, for whichever transport. */

export type { CallOptions, Client } from "@connectrpc/connect";

export { formOf } from "./api-key.js";
export * from "./errors.js";
export { ErrorReason } from "./gen/emporium/errors/v1/error_reason_pb.js";
export { items, pages, type ItemOf, type List, type ListPage } from "./paging.js";
export type { Token } from "./session.js";
export type { ShopOptions } from "./shop.js";
export type { Targets } from "./targets.js";
