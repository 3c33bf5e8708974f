// hyco-ws 1.0.5 as a sender: two messages out, what comes back, then close.
const hyco = require("hyco-ws");
const [, , url, keyName, key, size] = process.argv;
const back = [];
hyco.relayedConnect(`${url}?sb-hc-action=connect`, hyco.createRelayToken(url, keyName, key), (socket) => {
  socket.on("message", (data) => {
    back.push(typeof data === "string" ? data : data.length);
    if (back.length === 2) socket.close(1000);
  });
  socket.on("close", (code) => console.log(JSON.stringify({ back, code })));
  socket.send("hello");
  socket.send(Buffer.alloc(Number(size)), { binary: true });
}).on("error", (error) => console.log("ERROR", error.message));
