// @ts-check
// WebSocket with ws: check() takes the request of the handshake, before there is a socket.

import { STATUS_CODES } from 'node:http';
import { createServer } from 'node:https';
import { basicAuth } from 'kpass/http';
import { WebSocketServer } from 'ws';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

const auth = basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM });
const server = createServer(tls);
const sockets = new WebSocketServer({ noServer: true });

server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  /** @type {(status: number, headers: object) => void} */
  const refuse = (status, headers) => {
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map((each) => `${name}: ${each}\r\n`),
    );
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`);
  };
  auth.check(request).then(
    (identity) => {
      if (identity === null) return refuse(401, auth.headers(request));
      sockets.handleUpgrade(request, socket, head, (client) => {
        sockets.emit('connection', client, request);
      });
    },
    ({ statusCode, headers }) => refuse(statusCode, headers),
  );
});
sockets.on('connection', (client, request) => client.send(`Welcome, ${request.kpass?.principal}.`));

server.listen(PORT, ADDRESS, () => announce(server));
