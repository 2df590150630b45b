// Calls an rpc from the image alone: none of our protos, and no generated code.
const { readFileSync } = require("node:fs");
const grpc = require("@grpc/grpc-js");
const { loadFileDescriptorSetFromBuffer } = require("@grpc/proto-loader");

const [image, address, userId] = process.argv.slice(2);
const names = { keepCase: true, enums: String };
const definition = loadFileDescriptorSetFromBuffer(readFileSync(image), names);
const services = Object.keys(definition).filter((name) => !definition[name].format);

const { UserService } = grpc.loadPackageDefinition(definition).emporium.user.v1;
const users = new UserService(address, grpc.credentials.createInsecure());
users.GetUser({ user_id: userId }, (error, user) => {
  users.close();
  if (error) throw error;
  console.log(JSON.stringify({ services, user }));
});
