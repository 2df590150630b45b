// In a file of its own, because no script may stand in the page (Content-Security-Policy).
document.body.style.margin = "0";
Redoc.init("/api/openapi.json", {hideHostname: true}, document.getElementById("page"));
