// hyco-https 1.4.5 as a listener: says what arrived; /big answers with 400 kB, /echo with the body.
const https = require("hyco-https");
const [, , url, keyName, key] = process.argv;
const server = https.createRelayedServer(
  { server: `${url}?sb-hc-action=listen`, token: () => https.createRelayToken(url, keyName, key) },
  (request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
      response.setHeader("Content-Type", "text/plain");
      response.setHeader("X-Node", "1");
      response.statusCode = 202;
      if (request.url.endsWith("/big")) response.end("y".repeat(400000));
      else if (request.url.endsWith("/echo")) response.end(body);
      else response.end(`${request.method} ${request.url} ${body.length}`);
    });
  },
);
server.on("listening", () => console.log("LISTENING"));
server.on("error", (error) => console.log("ERROR", error.message || error));
server.listen();
