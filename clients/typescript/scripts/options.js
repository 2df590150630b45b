// The contract without its options, such as rules and access: they are the servers' to apply.

// No proto imports these, but every error contains their messages.
const ERRORS = ["google/rpc/error_details.proto", "emporium/errors/v1/error_reason.proto"];

/** Copies of what the services of `files` need, without options and the files that declare them. */
export function withoutOptions(files) {
  const bare = files.map((file) => strip({ ...structuredClone(file), extension: [] }));
  const declaredIn = new Map(
    bare.flatMap((file) => [...typesOf(file)].map((type) => [type, file])),
  );
  const needed = new Set();
  const need = (file) => {
    if (needed.has(file)) {
      return;
    }
    needed.add(file);
    const others = [...new Set([...namesIn(file)].map((type) => declaredIn.get(type)))];
    others.forEach(need);
    file.dependency = others.filter((other) => other !== file).map((other) => other.name);
    file.publicDependency = [];
    file.weakDependency = [];
  };
  bare.filter((file) => file.service.length > 0 || ERRORS.includes(file.name)).forEach(need);
  return bare.filter((file) => needed.has(file));
}

/** Clears what is not of the language itself, so that `idempotency_level` stays. */
function strip(part) {
  if (part.$typeName.endsWith("Options")) {
    delete part.$unknown;
  }
  partsOf(part).forEach(strip);
  return part;
}

function* typesOf(part, scope = part.package ? `.${part.package}` : "") {
  for (const type of [...(part.messageType ?? part.nestedType ?? []), ...part.enumType]) {
    const name = `${scope}.${type.name}`;
    yield name;
    if (type.nestedType) {
      yield* typesOf(type, name);
    }
  }
}

/** The names, as `.emporium.order.v1.Order`, of all types that fields and rpcs have. */
function* namesIn(part) {
  for (const name of [part.typeName, part.inputType, part.outputType]) {
    if (name) {
      yield name;
    }
  }
  for (const each of partsOf(part)) {
    yield* namesIn(each);
  }
}

function partsOf(part) {
  return Object.values(part)
    .flat()
    .filter((each) => each?.$typeName);
}
