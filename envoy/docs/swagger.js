// In a file of its own, because no script may stand in the page (Content-Security-Policy).
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null, // by default it sends the document to another host
});
