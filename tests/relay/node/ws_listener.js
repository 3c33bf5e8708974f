// hyco-ws 1.0.5 as a listener: echoes.
const hyco = require("hyco-ws");
const [, , url, keyName, key] = process.argv;
const server = hyco.createRelayedServer(
  { server: `${url}?sb-hc-action=listen`, token: () => hyco.createRelayToken(url, keyName, key) },
  (socket) => {
    socket.on("message", (data, flags) => socket.send(typeof data === "string" ? `node:${data}` : data, { binary: typeof data !== "string" }));
    socket.on("close", () => console.log("CLOSED"));
  },
);
server.on("listening", () => console.log("LISTENING"));
server.on("error", (error) => console.log("ERROR", error.message || error));
