// Calls services as `@grpc/grpc-js` does: an outcome a line, by the names that its arguments list.
const { readFileSync } = require("node:fs");
const grpc = require("@grpc/grpc-js");
const { loadFileDescriptorSetFromBuffer } = require("@grpc/proto-loader");

const [image, address, token, ...names] = process.argv.slice(2);
const definition = loadFileDescriptorSetFromBuffer(readFileSync(image), {
  keepCase: true,
  enums: String,
});
const { emporium, grpc: standard } = grpc.loadPackageDefinition(definition);
const open = (Service) => new Service(address, grpc.credentials.createInsecure());
const catalog = open(emporium.order.v1.CatalogService);
const orders = open(emporium.order.v1.OrderService);
const health = open(standard.health.v1.Health);
const NOBODY = { order_id: "01900000-0000-7000-8000-000000000000" };
const CALLS_AT_ONCE = 100;

function metadata(given = {}) {
  const made = new grpc.Metadata();
  for (const [name, value] of Object.entries(given)) made.set(name, value);
  return made;
}

function call(client, method, request, given = {}, seconds = 10, meanwhile = () => undefined) {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + seconds * 1000 };
    const made = client[method](request, metadata(given), options, (error, answer) => {
      if (!error) return resolve({ answer });
      const { code, details } = error;
      const [status] = error.metadata.get("grpc-status-details-bin");
      resolve({ code: grpc.status[code], details, status: status?.toString("base64") });
    });
    meanwhile(made);
  });
}

function first(stream) {
  return new Promise((resolve) => {
    stream.once("data", (message) => {
      stream.once("error", ({ code }) => resolve({ answer: message, code: grpc.status[code] }));
      stream.cancel();
    });
  });
}

const bearer = { authorization: `Bearer ${token}` };
const scenes = {
  list: () => call(catalog, "ListProducts", { per_page: 1 }),
  refused: () => call(orders, "GetOrder", NOBODY),
  missing: () => call(orders, "GetOrder", NOBODY, { ...bearer, "x-request-id": "of-grpc-js" }),
  late: () => call(catalog, "ListProducts", {}, {}, 0.0001),
  cancelled: () => call(catalog, "ListProducts", {}, {}, 10, (made) => made.cancel()),
  large: () => call(orders, "CreateOrder", { request_id: "x".repeat(5e6) }, bearer),
  many: async () => {
    const calls = Array.from({ length: CALLS_AT_ONCE }, () => scenes.list());
    return { answered: (await Promise.all(calls)).filter(({ answer }) => answer).length };
  },
  health: () => call(health, "Check", {}),
  watched: () => first(health.Watch({})),
};

(async () => {
  for (const name of names) console.log(JSON.stringify(await scenes[name]()));
  for (const client of [catalog, orders, health]) client.close();
})();
