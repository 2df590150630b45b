/** What the compiler permits, as others see the package: an error that it must find is expected. */

import assert from "node:assert/strict";
import test from "node:test";

import { create } from "@bufbuild/protobuf";

import { Emporium, InvalidRequest, items, type EmporiumError } from "@emporium/client";
import { Emporium as ForPages } from "@emporium/client/web";
import { OrderSchema, type Order } from "@emporium/client/contract/order/v1/order_service";

test("messages and entries are found by the names of the package", () => {
  const order: Order = create(OrderSchema, { totalPrice: "5.10" });
  assert.equal(order.totalPrice, "5.10");
  for (const Client of [Emporium, ForPages]) {
    const shop = new Client("localhost:8080");
    assert.equal(typeof shop.order.createOrder, "function");
    shop.close();
  }
});

test("what the contract has not is no program", () => {
  // Never called: it is the compiler that this is for.
  const wrong = async (shop: Emporium, error: EmporiumError): Promise<void> => {
    // @ts-expect-error The contract calls it `items`.
    await shop.order.createOrder({ lines: [] });
    // @ts-expect-error There is no such rpc.
    const rpc: keyof Emporium["order"] = "orderCreate";
    // @ts-expect-error A price is a decimal string.
    await shop.catalog.createProduct({ unitPrice: 2.55 });
    // @ts-expect-error It is no list.
    await items(shop.order.getOrder, {}).next();
    // @ts-expect-error Known reasons are compared as they are spelt, and this is a number.
    console.log(rpc, error.reason === 1, error instanceof InvalidRequest);
    // @ts-expect-error A client calls somewhere.
    new Emporium();
  };
  assert.ok(wrong);
});
