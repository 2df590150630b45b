// The list of the services that the edge offers, as a class with one member for each.

import { hasExtension } from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";

/** The file `services.ts`: what `registry` has of services with a REST path. */
export function listOfServices(registry) {
  const http = registry.getExtension("google.api.http");
  const isOffered = (method) =>
    method.proto.options !== undefined && hasExtension(method.proto.options, http);
  const services = [...registry]
    .filter((each) => each.kind === "service" && each.methods.some(isOffered))
    .sort((one, other) => memberOf(one).localeCompare(memberOf(other)));
  const members = services.map(memberOf);
  const double = members.find((member, at) => member === members[at - 1]);
  if (double !== undefined) {
    throw new Error(`two services of the contract would be called ${double}`);
  }
  return { name: "services.ts", content: fileOf(services) };
}

/** `catalog` for `emporium.order.v1.CatalogService`. */
function memberOf(service) {
  const name = service.name.replace(/Service$/, "");
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function fileOf(services) {
  const imports = services.map(
    (service) => `import { ${service.name} } from "./${service.file.name}_pb.js";`,
  );
  return `// Made from the contract by \`npm run generate\`; not to be edited.

import type { DescService } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";

${imports.join("\n")}

/** The services that the edge offers. */
export abstract class Services {
  /** The client of a service, which is made once. */
  abstract client<Service extends DescService>(service: Service): Client<Service>;
${services.map(getter).join("")}}
`;
}

function getter(service) {
  const lines = (getComments(service).leading ?? "").trim().split("\n");
  const text = lines.map((line) => `   *${line === "" ? "" : ` ${line.trim()}`}`).join("\n");
  return `
  /**
${text}
   */
  get ${memberOf(service)}(): Client<typeof ${service.name}> {
    return this.client(${service.name});
  }
`;
}
