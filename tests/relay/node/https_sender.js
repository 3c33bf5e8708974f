// hyco-https 1.4.5 as a sender: one request of SIZE bytes, then status, a header and the answer.
const hyco = require("hyco-https");
const [, , url, keyName, key, method, size] = process.argv;
const place = new URL(url);
const send = (place.protocol === "https:" ? require("https") : require("http")).request;
const options = {
  host: place.hostname, port: place.port, path: place.pathname + place.search, method,
  headers: { ServiceBusAuthorization: hyco.createRelayToken(url, keyName, key) },
};
const request = send(options, (response) => {
  const parts = [];
  response.on("data", (part) => parts.push(part));
  response.on("end", () => {
    const body = Buffer.concat(parts);
    console.log(JSON.stringify({ status: response.statusCode, seen: response.headers["x-seen"], length: body.length, body: body.toString().slice(0, 60) }));
  });
});
request.on("error", (error) => console.log("ERROR", error.message));
request.end("q".repeat(Number(size)));
