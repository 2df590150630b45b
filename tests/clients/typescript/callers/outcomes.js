// Makes calls one after the other, and gives what came of each.

export async function* outcomes({ Emporium, EmporiumError, items }, { targets, options, calls }) {
  const shop = new Emporium(targets, options);
  for (const [path, request, callOptions] of calls) {
    // `order.getOrder` is a call, `order.listOrders[]` all items of a list.
    const [, service, method, isList] = /^(\w+)\.(\w+)(\[\])?$/.exec(path);
    const call = shop[service][method];
    try {
      const answer = isList
        ? await collected(items(call, request, callOptions))
        : await call(request, callOptions);
      yield JSON.stringify({ answer }, plain);
    } catch (error) {
      if (!(error instanceof EmporiumError)) throw error;
      const { name, message, reason, violations, requestId, retryAfterSeconds } = error;
      const told = { name, message, reason, violations, requestId, retryAfterSeconds };
      yield JSON.stringify({ error: told });
    }
  }
  shop.close();
}

async function collected(sequence) {
  const found = [];
  for await (const item of sequence) found.push(item);
  return found;
}

function plain(_, value) {
  return typeof value === "bigint" ? String(value) : value;
}
