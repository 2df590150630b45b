// Makes the calls that the first argument lists, and prints what came of each as a line of JSON.

// A command line has no room for the largest values: `{"repeated": 9}` stands for that many letters.
const long = (_, value) => (value?.repeated ? "x".repeat(value.repeated) : value);
const { entry, targets, options, calls } = JSON.parse(process.argv[2], long);
const { Emporium, EmporiumError, items } = await import(entry);
const shop = new Emporium(targets, options);

async function outcome(path, request, callOptions) {
  const [service, method] = path.replace("[]", "").split(".");
  const client = shop[service];
  try {
    const answer = path.endsWith("[]")
      ? await collected(items(client[method], request, callOptions))
      : await client[method](request, callOptions);
    return { answer };
  } catch (error) {
    if (!(error instanceof EmporiumError)) throw error;
    const { name, message, reason, violations, requestId, retryAfterSeconds } = error;
    return { error: { name, message, reason, violations, requestId, retryAfterSeconds } };
  }
}

async function collected(sequence) {
  const found = [];
  for await (const item of sequence) found.push(item);
  return found;
}

function plain(_, value) {
  return typeof value === "bigint" ? String(value) : value;
}

for (const call of calls) {
  console.log(JSON.stringify(await outcome(...call), plain));
}
shop.close();
