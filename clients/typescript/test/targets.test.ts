/** Where the client calls. */

import assert from "node:assert/strict";
import test from "node:test";

import { OrderService } from "../src/gen/emporium/order/v1/order_service_pb.js";
import { Emporium } from "../src/node.js";
import { targetOf, urlOf } from "../src/targets.js";

test("an address is a host and a port, or a URL", () => {
  assert.equal(urlOf("localhost:8080"), "http://localhost:8080");
  assert.equal(urlOf("[::1]:8080"), "http://[::1]:8080");
  assert.equal(urlOf("http://shop.example/"), "http://shop.example");
  assert.equal(urlOf("https://shop.example"), "https://shop.example");
});

test("anything else is none, and is not repeated", () => {
  const none = ["", " ", "a b", "https://", "ftp://shop.example", "dns:///shop.example"];
  for (const address of [...none, "shop.example/api", "http://ann:secret@shop.example"]) {
    assert.throws(
      () => urlOf(address),
      (error: unknown) => {
        assert.ok(error instanceof TypeError, address);
        assert.ok(!error.message.includes("secret"));
        return true;
      },
    );
    assert.throws(() => new Emporium(address), TypeError);
    assert.throws(() => new Emporium({ order: address }), TypeError);
  }
});

test("each service may have an address of its own, and without one cannot be called", () => {
  assert.equal(targetOf(OrderService, { order: "order:50052" }), "http://order:50052");
  assert.throws(
    () => new Emporium({ user: "user:50051" }).order,
    /no target for the order service/,
  );
});
