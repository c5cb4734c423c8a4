// @ts-check
// Socket.IO: basicAuth() is a middleware of its engine, so it sees every request of every namespace.

import { subscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:https';
import { basicAuth } from 'kpass/http';
import { Server } from 'socket.io';
import { ADDRESS, announce, HOST, KEYTAB, PORT, REALM, tls } from './environment.mjs';

// The log gets the whole error. The client learns nothing of it.
subscribe('kpass:error', ({ error }) => console.error(error));

const server = createServer(tls);
const io = new Server(server);

io.engine.use(basicAuth({ service: 'HTTP', host: HOST, keytab: KEYTAB, realm: REALM }));
io.on('connection', (socket) => {
  socket.emit('welcome', `Welcome, ${socket.request.kpass?.principal}.`);
});

server.listen(PORT, ADDRESS, () => announce(server));
